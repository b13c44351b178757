//! What a number depends on besides `wrun`: the machine.

use std::{fs, num::NonZeroUsize, thread};

use serde::Serialize;

use super::lab::Lab;
use crate::{rt::clock, sandbox::EngineInfo};

/// The machine, the time, and this `wrun`.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    pub(super) version: &'static str,
    /// In UTC.
    pub(super) date: String,
    pub(super) cores: Option<usize>,
    pub(super) cpu: Option<String>,
    pub(super) kernel: Option<String>,
    /// Bytes.
    pub(super) memory: Option<u64>,
    /// Bytes.
    pub(super) swap: Option<u64>,
    pub(super) max_map_count: Option<u64>,
    pub(super) transparent_hugepages: Option<String>,
    /// How sandboxes are made, as `wrun info` says it.
    pub(super) engine: Option<EngineInfo>,
}

impl Facts {
    pub(super) fn read(lab: &Lab) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            date: date(clock::unix_millis() / 1000),
            cores: thread::available_parallelism().ok().map(NonZeroUsize::get),
            cpu: field("/proc/cpuinfo", "model name")
                .map(|text| text.trim_start_matches(": ").to_owned()),
            kernel: whole("/proc/sys/kernel/osrelease"),
            memory: field("/proc/meminfo", "MemTotal:").and_then(|text| kib(&text)),
            swap: field("/proc/meminfo", "SwapTotal:").and_then(|text| kib(&text)),
            max_map_count: whole("/proc/sys/vm/max_map_count").and_then(|text| text.parse().ok()),
            transparent_hugepages: whole("/sys/kernel/mm/transparent_hugepage/enabled")
                .and_then(|text| chosen(&text)),
            engine: lab.info().ok().map(|info| info.engine),
        }
    }
}

fn whole(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

/// What follows `name` in the first line that begins with it.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

fn kib(text: &str) -> Option<u64> {
    let kib: u64 = text.strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The one in brackets.
fn chosen(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(chosen, _)| chosen.to_owned())
}

/// Seconds since 1970 as `2026-01-31 12:00 UTC`.
fn date(seconds: u64) -> String {
    let (mut days, minutes) = (seconds / 86_400, seconds % 86_400 / 60);
    let mut year = 1970;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
    ] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!(
        "{year}-{month:02}-{:02} {:02}:{:02} UTC",
        days + 1,
        minutes / 60,
        minutes % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59 UTC"),
            (1_767_225_600, "2026-01-01 00:00 UTC"),
        ] {
            assert_eq!(date(seconds), text);
        }
    }

    #[test]
    fn the_setting_in_brackets_is_found() {
        assert_eq!(chosen("always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!(chosen("unknown"), None);
    }
}
