//! Tasks and actors that many cases use.

use wrun::prelude::*;

/// Sleeps, and says how long.
#[wrun::task]
pub(crate) fn nap(milliseconds: u64) -> u64 {
    wrun::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

#[wrun::task]
pub(crate) fn add(x: u64, y: u64) -> u64 {
    x + y
}

/// Fails with this message.
#[wrun::task]
pub(crate) fn fail(message: String) -> Result<u64> {
    wrun::bail!("{message}")
}

#[wrun::task]
pub(crate) fn panics(message: String) -> u64 {
    panic!("{message}")
}

/// Ends its sandbox at once, as undefined behaviour would.
#[wrun::task]
pub(crate) fn traps() -> u64 {
    std::process::abort()
}

/// Never ends by itself.
#[wrun::task]
pub(crate) fn spins() -> u64 {
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}

/// Tells the log that it ran; takes whatever has to be there first.
#[wrun::task]
pub(crate) fn tell(log: Handle<Log>, line: String, _after: u64) -> Result<()> {
    log.add(line).get()
}

/// Sleeps, then tells the log.
#[wrun::task]
pub(crate) fn nap_and_tell(log: Handle<Log>, line: String, milliseconds: u64) -> Result<()> {
    wrun::sleep(Duration::from_millis(milliseconds));
    log.add(line).get()
}

/// Lines that tasks leave behind, so that a case sees what ran.
#[wrun::actor]
pub(crate) struct Log(Vec<String>);

#[wrun::actor]
impl Log {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, line: String) {
        self.0.push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.clone()
    }
}

/// A number and many ways to change it.
#[wrun::actor]
pub(crate) struct Counter {
    value: u64,
}

#[wrun::actor]
impl Counter {
    pub(crate) fn new(value: u64) -> Self {
        Self { value }
    }

    pub(crate) fn add(&mut self, n: u64) -> u64 {
        self.value += n;
        self.value
    }

    pub(crate) fn value(&self) -> u64 {
        self.value
    }

    /// Sleeps before it adds one.
    pub(crate) fn slow(&mut self, milliseconds: u64) -> u64 {
        wrun::sleep(Duration::from_millis(milliseconds));
        self.value += 1;
        self.value
    }

    pub(crate) fn fail(&mut self, message: String) -> Result<u64> {
        self.value += 100;
        wrun::bail!("{message}")
    }

    pub(crate) fn panics(&mut self) -> u64 {
        panic!("the counter is broken")
    }

    pub(crate) fn traps(&mut self) -> u64 {
        std::process::abort()
    }

    pub(crate) fn restarted(&self) -> Result<bool> {
        Ok(wrun::context()?.restarted)
    }
}
