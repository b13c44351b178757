//! What the calls of a job did and when: its timeline, and the numbers of each function.
//!
//! Times are nanoseconds since the job began, unless a name says otherwise.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BlockedOn, ErrorKind, TaskError, TaskKind};

/// One attempt of a call, from when it could run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskSpan {
    /// The call's number in the job, as in `add#17`.
    pub number: u64,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Arc<str>,
    /// What kind of call it is.
    pub kind: TaskKind,
    /// Which attempt, from 0.
    pub attempt: u32,
    /// The number of the call that made it; 0 for those that the driver's host side made.
    pub parent: u64,
    /// The numbers of the calls whose results are its arguments, the first eight of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<u64>,
    /// The worker that began it.
    pub worker: Option<u32>,
    /// The slot that it began in.
    pub slot: Option<u32>,
    /// When its arguments were there.
    pub queued_ns: u64,
    /// When it began to run.
    pub begun_ns: u64,
    /// When it ended.
    pub ended_ns: u64,
    /// How long of that it had given its slot back.
    pub blocked_ns: u64,
    /// Processor time: making, running and dropping its sandbox, and its host calls.
    pub cpu_ns: u64,
    /// Bytes of its sandbox's memory at its end, which is when it has most.
    pub memory_bytes: u64,
    /// Where it had given its slot back, the first eight times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
    /// What kind of error it failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub error: Option<ErrorKind>,
}

/// A time in which a call had given its slot back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Block {
    /// What it waited for.
    pub on: BlockedOn,
    /// From when.
    pub from_ns: u64,
    /// Until when.
    pub to_ns: u64,
}

/// A distribution of times, in nanoseconds; within 12 % of the exact ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quantiles {
    /// Half took no longer.
    pub p50_ns: u64,
    /// 99 of 100 took no longer.
    pub p99_ns: u64,
    /// None took longer.
    pub max_ns: u64,
}

/// The numbers of all attempts of one function's calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionSummary {
    /// The function's name, or what its calls were named; empty for `main`. A job's calls may have some hundred names: those
    /// of all others are together in `(others)`.
    pub name: String,
    /// Attempts that ended.
    pub count: u64,
    /// Of these, with an error.
    pub failed: u64,
    /// How long they waited for a slot, with their arguments there.
    pub queued: Quantiles,
    /// How long they ran, what they were blocked for included.
    pub run: Quantiles,
    /// How long they were blocked.
    pub blocked: Quantiles,
    /// Processor time of all together, in nanoseconds.
    pub cpu_ns: u64,
    /// Bytes of memory of the largest of their sandboxes.
    pub peak_memory_bytes: u64,
}

/// What is kept of what a job's calls did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobTrace {
    /// When the job began: milliseconds since 1970.
    pub began_at: u64,
    /// Attempts of calls, by when they began.
    pub spans: Vec<TaskSpan>,
    /// One of so many calls is among them, by number: 1 when all are.
    pub one_of: u64,
    /// Attempts that are not among them.
    pub left_out: u64,
    /// The numbers of all of them, by function; the function with the most processor time first.
    pub functions: Vec<FunctionSummary>,
    /// What calls failed with, the first 64 times; not those that were cancelled, or that an argument's error kept
    /// from running.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub failures: Vec<TaskError>,
}
