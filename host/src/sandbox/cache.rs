//! Compiled code on disk, by content hash and engine.
//!
//! It is native code, so only files count that nobody but this user can have written: the directory and each file must
//! belong to the user and be closed to all others. Otherwise the cache is off and [`Cache::why_off`] says why. Each file
//! carries a checksum; a damaged one is compiled again and replaced. Files are written under another name and renamed,
//! so readers see all of a file or nothing. With more than [`MOST`] bytes the files that were used least lately go. Nothing here ever fails a load: the worst is a compilation.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::precompiled::Artifact;
use crate::rt::clock;

/// Where compiled code is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CacheDir {
    /// In `wrun` under the user's cache directory (`$XDG_CACHE_HOME`, else `~/.cache`).
    #[default]
    User,
    /// In this directory, made with its parents if it is not there.
    At(PathBuf),
    /// Nowhere.
    Off,
}

impl CacheDir {
    fn path(&self) -> Result<PathBuf, String> {
        let from_env = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        match self {
            Self::At(path) => Ok(path.clone()),
            Self::Off => Err("it is switched off".to_owned()),
            Self::User => from_env("XDG_CACHE_HOME")
                .or_else(|| from_env("HOME").map(|home| home.join(".cache")))
                .map(|base| base.join("wrun"))
                .ok_or_else(|| "neither `XDG_CACHE_HOME` nor `HOME` is set".to_owned()),
        }
    }
}

/// Bytes of all files, and how many are left when there are more.
const MOST: u64 = 2 << 30;
const LEFT: u64 = 1 << 30;

const MAGIC: &[u8; 8] = b"wrunart1";
const HEADER: usize = MAGIC.len() + blake3::OUT_LEN;

#[derive(Debug)]
pub(super) struct Cache {
    /// The directory and the user it belongs to, or why there is none.
    dir: Result<(PathBuf, u32), String>,
    /// Bytes of its files, as far as this process knows; none before it looked.
    bytes: Mutex<Option<u64>>,
}

impl Cache {
    pub(super) fn open(dir: &CacheDir) -> Self {
        Self {
            dir: dir
                .path()
                .and_then(|path| prepare(&path).map(|user| (path, user))),
            bytes: Mutex::new(None),
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.dir.as_ref().ok().map(|(path, _)| path.as_path())
    }

    pub(super) fn why_off(&self) -> Option<&str> {
        self.dir.as_ref().err().map(String::as_str)
    }

    /// Reads an artifact; anything wrong with it means that there is none.
    pub(super) fn read(&self, key: &str) -> Option<Artifact> {
        let (dir, user) = self.dir.as_ref().ok()?;
        if !is_private(&fs::symlink_metadata(dir).ok()?, *user) {
            return None;
        }
        // O_NOFOLLOW: a link could lead to a file elsewhere.
        let mut file = fs::OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(dir.join(key))
            .ok()?;
        let meta = file.metadata().ok()?;
        if !meta.is_file() || !is_private(&meta, *user) {
            return None;
        }
        let mut header = [0; HEADER];
        file.read_exact(&mut header).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let good = header[..MAGIC.len()] == MAGIC[..]
            && header[MAGIC.len()..] == checksum(key, &bytes).as_bytes()[..];
        if !good {
            return None;
        }
        // That it was used: it goes later. Failing at it costs a compilation one day.
        let _ = file.set_modified(clock::system_time());
        Some(Artifact::trusted(bytes))
    }

    /// Stores an artifact, if that can be done.
    pub(super) fn write(&self, key: &str, artifact: &Artifact) {
        let Ok((dir, _)) = &self.dir else { return };
        let stored = || -> std::io::Result<()> {
            // `tempfile` makes files with mode 0600.
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            file.write_all(MAGIC)?;
            file.write_all(checksum(key, artifact.bytes()).as_bytes())?;
            file.write_all(artifact.bytes())?;
            file.persist(dir.join(key))?;
            Ok(())
        };
        // A full disk or a removed directory costs the next process a compilation and nothing else.
        if stored().is_ok() {
            self.wrote(dir, (HEADER + artifact.bytes().len()) as u64, MOST, LEFT);
        }
    }

    /// So many bytes more were written; removes the oldest files when there are more than `most`.
    fn wrote(&self, dir: &Path, more: u64, most: u64, left: u64) {
        let mut bytes = self.bytes.lock();
        let known = bytes.map(|bytes| bytes + more);
        if known.is_some_and(|known| known <= most) {
            *bytes = known;
            return;
        }
        let Ok(entries) = fs::read_dir(dir) else {
            return;
        };
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((meta.modified().ok()?, meta.len(), entry.path()))
            })
            .collect();
        let mut all: u64 = files.iter().map(|(_, len, _)| len).sum();
        files.sort();
        let remove = all > most;
        for (_, len, path) in files {
            if !remove || all <= left {
                break;
            }
            // Another process may have done so.
            let _ = fs::remove_file(path);
            all -= len;
        }
        *bytes = Some(all);
    }
}

fn checksum(key: &str, bytes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("wrun compiled module 1");
    hasher.update(key.as_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

fn is_private(meta: &fs::Metadata, user: u32) -> bool {
    meta.uid() == user && meta.mode() & 0o077 == 0 && !meta.is_symlink()
}

/// Makes the directory if need be and checks it; gives the user that it belongs to.
fn prepare(path: &Path) -> Result<u32, String> {
    let show = path.display();
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .map_err(|e| format!("`{}` can't be made: {e}", parent.display()))?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(format!("`{show}` can't be made: {e}"));
        }
        _ => {}
    }
    let meta = fs::symlink_metadata(path).map_err(|e| format!("`{show}` can't be read: {e}"))?;
    // A file made now belongs to whom this process runs as.
    let own = tempfile::tempfile_in(path).and_then(|file| file.metadata());
    let user = own
        .map_err(|e| format!("`{show}` can't be written: {e}"))?
        .uid();
    if !meta.is_dir() || !is_private(&meta, user) {
        return Err(format!(
            "`{show}` must be a directory of this user that others can't enter (mode 0700)"
        ));
    }
    Ok(user)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_files_used_least_lately_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache");
        let cache = Cache::open(&CacheDir::At(path.clone()));
        let now = clock::system_time();
        for age in 0..10_u32 {
            let name = path.join(age.to_string());
            fs::write(&name, [0; 100]).unwrap();
            let file = fs::File::options().append(true).open(name).unwrap();
            file.set_modified(now - Duration::from_secs(age.into()))
                .unwrap();
        }
        let there = || {
            let names = fs::read_dir(&path).unwrap();
            let mut names: Vec<_> = names.map(|f| f.unwrap().file_name()).collect();
            names.sort();
            names
        };
        cache.wrote(&path, 100, 1_000, 500);
        assert_eq!(there().len(), 10);
        cache.wrote(&path, 100, 1_099, 500);
        assert_eq!(
            there().len(),
            10,
            "1,100 by its count, 1,000 when it looked"
        );
        cache.wrote(&path, 100, 999, 500);
        assert_eq!(there(), ["0", "1", "2", "3", "4"]);
    }
}
