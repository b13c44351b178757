//! Why a task is where it is: what it waits for, and what it failed with, down to the first cause.
//!
//! A view of a moment, as all of [`snapshot`](super): what is told of one task may be over when the next one is looked at.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ActorId, ActorState, ObjectId, TaskError, TaskId, TaskSpan, TaskView};

/// Why a task is where it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskWhy {
    /// The task, then those that it waits for and those that they wait for, each once, the nearest first. Empty for a task that
    /// has ended and of which only `ended` is known.
    pub tasks: Vec<WaitingTask>,
    /// Tasks that wait for each other in a ring, each for the next and the last for the first: none of them goes on by itself.
    #[schema(value_type = Vec<String>)]
    pub cycle: Vec<TaskId>,
    /// What it failed with. Very long texts are cut.
    #[schema(value_type = Option<Object>)]
    pub error: Option<TaskError>,
    /// What it got that error from, then what that got it from, down to the first cause.
    pub causes: Vec<Cause>,
    /// What its job's timeline has of its last attempt, if it has ended.
    pub ended: Option<TaskSpan>,
}

/// A task and what it waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WaitingTask {
    /// The task.
    pub task: TaskView,
    /// What it waits for now: nothing when it runs.
    pub waits: Vec<Wait>,
    /// It waits for so many more.
    pub left_out: u64,
    /// When so many of all those are there, it goes on; nothing when that takes all of them.
    pub enough: Option<u64>,
    /// It waits for tasks that are not among those shown: the chain is too long.
    pub deeper: bool,
}

/// Something that a task waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum Wait {
    /// An object that is not there yet.
    Object {
        /// Its id.
        #[schema(value_type = String)]
        object: ObjectId,
        /// The task that makes it.
        #[schema(value_type = Option<String>)]
        task: Option<TaskId>,
    },
    /// The next item of a stream.
    Stream {
        /// Its id.
        #[schema(value_type = String)]
        stream: ObjectId,
        /// The task that yields it.
        #[schema(value_type = Option<String>)]
        task: Option<TaskId>,
    },
    /// Its actor, in whose mailbox it is.
    Actor {
        /// The actor's id.
        #[schema(value_type = String)]
        actor: ActorId,
        /// Its class.
        class: String,
        /// The name that it is found under.
        name: Option<String>,
        /// Where it is in its life.
        state: ActorState,
        /// Calls in its mailbox.
        queued_calls: u64,
        /// What it runs now: a call, or its constructor.
        #[schema(value_type = Option<String>)]
        task: Option<TaskId>,
    },
    /// An earlier call of the same caller, which the actor is to run first.
    Before {
        /// That call.
        #[schema(value_type = String)]
        task: TaskId,
    },
    /// Slots, of which its tenant has so many.
    Slot {
        /// How many it needs.
        needs: f64,
        /// How many its tenant has.
        slots: f64,
        /// How many of them nobody holds.
        free: f64,
        /// Its job's calls that wait for a slot as it does; which is next is not decided before there is one.
        queued_in_job: u64,
        /// The same of its tenant's jobs together.
        queued_in_tenant: u64,
    },
    /// Its turn among its tenant's HTTP requests, of which only so many are made at once and in a second.
    Request,
    /// Room.
    Room {
        /// For what, such as `queued calls`.
        resource: String,
        /// How much it asks for.
        asked: u64,
        /// Whose limit is in the way; nothing when there is room by now.
        account: Option<String>,
        /// How much that may hold.
        limit: Option<u64>,
        /// How much it holds.
        used: Option<u64>,
        /// The same in words, with what raises the limit.
        message: Option<String>,
    },
    /// A reader of the stream that it yields to.
    Reader {
        /// The stream's id.
        #[schema(value_type = String)]
        stream: ObjectId,
        /// Items that nobody has read.
        unread: u64,
    },
    /// The disk.
    Disk,
}

impl Wait {
    /// The task that has to do something first, if it is one.
    #[must_use]
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Self::Object { task, .. } | Self::Stream { task, .. } | Self::Actor { task, .. } => {
                *task
            }
            Self::Before { task } => Some(*task),
            Self::Slot { .. }
            | Self::Request
            | Self::Room { .. }
            | Self::Reader { .. }
            | Self::Disk => None,
        }
    }
}

/// A step from an error to its first cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cause {
    /// How the error came from it.
    pub by: CauseBy,
    /// The task.
    #[schema(value_type = String)]
    pub id: TaskId,
    /// Its name.
    pub name: String,
    /// The task as it is kept; nothing when it is not any more.
    pub task: Option<TaskView>,
    /// What it failed with, if it is kept.
    #[schema(value_type = Option<Object>)]
    pub error: Option<TaskError>,
}

/// How an error came from one task to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseBy {
    /// Its result was to be an argument.
    Argument,
    /// Its result was asked for, and the error passed on.
    Call,
    /// The actor died of it.
    Actor,
}
