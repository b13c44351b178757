//! How a thread waits: [`Signal`] is raised by whoever has news, and the waiting thread looks again.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Locks, whatever a panicking thread left: what is locked here is changed in single steps.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time.
pub(super) fn now() -> Instant {
    #[allow(
        clippy::disallowed_methods,
        reason = "local mode is real threads in real time"
    )]
    Instant::now()
}

/// When a timeout is over; `None` never, also when it is beyond what a clock can tell.
pub(super) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| now().checked_add(timeout))
}

/// The earlier of two deadlines.
pub(super) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Wakes one waiting thread.
#[derive(Debug, Default)]
pub(super) struct Signal {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    /// Wakes the thread, or keeps it from falling asleep next time.
    pub(super) fn raise(&self) {
        *lock(&self.raised) = true;
        self.changed.notify_all();
    }

    /// Sleeps until the signal is raised or the time is over, and lowers it.
    pub(super) fn wait(&self, deadline: Option<Instant>) {
        let mut raised = lock(&self.raised);
        while !*raised {
            raised = match deadline {
                None => self
                    .changed
                    .wait(raised)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let Some(left) = deadline
                        .checked_duration_since(now())
                        .filter(|left| !left.is_zero())
                    else {
                        return;
                    };
                    self.changed
                        .wait_timeout(raised, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        *raised = false;
    }
}

/// Threads that want to know. Those that are gone are swept out as the list grows.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    list: Vec<Weak<Signal>>,
    sweep_at: usize,
}

impl Watchers {
    /// Adds one.
    pub(super) fn add(&mut self, signal: Weak<Signal>) {
        if self.list.len() >= self.sweep_at.max(8) {
            self.list.retain(|signal| signal.strong_count() > 0);
            self.sweep_at = 2 * self.list.len();
        }
        self.list.push(signal);
    }

    /// Wakes all, and forgets them.
    pub(super) fn wake(&mut self) {
        for signal in self.list.drain(..) {
            if let Some(signal) = signal.upgrade() {
                signal.raise();
            }
        }
    }

    /// Takes all, to be woken later.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}
