//! A server at one moment: what is busy, what waits, who has what. Clients make rates of two moments.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::types::TaskTotals;

/// A server at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// When: milliseconds since 1970.
    pub at: u64,
    /// The version of `wrun`.
    pub version: String,
    /// How long it has run, in seconds.
    pub uptime_seconds: f64,
    /// Whether it still takes new jobs.
    pub accepting: bool,
    /// Slots, of which each tenant may have all.
    pub slots: f64,
    /// Worker threads.
    pub workers: usize,
    /// What all tenants have together; for the host's admin only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeUse>,
    /// The tenants that may be seen, by their names.
    pub tenants: Vec<TenantActivity>,
}

/// What all tenants have together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeUse {
    /// Workers that poll or look for something to poll.
    pub workers_awake: usize,
    /// Living sandboxes.
    pub sandboxes: u64,
    /// As many may live.
    pub max_sandboxes: u64,
    /// Bytes of memory of sandboxes.
    pub sandbox_bytes: u64,
    /// Of so many at most.
    pub total_memory: u64,
    /// Bytes of objects in memory.
    pub object_bytes: u64,
    /// Of so many at most.
    pub object_store_memory: u64,
    /// Bytes of objects on disk.
    pub spilled_bytes: u64,
    /// Bytes of memory that the server's process has resident.
    pub resident_bytes: u64,
    /// Seconds of processor time that the server's process has had.
    pub process_cpu_seconds: f64,
}

/// What a tenant does and has at that moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantActivity {
    /// Its name.
    pub name: String,
    /// Its part of the processor time when others want it too.
    pub weight: u32,
    /// Jobs that have not ended.
    pub jobs: u64,
    /// Jobs that ended since the server started: with exit code 0,
    pub jobs_succeeded: u64,
    /// with another one,
    pub jobs_failed: u64,
    /// or because somebody cancelled them.
    pub jobs_cancelled: u64,
    /// The numbers of its calls since the server started.
    pub tasks: TaskTotals,
    /// Slots that its calls have.
    pub slots_busy: f64,
    /// Sandboxes that were made for it since the server started.
    pub sandboxes_made: u64,
    /// Seconds of processor time that it had since the server started.
    pub cpu_seconds: f64,
    /// Living actors.
    pub actors: u64,
    /// Living sandboxes.
    pub sandboxes: u64,
    /// Bytes of memory of its sandboxes.
    pub sandbox_bytes: u64,
    /// Bytes of objects in memory.
    pub object_bytes: u64,
    /// Bytes of objects on disk.
    pub spilled_bytes: u64,
    /// Bytes of calls that wait.
    pub queued_bytes: u64,
    /// Bytes of output that are kept of jobs that run.
    pub log_bytes: u64,
}

impl TenantActivity {
    /// Adds another's numbers to its own; its name and weight stay.
    pub(crate) fn add(&mut self, other: &Self) {
        let (own, tasks) = (&mut self.tasks, &other.tasks);
        for (sum, more) in [
            (&mut own.submitted, tasks.submitted),
            (&mut own.finished, tasks.finished),
            (&mut own.failed, tasks.failed),
            (&mut own.retried, tasks.retried),
            (&mut own.queued, tasks.queued),
            (&mut own.running, tasks.running),
            (&mut self.jobs, other.jobs),
            (&mut self.jobs_succeeded, other.jobs_succeeded),
            (&mut self.jobs_failed, other.jobs_failed),
            (&mut self.jobs_cancelled, other.jobs_cancelled),
            (&mut self.sandboxes_made, other.sandboxes_made),
            (&mut self.actors, other.actors),
            (&mut self.sandboxes, other.sandboxes),
            (&mut self.sandbox_bytes, other.sandbox_bytes),
            (&mut self.object_bytes, other.object_bytes),
            (&mut self.spilled_bytes, other.spilled_bytes),
            (&mut self.queued_bytes, other.queued_bytes),
            (&mut self.log_bytes, other.log_bytes),
        ] {
            *sum += more;
        }
        self.slots_busy += other.slots_busy;
        self.cpu_seconds += other.cpu_seconds;
    }
}
