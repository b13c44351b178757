//! How a job is to run.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::types::{DirGrant, JobId, TraceContext};

/// How a job is to run. The default grants nothing, limits nothing and discards what guests print.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct JobOptions {
    /// Its id, which no other job may have at the same time; a random one if there is none.
    pub id: Option<JobId>,
    /// How often the job was begun before, as its guests are told.
    pub attempt: u32,
    /// The program's arguments, without its name.
    pub args: Vec<String>,
    /// The environment that every sandbox of the job sees.
    pub env: Vec<(String, String)>,
    /// The directories that every sandbox of the job may use.
    pub dirs: Vec<DirGrant>,
    /// The job is ended with `Timeout` after that time.
    pub timeout: Option<Duration>,
    /// The job is ended with `Limit` when it has used so much processor time, for whatever is done for it.
    pub cpu_limit: Option<Duration>,
    /// The same for each task, and for each life of an actor.
    pub task_cpu_limit: Option<Duration>,
    /// Whether `main` reads the process's standard input.
    pub stdin: bool,
    /// Collect what guests print for `Job::logs`; whoever asks for it must read it, or guests wait.
    pub logs: bool,
    /// Collect events for `Job::events`; the oldest are dropped when nobody reads them.
    pub events: bool,
    /// Keep what its calls did and when, for `Job::trace`.
    pub trace: bool,
    /// Which trace it belongs to, as its guests are told; one of its own if nobody says.
    pub trace_context: Option<TraceContext>,
    /// Write each failed task's inputs to a file in this directory, for a replay.
    pub record: Option<PathBuf>,
}
