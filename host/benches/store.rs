//! The store alone: values stored, objects completed, and waits for one and for many.

use std::{
    future::Future,
    hint::black_box,
    pin::pin,
    task::{Context, Waker},
};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use wrun_host::{
    store::{MemFiles, ObjectRef, Value, Waitable, Waiting},
    types::{JobId, ObjectId, TaskId},
};

const MANY: u64 = 1_000;
const LARGE: usize = 8 << 20;

fn id(number: u64) -> ObjectId {
    ObjectId::result(TaskId::new(JobId::random(), number), 0)
}

fn small() -> Value {
    Value::new(Bytes::copy_from_slice(&[0; 9]), Vec::new(), None)
}

/// Waits for all of them while they complete, and polls once before and once after.
fn complete_all(objects: &[Waitable]) -> bool {
    let mut waiting = pin!(Waiting::for_all(objects));
    let mut context = Context::from_waker(Waker::noop());
    let early = waiting.as_mut().poll(&mut context);
    for waitable in objects {
        if let Waitable::Object(object) = waitable {
            object.complete(Ok(small()));
        }
    }
    early.is_pending() && waiting.poll(&mut context).is_ready()
}

fn pending(count: u64) -> Vec<Waitable> {
    let object = |n| Waitable::Object(ObjectRef::pending(id(n)));
    (0..count).map(object).collect()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("store");
    group.bench_function("put 8 bytes", |bencher| {
        let id = id(1);
        bencher.iter(|| ObjectRef::ready(id, Ok(black_box(small()))));
    });
    for count in [1, MANY] {
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("complete and wait for {count}"), |bencher| {
            let run = |objects: Vec<Waitable>| assert!(complete_all(&objects));
            bencher.iter_batched(|| pending(count), run, BatchSize::SmallInput);
        });
    }
    let files: MemFiles = Default::default();
    let bytes = vec![7; LARGE];
    group.throughput(Throughput::Bytes(LARGE as u64));
    group.bench_function("write 8 MiB to a memory file", |bencher| {
        bencher.iter(|| files.store(black_box(&bytes)).expect("memory"));
    });
    group.finish();
    criterion.final_summary();
}
