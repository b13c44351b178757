//! Jobs as the API takes and shows them.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::types::{FunctionSummary, JobStats, LogLine, LogStream, TaskError};

/// A job that is to run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// The hash of a module that was pushed.
    pub module: String,
    /// The task to call; the module's `main` runs if that is missing.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::maybe_object"
    )]
    pub task: Option<CallView>,
    /// The program's arguments, for `main`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// The program's environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Milliseconds that it may take, over all attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Milliseconds of processor time that it may take, over all attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_limit_ms: Option<u64>,
    /// It is lost when the server stops under it, instead of beginning again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_restart: bool,
    /// Its events are kept from its beginning, for `GET /v1/jobs/{id}/events`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub events: bool,
}

/// One task and its arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallView {
    /// Its name in the module.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub args: Vec<Json>,
}

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Accepted, and does not run now.
    Queued,
    /// An attempt runs.
    Running,
    /// Ran to its end, good or bad: `exit_code` and `error` tell.
    Finished,
    /// Somebody cancelled it.
    Cancelled,
    /// The server stopped under it, and it was not to begin again.
    Lost,
    /// The server stopped uncleanly under it too often; an admin can restart it.
    Quarantined,
}

impl JobState {
    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// The hash of its module.
    pub module: String,
    /// What that was called.
    pub module_name: String,
    /// The task that it calls; nothing when it runs `main`.
    pub task: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// Attempts begun.
    pub attempt: u32,
    /// When it was accepted: milliseconds since 1970.
    pub submitted_at: u64,
    /// When its last attempt began.
    pub started_at: Option<u64>,
    /// When it ended.
    pub ended_at: Option<u64>,
    /// What the command line ends with.
    pub exit_code: Option<i32>,
    /// What went wrong in it.
    #[schema(value_type = Option<Object>)]
    pub error: Option<TaskError>,
    /// Why it ended, when that was not its own doing.
    pub reason: Option<String>,
    /// Whether there is a result to read.
    pub has_result: bool,
    /// What is kept of its output.
    pub logs: JobLogs,
    /// Its last attempt's numbers.
    #[schema(value_type = Object)]
    pub stats: JobStats,
}

/// What is kept of a job's output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobLogs {
    /// Bytes kept.
    pub bytes: u64,
    /// Bytes before them that were dropped.
    pub dropped_bytes: u64,
    /// Lines before them that were dropped.
    pub dropped_lines: u64,
}

/// Some of a tenant's jobs, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// The jobs.
    pub jobs: Vec<JobView>,
    /// What to give as `before` for those that follow; nothing when there are no more.
    pub next: Option<String>,
}

/// What the calls of a job took, by function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobSummary {
    /// The functions, the one with the most processor time first.
    pub functions: Vec<FunctionSummary>,
}

/// One line that a job printed, or a piece of a very long one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// Its number in the job's attempt, from 0.
    pub seq: u64,
    /// `stdout` or `stderr`.
    #[schema(value_type = String)]
    pub stream: LogStream,
    /// The number of the call that printed it; 1 is `main`.
    pub call: u64,
    /// That call's name; empty for `main`.
    pub name: String,
    /// The text, with its line feed if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The same in base64, when it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Whether it begins a line.
    pub starts_line: bool,
}

impl LogEntry {
    /// Of a line that was printed.
    #[must_use]
    pub fn new(seq: u64, line: &LogLine) -> Self {
        let text = std::str::from_utf8(&line.text).ok();
        Self {
            seq,
            stream: line.stream,
            call: line.task.number(),
            name: line.name.to_string(),
            base64: text.is_none().then(|| STANDARD.encode(&line.text)),
            text: text.map(ToOwned::to_owned),
            starts_line: line.starts_line,
        }
    }

    /// The bytes that were printed.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        match (&self.text, &self.base64) {
            (Some(text), _) => Bytes::copy_from_slice(text.as_bytes()),
            (None, Some(coded)) => STANDARD.decode(coded).unwrap_or_default().into(),
            (None, None) => Bytes::new(),
        }
    }
}

/// Output that is not kept any more, in the place where it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DroppedLogs {
    /// How many lines or pieces.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_comes_back_to_the_byte() {
        for text in [&b"plain\n"[..], b"\xff\xfe", b"", "grüße".as_bytes()] {
            let line = LogLine {
                task: "000000000000000000000000000000ff".parse().expect("an id"),
                name: "f".into(),
                stream: LogStream::Stderr,
                text: Bytes::copy_from_slice(text),
                starts_line: true,
            };
            let json = serde_json::to_string(&LogEntry::new(3, &line)).expect("plain data");
            let back: LogEntry = serde_json::from_str(&json).expect("the same");
            assert_eq!((&*back.bytes(), back.seq), (text, 3), "{json}");
        }
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let json = r#"{"module": "00", "timout_ms": 5}"#;
        let error = serde_json::from_str::<JobRequest>(json).expect_err("misspelt");
        assert!(error.to_string().contains("timout_ms"), "{error}");
        let json = r#"{"module": "00", "task": ["double", [4]]}"#;
        assert!(
            serde_json::from_str::<JobRequest>(json).is_err(),
            "an array"
        );
        let json = r#"{"module": "00", "task": {"name": "double", "args": [4]}}"#;
        let request: JobRequest = serde_json::from_str(json).expect("as it should be");
        assert_eq!(request.task.expect("a task").args, [Json::from(4)]);
    }
}
