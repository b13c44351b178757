//! A job's numbers and events.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use crossbeam::utils::CachePadded;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::{
    rt::{clock, shard},
    types::{CallState, ErrorKind, Event, EventKind, Listener, TaskId},
};

/// How many events wait for a slow reader before the oldest are dropped.
const EVENTS: usize = 4096;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counts what happened in a job.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub $name: Counter),+ }
    };
}

counters! {
    /// Calls submitted.
    submitted,
    /// Calls ended with results.
    finished,
    /// Calls ended with an error.
    failed,
    /// Attempts beyond the first.
    retried,
    /// Calls that have a sandbox now.
    running,
    /// Actors alive.
    actors,
    /// Actors that have no instance until they are called again.
    hibernating,
    /// Sandboxes made.
    sandboxes,
    /// Sandboxes made outside the pool.
    outside_pool,
}

/// A number in parts, one for each of a few threads, so that workers that count all the time don't meet.
#[derive(Debug)]
pub struct Counter(Box<[CachePadded<AtomicI64>]>);

impl Default for Counter {
    fn default() -> Self {
        Self(
            (0..shard::count())
                .map(|_| CachePadded::default())
                .collect(),
        )
    }
}

impl Counter {
    fn part(&self) -> &AtomicI64 {
        &self.0[shard::current()]
    }

    /// Adds one.
    pub fn add(&self) {
        self.part().fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one away.
    pub fn sub(&self) {
        self.part().fetch_sub(1, Ordering::Relaxed);
    }

    /// How many; while others count, about.
    #[must_use]
    pub fn get(&self) -> u64 {
        let sum: i64 = self.0.iter().map(|part| part.load(Ordering::Relaxed)).sum();
        u64::try_from(sum).unwrap_or(0)
    }
}

/// Tells a job's events to whoever listens; a look at a flag when nobody asked for them.
#[derive(Debug)]
pub struct Emitter {
    wanted: AtomicBool,
    to: To,
}

#[derive(Debug)]
enum To {
    Nobody,
    Channel(Channel),
    Listener(Weak<dyn Listener>),
}

#[derive(Debug)]
struct Channel {
    sender: broadcast::Sender<Event>,
    /// For the first listener, so that it misses nothing of a short job.
    first: Mutex<Option<broadcast::Receiver<Event>>>,
}

impl Emitter {
    /// Tells events, or nothing at all: to a listener if there is one, who may also want them later.
    #[must_use]
    pub fn new(wanted: bool, listener: Option<Weak<dyn Listener>>) -> Self {
        let to = match listener {
            Some(listener) => To::Listener(listener),
            None if wanted => {
                let (sender, first) = broadcast::channel(EVENTS);
                To::Channel(Channel {
                    sender,
                    first: Mutex::new(Some(first)),
                })
            }
            None => To::Nobody,
        };
        let wanted = AtomicBool::new(wanted);
        Self { wanted, to }
    }

    /// Tells its listener from now on.
    pub fn start(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// A call changed its state.
    pub fn call(
        &self,
        task: TaskId,
        name: &Arc<str>,
        state: CallState,
        attempt: u32,
        error: Option<ErrorKind>,
    ) {
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        let kind = EventKind::Call {
            task,
            name: name.clone(),
            state,
            attempt,
            error,
        };
        let at = clock::unix_millis();
        self.tell(Event { at, kind });
    }

    fn tell(&self, event: Event) {
        match &self.to {
            To::Nobody => {}
            // Nobody listening is fine.
            To::Channel(Channel { sender, .. }) => drop(sender.send(event)),
            To::Listener(listener) => {
                if let Some(listener) = listener.upgrade() {
                    listener.event(event);
                }
            }
        }
    }

    /// Listens: the first from the job's beginning, others from now on; `None` when the job does not collect events.
    #[must_use]
    pub fn subscribe(&self) -> Option<broadcast::Receiver<Event>> {
        let To::Channel(Channel { sender, first }) = &self.to else {
            return None;
        };
        Some(first.lock().take().unwrap_or_else(|| sender.subscribe()))
    }
}
