//! Why the walls can't be raised.

use std::{io, path::PathBuf};

use thiserror::Error;

/// One of the walls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WallKind {
    /// No program that is started gets more rights.
    #[error("no new privileges")]
    NoNewPrivileges,
    /// Files, TCP ports, signals.
    #[error("Landlock")]
    Landlock,
    /// System calls.
    #[error("seccomp")]
    Seccomp,
}

/// Why the walls can't be raised.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WallsError {
    /// They stand already.
    #[error("the walls of this process were raised before, which can be done once")]
    AlreadyRaised,
    /// It is too late: threads that run already would stay outside.
    #[error(
        "the process has {threads} threads, and walls hold only for those that start after them: raise them first, on the main thread"
    )]
    Threads {
        /// How many there are.
        threads: usize,
    },
    /// A path that is to stay open can't be opened.
    #[error(
        "`{path}` is to stay open behind the walls and can't be opened: {source}; make it first, or leave it out"
    )]
    Path {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A wall is required, and this kernel doesn't give it.
    #[error(
        "the wall `{wall}` can't be raised: {why}; `--allow-missing-walls` starts without the walls that this kernel doesn't have"
    )]
    Missing {
        /// Which one.
        wall: WallKind,
        /// Why not.
        why: String,
    },
}
