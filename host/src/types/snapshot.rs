//! What lives in a node, as it is seen from outside: tasks, actors and objects.
//!
//! Each view is of a moment; nothing in it opens anything. Times are milliseconds since 1970, to about 10 ms.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ActorId, ErrorKind, JobId, ObjectId, TaskError, TaskId};

/// What kind of call a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// The job's `main`.
    Main,
    /// A call of a task.
    Task,
    /// A call of an actor's constructor.
    ActorConstructor,
    /// A call of an actor's method.
    ActorMethod,
    /// A request that the host makes for a task.
    Request,
}

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$one:meta])* $state:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$one])* $state),+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$state),+];

            /// How it is written.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$state => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

states! {
    /// Where a task is in its life. One that finished is not shown.
    TaskState {
        /// Waits for its arguments.
        Waiting = "waiting",
        /// Waits for a slot, or for its actor.
        Queued = "queued",
        /// Has its slot and sandbox.
        Running = "running",
        /// Has its sandbox and gave its slot back while it waits: `blocked_on` tells what for.
        Blocked = "blocked",
        /// Ended with an error.
        Failed = "failed",
        /// Was cancelled.
        Cancelled = "cancelled",
    }
}

states! {
    /// Where an actor is in its life.
    ActorState {
        /// Its constructor has not returned.
        Pending = "pending",
        /// Takes calls.
        Alive = "alive",
        /// Takes calls, and has no instance until the next one.
        Hibernating = "hibernating",
        /// It died, and its constructor is to return again.
        Restarting = "restarting",
        /// It is dead for good.
        Dead = "dead",
    }
}

states! {
    /// Where an object's value is.
    ObjectState {
        /// On the heap, as values of up to 64 KiB are.
        Inline = "inline",
        /// In a memory file.
        Memory = "memory",
        /// On disk.
        Spilled = "spilled",
        /// It has an error in its place.
        Failed = "failed",
    }
}

/// What a task waits for that gave back its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockedOn {
    /// In `get` or `wait`: objects.
    Objects,
    /// Room in the queue, or in the store.
    Room,
    /// A reader of the stream that it yields to.
    Reader,
    /// The disk, for a value that is written to it or read from it.
    Disk,
}

/// What went wrong, in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorView {
    /// What kind of error, such as `application`.
    #[schema(value_type = String)]
    pub kind: ErrorKind,
    /// Its stable code.
    pub code: String,
    /// The first line of its message, cut when it is long.
    pub message: String,
}

impl ErrorView {
    /// A message has at most so many characters.
    pub const CHARS: usize = 200;

    /// The short form of an error.
    #[must_use]
    pub fn new(error: &TaskError) -> Self {
        let line = error.message.lines().next().unwrap_or_default();
        Self {
            kind: error.kind,
            code: error.kind.code().to_owned(),
            message: line.chars().take(Self::CHARS).collect(),
        }
    }
}

/// A call that has not ended, or that failed a while ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TaskId,
    /// The job it belongs to.
    #[schema(value_type = String)]
    pub job: JobId,
    /// Whose job that is.
    pub tenant: String,
    /// Its number in the job, as in `add#17`.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// What kind of call it is.
    pub kind: TaskKind,
    /// The actor that it is a call of.
    #[schema(value_type = Option<String>)]
    pub actor: Option<ActorId>,
    /// Where it is in its life.
    pub state: TaskState,
    /// What it waits for, when it is blocked.
    pub blocked_on: Option<BlockedOn>,
    /// Which attempt, from 0.
    pub attempt: u32,
    /// The task that made it; none for those that the driver's host side made.
    #[schema(value_type = Option<String>)]
    pub parent: Option<TaskId>,
    /// The numbers of the calls whose results are its arguments, the first eight of them, until it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<u64>,
    /// When it was made.
    pub created_at: u64,
    /// When its last attempt began to run.
    pub started_at: Option<u64>,
    /// When it failed.
    pub ended_at: Option<u64>,
    /// Milliseconds from the one to the other, or until now: how long it waited for its arguments and its slot.
    pub queued_ms: u64,
    /// Milliseconds that its last attempt has run, waiting included.
    pub run_ms: Option<u64>,
    /// What it failed with.
    pub error: Option<ErrorView>,
}

/// An actor that lives, or that died a while ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActorView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ActorId,
    /// The job that made it.
    #[schema(value_type = String)]
    pub job: JobId,
    /// Whose job that is.
    pub tenant: String,
    /// Its class.
    pub class: String,
    /// The name that it is found under.
    pub name: Option<String>,
    /// Whether it outlives the job that made it.
    pub detached: bool,
    /// Where it is in its life.
    pub state: ActorState,
    /// How often it was begun again.
    pub restarts: u32,
    /// Calls that wait for it.
    pub queued_calls: u64,
    /// Bytes of its sandbox's memory when it last had nothing to do; none before that.
    pub memory_bytes: Option<u64>,
    /// When it was made.
    pub created_at: u64,
    /// When it died.
    pub ended_at: Option<u64>,
    /// Why it is dead.
    pub error: Option<ErrorView>,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ObjectId,
    /// The job that it was made in.
    #[schema(value_type = String)]
    pub job: JobId,
    /// Whose job that is.
    pub tenant: String,
    /// Bytes of its value.
    pub size: u64,
    /// Where its value is.
    pub state: ObjectState,
    /// What holds it: handles, arguments of tasks that have not ended, values that refer to it.
    pub holders: u64,
    /// Tasks that have not ended and have it as an argument, eight at most; not looked for in a list by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub arguments_of: Vec<TaskId>,
    /// Tasks of its job, and actors by their constructors, whose sandboxes have handles of it, eight at most; looked for among a
    /// million handles. What holds it beside them and its tasks are values that refer to it, and other jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub held_by: Vec<TaskId>,
    /// The task that made it, if that is known.
    #[schema(value_type = Option<String>)]
    pub task: Option<TaskId>,
    /// That task's name.
    pub name: Option<String>,
    /// When it was made, if that is known.
    pub created_at: Option<u64>,
    /// The error in its place.
    pub error: Option<ErrorView>,
}

impl ObjectView {
    /// Tasks that are named in `arguments_of` and in `held_by` at most.
    pub const ARGUMENTS: usize = 8;
}

/// The numbers of the calls of some jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskTotals {
    /// Submitted so far.
    pub submitted: u64,
    /// Ended with their results.
    pub finished: u64,
    /// Ended with an error.
    pub failed: u64,
    /// Attempts beyond the first.
    pub retried: u64,
    /// Wait for arguments or a slot.
    pub queued: u64,
    /// Run or are suspended; the constructors of living actors are among them.
    pub running: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_written_as_they_serialize() {
        fn check<T: Serialize + std::fmt::Display>(states: &[T]) {
            for state in states {
                let json = serde_json::to_string(state).expect("plain data");
                assert_eq!(json, format!("\"{state}\""));
            }
        }
        check(TaskState::ALL);
        check(ActorState::ALL);
        check(ObjectState::ALL);
    }

    #[test]
    fn an_error_is_cut_to_its_first_line() {
        let error = TaskError::new(ErrorKind::Panic, format!("{}\nmore", "x".repeat(300)));
        let view = ErrorView::new(&error);
        assert_eq!(
            (view.code.as_str(), view.message.len()),
            ("WR0102", ErrorView::CHARS)
        );
    }
}
