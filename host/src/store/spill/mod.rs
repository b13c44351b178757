//! The tier on disk: which values leave memory, and how they come back.
//!
//! # Rules
//!
//! 1. Only large values are spilled, the least recently used first, and only when someone needs room. Nothing that is
//!    referenced is dropped: a value that can't be written stays in memory.
//! 2. A value leaves memory only while the store alone holds it ([`Large::spill`]): one that a guest has mapped, or that
//!    is being read, stays.
//! 3. *Who needs room* asks for it without a slot ([`MemFiles::make_room`]). One at a time, in order, they look whether
//!    there is room by now, and if not, spill what they need. That ends by itself, so meanwhile nobody counts as stalled.
//!    When nothing can be spilled they wait as they would without a disk: until room is given back, or what can be
//!    spilled changes ([`MemFiles::poll_changed`]: a value was added, let go of, or removed from disk), or the tenant is
//!    stalled; then one is let over from the reserve or gets `WouldDeadlock`, with the reason why nothing is spilled.
//! 4. *Who reads* needs no room: a value that is not in memory is brought back when there is room for it anyway, and
//!    otherwise read from its file, piece by piece, through at most [`READERS`] buffers. So a reader never waits for
//!    other guests and can't be part of a deadlock. Reading does not spill others: whoever goes round a set of values
//!    larger than memory would write each of them again and again.
//! 5. *Who maps* a value needs it in memory, and may have others spilled for it; when that is not possible it must make
//!    do with reading.
//! 6. Disk work is done by tokio's blocking threads. One value's file is opened for each use and removed after the last,
//!    there too.
//!
//! A spill in progress holds its value by a count that is not a holder's, and the lock is taken again after the file is
//! written: a value that found a reader meanwhile stays, and the file goes.

mod dir;

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Waker},
};

use bytes::Bytes;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use dir::SpillDir;
pub use dir::SpillDirError;

use super::{
    Contents, MemFile, MemFiles, Value,
    large::{Large, Stays},
    memfile::Peek,
};
use crate::tenant::{Charge, OverLimit};

/// How many pieces of spilled values may be in the host's memory at once.
const READERS: usize = 16;

/// The largest piece.
const PIECE: usize = 1 << 20;

/// At least so much is spilled at a time.
const BATCH: u64 = 1 << 20;

/// The tier on disk.
#[derive(Debug)]
pub struct Spill {
    dir: SpillDir,
    tokio: Handle,
    /// Values that can be spilled, by the time of their last use, or an earlier one.
    coldest: Mutex<BTreeMap<u64, Weak<Large>>>,
    now: AtomicU64,
    one_at_a_time: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    changes: Changes,
    trash: Mutex<Trash>,
}

/// How often what can be spilled has changed, and who waits for that.
#[derive(Debug, Default)]
struct Changes {
    count: AtomicU64,
    awaited: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

/// Files that are to be removed.
#[derive(Debug, Default)]
struct Trash {
    files: Vec<(PathBuf, Charge)>,
    /// Someone is at it.
    emptied: bool,
}

/// Why nothing can be spilled.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum Full {
    /// There is no disk tier.
    #[error("nothing is spilled to disk in this store")]
    Off,
    /// No value in memory may leave it.
    #[error("nothing that is left in memory can be spilled to disk")]
    Nothing,
    /// The disk, or what may be used of it, is full, or it fails.
    #[error("nothing more can be spilled to disk: {0}")]
    Disk(String),
}

/// A value can't be read back.
#[derive(Debug, Error)]
#[error("the spilled value in `{path}` can't be read back: {reason}")]
pub struct RestoreError {
    /// Its file.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// A value that was on disk when it was asked for.
#[derive(Debug)]
pub struct Spilled {
    large: Arc<Large>,
    file: Arc<SpillFile>,
}

/// A piece of a value, on its way to a reader.
#[derive(Debug)]
pub struct Piece {
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl Piece {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Spill {
    /// A tier below `dir`, or below a private directory in the system's one for temporary files; its disk work is done
    /// by `tokio`'s blocking threads. What processes left there that crashed is removed.
    ///
    /// # Errors
    /// When the directory can't be used.
    pub fn new(dir: Option<&Path>, tokio: Handle) -> Result<Self, SpillDirError> {
        Ok(Self {
            dir: match dir {
                Some(dir) => SpillDir::named(dir)?,
                None => SpillDir::private(&std::env::temp_dir())?,
            },
            tokio,
            coldest: Mutex::default(),
            now: AtomicU64::new(1),
            one_at_a_time: Arc::new(Semaphore::new(1)),
            readers: Arc::new(Semaphore::new(READERS)),
            changes: Changes::default(),
            trash: Mutex::default(),
        })
    }

    /// The directory that this process's folder is in.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Removes this process's folder: nothing is spilled or read back any more.
    pub fn remove(&self) {
        self.dir.remove();
    }

    fn tick(&self) -> u64 {
        self.now.fetch_add(1, Ordering::Relaxed)
    }

    /// A value came to memory.
    pub(super) fn add(&self, large: &Arc<Large>) {
        let now = self.tick();
        large.used.store(now, Ordering::Relaxed);
        self.list(large, now);
        self.changed();
    }

    fn list(&self, large: &Arc<Large>, at: u64) {
        let mut coldest = self.coldest.lock();
        if let Some(before) = coldest.remove(&large.listed.load(Ordering::Relaxed)) {
            // It was listed already.
            drop(before);
        }
        large.listed.store(at, Ordering::Relaxed);
        coldest.insert(at, large.weak());
    }

    /// A value is used.
    pub(super) fn touch(&self, large: &Large) {
        large.used.store(self.tick(), Ordering::Relaxed);
    }

    /// A value is gone.
    pub(super) fn forget(&self, listed: u64) {
        let gone = self.coldest.lock().remove(&listed);
        drop(gone);
    }

    /// Takes the least recently used value off the list.
    fn coldest(&self) -> Option<Arc<Large>> {
        loop {
            let (at, weak) = self.coldest.lock().pop_first()?;
            let Some(large) = weak.upgrade() else {
                continue;
            };
            let used = large.used.load(Ordering::Relaxed);
            if used > at {
                self.list(&large, used);
                continue;
            }
            large.listed.store(0, Ordering::Relaxed);
            return Some(large);
        }
    }

    /// Spills values until so many bytes are free in this account; blocks. What others hold would make no room there.
    fn free(&self, bytes: u64, account: &Arc<str>) -> Result<(), Full> {
        let (mut freed, mut stay, mut full) = (0, Vec::new(), Full::Nothing);
        while freed < bytes {
            let Some(large) = self.coldest() else { break };
            if !large.counts_in(account) {
                stay.push(large);
                continue;
            }
            match large.spill() {
                Ok(bytes) => freed += bytes,
                Err(Stays::InUse) => stay.push(large),
                Err(Stays::NoDisk(why)) => {
                    full = Full::Disk(why);
                    stay.push(large);
                    break;
                }
            }
        }
        for large in stay {
            // Which brings no change that others wait for.
            self.list(&large, large.used.load(Ordering::Relaxed));
        }
        if freed > 0 { Ok(()) } else { Err(full) }
    }

    /// What can be spilled is another now.
    pub(super) fn changed(&self) {
        self.changes.count.fetch_add(1, Ordering::SeqCst);
        if self.changes.awaited.load(Ordering::SeqCst) {
            let mut wakers = self.changes.wakers.lock();
            self.changes.awaited.store(false, Ordering::SeqCst);
            let woken = std::mem::take(&mut *wakers);
            drop(wakers);
            woken.into_iter().for_each(Waker::wake);
        }
    }

    fn discard(&self, files: &MemFiles, path: PathBuf, charge: Charge) {
        let mut trash = self.trash.lock();
        trash.files.push((path, charge));
        if std::mem::replace(&mut trash.emptied, true) {
            return;
        }
        drop(trash);
        let files = files.clone();
        let empty = move || {
            if let Some(spill) = files.spill() {
                spill.empty_trash();
            }
        };
        drop(self.tokio.spawn_blocking(empty));
    }

    fn empty_trash(&self) {
        loop {
            let mut trash = self.trash.lock();
            if trash.files.is_empty() {
                trash.emptied = false;
                return;
            }
            let files = std::mem::take(&mut trash.files);
            drop(trash);
            for (path, charge) in files {
                // What stays goes with the folder.
                let _ = fs::remove_file(path);
                drop(charge);
            }
            self.changed();
        }
    }
}

/// One value's bytes on disk; the file is removed after the last clone's use.
#[derive(Debug)]
pub(super) struct SpillFile {
    files: MemFiles,
    path: PathBuf,
    charge: Option<Charge>,
}

impl SpillFile {
    /// Writes a new file; the message says what went wrong, and nothing is left of it then.
    pub(super) fn write(files: &MemFiles, source: &Peek, charge: Charge) -> Result<Self, String> {
        let spill = files.spill().ok_or_else(|| Full::Off.to_string())?;
        spill.dir.has_room(source.len())?;
        let (file, path) = spill.dir.file().map_err(|error| {
            format!(
                "no file can be made in `{}`: {error}",
                spill.path().display()
            )
        })?;
        let made = Self {
            files: files.clone(),
            path,
            charge: Some(charge),
        };
        match source.copy_to(&file) {
            Ok(()) => Ok(made),
            Err(error) => {
                let message = format!("`{}` can't be written: {error}", made.path.display());
                made.undo();
                Err(message)
            }
        }
    }

    /// Removes it at once. Blocks. It is no change: who would be woken tries the same again.
    pub(super) fn undo(mut self) {
        let charge = self.charge.take();
        let _ = fs::remove_file(&self.path);
        drop(charge);
    }

    pub(super) fn read_at(&self, offset: u64, target: &mut [u8]) -> io::Result<()> {
        File::open(&self.path)?.read_exact_at(target, offset)
    }

    /// Its bytes, in memory again.
    pub(super) fn load(&self, files: &MemFiles, len: u64) -> io::Result<MemFile> {
        files.load(&File::open(&self.path)?, len)
    }

    fn error(&self, reason: impl fmt::Display) -> RestoreError {
        RestoreError {
            path: self.path.clone(),
            reason: reason.to_string(),
        }
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        if let (Some(charge), Some(spill)) = (self.charge.take(), self.files.spill()) {
            spill.discard(&self.files, std::mem::take(&mut self.path), charge);
        }
    }
}

impl MemFiles {
    /// Room for `bytes`: `charge` is asked for it when it is this one's turn, and when it has none, values are spilled that
    /// count in the account whose limit is in the way; then it may be had (`None`).
    ///
    /// # Errors
    /// Why nothing can be spilled.
    pub async fn make_room(
        &self,
        bytes: u64,
        charge: impl FnOnce() -> Result<Charge, OverLimit>,
    ) -> Result<Option<Charge>, Full> {
        let spill = self.spill().ok_or(Full::Off)?;
        let turn = spill.one_at_a_time.clone().acquire_owned().await;
        let turn = turn.map_err(|closed| Full::Disk(closed.to_string()))?;
        let account = match charge() {
            Ok(charge) => return Ok(Some(charge)),
            Err(over) => over.account,
        };
        let files = self.clone();
        let free = move || {
            // Held to the end, even if nobody waits for it any more.
            let _turn = turn;
            files
                .spill()
                .ok_or(Full::Off)?
                .free(bytes.max(BATCH), &account)
        };
        let freed = spill.tokio.spawn_blocking(free).await;
        freed.map_err(|gone| Full::Disk(gone.to_string()))??;
        Ok(None)
    }

    /// How often what can be spilled has changed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        let count = |spill: &Spill| spill.changes.count.load(Ordering::SeqCst);
        self.spill().map_or(0, count)
    }

    /// Whether that is not `seen` any more; else `cx` is woken when it changes.
    pub fn poll_changed(&self, seen: u64, cx: &Context<'_>) -> bool {
        let Some(Spill { changes, .. }) = self.spill() else {
            return false;
        };
        let mut wakers = changes.wakers.lock();
        if !wakers.iter().any(|known| known.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        changes.awaited.store(true, Ordering::SeqCst);
        drop(wakers);
        self.changes() != seen
    }
}

impl Value {
    /// Its hold on the disk, if it is there.
    #[must_use]
    pub fn spilled(&self) -> Option<Spilled> {
        let large = self.large()?;
        let file = large.spilled()?;
        Some(Spilled {
            large: large.clone(),
            file,
        })
    }

    /// All bytes, in one piece on the heap, wherever they are.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn to_bytes(&self) -> io::Result<Bytes> {
        loop {
            if let Some(contents) = self.resident() {
                return contents.to_bytes();
            }
            if let Some(spilled) = self.spilled() {
                let len = usize::try_from(self.len()).map_err(io::Error::other)?;
                let bytes = spilled.read_all(len).await;
                return bytes.map(Bytes::from).map_err(io::Error::other);
            }
        }
    }

    /// As [`to_bytes`](Self::to_bytes), on this thread.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn to_bytes_blocking(&self) -> io::Result<Bytes> {
        loop {
            if let Some(contents) = self.resident() {
                return contents.to_bytes();
            }
            if let Some(Spilled { large, file }) = self.spilled() {
                let len = usize::try_from(self.len()).map_err(io::Error::other)?;
                return large.read_disk(&file, 0, len).map(Bytes::from);
            }
        }
    }
}

impl Spilled {
    /// How much room its bytes need in memory.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.large.len() - 1
    }

    /// Brings it back to memory, where `charge` holds its room.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn restore(self, charge: Charge) -> Result<Contents, RestoreError> {
        let large = self.large.clone();
        self.blocking(move |_| large.restore(charge)).await
    }

    /// What there is from `offset` on, up to `len` bytes and up to a piece's.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn read(&self, offset: u64, len: usize) -> Result<Piece, RestoreError> {
        let spill = self.spill()?;
        let permit = spill.readers.clone().acquire_owned().await;
        let permit = permit.map_err(|closed| self.file.error(closed))?;
        let large = self.large.clone();
        let read = move |file: &SpillFile| large.read_disk(file, offset, len.min(PIECE));
        let bytes = self.blocking(read).await?;
        Ok(Piece {
            bytes,
            _permit: permit,
        })
    }

    async fn read_all(&self, len: usize) -> Result<Vec<u8>, RestoreError> {
        let large = self.large.clone();
        self.blocking(move |file| large.read_disk(file, 0, len))
            .await
    }

    fn spill(&self) -> Result<&Spill, RestoreError> {
        let spill = self.large.files().spill();
        spill.ok_or_else(|| self.file.error(Full::Off))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&SpillFile) -> io::Result<T> + Send + 'static,
    ) -> Result<T, RestoreError> {
        let file = self.file.clone();
        let done = self
            .spill()?
            .tokio
            .spawn_blocking(move || work(&file))
            .await;
        match done {
            Ok(done) => done.map_err(|error| self.file.error(error)),
            Err(gone) => Err(self.file.error(gone)),
        }
    }
}

#[cfg(test)]
mod tests;
