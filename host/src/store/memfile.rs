//! Memory files: where large values lie.
//!
//! [`MemFiles`] makes them; a [`MemFile`] is a counted hold on one value's bytes, written once, never changed. Nothing on
//! the host's side maps them: they are written and read with system calls, and `sandbox/views.rs` maps them into guests.
//! Invariant: a file never shrinks (it is sealed), so what is mapped is always there.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::FileExt,
    },
    sync::Arc,
};

use rustix::fs::{MemfdFlags, SealFlags};

/// Makes memory files. A cheap clone of one thing.
#[derive(Debug, Clone, Default)]
pub struct MemFiles;

/// One value's bytes in a memory file. Clones share them; they go with the last.
#[derive(Debug, Clone)]
pub struct MemFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    len: u64,
}

impl MemFiles {
    /// Writes `bytes` into memory of their own, in one pass.
    ///
    /// # Errors
    /// When the system refuses a file or its memory.
    pub fn store(&self, bytes: &[u8]) -> io::Result<MemFile> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(rustix::fs::memfd_create("wrun-object", flags)?);
        file.write_all_at(bytes, 0)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK)?;
        Ok(MemFile(Arc::new(Inner {
            file,
            len: bytes.len() as u64,
        })))
    }
}

impl MemFile {
    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `target` from `offset` on.
    ///
    /// # Errors
    /// When there are not so many bytes, or the system can't read them.
    pub fn read_at(&self, offset: u64, target: &mut [u8]) -> io::Result<()> {
        self.0.file.read_exact_at(target, offset)
    }

    /// The file and where in it the bytes begin (on a page). Past their end, up to the end of that page, are zeros.
    #[must_use]
    pub fn source(&self) -> (BorrowedFd<'_>, u64) {
        (self.0.file.as_fd(), 0)
    }
}
