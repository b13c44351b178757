//! What crosses the border: calls as the SDK writes and the host reads them, and values in the SDK's local mode, where
//! `put` encodes and `get` decodes as in a sandbox.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wrun_abi::{
    CallKind, CallOptions,
    call::{CallWriter, Calls},
};

const CALLS: usize = 1_000;
const NUMBERS: u64 = 10_000;

/// As many calls as the SDK sends at once.
fn batch() -> Vec<u8> {
    let (options, mut buffer) = (CallOptions::default(), Vec::new());
    for _ in 0..CALLS {
        let mut call = CallWriter::new(&mut buffer, CallKind::Task, 0, "small", &options);
        call.value(black_box(&[0, 8, 1, 2, 3, 4, 5, 6, 7, 8]), &[]);
    }
    buffer
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("calls");
    group.throughput(Throughput::Elements(CALLS as u64));
    group.bench_function("write", |bencher| bencher.iter(batch));
    let buffer = batch();
    group.bench_function("read", |bencher| {
        bencher.iter(|| Calls::new(black_box(&buffer)).filter(Result::is_ok).count());
    });
    group.finish();

    let mut group = criterion.benchmark_group("values in local mode");
    group.bench_function("put and get 8 bytes", |bencher| {
        bencher.iter(|| wrun::put(black_box(1.5_f64)).get().expect("a value"));
    });
    let numbers: Vec<u64> = (0..NUMBERS).collect();
    group.throughput(Throughput::Elements(NUMBERS));
    group.bench_function("put and get 10,000 numbers", |bencher| {
        bencher.iter(|| {
            let stored = wrun::put(black_box(&numbers));
            stored.cast::<Vec<u64>>().get().expect("a value")
        });
    });
    group.finish();
    criterion.final_summary();
}
