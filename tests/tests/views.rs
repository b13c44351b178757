//! Large arrays that are shared without copies, in real programs: what they see, and what they leave behind.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::json;
use wrun_host::types::CallOptions;
use wrun_host::{CacheDir, ErrorKind, JobOptions, Module, Runtime, RuntimeOptions, SpillTo};
use wrun_tests::{guest, submit};

macro_rules! assert_test_exists {
    ($name:ident) => {
        #[allow(
            unused_imports,
            reason = "only to see that there is a test of that name"
        )]
        use self::$name as _;
    };
}
wrun_tests::foreach_views!(assert_test_exists);

/// Each case as a program of its own.
#[test]
fn views() {
    let names = submit(guest::VIEWS).arg("list").run();
    let names = names.lines();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        let run = submit(guest::VIEWS)
            .option("--memory-limit", "700M")
            .arg(name)
            .run();
        assert_eq!(run.code, 0, "{name}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn json_callers_give_and_get_arrays() {
    let task = |args: &str| {
        let submit = submit(guest::VIEWS).option("--task", "doubled");
        submit.option("--args", args).run()
    };
    assert_eq!(task("[[1, 2, 3]]").lines(), ["[2,4,6]"]);
    assert_eq!(task("[[]]").lines(), ["[]"]);
    let run = task("[[1, -2]]");
    run.expect_code(120);
    assert!(run.stderr.contains("argument `data`"), "{}", run.stderr);
}

fn runtime(pool_size: u32) -> (Runtime, tempfile::TempDir) {
    runtime_with(pool_size, |_| {})
}

fn runtime_with(
    pool_size: u32,
    change: impl FnOnce(&mut RuntimeOptions),
) -> (Runtime, tempfile::TempDir) {
    let cache = tempfile::tempdir().unwrap();
    let mut options = RuntimeOptions::default();
    options.cache = CacheDir::At(cache.path().to_owned());
    options.pool_size = pool_size;
    options.slots = f64::from(pool_size.max(2));
    options.memory_limit = 64 << 20;
    change(&mut options);
    (Runtime::start(options).unwrap(), cache)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

async fn guest_module(host: &Runtime) -> Module {
    let bytes = std::fs::read(guest::VIEWS).unwrap();
    host.load("views.wasm", bytes).await.unwrap()
}

/// Without a pool nothing is mapped: the same programs work on copies.
#[test]
fn without_a_pool_they_are_copies() {
    block_on(async {
        let (host, _cache) = runtime(0);
        let module = guest_module(&host).await;
        for name in ["shared", "writes_stay_private", "in_an_actor", "mistakes"] {
            let mut options = JobOptions::default();
            options.args = vec![name.to_owned()];
            options.env = vec![("NO_POOL".to_owned(), "1".to_owned())];
            let end = host.submit(&module, options).unwrap().wait().await;
            assert_eq!((end.exit_code, end.error), (0, None), "{name}");
        }
        host.shutdown().await;
    });
}

/// A task that holds its sandbox for a while, so that the others of its kind get other slots, then looks at all of its
/// memory, grown as far as it goes: it gives the number of words that are not zero.
const SCANNER: &str = r#"(module
    (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
    (import "wrun" "sleep" (func $sleep (param i64)))
    (memory (export "memory") 1)
    (func (export "scan") (local $at i32) (local $found i32)
        (call $sleep (i64.const 200000000))
        (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (loop $next
            (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then
                (local.set $found (i32.add (local.get $found) (i32.const 1)))))
            (br_if $next (i32.lt_u
                (local.tee $at (i32.add (local.get $at) (i32.const 8)))
                (i32.shl (memory.size) (i32.const 16)))))
        (i32.store8 (i32.const 0) (i32.const 1))
        (i32.store8 (i32.const 1) (select (i32.const 0x31) (i32.const 0x30) (local.get $found)))
        (drop (call $result_write (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0))))
    (@custom "wrun.manifest" "{\"abi\":1,\"kind\":\"task\",\"name\":\"scan\",\"export\":\"scan\"}\0a"))"#;

const POOL: u32 = 4;

/// Every slot of the pool is clean.
async fn assert_clean(host: &Runtime) {
    let module = host.load("scanner.wat", SCANNER.as_bytes().to_vec()).await;
    let job = host.open(&module.unwrap(), JobOptions::default()).unwrap();
    let mut calls = Vec::new();
    for _ in 0..POOL {
        calls.push(job.call("scan", ()).await.unwrap());
    }
    for call in calls {
        assert_eq!(call.json().await.unwrap(), json!(0), "something was left");
    }
    assert_eq!(job.close().await.error, None);
}

/// Waits until there are views in all slots.
async fn all_viewing(host: &Runtime) {
    let all = u64::from(POOL) << 22;
    let viewing = || {
        let held = host.held();
        held.iter()
            .any(|(what, n)| *what == "bytes of views" && *n >= all)
    };
    for _ in 0..5_000 {
        if viewing() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("no views: {:?}", host.held());
}

/// Jobs that end, calls that are cancelled and actors that are killed inside a view leave nothing in any slot.
#[test]
fn nothing_is_left_by_what_ends_inside_a_view() {
    block_on(async {
        let (host, _cache) = runtime(POOL);
        let module = guest_module(&host).await;
        for cancel in [false, true] {
            let job = host.open(&module, JobOptions::default()).unwrap();
            let mut calls = Vec::new();
            for _ in 0..POOL {
                calls.push(job.call("linger", ()).await.unwrap());
            }
            all_viewing(&host).await;
            for call in calls.iter().filter(|_| cancel) {
                call.cancel();
                assert!(call.json().await.is_err());
            }
            job.close().await;
            assert_clean(&host).await;
        }
        let job = host.open(&module, JobOptions::default()).unwrap();
        let mut actors = Vec::new();
        for _ in 0..POOL {
            actors.push(
                job.actor("Secretive", (), CallOptions::default())
                    .await
                    .unwrap(),
            );
        }
        all_viewing(&host).await;
        for actor in &actors {
            let secret = actor.call("reveal", ()).await.unwrap();
            assert_eq!(secret.json().await.unwrap(), json!(0));
            actor.kill();
        }
        assert_clean(&host).await;
        job.close().await;
        host.shutdown().await;
    });
}

/// So do jobs and calls whose time is over, and a job whose program exits.
#[test]
fn nothing_is_left_by_timeouts_and_exits_inside_a_view() {
    // Long enough for all to be inside.
    const TIME: Duration = Duration::from_secs(3);
    block_on(async {
        let (host, _cache) = runtime(POOL);
        let module = guest_module(&host).await;
        for calls_end in [false, true] {
            let mut options = JobOptions::default();
            let mut call_options = CallOptions::default();
            *if calls_end {
                &mut call_options.timeout
            } else {
                &mut options.timeout
            } = Some(TIME);
            let job = host.open(&module, options).unwrap();
            let mut calls = Vec::new();
            for _ in 0..POOL {
                let call = job.call_json("linger", Vec::new(), call_options.clone());
                calls.push(call.await.unwrap());
            }
            all_viewing(&host).await;
            for call in calls {
                let error = call.json().await.unwrap_err();
                assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
            }
            assert_clean(&host).await;
            job.close().await;
        }
        let mut options = JobOptions::default();
        options.args = vec!["exit_among_views".to_owned()];
        let end = host.submit(&module, options).unwrap().wait().await;
        assert_eq!((end.exit_code, end.error), (0, None));
        assert_clean(&host).await;
        host.shutdown().await;
    });
}

/// A store that is too small for what is made beside the views.
#[test]
fn views_last_while_the_store_spills_and_is_used_again() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let (host, _cache) = runtime_with(POOL, |options| {
            options.object_store_memory = 20 << 20;
            options.spill = SpillTo::Dir(dir.path().to_owned());
        });
        let module = guest_module(&host).await;
        let mut options = JobOptions::default();
        options.args = vec!["outlive_all_else".to_owned()];
        let end = host.submit(&module, options).unwrap().wait().await;
        assert_eq!((end.exit_code, end.error), (0, None));
        assert!(end.stats.spilled_bytes_peak > 1 << 20, "{:?}", end.stats);
        host.shutdown().await;
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    });
}

/// As many as the kernel's limit of mappings leaves.
#[test]
fn beyond_their_number_in_a_process_guests_copy() {
    let mappings = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let most = mappings.trim().parse::<u64>().unwrap() / 24;
    if most > 1 << 16 {
        println!("skipped: {most} views are too many to try");
        return;
    }
    let run = submit(guest::VIEWS)
        .option("--task", "crowd")
        .option("--args", format!("[{}]", most / 256 + 1))
        .run();
    assert_eq!(run.lines(), [most.to_string()], "{}", run.stderr);
}
