//! What lives on a server, as the API lists it: a page at a time, in the order of ids.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::types::{ActorView, ObjectView, TaskTotals, TaskView};

/// Tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskList {
    /// Those that have not ended, and of each living job the last 1,000 that failed.
    pub tasks: Vec<TaskView>,
    /// What to give as `after` for those that follow; nothing when there are no more. A page may be short, or empty, and have
    /// others behind it.
    pub next: Option<String>,
    /// The numbers of the jobs that were looked at, whatever the filters let through.
    pub totals: TaskTotals,
}

/// Actors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActorList {
    /// Those that live, and of each living job the last 1,000 that died.
    pub actors: Vec<ActorView>,
    /// What to give as `after` for those that follow; nothing when there are no more.
    pub next: Option<String>,
}

/// Objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectList {
    /// Those of more than 64 KiB, the arguments of tasks that have not ended, and errors that somebody holds.
    pub objects: Vec<ObjectView>,
    /// What to give as `after` for those that follow; nothing when there are no more.
    pub next: Option<String>,
    /// There are more tasks than are looked through for their arguments (100,000 for a page), so some of those may be missing.
    #[serde(default)]
    pub partial: bool,
}
