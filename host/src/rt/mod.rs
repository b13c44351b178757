//! What everything else stands on: the clock, randomness, the guards by name, the switch between std's and loom's
//! primitives, threads as numbers, the heap's spare memory, what the process uses, errors told in full, and a way to do nested things one after another.
//!
//! It is the only place that asks the operating system for the time or for random bytes, so that tests can find and
//! replace each such use. It knows nothing of tasks.

pub mod clock;
pub mod error;
pub mod guard;
pub mod heap;
pub mod process;
pub mod random;
pub mod shard;
pub mod sync;
pub mod unnest;
