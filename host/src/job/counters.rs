//! A job's numbers and events.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::{
    rt::clock,
    types::{CallState, ErrorKind, Event, EventKind, TaskId},
};

/// How many events wait for a slow reader before the oldest are dropped.
const EVENTS: usize = 4096;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counts what happened in a job.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub $name: AtomicU64),+ }
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
    /// Sandboxes made.
    sandboxes,
    /// Sandboxes made outside the pool.
    outside_pool,
}

impl Counters {
    /// Adds one.
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one away.
    pub fn sub(counter: &AtomicU64) {
        counter.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many.
    #[must_use]
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
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
