//! A work-stealing executor for items that become fibers when their slots are free.
//!
//! A [`Scheduler`] owns the worker threads. A [`Tenant`] has a weight, a [`Job`] belongs to a
//! tenant and queues items ([`Execute`]); an item gets its slots and becomes a fiber, a future
//! that holds a [`Turn`], the right to its slots. Workers choose the tenant that has had the
//! least CPU time per weight, then its job that has had the least, then woken fibers before new
//! items. The rules, with the proofs, are in `README.md`.
//!
//! Invariants: slots that a tenant holds never exceed the total; an item starts at most once; a fiber is polled
//! by one worker at a time; no wake-up is lost; a panic in a fiber ends that fiber only.
//!
//! It does not cancel (a fiber's future listens for that itself), does not interrupt a poll, owns
//! no timer, and does not know sandboxes, objects or dependencies between items.

mod core;
mod fiber;
mod job;
mod queue;
mod seat;
mod share;
mod sleep;
mod slots;
mod stall;
mod state;
mod turn;
mod view;
mod worker;

#[cfg(test)]
#[cfg(loom)]
mod loom_tests;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::thread::JoinHandle;

pub use fiber::FiberFuture;
pub use job::{Job, JobClosed, JobStats, PushError, Tenant};
pub use share::Standing;
pub use stall::Stalled;
pub use turn::{Meter, Turn, Wait};

use self::core::Core;
use job::Directory;
use worker::Worker;

/// One slot, in the units in which slots are counted.
pub const SLOT: u32 = 10_000;

/// What is queued: small, and made into a fiber when its slots are free.
pub trait Execute: Send + Sized + 'static {
    /// How many slots it needs, in units of 1/10,000 ([`SLOT`]); always the same number.
    fn slots(&self) -> u32;

    /// The fiber's future, which owns the turn; called on a worker, with the slots taken.
    fn execute(self, turn: Turn) -> FiberFuture;
}

/// A job's number in its scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

type OnBusy = Box<dyn Fn(bool) + Send + Sync>;
type OnPanic = Box<dyn Fn(JobId, &str) + Send + Sync>;

/// How to start a [`Scheduler`].
pub struct SchedulerOptions {
    workers: NonZeroUsize,
    slots: u32,
    runtime: tokio::runtime::Handle,
    on_busy: OnBusy,
    on_panic: OnPanic,
}

impl fmt::Debug for SchedulerOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("SchedulerOptions");
        debug
            .field("workers", &self.workers)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl SchedulerOptions {
    /// One worker per core and as many slots; `runtime` is entered by each worker.
    #[must_use]
    pub fn new(runtime: tokio::runtime::Handle) -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let slots = u32::try_from(workers.get())
            .unwrap_or(u32::MAX)
            .saturating_mul(SLOT);
        Self {
            workers,
            slots,
            runtime,
            on_busy: Box::new(|_| {}),
            on_panic: Box::new(|_, _| {}),
        }
    }

    /// The number of worker threads (at most 4,096).
    #[must_use]
    pub fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.workers = workers;
        self
    }

    /// The number of slots that each tenant has, in units of 1/10,000.
    #[must_use]
    pub fn slots(mut self, slots: u32) -> Self {
        self.slots = slots;
        self
    }

    /// Called with true when the first worker wakes and with false when the last one goes to
    /// sleep, in this order and never twice at once; it must be quick and not use the scheduler.
    #[must_use]
    pub fn on_busy(mut self, on_busy: impl Fn(bool) + Send + Sync + 'static) -> Self {
        self.on_busy = Box::new(on_busy);
        self
    }

    /// Called with the message when a fiber of the job panicked, on the worker.
    #[must_use]
    pub fn on_panic(mut self, on_panic: impl Fn(JobId, &str) + Send + Sync + 'static) -> Self {
        self.on_panic = Box::new(on_panic);
        self
    }
}

/// The worker threads; dropping it shuts down as [`Scheduler::shutdown`] does.
#[derive(Debug)]
pub struct Scheduler<T> {
    core: Arc<Core>,
    directory: Arc<Directory<T>>,
    runtime: tokio::runtime::Handle,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Execute> Scheduler<T> {
    /// Starts the worker threads.
    ///
    /// # Errors
    ///
    /// Fails if the system refuses a thread.
    pub fn start(options: SchedulerOptions) -> std::io::Result<Self> {
        let workers = options.workers.get().min(sleep::MAX_WORKERS);
        let core = Core::new(workers, options.slots, options.on_busy, options.on_panic);
        let mut scheduler = Self {
            core: Arc::new(core),
            directory: Arc::new(Directory::new(workers)),
            runtime: options.runtime,
            threads: Vec::with_capacity(workers),
        };
        for number in 0..workers {
            let (core, directory) = (scheduler.core.clone(), scheduler.directory.clone());
            let runtime = scheduler.runtime.clone();
            let builder = std::thread::Builder::new().name(format!("wrun-worker-{number}"));
            scheduler.threads.push(builder.spawn(move || {
                let _inside = runtime.enter();
                Worker::run(number, core, directory);
            })?);
        }
        Ok(scheduler)
    }

    /// A new tenant.
    #[must_use]
    pub fn tenant(&self, weight: NonZeroU32) -> Tenant<T> {
        Tenant::new(Arc::clone(&self.core), Arc::clone(&self.directory), weight)
    }

    /// The number of slots of a tenant, in units of 1/10,000; an item that asks for more is refused.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.core.slots
    }

    /// The number of worker threads.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.threads.len()
    }

    /// The number of workers that are not asleep.
    #[must_use]
    pub fn running(&self) -> usize {
        self.core.awake()
    }

    /// Stops the workers after the poll that each is in, waits for them, and drops all fibers and
    /// queued items. Does not interrupt a poll: stop guests first.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl<T> Scheduler<T> {
    fn join_threads(&mut self) {
        let this_thread = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // A worker that drops its own scheduler ends after this poll.
            if thread.thread().id() != this_thread {
                // A worker catches what its fibers do, so this is a bug that was printed already.
                let _ = thread.join();
            }
        }
    }

    /// Drops what waits, then what is queued; wakes that come later find the scheduler stopping.
    fn drop_work(&self) {
        let _inside = self.runtime.enter();
        for fiber in self.core.live.take_all() {
            fiber.abandon();
        }
        for job in self.directory.all() {
            job.core.close();
            job.core.clear_queues();
            let items = job.items.close(&job.core.tenant.slots);
            if job.core.remove_members(items.len()) {
                self.directory.forget(&job.core);
            }
        }
    }
}

impl<T> Drop for Scheduler<T> {
    fn drop(&mut self) {
        self.core.stop();
        self.join_threads();
        self.drop_work();
    }
}
