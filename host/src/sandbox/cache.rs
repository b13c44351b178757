//! Compiled code on disk, by content hash and engine.
//!
//! It is native code, so only files count that nobody but this user can have written: the directory and each file must
//! belong to the user and be closed to all others. Otherwise the cache is off and [`Cache::why_off`] says why. Each file
//! carries a checksum; a damaged one is compiled again and replaced. Files are written under another name and renamed,
//! so readers see all of a file or nothing. Nothing here ever fails a load: the worst is a compilation.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::precompiled::Artifact;

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

const MAGIC: &[u8; 8] = b"wrunart1";
const HEADER: usize = MAGIC.len() + blake3::OUT_LEN;

#[derive(Debug)]
pub(super) struct Cache {
    /// The directory and the user it belongs to, or why there is none.
    dir: Result<(PathBuf, u32), String>,
}

impl Cache {
    pub(super) fn open(dir: &CacheDir) -> Self {
        Self {
            dir: dir
                .path()
                .and_then(|path| prepare(&path).map(|user| (path, user))),
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
        good.then(|| Artifact::trusted(bytes))
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
        let _ = stored();
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
