//! The queued items of one job.
//!
//! [`Items`] has one deque per worker for items of exactly one slot (the owner pops the newest,
//! thieves take the oldest), an inbox for those pushed from other threads, a queue for items
//! without slots, and one for all other sizes ("odd": fractions and many), of which the first
//! may have a claim on slots to come. Invariants: a closed job's queues stay empty, since each
//! push and each steal looks at `closed` under the lock of the queue it fills; locks are taken in
//! the order own deque, shared, slots.
//!
//! It does not count members and does not wake workers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use crossbeam::deque::{Steal, Stealer, Worker as Deque};
use crossbeam::utils::CachePadded;
use parking_lot::Mutex;

use super::slots::{Kind, Slots, Waiter};
use super::{Execute, SLOT};

/// How many items move from a long inbox to a worker's deque at once.
const BATCH: usize = 32;

/// More items than that make an inbox long.
const LONG: usize = 8 * BATCH;

pub(super) struct Items<T> {
    owned: Vec<CachePadded<Owned<T>>>,
    shared: Mutex<Shared<T>>,
    inbox_len: AtomicUsize,
    free_len: AtomicUsize,
    odd_len: AtomicUsize,
}

struct Owned<T> {
    deque: Mutex<OwnDeque<T>>,
    stealer: Stealer<T>,
}

struct OwnDeque<T> {
    items: Deque<T>,
    closed: bool,
}

struct Shared<T> {
    inbox: VecDeque<T>,
    /// Items without slots.
    free: VecDeque<T>,
    odd: VecDeque<T>,
    /// For the first odd item.
    claim: Option<Arc<Waiter>>,
    closed: bool,
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Items")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl<T> Items<T> {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            owned: (0..workers)
                .map(|_| CachePadded::new(Owned::new()))
                .collect(),
            shared: Mutex::new(Shared::new()),
            inbox_len: AtomicUsize::new(0),
            free_len: AtomicUsize::new(0),
            odd_len: AtomicUsize::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        let owned: usize = self.owned.iter().map(|owned| owned.stealer.len()).sum();
        let shared = [&self.inbox_len, &self.free_len, &self.odd_len];
        owned
            + shared
                .map(|len| len.load(Ordering::SeqCst))
                .iter()
                .sum::<usize>()
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_whole() && !self.has_free() && !self.has_odd()
    }

    /// Whether an item of one slot is queued.
    pub(super) fn has_whole(&self) -> bool {
        self.inbox_len.load(Ordering::SeqCst) != 0
            || self.owned.iter().any(|owned| !owned.stealer.is_empty())
    }

    pub(super) fn has_free(&self) -> bool {
        self.free_len.load(Ordering::SeqCst) != 0
    }

    pub(super) fn has_odd(&self) -> bool {
        self.odd_len.load(Ordering::SeqCst) != 0
    }

    /// Whether an odd item is queued that is worth a try: it has its slots, or no claim yet.
    pub(super) fn has_startable_odd(&self) -> bool {
        self.has_odd() && {
            let shared = self.shared.lock();
            !shared.odd.is_empty() && shared.claim.as_ref().is_none_or(|claim| claim.is_granted())
        }
    }

    /// The newest own item, else the oldest from the inbox, else the oldest of another worker.
    pub(super) fn take_whole(&self, worker: usize) -> Option<T> {
        let own = self.owned[worker].deque.lock();
        own.items
            .pop()
            .or_else(|| self.take_inbox(&own.items))
            .or_else(|| {
                if own.closed {
                    None
                } else {
                    self.steal(worker, &own.items)
                }
            })
    }

    /// An item without slots.
    pub(super) fn take_free(&self) -> Option<T> {
        if !self.has_free() {
            return None;
        }
        let mut shared = self.shared.lock();
        let item = shared.free.pop_front();
        self.free_len.store(shared.free.len(), Ordering::SeqCst);
        item
    }

    /// Takes everything out; later pushes are refused.
    pub(super) fn close(&self, slots: &Slots) -> Vec<T> {
        let mut taken = Vec::new();
        let claim = {
            let mut shared = self.shared.lock();
            shared.closed = true;
            taken.extend(shared.free.drain(..));
            taken.extend(shared.odd.drain(..));
            taken.extend(shared.inbox.drain(..));
            for len in [&self.inbox_len, &self.free_len, &self.odd_len] {
                len.store(0, Ordering::SeqCst);
            }
            shared.claim.take()
        };
        if let Some(claim) = claim {
            slots.cancel(&claim);
        }
        for owned in &self.owned {
            let mut deque = owned.deque.lock();
            deque.closed = true;
            while !owned.stealer.is_empty() {
                taken.extend(deque.items.pop());
            }
        }
        taken
    }

    fn take_inbox(&self, own: &Deque<T>) -> Option<T> {
        if self.inbox_len.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut shared = self.shared.lock();
        let first = shared.inbox.pop_front();
        // One by one keeps the order among workers; only a long inbox is worth losing it for.
        let long = shared.inbox.len() > LONG;
        let more = if long { BATCH } else { 0 };
        // In reverse, so that the owner pops the oldest of them first.
        shared
            .inbox
            .drain(..more)
            .rev()
            .for_each(|item| own.push(item));
        self.inbox_len.store(shared.inbox.len(), Ordering::SeqCst);
        first
    }

    fn steal(&self, thief: usize, own: &Deque<T>) -> Option<T> {
        let workers = self.owned.len();
        for distance in 1..workers {
            let victim = &self.owned[(thief + distance) % workers].stealer;
            loop {
                match victim.steal_batch_and_pop(own) {
                    Steal::Success(item) => return Some(item),
                    Steal::Empty => break,
                    Steal::Retry => {}
                }
            }
        }
        None
    }
}

impl<T: Execute> Items<T> {
    /// Queues an item, in the worker's own deque if there is a worker; gives it back if closed.
    pub(super) fn push(&self, item: T, worker: Option<usize>) -> Result<(), T> {
        match item.slots() {
            SLOT => self.push_whole([item], worker).map_err(|[item]| item),
            0 => self.push_shared(item, &self.free_len, |shared| &mut shared.free),
            _ => self.push_shared(item, &self.odd_len, |shared| &mut shared.odd),
        }
    }

    /// Queues items of one slot, as [`push`](Self::push); gives them back if closed.
    pub(super) fn push_whole<I>(&self, items: I, worker: Option<usize>) -> Result<(), I>
    where
        I: IntoIterator<Item = T>,
    {
        if let Some(worker) = worker {
            let own = self.owned[worker].deque.lock();
            if own.closed {
                return Err(items);
            }
            items.into_iter().for_each(|item| own.items.push(item));
            return Ok(());
        }
        let mut shared = self.shared.lock();
        if shared.closed {
            return Err(items);
        }
        shared.inbox.extend(items);
        self.inbox_len.store(shared.inbox.len(), Ordering::SeqCst);
        Ok(())
    }

    /// The first odd item, with its slots taken; claims slots for it if they are not free.
    pub(super) fn take_odd(&self, slots: &Slots, waker: impl FnOnce() -> Waker) -> Option<T> {
        if !self.has_odd() {
            return None;
        }
        let mut shared = self.shared.lock();
        let needs = shared.odd.front()?.slots();
        let has_slots = match &shared.claim {
            Some(claim) => claim.is_granted(),
            None if slots.try_start(needs) => true,
            None => {
                let claim = slots.enlist(Kind::Start, needs, waker());
                shared.claim.insert(claim).is_granted()
            }
        };
        if !has_slots {
            return None;
        }
        shared.claim = None;
        let item = shared.odd.pop_front();
        self.odd_len.store(shared.odd.len(), Ordering::SeqCst);
        item
    }

    fn push_shared(
        &self,
        item: T,
        len: &AtomicUsize,
        queue: impl FnOnce(&mut Shared<T>) -> &mut VecDeque<T>,
    ) -> Result<(), T> {
        let mut shared = self.shared.lock();
        if shared.closed {
            return Err(item);
        }
        let queue = queue(&mut shared);
        queue.push_back(item);
        len.store(queue.len(), Ordering::SeqCst);
        Ok(())
    }
}

impl<T> Owned<T> {
    fn new() -> Self {
        let items = Deque::new_lifo();
        let stealer = items.stealer();
        let closed = false;
        Self {
            deque: Mutex::new(OwnDeque { items, closed }),
            stealer,
        }
    }
}

impl<T> Shared<T> {
    fn new() -> Self {
        Self {
            inbox: VecDeque::new(),
            free: VecDeque::new(),
            odd: VecDeque::new(),
            claim: None,
            closed: false,
        }
    }
}
