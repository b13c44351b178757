//! What becomes of failures.

use wrun::prelude::*;

use super::{Checked, Clock, add, fail, nap};

pub(super) fn an_err_is_the_message() -> Checked {
    let error = fail::remote(0, "no luck").get().unwrap_err();
    assert_eq!(
        (error.kind(), error.message(), error.task()),
        (ErrorKind::Application, "no luck", Some("fail"))
    );
    assert!(error.task_id().is_some_and(|id| !id.is_empty()));
    assert_eq!(error.attempt(), 0);
    assert_eq!(error.to_string(), "task `fail` failed: no luck");
    Ok(())
}

#[wrun::task]
fn index(list: Vec<u8>, i: usize) -> u8 {
    list[i]
}

pub(super) fn a_panic_tells_its_place() -> Checked {
    let error = index::remote([1, 2], 7).get().unwrap_err();
    assert_eq!(
        (error.kind(), error.task()),
        (ErrorKind::Panic, Some("index"))
    );
    let message = error.message();
    assert!(
        message.starts_with("index out of bounds: the len is 2 but the index is 7, at "),
        "{message}"
    );
    assert!(message.contains("errors.rs:"), "{message}");
    Ok(())
}

pub(super) fn dependents_fail_with_the_same_cause() -> Checked {
    let failed = fail::remote(50, "root");
    let one = add::remote(&failed, 1);
    let two = add::remote(&one, 1);
    for object in [&one, &two] {
        let error = object.get().unwrap_err();
        assert_eq!(
            (error.message(), error.task(), error.kind()),
            ("root", Some("fail"), ErrorKind::Application)
        );
    }
    Ok(())
}

pub(super) fn a_wrong_type_names_the_argument() -> Checked {
    let text = wrun::put("text".to_owned());
    let error = add::remote(1, text.cast::<i64>()).get().unwrap_err();
    assert_eq!(
        (error.kind(), error.task()),
        (ErrorKind::BadArgument, Some("add"))
    );
    assert!(error.message().starts_with("argument `y`: "), "{error}");
    Ok(())
}

pub(super) fn a_wrong_type_is_told_by_get() -> Checked {
    let error = wrun::put("text".to_owned())
        .cast::<(u64, u64, u64, u64, u64, u64)>()
        .get()
        .unwrap_err();
    assert!(
        error.message().contains("does not decode as `(u64, "),
        "{error}"
    );
    Ok(())
}

#[wrun::task]
fn flaky(good: u32) -> Result<u32, String> {
    let attempt = wrun::context().map_err(|error| error.to_string())?.attempt;
    if attempt < good {
        Err(format!("attempt {attempt}"))
    } else {
        Ok(attempt)
    }
}

pub(super) fn retries_of_errors() -> Checked {
    let patient = flaky::options().max_retries(3).retry_errors(true);
    assert_eq!(patient.remote(2).get()?, 2);
    let error = patient.remote(9).get().unwrap_err();
    assert_eq!((error.message(), error.attempt()), ("attempt 3", 3));
    Ok(())
}

pub(super) fn no_retries_unless_asked() -> Checked {
    assert_eq!(
        flaky::options()
            .max_retries(3)
            .remote(1)
            .get()
            .unwrap_err()
            .message(),
        "attempt 0"
    );
    Ok(())
}

pub(super) fn what_can_never_run_fails_at_once() -> Checked {
    let clock = Clock::start();
    let error = add::options()
        .num_cpus(1000)
        .remote(1, 2)
        .get()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unschedulable);
    assert!(clock.ms() < 1000);
    Ok(())
}

pub(super) fn a_timeout_ends_a_sleeper() -> Checked {
    let clock = Clock::start();
    let error = nap::options()
        .timeout(Duration::from_millis(100))
        .remote(5000)
        .get()
        .unwrap_err();
    assert!(
        error.is_timeout() && clock.ms() < 3000,
        "{error} after {} ms",
        clock.ms()
    );
    Ok(())
}

struct Chain;

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if f.alternate() {
            "outer: inner"
        } else {
            "outer"
        })
    }
}

#[wrun::task]
fn with_causes() -> Result<(), Chain> {
    Err(Chain)
}

pub(super) fn causes_are_shown() -> Checked {
    assert_eq!(
        with_causes::remote().get().unwrap_err().message(),
        "outer: inner"
    );
    Ok(())
}

#[wrun::task]
fn parse(text: String) -> wrun::Result<i64> {
    ensure!(!text.is_empty(), "nothing to parse");
    Ok(text.parse::<i64>()?)
}

#[wrun::task]
fn boxed(text: String) -> Result<i64, Box<dyn std::error::Error>> {
    Ok(parse::remote(text).get()? + 1)
}

pub(super) fn question_mark_converts() -> Checked {
    assert_eq!(parse::remote("12").get()?, 12);
    assert_eq!(
        parse::remote("").get().unwrap_err().message(),
        "nothing to parse"
    );
    assert_eq!(
        parse::remote("x").get().unwrap_err().message(),
        "invalid digit found in string"
    );
    // An error of another call that is passed on stays that call's, through a box too.
    let error = boxed::remote("x").get().unwrap_err();
    assert_eq!(
        error.to_string(),
        "task `parse` failed: invalid digit found in string"
    );
    assert_eq!(error.kind(), ErrorKind::Application);
    Ok(())
}
