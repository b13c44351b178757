//! A job's numbers and events.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crossbeam::utils::CachePadded;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::{
    rt::{clock, shard},
    types::{CallState, ErrorKind, Event, EventKind, TaskId},
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

/// Tells a job's events to whoever listens; free when nobody asked for them.
#[derive(Debug)]
pub struct Emitter(Option<Channel>);

#[derive(Debug)]
struct Channel {
    sender: broadcast::Sender<Event>,
    /// For the first listener, so that it misses nothing of a short job.
    first: Mutex<Option<broadcast::Receiver<Event>>>,
}

impl Emitter {
    /// Tells events, or nothing at all.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        Self(wanted.then(|| {
            let (sender, first) = broadcast::channel(EVENTS);
            Channel {
                sender,
                first: Mutex::new(Some(first)),
            }
        }))
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
        if let Some(Channel { sender, .. }) = &self.0 {
            let kind = EventKind::Call {
                task,
                name: name.clone(),
                state,
                attempt,
                error,
            };
            // Nobody listening is fine.
            let _ = sender.send(Event {
                at: clock::unix_millis(),
                kind,
            });
        }
    }

    /// Listens: the first from the job's beginning, others from now on; `None` when the job does not collect events.
    #[must_use]
    pub fn subscribe(&self) -> Option<broadcast::Receiver<Event>> {
        let Channel { sender, first } = self.0.as_ref()?;
        Some(first.lock().take().unwrap_or_else(|| sender.subscribe()))
    }
}
