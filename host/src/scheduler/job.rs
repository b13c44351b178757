//! Tenants and jobs as their owners see them.
//!
//! [`Tenant`] and [`Job`] are cheap handles. A [`JobBody`] is a job's queues; the [`Directory`]
//! finds it by id for the workers, until the job is closed and its last fiber done. Invariant: a
//! job that has members is in the directory.
//!
//! It does not hold the scheduler's threads: handles may outlive them, and then refuse work.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use super::core::{Core, JobCore, TenantCore};
use super::fiber::Fiber;
use super::queue::Items;
use super::seat;
use super::share::Standing;
use super::stall::Stalled;
use super::turn::Turn;
use super::view;
use super::{Execute, JobId, SLOT};

/// Why an item was not queued; it is given back.
#[derive(Debug)]
#[non_exhaustive]
pub enum PushError<T> {
    /// The job is closed, or the scheduler is shut down.
    Closed(T),
    /// It asks for more slots than the scheduler has, so it could never start.
    TooManySlots(T),
}

/// The job is closed, or the scheduler is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobClosed;

impl std::fmt::Display for JobClosed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the job is closed")
    }
}

impl std::error::Error for JobClosed {}

/// What a job has in the scheduler, each number by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobStats {
    /// Items that have not started.
    pub queued: usize,
    /// Fibers that are not done.
    pub fibers: usize,
    /// Fibers among them that wait for other work.
    pub blocked: usize,
    /// Time on workers, and what was charged by hand.
    pub cpu: Duration,
}

/// Whose work competes for workers as a whole.
#[derive(Debug)]
pub struct Tenant<T> {
    core: Arc<TenantCore>,
    directory: Arc<Directory<T>>,
}

impl<T> Clone for Tenant<T> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            directory: Arc::clone(&self.directory),
        }
    }
}

impl<T: Execute> Tenant<T> {
    pub(super) fn new(core: Arc<Core>, directory: Arc<Directory<T>>, weight: NonZeroU32) -> Self {
        Self {
            core: Arc::new(TenantCore::new(core, weight)),
            directory,
        }
    }

    /// A new, open job.
    #[must_use]
    pub fn job(&self) -> Job<T> {
        let id = self.directory.next_id();
        let core = Arc::new(JobCore::new(id, Arc::clone(&self.core)));
        let items = Items::new(self.directory.workers);
        let body = Arc::new(JobBody { core, items });
        self.directory.add(&body);
        Job(Arc::new(JobOwner {
            body,
            directory: Arc::clone(&self.directory),
        }))
    }

    /// Changes its share of the workers from now on.
    pub fn set_weight(&self, weight: NonZeroU32) {
        self.core.set_weight(weight);
    }

    /// The CPU time of all its jobs.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.core.cpu()
    }

    /// How many of its slots are taken, in units of 1/10,000.
    #[must_use]
    pub fn slots_busy(&self) -> u32 {
        let core = &self.core;
        let free = u32::try_from(core.slots.free()).unwrap_or(u32::MAX);
        core.core.slots.saturating_sub(free)
    }

    /// Charges time that was spent for it off the workers, and for none of its jobs.
    pub fn charge(&self, time: Duration) {
        self.core.charge(time);
    }

    /// What it has had so far, by its weight. Who was idle is lifted to the floor by this look, so only who has
    /// something to do may ask.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.core.standing()
    }

    /// The least standing of tenants that a worker works for, or could: of this one too, or of others alone.
    #[must_use]
    pub fn least_at_work(&self, others_alone: bool) -> Option<Standing> {
        let core = &self.core.core;
        let (_, ids) = core.roster.read();
        let jobs = self.directory.find(&ids).into_iter();
        let runnable = jobs.filter(|job| view::has_runnable(job));
        let tenants = runnable.map(|job| Arc::clone(&job.core.tenant));
        tenants
            .chain(core.polled())
            .filter(|tenant| !(others_alone && Arc::ptr_eq(tenant, &self.core)))
            .map(|tenant| tenant.standing())
            .min()
    }

    /// `standing` is the least of all tenants with work, here or off the workers: who comes from idleness starts there.
    pub fn raise_floor(&self, standing: Standing) {
        self.core.core.floor.raise(standing.0);
    }

    /// Whether it has no queued item and no fiber but blocked ones.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.core.active.is_stalled()
    }

    /// Waits until the tenant is stalled and this wait is chosen; see [`Stalled`].
    pub fn stalled(&self) -> Stalled {
        Stalled::new(Arc::clone(&self.core.active))
    }
}

/// A queue of items and their fibers. When the last handle is dropped the job is closed, and what
/// is queued is dropped; its fibers go on.
#[derive(Debug)]
pub struct Job<T: Execute>(Arc<JobOwner<T>>);

impl<T: Execute> Clone for Job<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Execute> Job<T> {
    /// Its number in this scheduler.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.core().id
    }

    /// Queues an item: newest first from a worker's thread, in order from other threads.
    ///
    /// # Errors
    ///
    /// Gives the item back if the job is closed, or if the item can never start.
    pub fn push(&self, item: T) -> Result<(), PushError<T>> {
        self.add(item, seat::here(self.core().core()))
    }

    /// Queues an item behind those that were pushed before from outside the workers, wherever this is called: for
    /// items that people expect to start in the order in which they made them.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn push_in_order(&self, item: T) -> Result<(), PushError<T>> {
        self.add(item, None)
    }

    /// Queues items as [`push`](Self::push) does, or as [`push_in_order`](Self::push_in_order), for little more than
    /// the price of one. Gives back those that can't be queued: all of them if the job is closed, else those that can
    /// never start.
    #[must_use]
    pub fn push_all(&self, items: Vec<T>, in_order: bool) -> Vec<T> {
        let seat = match in_order {
            true => None,
            false => seat::here(self.core().core()),
        };
        if items.iter().any(|item| item.slots() != SLOT) {
            let refused = |item| match self.add(item, seat) {
                Ok(()) => None,
                Err(PushError::Closed(item) | PushError::TooManySlots(item)) => Some(item),
            };
            return items.into_iter().filter_map(refused).collect();
        }
        let (job, number) = (self.core(), items.len());
        if job.core().is_stopping() || job.core().slots < SLOT {
            return items;
        }
        job.add_members(number);
        if let Err(items) = self.0.body.items.push_whole(items, seat) {
            self.0.remove_members(number);
            return items;
        }
        self.announce(SLOT);
        Vec::new()
    }

    fn add(&self, item: T, seat: Option<usize>) -> Result<(), PushError<T>> {
        let job = self.core();
        let core = job.core();
        let slots = item.slots();
        if slots > core.slots {
            return Err(PushError::TooManySlots(item));
        }
        if core.is_stopping() {
            return Err(PushError::Closed(item));
        }
        job.add_members(1);
        if let Err(item) = self.0.body.items.push(item, seat) {
            self.0.remove_members(1);
            return Err(PushError::Closed(item));
        }
        self.announce(slots);
        Ok(())
    }

    /// An item of so many slots, or several, were queued.
    fn announce(&self, slots: u32) {
        let job = self.core();
        let core = job.core();
        job.announce_listed();
        // A worker that frees slots looks for items afterwards, so without free slots there is
        // nobody to wake.
        if core.sleep.wants_wake() && (slots != SLOT || job.tenant.slots.can_start(SLOT)) {
            core.sleep.notify();
        }
    }

    /// Starts a fiber that holds no slots.
    ///
    /// # Errors
    ///
    /// Fails if the job is closed.
    pub fn start<F, M>(&self, make: M) -> Result<(), JobClosed>
    where
        M: FnOnce(Turn) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let job = self.core();
        let fiber = Fiber::scheduled(Arc::clone(job));
        let future = Box::pin(make(Turn::new(Arc::clone(&fiber), 0)));
        job.add_members(1);
        if job.is_closed() || job.core().is_stopping() {
            self.0.remove_members(1);
            return Err(JobClosed);
        }
        fiber.launch(future);
        Ok(())
    }

    /// Takes out and returns what is queued; refuses pushes and starts from now on. Its fibers go
    /// on.
    pub fn close(&self) -> Vec<T> {
        self.0.close()
    }

    /// What it has in the scheduler now.
    #[must_use]
    pub fn stats(&self) -> JobStats {
        let queued = self.0.body.items.len();
        JobStats {
            queued,
            fibers: self.core().members().saturating_sub(queued),
            blocked: self.core().blocked(),
            cpu: self.core().cpu(),
        }
    }

    /// The time on workers of all its fibers so far, and what was charged by hand.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.core().cpu()
    }

    /// Charges time that was spent for the job off the workers (compilation, file threads).
    pub fn charge(&self, time: Duration) {
        self.core().charge(time);
    }

    fn core(&self) -> &Arc<JobCore> {
        &self.0.body.core
    }
}

/// What all handles of a job share.
#[derive(Debug)]
struct JobOwner<T: Execute> {
    body: Arc<JobBody<T>>,
    directory: Arc<Directory<T>>,
}

impl<T: Execute> JobOwner<T> {
    fn close(&self) -> Vec<T> {
        let job = &self.body.core;
        job.close();
        let core = job.core();
        let items = self.body.items.close(&job.tenant.slots);
        // A claim may have gone with the items.
        core.slots_freed();
        fence(Ordering::SeqCst);
        self.remove_members(items.len());
        items
    }

    fn remove_members(&self, number: usize) {
        if self.body.core.remove_members(number) {
            self.directory.forget(&self.body.core);
        }
    }
}

impl<T: Execute> Drop for JobOwner<T> {
    fn drop(&mut self) {
        drop(self.close());
    }
}

/// A job as workers see it.
#[derive(Debug)]
pub(super) struct JobBody<T> {
    pub(super) core: Arc<JobCore>,
    pub(super) items: Items<T>,
}

impl<T> JobBody<T> {
    /// Whether nothing is queued, startable or not.
    pub(super) fn is_empty(&self) -> bool {
        !self.core.has_fibers_queued() && self.items.is_empty()
    }
}

/// All jobs that have members or are open.
#[derive(Debug)]
pub(super) struct Directory<T> {
    workers: usize,
    next_id: AtomicU64,
    jobs: RwLock<FxHashMap<JobId, Arc<JobBody<T>>>>,
}

impl<T> Directory<T> {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            workers,
            next_id: AtomicU64::new(0),
            jobs: RwLock::default(),
        }
    }

    pub(super) fn find(&self, ids: &[JobId]) -> Vec<Arc<JobBody<T>>> {
        let jobs = self.jobs.read();
        ids.iter().filter_map(|id| jobs.get(id).cloned()).collect()
    }

    pub(super) fn all(&self) -> Vec<Arc<JobBody<T>>> {
        self.jobs.read().values().cloned().collect()
    }

    /// The job is closed and has no members: it will never have work again.
    pub(super) fn forget(&self, job: &JobCore) {
        let forgotten = self.jobs.write().remove(&job.id);
        drop(forgotten);
        job.core().roster.unlist(job, || true);
    }

    fn next_id(&self) -> JobId {
        JobId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    fn add(&self, body: &Arc<JobBody<T>>) {
        self.jobs.write().insert(body.core.id, Arc::clone(body));
    }
}
