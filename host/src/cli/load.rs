//! From what the user named (a module or a crate's directory) to a module's bytes.

use std::{fs::File, io::Read, path::Path};

use super::{
    build::{BuildOptions, Built, Show, build},
    failure::{Failure, Result},
    package::Guest,
    stop::{Reason, Stop},
};
use crate::{config::error_text, sandbox::LoadError};

/// Longer files are not read at all; the host's own limit is lower.
const MAX_BYTES: u64 = 1 << 30;

/// A file with a module, not looked into yet.
#[derive(Debug)]
pub(super) struct ModuleFile {
    /// The file's name, for messages and as the program's own; the rest of its path is none of a guest's business.
    pub(super) name: String,
    /// Its bytes, binary or text.
    pub(super) bytes: Vec<u8>,
}

impl ModuleFile {
    /// Reads it.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let fail = |error: &std::io::Error| {
            Failure::usage(format!("`{shown}` can't be read: {}", error_text(error)))
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| fail(&error))?;
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| fail(&error))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Failure::usage(format!(
                "`{shown}` is larger than 1 GiB, which no module may be"
            )));
        }
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self { name, bytes })
    }
}

/// What came of opening.
#[derive(Debug)]
pub(super) enum Opened {
    /// A module.
    Module(ModuleFile),
    /// The build was stopped.
    Stopped(Reason),
}

/// Reads a module; builds it first when `path` is a directory, and shows that on a terminal if there is one.
pub(super) async fn open(path: &Path, progress: bool, stop: &mut Stop) -> Result<Opened> {
    if !path.is_dir() {
        return ModuleFile::read(path).map(Opened::Module);
    }
    let guest = Guest::read(path)?;
    open_guest(&guest, progress, stop).await
}

/// Builds a crate and reads its module.
pub(super) async fn open_guest(guest: &Guest, progress: bool, stop: &mut Stop) -> Result<Opened> {
    let options = BuildOptions {
        profile: "release",
        show: if progress {
            Show::Progress
        } else {
            Show::Problems
        },
    };
    match build(guest, options, stop).await? {
        Built::Module(module) => ModuleFile::read(&module).map(Opened::Module),
        Built::Stopped(reason) => Ok(Opened::Stopped(reason)),
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::new(super::Exit::BadModule, error.to_string())
    }
}
