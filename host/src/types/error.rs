//! The error that takes an object's place.

use std::{any::Any, fmt, sync::Arc};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};

/// What went wrong with a call. The names are part of the guest ABI (`ABI.md`, "Errors").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The program returned an error.
    Application,
    /// The program panicked.
    Panic,
    /// The sandbox trapped.
    Trap,
    /// The arguments don't fit the function.
    BadArgument,
    /// The result could not be written.
    BadResult,
    /// The call took longer than it may.
    Timeout,
    /// The call was cancelled.
    Cancelled,
    /// The actor is dead, or died during the call.
    ActorDied,
    /// The sandbox wanted more memory than it may have.
    MemoryLimit,
    /// Another limit was reached.
    Limit,
    /// The call asks for more than this host has.
    Unschedulable,
    /// The host failed: its memory was refused, a fault was injected, or it has a bug.
    System,
    /// No task, class, method or actor of that name.
    NotFound,
    /// The actor name is taken.
    Exists,
    /// Waiting could never end.
    WouldDeadlock,
    /// A handle that names nothing here.
    BadHandle,
    /// An HTTP request to a host that is not allowed.
    HttpRefused,
    /// An HTTP request to a host that has no address that may be reached.
    HttpAddress,
    /// An HTTP request or response that is larger than it may be.
    HttpTooLarge,
    /// An HTTP request without a response: no connection, or one that failed.
    HttpFailed,
}

impl ErrorKind {
    /// The stable code of this kind of error; `docs/errors/` has a page for each.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Application => "WR0101",
            Self::Panic => "WR0102",
            Self::Trap => "WR0103",
            Self::BadArgument => "WR0104",
            Self::BadResult => "WR0105",
            Self::Timeout => "WR0106",
            Self::Cancelled => "WR0107",
            Self::ActorDied => "WR0108",
            Self::MemoryLimit => "WR0109",
            Self::Limit => "WR0110",
            Self::Unschedulable => "WR0111",
            Self::System => "WR0112",
            Self::NotFound => "WR0113",
            Self::Exists => "WR0114",
            Self::WouldDeadlock => "WR0115",
            Self::BadHandle => "WR0116",
            Self::HttpRefused => "WR0117",
            Self::HttpAddress => "WR0118",
            Self::HttpTooLarge => "WR0119",
            Self::HttpFailed => "WR0120",
        }
    }

    /// Whether the call may be run again without the program having asked for it (`max_retries`).
    #[must_use]
    pub const fn is_system(self) -> bool {
        matches!(self, Self::System)
    }

    /// Whether the program itself failed, so that `retry_errors` decides.
    #[must_use]
    pub const fn is_program(self) -> bool {
        matches!(
            self,
            Self::Application | Self::Panic | Self::Trap | Self::Timeout | Self::MemoryLimit
        )
    }
}

/// An error with where it came from; what `get` gives in the place of a value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TaskError {
    /// What kind.
    pub kind: ErrorKind,
    /// What happened, for people.
    pub message: String,
    /// The failed call's name.
    #[serde(default)]
    pub task: Option<Box<str>>,
    /// The failed call's id.
    #[serde(default)]
    pub task_id: Option<super::TaskId>,
    /// Which attempt failed, counted from 0.
    #[serde(default)]
    pub attempt: u32,
    /// Where in the guest, innermost first.
    #[serde(default)]
    pub backtrace: Vec<String>,
    /// What pays for it, as long as any clone is held inside the host.
    #[serde(skip)]
    pub(crate) paid: Paid,
}

/// Something counted that goes with an error and is no part of what it says.
#[derive(Clone, Default)]
pub(crate) struct Paid(Option<Arc<dyn Any + Send + Sync>>);

impl Paid {
    pub(crate) fn by(charge: impl Any + Send + Sync) -> Self {
        Self(Some(Arc::new(charge)))
    }
}

impl fmt::Debug for Paid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Paid" } else { "Unpaid" })
    }
}

impl PartialEq for Paid {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Paid {}

impl TaskError {
    /// An error that has no call yet.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            task: None,
            task_id: None,
            attempt: 0,
            backtrace: Vec::new(),
            paid: Paid::default(),
        }
    }

    /// Bytes that it takes in the host, with what surrounds it.
    pub(crate) fn size(&self) -> u64 {
        const REST: usize = 512;
        let text: usize = self.backtrace.iter().map(String::len).sum();
        (REST + self.message.len() + text) as u64
    }

    /// The same for somebody outside, who pays nothing.
    #[must_use]
    pub(crate) fn unpaid(mut self) -> Self {
        self.paid = Paid::default();
        self
    }

    /// The beginning of it, for which there is always room.
    #[must_use]
    pub(crate) fn shortened(mut self) -> Self {
        const KEPT: usize = 200;
        if let Some((cut, _)) = self.message.char_indices().nth(KEPT) {
            self.message.truncate(cut);
            self.message.push_str("… (cut: the object store is full)");
        }
        self.message.shrink_to_fit();
        self.backtrace = Vec::new();
        self
    }

    /// The same for somebody who looks later: what is very long is cut.
    #[must_use]
    pub(crate) fn kept(&self) -> Self {
        const MESSAGE: usize = 16 << 10;
        const FRAMES: usize = 16 << 10;
        let mut error = self.clone().unpaid();
        if error.message.len() > MESSAGE {
            error
                .message
                .truncate(error.message.floor_char_boundary(MESSAGE));
            error.message.push_str("… (cut)");
            error.message.shrink_to_fit();
        }
        let mut left = FRAMES;
        let mut fits = |frame: &String| {
            left = left.saturating_sub(frame.len());
            left > 0
        };
        let fitting = self
            .backtrace
            .iter()
            .take_while(|frame| fits(frame))
            .count();
        error.backtrace.truncate(fitting);
        error
    }

    /// Whether it is another call's, passed on by the one that got it.
    #[must_use]
    pub fn is_relayed(&self) -> bool {
        self.task_id.is_some()
    }

    /// Names the call that failed, unless one is named already.
    #[must_use]
    pub fn of(mut self, task: &str, id: super::TaskId, attempt: u32) -> Self {
        if self.task_id.is_none() {
            self.task = Some(task.into());
            self.task_id = Some(id);
            self.attempt = attempt;
        }
        self
    }

    /// The JSON that guests and `--json` get.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers serialize")
    }
}

/// As the ABI writes it: with the stable code of its kind, and without what is empty.
impl Serialize for TaskError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("TaskError", 7)?;
        fields.serialize_field("kind", &self.kind)?;
        fields.serialize_field("message", &self.message)?;
        if let Some(task) = &self.task {
            fields.serialize_field("task", task)?;
        }
        if let Some(id) = &self.task_id {
            fields.serialize_field("task_id", id)?;
        }
        fields.serialize_field("attempt", &self.attempt)?;
        fields.serialize_field("code", self.kind.code())?;
        if !self.backtrace.is_empty() {
            fields.serialize_field("backtrace", &self.backtrace)?;
        }
        fields.end()
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.task, self.task_id) {
            (Some(task), Some(id)) => write!(f, "`{task}#{}`: {}", id.number(), self.message)?,
            _ => f.write_str(&self.message)?,
        }
        if self.attempt > 0 {
            write!(f, " (attempt {})", self.attempt + 1)
        } else {
            Ok(())
        }
    }
}

impl std::error::Error for TaskError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_error_has_a_bound_and_is_whole_below_it() {
        let mut error = TaskError::new(ErrorKind::Panic, "short\nand more");
        error.backtrace = vec!["f".to_owned(), "g".to_owned()];
        assert_eq!(error.kept(), error);
        error.message = "ü".repeat(1 << 20);
        error.backtrace = vec!["x".repeat(1 << 10); 1 << 10];
        let kept = error.kept();
        assert!(kept.size() < 40 << 10, "{}", kept.size());
        assert!(kept.message.ends_with("ü… (cut)") && kept.backtrace.len() == 15);
    }
}
