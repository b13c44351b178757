//! Every interleaving of the three protocols on which liveness rests: sleeping, the state of a
//! fiber, and the hand-over of slots.
//!
//! `sleep.rs`, `slots.rs`, `state.rs` and this file use nothing of the host but `rt/sync.rs`: tokio's
//! `net` does not build under `--cfg loom`, so a package that includes just these files runs them,
//! with `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

use std::sync::Arc;
use std::task::{Wake, Waker};

use loom::model::Builder;
use loom::thread;

use super::sleep::Sleep;
use super::slots::{Kind, Slots};
use super::state::{FiberState, Paused, WakeStep};
use crate::rt::sync::Mutex;
use crate::rt::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

fn model(test: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(test);
}

/// A worker that runs `number` pieces of work in all, then returns.
fn work_off(sleep: &Sleep, worker: usize, queue: &AtomicUsize, done: &AtomicUsize, number: usize) {
    let take = || {
        let take = |left: usize| left.checked_sub(1);
        queue
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .is_ok()
    };
    let is_over = || done.load(Ordering::SeqCst) >= number;
    let has_work = || queue.load(Ordering::Acquire) > 0 || is_over();
    let mut is_searching = false;
    loop {
        if take() {
            if std::mem::take(&mut is_searching) {
                sleep.end_search();
            }
            if sleep.wants_wake() && has_work() {
                sleep.notify();
            }
            if done.fetch_add(1, Ordering::SeqCst) + 1 >= number {
                fence(Ordering::SeqCst);
                sleep.wake_all();
                return;
            }
        } else if is_over() {
            return;
        } else if !is_searching {
            is_searching = true;
            sleep.start_search();
        } else {
            sleep.sleep(worker, has_work);
        }
    }
}

fn publish(sleep: &Sleep, queue: &AtomicUsize) {
    queue.fetch_add(1, Ordering::AcqRel);
    sleep.notify();
}

#[test]
fn one_worker_never_sleeps_over_work() {
    model(|| {
        let shared = Arc::new((Sleep::new(1), AtomicUsize::new(0), AtomicUsize::new(0)));
        let worker = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || work_off(&shared.0, 0, &shared.1, &shared.2, 2))
        };
        publish(&shared.0, &shared.1);
        publish(&shared.0, &shared.1);
        worker.join().unwrap();
    });
}

#[test]
fn two_workers_never_both_sleep_over_work() {
    model(|| {
        let shared = Arc::new((Sleep::new(2), AtomicUsize::new(0), AtomicUsize::new(0)));
        let workers = [0, 1].map(|worker| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || work_off(&shared.0, worker, &shared.1, &shared.2, 2))
        });
        publish(&shared.0, &shared.1);
        publish(&shared.0, &shared.1);
        for worker in workers {
            worker.join().unwrap();
        }
    });
}

/// Work that waits for slots: the pusher wakes nobody when no slot is free, and who gives slots
/// back looks for work afterwards.
#[test]
fn a_push_without_free_slots_is_found_by_who_frees_them() {
    model(|| {
        let slots = Arc::new(Slots::new(1));
        assert!(slots.try_start(1));
        let queued = Arc::new(AtomicBool::new(false));
        let holder = {
            let (slots, queued) = (Arc::clone(&slots), Arc::clone(&queued));
            thread::spawn(move || {
                slots.give(1);
                fence(Ordering::SeqCst);
                queued.load(Ordering::Acquire) && slots.can_start(1)
            })
        };
        queued.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
        let pusher_sees = slots.can_start(1);
        assert!(holder.join().unwrap() || pusher_sees);
    });
}

/// A fiber in a model: a queue of one place, and what it waits for.
struct Modelled {
    state: FiberState,
    queued: AtomicUsize,
    active: AtomicUsize,
    event: AtomicUsize,
}

impl Modelled {
    fn wake(&self) {
        loop {
            let step = self.state.next_wake();
            if step == WakeStep::Unblock {
                self.active.fetch_add(1, Ordering::SeqCst);
            }
            if self.state.wake(step) {
                if matches!(step, WakeStep::Schedule | WakeStep::Unblock) {
                    let queued = self.queued.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(queued, 0, "queued twice");
                }
                return;
            }
            if step == WakeStep::Unblock {
                self.active.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// Polls until both events were seen.
    fn run_until_done(&self) {
        loop {
            if self.event.load(Ordering::Relaxed) == 2 {
                let _ = self.state.finish();
                return;
            }
            match self.state.pause(true) {
                Paused::Again => {}
                Paused::Waiting => {
                    self.active.fetch_sub(1, Ordering::SeqCst);
                    while self.queued.load(Ordering::SeqCst) == 0 {
                        thread::yield_now();
                    }
                    assert!(
                        self.active.load(Ordering::SeqCst) >= 1,
                        "queued but not active"
                    );
                    self.queued.fetch_sub(1, Ordering::SeqCst);
                }
            }
            self.state.run();
        }
    }
}

#[test]
fn a_wake_during_a_poll_is_never_lost() {
    model(|| {
        let fiber = Arc::new(Modelled {
            state: FiberState::running(),
            queued: AtomicUsize::new(0),
            active: AtomicUsize::new(1),
            event: AtomicUsize::new(0),
        });
        let wakers = [0, 1].map(|_| {
            let fiber = Arc::clone(&fiber);
            thread::spawn(move || {
                // Relaxed: the transitions alone must make it visible to the poll.
                fiber.event.fetch_add(1, Ordering::Relaxed);
                fiber.wake();
            })
        });
        fiber.run_until_done();
        for waker in wakers {
            waker.join().unwrap();
        }
        assert_eq!(fiber.state.next_wake(), WakeStep::Nothing);
    });
}

struct Flag(Mutex<bool>);

impl Flag {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(false)))
    }

    fn is_set(&self) -> bool {
        *self.0.lock()
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        *self.0.lock() = true;
    }
}

#[test]
fn slots_given_back_reach_who_waits() {
    model(|| {
        let slots = Arc::new(Slots::new(1));
        assert!(slots.try_start(1));
        let flag = Flag::new();
        let holder = {
            let slots = Arc::clone(&slots);
            thread::spawn(move || slots.give(1))
        };
        let waiter = if slots.try_resume(1) {
            None
        } else {
            Some(slots.enlist(Kind::Resume, 1, Waker::from(Arc::clone(&flag))))
        };
        let at_once = waiter.as_ref().is_none_or(|waiter| waiter.is_granted());
        holder.join().unwrap();
        assert!(at_once || flag.is_set(), "it was not told");
        assert!(waiter.is_none_or(|waiter| waiter.is_granted()));
        assert!(!slots.can_start(1), "the slot is held");
        slots.give(1);
        assert!(slots.can_start(1));
    });
}

#[test]
fn a_wait_given_up_while_it_is_granted_loses_no_slot() {
    model(|| {
        let slots = Arc::new(Slots::new(1));
        assert!(slots.try_start(1));
        let (first, second) = (Flag::new(), Flag::new());
        let one = slots.enlist(Kind::Resume, 1, Waker::from(first));
        let two = slots.enlist(Kind::Start, 1, Waker::from(Arc::clone(&second)));
        let holder = {
            let slots = Arc::clone(&slots);
            thread::spawn(move || slots.give(1))
        };
        slots.cancel(&one);
        holder.join().unwrap();
        assert!(two.is_granted() && second.is_set());
        slots.give(1);
        assert!(slots.can_start(1));
    });
}

#[test]
fn takers_and_waiters_never_hold_more_than_there_is() {
    model(|| {
        let slots = Arc::new(Slots::new(2));
        let held = Arc::new(AtomicUsize::new(0));
        let takers = [1_u32, 2].map(|number| {
            let (slots, held) = (Arc::clone(&slots), Arc::clone(&held));
            thread::spawn(move || {
                if slots.try_start(number) {
                    let before = held.fetch_add(number as usize, Ordering::SeqCst);
                    assert!(before + number as usize <= 2);
                    held.fetch_sub(number as usize, Ordering::SeqCst);
                    slots.give(number);
                }
            })
        });
        let waiter = slots.enlist(Kind::Start, 2, Waker::from(Flag::new()));
        for taker in takers {
            taker.join().unwrap();
        }
        assert!(waiter.is_granted());
        slots.cancel(&waiter);
        assert!(slots.can_start(2));
    });
}
