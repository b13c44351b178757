//! A sandbox made, called and dropped, through the library: one call at a time and many at once, and one method of an
//! actor, whose sandbox lives on.

use criterion::{Criterion, Throughput};
use wrun_host::{
    CacheDir, Job, JobOptions, Runtime, RuntimeOptions, TaskError, types::CallOptions,
};

/// One page of memory and no standard library: what is measured is the host.
const GUEST: &str = include_str!("../../tests/abi/by_hand.wat");
const CALLS: u64 = 1_000;

async fn one(job: &Job) -> Result<u8, TaskError> {
    job.call("next", (4,)).await?.get().await
}

async fn many(job: &Job) -> Result<u64, TaskError> {
    let mut calls = Vec::new();
    for _ in 0..CALLS {
        calls.push(job.call("next", (4,)).await?);
    }
    let mut sum = 0;
    for call in calls {
        sum += call.get::<u64>().await?;
    }
    Ok(sum)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    let mut options = RuntimeOptions::default();
    options.cache = CacheDir::Off;
    let runtime = Runtime::start(options).expect("a node");
    let module = tokio.block_on(runtime.load("by_hand.wat", GUEST.into()));
    let job = runtime.open(&module.expect("it loads"), JobOptions::default());
    let job = job.expect("a job");
    let actor = tokio.block_on(job.actor("Counter", (), CallOptions::default()));
    let actor = actor.expect("an actor");

    let mut group = criterion.benchmark_group("library");
    group.bench_function("one task", |bencher| {
        bencher.iter(|| assert_eq!(tokio.block_on(one(&job)), Ok(5)));
    });
    group.bench_function("one method", |bencher| {
        let call = async || actor.call("add", (0,)).await?.get::<u64>().await;
        bencher.iter(|| assert_eq!(tokio.block_on(call()), Ok(0)));
    });
    group.throughput(Throughput::Elements(CALLS));
    group.bench_function("1,000 tasks at once", |bencher| {
        bencher.iter(|| assert_eq!(tokio.block_on(many(&job)), Ok(5 * CALLS)));
    });
    group.finish();
    tokio.block_on(job.close());
    criterion.final_summary();
}
