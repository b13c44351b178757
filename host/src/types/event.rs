//! What a job tells of itself while it runs: log lines, events and numbers.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ErrorKind, TaskId};

/// Which of a guest's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line that a guest printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The call that printed it; for an actor its constructor's.
    pub task: TaskId,
    /// That call's name; empty for `main`.
    pub name: std::sync::Arc<str>,
    /// Where to.
    pub stream: LogStream,
    /// The line, with its line feed if it had one. A very long line comes in pieces, only the last of which ends in one.
    pub text: Bytes,
    /// Whether this piece begins a line.
    pub starts_line: bool,
}

/// Where a call is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Waits for its arguments.
    Waiting,
    /// Waits for a slot.
    Queued,
    /// Has its slot and sandbox.
    Running,
    /// Ended with its results.
    Finished,
    /// Ended with an error.
    Failed,
}

/// Something that happened in a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since 1970.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A call changed its state.
    Call {
        /// Which call.
        task: TaskId,
        /// Its name.
        name: std::sync::Arc<str>,
        /// Its new state.
        state: CallState,
        /// Which attempt, from 0.
        attempt: u32,
        /// What kind of error it failed with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ErrorKind>,
    },
    /// That many events were dropped because nobody read them in time.
    Dropped {
        /// How many.
        count: u64,
    },
    /// The job was begun again after its server stopped: what came before was of an earlier attempt.
    Restarted {
        /// Which attempt, from 0.
        attempt: u32,
    },
    /// What happened before was not recorded, or is not kept any more; lines may follow that were kept.
    Unrecorded,
}

/// Hears of a job's lines, on the thread where they are printed, so it must be quick.
pub trait LineListener: std::fmt::Debug + Send + Sync {
    /// A guest printed this.
    fn line(&self, line: LogLine);
}

/// Hears of a job's lines and events in their order, on the threads where they happen.
pub trait Listener: LineListener {
    /// This happened, in this order. Called only while events are wanted.
    fn events(&self, events: Vec<Event>);
}

/// A job's numbers so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JobStats {
    /// Calls submitted: tasks, constructors and methods.
    pub submitted: u64,
    /// Calls that ended with their results.
    pub finished: u64,
    /// Calls that ended with an error.
    pub failed: u64,
    /// Attempts beyond the first.
    pub retried: u64,
    /// Calls that now wait for arguments or a slot.
    pub queued: u64,
    /// Calls that now run or are suspended in a call.
    pub running: u64,
    /// Actors alive now.
    pub actors: u64,
    /// Of these, hibernating: not called for a while, and without an instance until they are.
    #[serde(default)]
    pub actors_hibernating: u64,
    /// Sandboxes made.
    pub sandboxes: u64,
    /// Of these, made outside the pool.
    pub sandboxes_outside_pool: u64,
    /// Bytes of objects in memory now.
    pub object_bytes: u64,
    /// Bytes of objects in memory at the highest.
    pub object_bytes_peak: u64,
    /// Bytes of objects on disk now.
    #[serde(default)]
    pub spilled_bytes: u64,
    /// Bytes of objects on disk at the highest.
    #[serde(default)]
    pub spilled_bytes_peak: u64,
    /// Bytes of sandbox memory at the highest.
    pub sandbox_bytes_peak: u64,
    /// Seconds of processor time: making, running and dropping sandboxes, and host calls.
    pub cpu_seconds: f64,
    /// Seconds since the job began.
    pub wall_seconds: f64,
}
