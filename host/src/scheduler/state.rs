//! The state of a fiber: one atomic, changed only by the named transitions below.
//!
//! [`FiberState`] is IDLE, BLOCKED, SCHEDULED, RUNNING, NOTIFIED or DONE (`README.md`, "States
//! of a fiber"). Invariants: exactly one party owns a fiber that is SCHEDULED (the queue that
//! holds it) or RUNNING/NOTIFIED (the worker that polls it), so it is in at most one queue and
//! polled by at most one worker; a wake is never lost, since it either schedules the fiber or
//! leaves NOTIFIED for the worker to find.
//!
//! It does not hold the future, the queues or the counts.

use crate::rt::sync::atomic::{AtomicU8, Ordering};

/// Waits for a wake; counts as active (a timer, I/O, slots).
const IDLE: u8 = 0;
/// Waits for a wake that only other work of its tenant can cause.
const BLOCKED: u8 = 1;
/// In a queue.
const SCHEDULED: u8 = 2;
/// Polled by a worker.
const RUNNING: u8 = 3;
/// Polled by a worker, and woken since the poll began.
const NOTIFIED: u8 = 4;
/// Its future is gone.
const DONE: u8 = 5;

/// What a wake has to do, as seen before it is done.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WakeStep {
    /// IDLE to SCHEDULED: the waker puts it in a queue.
    Schedule,
    /// BLOCKED to SCHEDULED: the same, and it is active again.
    Unblock,
    /// RUNNING to NOTIFIED: the worker will see it.
    Notify,
    /// Somebody else's wake is on its way, or it is done.
    Nothing,
}

/// What became of a fiber whose poll was pending.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paused {
    /// It waits; the next wake schedules it.
    Waiting,
    /// It was woken during the poll: SCHEDULED, and the worker puts it in a queue.
    Again,
}

#[derive(Debug)]
pub(super) struct FiberState(AtomicU8);

impl FiberState {
    /// A fiber that its maker puts in a queue.
    pub(super) fn scheduled() -> Self {
        Self(AtomicU8::new(SCHEDULED))
    }

    /// A fiber whose maker polls it at once.
    pub(super) fn running() -> Self {
        Self(AtomicU8::new(RUNNING))
    }

    /// What a wake would do now.
    pub(super) fn next_wake(&self) -> WakeStep {
        match self.0.load(Ordering::Acquire) {
            IDLE => WakeStep::Schedule,
            BLOCKED => WakeStep::Unblock,
            RUNNING => WakeStep::Notify,
            _ => WakeStep::Nothing,
        }
    }

    /// Does what [`FiberState::next_wake`] said; false when the state has changed since.
    #[must_use]
    pub(super) fn wake(&self, step: WakeStep) -> bool {
        match step {
            WakeStep::Schedule => self.change(IDLE, SCHEDULED),
            WakeStep::Unblock => self.change(BLOCKED, SCHEDULED),
            WakeStep::Notify => self.change(RUNNING, NOTIFIED),
            // A read-modify-write, so that what the waker did before is seen by the poll that
            // the earlier wake leads to.
            WakeStep::Nothing => {
                let state = self.0.fetch_or(0, Ordering::AcqRel);
                matches!(state, SCHEDULED | NOTIFIED | DONE)
            }
        }
    }

    /// SCHEDULED to RUNNING, by the worker that took it from a queue.
    pub(super) fn run(&self) {
        let before = self.0.swap(RUNNING, Ordering::AcqRel);
        debug_assert_eq!(
            before, SCHEDULED,
            "a queue held a fiber that was not SCHEDULED"
        );
    }

    /// RUNNING to IDLE or BLOCKED; NOTIFIED to SCHEDULED.
    pub(super) fn pause(&self, blocked: bool) -> Paused {
        let waiting = if blocked { BLOCKED } else { IDLE };
        if self.change(RUNNING, waiting) {
            return Paused::Waiting;
        }
        let before = self.0.swap(SCHEDULED, Ordering::AcqRel);
        debug_assert_eq!(before, NOTIFIED, "only a wake changes a RUNNING fiber");
        Paused::Again
    }

    /// RUNNING or NOTIFIED to DONE; also from any other state when the scheduler shuts down. True
    /// if it was BLOCKED.
    #[must_use]
    pub(super) fn finish(&self) -> bool {
        self.0.swap(DONE, Ordering::AcqRel) == BLOCKED
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}
