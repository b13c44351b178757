//! What is kept of what the calls of ended jobs did.

use std::time::Duration;

use super::ended::Ended;
use crate::types::{FunctionSummary, JobTrace, TaskError, TaskSpan};

/// How long a trace is kept,
const KEPT: Duration = Duration::from_secs(60 * 60);
/// and so many bytes of a tenant's at most.
const BYTES: u64 = 32 << 20;
/// What a span takes beside its own size, about.
const BESIDE: usize = 64;

/// None so far.
pub(super) fn traces() -> Ended<JobTrace> {
    Ended::new(KEPT, BYTES)
}

/// The bytes that a trace takes, about.
pub(super) fn bytes(trace: &JobTrace) -> u64 {
    let span = |span: &TaskSpan| size_of::<TaskSpan>() + BESIDE + span.name.len();
    let spans: usize = trace.spans.iter().map(span).sum();
    let function = |of: &FunctionSummary| size_of::<FunctionSummary>() + BESIDE + of.name.len();
    let functions: usize = trace.functions.iter().map(function).sum();
    let errors: u64 = trace.failures.iter().map(TaskError::size).sum();
    (size_of::<JobTrace>() + spans + functions) as u64 + errors
}
