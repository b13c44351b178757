//! One caller and one actor.

use std::time::Instant;

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
