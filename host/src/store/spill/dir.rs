//! The directory that spilled values are written to: made, checked, locked, cleaned.
//!
//! Below the directory that the user named, or a private one in the system's, each process has a folder of its own with
//! a lock file, which it holds locked as long as it lives. A folder whose lock is free is left from a process that
//! crashed: the next one to start removes it.
//!
//! Who makes a folder locks it and then looks whether its lock file is still there, and who removes one holds its lock;
//! so a folder that was just made is not taken for a dead one, or its maker makes another.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use rustix::fs::FlockOperation;
use thiserror::Error;

use crate::rt::random;

const LOCK: &str = "lock";
const PREFIX: &str = "wrun-spill-";

/// At least so much of the file system stays free: 1 GiB, or one of so many parts of a small one.
const KEEP: u64 = 1 << 30;
const KEEP_SHARE: u64 = 20;

/// A directory for spilled values can't be used.
#[derive(Debug, Error)]
#[error("values can't be spilled to `{path}`: {reason}")]
pub struct SpillDirError {
    /// Which directory.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

/// The directory, and this process's folder in it; that is removed, with what is in it, when this is dropped.
///
/// In a directory that the user named the folder is made at once, so that it is known whether that can be done; in the
/// private one with the first file, so that who spills nothing leaves nothing, however it ends.
#[derive(Debug)]
pub(super) struct SpillDir {
    base: PathBuf,
    private: bool,
    state: Mutex<State>,
    next: AtomicU64,
}

#[derive(Debug)]
enum State {
    NotMade,
    Made(Folder),
    Removed,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Held locked.
    _lock: File,
}

impl SpillDir {
    /// A directory that the user named, which is made if need be.
    pub(super) fn named(dir: &Path) -> Result<Self, SpillDirError> {
        let dir = Self::at(dir.to_owned(), false);
        let made = fs::create_dir_all(&dir.base).and_then(|()| {
            clean(&dir.base);
            dir.within(|_| Ok(()))
        });
        made.map_err(|error| unusable(&dir.base, error.to_string()))?;
        Ok(dir)
    }

    /// The user's private directory in this one, which all use.
    pub(super) fn private(temp: &Path) -> Result<Self, SpillDirError> {
        let user = rustix::process::geteuid().as_raw();
        let dir = Self::at(temp.join(format!("{PREFIX}{user}")), true);
        match check(&dir.base) {
            Ok(()) => clean(&dir.base),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(&dir.base, error.to_string())),
        }
        Ok(dir)
    }

    fn at(base: PathBuf, private: bool) -> Self {
        Self {
            base,
            private,
            state: Mutex::new(State::NotMade),
            next: AtomicU64::new(0),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.base
    }

    /// Does something in this process's folder, which is not removed meanwhile.
    fn within<T>(&self, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        if matches!(&*state, State::NotMade) {
            *state = State::Made(self.make()?);
        }
        match &*state {
            State::Made(folder) => act(&folder.path),
            State::NotMade | State::Removed => Err(io::Error::other("it was removed at the end")),
        }
    }

    /// This process's folder.
    #[cfg(test)]
    pub(super) fn folder(&self) -> io::Result<PathBuf> {
        self.within(|folder| Ok(folder.to_owned()))
    }

    fn make(&self) -> io::Result<Folder> {
        loop {
            if self.private {
                match DirBuilder::new().mode(0o700).create(&self.base) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
            let made = if self.private {
                check(&self.base).and_then(|()| make_folder(&self.base))
            } else {
                make_folder(&self.base)
            };
            match made {
                Ok(Some(folder)) => return Ok(folder),
                Ok(None) => {}
                // The last of others has just removed it at its end.
                Err(error) if self.private && error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A new file that nobody else can open.
    pub(super) fn file(&self) -> io::Result<(File, PathBuf)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.within(|folder| {
            let path = folder.join(number.to_string());
            Ok((new_file(&path)?, path))
        })
    }

    /// Whether the file system has room for so many bytes; the message says why not.
    pub(super) fn has_room(&self, bytes: u64) -> Result<(), String> {
        let show = self.base.display();
        let stat = self
            .within(|folder| Ok(rustix::fs::statvfs(folder)?))
            .map_err(|error| format!("`{show}` can't be used: {error}"))?;
        let (all, free) = (
            stat.f_blocks.saturating_mul(stat.f_frsize),
            stat.f_bavail.saturating_mul(stat.f_frsize),
        );
        let keep = KEEP.min(all / KEEP_SHARE);
        if free >= bytes.saturating_add(keep) {
            return Ok(());
        }
        Err(format!(
            "the file system of `{show}` has {free} bytes left, and {keep} are to stay free"
        ))
    }

    /// Removes the folder with all that is in it, for good.
    pub(super) fn remove(&self) {
        let mut state = self.state.lock();
        if let State::Made(folder) = std::mem::replace(&mut *state, State::Removed) {
            empty(&folder.path);
            if self.private {
                // Others may have theirs in it.
                let _ = fs::remove_dir(&self.base);
            }
        }
    }
}

impl Drop for SpillDir {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The private directory is this user's, and nobody else gets in.
fn check(dir: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(dir)?;
    let user = rustix::process::geteuid().as_raw();
    if meta.is_dir() && meta.uid() == user && meta.mode() & 0o077 == 0 {
        return Ok(());
    }
    let reason = "it must be a directory of this user that others can't enter (mode 0700)";
    Err(io::Error::other(reason))
}

/// Makes a folder and locks it; `None` when it was taken for a dead one before that.
fn make_folder(dir: &Path) -> io::Result<Option<Folder>> {
    let name = format!("{PREFIX}{}-{:016x}", std::process::id(), random::u64());
    let path = dir.join(name);
    DirBuilder::new().mode(0o700).create(&path)?;
    match new_file(&path.join(LOCK)) {
        Ok(lock) if try_lock(&lock) && lock.metadata()?.nlink() > 0 => {
            Ok(Some(Folder { path, _lock: lock }))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(None),
    }
}

fn unusable(path: &Path, reason: impl Into<String>) -> SpillDirError {
    SpillDirError {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options.open(path)
}

fn try_lock(file: &File) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Removes the folders of processes that are gone. What can't be removed stays for another time.
fn clean(dir: &Path) {
    let user = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let own = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir() && meta.uid() == user);
        if !named || !own {
            continue;
        }
        match File::open(path.join(LOCK)) {
            Ok(lock) => {
                if try_lock(&lock) {
                    empty(&path);
                }
            }
            // Made or removed this moment; only an empty one goes.
            Err(_) => drop(fs::remove_dir(&path)),
        }
    }
}

/// Removes a folder: its lock file last, so that what was interrupted is found again.
fn empty(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_name() != LOCK {
            let _ = fs::remove_file(entry.path());
        }
    }
    let _ = fs::remove_file(path.join(LOCK));
    let _ = fs::remove_dir(path);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folders(dir: &Path) -> Vec<PathBuf> {
        let mut all: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        all.sort();
        all
    }

    #[test]
    fn a_folder_and_its_files_are_private_and_go_with_it() {
        let temp = tempfile::tempdir().unwrap();
        let dirs = [(); 2].map(|()| SpillDir::private(temp.path()).unwrap());
        assert_eq!(
            folders(temp.path()).len(),
            0,
            "nothing before the first file"
        );
        for dir in &dirs {
            let (_file, path) = dir.file().unwrap();
            let folder = dir.folder().unwrap();
            for (path, mode) in [(dir.path(), 0o700), (&folder, 0o700), (&path, 0o600)] {
                assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, mode);
            }
        }
        let [first, second] = dirs;
        drop(first);
        assert_eq!(folders(second.path()), [second.folder().unwrap()]);
        second.remove();
        assert!(second.file().is_err(), "it does not come again");
        assert_eq!(folders(temp.path()).len(), 0);
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_a_living_one_has_is_not() {
        let temp = tempfile::tempdir().unwrap();
        let living = SpillDir::named(temp.path()).unwrap();
        let dead = temp.path().join("wrun-spill-1-dead");
        fs::create_dir(&dead).unwrap();
        for name in [LOCK, "0", "1"] {
            fs::write(dead.join(name), "left").unwrap();
        }
        let others = temp.path().join("something else");
        fs::create_dir(&others).unwrap();
        let next = SpillDir::named(temp.path()).unwrap();
        let mut expected = [others, living.folder().unwrap(), next.folder().unwrap()];
        expected.sort();
        assert_eq!(folders(temp.path()), expected);
    }

    #[test]
    fn a_link_or_an_open_directory_in_place_of_the_private_one_is_refused() {
        let (temp, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let user = rustix::process::geteuid().as_raw();
        let base = temp.path().join(format!("{PREFIX}{user}"));
        symlink(target.path(), &base).unwrap();
        let error = SpillDir::private(temp.path()).unwrap_err().to_string();
        assert!(error.contains("a directory of this user"), "{error}");
        assert_eq!(folders(target.path()), Vec::<PathBuf>::new());
        fs::remove_file(&base).unwrap();
        fs::create_dir(&base).unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(SpillDir::private(temp.path()).is_err());
    }

    /// A link that was put among dead folders leads nowhere.
    #[test]
    fn cleaning_follows_no_links() {
        let (temp, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(target.path().join(LOCK), "").unwrap();
        fs::write(target.path().join("precious"), "").unwrap();
        symlink(target.path(), temp.path().join("wrun-spill-link")).unwrap();
        let _dir = SpillDir::named(temp.path()).unwrap();
        assert_eq!(folders(target.path()).len(), 2);
    }

    #[test]
    fn a_directory_that_is_none_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = SpillDir::named(file.path()).unwrap_err().to_string();
        assert!(
            error.contains(&file.path().display().to_string()),
            "{error}"
        );
    }

    #[test]
    fn room_is_asked_for() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SpillDir::named(temp.path()).unwrap();
        dir.has_room(1).unwrap();
        let error = dir.has_room(u64::MAX / 2).unwrap_err();
        assert!(error.contains("left"), "{error}");
    }
}
