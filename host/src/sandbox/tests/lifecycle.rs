use super::*;

const FOREVER: &str = "(loop $l (br $l))";

/// A clock on a thread of its own, since guests don't give this one back by themselves.
pub(super) async fn ticking<F: Future>(bench: &Bench, future: F) -> F::Output {
    let (sandboxes, stop) = (bench.sandboxes.clone(), Arc::new(AtomicBool::new(false)));
    let stopped = stop.clone();
    let clock = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(2));
            sandboxes.tick();
        }
    });
    let output = future.await;
    stop.store(true, Ordering::Relaxed);
    clock.join().unwrap();
    output
}

/// Runs for a while and is dropped.
async fn dropped_half_way(bench: &Bench, text: &str) {
    let run = tokio::time::timeout(Duration::from_millis(40), bench.run(text, vec![]));
    ticking(bench, run)
        .await
        .expect_err("it does not end by itself");
    bench.record.spawned.lock().clear();
    bench.record.submitted.lock().clear();
    bench.assert_clean();
}

#[tokio::test]
async fn a_call_can_be_dropped_anywhere() {
    let bench = Bench::new();
    dropped_half_way(&bench, &guest(FOREVER)).await;
    assert!(bench.record.ticks.load(Ordering::Relaxed) > 2);
    dropped_half_way(&bench, &guest("(call $sleep (i64.const 10000000000))")).await;
    let data = "(data (i32.const 1000) \"\\00\\00\\00\\00\\00\\01\\00a\\00\\00\\00\\00\")";
    let spawn = "(drop (call $spawn (i32.const 1000) (i32.const 12) (i32.const 0) (i32.const 1)))";
    for wait in [
        "(drop (call $get (i32.const 0) (i32.const 1) (i64.const -1)))",
        "(drop (call $wait (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 1) (i64.const -1) (i32.const 8)))",
    ] {
        dropped_half_way(&bench, &guest_with(&format!("{spawn} {wait}"), data)).await;
    }
}

#[tokio::test]
async fn a_start_function_that_loops_can_be_dropped() {
    let bench = Bench::new();
    let start = format!("(func $start {FOREVER}) (start $start)");
    dropped_half_way(&bench, &guest_with("", &start)).await;
    let initialize = format!("(func (export \"_initialize\") {FOREVER})");
    dropped_half_way(&bench, &guest_with("", &initialize)).await;
}

#[tokio::test]
async fn a_start_that_fails_is_told() {
    let bench = Bench::new();
    for (fields, kind) in [
        ("(func $s (unreachable)) (start $s)", ErrorKind::Trap),
        (
            "(func (export \"_initialize\") (unreachable))",
            ErrorKind::Trap,
        ),
        (
            "(func (export \"_initialize\") (call $fail (i32.const 0) (i32.const 0) (i32.const 0)))",
            ErrorKind::Application,
        ),
        (
            "(func (export \"_initialize\") (call $proc_exit (i32.const 3)))",
            ErrorKind::Application,
        ),
        (
            "(func $s (drop (call $arg_len (i32.const 0)))) (start $s)",
            ErrorKind::Trap,
        ),
        ("(data (i32.const 65536) \"x\")", ErrorKind::Trap),
    ] {
        let end = bench.run(&guest_with("", fields), vec![]).await;
        assert_eq!(end.outcome.expect_err(fields).kind, kind, "{fields}");
        bench.assert_clean();
    }
}

#[tokio::test]
async fn the_pool_overflows_to_allocation_on_demand() {
    let bench = Bench::with(2, Limits::default());
    let module = bench.module(&guest("(call $emit (i32.const 9))"));
    let mut live = Vec::new();
    for i in 0..5 {
        let mut sandbox = bench.sandbox(&module).await.unwrap();
        assert_eq!(sandbox.in_pool(), i < 2);
        assert_eq!(ints(&call(&mut sandbox, vec![]).await), [9]);
        live.push(sandbox);
    }
    assert_eq!(
        (bench.sandboxes.live(), bench.sandboxes.made_outside_pool()),
        (5, 3)
    );
    live.remove(0);
    assert!(
        bench.sandbox(&module).await.unwrap().in_pool(),
        "the slot came back"
    );
    drop(live);
    bench.assert_clean();
    let without = Bench::with(0, Limits::default());
    assert_eq!(
        without.ints("(call $emit (i32.const 9))", vec![]).await,
        [9]
    );
    assert_eq!(without.sandboxes.info().strategy, Strategy::OnDemand);
}

#[tokio::test]
async fn a_fresh_sandbox_sees_nothing_of_the_one_before() {
    let bench = Bench::with(1, Limits::default());
    // Emits what it finds, then leaves marks in memory (also grown), a global, a table and a passive segment.
    let body = "(call $emit (i32.load (i32.const 100))) (call $emit (i32.load (i32.const 30000)))
        (call $emit (global.get $g)) (call $emit (ref.is_null (table.get $t (i32.const 3))))
        (call $emit (table.size $t)) (call $emit (memory.size))
        (drop (memory.grow (i32.const 40))) (call $emit (i32.load (i32.const 2000000)))
        (drop (table.grow $t (ref.null func) (i32.const 600))) (call $emit (ref.is_null (table.get $t (i32.const 550))))
        (i32.store (i32.const 100) (i32.const 7)) (i32.store (i32.const 30000) (i32.const 7))
        (i32.store (i32.const 2000000) (i32.const 7)) (global.set $g (i32.const 7))
        (table.set $t (i32.const 3) (ref.func $emit)) (table.set $t (i32.const 550) (ref.func $emit))
        (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d)";
    let fields =
        "(global $g (mut i32) (i32.const 1)) (table $t 4 20000 funcref) (elem declare func $emit)
        (data $d \"x\") (data (i32.const 100) \"\\05\\00\\00\\00\")";
    let module = bench.module(&guest_with(body, fields));
    for _ in 0..4 {
        let mut sandbox = bench.sandbox(&module).await.unwrap();
        assert!(sandbox.in_pool());
        assert_eq!(
            ints(&call(&mut sandbox, vec![]).await),
            [5, 0, 1, 1, 4, 1, 0, 1]
        );
    }
    // Another module in the same slot.
    let other = bench.module(&guest(
        "(call $emit (i32.load (i32.const 100))) (drop (memory.grow (i32.const 40))) (call $emit (i32.load (i32.const 2000000)))",
    ));
    assert_eq!(
        ints(&call(&mut bench.sandbox(&other).await.unwrap(), vec![]).await),
        [0, 0]
    );
}

#[tokio::test]
async fn a_sandbox_lives_on_between_calls_until_it_dies() {
    let bench = Bench::new();
    let body = "(global.set $g (i32.add (global.get $g) (i32.const 1))) (global.set $at (i32.const 40001))
        (call $emit (global.get $g)) (if (i32.eq (global.get $g) (i32.const 3)) (then (unreachable)))";
    let module = bench.module(&guest_with(body, "(global $g (mut i32) (i32.const 0))"));
    let mut sandbox = bench.sandbox(&module).await.unwrap();
    assert_eq!(ints(&call(&mut sandbox, vec![]).await), [1]);
    assert_eq!(ints(&call(&mut sandbox, vec![]).await), [2]);
    assert!(call(&mut sandbox, vec![]).await.dead && sandbox.is_dead());
    let end = call(&mut sandbox, vec![]).await;
    assert_eq!(end.outcome.expect_err("dead").kind, ErrorKind::ActorDied);
}

#[tokio::test]
async fn a_dropped_call_leaves_a_dead_sandbox() {
    let bench = Bench::new();
    let module = bench.module(&guest("(call $sleep (i64.const 10000000000))"));
    let mut sandbox = bench.sandbox(&module).await.unwrap();
    tokio::time::timeout(Duration::from_millis(10), call(&mut sandbox, vec![]))
        .await
        .expect_err("sleeps");
    assert!(call(&mut sandbox, vec![]).await.dead);
    drop(sandbox);
    bench.assert_clean();
}

#[test]
fn futures_are_small_and_can_move_between_threads() {
    fn sendable<T: Send>(_: &T) -> usize {
        size_of::<T>()
    }
    let bench = Bench::new();
    let module = bench.module(&guest(""));
    let future = module.instantiate(bench.services(), bench.memory_limit);
    assert!(sendable(&future) < 8 << 10, "{}", sendable(&future));
    drop(future);
    bench.assert_clean();
}

/// A long chain of values that refer to each other is given back without a deep recursion in the host.
#[tokio::test]
async fn a_long_chain_of_references_can_be_dropped() {
    let bench = Bench::new();
    let body = "(loop $more
            (i32.store (i32.const 4) (i32.load (i32.const 0)))
            (i32.store (i32.const 0) (call $put (i32.const 100) (i32.const 1) (i32.const 4) (i32.ne (local.get $a) (i32.const 0))))
            (if (local.get $a) (then (drop (call $release (i32.const 4) (i32.const 1)))))
            (local.set $a (i32.add (local.get $a) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $a) (i32.const 100000))))
        (call $emit (call $release (i32.const 0) (i32.const 1)))";
    assert_eq!(bench.ints(body, vec![]).await, [0]);
    bench.assert_clean();
}

/// A fresh sandbox runs `_initialize` and then the call, in one entry from the host; a backtrace shows what was called.
#[tokio::test]
async fn initialize_runs_once_and_before_the_first_call() {
    let bench = Bench::new();
    let text = format!(
        r#"(module
        (import "wrun" "result_write" (func $result (param i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (global $runs (mut i32) (i32.const 0))
        (export "wrun.entry.run" (func $run))
        (func $_initialize (export "_initialize") (global.set $runs (i32.add (global.get $runs) (i32.const 1))))
        (func $run (export "run")
            (if (i32.ne (global.get $runs) (i32.const 1)) (then unreachable))
            (global.set $runs (i32.const 1))
            (i32.store (i32.const 1) (global.get $runs))
            (drop (call $result (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 0) (i32.const 0))))
        (@custom "wrun.manifest" "{MANIFEST}"))"#
    );
    let module = bench.module(&text);
    let mut sandbox = bench.sandbox(&module).await.unwrap();
    for _ in 0..2 {
        assert_eq!(ints(&call(&mut sandbox, vec![]).await), [1]);
    }
    drop(sandbox);
    let trap = text.replace(
        "(i32.store (i32.const 1) (global.get $runs))",
        "unreachable",
    );
    let error = bench.run(&trap, vec![]).await.outcome.expect_err("a trap");
    assert_eq!(error.backtrace, ["run"]);
    let never = text.replace(
        "(global.set $runs (i32.add",
        "unreachable (global.set $runs (i32.add",
    );
    let error = bench.run(&never, vec![]).await.outcome.expect_err("a trap");
    assert_eq!(
        error.backtrace.first().map(String::as_str),
        Some("_initialize")
    );
    bench.assert_clean();
}
