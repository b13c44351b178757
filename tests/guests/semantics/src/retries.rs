//! Rule 5: what is tried again, and how often.

use cases::failure;
use wrun::prelude::*;

use crate::tasks::{Log, add};

/// Tells the log of each attempt, and works from the attempt `good` on.
#[wrun::task]
fn flaky(log: Handle<Log>, good: u32, panics: bool) -> Result<u64> {
    let attempt = wrun::context()?.attempt;
    log.add(format!("attempt {attempt}")).get()?;
    if attempt >= good {
        return Ok(u64::from(attempt));
    }
    assert!(!panics, "attempt {attempt} panics");
    wrun::bail!("attempt {attempt} fails")
}

fn attempts(log: &Handle<Log>) -> Result<usize> {
    Ok(log.lines().get()?.len())
}

pub fn errors_are_retried_when_asked() -> Result<()> {
    let log = Log::remote();
    let result = flaky::options()
        .max_retries(5)
        .retry_errors(true)
        .remote(&log, 2, false);
    assert_eq!(result.get()?, 2);
    assert_eq!(log.lines().get()?, ["attempt 0", "attempt 1", "attempt 2"]);
    Ok(())
}

pub fn errors_are_not_retried_by_default() -> Result<()> {
    let log = Log::remote();
    let error = failure(flaky::options().max_retries(5).remote(&log, 2, false).get());
    assert_eq!((error.message(), error.attempt()), ("attempt 0 fails", 0));
    assert_eq!(attempts(&log)?, 1);
    Ok(())
}

pub fn retries_come_to_an_end() -> Result<()> {
    let log = Log::remote();
    let error = failure(
        flaky::options()
            .max_retries(2)
            .retry_errors(true)
            .remote(&log, 100, false)
            .get(),
    );
    assert_eq!((error.message(), error.attempt()), ("attempt 2 fails", 2));
    assert_eq!(attempts(&log)?, 3);
    Ok(())
}

pub fn panics_are_retried_when_asked() -> Result<()> {
    let log = Log::remote();
    let result = flaky::options()
        .max_retries(5)
        .retry_errors(true)
        .remote(&log, 1, true);
    assert_eq!(result.get()?, 1);
    assert_eq!(attempts(&log)?, 2);
    Ok(())
}

#[wrun::task]
fn slow_failure(log: Handle<Log>) -> Result<u64> {
    log.add("started".to_owned()).get()?;
    wrun::sleep(Duration::from_secs(20));
    wrun::bail!("too late")
}

pub fn a_cancelled_task_is_not_retried() -> Result<()> {
    let log = Log::remote();
    let result = slow_failure::options()
        .max_retries(5)
        .retry_errors(true)
        .remote(&log);
    cases::eventually("it starts", || Ok(attempts(&log)? == 1))?;
    wrun::cancel(&result)?;
    assert!(failure(result.get()).is_cancelled());
    wrun::sleep(cases::ms(200));
    assert_eq!(attempts(&log)?, 1);
    Ok(())
}

pub fn dependents_see_the_last_attempt() -> Result<()> {
    let log = Log::remote();
    let result = flaky::options()
        .max_retries(3)
        .retry_errors(true)
        .remote(&log, 3, false);
    assert_eq!(add::remote(&result, 10).get()?, 13);
    assert_eq!(attempts(&log)?, 4);
    Ok(())
}
