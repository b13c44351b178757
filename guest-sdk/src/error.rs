//! What went wrong: [`Error`], [`ErrorKind`], [`Result`].
//!
//! An error is either made here (a value that does not decode, misuse) or comes over the border as the JSON of the ABI:
//! then it names the task it came from. It is cheap to clone: one failure may become the result of many calls.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wrun_abi::Status;

/// A result whose error is [`Error`], unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call has no result, or why a request to the runtime failed.
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::task]
/// fn half(n: u64) -> wrun::Result<u64> {
///     wrun::ensure!(n % 2 == 0, "{n} is odd");
///     Ok(n / 2)
/// }
///
/// let error = half::remote(7).get().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Application);
/// assert_eq!(error.message(), "7 is odd");
/// assert_eq!(error.task(), Some("half"));
/// ```
#[derive(Clone)]
pub struct Error {
    details: Arc<Details>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Details {
    kind: ErrorKind,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backtrace: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

/// What sort of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The program's own error: a task returned `Err`.
    Application,
    /// A task panicked.
    Panic,
    /// The sandbox trapped.
    Trap,
    /// An argument is malformed or impossible, or did not decode.
    BadArgument,
    /// A result did not encode or decode.
    BadResult,
    /// Not in the time given.
    Timeout,
    /// The call was cancelled.
    Cancelled,
    /// The actor is not alive any more.
    ActorDied,
    /// The sandbox's memory limit was reached.
    MemoryLimit,
    /// Another limit was reached.
    Limit,
    /// The call asks for more than there is, so it could never run.
    Unschedulable,
    /// The runtime failed, not the program.
    System,
    /// No task, class, method or actor of that name.
    NotFound,
    /// The actor name is taken.
    Exists,
    /// Waiting here could never end.
    WouldDeadlock,
    /// A ref or handle that names nothing here.
    BadHandle,
    /// An HTTP request to a host that is not allowed.
    HttpRefused,
    /// An HTTP request to a host that has no address that may be reached.
    HttpAddress,
    /// An HTTP request or response that is larger than it may be.
    HttpTooLarge,
    /// An HTTP request without a response: no connection, or one that failed.
    HttpFailed,
    /// Something a later version of the runtime knows.
    #[default]
    #[serde(other)]
    Other,
}

impl Error {
    /// An application error with this message: what a task returns to fail.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Application, message)
    }

    pub(crate) fn of(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            details: Arc::new(Details {
                kind,
                message: message.into(),
                ..Details::default()
            }),
        }
    }

    /// From the status of a host function and the JSON of `last_error`, which may be missing.
    pub(crate) fn from_host(status: i32, json: &[u8]) -> Self {
        let kind = kind_of(status);
        let told = serde_json::from_slice::<Details>(json).ok();
        // A plain timeout or bad handle says all; what is told then may be of an earlier failure.
        let plain = matches!(kind, ErrorKind::Timeout | ErrorKind::BadHandle);
        match told.filter(|details| !plain || details.kind == kind) {
            Some(details) => Self {
                details: Arc::new(details),
            },
            None => Self::of(kind, message_of(status)),
        }
    }

    /// As the JSON of the ABI, to be passed on as a call's own failure; `None` for what this version does not know, and
    /// for an error that the program made itself.
    pub(crate) fn relay(&self) -> Option<String> {
        let own = self.kind() == ErrorKind::Application && self.task_id().is_none();
        if own || self.kind() == ErrorKind::Other {
            return None;
        }
        serde_json::to_string(&*self.details).ok()
    }

    /// The same error as the failure of a task, unless it is another task's that was passed on.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn in_task(self, task: &str, task_id: String, attempt: u32) -> Self {
        if self.details.task_id.is_some() {
            return self;
        }
        let mut details = Arc::unwrap_or_clone(self.details);
        details.task = Some(task.to_owned());
        details.task_id = Some(task_id);
        details.attempt = attempt;
        Self {
            details: Arc::new(details),
        }
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.details.kind
    }

    /// What went wrong, without the task's name.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.details.message
    }

    /// The name of the task that failed first, if it was one.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.details.task.as_deref()
    }

    /// The id of that task, for logs.
    #[must_use]
    pub fn task_id(&self) -> Option<&str> {
        self.details.task_id.as_deref()
    }

    /// Which attempt failed; 0 is the first.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.details.attempt
    }

    /// The runtime's stable code, such as `WR0101`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.details.code.as_deref()
    }

    /// The Wasm backtrace, innermost frame first; empty when there is none.
    #[must_use]
    pub fn backtrace(&self) -> &[String] {
        &self.details.backtrace
    }

    /// What this failure followed from, when the runtime knows it.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.details.cause.as_deref()
    }

    /// Whether a time limit was reached.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether the call was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.kind() == ErrorKind::Cancelled
    }

    /// Whether the actor is dead.
    #[must_use]
    pub fn is_actor_died(&self) -> bool {
        self.kind() == ErrorKind::ActorDied
    }

    /// Whether the program itself failed: an `Err` or a panic.
    #[must_use]
    pub fn is_application(&self) -> bool {
        matches!(self.kind(), ErrorKind::Application | ErrorKind::Panic)
    }
}

fn kind_of(status: i32) -> ErrorKind {
    match Status::from_code(status) {
        Some(Status::BadHandle) => ErrorKind::BadHandle,
        Some(Status::Timeout) => ErrorKind::Timeout,
        Some(Status::BadArgument) => ErrorKind::BadArgument,
        Some(Status::NotFound) => ErrorKind::NotFound,
        Some(Status::Limit) => ErrorKind::Limit,
        Some(Status::WouldDeadlock) => ErrorKind::WouldDeadlock,
        Some(Status::Exists) => ErrorKind::Exists,
        _ => ErrorKind::Other,
    }
}

fn message_of(status: i32) -> String {
    match Status::from_code(status) {
        Some(Status::BadHandle) => "a ref or handle that names nothing here".to_owned(),
        Some(Status::Timeout) => "not there in the time given".to_owned(),
        Some(Status::NotFound) => "nothing has that name".to_owned(),
        _ => format!("the host answered with status {status}"),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.task(), self.kind()) {
            (None, _) => f.write_str(self.message()),
            (Some(task), ErrorKind::Panic) => {
                write!(f, "task `{task}` panicked: {}", self.message())
            }
            (Some(task), ErrorKind::Application) => {
                write!(f, "task `{task}` failed: {}", self.message())
            }
            (Some(task), _) => write!(f, "task `{task}`: {}", self.message()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &self.details;
        let mut debug = f.debug_struct("Error");
        debug
            .field("kind", &details.kind)
            .field("message", &details.message);
        if let Some(task) = &details.task {
            debug.field("task", task).field("attempt", &details.attempt);
        }
        debug.finish_non_exhaustive()
    }
}

impl std::error::Error for Error {}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

macro_rules! from_std {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        }
    )*};
}

from_std!(
    std::io::Error,
    std::fmt::Error,
    std::num::ParseIntError,
    std::num::ParseFloatError,
    std::num::TryFromIntError,
    std::str::Utf8Error,
    std::str::ParseBoolError,
    std::string::FromUtf8Error,
    std::env::VarError,
    serde_json::Error,
    Box<dyn std::error::Error>,
    Box<dyn std::error::Error + Send + Sync>,
);

/// Returns an application error with a formatted message.
///
/// ```
/// fn check(n: i32) -> wrun::Result<()> {
///     if n < 0 {
///         wrun::bail!("{n} is negative");
///     }
///     Ok(())
/// }
/// assert_eq!(check(-1).unwrap_err().message(), "-1 is negative");
/// ```
#[macro_export]
macro_rules! bail {
    ($($message:tt)*) => {
        return ::core::result::Result::Err($crate::Error::new(::std::format!($($message)*)).into())
    };
}

/// Returns an application error with a formatted message unless the condition holds.
///
/// ```
/// fn check(n: i32) -> wrun::Result<()> {
///     wrun::ensure!(n >= 0, "{n} is negative");
///     Ok(())
/// }
/// assert!(check(1).is_ok());
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($message:tt)*) => {
        if !$condition {
            $crate::bail!($($message)*);
        }
    };
}
