//! One caller and one actor.

use std::time::{Duration, Instant};

use wrun::prelude::*;

use crate::nanos;

#[wrun::actor]
pub(crate) struct Counter {
    value: i64,
}

#[wrun::actor]
impl Counter {
    pub(crate) fn new() -> Self {
        Self { value: 0 }
    }

    pub(crate) fn add(&mut self, n: i64) -> i64 {
        self.value += n;
        self.value
    }
}

/// An actor that has started.
pub(crate) fn started() -> Result<Handle<Counter>> {
    let actor = Counter::remote();
    wrun::ensure!(actor.add(0).get()? == 0, "it did not start at 0");
    Ok(actor)
}

/// All calls made, then every result got.
pub(crate) fn pipelined(count: usize) -> Result<Vec<u64>> {
    let actor = started()?;
    let start = Instant::now();
    let calls: Vec<_> = (0..count).map(|_| actor.add(1)).collect();
    let values = wrun::get(&calls)?;
    let time = nanos(start);
    wrun::ensure!(values.iter().zip(1..).all(|(a, b)| *a == b), "out of order");
    Ok(vec![time])
}

/// Each call's result got before the next call.
pub(crate) fn one_at_a_time(count: usize) -> Result<Vec<u64>> {
    let actor = started()?;
    let start = Instant::now();
    let mut last = 0;
    for _ in 0..count {
        last = actor.add(1).get()?;
    }
    let time = nanos(start);
    wrun::ensure!(
        usize::try_from(last) == Ok(count),
        "{last} of {count} calls"
    );
    Ok(vec![time])
}

/// Actors that were not called for a while, so that they hibernate: one call of each, one at a time. The middle time, the
/// longest but a hundredth, and the same of the next calls.
pub(crate) fn woken(count: usize) -> Result<Vec<u64>> {
    let actors: Vec<_> = (0..count).map(|_| Counter::remote()).collect();
    let first: Vec<_> = actors.iter().map(|actor| actor.add(1)).collect();
    wrun::get(&first)?;
    std::thread::sleep(IDLE);
    let mut numbers = Vec::new();
    for expected in [2, 3] {
        let mut times = Vec::with_capacity(count);
        for actor in &actors {
            let start = Instant::now();
            let value = actor.add(1).get()?;
            times.push(nanos(start));
            wrun::ensure!(value == expected, "{value} is not {expected}");
        }
        times.sort_unstable();
        numbers.extend([times[count / 2], times[count * 99 / 100]]);
    }
    Ok(numbers)
}

/// More than it takes until an actor hibernates.
const IDLE: Duration = Duration::from_millis(2_500);
