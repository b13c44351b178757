//! Tasks: many at once, one at a time, inside each other, and in the order in which they finish.

use std::time::Instant;

use wrun::prelude::*;

use crate::nanos;

/// What the small task gets, and what it gives for it.
const INPUT: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const OUTPUT: &str = "36";

/// The small task: adds up a few bytes and formats the sum. The bare line does the same without the SDK.
#[wrun::task]
fn small(bytes: Vec<u8>) -> String {
    let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
    sum.to_string()
}

/// Submits so many small tasks.
pub(crate) fn submit(count: usize) -> Vec<ObjectRef<String>> {
    small::map(std::iter::repeat_n(INPUT.to_vec(), count))
}

fn check(results: &[String], count: usize) -> Result<()> {
    let good = results.iter().filter(|result| *result == OUTPUT).count();
    wrun::ensure!(good == count, "{good} of {count} results are right");
    Ok(())
}

/// One small task, and its result.
pub(crate) fn one() -> Result<String> {
    small::remote(INPUT.to_vec()).get()
}

/// Submits all, then gets all; time of submitting, and of everything.
pub(crate) fn all_at_once(count: usize) -> Result<Vec<u64>> {
    let start = Instant::now();
    let refs = submit(count);
    let submitted = nanos(start);
    let results = wrun::get(&refs)?;
    let done = nanos(start);
    check(&results, count)?;
    Ok(vec![submitted, done])
}

#[wrun::task]
fn spawner(count: usize) -> Result<usize> {
    let results = wrun::get(&submit(count))?;
    check(&results, count)?;
    Ok(results.len())
}

/// The same, spread over four tasks that spawn.
pub(crate) fn from_four_spawners(count: usize) -> Result<Vec<u64>> {
    let start = Instant::now();
    let done: usize = wrun::get(&spawner::map([count / 4; 4]))?.iter().sum();
    let time = nanos(start);
    wrun::ensure!(done == count / 4 * 4, "{done} of {count} tasks ran");
    Ok(vec![time])
}

/// One at a time, from the call to its value: the 50th and the 99th percentile, and the time of all.
pub(crate) fn one_at_a_time(count: usize) -> Result<Vec<u64>> {
    let begin = Instant::now();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        let result = one()?;
        times.push(nanos(start));
        wrun::ensure!(result == OUTPUT, "another result: {result}");
    }
    let all = nanos(begin);
    times.sort_unstable();
    Ok(vec![times[count / 2], times[count * 99 / 100], all])
}

#[wrun::task]
fn fib(n: usize) -> Result<u64> {
    if n < 2 {
        return Ok(if n == 0 { 0 } else { 1 });
    }
    let (left, right) = (fib::remote(n - 1), fib::remote(n - 2));
    Ok(left.get()? + right.get()?)
}

/// Two tasks in each, without a cut-off: the number of tasks, and their time.
pub(crate) fn recursion(n: usize) -> Result<Vec<u64>> {
    let start = Instant::now();
    let value = fib::remote(n).get()?;
    let time = nanos(start);
    let (expected, after) = (0..n).fold((0_u64, 1_u64), |(a, b), _| (b, a + b));
    wrun::ensure!(value == expected, "fib({n}) is not {value}");
    Ok(vec![2 * after - 1, time])
}

/// Small tasks that have finished, all of them.
fn finished(count: usize) -> Result<Vec<ObjectRef<String>>> {
    let refs = submit(count);
    check(&wrun::get(&refs)?, count)?;
    Ok(refs)
}

/// Takes finished refs one at a time from [`wrun::as_completed`].
pub(crate) fn as_completed(count: usize) -> Result<Vec<u64>> {
    let refs = finished(count)?;
    let start = Instant::now();
    let taken = wrun::as_completed(refs).map(drop).count();
    let time = nanos(start);
    wrun::ensure!(taken == count, "{taken} of {count} refs came");
    Ok(vec![time])
}

/// The same with the loop that Ray's users write: wait for one, go on with the rest.
pub(crate) fn wait_loop(count: usize) -> Result<Vec<u64>> {
    let mut rest = finished(count)?;
    let start = Instant::now();
    let mut taken = 0;
    while !rest.is_empty() {
        let (ready, others) = wrun::wait(&rest, 1, None)?;
        taken += ready.len();
        rest = others;
    }
    let time = nanos(start);
    wrun::ensure!(taken == count, "{taken} of {count} refs came");
    Ok(vec![time])
}
