//! What is particular to local mode: jobs, slots, ends, and amounts that a test suite may well reach.

#![allow(clippy::disallowed_methods, reason = "these tests measure real time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use wrun::local::Options;
use wrun::prelude::*;

#[wrun::task]
fn nap(ms: u64) -> u64 {
    wrun::sleep(Duration::from_millis(ms));
    ms
}

#[wrun::task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[wrun::actor]
struct Counter(i64);

#[wrun::actor]
impl Counter {
    fn new(start: i64) -> Self {
        Counter(start)
    }

    fn inc(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

#[test]
fn a_test_needs_no_setup() {
    assert_eq!(add::remote(1, 2).get().unwrap(), 3);
    assert_eq!(Counter::remote(1).inc().get().unwrap(), 2);
}

#[test]
fn one_slot_runs_one_at_a_time() {
    Options::new().slots(1).run(|| {
        let start = Instant::now();
        wrun::get(&nap::map([50; 4])).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(200));
        assert!((wrun::cluster_resources().unwrap().cpus - 1.0).abs() < 1e-9);
    });
}

#[test]
fn half_a_slot_is_half() {
    Options::new().slots(0.5).run(|| {
        assert_eq!(
            add::remote(1, 2).get().unwrap_err().kind(),
            ErrorKind::Unschedulable
        );
        assert_eq!(add::options().num_cpus(0.5).remote(1, 2).get().unwrap(), 3);
    });
}

static FINISHED: AtomicUsize = AtomicUsize::new(0);

#[wrun::task]
fn finish_after(ms: u64) {
    wrun::sleep(Duration::from_millis(ms));
    FINISHED.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn the_end_of_a_job_ends_its_calls() {
    let kept = Options::new().slots(2).run(|| {
        let kept = finish_after::map([300; 6]);
        wrun::sleep(Duration::from_millis(50));
        kept
    });
    for object in kept {
        assert!(object.get().unwrap_err().is_cancelled());
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(FINISHED.load(Ordering::SeqCst), 0);
}

#[test]
fn a_job_inside_a_job_is_apart() {
    let _outer = Counter::options().name("counter").remote(1);
    assert!(wrun::get_actor::<Counter>("counter").is_ok());
    wrun::local::run(|| assert!(wrun::get_actor::<Counter>("counter").is_err()));
    assert!(wrun::get_actor::<Counter>("counter").is_ok());
}

#[test]
fn refs_go_to_other_threads() {
    let slow = nap::remote(50);
    let counter = Counter::remote(0);
    let sums: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    slow.get().unwrap() + u64::try_from(counter.inc().get().unwrap()).unwrap()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(sums.iter().sum::<u64>(), 4 * 50 + 10);
}

#[test]
fn a_caller_waits_while_too_many_calls_are_queued() {
    Options::new().slots(2).max_queued(10).run(|| {
        let start = Instant::now();
        let naps: Vec<_> = (0..30).map(|_| nap::remote(20)).collect();
        assert!(
            start.elapsed() >= Duration::from_millis(150),
            "thirty naps were queued in {:?}",
            start.elapsed()
        );
        assert_eq!(wrun::get(&naps).unwrap().len(), 30);
    });
}

#[wrun::task]
fn spawn_many(n: u64) -> wrun::Result<u64> {
    let naps: Vec<_> = (0..n).map(|_| nap::remote(0)).collect();
    Ok(wrun::get(&naps)?.iter().sum::<u64>() + n)
}

#[test]
fn callers_that_all_wait_for_room_go_on() {
    Options::new().slots(1).max_queued(2).run(|| {
        let callers: Vec<_> = (0..5).map(|_| spawn_many::remote(20)).collect();
        assert_eq!(wrun::get(&callers).unwrap(), [20; 5]);
    });
}

#[wrun::task]
fn deep(levels: u32) -> wrun::Result<u32> {
    if levels == 0 {
        Ok(0)
    } else {
        Ok(deep::remote(levels - 1).get()? + 1)
    }
}

#[test]
fn a_deep_nesting_on_one_slot() {
    let levels = Options::new().slots(1).run(|| deep::remote(1000).get());
    assert_eq!(levels.unwrap(), 1000);
}

#[wrun::task]
fn fib(n: u32) -> wrun::Result<u64> {
    if n < 2 {
        return Ok(u64::from(n));
    }
    let (a, b) = (fib::remote(n - 1), fib::remote(n - 2));
    Ok(a.get()? + b.get()?)
}

#[test]
fn a_wide_recursion_on_one_and_two_slots() {
    for slots in [1, 2] {
        let result = Options::new().slots(slots).run(|| fib::remote(15).get());
        assert_eq!(result.unwrap(), 610);
    }
}

#[test]
fn many_refs_in_one_wait() {
    let refs = add::map((0..5000).map(|i| (i, 1)));
    let (ready, rest) = wrun::wait(&refs, 5000, Some(Duration::from_secs(60))).unwrap();
    assert_eq!((ready.len(), rest.len()), (5000, 0));
    let completed = wrun::as_completed(refs)
        .map(|object| object.get().unwrap())
        .sum::<i64>();
    assert_eq!(completed, 5000 * 5001 / 2);
}

#[test]
fn many_actors() {
    let counters: Vec<_> = (0..300).map(Counter::remote).collect();
    let values: Vec<_> = counters.iter().map(|counter| counter.inc()).collect();
    assert!(wrun::get(&values).unwrap().into_iter().eq(1..=300));
}

#[test]
fn a_long_chain_that_fails_at_its_start() {
    let mut last = add::remote(nap::remote(50).cast::<i64>(), 1).cast::<i64>();
    last.cancel().unwrap();
    for _ in 0..2000 {
        last = add::remote(last, 1);
    }
    assert!(last.get().unwrap_err().is_cancelled());
}

/// Counts how many of it are alive.
#[derive(Clone)]
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

static ALIVE: std::sync::OnceLock<Arc<AtomicUsize>> = std::sync::OnceLock::new();

struct Guarded(#[allow(dead_code, reason = "held for its drop")] Alive);

#[wrun::actor]
impl Guarded {
    fn new() -> Self {
        let alive = ALIVE.get_or_init(Arc::default);
        alive.fetch_add(1, Ordering::SeqCst);
        Guarded(Alive(alive.clone()))
    }

    fn touch(&self) {}

    fn burn(&self) {
        panic!("fire")
    }
}

#[test]
fn an_actors_value_is_dropped_with_it() {
    let actors: Vec<_> = (0..4).map(|_| Guarded::remote()).collect();
    for actor in &actors {
        actor.touch().get().unwrap();
    }
    let alive = ALIVE.get().unwrap();
    assert_eq!(alive.load(Ordering::SeqCst), 4);
    actors[0].kill().unwrap();
    actors[1].terminate().unwrap();
    assert!(actors[2].burn().get().is_err());
    drop(actors);
    let start = Instant::now();
    while alive.load(Ordering::SeqCst) > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "some actor is still there"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_panic_in_the_driver_is_the_tests_own() {
    let caught = std::panic::catch_unwind(|| {
        let _running = nap::remote(5000);
        panic!("the test fails");
    });
    assert_eq!(
        caught.unwrap_err().downcast_ref::<&str>(),
        Some(&"the test fails")
    );
}
