//! Rule 8: a cancelled call does not start, or ends within one tick, and so do the calls that it made.

use cases::{eventually, failure, ms, timed};
use wrun::prelude::*;

use crate::tasks::{Counter, Log, add, nap, nap_and_tell, spins, tell};

#[track_caller]
fn assert_cancelled<T: std::fmt::Debug>(result: Result<T>) {
    let error = failure(result);
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
}

/// All slots are taken, so what comes next is queued.
fn take_all_slots() -> Result<Vec<ObjectRef<u64>>> {
    let slots = wrun::context()?.slots;
    let naps = (0..)
        .take_while(|n| f64::from(*n) < slots)
        .map(|_| nap::remote(1000))
        .collect();
    wrun::sleep(ms(100));
    Ok(naps)
}

pub fn a_queued_task_never_starts() -> Result<()> {
    let log = Log::remote();
    log.lines().get()?;
    let naps = take_all_slots()?;
    let queued = tell::remote(&log, "ran", 0);
    wrun::cancel(&queued)?;
    let (time, result) = timed(|| queued.get());
    assert_cancelled(result);
    assert!(time < ms(700), "it need not wait for a slot: {time:?}");
    wrun::get(&naps)?;
    assert!(log.lines().get()?.is_empty());
    Ok(())
}

pub fn a_sleeping_task_is_interrupted() -> Result<()> {
    let sleeper = nap::remote(30_000);
    wrun::sleep(ms(200));
    let (time, result) = timed(|| sleeper.cancel().and_then(|()| sleeper.get()));
    assert_cancelled(result);
    assert!(time < ms(1000), "{time:?}");
    Ok(())
}

pub fn a_running_task_is_interrupted() -> Result<()> {
    let runner = spins::remote();
    wrun::sleep(ms(200));
    let (time, result) = timed(|| runner.cancel().and_then(|()| runner.get()));
    assert_cancelled(result);
    assert!(time < ms(1000), "{time:?}");
    Ok(())
}

#[wrun::task]
fn parent(log: Handle<Log>) -> Result<()> {
    log.add("parent".to_owned()).get()?;
    let children = [
        nap_and_tell::remote(&log, "child", 1500),
        nap_and_tell::remote(&log, "child", 1500),
    ];
    wrun::get(&children)?;
    log.add("after".to_owned()).get()
}

pub fn a_waiting_task_is_interrupted() -> Result<()> {
    let log = Log::remote();
    let waiting = parent::remote(&log);
    eventually("the parent runs", || Ok(!log.lines().get()?.is_empty()))?;
    let (time, result) = timed(|| waiting.cancel().and_then(|()| waiting.get()));
    assert_cancelled(result);
    assert!(time < ms(1000), "{time:?}");
    Ok(())
}

pub fn children_are_cancelled_too() -> Result<()> {
    let log = Log::remote();
    let waiting = parent::remote(&log);
    eventually("the parent runs", || Ok(!log.lines().get()?.is_empty()))?;
    wrun::sleep(ms(200));
    waiting.cancel()?;
    assert_cancelled(waiting.get());
    wrun::sleep(ms(2000));
    assert_eq!(log.lines().get()?, ["parent"]);
    Ok(())
}

pub fn a_finished_task_stays_as_it_is() -> Result<()> {
    let done = add::remote(1, 2);
    assert_eq!(done.get()?, 3);
    wrun::cancel(&done)?;
    assert_eq!(done.get()?, 3);
    assert_eq!(add::remote(&done, 1).get()?, 4);
    Ok(())
}

pub fn dependents_of_the_cancelled_fail() -> Result<()> {
    let sleeper = nap::remote(30_000);
    let dependent = add::remote(&sleeper, 1);
    sleeper.cancel()?;
    assert_cancelled(dependent.get());
    Ok(())
}

pub fn a_queued_method_never_starts() -> Result<()> {
    let counter = Counter::remote(0);
    let slow = counter.slow(700);
    let queued = counter.add(100);
    let last = counter.add(10);
    queued.cancel()?;
    assert_cancelled(queued.get());
    assert_eq!(
        (slow.get()?, last.get()?),
        (1, 11),
        "the others run as if it had not been there"
    );
    Ok(())
}

#[wrun::task]
fn slow_items() -> impl Iterator<Item = u64> {
    (0..1000).inspect(|_| wrun::sleep(Duration::from_millis(100)))
}

pub fn a_stream_is_cancelled() -> Result<()> {
    let mut items = slow_items::remote();
    let first = items.next().ok_or("no item")?;
    assert_eq!(first.get()?, 0);
    items.cancel()?;
    let (time, last) = timed(|| items.last());
    assert_cancelled(last.ok_or("no error at the end")?.get());
    assert!(time < ms(3000), "{time:?}");
    Ok(())
}
