//! Threads as numbers, for counters in parts.
//!
//! What many threads count in one place costs them a cache line that travels; in parts, one for each of a few threads,
//! it stays where it is.

use std::{
    num::NonZero,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Into how many parts counters are best divided on this machine: a power of two, at most 64.
#[must_use]
pub fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        (2 * cores).next_power_of_two().min(64)
    })
}

/// The part of this thread, less than [`count`]: threads get them in turn.
#[must_use]
pub fn current() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed) % count();
    }
    NUMBER.with(|number| *number)
}
