//! The clock that interrupts guests: an OS thread that ticks every 10 ms while any worker is awake, and sleeps otherwise.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

/// How often a running guest is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Idle,
    Busy,
    Stopped,
}

/// Tells the ticking thread whether there is anything to interrupt.
#[derive(Debug)]
pub(crate) struct TickerHandle {
    mode: Mutex<Mode>,
    changed: Condvar,
}

impl TickerHandle {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            mode: Mutex::new(Mode::Idle),
            changed: Condvar::new(),
        })
    }

    /// Ticks from now on, or sleeps.
    pub(crate) fn set_busy(&self, busy: bool) {
        let mut mode = self.mode.lock();
        if *mode != Mode::Stopped {
            *mode = if busy { Mode::Busy } else { Mode::Idle };
            self.changed.notify_one();
        }
    }
}

/// The ticking thread; dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Ticker {
    handle: Arc<TickerHandle>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(
        handle: Arc<TickerHandle>,
        tick: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let inner = handle.clone();
        let run = move || {
            let mut mode = inner.mode.lock();
            loop {
                match *mode {
                    Mode::Stopped => return,
                    Mode::Idle => inner.changed.wait(&mut mode),
                    Mode::Busy => {
                        let _timed_out = inner.changed.wait_for(&mut mode, TICK);
                        tick();
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("wrun-tick".into()).spawn(run)?;
        Ok(Self {
            handle,
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.handle.mode.lock() = Mode::Stopped;
        self.handle.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed already.
            let _ = thread.join();
        }
    }
}
