//! A worker's view of the jobs that have work, and its choice among them.
//!
//! [`View`] copies the roster when its version changes. [`View::pick`] stays with a job for a
//! quantum, then takes the job that has had the least, of the tenant that has had the least per
//! weight. Within a job: woken fibers; then, in turns, new items (without slots, odd, whole) and
//! yielded fibers. So that nothing starves, each [`RECHECK`]th pick looks at woken fibers last.
//!
//! It does not run what it picked.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::task::Waker;
use std::time::Duration;

use super::core::{Core, JobCore};
use super::fiber::Fiber;
use super::job::{Directory, JobBody};
use super::{Execute, SLOT};
use crate::rt::guard::Guard;

/// How long, and for how many picks, a worker stays with a job before it compares shares again.
const QUANTUM: Duration = Duration::from_millis(1);
const QUANTUM_PICKS: u32 = 64;

/// In how many picks woken fibers come last once.
const RECHECK: u32 = 61;

/// Longer rosters drop jobs that are found empty.
const LONG: usize = 16;

/// Something to run.
pub(super) enum Work<T> {
    /// A fiber taken from a queue.
    Fiber(Arc<Fiber>),
    /// An item whose slots, so many, are taken.
    Item {
        item: T,
        slots: u32,
        job: Arc<JobCore>,
    },
}

pub(super) struct View<T> {
    core: Arc<Core>,
    directory: Arc<Directory<T>>,
    version: u64,
    jobs: Vec<Arc<JobBody<T>>>,
    /// Standing of tenant and job, place in `jobs`; kept for its allocation.
    order: Vec<(u64, u64, usize)>,
    current: usize,
    picks_left: u32,
    time_left: Duration,
    picks: u32,
    yielded_next: bool,
}

impl<T: Execute> View<T> {
    pub(super) fn new(core: Arc<Core>, directory: Arc<Directory<T>>) -> Self {
        Self {
            core,
            directory,
            version: u64::MAX,
            jobs: Vec::new(),
            order: Vec::new(),
            current: 0,
            picks_left: 0,
            time_left: Duration::ZERO,
            picks: 0,
            yielded_next: false,
        }
    }

    /// Whether anything could run now.
    pub(super) fn has_work(&mut self) -> bool {
        fence(Ordering::SeqCst);
        self.refresh();
        self.jobs.iter().any(|job| has_runnable(job))
    }

    /// The current job used so much of its quantum.
    pub(super) fn spend(&mut self, time: Duration) {
        self.time_left = self.time_left.saturating_sub(time);
    }

    /// What to run next.
    pub(super) fn pick(&mut self, worker: usize) -> Option<Work<T>> {
        self.refresh();
        if let [job] = &self.jobs[..] {
            let job = Arc::clone(job);
            return self.take_from(&job, worker);
        }
        if self.picks_left > 0 && !self.time_left.is_zero() {
            self.picks_left -= 1;
            if let Some(work) = self.take_at(self.current, worker) {
                return Some(work);
            }
        }
        self.pick_least(worker)
    }

    fn pick_least(&mut self, worker: usize) -> Option<Work<T>> {
        self.rank();
        for rank in 0..self.order.len() {
            let (tenant_standing, job_standing, place) = self.order[rank];
            if rank == 0 {
                let tenant = &self.jobs[place].core.tenant;
                self.core.floor.raise(tenant_standing);
                tenant.floor.raise(job_standing);
            }
            if let Some(work) = self.take_at(place, worker) {
                self.current = place;
                self.picks_left = QUANTUM_PICKS;
                self.time_left = QUANTUM;
                return Some(work);
            }
        }
        None
    }

    /// Orders the jobs with something runnable, least served first.
    fn rank(&mut self) {
        self.order.clear();
        let is_long = self.jobs.len() > LONG;
        for (place, job) in self.jobs.iter().enumerate() {
            if has_runnable(job) {
                let tenant = &job.core.tenant;
                let tenant_standing = tenant.share.standing(&self.core.floor);
                let job_standing = job.core.share.standing(&tenant.floor);
                self.order.push(match Guard::FairShare.stands() {
                    true => (tenant_standing, job_standing, place),
                    false => (0, 0, place),
                });
            } else if is_long && job.is_empty() {
                self.core.roster.unlist(&job.core, || job.is_empty());
            }
        }
        self.order.sort_unstable();
    }

    fn take_at(&mut self, place: usize, worker: usize) -> Option<Work<T>> {
        let job = Arc::clone(self.jobs.get(place)?);
        self.take_from(&job, worker)
    }

    fn take_from(&mut self, job: &JobBody<T>, worker: usize) -> Option<Work<T>> {
        self.picks = self.picks.wrapping_add(1);
        let woken_last = self.picks.is_multiple_of(RECHECK);
        if !woken_last && let Some(fiber) = job.core.take_woken() {
            return Some(Work::Fiber(fiber));
        }
        let work = if self.yielded_next {
            take_yielded(job).or_else(|| self.take_item(job, worker))
        } else {
            self.take_item(job, worker).or_else(|| take_yielded(job))
        };
        if let Some(work) = work {
            self.yielded_next = matches!(work, Work::Item { .. });
            return Some(work);
        }
        if woken_last {
            job.core.take_woken().map(Work::Fiber)
        } else {
            None
        }
    }

    fn take_item(&self, job: &JobBody<T>, worker: usize) -> Option<Work<T>> {
        let started = |item: T| Work::Item {
            slots: item.slots(),
            item,
            job: Arc::clone(&job.core),
        };
        if let Some(item) = job.items.take_free() {
            return Some(started(item));
        }
        let odd = || {
            let waker = || Waker::from(Arc::clone(&job.core));
            job.items
                .take_odd(&job.core.tenant.slots, waker)
                .map(started)
        };
        let whole = || self.take_whole(job, worker).map(started);
        // Either kind may be an endless stream, so neither always comes first.
        if self.picks.is_multiple_of(2) {
            odd().or_else(whole)
        } else {
            whole().or_else(odd)
        }
    }

    fn take_whole(&self, job: &JobBody<T>, worker: usize) -> Option<T> {
        if !job.items.has_whole() || !job.core.tenant.slots.try_start(SLOT) {
            return None;
        }
        let item = job.items.take_whole(worker);
        if item.is_none() {
            // This worker is about to look for something else, so it need not be woken.
            job.core.tenant.slots.give(SLOT);
        }
        item
    }

    fn refresh(&mut self) {
        if self.core.roster.version() == self.version {
            return;
        }
        // A job that was alone was not ranked, yet those that come now start at its standing.
        if let [job] = &self.jobs[..] {
            let tenant = &job.core.tenant;
            self.core
                .floor
                .raise(tenant.share.standing(&self.core.floor));
            tenant.floor.raise(job.core.share.standing(&tenant.floor));
        }
        let (version, ids) = self.core.roster.read();
        self.version = version;
        self.jobs = self.directory.find(&ids);
        self.picks_left = 0;
    }
}

fn take_yielded<T>(job: &JobBody<T>) -> Option<Work<T>> {
    job.core.take_yielded().map(Work::Fiber)
}

pub(super) fn has_runnable<T>(job: &JobBody<T>) -> bool {
    job.core.has_fibers_queued()
        || job.items.has_free()
        || job.items.has_startable_odd()
        || (job.items.has_whole() && job.core.tenant.slots.can_start(SLOT))
}
