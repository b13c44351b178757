//! A fiber: a future that workers poll, and its waker.
//!
//! [`Fiber`] is its own waker. Its state decides who may touch the future ([`FiberState`]), so
//! the lock around it is never contended; the future is dropped by the worker that sees it end,
//! or by the shutdown. Invariant: a fiber counts as a member of its job from before it can be
//! seen until after its future is dropped.
//!
//! It does not choose when it runs, and holds slots only through the `Turn` in its future.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::core::JobCore;
use super::state::{FiberState, Paused, WakeStep};

/// The future of a fiber.
pub type FiberFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) struct Fiber {
    job: Arc<JobCore>,
    state: FiberState,
    future: Mutex<Option<FiberFuture>>,
    /// Its turn is inside `block` or `idle` without a timeout.
    waits_for_others: AtomicBool,
    is_listed: AtomicBool,
    /// Nanoseconds of its polls.
    cpu: AtomicU64,
}

impl fmt::Debug for Fiber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Fiber");
        debug
            .field("job", &self.job.id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Fiber {
    /// A fiber that the caller queues.
    pub(super) fn scheduled(job: Arc<JobCore>) -> Arc<Self> {
        Self::new(job, FiberState::scheduled())
    }

    /// Queues a new SCHEDULED fiber, unless the scheduler is stopping.
    pub(super) fn launch(self: &Arc<Self>, future: FiberFuture) {
        *self.future.lock() = Some(future);
        self.list();
        self.enqueue();
        if self.job.core().is_stopping() {
            self.abandon();
        }
    }

    /// A fiber that the caller, a worker, polls at once.
    pub(super) fn running(job: Arc<JobCore>) -> Arc<Self> {
        Self::new(job, FiberState::running())
    }

    fn new(job: Arc<JobCore>, state: FiberState) -> Arc<Self> {
        Arc::new(Self {
            job,
            state,
            future: Mutex::new(None),
            waits_for_others: AtomicBool::new(false),
            is_listed: AtomicBool::new(false),
            cpu: AtomicU64::new(0),
        })
    }

    pub(super) fn set_future(&self, future: FiberFuture) {
        *self.future.lock() = Some(future);
    }

    pub(super) fn job(&self) -> &Arc<JobCore> {
        &self.job
    }

    /// A poll took so long; the worker that polls it says so.
    pub(super) fn spend(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let before = self.cpu.load(Ordering::Relaxed);
        self.cpu
            .store(before.saturating_add(nanos), Ordering::Relaxed);
    }

    pub(super) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu.load(Ordering::Relaxed))
    }

    pub(super) fn set_waits_for_others(&self, waits: bool) {
        self.waits_for_others.store(waits, Ordering::Relaxed);
    }

    /// A worker took it from a queue: SCHEDULED to RUNNING.
    pub(super) fn run(&self) {
        self.state.run();
    }

    /// Polls a RUNNING fiber once and does what follows; true when the job can be forgotten.
    #[must_use]
    pub(super) fn poll(self: &Arc<Self>) -> bool {
        let waker = Waker::from(Arc::clone(self));
        let mut future = self.future.lock();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let future = future.as_mut().expect("a RUNNING fiber has its future");
            future.as_mut().poll(&mut Context::from_waker(&waker))
        }));
        match polled {
            Ok(Poll::Pending) => {
                drop(future);
                self.pause();
                false
            }
            Ok(Poll::Ready(())) => {
                let ended = future.take();
                drop(future);
                self.finish(ended)
            }
            Err(panic) => {
                let ended = future.take();
                drop(future);
                self.report(&*panic);
                self.finish(ended)
            }
        }
    }

    /// Ends it from outside, when no worker runs any more; leaves alone one that is being polled
    /// (the fiber that drops its own scheduler).
    pub(super) fn abandon(self: &Arc<Self>) {
        let future = self.future.try_lock().and_then(|mut future| future.take());
        if future.is_some() {
            let _ = self.finish(future);
        }
    }

    pub(super) fn report(&self, panic: &(dyn Any + Send)) {
        self.job
            .core()
            .report_panic(self.job.id, panic_message(panic));
    }

    /// Drops the future and takes the fiber out of all counts; true when the job can be
    /// forgotten.
    #[must_use]
    pub(super) fn finish(self: &Arc<Self>, future: Option<FiberFuture>) -> bool {
        if self.state.finish() {
            self.job.remove_blocked();
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
            self.report(&*panic);
        }
        if self.is_listed.load(Ordering::Relaxed) {
            self.job.core().live.remove(self);
        }
        self.job.remove_members(1)
    }

    fn pause(self: &Arc<Self>) {
        self.list();
        let blocked = self.waits_for_others.load(Ordering::Relaxed);
        match self.state.pause(blocked) {
            Paused::Waiting if blocked => self.job.add_blocked(),
            Paused::Waiting => {}
            Paused::Again => {
                self.job.yielded.push(Arc::clone(self));
                self.job.announce_listed();
            }
        }
    }

    /// Makes it known to the shutdown.
    fn list(self: &Arc<Self>) {
        if !self.is_listed.load(Ordering::Relaxed) {
            self.is_listed.store(true, Ordering::Relaxed);
            self.job.core().live.add(self);
        }
    }

    fn schedule(self: &Arc<Self>) {
        loop {
            let step = self.state.next_wake();
            // Counted before the transition and taken back after it fails: never too low.
            if step == WakeStep::Unblock {
                self.job.remove_blocked();
            }
            if self.state.wake(step) {
                if matches!(step, WakeStep::Schedule | WakeStep::Unblock) {
                    self.enqueue();
                }
                return;
            }
            if step == WakeStep::Unblock {
                self.job.add_blocked();
            }
        }
    }

    fn enqueue(self: &Arc<Self>) {
        self.job.woken.push(Arc::clone(self));
        self.job.announce();
        if self.job.core().is_stopping() {
            // Nobody reads the queue any more, and it would keep the job and itself alive.
            self.job.clear_queues();
        }
    }
}

impl Wake for Fiber {
    fn wake(self: Arc<Self>) {
        self.schedule();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.schedule();
    }
}

/// What `panic!` was given, as far as it is text.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    if let Some(message) = panic.downcast_ref::<&str>() {
        return message;
    }
    panic
        .downcast_ref::<String>()
        .map_or("a panic without a message", String::as_str)
}
