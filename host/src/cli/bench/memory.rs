//! What a process holds in memory, as Linux tells it.

use std::fs;

use super::{RowError, sample::count};

/// What a process holds, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// Resident, all of it.
    pub(super) resident: usize,
    /// Page tables.
    page_tables: usize,
    /// Of what is resident: linear memories of guests.
    guests: usize,
}

impl Held {
    /// Of a process.
    pub(super) fn by(process: u32) -> Result<Self, RowError> {
        let read = |file: &str| {
            let text = fs::read_to_string(format!("/proc/{process}/{file}"));
            text.map_err(RowError::io("the process's memory can't be looked at"))
        };
        let (status, maps) = (read("status")?, read("smaps")?);
        let field = |name| {
            let missing = || RowError::wrong(format!("the kernel does not tell {name}"));
            kib(&status, name).ok_or_else(missing)
        };
        Ok(Self {
            resident: field("VmRSS:")?,
            page_tables: field("VmPTE:")?,
            guests: linear_memories(&maps),
        })
    }

    /// What the host holds: resident and page tables, without the pages of guests.
    pub(super) fn host(&self) -> f64 {
        count(self.resident + self.page_tables) - count(self.guests)
    }
}

/// A line such as `VmRSS:   1024 kB`, in bytes.
fn kib(text: &str, name: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// One mapping.
struct Mapping {
    start: u64,
    end: u64,
    accessible: bool,
    /// Wasmtime's copy-on-write image of what a memory starts with.
    image: bool,
    resident: usize,
}

impl Mapping {
    /// From a line such as `7f00-7f10 rw-p 0000 00:01 17 /memfd:wasm-memory-image (deleted)`.
    fn read(line: &str) -> Option<Self> {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        Some(Self {
            start: u64::from_str_radix(start, 16).ok()?,
            end: u64::from_str_radix(end, 16).ok()?,
            accessible: rest.starts_with("rw"),
            image: rest.contains("wasm-memory-image"),
            resident: 0,
        })
    }
}

/// Resident bytes of linear memories. A linear memory is a run of adjoining accessible mappings with an image among
/// them; what it has in reserve around it is not accessible.
fn linear_memories(smaps: &str) -> usize {
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        if let Some(resident) = kib(line, "Rss:") {
            if let Some(last) = mappings.last_mut() {
                last.resident = resident;
            }
        } else if let Some(mapping) = Mapping::read(line) {
            mappings.push(mapping);
        }
    }
    mappings
        .chunk_by(|a, b| a.accessible && b.accessible && a.end == b.start)
        .filter(|run| run.iter().any(|mapping| mapping.image))
        .flatten()
        .map(|mapping| mapping.resident)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        assert_eq!(
            kib("VmPeak:  9 kB\nVmRSS:\t  12 kB\n", "VmRSS:"),
            Some(12 << 10)
        );
        assert_eq!(kib("VmPeak:  9 kB\n", "VmRSS:"), None);
    }

    #[test]
    fn linear_memories_are_found_by_their_image() {
        let maps = "\
1000-2000 ---p 00000000 00:00 0 \nRss:  100 kB
2000-3000 rw-p 00000000 00:00 0 \nRss:  8 kB
3000-4000 rw-p 00000000 00:01 7 /memfd:wasm-memory-image (deleted)\nRss:  4 kB
4000-5000 rw-p 00000000 00:00 0 \nRss:  16 kB
5000-9000 ---p 00000000 00:00 0 \nRss:  0 kB
9000-a000 rw-p 00000000 00:00 0 \nRss:  64 kB\n";
        assert_eq!(linear_memories(maps), 28 << 10);
    }
}
