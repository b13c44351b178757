//! Waiting for many objects at once, with one wake-up.
//!
//! [`Waiting`] registers one small [`Interest`] with each object that is not there; objects count it down as they
//! complete, and the one that brings it to its end wakes the waker. So a wait over `n` objects costs `n` once, not at
//! every completion. A dropped wait leaves interests behind that do nothing; lists of interests drop those as they grow.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures_util::task::AtomicWaker;

use super::{ObjectRef, StreamRef};

#[derive(Debug)]
struct Group {
    /// How many completions are still to come before the waker is called.
    missing: AtomicUsize,
    /// A failed object ends the wait at once.
    stop_on_error: bool,
    done: AtomicBool,
    waker: AtomicWaker,
}

impl Group {
    fn finish(&self) {
        self.done.store(true, Ordering::SeqCst);
        self.waker.wake();
    }

    fn count(&self, failed: bool) {
        if failed && self.stop_on_error {
            return self.finish();
        }
        // Saturating: completions beyond the number asked for are not counted.
        let before = self
            .missing
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
        if before == Ok(1) {
            self.finish();
        }
    }
}

/// One wait's entry in an object's or stream's list.
#[derive(Debug)]
pub(super) struct Interest(Arc<Group>);

impl Interest {
    pub(super) fn notify(self, failed: bool) {
        self.0.count(failed);
    }

    /// Adds to a list, dropping what nobody waits for any more each time the list would have to grow.
    pub(super) fn add(list: &mut Vec<Self>, interest: Self) {
        if list.len() == list.capacity() && list.len() >= 4 {
            list.retain(|other| !other.0.done.load(Ordering::Relaxed));
        }
        list.push(interest);
    }
}

/// What can be waited for.
#[derive(Debug, Clone)]
pub enum Waitable {
    /// An object: ready when its outcome is there.
    Object(ObjectRef),
    /// A stream: ready when its next item or its end is there.
    Stream(StreamRef),
}

/// Whether something can be waited for, and how it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Not there yet.
    Pending,
    /// There.
    Ready,
    /// There, and an error.
    Failed,
}

impl Waitable {
    /// How it is now.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        match self {
            Self::Object(object) => match object.outcome() {
                None => Readiness::Pending,
                Some(Ok(_)) => Readiness::Ready,
                Some(Err(_)) => Readiness::Failed,
            },
            Self::Stream(stream) if stream.is_ready() => Readiness::Ready,
            Self::Stream(_) => Readiness::Pending,
        }
    }

    fn register(&self, interest: Interest) -> Result<(), Interest> {
        match self {
            Self::Object(object) => object.register(interest),
            Self::Stream(stream) => stream.register(interest),
        }
    }
}

/// A future that is done when enough of its objects are there. It gives nothing: look at the objects.
///
/// Cancel safe: dropping it forgets the wait and nothing else.
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Waiting(Option<Arc<Group>>);

impl Waiting {
    /// Waits until all of `on` are there, or the first of them is an error.
    pub fn for_all<'a>(on: impl IntoIterator<Item = &'a Waitable>) -> Self {
        let on: Vec<_> = on
            .into_iter()
            .filter(|w| w.readiness() != Readiness::Ready)
            .collect();
        if on.iter().any(|w| w.readiness() == Readiness::Failed) {
            return Self(None);
        }
        let missing = on.len();
        Self::register(on.into_iter(), missing, true)
    }

    /// Waits until `n` of `on` are there; errors count. More than there are is as many as there are.
    pub fn for_some<'a>(on: impl IntoIterator<Item = &'a Waitable>, n: usize) -> Self {
        let (mut ready, mut pending) = (0, Vec::new());
        for waitable in on {
            if waitable.readiness() == Readiness::Pending {
                pending.push(waitable);
            } else {
                ready += 1;
            }
        }
        let missing = n.saturating_sub(ready).min(pending.len());
        Self::register(pending.into_iter(), missing, false)
    }

    fn register<'a>(
        on: impl Iterator<Item = &'a Waitable>,
        missing: usize,
        stop_on_error: bool,
    ) -> Self {
        if missing == 0 {
            return Self(None);
        }
        let group = Arc::new(Group {
            missing: AtomicUsize::new(missing),
            stop_on_error,
            done: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        for waitable in on {
            if waitable.register(Interest(group.clone())).is_err() {
                group.count(waitable.readiness() == Readiness::Failed);
            }
        }
        Self(Some(group))
    }

    /// Whether it is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|group| group.done.load(Ordering::SeqCst))
    }

    /// Wakes `waker` when it is done, without polling; tells whether it is done already.
    #[must_use]
    pub fn wake(&self, waker: &Waker) -> bool {
        if let Some(group) = &self.0 {
            group.waker.register(waker);
        }
        self.is_done()
    }
}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.wake(cx.waker()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(group) = &self.0 {
            group.done.store(true, Ordering::Relaxed);
        }
    }
}
