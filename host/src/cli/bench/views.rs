//! Rows about views: one array of a GiB that two tasks see and add up, beside two native threads on the same numbers.

use std::{hint::black_box, thread, time::Duration};

use super::{
    RowError,
    lab::{Lab, timed},
    sample::{Sample, count},
    sum::sum,
};

/// Numbers of 8 bytes: a GiB.
const NUMBERS: usize = 1 << 27;

/// Until it is visible; the first and the second pass; until it is dropped.
pub(super) fn views(lab: &Lab) -> Result<Vec<Sample>, RowError> {
    let native = throughput(native());
    let case = lab.case("views", NUMBERS)?;
    let millis = |at| Ok::<_, RowError>(Sample::of(case.time(at)?.as_secs_f64() * 1e3));
    let pass = |at| Ok::<_, RowError>(Sample::of(throughput(case.time(at)?)).beside(native));
    Ok(vec![millis(0)?, pass(1)?, pass(2)?, millis(3)?])
}

/// GB/s of two that each read all of it.
fn throughput(time: Duration) -> f64 {
    2.0 * count(NUMBERS * 8) / 1e9 / time.as_secs_f64()
}

/// How long two threads take at once, each for all numbers, once these are warm.
fn native() -> Duration {
    let numbers = vec![1.0; NUMBERS];
    let both = || {
        thread::scope(|scope| {
            let threads = [(); 2].map(|()| scope.spawn(|| sum(black_box(&numbers))));
            threads.map(|thread| thread.join().unwrap_or_default())
        })
    };
    black_box(both());
    timed(|| black_box(both())).1
}
