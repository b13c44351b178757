//! A result that is ready when the case says so.

use cases::ms;
use wrun::prelude::*;

/// Something to wait for.
#[wrun::actor]
pub(crate) struct Signal {
    sent: bool,
}

#[wrun::actor]
impl Signal {
    pub(crate) fn new() -> Self {
        Self { sent: false }
    }

    pub(crate) fn send(&mut self) {
        self.sent = true;
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.sent
    }
}

/// Ends when the signal was sent.
#[wrun::task(num_cpus = 0)]
fn signalled(signal: Handle<Signal>) -> Result<u64> {
    while !signal.is_sent().get()? {
        wrun::sleep(ms(5));
    }
    Ok(0)
}

/// A result that is there once the signal was sent; it takes no slot.
pub(crate) fn wait(signal: &Handle<Signal>) -> ObjectRef<u64> {
    signalled::remote(signal)
}
