//! What the scheduler, its tenants and its jobs have apart from queued items.
//!
//! One [`Core`] per scheduler (sleeping workers, the list of jobs with work, live fibers),
//! one [`TenantCore`] per tenant (with its slots) and one [`JobCore`] per job, each pointing up. Fibers and turns
//! hold a `JobCore`, so none of this depends on the type of the items. Invariants: a job with
//! anything queued is listed in [`Roster`]; `members` is never too low, so a job that is closed
//! and has none will never have work again.
//!
//! It does not choose what runs next.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use std::task::Wake;
use std::time::Duration;

use crossbeam::queue::SegQueue;
use crossbeam::utils::CachePadded;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::fiber::Fiber;
use super::seat;
use super::share::{Floor, Share, Standing};
use super::sleep::Sleep;
use super::slots::Slots;
use super::stall::Active;
use super::{JobId, OnBusy, OnPanic};
#[cfg(feature = "guard-switch")]
use crate::rt::guard::Guard;

pub(super) struct Core {
    /// How many slots each tenant has.
    pub(super) slots: u32,
    /// The slots of all tenants, where they don't have their own.
    #[cfg(feature = "guard-switch")]
    shared: Arc<CachePadded<Slots>>,
    pub(super) sleep: CachePadded<Sleep>,
    pub(super) roster: Roster,
    pub(super) live: Live,
    /// The least share among tenants.
    pub(super) floor: Floor,
    /// Whose fiber each worker polls, or polled last before it looks again.
    polled: Vec<CachePadded<Mutex<Option<Arc<TenantCore>>>>>,
    stopping: AtomicBool,
    /// Workers that are not asleep; the lock orders the calls of `on_busy`.
    awake: Mutex<usize>,
    on_busy: OnBusy,
    on_panic: OnPanic,
}

impl fmt::Debug for Core {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Core")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl Core {
    pub(super) fn new(workers: usize, slots: u32, on_busy: OnBusy, on_panic: OnPanic) -> Self {
        Self {
            slots,
            #[cfg(feature = "guard-switch")]
            shared: Arc::new(CachePadded::new(Slots::new(slots))),
            sleep: CachePadded::new(Sleep::new(workers)),
            roster: Roster::default(),
            live: Live::new(workers),
            floor: Floor::default(),
            polled: (0..workers).map(|_| CachePadded::default()).collect(),
            stopping: AtomicBool::new(false),
            awake: Mutex::new(0),
            on_busy,
            on_panic,
        }
    }

    /// The slots of a new tenant.
    fn tenant_slots(&self) -> Arc<CachePadded<Slots>> {
        #[cfg(feature = "guard-switch")]
        if !Guard::OwnSlots.stands() {
            return Arc::clone(&self.shared);
        }
        Arc::new(CachePadded::new(Slots::new(self.slots)))
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.sleep.wake_all();
    }

    pub(super) fn awake(&self) -> usize {
        *self.awake.lock()
    }

    /// A worker turns to another tenant, or to none.
    pub(super) fn set_polled(&self, worker: usize, tenant: Option<Arc<TenantCore>>) {
        let before = std::mem::replace(&mut *self.polled[worker].lock(), tenant);
        drop(before);
    }

    pub(super) fn polled(&self) -> impl Iterator<Item = Arc<TenantCore>> {
        self.polled
            .iter()
            .filter_map(|tenant| tenant.lock().clone())
    }

    /// A worker starts or was woken.
    pub(super) fn wake_up(&self) {
        let mut awake = self.awake.lock();
        *awake += 1;
        if *awake == 1 {
            (self.on_busy)(true);
        }
    }

    /// A worker ends or goes to sleep.
    pub(super) fn lie_down(&self) {
        let mut awake = self.awake.lock();
        *awake -= 1;
        if *awake == 0 {
            (self.on_busy)(false);
        }
    }

    pub(super) fn report_panic(&self, job: JobId, message: &str) {
        (self.on_panic)(job, message);
    }

    /// A tenant's slots were given back. A worker looks for startable items after each poll, so only others have
    /// to wake one.
    pub(super) fn slots_freed(self: &Arc<Self>) {
        if seat::here(self).is_none() {
            self.sleep.notify();
        }
    }
}

/// The jobs that may have work, by id; workers keep a copy until the version changes.
///
/// A job is put in when work is published in it while it is not listed. It is taken out when it
/// is found empty while the list is long.
#[derive(Debug, Default)]
pub(super) struct Roster {
    jobs: Mutex<Vec<JobId>>,
    version: AtomicU64,
}

impl Roster {
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    pub(super) fn read(&self) -> (u64, Vec<JobId>) {
        let jobs = self.jobs.lock();
        (self.version(), jobs.clone())
    }

    fn list(&self, job: &JobCore) {
        let mut jobs = self.jobs.lock();
        if !job.listed.swap(true, Ordering::SeqCst) {
            jobs.push(job.id);
            self.version.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Takes a job out unless work appears at the same time.
    pub(super) fn unlist(&self, job: &JobCore, is_empty: impl FnOnce() -> bool) {
        let mut jobs = self.jobs.lock();
        if !job.listed.swap(false, Ordering::SeqCst) {
            return;
        }
        fence(Ordering::SeqCst);
        if is_empty() {
            jobs.retain(|&id| id != job.id);
            self.version.fetch_add(1, Ordering::SeqCst);
        } else {
            job.listed.store(true, Ordering::SeqCst);
        }
    }
}

/// The fibers that outlived their first poll, so that a shutdown finds those that wait.
#[derive(Debug)]
pub(super) struct Live(Vec<Mutex<FxHashMap<usize, Arc<Fiber>>>>);

impl Live {
    fn new(workers: usize) -> Self {
        let shards = (workers * 4).next_power_of_two();
        Self((0..shards).map(|_| Mutex::default()).collect())
    }

    pub(super) fn add(&self, fiber: &Arc<Fiber>) {
        let key = Arc::as_ptr(fiber).addr();
        self.shard(key).lock().insert(key, Arc::clone(fiber));
    }

    pub(super) fn remove(&self, fiber: &Arc<Fiber>) {
        let key = Arc::as_ptr(fiber).addr();
        let gone = self.shard(key).lock().remove(&key);
        drop(gone);
    }

    pub(super) fn take_all(&self) -> Vec<Arc<Fiber>> {
        let shards = self.0.iter();
        shards
            .flat_map(|shard| std::mem::take(&mut *shard.lock()).into_values())
            .collect()
    }

    fn shard(&self, key: usize) -> &Mutex<FxHashMap<usize, Arc<Fiber>>> {
        // The low bits of an address are alike.
        &self.0[(key >> 7) & (self.0.len() - 1)]
    }
}

#[derive(Debug)]
pub(super) struct TenantCore {
    pub(super) core: Arc<Core>,
    pub(super) active: Arc<CachePadded<Active>>,
    pub(super) slots: Arc<CachePadded<Slots>>,
    pub(super) share: Share,
    /// The least share among the tenant's jobs.
    pub(super) floor: Floor,
    weight: AtomicU32,
    cpu_nanos: AtomicU64,
}

impl TenantCore {
    pub(super) fn new(core: Arc<Core>, weight: NonZeroU32) -> Self {
        Self {
            slots: core.tenant_slots(),
            core,
            active: Arc::default(),
            share: Share::default(),
            floor: Floor::default(),
            weight: AtomicU32::new(weight.get()),
            cpu_nanos: AtomicU64::new(0),
        }
    }

    pub(super) fn give_slots(&self, slots: u32) {
        self.slots.give(slots);
        self.core.slots_freed();
    }

    pub(super) fn set_weight(&self, weight: NonZeroU32) {
        self.weight.store(weight.get(), Ordering::Relaxed);
    }

    pub(super) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanos.load(Ordering::Relaxed))
    }

    pub(super) fn charge(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.cpu_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.share.charge(time, self.weight());
    }

    pub(super) fn standing(&self) -> Standing {
        Standing(self.share.standing(&self.core.floor))
    }

    fn weight(&self) -> NonZeroU32 {
        NonZeroU32::new(self.weight.load(Ordering::Relaxed)).unwrap_or(NonZeroU32::MIN)
    }
}

#[derive(Debug)]
pub(super) struct JobCore {
    pub(super) id: JobId,
    pub(super) tenant: Arc<TenantCore>,
    pub(super) share: Share,
    /// Woken fibers, oldest first.
    pub(super) woken: SegQueue<Arc<Fiber>>,
    /// Fibers that were woken while they were polled, oldest first.
    pub(super) yielded: SegQueue<Arc<Fiber>>,
    cpu_nanos: AtomicU64,
    /// Queued items and fibers.
    members: CachePadded<AtomicUsize>,
    blocked: AtomicUsize,
    listed: AtomicBool,
    closed: AtomicBool,
}

impl JobCore {
    pub(super) fn new(id: JobId, tenant: Arc<TenantCore>) -> Self {
        Self {
            id,
            tenant,
            share: Share::default(),
            woken: SegQueue::new(),
            yielded: SegQueue::new(),
            cpu_nanos: AtomicU64::new(0),
            members: CachePadded::new(AtomicUsize::new(0)),
            blocked: AtomicUsize::new(0),
            listed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.tenant.core
    }

    /// Work was published in this job: lists it and wakes a worker.
    pub(super) fn announce(&self) {
        self.announce_listed();
        self.core().sleep.notify();
    }

    /// Work was published in this job that no worker can start now.
    pub(super) fn announce_listed(&self) {
        fence(Ordering::SeqCst);
        if !self.listed.load(Ordering::SeqCst) {
            self.core().roster.list(self);
        }
    }

    pub(super) fn take_woken(&self) -> Option<Arc<Fiber>> {
        if self.woken.is_empty() {
            None
        } else {
            self.woken.pop()
        }
    }

    pub(super) fn take_yielded(&self) -> Option<Arc<Fiber>> {
        if self.yielded.is_empty() {
            None
        } else {
            self.yielded.pop()
        }
    }

    /// For the shutdown: fibers in queues are live too, so that their futures are dropped there.
    pub(super) fn clear_queues(&self) {
        while let Some(fiber) = self.take_woken().or_else(|| self.take_yielded()) {
            drop(fiber);
        }
    }

    pub(super) fn has_fibers_queued(&self) -> bool {
        !self.woken.is_empty() || !self.yielded.is_empty()
    }

    /// An item is about to be queued or a fiber started.
    pub(super) fn add_members(&self, number: usize) {
        self.members.fetch_add(number, Ordering::SeqCst);
        self.tenant.active.add(number);
    }

    /// Items were taken back or a fiber is done; true when the job can be forgotten.
    #[must_use]
    pub(super) fn remove_members(&self, number: usize) -> bool {
        let before = self.members.fetch_sub(number, Ordering::SeqCst);
        self.tenant.active.remove(number);
        before == number && self.is_closed()
    }

    pub(super) fn members(&self) -> usize {
        self.members.load(Ordering::SeqCst)
    }

    pub(super) fn add_blocked(&self) {
        self.blocked.fetch_add(1, Ordering::Relaxed);
        self.tenant.active.remove(1);
    }

    pub(super) fn remove_blocked(&self) {
        self.tenant.active.add(1);
        self.blocked.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn blocked(&self) -> usize {
        self.blocked.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn charge(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.cpu_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.share.charge(time, NonZeroU32::MIN);
        self.tenant.charge(time);
    }

    pub(super) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanos.load(Ordering::Relaxed))
    }
}

/// The waker of a claim for slots: the job's next item can start.
impl Wake for JobCore {
    fn wake(self: Arc<Self>) {
        self.announce();
    }
}
