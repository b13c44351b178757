//! The database's file. It is here so that tests can make the disk fail; the lock of the state directory keeps other
//! processes away, so it has none of its own. [`Peek`] reads a file that can't be written now.

use std::{fs::File, io};

use parking_lot::Mutex;
use redb::{DatabaseError, StorageBackend, backends::FileBackend};

#[derive(Debug)]
pub(super) struct Backend(FileBackend);

impl Backend {
    pub(super) fn new(file: File) -> Result<Self, DatabaseError> {
        Ok(Self(FileBackend::new(file)?))
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        faults::step()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        faults::step()?;
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        faults::step()?;
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

/// A file as it would be after recovery, which is done in memory: the file itself stays as it is.
#[derive(Debug)]
pub(super) struct Peek {
    file: FileBackend,
    changes: Mutex<Changes>,
}

#[derive(Debug)]
struct Changes {
    len: u64,
    /// Offset and bytes, oldest first.
    writes: Vec<(u64, Vec<u8>)>,
}

impl Peek {
    pub(super) fn new(file: File) -> Result<Self, DatabaseError> {
        let file = FileBackend::new(file)?;
        let len = file.len()?;
        let writes = Vec::new();
        Ok(Self {
            file,
            changes: Mutex::new(Changes { len, writes }),
        })
    }
}

impl StorageBackend for Peek {
    fn len(&self) -> io::Result<u64> {
        Ok(self.changes.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let changes = self.changes.lock();
        let there = index(self.file.len()?.saturating_sub(offset))?.min(out.len());
        if offset > changes.len || index(changes.len - offset)? < out.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read(offset, &mut out[..there])?;
        out[there..].fill(0);
        for (at, bytes) in &changes.writes {
            // The part of the write that lies in what is read.
            let (skip, to) = (offset.saturating_sub(*at), at.saturating_sub(offset));
            let bytes = bytes.get(index(skip)?..).unwrap_or_default();
            if let Some(out) = out.get_mut(index(to)?..) {
                let common = bytes.len().min(out.len());
                out[..common].copy_from_slice(&bytes[..common]);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.changes.lock().len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.changes.lock().writes.push((offset, data.to_vec()));
        Ok(())
    }
}

/// A place in memory.
fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

#[cfg(not(test))]
mod faults {
    pub(super) fn step() -> std::io::Result<()> {
        Ok(())
    }
}

/// Failures that a test planned for its writer threads.
#[cfg(test)]
pub(super) mod faults {
    use std::{cell::RefCell, io, sync::Arc};

    use parking_lot::Mutex;

    /// How many steps go well until one fails, or all do.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Fail {
        Never,
        OneAfter(u32),
        AllAfter(u32),
    }

    pub(crate) type Plan = Arc<Mutex<Fail>>;

    thread_local! {
        static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
    }

    /// The plan of the ledgers that this thread opens and of their writer threads.
    pub(crate) fn set(plan: Option<Plan>) {
        PLAN.with(|current| *current.borrow_mut() = plan);
    }

    /// The plan of this thread, to hand it on.
    pub(crate) fn current() -> Option<Plan> {
        PLAN.with(|current| current.borrow().clone())
    }

    pub(super) fn step() -> io::Result<()> {
        let Some(plan) = current() else {
            return Ok(());
        };
        let mut plan = plan.lock();
        let (now, next) = match *plan {
            Fail::Never => (false, Fail::Never),
            Fail::OneAfter(0) => (true, Fail::Never),
            Fail::AllAfter(0) => (true, Fail::AllAfter(0)),
            Fail::OneAfter(left) => (false, Fail::OneAfter(left - 1)),
            Fail::AllAfter(left) => (false, Fail::AllAfter(left - 1)),
        };
        *plan = next;
        if now {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peek_reads_what_it_wrote_and_leaves_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"0123456789").unwrap();
        let peek = Peek::new(File::open(file.path()).unwrap()).unwrap();
        peek.write(2, b"abc").unwrap();
        peek.write(4, b"XY").unwrap();
        peek.set_len(14).unwrap();
        peek.write(12, b"zz").unwrap();
        for (offset, expected) in [
            (0, &b"01abXY6789\0\0zz"[..]),
            (3, b"bX"),
            (5, b"Y678"),
            (9, b"9\0\0z"),
            (11, b"\0"),
        ] {
            let mut out = vec![b'?'; expected.len()];
            peek.read(offset, &mut out).unwrap();
            assert_eq!(out, expected, "{offset}");
        }
        assert!(peek.read(13, &mut [0; 2]).is_err());
        assert_eq!(std::fs::read(file.path()).unwrap(), b"0123456789");
    }
}
