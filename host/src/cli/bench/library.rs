//! Rows that run in this process, through the library: a case of the guest as a job's `main`, or calls from this thread.

use std::{hint::black_box, time::Duration};

use super::{
    RowError,
    bare::{INPUT, OUTPUT},
    lab::{Lab, timed},
    sample::{Sample, count},
};
use crate::{job::JobOptions, rt::process};

type Samples = Result<Vec<Sample>, RowError>;

/// Tasks in the first two rows.
const TASKS: usize = 100_000;
/// Tasks one at a time, from a guest and from this thread.
const ONE_BY_ONE: usize = 20_000;
const ONE_BY_ONE_HOST: usize = 5_000;
/// Calls of an actor.
const IDLE_ACTORS: usize = 500;
const CALLS: usize = 100_000;
/// Values put and got.
const VALUES: usize = 100_000;
/// Bytes of the large value.
const LARGE: usize = 100_000_000;
/// Refs taken one by one.
const REFS: usize = 10_000;
/// The recursion's number: 21,891 tasks.
const FIB: usize = 20;

/// Bare Wasmtime by itself.
pub(super) fn bare(lab: &Lab) -> Samples {
    Ok(vec![lab.bare()?.rate()?])
}

/// Small tasks from one driver, beside bare Wasmtime.
pub(super) fn one_driver(lab: &Lab) -> Samples {
    let bare = lab.bare()?.rate()?;
    Ok(vec![driver(lab)?.beside(bare.value)])
}

fn driver(lab: &Lab) -> Result<Sample, RowError> {
    lab.case("tasks", TASKS)?.rate(TASKS, 1)
}

/// The same with everything on that tells of them, beside it with everything off.
pub(super) fn watched(lab: &Lab) -> Samples {
    let off = driver(lab)?;
    let options = JobOptions {
        trace: true,
        events: true,
        ..JobOptions::default()
    };
    let on = lab.case_with("tasks", TASKS, options)?.rate(TASKS, 1)?;
    Ok(vec![on.beside(off.value)])
}

/// The same from four tasks.
pub(super) fn four_spawners(lab: &Lab) -> Samples {
    let bare = lab.bare()?.rate()?;
    let tasks = lab.case("spawners", TASKS)?.rate(TASKS, 0)?;
    Ok(vec![tasks.beside(bare.value)])
}

/// Tasks inside tasks, beside the first row.
pub(super) fn recursion(lab: &Lab) -> Samples {
    let first = driver(lab)?;
    let case = lab.case("recursion", FIB)?;
    let tasks = usize::try_from(case.number(0)?).unwrap_or(0);
    Ok(vec![case.rate(tasks, 1)?.beside(first.value)])
}

/// From a guest, one at a time: p50 and p99.
pub(super) fn latency_guest(lab: &Lab) -> Samples {
    let case = lab.case("latency", ONE_BY_ONE)?;
    let micros = |at| Ok(Sample::of(case.time(at)?.as_secs_f64() * 1e6));
    let [p50, p99]: [Result<Sample, RowError>; 2] = [micros(0), micros(1)];
    let cpu = |sample: Sample| sample.cpu(ONE_BY_ONE, case.cpu);
    Ok(vec![cpu(p50?), cpu(p99?)])
}

/// From this thread, one at a time: p50 and p99.
pub(super) fn latency_host(lab: &Lab) -> Samples {
    let job = lab.open()?;
    let before = process::cpu();
    let mut times = Vec::with_capacity(ONE_BY_ONE_HOST);
    for _ in 0..ONE_BY_ONE_HOST {
        let call = async { job.call("small", (INPUT,)).await?.get::<String>().await };
        let (result, time) = timed(|| lab.block_on(call));
        let result = result?;
        if result != OUTPUT {
            return Err(RowError::wrong(format!("another result: {result}")));
        }
        times.push(time);
    }
    let cpu = process::cpu().saturating_sub(before);
    lab.block_on(job.close());
    times.sort_unstable();
    let micros = |at: usize| {
        let time: Duration = times[at];
        Sample::of(time.as_secs_f64() * 1e6).cpu(ONE_BY_ONE_HOST, cpu)
    };
    Ok(vec![
        micros(ONE_BY_ONE_HOST / 2),
        micros(ONE_BY_ONE_HOST * 99 / 100),
    ])
}

/// All calls of one actor made, then got.
pub(super) fn actor_pipelined(lab: &Lab) -> Samples {
    Ok(vec![lab.case("actor-pipelined", CALLS)?.rate(CALLS, 0)?])
}

/// Each call got before the next.
pub(super) fn actor_one_at_a_time(lab: &Lab) -> Samples {
    Ok(vec![
        lab.case("actor-one-at-a-time", CALLS)?.rate(CALLS, 0)?,
    ])
}

/// Calls of actors that hibernate: p50 and p99.
pub(super) fn actor_woken(lab: &Lab) -> Samples {
    let case = lab.case("actor-woken", IDLE_ACTORS)?;
    let micros = |at| Ok(Sample::of(case.time(at)?.as_secs_f64() * 1e6));
    [micros(0), micros(1)].into_iter().collect()
}

/// Values of 8 bytes put and got: two operations each.
pub(super) fn put_get(lab: &Lab) -> Samples {
    Ok(vec![lab.case("put-get", VALUES)?.rate(2 * VALUES, 0)?])
}

/// A large value put, beside a copy between buffers that are warm.
pub(super) fn put_large(lab: &Lab) -> Samples {
    let copy = gigabytes(memcpy());
    let case = lab.case("put-large", LARGE)?;
    let mut times: Vec<_> = case.times().collect();
    times.sort_unstable();
    let middle = times.get(times.len() / 2);
    let middle = middle.ok_or_else(|| RowError::wrong("no times"))?;
    let put = Sample::of(gigabytes(*middle)).cpu(times.len() + 1, case.cpu);
    Ok(vec![put.beside(copy)])
}

/// The middle of five copies, after one that warms both buffers.
fn memcpy() -> Duration {
    let from = vec![7_u8; LARGE];
    let mut to = vec![1_u8; LARGE];
    let mut times: Vec<_> = (0..6)
        .map(|_| timed(|| to.copy_from_slice(black_box(&from))).1)
        .skip(1)
        .collect();
    black_box(&to);
    times.sort_unstable();
    times[times.len() / 2]
}

fn gigabytes(time: Duration) -> f64 {
    count(LARGE) / 1e9 / time.as_secs_f64()
}

/// Finished refs from `as_completed`.
pub(super) fn as_completed(lab: &Lab) -> Samples {
    let time = lab.case("as-completed", REFS)?.time(0)?;
    Ok(vec![Sample::of(time.as_secs_f64() * 1e3)])
}

/// Finished refs from a loop over `wait`.
pub(super) fn wait_loop(lab: &Lab) -> Samples {
    let time = lab.case("wait-loop", REFS)?.time(0)?;
    Ok(vec![Sample::of(time.as_secs_f64() * 1e3)])
}
