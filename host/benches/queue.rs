//! The scheduler alone: items that do nothing, from the push to the end of the last, from outside and from a worker.

use std::{
    hint::black_box,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use criterion::{Criterion, Throughput};
use wrun_host::scheduler::{Execute, FiberFuture, Job, SLOT, Scheduler, SchedulerOptions, Turn};

const ITEMS: usize = 1_000;

/// What is left to do, and whom to tell when it is nothing.
struct Countdown {
    left: AtomicUsize,
    done: mpsc::SyncSender<()>,
}

impl Countdown {
    fn one(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Nobody waits only when the benchmark is over.
            let _ = self.done.send(());
        }
    }
}

struct Item(Arc<Countdown>);

impl Execute for Item {
    fn slots(&self) -> u32 {
        SLOT
    }

    fn execute(self, turn: Turn) -> FiberFuture {
        Box::pin(async move {
            let _turn = turn;
            self.0.one();
        })
    }
}

fn push_all(job: &Job<Item>, countdown: &Arc<Countdown>) {
    for _ in 0..ITEMS {
        let pushed = job.push(Item(countdown.clone()));
        assert!(pushed.is_ok(), "the job is open");
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let options = SchedulerOptions::new(runtime.handle().clone());
    let scheduler = Scheduler::<Item>::start(options).expect("threads");
    let job = scheduler.tenant(NonZeroU32::MIN).job();
    let countdown = || {
        let (done, wait) = mpsc::sync_channel(1);
        let left = AtomicUsize::new(ITEMS);
        (Arc::new(Countdown { left, done }), wait)
    };
    let mut group = criterion.benchmark_group("queue");
    group.throughput(Throughput::Elements(ITEMS as u64));
    group.bench_function("push from outside, run", |bencher| {
        bencher.iter(|| {
            let (countdown, wait) = countdown();
            push_all(&job, &countdown);
            black_box(wait.recv())
        });
    });
    group.bench_function("push from a worker, run", |bencher| {
        bencher.iter(|| {
            let (countdown, wait) = countdown();
            let inner = job.clone();
            let started = job.start(|turn| async move {
                let _turn = turn;
                push_all(&inner, &countdown);
            });
            assert!(started.is_ok(), "the job is open");
            black_box(wait.recv())
        });
    });
    group.finish();
    criterion.final_summary();
}
