//! Guests that go beyond their limits: time, stack, memory, and what no call may do.

use std::time::Duration;

use super::support::{MAIN, TASK, guest, module, submit};

const LOOP: &str = r#"(func (export "m") (loop br 0))"#;

/// However the loop is reached, the time limit ends it, with the same message.
#[test]
fn loops_without_end() {
    let start = r#"(module (memory (export "memory") 1) (func $s (loop br 0)) (start $s) (func (export "_start")))"#;
    let initialize = module(
        r#"(func (export "_initialize") (loop br 0)) (func (export "m"))"#,
        &[MAIN],
    );
    let constructor = guest(
        r#"(import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
           (import "wrun" "sleep" (func $sleep (param i64)))"#,
        r#"(data (i32.const 64) "\01" "\00\00\00\00" "\01\00C" "\00\00" "\00\00")
           (func (export "m")
             (drop (call $spawn (i32.const 64) (i32.const 12) (i32.const 0) (i32.const 1)))
             (call $sleep (i64.const 60000000000)))
           (func (export "c") (loop br 0))"#,
        &[
            MAIN,
            r#"{"abi":1,"kind":"constructor","name":"C","export":"c"}"#,
        ],
    );
    let bulk = module(
        r#"(func (export "m") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br 0)))"#,
        &[MAIN],
    );
    let cases: &[(&str, &[&str])] = &[
        (start, &[]),
        (&initialize, &[]),
        (&constructor, &[]),
        (&bulk, &[]),
        (&module(LOOP, &[MAIN]), &[]),
        (&module(LOOP, &[TASK]), &["--task", "t"]),
    ];
    for (text, options) in cases {
        for cpus in ["1", "2"] {
            let options = [*options, &["--timeout", "300ms", "--num-cpus", cpus]].concat();
            let outcome = submit(text, &options);
            outcome.assert_error(124, &["longer than its limit of 300ms", "--timeout"]);
            assert!(outcome.time < Duration::from_secs(10), "{:?}", outcome.time);
        }
    }
}

#[test]
fn sleeps_without_end() {
    for ns in ["9223372036854775807", "60000000000"] {
        let body = format!(r#"(func (export "m") (call $sleep (i64.const {ns})))"#);
        let text = guest(
            r#"(import "wrun" "sleep" (func $sleep (param i64)))"#,
            &body,
            &[MAIN],
        );
        submit(&text, &["--timeout", "300ms"]).assert_error(124, &["300ms"]);
    }
}

#[test]
fn recursion_without_end() {
    let plain = module(
        r#"(func $r (export "m") (call $r) (call $r))"#,
        &[MAIN, TASK],
    );
    let wanted = ["stack overflowed", "recursion without end", "at r"];
    submit(&plain, &[]).assert_error(121, &wanted);
    submit(&plain, &["--task", "t"]).assert_error(121, &[&wanted[..], &["`t#1`"]].concat());
    let tables = module(
        r#"(table 1 funcref) (elem (i32.const 0) $r) (type $t (func))
           (func $r (export "m") (call_indirect (type $t) (i32.const 0)) (call_indirect (type $t) (i32.const 0)))"#,
        &[MAIN],
    );
    submit(&tables, &[]).assert_error(121, &["stack overflowed"]);
    let wide = format!(
        r#"(func $r (export "m") (local {}) (call $r) (call $r))"#,
        "i64 ".repeat(10_000)
    );
    submit(&module(&wide, &[MAIN]), &[]).assert_error(121, &["stack overflowed"]);
    let start = r#"(module (memory (export "memory") 1) (func $s (call $s) (call $s)) (start $s) (func (export "_start")))"#;
    submit(start, &[]).assert_error(121, &["stack overflowed"]);
}

#[test]
fn memory_past_the_limit() {
    let grow = r#"(func (export "m")
        (loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable)"#;
    let wanted = ["out of memory", "--memory-limit"];
    let grown = submit(&module(grow, &[MAIN, TASK]), &["--memory-limit", "64M"]);
    grown.assert_error(122, &[&wanted[..], &["its limit is 64 MiB"]].concat());
    assert!(grown.peak < 400 << 20, "{} MiB", grown.peak >> 20);
    submit(&module(grow, &[MAIN, TASK]), &["--task", "t"]).assert_error(122, &wanted);
    let touch = r#"(func (export "m") (local $at i32)
        (loop
          (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (i32.store (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))"#;
    submit(&module(touch, &[MAIN]), &["--memory-limit", "1M"]).assert_error(122, &wanted);
    let large = r#"(module (memory (export "memory") 20000) (func (export "_start")))"#;
    submit(large, &[]).assert_error(122, &["starts with 1250 MiB", "--memory-limit"]);
    let all = r#"(module (memory (export "memory") 65536) (func (export "_start")))"#;
    submit(all, &[]).assert_error(122, &["starts with 4096 MiB", "--memory-limit"]);
    let table = r#"(module (memory (export "memory") 1) (table 9000000 10000000 funcref)
        (func (export "_start")))"#;
    submit(table, &["--memory-limit", "64M"]).assert_error(122, &["--memory-limit"]);
    let tables = module(
        r#"(table $t 1 funcref)
        (func (export "m")
          (loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable)"#,
        &[MAIN],
    );
    submit(&tables, &["--memory-limit", "128K"]).assert_error(122, &wanted);
}

/// Being refused memory is no failure as long as the guest can live with it.
#[test]
fn a_guest_may_be_refused_memory() {
    let grow = r#"(func (export "m")
        (if (i32.ne (memory.grow (i32.const 65000)) (i32.const -1)) (then unreachable)))"#;
    let outcome = submit(&module(grow, &[MAIN]), &[]);
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
}

#[test]
fn traps_say_what_happened() {
    let cases = [
        ("unreachable", "unreachable"),
        (
            "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
            "divided by zero",
        ),
        (
            "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            "overflowed",
        ),
        ("(drop (i32.trunc_f32_s (f32.const nan)))", "converted"),
        (
            "(drop (i32.load (i32.const 65533)))",
            "out of bounds, at 0x",
        ),
        (
            "(drop (i32.load offset=4294967295 (i32.const 65533)))",
            "out of bounds",
        ),
        ("(drop (i32.load (i32.const -16)))", "stack overflowed"),
        (
            "(memory.fill (i32.const 65530) (i32.const 0) (i32.const 100))",
            "out of bounds",
        ),
        ("(call_indirect (i32.const 0))", "null"),
        ("(call_indirect (i32.const 1))", "signature"),
        ("(call_indirect (i32.const 9))", "out of bounds"),
    ];
    for (body, wanted) in cases {
        let fields = format!(
            r#"(table 3 funcref) (elem (i32.const 1) $other) (func $other (param i32))
               (func $inner {body}) (func (export "m") (call $inner))"#
        );
        let outcome = submit(&module(&fields, &[MAIN, TASK]), &[]);
        outcome.assert_error(121, &["error[WR0103]", wanted, "at inner"]);
        submit(&module(&fields, &[MAIN, TASK]), &["--task", "t"])
            .assert_error(121, &["`t#1`", wanted]);
    }
}

#[test]
fn a_task_that_gives_no_result() {
    submit(&module(r#"(func (export "m"))"#, &[TASK]), &["--task", "t"]).assert_error(
        120,
        &["WR0105", "`t#1`", "without its result", "result_write"],
    );
}

/// Ends early: in the start function, where no call runs yet, and in `_initialize`, which is part of the first call.
#[test]
fn exits_where_there_is_nothing_to_end() {
    let import = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
    let exit = |at: &str, code: i32| {
        let fields =
            format!(r#"(func $e {at} (call $exit (i32.const {code}))) (func (export "m"))"#);
        guest(import, &fields, &[MAIN])
    };
    let ended = submit(&exit(r#"(export "_initialize")"#, 0), &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let fields = r#"(func $e (call $exit (i32.const 0))) (start $e) (func (export "m"))"#;
    submit(&guest(import, fields, &[MAIN]), &[]).assert_error(121, &["start function"]);
    let failed = submit(&exit(r#"(export "_initialize")"#, 3), &[]);
    assert_eq!(failed.code, Some(3), "{failed:?}");
    failed.assert_no_panic();
}
