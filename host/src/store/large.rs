//! One large value: in memory, or on disk.
//!
//! A [`Large`] is shared by the clones of its value. It changes its tier under its lock and only so:
//!
//! ```text
//! MEMORY ──(nobody else holds its memory, its file is written)──▶ DISK
//!    ▲──────────(its room is charged, its bytes are read back)──────┘
//! ```
//!
//! Whoever reads takes a [`MemFile`] out under the lock, which is a holder; so who finds itself the only holder under the
//! lock knows that nobody reads.

use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::{Contents, MemFile, MemFiles, spill::SpillFile};
use crate::tenant::{Charge, Resource};

/// A large value's bytes.
#[derive(Debug)]
pub(super) struct Large {
    format: u8,
    /// Without the format byte.
    len: u64,
    files: MemFiles,
    tier: Mutex<Tier>,
    /// When it was last used, in the store's own time.
    pub(super) used: AtomicU64,
    /// Under which time the store lists it as one that can be spilled; 0 while it does not.
    pub(super) listed: AtomicU64,
}

#[derive(Debug)]
enum Tier {
    /// With its room.
    Memory(MemFile, Option<Charge>),
    Disk(Arc<SpillFile>),
}

/// Why a value stays in memory.
#[derive(Debug)]
pub(super) enum Stays {
    /// It is there no more, or someone holds it.
    InUse,
    /// It can't be written.
    NoDisk(String),
}

impl Large {
    pub(super) fn new(format: u8, file: MemFile, charge: Option<Charge>) -> Arc<Self> {
        let can_leave = charge.is_some();
        let files = file.files();
        let large = Arc::new(Self {
            format,
            len: file.len(),
            files: files.clone(),
            tier: Mutex::new(Tier::Memory(file, charge)),
            used: AtomicU64::new(0),
            listed: AtomicU64::new(0),
        });
        if can_leave && let Some(spill) = files.spill() {
            spill.add(&large);
        }
        large
    }

    /// How many bytes it has, its format byte among them.
    pub(super) fn len(&self) -> u64 {
        1 + self.len
    }

    pub(super) fn files(&self) -> &MemFiles {
        &self.files
    }

    /// Its bytes, if they are in memory; they stay there as long as this is held.
    pub(super) fn resident(&self) -> Option<Contents> {
        let file = match &*self.tier.lock() {
            Tier::Memory(file, _) => file.clone(),
            Tier::Disk(_) => return None,
        };
        if let Some(spill) = self.files.spill() {
            spill.touch(self);
        }
        Some(Contents::File(self.format, file))
    }

    /// Its file, if it is on disk; the file stays there as long as this is held.
    pub(super) fn spilled(&self) -> Option<Arc<SpillFile>> {
        match &*self.tier.lock() {
            Tier::Memory(..) => None,
            Tier::Disk(file) => Some(file.clone()),
        }
    }

    /// Whether its memory is charged to this account, or to one below it.
    pub(super) fn counts_in(&self, account: &Arc<str>) -> bool {
        match &*self.tier.lock() {
            Tier::Memory(_, Some(charge)) => charge.counts_in(account),
            Tier::Memory(_, None) | Tier::Disk(_) => false,
        }
    }

    /// MEMORY → DISK; gives the number of bytes that are free now. Blocks.
    pub(super) fn spill(&self) -> Result<u64, Stays> {
        let (source, charge) = match &*self.tier.lock() {
            Tier::Memory(file, Some(charge)) if file.is_only_holder() => {
                let disk = charge.of_another(Resource::SpilledBytes, self.len);
                (file.peek(), disk)
            }
            Tier::Memory(..) | Tier::Disk(_) => return Err(Stays::InUse),
        };
        let charge = charge.map_err(|over| Stays::NoDisk(over.to_string()))?;
        let written = SpillFile::write(&self.files, &source, charge).map_err(Stays::NoDisk)?;
        let mut tier = self.tier.lock();
        if !matches!(&*tier, Tier::Memory(file, _) if file.is_only_holder()) {
            drop(tier);
            // Someone reads it meanwhile: it is not cold.
            written.undo();
            return Err(Stays::InUse);
        }
        let before = std::mem::replace(&mut *tier, Tier::Disk(Arc::new(written)));
        drop(tier);
        drop(source);
        // The memory goes before its room is given to others.
        if let Tier::Memory(file, charge) = before {
            drop(file);
            drop(charge);
        }
        Ok(self.len)
    }

    /// DISK → MEMORY, with `charge` for its room; gives its bytes. Blocks.
    pub(super) fn restore(self: &Arc<Self>, charge: Charge) -> io::Result<Contents> {
        let Some(source) = self.spilled() else {
            return self.restored();
        };
        let file = source.load(&self.files, self.len)?;
        let mut tier = self.tier.lock();
        if matches!(&*tier, Tier::Memory(..)) {
            drop(tier);
            return self.restored();
        }
        let contents = Contents::File(self.format, file.clone());
        let before = std::mem::replace(&mut *tier, Tier::Memory(file, Some(charge)));
        drop(tier);
        drop(before);
        if let Some(spill) = self.files.spill() {
            spill.add(self);
        }
        Ok(contents)
    }

    /// Another was faster.
    fn restored(&self) -> io::Result<Contents> {
        let moving = || io::Error::other("the value was brought back and spilled again meanwhile");
        self.resident().ok_or_else(moving)
    }

    /// Reads what is on disk, as [`Contents::read_at`]. Blocks.
    pub(super) fn read_disk(
        &self,
        file: &SpillFile,
        offset: u64,
        len: usize,
    ) -> io::Result<Vec<u8>> {
        let rest = self.len().saturating_sub(offset);
        let mut bytes = vec![0; usize::try_from(rest).map_or(len, |rest| rest.min(len))];
        match (offset, &mut bytes[..]) {
            (_, []) => {}
            (0, [first, rest @ ..]) => {
                *first = self.format;
                file.read_at(0, rest)?;
            }
            (_, target) => file.read_at(offset - 1, target)?,
        }
        Ok(bytes)
    }

    /// A reference that doesn't keep it.
    pub(super) fn weak(self: &Arc<Self>) -> Weak<Self> {
        Arc::downgrade(self)
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        let listed = self.listed.load(Ordering::Relaxed);
        if listed != 0
            && let Some(spill) = self.files.spill()
        {
            spill.forget(listed);
        }
    }
}
