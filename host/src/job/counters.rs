//! A job's numbers.

use std::sync::atomic::{AtomicI64, Ordering};

use crossbeam::utils::CachePadded;

use crate::rt::shard;

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
