//! Rule 3: who runs, sleeps or does I/O holds a slot; who waits in `get` or `wait` gives it back.
//!
//! How many slots there are is told by the context, so that the cases hold at any number of them.

use cases::{ms, timed};
use wrun::prelude::*;

use crate::tasks::{Counter, add, nap};

#[wrun::task]
fn fib(n: u64) -> Result<u64> {
    if n < 2 {
        return Ok(n);
    }
    let children = [fib::remote(n - 1), fib::remote(n - 2)];
    Ok(wrun::get(&children)?.into_iter().sum())
}

pub fn who_waits_in_get_gives_its_slot_back() -> Result<()> {
    assert_eq!(fib::remote(11).get()?, 89);
    Ok(())
}

#[wrun::task]
fn waiting_sum(depth: u64) -> Result<u64> {
    if depth == 0 {
        return Ok(1);
    }
    let mut left = vec![
        waiting_sum::remote(depth - 1),
        waiting_sum::remote(depth - 1),
    ];
    let mut sum = 0;
    while !left.is_empty() {
        let (ready, rest) = wrun::wait(&left, 1, None)?;
        sum += ready[0].get()?;
        left = rest;
    }
    Ok(sum)
}

pub fn who_waits_in_wait_gives_its_slot_back() -> Result<()> {
    assert_eq!(waiting_sum::remote(5).get()?, 32);
    Ok(())
}

#[wrun::actor]
struct Asker;

#[wrun::actor]
impl Asker {
    fn new() -> Self {
        Self
    }

    fn ask(&self, counter: Handle<Counter>) -> Result<u64> {
        let sum = add::remote(20, 1);
        counter.add(sum).get()
    }
}

pub fn a_method_that_waits_gives_its_slot_back() -> Result<()> {
    let counter = Counter::remote(0);
    let askers: Vec<_> = (0..4).map(|_| Asker::remote()).collect();
    let answers: Vec<_> = askers.iter().map(|asker| asker.ask(&counter)).collect();
    wrun::get(&answers)?;
    assert_eq!(counter.value().get()?, 84);
    Ok(())
}

/// All slots, as a number of tasks.
fn slots() -> Result<u32> {
    let slots = wrun::context()?.slots;
    Ok((0..)
        .take_while(|n| f64::from(*n) < slots)
        .count()
        .try_into()?)
}

pub fn a_sleeping_task_keeps_its_slot() -> Result<()> {
    let (time, naps) =
        timed(|| Ok::<_, Error>(wrun::get(&nap::map((0..2 * slots()?).map(|_| 400_u64)))));
    naps??;
    assert!(
        time >= ms(790),
        "two tasks a slot, one after the other: {time:?}"
    );
    Ok(())
}

pub fn idle_actors_hold_no_slots() -> Result<()> {
    let counters: Vec<_> = (0..50).map(Counter::remote).collect();
    assert_eq!(counters[49].value().get()?, 49);
    assert_eq!(fib::remote(5).get()?, 5);
    let values: Vec<_> = counters.iter().map(|counter| counter.value()).collect();
    assert_eq!(wrun::get(&values)?, (0..50).collect::<Vec<u64>>());
    Ok(())
}

pub fn halves_of_slots_share_one() -> Result<()> {
    let half = nap::options().num_cpus(0.5);
    let halves = 2 * slots()?;
    let (time, naps) =
        timed(|| wrun::get(&(0..halves).map(|_| half.remote(800)).collect::<Vec<_>>()));
    naps?;
    assert!(time < ms(1500), "side by side: {time:?}");
    Ok(())
}

pub fn two_slots_at_once_exclude_others() -> Result<()> {
    let all = nap::options().num_cpus(slots()?);
    let (time, naps) = timed(|| wrun::get(&[all.remote(300), all.remote(300), all.remote(300)]));
    naps?;
    assert!(time >= ms(890), "one after the other: {time:?}");
    Ok(())
}

pub fn no_slots_at_all_need_none() -> Result<()> {
    let free = nap::options().num_cpus(0);
    let naps: Vec<_> = (0..20).map(|_| free.remote(700)).collect();
    let (time, naps) = timed(|| wrun::get(&naps));
    naps?;
    assert!(
        time < ms(3000),
        "more side by side than there are slots: {time:?}"
    );
    Ok(())
}

#[wrun::task]
fn nested(depth: u64) -> Result<u64> {
    if depth == 0 {
        Ok(0)
    } else {
        Ok(1 + nested::remote(depth - 1).get()?)
    }
}

pub fn deep_nesting_on_one_slot() -> Result<()> {
    assert_eq!(nested::remote(500).get()?, 500);
    Ok(())
}
