//! [`Slots`]: who may run.
//!
//! Whoever wants to run stands in one queue: first those that ran before and were blocked, then the deepest calls (a
//! recursion then holds few threads), then the oldest. The head gets its slots as soon as enough are free; nobody
//! overtakes it, so that none starves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::signal::{Signal, lock};

/// Slots in the ABI's unit.
pub(super) type Units = u32;

/// What happens when the slots are given; the number is that of a slot, to be shown. Gives false when they are not needed
/// any more.
pub(super) type Grant = Box<dyn FnOnce(usize) -> bool + Send>;

pub(super) struct Slots {
    pub(super) total: Units,
    state: Mutex<State>,
    /// How many wait; read without the lock.
    waiting: AtomicUsize,
}

struct State {
    free: Units,
    queue: BinaryHeap<Ticket>,
    sequence: u64,
    taken: Vec<bool>,
    running: usize,
    /// Callers that wait for the queue to get shorter.
    room: super::signal::Watchers,
}

struct Ticket {
    order: (bool, u32, Reverse<u64>),
    need: Units,
    grant: Grant,
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Ticket {}
impl PartialOrd for Ticket {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ticket {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slots")
            .field("total", &self.total)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl Slots {
    pub(super) fn new(total: Units) -> Self {
        let state = State {
            free: total,
            queue: BinaryHeap::new(),
            sequence: 0,
            taken: Vec::new(),
            running: 0,
            room: super::signal::Watchers::default(),
        };
        Self {
            total,
            state: Mutex::new(state),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Asks for slots. `again` is for those that had them before.
    pub(super) fn ask(&self, need: Units, again: bool, depth: u32, grant: Grant) {
        {
            let mut state = lock(&self.state);
            state.sequence += 1;
            let order = (again, depth, Reverse(state.sequence));
            state.queue.push(Ticket { order, need, grant });
            self.waiting.store(state.queue.len(), Ordering::Relaxed);
        }
        self.give();
    }

    /// Asks for slots and waits for them; gives the number of one.
    pub(super) fn acquire(&self, need: Units, again: bool, depth: u32) -> usize {
        let signal = Arc::new(Signal::default());
        let number = Arc::new(Mutex::new(None));
        let (raise, tell) = (signal.clone(), number.clone());
        self.ask(
            need,
            again,
            depth,
            Box::new(move |number| {
                *lock(&tell) = Some(number);
                raise.raise();
                true
            }),
        );
        loop {
            if let Some(number) = lock(&number).take() {
                return number;
            }
            signal.wait(None);
        }
    }

    /// Gives slots back.
    pub(super) fn release(&self, need: Units, number: usize) {
        self.put_back(need, number);
        self.give();
    }

    fn put_back(&self, need: Units, number: usize) {
        let mut state = lock(&self.state);
        state.free += need;
        state.running -= 1;
        if let Some(taken) = state.taken.get_mut(number) {
            *taken = false;
        }
    }

    fn give(&self) {
        loop {
            let (ticket, number, mut room) = {
                let mut state = lock(&self.state);
                if state
                    .queue
                    .peek()
                    .is_none_or(|ticket| ticket.need > state.free)
                {
                    return;
                }
                let Some(ticket) = state.queue.pop() else {
                    return;
                };
                state.free -= ticket.need;
                state.running += 1;
                self.waiting.store(state.queue.len(), Ordering::Relaxed);
                let number = state
                    .taken
                    .iter()
                    .position(|taken| !taken)
                    .unwrap_or(state.taken.len());
                if number == state.taken.len() {
                    state.taken.push(false);
                }
                state.taken[number] = true;
                (ticket, number, state.room.take())
            };
            room.wake();
            if !(ticket.grant)(number) {
                self.put_back(ticket.need, number);
            }
        }
    }

    /// Whether a caller has to wait for the queue to get shorter: it is full, and somebody runs who can shorten it.
    pub(super) fn is_full(&self, limit: usize, wake: &Arc<Signal>) -> bool {
        if self.waiting.load(Ordering::Relaxed) < limit {
            return false;
        }
        let mut state = lock(&self.state);
        let full = state.queue.len() >= limit && state.running > 0;
        if full {
            state.room.add(Arc::downgrade(wake));
        }
        full
    }
}
