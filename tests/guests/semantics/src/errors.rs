//! Rule 4: what goes wrong in a call becomes its result, and tells where it came from.

use cases::{failure, ms, timed};
use wrun::prelude::*;

use crate::tasks::{Log, add, fail, nap, panics, spins, tell, traps};

pub fn an_error_tells_where_it_came_from() -> Result<()> {
    let error = failure(fail::remote("no luck").get());
    assert_eq!(error.kind(), ErrorKind::Application);
    assert_eq!(error.message(), "no luck");
    assert_eq!(error.task(), Some("fail"));
    assert_eq!(error.attempt(), 0);
    assert!(
        error.task_id().is_some_and(|id| !id.is_empty()),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "task `fail` failed: no luck");
    Ok(())
}

pub fn a_panic_tells_its_place() -> Result<()> {
    let error = failure(panics::remote("oh no").get());
    assert_eq!(error.kind(), ErrorKind::Panic, "{error}");
    assert_eq!(error.task(), Some("panics"));
    assert!(error.message().contains("oh no"), "{error}");
    assert!(error.message().contains("tasks.rs:"), "{error}");
    Ok(())
}

pub fn a_trap_has_a_backtrace() -> Result<()> {
    let error = failure(traps::remote().get());
    assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
    assert_eq!(error.task(), Some("traps"));
    assert!(
        error
            .backtrace()
            .iter()
            .any(|frame| frame.contains("traps")),
        "{:?}",
        error.backtrace()
    );
    Ok(())
}

#[wrun::task]
#[allow(unconditional_recursion, reason = "that is the case")]
fn deeper(n: u64) -> u64 {
    let room = std::hint::black_box([n; 64]);
    deeper(n + 1) + room[0]
}

pub fn endless_recursion_is_a_trap() -> Result<()> {
    let error = failure(deeper::remote(0).get());
    assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
    assert!(error.message().contains("stack"), "{error}");
    Ok(())
}

#[wrun::task]
fn hoard(megabytes: usize) -> usize {
    let hoard: Vec<Vec<u8>> = (0..megabytes).map(|_| vec![1; 1 << 20]).collect();
    hoard.iter().map(Vec::len).sum()
}

pub fn too_much_memory_is_an_error() -> Result<()> {
    let small = hoard::options().memory(8 << 20);
    assert_eq!(small.remote(2).get()?, 2 << 20);
    let error = failure(small.remote(64).get());
    assert_eq!(error.kind(), ErrorKind::MemoryLimit, "{error}");
    assert_eq!(
        hoard::remote(64).get()?,
        64 << 20,
        "the limit was that call's"
    );
    Ok(())
}

pub fn a_timeout_ends_a_sleeping_task() -> Result<()> {
    let (time, result) = timed(|| nap::options().timeout(ms(200)).remote(10_000).get());
    let error = failure(result);
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.task(), Some("nap"));
    assert!(time < ms(3000), "{time:?}");
    Ok(())
}

pub fn a_timeout_ends_a_running_task() -> Result<()> {
    let (time, result) = timed(|| spins::options().timeout(ms(200)).remote().get());
    assert_eq!(failure(result).kind(), ErrorKind::Timeout);
    assert!(time < ms(3000), "{time:?}");
    Ok(())
}

pub fn dependents_fail_without_running() -> Result<()> {
    let log = Log::remote();
    let broken = fail::remote("the root");
    let error = failure(tell::remote(&log, "ran", &broken).get());
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Application, "the root")
    );
    assert_eq!(error.task(), Some("fail"), "the one that failed first");
    assert!(log.lines().get()?.is_empty());
    Ok(())
}

pub fn an_error_passes_through_many_tasks() -> Result<()> {
    let mut last = fail::remote("the root");
    for i in 0..20 {
        last = add::remote(last, i);
    }
    let error = failure(last.get());
    assert_eq!((error.message(), error.task()), ("the root", Some("fail")));
    Ok(())
}

#[wrun::task]
fn handles(message: String) -> Result<String> {
    match fail::remote(&message).get() {
        Ok(_) => wrun::bail!("it should have failed"),
        Err(error) => Ok(format!(
            "{}: {}",
            error.task().unwrap_or("?"),
            error.message()
        )),
    }
}

#[wrun::task]
fn passes_on(message: String) -> Result<u64> {
    fail::remote(message).get()
}

pub fn an_error_of_a_child_can_be_handled() -> Result<()> {
    assert_eq!(handles::remote("no luck").get()?, "fail: no luck");
    let error = failure(passes_on::remote("no luck").get());
    assert_eq!(
        (error.task(), error.message()),
        (Some("fail"), "no luck"),
        "what is passed on stays what it was"
    );
    Ok(())
}

pub fn arguments_of_another_type_are_refused() -> Result<()> {
    let text = wrun::put("text".to_owned());
    let error = failure(add::remote(1, text.cast::<u64>()).get());
    assert_eq!(error.kind(), ErrorKind::BadArgument, "{error}");
    assert!(
        error.message().contains("`y`"),
        "it names the parameter: {error}"
    );
    Ok(())
}

pub fn a_failed_task_leaves_the_others_alone() -> Result<()> {
    let mixed: Vec<_> = (0..20)
        .map(|i| {
            if i % 2 == 0 {
                add::remote(i, 1)
            } else {
                fail::remote("odd")
            }
        })
        .collect();
    let good = mixed.iter().filter(|result| result.get().is_ok()).count();
    assert_eq!(good, 10);
    Ok(())
}
