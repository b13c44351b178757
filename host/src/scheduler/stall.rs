//! Whether anything of a tenant can still go on by itself.
//!
//! [`Active`] counts the tenant's queued items and its fibers that are not BLOCKED. When it
//! falls to zero, nothing but an event from outside would move the tenant, and one of those that
//! wait in [`Stalled`] is let go, the longest-waiting first. Invariant: the count is never too
//! low (what becomes active is counted before others can see it, what ends is counted after), so
//! a stall is never reported while work can run.
//!
//! It does not decide what the one let go does about it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use crossbeam::utils::CachePadded;
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(super) struct Active {
    count: AtomicUsize,
    waiting: Mutex<VecDeque<Arc<Place>>>,
}

#[derive(Debug)]
struct Place(Mutex<Wait>);

#[derive(Debug)]
struct Wait {
    chosen: bool,
    waker: Waker,
}

impl Active {
    pub(super) fn add(&self, number: usize) {
        self.count.fetch_add(number, Ordering::SeqCst);
    }

    pub(super) fn remove(&self, number: usize) {
        if number != 0 && self.count.fetch_sub(number, Ordering::SeqCst) == number {
            self.choose();
        }
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Lets the first of those that wait go, if the tenant is stalled.
    fn choose(&self) {
        let place = {
            let mut waiting = self.waiting.lock();
            if !self.is_stalled() {
                return;
            }
            waiting.pop_front()
        };
        if let Some(place) = place {
            let waker = {
                let mut wait = place.0.lock();
                wait.chosen = true;
                wait.waker.clone()
            };
            waker.wake();
        }
    }
}

/// Waits until the tenant is stalled and this one is chosen to do something about it.
///
/// One is chosen per stall, in order of first poll. A chosen one that goes on makes its tenant
/// active again; if it comes to wait once more without having changed anything, that is the next
/// stall, and the next one is chosen.
///
/// # Cancel safety
///
/// One that is dropped after it was chosen passes the choice on.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Stalled {
    active: Arc<CachePadded<Active>>,
    place: Option<Arc<Place>>,
}

impl Stalled {
    pub(super) fn new(active: Arc<CachePadded<Active>>) -> Self {
        Self {
            active,
            place: None,
        }
    }
}

impl Future for Stalled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(place) = &self.place {
            let mut wait = place.0.lock();
            if wait.chosen {
                drop(wait);
                self.place = None;
                return Poll::Ready(());
            }
            wait.waker.clone_from(context.waker());
            return Poll::Pending;
        }
        let place = Arc::new(Place(Mutex::new(Wait {
            chosen: false,
            waker: context.waker().clone(),
        })));
        self.active.waiting.lock().push_back(Arc::clone(&place));
        self.place = Some(place);
        // The stall may be older than this wait, if it is not polled by a fiber of the tenant.
        self.active.choose();
        Poll::Pending
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else {
            return;
        };
        let was_waiting = {
            let mut waiting = self.active.waiting.lock();
            let before = waiting.len();
            waiting.retain(|other| !Arc::ptr_eq(other, &place));
            waiting.len() < before
        };
        if !was_waiting {
            self.active.choose();
        }
    }
}
