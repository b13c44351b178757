//! Which worker of which scheduler the current thread is.
//!
//! Set once by each worker thread, read by pushes, turns and releases of slots. A [`Seat`]
//! compares schedulers by the address of their core, which outlives its threads.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::Core;

thread_local! {
    static SEAT: Cell<Option<Seat>> = const { Cell::new(None) };
    static POLLED: Cell<Option<Instant>> = const { Cell::new(None) };
    static CONTENDED: RefCell<Option<Box<dyn FnMut() -> bool>>> = const { RefCell::new(None) };
}

#[derive(Clone, Copy)]
struct Seat {
    scheduler: usize,
    worker: usize,
}

/// Makes the current thread a worker; `contended` tells whether other work waits for it.
pub(super) fn take(core: &Arc<Core>, worker: usize, contended: impl FnMut() -> bool + 'static) {
    let scheduler = Arc::as_ptr(core).addr();
    SEAT.set(Some(Seat { scheduler, worker }));
    CONTENDED.set(Some(Box::new(contended)));
}

pub(super) fn leave() {
    SEAT.set(None);
    CONTENDED.set(None);
}

/// The worker of this scheduler that the current thread is.
pub(super) fn here(core: &Arc<Core>) -> Option<usize> {
    let seat = SEAT.try_with(Cell::get).ok().flatten()?;
    (seat.scheduler == Arc::as_ptr(core).addr()).then_some(seat.worker)
}

/// The current thread, a worker, polls a fiber since then.
pub(super) fn polls(since: Instant) {
    POLLED.set(Some(since));
}

/// How long the fiber that the current thread polls has had it, at this moment.
pub(super) fn polled_for(now: Instant) -> Duration {
    let since = POLLED.try_with(Cell::get).ok().flatten();
    since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
}

/// Whether work waits that no other worker is about to take; false outside workers.
pub(super) fn is_contended(core: &Arc<Core>) -> bool {
    here(core).is_some()
        && CONTENDED.with(|contended| {
            let mut contended = contended.borrow_mut();
            contended.as_mut().is_some_and(|contended| contended())
        })
}
