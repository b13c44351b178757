//! What a running fiber may do with the slots it holds.
//!
//! [`Turn`] is owned by the fiber's future. [`SlotWait`] is the future that takes slots; it gives
//! up its place, or the slots already granted, when it is dropped. [`WaitMark`] makes the fiber
//! count as blocked while it exists. Invariant: what `held` says is exactly what the pool lacks
//! for this fiber, at every await point.
//!
//! It does not know what the fiber does.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::core::{Core, TenantCore};
use super::fiber::Fiber;
use super::seat;
use super::slots::{Kind, Waiter};

/// Whether a wait ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Only other work can end it: the fiber does not count as active meanwhile.
    Forever,
    /// It has a timeout, or waits for something outside: the fiber counts as active.
    Bounded,
}

/// A fiber's hold on slots; owned by its future, and gives back what it holds when dropped.
#[derive(Debug)]
pub struct Turn {
    fiber: Arc<Fiber>,
    held: u32,
    index: Option<usize>,
}

/// What a fiber uses.
#[derive(Debug)]
pub struct Meter(Arc<Fiber>);

impl Meter {
    /// The time on workers that it has had, at a moment of this poll. Asked by the fiber itself, while it is polled.
    #[must_use]
    pub fn cpu(&self, now: Instant) -> Duration {
        self.0.cpu() + seat::polled_for(now)
    }
}

impl Turn {
    pub(super) fn new(fiber: Arc<Fiber>, held: u32) -> Self {
        Self {
            fiber,
            held,
            index: None,
        }
    }

    /// Waits for `future` without holding slots, unless it is ready at once.
    ///
    /// The slots are held again when this returns; fibers that take theirs again come before new
    /// items, in order. The slot index may be another one then.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the turn holds no slots; nothing is lost.
    pub async fn block<F: Future>(&mut self, wait: Wait, future: F) -> F::Output {
        let mut future = pin!(future);
        if let Poll::Ready(output) = poll_once(future.as_mut()).await {
            return output;
        }
        let slots = self.held;
        self.release();
        let output = self.wait(wait, future).await;
        self.acquire(slots).await;
        output
    }

    /// Gives the slots back and waits for `future`, without taking them again: how an actor
    /// waits for its next call. Without a timeout of its own, as far as stalls are concerned.
    ///
    /// # Cancel safety
    ///
    /// As safe to drop as `future` is.
    pub async fn idle<F: Future>(&mut self, future: F) -> F::Output {
        self.release();
        self.wait(Wait::Forever, pin!(future)).await
    }

    /// Gives back all slots that it holds, and the index with them.
    pub fn release(&mut self) {
        if let Some(index) = self.index.take() {
            self.tenant().slots.give_index(index);
        }
        let held = std::mem::take(&mut self.held);
        if held != 0 {
            self.tenant().give_slots(held);
        }
    }

    /// Takes slots, before any new item does. What was held before is given back first; more
    /// than the scheduler has is as much as it has.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the turn holds no slots.
    pub async fn acquire(&mut self, slots: u32) {
        if self.held == slots {
            return;
        }
        self.release();
        let slots = slots.min(self.core().slots);
        SlotWait::new(Arc::clone(self.tenant()), slots).await;
        self.held = slots;
    }

    /// How many slots it holds, in units of 1/10,000.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.held
    }

    /// A number that no other holder of the tenant's slots has, the lowest that is free; `None` while it holds
    /// none. With whole slots only, it is less than the number of slots.
    pub fn slot_index(&mut self) -> Option<usize> {
        if self.held == 0 {
            return None;
        }
        if self.index.is_none() {
            self.index = Some(self.tenant().slots.take_index());
        }
        self.index
    }

    /// The time on workers that its fiber has had, up to its last suspension.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.fiber.cpu()
    }

    /// Tells what its fiber uses, also when the turn is somebody else's.
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.fiber))
    }

    /// The worker that polls it now; `None` when asked from another thread.
    #[must_use]
    pub fn worker(&self) -> Option<usize> {
        seat::here(self.core())
    }

    /// Whether other work waits for this worker: a good moment to wake oneself and be pending.
    #[must_use]
    pub fn should_yield(&self) -> bool {
        seat::is_contended(self.core())
    }

    fn core(&self) -> &Arc<Core> {
        self.fiber.job().core()
    }

    fn tenant(&self) -> &Arc<TenantCore> {
        &self.fiber.job().tenant
    }

    async fn wait<F: Future>(&self, wait: Wait, future: Pin<&mut F>) -> F::Output {
        let _mark = (wait == Wait::Forever).then(|| WaitMark::new(&self.fiber));
        future.await
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.release();
    }
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// While it exists, its fiber counts as blocked whenever it is not polled.
struct WaitMark<'a>(&'a Fiber);

impl<'a> WaitMark<'a> {
    fn new(fiber: &'a Fiber) -> Self {
        fiber.set_waits_for_others(true);
        Self(fiber)
    }
}

impl Drop for WaitMark<'_> {
    fn drop(&mut self) {
        self.0.set_waits_for_others(false);
    }
}

/// Takes slots from the pool.
struct SlotWait {
    tenant: Arc<TenantCore>,
    slots: u32,
    waiter: Option<Arc<Waiter>>,
}

impl SlotWait {
    fn new(tenant: Arc<TenantCore>, slots: u32) -> Self {
        Self {
            tenant,
            slots,
            waiter: None,
        }
    }
}

impl Future for SlotWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let pool = &self.tenant.slots;
        if let Some(waiter) = &self.waiter {
            if !pool.poll(waiter, context.waker()) {
                return Poll::Pending;
            }
            self.waiter = None;
            return Poll::Ready(());
        }
        if pool.try_resume(self.slots) {
            return Poll::Ready(());
        }
        let waiter = pool.enlist(Kind::Resume, self.slots, context.waker().clone());
        if waiter.is_granted() {
            return Poll::Ready(());
        }
        self.waiter = Some(waiter);
        Poll::Pending
    }
}

impl Drop for SlotWait {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.tenant.slots.cancel(&waiter);
            self.tenant.core.slots_freed();
        }
    }
}
