use super::*;

async fn failing(bench: &Bench, body: &str, fields: &str) -> TaskError {
    let end = bench.run(&guest_with(body, fields), vec![]).await;
    assert!(end.dead, "a trap kills the sandbox");
    end.outcome.expect_err("the guest must fail")
}

#[tokio::test]
async fn traps_are_named_in_plain_words() {
    let bench = Bench::new();
    let recursion =
        "(func $deep (param i64) (result i64) (i64.add (call $deep (local.get 0)) (local.get 0)))";
    let cases = [
        ("(unreachable)", "", "aborted"),
        (
            "(drop (i32.load (i32.const 70000)))",
            "",
            "out of bounds, at 0x11170",
        ),
        (
            "(i32.store (i32.const -16) (i32.const 1))",
            "",
            "stack overflowed (an access out of bounds at 0xfffffff0); raise it with `stack-size",
        ),
        (
            "(drop (i32.div_s (i32.const 1) (local.get $a)))",
            "",
            "divided by zero",
        ),
        (
            "(drop (call $deep (i64.const 1)))",
            recursion,
            "nested too deeply",
        ),
        ("(call_indirect (i32.const 0))", "(table 1 funcref)", "null"),
        (
            "(call_indirect (i32.const 5))",
            "(table 1 funcref)",
            "table",
        ),
        (
            "(drop (call_indirect (result i32) (i32.const 0)))",
            "(table funcref (elem $emit))",
            "signature",
        ),
    ];
    for (body, fields, expected) in cases {
        let error = failing(&bench, body, fields).await;
        assert_eq!(error.kind, ErrorKind::Trap);
        assert!(error.message.contains(expected), "{error}");
        assert!(!error.backtrace.is_empty() && error.backtrace.len() <= 32);
    }
    bench.assert_clean();
}

#[tokio::test]
async fn backtraces_have_readable_names_innermost_first() {
    let bench = Bench::new();
    let inner = "(func $_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE (unreachable))
                 (func $outer (call $_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE))";
    let error = failing(&bench, "(call $outer)", inner).await;
    assert_eq!(
        error.backtrace[..2],
        ["core::fmt::Write::write_fmt", "outer"]
    );
}

#[tokio::test]
async fn growth_past_the_limit_fails_and_is_told() {
    let mut bench = Bench::new();
    bench.memory_limit = 1 << 20;
    // A refused growth by itself is no error: the guest may go on.
    let ints = bench
        .ints("(call $emit (memory.grow (i32.const 100))) (call $emit (memory.grow (i32.const 10))) (call $emit (memory.size))", vec![])
        .await;
    assert_eq!(ints, [-1, 1, 11]);
    let error = bench
        .error("(drop (memory.grow (i32.const 100))) (unreachable)")
        .await;
    assert_eq!(error.kind, ErrorKind::MemoryLimit);
    assert!(
        error.message.contains("limit is 1 MiB") && error.message.contains("--memory-limit"),
        "{error}"
    );
    let error = bench
        .error("(drop (memory.grow (i32.const 100))) (call $fail (i32.const 1) (i32.const 0) (i32.const 0)) (unreachable)")
        .await;
    assert_eq!(error.kind, ErrorKind::MemoryLimit);
    // Something else that goes wrong later is not blamed on it.
    let error = bench
        .error(
            "(drop (memory.grow (i32.const 100))) (drop (i32.div_s (i32.const 1) (local.get $a)))",
        )
        .await;
    assert_eq!(error.kind, ErrorKind::Trap);
    bench.assert_clean();
}

#[tokio::test]
async fn tables_count_and_initial_sizes_too() {
    let mut bench = Bench::new();
    bench.memory_limit = 1 << 20;
    let grow = "(call $emit (table.grow $t (ref.null func) (i32.const 1000))) (call $emit (table.grow $t (ref.null func) (i32.const 1000000)))";
    let end = bench
        .run(&guest_with(grow, "(table $t 1 funcref)"), vec![])
        .await;
    assert_eq!(ints(&end), [1, -1]);
    bench.memory_limit = 32 << 10;
    let error = bench.error("").await;
    assert_eq!(error.kind, ErrorKind::MemoryLimit);
    assert!(
        error.message.contains("starts with 64 KiB") && error.message.contains("limit is 32 KiB"),
        "{error}"
    );
    drop(end);
    bench.assert_clean();
}

#[tokio::test]
async fn the_accounts_limits_hold() {
    let bench = Bench::with(
        4,
        Limits::default().with(tenant::Resource::SandboxBytes, 1 << 17),
    );
    let error = bench
        .error("(drop (memory.grow (i32.const 2))) (unreachable)")
        .await;
    assert!(
        error
            .message
            .contains("test may hold 131072 bytes of sandbox memory"),
        "{error}"
    );
    let bench = Bench::with(
        4,
        Limits::default().with(tenant::Resource::SandboxBytes, 1 << 15),
    );
    assert_eq!(bench.error("").await.kind, ErrorKind::MemoryLimit);
    bench.assert_clean();
    let bench = Bench::with(4, Limits::default().with(tenant::Resource::Sandboxes, 0));
    let error = bench.error("").await;
    assert_eq!(error.kind, ErrorKind::Limit);
    assert!(
        error.message.contains("may hold 0 living sandboxes"),
        "{error}"
    );
    bench.assert_clean();
    let bench = Bench::with(4, Limits::default().with(tenant::Resource::Handles, 64));
    let body = "(loop $more (local.set $b (call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
        (local.set $a (i32.add (local.get $a) (i32.const 1)))
        (br_if $more (i32.gt_s (local.get $b) (i32.const 0)))) (call $emit (local.get $a)) (call $emit (local.get $b))";
    assert_eq!(bench.ints(body, vec![]).await, [65, -6]);
    bench.assert_clean();
}

#[tokio::test]
async fn only_so_many_sandboxes_live() {
    let options = SandboxesOptions {
        pool_size: 1,
        max_sandboxes: 2,
        cache: CacheDir::Off,
        ..Default::default()
    };
    let bench = Bench::of(Sandboxes::new(options).unwrap(), Limits::default());
    let module = bench.module(&guest(""));
    let one = bench.sandbox(&module).await.unwrap();
    let two = bench.sandbox(&module).await.unwrap();
    assert!(one.in_pool() && !two.in_pool());
    let error = bench.sandbox(&module).await.expect_err("a third");
    assert_eq!(error.kind, ErrorKind::Limit);
    assert!(
        error.message.contains("2 sandboxes") && error.message.contains("--max-sandboxes"),
        "{error}"
    );
    drop((one, two));
    bench.assert_clean();
}

#[tokio::test]
async fn a_module_with_a_large_table_runs_outside_the_pool() {
    let bench = Bench::new();
    let module = bench.module(&guest_with(
        "(call $emit (i32.const 5))",
        "(table 30000 funcref) (table 5 funcref)",
    ));
    assert!(!module.fits_pool());
    let mut sandbox = bench.sandbox(&module).await.unwrap();
    assert_eq!(ints(&call(&mut sandbox, vec![]).await), [5]);
    assert!(sandbox.memory_bytes() >= 30000 * 8 + 65536);
}
