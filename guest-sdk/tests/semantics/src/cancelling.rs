//! `cancel`.

use wrun::prelude::*;

use super::{Checked, Clock, Counter, add, nap};

pub(super) fn a_sleeper_is_cancelled() -> Checked {
    let clock = Clock::start();
    let sleeper = nap::remote(10_000);
    wrun::sleep(Duration::from_millis(50));
    wrun::cancel(&sleeper)?;
    let error = sleeper.get().unwrap_err();
    assert!(
        error.is_cancelled() && clock.ms() < 3000,
        "{error} after {} ms",
        clock.ms()
    );
    // Its slot is free again.
    wrun::get(&nap::map([1; 8]))?;
    assert!(clock.ms() < 5000);
    Ok(())
}

#[wrun::task]
fn mark(counter: Handle<Counter>) -> wrun::Result<i64> {
    counter.inc().get()
}

pub(super) fn a_queued_task_never_starts() -> Checked {
    let counter = Counter::remote(0);
    counter.inc().get()?;
    let busy = nap::map([400; 4]);
    wrun::sleep(Duration::from_millis(50));
    let queued = mark::remote(&counter);
    queued.cancel()?;
    assert!(queued.get().unwrap_err().is_cancelled());
    wrun::get(&busy)?;
    wrun::sleep(Duration::from_millis(50));
    assert_eq!(counter.value().get()?, 1);
    Ok(())
}

#[wrun::task]
fn parent(counter: Handle<Counter>) -> wrun::Result<u64> {
    let child = nap_then_count::remote(800, &counter);
    child.get()
}

#[wrun::task]
fn nap_then_count(ms: u64, counter: Handle<Counter>) -> wrun::Result<u64> {
    counter.add(1).get()?;
    wrun::sleep(Duration::from_millis(ms));
    counter.add(100).get()?;
    Ok(ms)
}

pub(super) fn children_are_cancelled_too() -> Checked {
    let counter = Counter::remote(0);
    let task = parent::remote(&counter);
    while counter.value().get()? == 0 {
        wrun::sleep(Duration::from_millis(10));
    }
    task.cancel()?;
    assert!(task.get().unwrap_err().is_cancelled());
    wrun::sleep(Duration::from_millis(1200));
    assert_eq!(counter.value().get()?, 1);
    Ok(())
}

pub(super) fn children_go_on_when_asked() -> Checked {
    let counter = Counter::remote(0);
    let task = parent::remote(&counter);
    while counter.value().get()? == 0 {
        wrun::sleep(Duration::from_millis(10));
    }
    wrun::cancel_only(&task)?;
    assert!(task.get().unwrap_err().is_cancelled());
    wrun::sleep(Duration::from_millis(1200));
    assert_eq!(counter.value().get()?, 101);
    Ok(())
}

pub(super) fn what_is_done_stays() -> Checked {
    let done = add::remote(1, 2);
    assert_eq!(done.get()?, 3);
    done.cancel()?;
    assert_eq!(done.get()?, 3);
    wrun::put(1).cancel()
}

pub(super) fn a_waiting_task_is_cancelled() -> Checked {
    let slow = nap::remote(600);
    let waiting = after::remote(&slow);
    waiting.cancel()?;
    assert!(
        waiting
            .get_timeout(Duration::from_millis(300))
            .unwrap_err()
            .is_cancelled()
    );
    assert_eq!(slow.get()?, 600);
    Ok(())
}

#[wrun::task]
fn after(ms: u64) -> u64 {
    ms
}

pub(super) fn dependents_of_a_cancelled_task_fail() -> Checked {
    let slow = nap::remote(10_000);
    let dependent = after::remote(&slow);
    slow.cancel()?;
    assert!(dependent.get().unwrap_err().is_cancelled());
    Ok(())
}
