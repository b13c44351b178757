//! How a job is to run.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::types::DirGrant;

/// How a job is to run. The default grants nothing, limits nothing and discards what guests print.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobOptions {
    /// The program's arguments, without its name.
    pub args: Vec<String>,
    /// The environment that every sandbox of the job sees.
    pub env: Vec<(String, String)>,
    /// The directories that every sandbox of the job may use.
    pub dirs: Vec<DirGrant>,
    /// The job is ended with `Timeout` after that time.
    pub timeout: Option<Duration>,
    /// Whether `main` reads the process's standard input.
    pub stdin: bool,
    /// Collect what guests print for `Job::logs`; whoever asks for it must read it, or guests wait.
    pub logs: bool,
    /// Collect events for `Job::events`; the oldest are dropped when nobody reads them.
    pub events: bool,
    /// Write each failed task's inputs to a file in this directory, for a replay.
    pub record: Option<PathBuf>,
}
