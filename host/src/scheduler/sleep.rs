//! How workers without work fall asleep and are woken, without a lost wake-up.
//!
//! [`Sleep`] counts the workers that are SEARCHING and those that are ASLEEP in one word, keeps
//! the list of sleepers, and one [`Parker`] per worker. The rules and the proof are in
//! `README.md` ("Sleeping"). Invariants: a worker is in the list exactly while it counts as
//! ASLEEP; who takes it out of the list changes the counts and hands it its token.
//!
//! It does not know what work is: callers pass `has_work`, which must see everything that was
//! published before the fence in [`Sleep::notify`].

use crate::rt::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::rt::sync::{Condvar, Mutex};

const SEARCHING: usize = 1;
const ASLEEP: usize = 1 << 16;
const SEARCHING_MASK: usize = ASLEEP - 1;

/// The most workers that the two counts have room for.
pub(super) const MAX_WORKERS: usize = 1 << 12;

#[derive(Debug)]
pub(super) struct Sleep {
    /// SEARCHING workers in the low half, ASLEEP ones in the high half.
    counts: AtomicUsize,
    sleepers: Mutex<Vec<usize>>,
    parkers: Vec<Parker>,
}

impl Sleep {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            counts: AtomicUsize::new(0),
            sleepers: Mutex::new(Vec::with_capacity(workers)),
            parkers: (0..workers).map(|_| Parker::new()).collect(),
        }
    }

    /// RUNNING to SEARCHING.
    pub(super) fn start_search(&self) {
        self.counts.fetch_add(SEARCHING, Ordering::SeqCst);
    }

    /// SEARCHING to RUNNING. The caller then looks whether work remains for a sleeper
    /// ([`Sleep::wants_wake`]).
    pub(super) fn end_search(&self) {
        self.counts.fetch_sub(SEARCHING, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// SEARCHING to ASLEEP, and back to SEARCHING when woken or when `has_work` says so.
    pub(super) fn sleep(&self, worker: usize, has_work: impl FnOnce() -> bool) {
        {
            let mut sleepers = self.sleepers.lock();
            sleepers.push(worker);
            self.counts.fetch_add(ASLEEP - SEARCHING, Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
        if has_work() && self.leave(worker) {
            return;
        }
        self.parkers[worker].park();
    }

    /// Work was published: wakes a sleeper, unless a searcher will find it.
    pub(super) fn notify(&self) {
        fence(Ordering::SeqCst);
        if self.wants_wake() {
            self.wake_one();
        }
    }

    /// Whether a worker is asleep and none is searching.
    pub(super) fn wants_wake(&self) -> bool {
        let counts = self.counts.load(Ordering::SeqCst);
        counts >= ASLEEP && counts & SEARCHING_MASK == 0
    }

    /// Whether at most half of the workers are SEARCHING: more would find no more.
    pub(super) fn few_search(&self) -> bool {
        let searching = self.counts.load(Ordering::Relaxed) & SEARCHING_MASK;
        searching * 2 <= self.parkers.len().max(2)
    }

    /// Whether a worker is asleep or searching: it will take what is runnable.
    pub(super) fn anyone_idle(&self) -> bool {
        self.counts.load(Ordering::SeqCst) != 0
    }

    pub(super) fn wake_all(&self) {
        let sleepers = {
            let mut sleepers = self.sleepers.lock();
            let asleep = std::mem::take(&mut *sleepers);
            let change = asleep.len() * (ASLEEP - SEARCHING);
            self.counts.fetch_sub(change, Ordering::SeqCst);
            asleep
        };
        for worker in sleepers {
            self.parkers[worker].unpark();
        }
    }

    fn wake_one(&self) {
        let woken = {
            let mut sleepers = self.sleepers.lock();
            if !self.wants_wake() {
                return;
            }
            let woken = sleepers.pop();
            if woken.is_some() {
                self.counts.fetch_sub(ASLEEP - SEARCHING, Ordering::SeqCst);
            }
            woken
        };
        if let Some(worker) = woken {
            self.parkers[worker].unpark();
        }
    }

    /// Takes the worker out of the list; false when a waker was first, whose token is coming.
    fn leave(&self, worker: usize) -> bool {
        let mut sleepers = self.sleepers.lock();
        let Some(place) = sleepers.iter().position(|&sleeper| sleeper == worker) else {
            return false;
        };
        sleepers.remove(place);
        self.counts.fetch_sub(ASLEEP - SEARCHING, Ordering::SeqCst);
        true
    }
}

/// One worker's bed: a token that is put in once per time that it is woken.
#[derive(Debug)]
struct Parker {
    token: Mutex<bool>,
    bell: Condvar,
}

impl Parker {
    fn new() -> Self {
        Self {
            token: Mutex::new(false),
            bell: Condvar::new(),
        }
    }

    fn park(&self) {
        let mut token = self.token.lock();
        while !*token {
            self.bell.wait(&mut token);
        }
        *token = false;
    }

    fn unpark(&self) {
        *self.token.lock() = true;
        self.bell.notify_one();
    }
}
