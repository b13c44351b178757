//! What tenants did since the node started, jobs that are gone included.
//!
//! Each job counts for itself (`job/counters.rs`); one that is dropped leaves its numbers to its tenant. What is told of a
//! tenant never goes back, though a job that is being dropped is neither here nor there for a moment.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::{
    state::{JobState, NodeState},
    tenant::{Tenant, TenantState},
};
use crate::{
    job::Counters,
    tenant::Resource,
    types::{SLOT, TaskTotals},
};

/// What a tenant did since the node started, and does now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Activity {
    /// The numbers of its calls.
    pub tasks: TaskTotals,
    /// Sandboxes that were made for it.
    pub sandboxes_made: u64,
    /// Slots that its calls have now.
    pub slots_busy: f64,
}

/// What only grows.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    submitted: u64,
    finished: u64,
    failed: u64,
    retried: u64,
    sandboxes: u64,
}

impl Counts {
    fn of(counters: &Counters) -> Self {
        Self {
            submitted: counters.submitted.get(),
            finished: counters.finished.get(),
            failed: counters.failed.get(),
            retried: counters.retried.get(),
            sandboxes: counters.sandboxes.get(),
        }
    }

    /// Each number made of the two.
    fn with(self, other: Self, make: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            submitted: make(self.submitted, other.submitted),
            finished: make(self.finished, other.finished),
            failed: make(self.failed, other.failed),
            retried: make(self.retried, other.retried),
            sandboxes: make(self.sandboxes, other.sandboxes),
        }
    }
}

/// The numbers of a tenant's jobs that are gone, and what was told of all.
#[derive(Debug, Default)]
pub(crate) struct Past(Mutex<(Counts, Counts)>);

impl Past {
    /// A job is gone.
    pub(super) fn add(&self, counters: &Counters) {
        let gone = &mut self.0.lock().0;
        *gone = gone.with(Counts::of(counters), u64::saturating_add);
    }

    /// All, with those of jobs that are there.
    fn tell(&self, living: Counts) -> Counts {
        let mut past = self.0.lock();
        let all = past.0.with(living, u64::saturating_add);
        past.1 = past.1.with(all, u64::max);
        past.1
    }
}

/// What these tenants did and do, in their order.
pub(super) fn of(node: &NodeState, tenants: &[&Tenant]) -> Vec<Activity> {
    let jobs = node.jobs();
    let mut living: HashMap<*const TenantState, Vec<&Arc<JobState>>> = HashMap::new();
    for job in &jobs {
        living
            .entry(Arc::as_ptr(&job.tenant))
            .or_default()
            .push(job);
    }
    let none = Vec::new();
    let told = tenants.iter().map(|tenant| {
        let state = &tenant.state;
        let jobs = living.get(&Arc::as_ptr(state)).unwrap_or(&none);
        let counts = jobs.iter().map(|job| Counts::of(&job.counters));
        let counts = counts.fold(Counts::default(), |all, one| {
            all.with(one, u64::saturating_add)
        });
        let counts = state.past.tell(counts);
        Activity {
            tasks: TaskTotals {
                submitted: counts.submitted,
                finished: counts.finished,
                failed: counts.failed,
                retried: counts.retried,
                queued: state.account.used(Resource::QueuedCalls),
                running: jobs.iter().map(|job| job.counters.running.get()).sum(),
            },
            sandboxes_made: counts.sandboxes,
            slots_busy: f64::from(state.queue.slots_busy()) / f64::from(SLOT),
        }
    });
    told.collect()
}
