//! Jobs as they are recorded: what was asked for, where it stands, how it ended.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{ModuleHash, TenantName};
use crate::types::{JobId, JobStats, TaskError, TraceContext};

/// JSON as text, kept to the letter: numbers stay what they were, and deep nesting does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText(Box<str>);

impl JsonText {
    /// The text of a value.
    #[must_use]
    pub fn new(value: &Json) -> Self {
        Self(value.to_string().into())
    }

    /// A text that was written as JSON.
    #[must_use]
    pub(crate) fn written(text: String) -> Self {
        Self(text.into())
    }

    /// A text, if it is JSON.
    ///
    /// # Errors
    /// When it is not.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<serde::de::IgnoredAny>(text)?;
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value.
    ///
    /// # Errors
    /// When it is nested deeper than 128 levels.
    pub fn value(&self) -> Result<Json, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl From<JsonText> for String {
    fn from(text: JsonText) -> Self {
        text.0.into()
    }
}

/// What a job calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobCall {
    /// The module's `main`.
    #[default]
    Main,
    /// One task.
    Task {
        /// Its name.
        name: String,
        /// Its arguments.
        args: Vec<JsonText>,
    },
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobSpec {
    /// What is called.
    pub call: JobCall,
    /// The program's arguments, after its name.
    pub args: Vec<String>,
    /// The program's environment.
    pub env: Vec<(String, String)>,
    /// Milliseconds that it may take, over all attempts.
    pub timeout_ms: Option<u64>,
    /// Milliseconds of processor time that it may take, over all attempts.
    pub cpu_limit_ms: Option<u64>,
    /// Whether it runs again after the host stopped under it; otherwise it is lost then.
    pub restart: bool,
    /// Whether its events are kept from its beginning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub events: bool,
}

impl Default for JobSpec {
    /// `main`, without arguments or limits, again if need be.
    fn default() -> Self {
        Self {
            call: JobCall::Main,
            args: Vec::new(),
            env: Vec::new(),
            timeout_ms: None,
            cpu_limit_ms: None,
            restart: true,
            events: false,
        }
    }
}

/// A job that is to be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Whose it is.
    pub tenant: TenantName,
    /// One of that tenant's modules.
    pub module: ModuleHash,
    /// What is asked for.
    pub spec: JobSpec,
    /// The same request with the same key is the same job: 1 to 255 bytes.
    pub key: Option<String>,
    /// The trace that the request belongs to, which makes it no other request.
    pub trace: Option<TraceContext>,
}

/// Where a job is in its life. One that failed is `Finished`; its end tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobPhase {
    /// Accepted, and does not run now.
    Queued,
    /// An attempt runs.
    Running,
    /// Ran to its end, good or bad.
    Finished,
    /// Somebody stopped it.
    Cancelled,
    /// The host stopped under it, and it may not run again.
    Lost,
    /// The host stopped uncleanly under it too often; only an admin lets it run again.
    Quarantined,
}

impl JobPhase {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Finished,
        Self::Cancelled,
        Self::Lost,
        Self::Quarantined,
    ];

    /// Whether nothing more happens by itself.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Its number in the database's keys, which never changes.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Running => 1,
            Self::Finished => 2,
            Self::Cancelled => 3,
            Self::Lost => 4,
            Self::Quarantined => 5,
        }
    }
}

impl fmt::Display for JobPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Quarantined => "quarantined",
        })
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// What the command line would end with.
    pub exit_code: i32,
    /// What went wrong in it.
    #[serde(default)]
    pub error: Option<TaskError>,
    /// What it gave.
    #[serde(default)]
    pub result: Option<JsonText>,
    /// Why it ended, when that was not its own doing.
    #[serde(default)]
    pub reason: Option<String>,
    /// The last attempt's numbers.
    #[serde(default)]
    pub stats: JobStats,
}

/// What is kept of a job's output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogInfo {
    /// Bytes kept.
    pub bytes: u64,
    /// Bytes before them that were dropped.
    #[serde(default)]
    pub dropped_bytes: u64,
    /// Lines before them that were dropped.
    #[serde(default)]
    pub dropped_lines: u64,
}

/// A job's output: the end of it, and how much came before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logs {
    /// The kept end, as it was printed.
    pub tail: Vec<u8>,
    /// Bytes before it.
    pub dropped_bytes: u64,
    /// Lines before it.
    pub dropped_lines: u64,
}

/// The end of a job as it is handed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// `Finished`, `Cancelled` or `Lost`.
    pub phase: JobPhase,
    /// How.
    pub end: End,
    /// Its output.
    pub logs: Logs,
    /// Milliseconds of processor time over all attempts.
    pub spent_cpu_ms: u64,
    /// Milliseconds over all attempts.
    pub spent_wall_ms: u64,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub tenant: TenantName,
    /// What it runs.
    pub module: ModuleHash,
    /// What that was called when the job was submitted.
    pub module_name: String,
    /// What was asked for.
    pub spec: JobSpec,
    /// The key it was submitted with.
    pub key: Option<String>,
    /// The trace that it belongs to, if the request named one.
    pub trace: Option<TraceContext>,
    /// A hash of the request: of the module and of `spec`.
    pub digest: [u8; 32],
    /// Where it stands.
    pub phase: JobPhase,
    /// Attempts begun.
    pub attempt: u32,
    /// Unclean stops of the host while it ran, since it was submitted or an admin restarted it.
    pub unclean: u32,
    /// When it was accepted: milliseconds since 1970.
    pub submitted_at: u64,
    /// When its last attempt began.
    pub started_at: Option<u64>,
    /// When it ended.
    pub ended_at: Option<u64>,
    /// Milliseconds of processor time over all attempts, as of the last checkpoint.
    pub spent_cpu_ms: u64,
    /// Milliseconds over all attempts, as of the last checkpoint.
    pub spent_wall_ms: u64,
    /// What is kept of its output.
    pub logs: LogInfo,
    /// How it ended, once it has.
    pub end: Option<End>,
    /// Whether retention took its arguments, environment, result and output already; the rest stays for the sake of
    /// its key.
    pub expired: bool,
    /// Where it stands among all jobs, for listing on from it.
    pub cursor: Cursor,
}

/// A place in the list of jobs, which is in the order of submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub(super) u64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Cursor {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It is a new job.
    New(JobRecord),
    /// It was submitted before, with this key.
    Existing(JobRecord),
}

impl Submitted {
    /// The job.
    #[must_use]
    pub fn job(&self) -> &JobRecord {
        match self {
            Self::New(job) | Self::Existing(job) => job,
        }
    }
}

/// A part of the list of jobs, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobRecord>,
    /// Where to go on, if there are more.
    pub next: Option<Cursor>,
}

/// How many jobs are in each phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCounts {
    /// In [`JobPhase::Queued`].
    pub queued: u64,
    /// In [`JobPhase::Running`].
    pub running: u64,
    /// In [`JobPhase::Finished`].
    pub finished: u64,
    /// In [`JobPhase::Cancelled`].
    pub cancelled: u64,
    /// In [`JobPhase::Lost`].
    pub lost: u64,
    /// In [`JobPhase::Quarantined`].
    pub quarantined: u64,
}

impl JobCounts {
    pub(super) fn of(count: [u64; JobPhase::ALL.len()]) -> Self {
        let [queued, running, finished, cancelled, lost, quarantined] = count;
        Self {
            queued,
            running,
            finished,
            cancelled,
            lost,
            quarantined,
        }
    }
}

/// What retention removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Jobs that are gone, or of which only the record stays.
    pub jobs: u64,
    /// Bytes of records, arguments, results and output that they took.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_text_is_kept_to_the_letter() {
        for text in [
            "0.1000000000000000055",
            "123456789012345678901234567890",
            "[1,  2]",
        ] {
            let kept = JsonText::parse(text).unwrap();
            let stored = serde_json::to_string(&kept).unwrap();
            let back: JsonText = serde_json::from_str(&stored).unwrap();
            assert_eq!(back.as_str(), text);
        }
        assert!(JsonText::parse("[1").is_err());
    }

    /// A record must be readable whatever a guest's result is.
    #[test]
    fn deep_json_survives() {
        let mut deep = Json::Null;
        for _ in 0..1000 {
            deep = Json::Array(vec![deep]);
        }
        let text = JsonText::new(&deep);
        let stored = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<JsonText>(&stored).unwrap(), text);
        assert!(text.value().is_err());
    }
}
