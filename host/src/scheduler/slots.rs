//! A tenant's pool of slots, and who gets the next ones.
//!
//! [`Slots`] holds the number of free slots (in units of 1/10,000) in one word, with a bit that
//! says that somebody waits. Without waiters, taking and giving is one compare-and-swap. With
//! waiters everything goes through the lock: fibers that take their slots again come first, in
//! order; then claims of queued items that did not fit. Whoever does fit may pass a claim that
//! does not, [`PATIENCE`] times; then all freed slots are kept for it (`README.md`, "Slots").
//! Invariants: what is free and what is held make the total; while the bit is set, `free` changes only under the lock;
//! the bit is set exactly while a waiter is queued (seen from outside the lock).
//!
//! It does not know fibers or items, and it wakes nobody but its waiters: who frees slots must
//! look whether queued items can start now.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use crate::rt::sync::Mutex;
use crate::rt::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How often others may pass a claim before the slots that come free are kept for it.
pub(super) const PATIENCE: u32 = 64;

const WAITERS: u64 = 1 << 32;
const FREE: u64 = WAITERS - 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A fiber that takes its slots again.
    Resume,
    /// A queued item that did not fit.
    Start,
}

#[derive(Debug)]
pub(super) struct Waiter {
    kind: Kind,
    slots: u64,
    granted: AtomicBool,
    waker: Mutex<Waker>,
}

impl Waiter {
    /// Whether the slots are the waiter's; they stay so until they are given back.
    pub(super) fn is_granted(&self) -> bool {
        self.granted.load(Ordering::Acquire)
    }
}

#[derive(Debug)]
pub(super) struct Slots {
    state: AtomicU64,
    queue: Mutex<Queue>,
    indices: Mutex<Indices>,
}

#[derive(Debug, Default)]
struct Queue {
    resumes: VecDeque<Arc<Waiter>>,
    claims: VecDeque<Arc<Waiter>>,
    /// How often the first claim was passed.
    passed: u32,
}

impl Slots {
    pub(super) fn new(total: u32) -> Self {
        Self {
            state: AtomicU64::new(u64::from(total)),
            queue: Mutex::new(Queue::default()),
            indices: Mutex::new(Indices::default()),
        }
    }

    /// Takes slots for a fiber that held some before; else it has to [`Slots::enlist`].
    pub(super) fn try_resume(&self, slots: u32) -> bool {
        self.take_fast(u64::from(slots)) == Some(true)
    }

    /// Takes slots for a new item.
    pub(super) fn try_start(&self, slots: u32) -> bool {
        let slots = u64::from(slots);
        self.take_fast(slots).unwrap_or_else(|| {
            let mut queue = self.queue.lock();
            // Nobody sets the bit without the lock, so this answer is final if there is one.
            if let Some(taken) = self.take_fast(slots) {
                return taken;
            }
            let fits = self.fits_new(&queue, slots);
            if fits {
                self.state.fetch_sub(slots, Ordering::SeqCst);
                queue.pass_claim();
            }
            fits
        })
    }

    /// Whether [`Slots::try_start`] would succeed now.
    pub(super) fn can_start(&self, slots: u32) -> bool {
        let slots = u64::from(slots);
        let state = self.state.load(Ordering::SeqCst);
        if state & WAITERS == 0 {
            return state >= slots;
        }
        if state & FREE < slots {
            return false;
        }
        self.fits_new(&self.queue.lock(), slots)
    }

    pub(super) fn give(&self, slots: u32) {
        let slots = u64::from(slots);
        let mut state = self.state.load(Ordering::Relaxed);
        while state & WAITERS == 0 {
            match self.exchange(state, state + slots) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
        let mut queue = self.queue.lock();
        self.state.fetch_add(slots, Ordering::SeqCst);
        let granted = self.settle(&mut queue);
        drop(queue);
        wake_all(&granted);
    }

    /// Queues for slots; look whether they are granted at once, else the waker will be called.
    pub(super) fn enlist(&self, kind: Kind, slots: u32, waker: Waker) -> Arc<Waiter> {
        let waiter = Arc::new(Waiter {
            kind,
            slots: u64::from(slots),
            granted: AtomicBool::new(false),
            waker: Mutex::new(waker),
        });
        let mut queue = self.queue.lock();
        self.state.fetch_or(WAITERS, Ordering::SeqCst);
        queue.of(kind).push_back(Arc::clone(&waiter));
        let mut granted = self.settle(&mut queue);
        drop(queue);
        granted.retain(|other| !Arc::ptr_eq(other, &waiter));
        wake_all(&granted);
        waiter
    }

    /// Whether the slots are granted; if not, `waker` will be called.
    pub(super) fn poll(&self, waiter: &Waiter, waker: &Waker) -> bool {
        if waiter.is_granted() {
            return true;
        }
        let _queue = self.queue.lock();
        if waiter.is_granted() {
            return true;
        }
        waiter.waker.lock().clone_from(waker);
        false
    }

    /// Stops waiting; slots already granted go to the next.
    pub(super) fn cancel(&self, waiter: &Arc<Waiter>) {
        let mut queue = self.queue.lock();
        if waiter.is_granted() {
            self.state.fetch_add(waiter.slots, Ordering::SeqCst);
        } else {
            let waiters = queue.of(waiter.kind);
            waiters.retain(|other| !Arc::ptr_eq(other, waiter));
        }
        let granted = self.settle(&mut queue);
        drop(queue);
        wake_all(&granted);
    }

    /// The lowest index that nobody has.
    pub(super) fn take_index(&self) -> usize {
        self.indices.lock().take()
    }

    pub(super) fn give_index(&self, index: usize) {
        self.indices.lock().freed.push(Reverse(index));
    }

    /// `None`: somebody waits, so the lock decides.
    fn take_fast(&self, slots: u64) -> Option<bool> {
        let mut state = self.state.load(Ordering::SeqCst);
        loop {
            if state & WAITERS != 0 {
                return None;
            }
            if state < slots {
                return Some(false);
            }
            match self.exchange(state, state - slots) {
                Ok(_) => return Some(true),
                Err(now) => state = now,
            }
        }
    }

    fn exchange(&self, from: u64, to: u64) -> Result<u64, u64> {
        self.state
            .compare_exchange_weak(from, to, Ordering::SeqCst, Ordering::Relaxed)
    }

    pub(super) fn free(&self) -> u64 {
        self.state.load(Ordering::SeqCst) & FREE
    }

    fn fits_new(&self, queue: &Queue, slots: u64) -> bool {
        queue.resumes.is_empty()
            && (queue.claims.is_empty() || queue.passed < PATIENCE)
            && self.free() >= slots
    }

    /// Grants what fits, in order; who was granted is to be woken without the lock.
    fn settle(&self, queue: &mut Queue) -> Vec<Arc<Waiter>> {
        let mut granted = Vec::new();
        while let Some(waiter) = queue.next_fitting(self.free()) {
            self.state.fetch_sub(waiter.slots, Ordering::SeqCst);
            waiter.granted.store(true, Ordering::Release);
            granted.push(waiter);
        }
        if queue.claims.is_empty() {
            queue.passed = 0;
        }
        if queue.resumes.is_empty() && queue.claims.is_empty() {
            self.state.fetch_and(!WAITERS, Ordering::SeqCst);
        }
        granted
    }
}

impl Queue {
    fn of(&mut self, kind: Kind) -> &mut VecDeque<Arc<Waiter>> {
        match kind {
            Kind::Resume => &mut self.resumes,
            Kind::Start => &mut self.claims,
        }
    }

    fn pass_claim(&mut self) {
        if !self.claims.is_empty() {
            self.passed += 1;
        }
    }

    /// The waiter whose turn it is, if it fits.
    fn next_fitting(&mut self, free: u64) -> Option<Arc<Waiter>> {
        let fits = |waiter: &Arc<Waiter>| waiter.slots <= free;
        let claim_first = self.resumes.is_empty() || self.passed >= PATIENCE;
        if claim_first && !self.claims.is_empty() {
            let claim = self.claims.pop_front_if(|claim| fits(claim))?;
            self.passed = 0;
            return Some(claim);
        }
        let resume = self.resumes.pop_front_if(|resume| fits(resume))?;
        self.pass_claim();
        Some(resume)
    }
}

fn wake_all(granted: &[Arc<Waiter>]) {
    for waiter in granted {
        let waker = waiter.waker.lock().clone();
        waker.wake();
    }
}

/// Names for holders of slots, given on demand, the lowest first.
#[derive(Debug, Default)]
struct Indices {
    next: usize,
    freed: BinaryHeap<Reverse<usize>>,
}

impl Indices {
    fn take(&mut self) -> usize {
        if let Some(Reverse(index)) = self.freed.pop() {
            return index;
        }
        self.next += 1;
        self.next - 1
    }
}
