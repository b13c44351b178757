//! What guests made of many small cases share: a table of [`Case`]s, and a `main` that runs the one that its first
//! argument names.
//!
//! A case is a plain function. In a sandbox each is a job of its own; in local mode the guest's own unit test runs them
//! all, but for those that are listed as impossible there.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "`main` prints the names of the cases when it is asked to"
)]

use std::time::{Duration, Instant};

use wrun::Result;

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The name that chooses it: `module::function`.
    pub name: &'static str,
    /// What it does; it fails by an error or a panic.
    pub run: fn() -> Result<()>,
}

/// Makes a table of cases from the functions' names: `cases![waiting: [a, b], cancel: [c]]`, each in its module.
#[macro_export]
macro_rules! cases {
    ($($module:ident: [$($case:ident),* $(,)?]),* $(,)?) => {
        &[$($($crate::Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            run: $module::$case,
        },)*)*]
    };
}

/// Runs the case that the program's first argument names; `list` prints all names.
///
/// # Errors
/// There is no such case, or it fails.
pub fn main(cases: &[Case]) -> Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == "list" {
        cases.iter().for_each(|case| println!("{}", case.name));
        return Ok(());
    }
    let case = cases.iter().find(|case| case.name == name);
    let case = case
        .ok_or_else(|| wrun::Error::new(format!("there is no case `{name}`; `list` names them")))?;
    (case.run)()
}

/// Milliseconds as a time.
#[must_use]
pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// How long something takes, and what it gives.
pub fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let value = run();
    (start.elapsed(), value)
}

/// Asks again and again until the answer is yes; at most ten seconds.
///
/// # Errors
/// It never was, or an answer is an error.
pub fn eventually(what: &str, mut ask: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !ask()? {
        wrun::ensure!(
            start.elapsed() < Duration::from_secs(10),
            "not within ten seconds: {what}"
        );
        wrun::sleep(ms(10));
    }
    Ok(())
}

/// The error of something that must have failed.
///
/// # Panics
/// It has not.
#[track_caller]
pub fn failure<T: std::fmt::Debug>(result: Result<T>) -> wrun::Error {
    match result {
        Ok(value) => panic!("this should be an error, and is {value:?}"),
        Err(error) => error,
    }
}

/// Runs all cases in local mode, many side by side, and gives the names of those that fail; those named in `except` are
/// left out.
///
/// # Panics
/// A name in `except` is no case, or some case fails. Each tells on standard error why.
#[cfg(not(target_arch = "wasm32"))]
pub fn run_locally(cases: &'static [Case], except: &[(&str, &str)]) {
    const AT_ONCE: usize = 8;
    const PATIENCE: Duration = Duration::from_secs(60);
    for (name, _) in except {
        assert!(
            cases.iter().any(|case| case.name == *name),
            "there is no case `{name}`"
        );
    }
    let left: Vec<&Case> = cases
        .iter()
        .filter(|case| except.iter().all(|(name, _)| *name != case.name))
        .collect();
    let mut failed = Vec::new();
    for group in left.chunks(AT_ONCE) {
        let running: Vec<_> = group
            .iter()
            .map(|case| (case.name, start_locally(case.run)))
            .collect();
        let deadline = Instant::now() + PATIENCE;
        for (name, outcome) in running {
            match outcome.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failed.push(format!("{name}: {error}")),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    failed.push(format!("{name}: hangs"))
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                    failed.push(format!("{name}: panicked"))
                }
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} cases fail:\n{}",
        failed.len(),
        left.len(),
        failed.join("\n")
    );
}

/// Runs a case on a thread of its own, as a job with six slots.
#[cfg(not(target_arch = "wasm32"))]
fn start_locally(run: fn() -> Result<()>) -> std::sync::mpsc::Receiver<Result<()>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let outcome = wrun::local::Options::new().slots(6).run(run);
        // Nobody listens any more when the time is over.
        let _ = sender.send(outcome);
    });
    receiver
}
