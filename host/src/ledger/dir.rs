//! The state directory: made, checked, locked, and how files get into it and out of it.
//!
//! A file appears under its name whole or not at all: it is written to `tmp/`, flushed to the disk, renamed, and its
//! folder is flushed before anything says that it is there. What is in `tmp/` belongs to nobody after a stop.
//!
//! It knows nothing of what the files are for.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::FlockOperation;
use tempfile::NamedTempFile;

use super::{Failure, ModuleHash, OpenError};
use crate::types::JobId;

/// The state directory, held locked.
#[derive(Debug)]
pub(super) struct StateDir {
    root: PathBuf,
    lock: File,
}

impl Drop for StateDir {
    fn drop(&mut self) {
        // Closing it alone would leave it locked as long as a process that is just being started has a copy of it.
        let _ = rustix::fs::flock(&self.lock, FlockOperation::Unlock);
    }
}

/// The folders in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    Modules,
    Logs,
    Tmp,
}

impl Folder {
    const ALL: [Self; 3] = [Self::Modules, Self::Logs, Self::Tmp];

    const fn name(self) -> &'static str {
        match self {
            Self::Modules => "modules",
            Self::Logs => "logs",
            Self::Tmp => "tmp",
        }
    }
}

impl StateDir {
    /// Makes it if need be, checks and locks it, makes its folders and empties `tmp/`.
    pub(super) fn open(root: &Path) -> Result<Self, OpenError> {
        let at = |path: &Path, error: &io::Error| unusable(path, error.to_string());
        if let Some(parent) = root.parent() {
            fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
        }
        make(root).map_err(|error| at(root, &error))?;
        check(root)?;
        let dir = Self {
            lock: lock(root)?,
            root: root.to_owned(),
        };
        for folder in Folder::ALL {
            let path = dir.folder(folder);
            make(&path).map_err(|error| at(&path, &error))?;
        }
        dir.keep_only(Folder::Tmp, |_| false)
            .map_err(OpenError::Failed)?;
        Ok(dir)
    }

    /// The database.
    pub(super) fn database(&self) -> PathBuf {
        self.root.join("ledger.redb")
    }

    pub(super) fn folder(&self, folder: Folder) -> PathBuf {
        self.root.join(folder.name())
    }

    pub(super) fn module(&self, hash: &ModuleHash) -> PathBuf {
        self.folder(Folder::Modules).join(format!("{hash}.wasm"))
    }

    pub(super) fn log(&self, job: JobId) -> PathBuf {
        self.folder(Folder::Logs).join(job.to_string())
    }

    /// Bytes that are free for this user on its file system.
    pub(super) fn free(&self) -> Result<u64, Failure> {
        let stat =
            rustix::fs::statvfs(&self.root).map_err(|error| failure(&self.root, &error.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Whether so many bytes more leave the reserve free.
    pub(super) fn has_room(&self, bytes: u64, reserve: u64) -> Result<(), Failure> {
        let free = self.free()?;
        if free.checked_sub(bytes).is_some_and(|left| left >= reserve) {
            return Ok(());
        }
        Err(self.no_room(free, reserve))
    }

    /// What is said when there is no room.
    pub(super) fn no_room(&self, free: u64, reserve: u64) -> Failure {
        Failure::Full {
            path: self.root.clone(),
            reason: format!(
                "{free} bytes are free, and {reserve} are kept for what was accepted already"
            ),
        }
    }

    /// A file in `tmp/` with these bytes, on the disk; it goes when it is dropped.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<NamedTempFile, Failure> {
        let tmp = self.folder(Folder::Tmp);
        let written = || {
            let mut file = NamedTempFile::new_in(&tmp)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        written().map_err(|error| failure(&tmp, &error))
    }

    /// Flushes a folder, so that the names in it are on the disk.
    pub(super) fn sync(&self, folder: Folder) -> Result<(), Failure> {
        sync(&self.folder(folder))
    }

    /// Flushes the directory itself.
    pub(super) fn sync_root(&self) -> Result<(), Failure> {
        sync(&self.root)
    }

    /// Whether there is anything in a folder.
    pub(super) fn holds_files(&self, folder: Folder) -> Result<bool, Failure> {
        let path = self.folder(folder);
        let mut entries = fs::read_dir(&path).map_err(|error| failure(&path, &error))?;
        Ok(entries.next().is_some())
    }

    /// Removes all files of a folder but those to be kept.
    pub(super) fn keep_only(
        &self,
        folder: Folder,
        keep: impl Fn(&str) -> bool,
    ) -> Result<(), Failure> {
        let path = self.folder(folder);
        let entries = fs::read_dir(&path).map_err(|error| failure(&path, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| failure(&path, &error))?;
            let kept = entry.file_name().to_str().is_some_and(&keep);
            if !kept {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failure(path, &error)),
        _ => Ok(()),
    }
}

/// A file with the bytes of this hash, if that is known; `cure` is for one without them.
pub(super) fn read(
    path: PathBuf,
    hash: Option<&ModuleHash>,
    cure: &'static str,
) -> Result<Vec<u8>, Failure> {
    let reason = match fs::read(&path) {
        Ok(bytes) if hash.is_none_or(|hash| ModuleHash::of(&bytes) == *hash) => return Ok(bytes),
        Ok(_) => "its bytes are not those that were written",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "it is gone",
        Err(error) => return Err(failure(&path, &error)),
    };
    Err(Failure::Damaged {
        path,
        reason: reason.to_owned(),
        cure,
    })
}

/// What an error of the operating system means.
pub(super) fn failure(path: &Path, error: &io::Error) -> Failure {
    let (path, reason) = (path.to_owned(), error.to_string());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Failure::Full { path, reason }
        }
        _ => Failure::Io { path, reason },
    }
}

fn sync(path: &Path) -> Result<(), Failure> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| failure(path, &error))
}

fn make(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// It is this user's, and no other can put files into it.
fn check(root: &Path) -> Result<(), OpenError> {
    let meta = fs::metadata(root).map_err(|error| unusable(root, error.to_string()))?;
    if !meta.is_dir() {
        return Err(unusable(root, "it is no directory"));
    }
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user || meta.mode() & 0o022 != 0 {
        let reason = "it must belong to this user, and no other may write to it (chmod 700)";
        return Err(unusable(root, reason));
    }
    Ok(())
}

/// Locks it, and writes this process's number into the lock file.
fn lock(root: &Path) -> Result<File, OpenError> {
    let path = root.join("lock");
    let at = |error: io::Error| unusable(&path, error.to_string());
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.mode(0o600).open(&path).map_err(at)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let _ = file.take(32).read_to_string(&mut text);
            let process = match text.trim() {
                "" => "whose number is not known".to_owned(),
                number => number.to_owned(),
            };
            return Err(OpenError::InUse {
                path: root.to_owned(),
                process,
            });
        }
        Err(error) => return Err(at(error.into())),
    }
    let number = format!("{}\n", std::process::id());
    // The lock is what counts. On a full disk there is just no number in it.
    let _ = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(number.as_bytes()));
    Ok(file)
}

fn unusable(path: &Path, reason: impl Into<String>) -> OpenError {
    OpenError::Dir {
        path: path.to_owned(),
        reason: reason.into(),
    }
}
