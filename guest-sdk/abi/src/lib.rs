//! What a wrun guest and its host say to each other: the numbers and encodings of `ABI.md`, used by both sides.
//!
//! [`Status`], [`FailKind`], [`CallKind`] and [`mod@format`] are the numbers; [`CallOptions`] and [`call`] encode and decode
//! what the import `spawn` takes, [`http`] what the host's function of that name takes and gives. Nothing here allocates more than the input's length, and no input can make it panic:
//! decoding checks each length against what is left. It knows nothing of how calls are run or values are serialized.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod call;
pub mod http;
mod options;

pub use options::{CallOptions, FOREVER, OptionError, SLOT};

/// The version that this crate describes; each manifest record carries it as `abi`.
pub const ABI_VERSION: u32 = 1;

/// The module that the host functions are imported from.
pub const IMPORT_MODULE: &str = "wrun";

/// The custom section that describes a guest's tasks and actors.
pub const MANIFEST_SECTION: &str = "wrun.manifest";

/// At most this many bytes of manifest.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;

/// At most this many manifest records.
pub const MAX_MANIFEST_RECORDS: usize = 10_000;

/// At most this many bytes in a task's, class's, method's or actor's name.
pub const MAX_NAME_BYTES: usize = 200;

/// At most this many results of one call.
pub const MAX_RETURNS: usize = 256;

/// Format bytes: the first byte of a value.
pub mod format {
    /// bincode 2, standard configuration.
    pub const BINCODE: u8 = 0;
    /// JSON text in UTF-8.
    pub const JSON: u8 = 1;
    /// Plain data: the bytes as they lie in memory, little-endian numbers one after another.
    pub const PLAIN: u8 = 2;
}

/// Flag of `cancel`: leave the calls alone that the cancelled one made.
pub const CANCEL_KEEP_CHILDREN: u32 = 1;

/// A negative answer of a host function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum Status {
    /// No such handle in this sandbox, or one of another kind.
    BadHandle = -1,
    /// Not in the time given.
    Timeout = -2,
    /// An object is an error.
    Failed = -3,
    /// Malformed or impossible arguments.
    BadArgument = -4,
    /// No task, class, method or actor of that name.
    NotFound = -5,
    /// A limit was reached.
    Limit = -6,
    /// The stream has no more items.
    Ended = -7,
    /// Waiting here could never end.
    WouldDeadlock = -8,
    /// The actor name is taken.
    Exists = -9,
    /// The object is not there yet.
    NotReady = -10,
    /// It can't be mapped here: to be copied.
    Copy = -11,
}

impl Status {
    /// The number that crosses the border.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The status of a negative answer; `None` for a success or a number of a later version.
    #[must_use]
    pub const fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            -1 => Self::BadHandle,
            -2 => Self::Timeout,
            -3 => Self::Failed,
            -4 => Self::BadArgument,
            -5 => Self::NotFound,
            -6 => Self::Limit,
            -7 => Self::Ended,
            -8 => Self::WouldDeadlock,
            -9 => Self::Exists,
            -10 => Self::NotReady,
            -11 => Self::Copy,
            _ => return None,
        })
    }
}

/// Why a guest says that its call failed (`fail`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailKind {
    /// The program's own error: an `Err` was returned.
    Application,
    /// A panic; the message holds its text and place.
    Panic,
    /// An argument did not decode.
    BadArgument,
    /// The result did not encode.
    BadResult,
    /// An error that the call got from the host, as `last_error` gave it: it keeps its kind and origin.
    Relayed,
}

impl FailKind {
    /// The number that crosses the border.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Application => 0,
            Self::Panic => 1,
            Self::BadArgument => 2,
            Self::BadResult => 3,
            Self::Relayed => 4,
        }
    }

    /// The kind with that number; unknown numbers count as the program's own error.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Panic,
            2 => Self::BadArgument,
            3 => Self::BadResult,
            4 => Self::Relayed,
            _ => Self::Application,
        }
    }
}

/// What a call in a `spawn` buffer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// A task: a fresh sandbox for this one call.
    Task,
    /// An actor's constructor: a sandbox that lives on.
    Constructor,
    /// A method of a living actor.
    Method,
    /// A function of the host, which runs in no sandbox ([`http`]).
    Host,
}

impl CallKind {
    /// The byte that crosses the border.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Task => 0,
            Self::Constructor => 1,
            Self::Method => 2,
            Self::Host => 3,
        }
    }
}

/// How an actor is stopped (`actor_stop`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopMode {
    /// At once; pending calls fail and it is not restarted.
    Kill,
    /// After the calls that are pending now.
    Terminate,
    /// At once, as if it had died: `max_restarts` may restart it.
    KillAndRestart,
}

impl StopMode {
    /// The number that crosses the border.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Kill => 0,
            Self::Terminate => 1,
            Self::KillAndRestart => 2,
        }
    }

    /// The mode with that number.
    #[must_use]
    pub const fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::Kill,
            1 => Self::Terminate,
            2 => Self::KillAndRestart,
            _ => return None,
        })
    }
}
