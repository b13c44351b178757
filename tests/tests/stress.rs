//! Many of everything, and what could lock up: the guest `stress` with one slot, with two, and with a pool of four.
//!
//! Sizes are the promised ones. What is measured is memory, which does not depend on how busy the machine is.

#![forbid(unsafe_code)]

use std::time::Duration;

use wrun_host::{ErrorKind, JobEnd, JobOptions, Runtime, RuntimeOptions, SpillTo};
use wrun_tests::{guest, submit};

const MIB: u64 = 1 << 20;

macro_rules! assert_test_exists {
    ($name:ident) => {
        #[allow(
            unused_imports,
            reason = "only to see that there is a test of that name"
        )]
        use self::$name as _;
    };
}
wrun_tests::foreach_stress!(assert_test_exists);

/// Runs one case to its end in a runtime of this process; nothing may be left of it.
fn case(options: RuntimeOptions, name: &str, size: u64) -> JobEnd {
    let tokio = tokio::runtime::Runtime::new().expect("tokio starts");
    tokio.block_on(async {
        let runtime = Runtime::start(options).expect("starts");
        let bytes = std::fs::read(guest::STRESS).expect("the guest is built");
        let module = runtime.load("stress.wasm", bytes).await.expect("loads");
        let mut options = JobOptions::default();
        options.args = vec![name.to_owned(), size.to_string()];
        options.timeout = Some(Duration::from_secs(300));
        let job = runtime.submit(&module, options).expect("submitted");
        let end = job.wait().await;
        drop(job);
        // Files of spilled objects are removed a moment later.
        let disk = |held: &[(&str, u64)]| held.iter().any(|(what, _)| what.contains("spilled"));
        for _ in 0..500 {
            if !disk(&runtime.held()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(runtime.held(), [], "{name} left something");
        runtime.shutdown().await;
        end
    })
}

fn options(slots: f64, pool_size: u32) -> RuntimeOptions {
    let mut options = RuntimeOptions::default();
    options.slots = slots;
    options.workers = 2;
    options.pool_size = pool_size;
    options
}

/// Each case with 1 and 2 slots and a pool of 4.
fn holds(name: &str, size: u64, change: impl Fn(&mut RuntimeOptions)) {
    for slots in [1.0, 2.0] {
        let mut options = options(slots, 4);
        change(&mut options);
        let end = case(options, name, size);
        assert_eq!(
            (end.exit_code, end.error),
            (0, None),
            "{name} with {slots} slots"
        );
    }
}

#[test]
fn stress() {
    let run = submit(guest::STRESS).arg("list").run();
    assert!(run.lines().len() >= 17, "{}", run.stdout);
}

#[test]
fn a_recursion_of_fifty_thousand_tasks_completes() {
    for slots in [1.0, 2.0] {
        let end = case(options(slots, 1_000), "many::recursion", 22);
        assert_eq!((end.exit_code, end.error), (0, None));
        assert!(end.stats.finished > 50_000, "{:?}", end.stats);
    }
}

#[test]
fn a_nesting_of_five_thousand_stays_under_a_gibibyte() {
    let run = submit(guest::STRESS)
        .cpus(1)
        .arg("many::nesting")
        .arg("5000")
        .run();
    run.expect_code(0);
    assert!(
        run.peak_memory < 1024 * MIB,
        "{} MiB",
        run.peak_memory / MIB
    );
}

#[test]
fn a_nesting_too_deep_is_one_error_that_names_the_limit() {
    let mut options = options(1.0, 100);
    options.max_sandboxes = 500;
    let error = case(options, "many::nesting", 5_000)
        .error
        .expect("too deep");
    assert_eq!(error.kind, ErrorKind::Limit);
    assert!(
        error.message.contains("500 sandboxes") && error.message.contains("--max-sandboxes"),
        "{error}"
    );
    assert_eq!(error.task.as_deref(), Some("nest"));
    assert!(
        error.message.len() < 400,
        "one error, not a chain of them: {error}"
    );
}

/// The same at full size, as a user meets it.
#[test]
fn a_nesting_of_fifty_thousand_ends_in_one_clear_error() {
    let run = submit(guest::STRESS)
        .cpus(1)
        .arg("many::nesting")
        .arg("50000")
        .run();
    assert!(run.stderr.contains("--max-sandboxes"), "{}", run.stderr);
    assert!(
        run.stderr.len() < 1_000,
        "one error: {} bytes",
        run.stderr.len()
    );
    assert_ne!(run.code, 0);
}

#[test]
fn a_hundred_thousand_queued_tasks_stay_under_120_mebibytes() {
    let run = submit(guest::STRESS)
        .cpus(2)
        .arg("many::queued")
        .arg("100000")
        .run();
    run.expect_code(0);
    assert!(run.peak_memory < 120 * MIB, "{} MiB", run.peak_memory / MIB);
}

#[test]
fn a_thousand_actors_live_beside_a_running_job() {
    holds_by_default("many::living_actors", 1_000);
}

#[test]
fn ten_thousand_refs_fit_into_one_wait() {
    holds_by_default("many::refs_in_one_wait", 10_000);
}

#[test]
fn a_chain_of_a_hundred_thousand_calls_fails_with_its_first() {
    holds_by_default("many::failing_chain", 100_000);
}

#[test]
fn a_chain_of_a_hundred_thousand_values_is_dropped() {
    holds_by_default("many::chain_of_values", 100_000);
}

fn holds_by_default(name: &str, size: u64) {
    let end = case(options(2.0, 1_000), name, size);
    assert_eq!((end.exit_code, end.error), (0, None), "{name}");
}

#[test]
fn deadlock_chain() {
    holds("deadlock::chain", 50, |_| {});
}

#[test]
fn deadlock_tree_spawned_before_the_first_get() {
    holds("deadlock::tree_spawned_before_the_first_get", 5, |_| {});
}

#[test]
fn deadlock_two_actors_flood_each_other() {
    holds("deadlock::two_actors_flood_each_other", 2_000, |_| {});
}

/// The queue holds fewer calls than one flood makes: who waits for room is let over from the reserve, or told.
#[test]
fn deadlock_two_actors_flood_each_other_with_a_small_queue() {
    for slots in [1.0, 2.0] {
        let mut options = options(slots, 4);
        options.max_queued_calls = 100;
        let end = case(options, "deadlock::two_actors_flood_each_other", 2_000);
        let error = end
            .error
            .expect("there is no room for 4,000 calls that nobody can take");
        assert_eq!(error.kind, ErrorKind::WouldDeadlock, "{error}");
        assert!(error.message.contains("100 queued calls"), "{error}");
    }
}

#[test]
fn deadlock_writers_fill_the_store_holding_refs() {
    for spill in [SpillTo::Temp, SpillTo::Nowhere] {
        holds(
            "deadlock::writers_fill_the_store_holding_refs",
            20,
            |options| {
                options.object_store_memory = 32 * MIB;
                options.spill = spill.clone();
            },
        );
    }
}

/// Objects of four times the store's memory and more, all held: nothing is lost, and memory stays within its bound.
#[test]
fn objects_beyond_memory_are_spilled_and_read_back() {
    for (name, count) in [
        ("tiers::puts_beyond_memory", 256),
        ("tiers::results_and_arguments_beyond_memory", 128),
        ("tiers::nested_arguments_beyond_memory", 40),
    ] {
        let memory = if count < 100 { 8 * MIB } else { 64 * MIB };
        let dir = tempfile::tempdir().expect("a directory");
        for slots in [1.0, 2.0] {
            let mut options = options(slots, 4);
            options.object_store_memory = memory;
            options.spill = SpillTo::Dir(dir.path().to_owned());
            let end = case(options, name, count);
            let stats = end.stats;
            assert_eq!((end.exit_code, end.error), (0, None), "{name} {slots}");
            // Who finds no room while nobody else can go on is let over from the reserve, an eighth.
            let bound = memory + memory / 8;
            assert!(stats.object_bytes_peak <= bound, "{name}: {stats:?}");
            assert!(stats.spilled_bytes_peak >= 3 * memory, "{name}: {stats:?}");
            let left = std::fs::read_dir(dir.path()).expect("is there").count();
            assert_eq!(left, 0, "the folder goes with the runtime");
        }
    }
}

#[test]
fn a_full_disk_is_an_error_that_names_both_limits() {
    let mut options = options(1.0, 4);
    options.object_store_memory = 16 * MIB;
    options.spill_limit = 16 * MIB;
    let error = case(options, "tiers::puts_beyond_memory", 64).error;
    let error = error.expect("64 MiB don't fit into 32");
    assert_eq!(error.kind, ErrorKind::WouldDeadlock, "{error}");
    for option in ["--object-store-memory", "--spill-limit"] {
        assert!(error.message.contains(option), "{error}");
    }
}

/// What a process leaves that is killed, the next one removes.
#[test]
fn files_of_a_killed_process_are_removed_by_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = || {
        let folders = std::fs::read_dir(dir.path()).expect("is there").flatten();
        folders
            .filter_map(|folder| std::fs::read_dir(folder.path()).ok())
            .map(Iterator::count)
            .sum::<usize>()
    };
    let mut child = std::process::Command::new(wrun_tests::wrun())
        .args(["submit", "--object-store-memory", "8M", "--spill-dir"])
        .arg(dir.path())
        .arg(guest::STRESS)
        .args(["--", "tiers::puts_beyond_memory", "4000"])
        .spawn()
        .expect("starts");
    for _ in 0..6000 {
        if files() > 10 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("is running");
    child.wait().expect("is gone");
    assert!(files() > 10, "it was killed in the middle");
    let run = submit(guest::STRESS)
        .option("--spill-dir", dir.path())
        .arg("list")
        .run();
    run.expect_code(0);
    assert_eq!(std::fs::read_dir(dir.path()).expect("is there").count(), 0);
}

#[test]
fn deadlock_actor_waits_for_a_task() {
    holds(
        "deadlock::actor_waits_for_a_task_that_calls_it_later",
        0,
        |_| {},
    );
}

#[test]
fn deadlock_everyone_waits_for_the_queue() {
    holds("deadlock::everyone_waits_for_the_queue", 8, |options| {
        options.max_queued_calls = 200
    });
}
