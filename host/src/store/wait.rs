//! Waiting for many objects at once, with one wake-up.
//!
//! [`Waiting`] registers one small [`Interest`] with each object that is not there; objects count it down as they
//! complete, and the one that brings it to its end wakes the waker. So a wait over `n` objects costs `n` once, not at
//! every completion. A dropped wait takes its waker back at once, and its interests leave the lists as soon as they are
//! half of them: what waits costs memory, not what has waited.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Weak,
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
    fn notify(self, failed: bool) {
        self.0.count(failed);
    }
}

/// Who waits for one object or stream.
#[derive(Debug, Default)]
pub(super) struct Interests {
    list: Vec<Interest>,
    /// At least so many of them may be of waits that were dropped.
    dropped: usize,
}

impl Interests {
    pub(super) fn add(&mut self, interest: Interest) {
        self.list.push(interest);
    }

    /// One of the waits was dropped.
    pub(super) fn forget_one(&mut self) {
        self.dropped += 1;
        if self.dropped * 2 >= self.list.len() {
            self.dropped = 0;
            self.list
                .retain(|interest| !interest.0.done.load(Ordering::Relaxed));
            self.list.shrink_to(self.list.len() * 2);
        }
    }

    /// Tells all of them; not to be called under a lock.
    pub(super) fn notify(self, failed: bool) {
        for interest in self.list {
            interest.notify(failed);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.list.len()
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

    fn forget_one(&self) {
        match self {
            Self::Object(object) => object.forget_one(),
            Self::Stream(stream) => stream.forget_one(),
        }
    }
}

/// A future that is done when enough of its objects are there. It gives nothing: look at the objects.
///
/// Cancel safe: dropping it forgets the wait and nothing else.
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Waiting(Option<Arc<Registered>>);

#[derive(Debug)]
struct Registered {
    group: Arc<Group>,
    on: Vec<Waitable>,
}

/// A wait as who looks from outside sees it; it keeps nothing alive.
#[derive(Debug, Clone, Default)]
pub struct Awaited(Weak<Registered>);

/// What is not there yet of what a wait is for.
#[derive(Debug, Default)]
pub struct Missing {
    /// Some of it.
    pub some: Vec<Waitable>,
    /// Others that were seen.
    pub others: u64,
    /// When so many of them are there, the wait is done.
    pub enough: u64,
}

impl Awaited {
    /// What is not there yet: at most so many, and how many others among the first `looks`.
    #[must_use]
    pub fn missing(&self, most: usize, looks: &mut usize) -> Missing {
        let Some(registered) = self.0.upgrade() else {
            return Missing::default();
        };
        let mut missing = Missing {
            enough: registered.group.missing.load(Ordering::Relaxed) as u64,
            ..Missing::default()
        };
        for waitable in &registered.on {
            if *looks == 0 {
                break;
            }
            *looks -= 1;
            if waitable.readiness() != Readiness::Pending {
                continue;
            }
            if missing.some.len() < most {
                missing.some.push(waitable.clone());
            } else {
                missing.others += 1;
            }
        }
        missing
    }
}

impl Waiting {
    /// The same for who looks from outside.
    #[must_use]
    pub fn awaited(&self) -> Awaited {
        Awaited(self.0.as_ref().map(Arc::downgrade).unwrap_or_default())
    }

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
        Self::register(on, missing, true)
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
        Self::register(pending, missing, false)
    }

    fn register(on: Vec<&Waitable>, missing: usize, stop_on_error: bool) -> Self {
        if missing == 0 {
            return Self(None);
        }
        let group = Arc::new(Group {
            missing: AtomicUsize::new(missing),
            stop_on_error,
            done: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        let on: Vec<_> = on.into_iter().cloned().collect();
        for waitable in &on {
            if waitable.register(Interest(group.clone())).is_err() {
                group.count(waitable.readiness() == Readiness::Failed);
            }
        }
        Self(Some(Arc::new(Registered { group, on })))
    }

    /// Whether it is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|registered| registered.group.done.load(Ordering::SeqCst))
    }

    /// Wakes `waker` when it is done, without polling; tells whether it is done already.
    #[must_use]
    pub fn wake(&self, waker: &Waker) -> bool {
        if let Some(registered) = &self.0 {
            registered.group.waker.register(waker);
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
        if let Some(registered) = &self.0 {
            let Registered { group, on } = &**registered;
            group.done.store(true, Ordering::SeqCst);
            // Who waited may be large, and what is left of the wait in a list may stay there for long.
            drop(group.waker.take());
            on.iter().for_each(Waitable::forget_one);
        }
    }
}
