//! Local mode: the same crate natively, under plain `cargo test`.
//!
//! On any target but WebAssembly, a call runs on a thread of this process. Nothing has to be started: each thread that is
//! not itself a task, such as a `#[test]`, is a job of its own with one slot per core. When it ends, so do its calls.
//!
//! ```
//! use wrun::prelude::*;
//!
//! #[wrun::task]
//! fn add(x: i64, y: i64) -> i64 {
//!     x + y
//! }
//!
//! assert_eq!(add::remote(1, 2).get()?, 3);
//!
//! // A job with four slots, whatever the machine has:
//! let sum = wrun::local::Options::new().slots(4).run(|| add::remote(3, 4).get())?;
//! assert_eq!(sum, 7);
//! # Ok::<(), wrun::Error>(())
//! ```
//!
//! Values go through the same encoding as on the host, so what does not serialize shows here too.
//!
//! # What it can't do
//!
//! - There is no sandbox: statics are shared by all calls, files and the network are reachable, `std::process::exit` ends
//!   the process. A trap has no counterpart, and undefined behaviour is just that.
//! - Memory is not limited: the option `memory` is an error here.
//! - A call that computes can't be interrupted: `cancel`, `kill` and `timeout` take effect when it next calls the SDK
//!   (`get`, `wait`, `sleep`, …) or ends. Its result is the error at once.
//! - There are no system failures, so `max_retries` shows only with `retry_errors`, or for methods of an actor that is restarted
//!   after a panic, a timeout or `kill_and_restart`.
//! - There is no [`http`](crate::http): requests fail.
//! - No deadlock is detected, and a ref can't outlive the process.
//!
//! # How it is built
//!
//! `handles` is the table that gives numbers to objects (`object`), actors (`actor`) and streams (`stream`); `call` is one
//! call and how it is run; `slots` decides when; `current` knows which call runs in a thread; `signal` is how threads
//! wait; `job` is what all calls of a driver share. `border` is the face towards the SDK.
//!
//! Locks are held for moments and never while user code runs. Under one, no other is taken, except the table's by all,
//! an actor's under its job's, and that of a call's `cancel` under its actor's; and nothing is dropped that holds values, since the end of an actor takes locks too.

mod actor;
pub(crate) mod border;
mod call;
mod cancel;
mod current;
mod handles;
mod job;
mod object;
mod signal;
mod slots;
mod stream;

/// How a local job runs.
#[derive(Debug, Clone)]
pub struct Options {
    slots: f64,
    max_queued: usize,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            slots: f64::from(u32::try_from(cores).unwrap_or(1)),
            max_queued: 100_000,
        }
    }
}

impl Options {
    /// One slot per core.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many slots there are.
    #[must_use]
    pub fn slots(mut self, slots: impl Into<f64>) -> Self {
        self.slots = slots.into();
        self
    }

    /// A caller waits while more calls than that are queued.
    #[must_use]
    pub fn max_queued(mut self, calls: usize) -> Self {
        self.max_queued = calls.max(1);
        self
    }

    /// Runs a driver as a job of its own. When it returns, the calls that still run are cancelled.
    pub fn run<R>(self, driver: impl FnOnce() -> R) -> R {
        let _job = current::enter(job::Job::new(&self));
        driver()
    }
}

/// Runs a driver as a job of its own, with one slot per core.
///
/// ```
/// # use wrun::prelude::*;
/// # #[wrun::task]
/// # fn add(x: i64, y: i64) -> i64 { x + y }
/// let sum = wrun::local::run(|| add::remote(1, 2).get());
/// assert_eq!(sum.unwrap(), 3);
/// ```
pub fn run<R>(driver: impl FnOnce() -> R) -> R {
    Options::new().run(driver)
}
