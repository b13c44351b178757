//! Sandboxes that give up their instance between two calls and go on as if nothing had been.

use super::*;
use crate::sandbox::reset;

/// Counts its calls in a global of each type, in its data, in untouched and in grown memory, and emits what it finds there;
/// it is sent through a table too. `pages` is what it starts with.
fn counting(pages: u32, fields: &str) -> String {
    let body = "(global.set $at (i32.const 40001))
        (global.set $i (i32.add (global.get $i) (i32.const 1)))
        (global.set $l (i64.add (global.get $l) (i64.const 4294967296)))
        (global.set $f (f32.add (global.get $f) (f32.const 0.5)))
        (global.set $d (f64.add (global.get $d) (f64.const 0.25)))
        (global.set $v (i32x4.add (global.get $v) (v128.const i32x4 1 2 3 4)))
        (i32.store (i32.const 100) (i32.add (i32.load (i32.const 100)) (i32.const 1)))
        (i32.store (i32.const 30000) (i32.add (i32.load (i32.const 30000)) (i32.const 1)))
        (if (i32.eq (global.get $i) (i32.const 1)) (then (drop (memory.grow (i32.const 3)))))
        (local.set $a (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 4)))
        (i32.store (local.get $a) (i32.add (i32.load (local.get $a)) (i32.const 1)))
        (call $emit (global.get $i))
        (call $emit (i32.wrap_i64 (i64.shr_u (global.get $l) (i64.const 32))))
        (call $emit (i32.trunc_f32_s (f32.mul (global.get $f) (f32.const 100))))
        (call $emit (i32.trunc_f64_s (f64.mul (global.get $d) (f64.const 100))))
        (call $emit (i32x4.extract_lane 3 (global.get $v)))
        (call $emit (i32.load (i32.const 100)))
        (call $emit (i32.load (i32.const 30000)))
        (call $emit (i32.load (local.get $a)))
        (call $emit (memory.size))
        (call_indirect (param i32) (memory.size) (i32.const 2))";
    let state = "(global $i (mut i32) (i32.const 0)) (global $l (mut i64) (i64.const 0))
        (global $f (mut f32) (f32.const 0)) (global $d (mut f64) (f64.const 0))
        (global $v (mut v128) (v128.const i32x4 0 0 0 0)) (global $fixed i32 (i32.const 3))
        (table 4 4 funcref) (elem (i32.const 2) $emit) (data (i32.const 100) \"\\05\\00\\00\\00\")";
    guest_with(body, &format!("{state} {fields}")).replace(
        "(memory (export \"memory\") 1)",
        &format!("(memory (export \"memory\") {pages})"),
    )
}

/// What [`counting`] emits in its `n`th call.
fn expected(n: i32, pages: i32) -> [i32; 10] {
    let pages = pages + 3;
    [n, n, n * 50, n * 25, n * 4, n + 5, n, n, pages, pages]
}

#[tokio::test]
async fn nothing_is_lost_and_the_slot_is_free_meanwhile() {
    let bench = Bench::with(1, Limits::default());
    // The second is one of those that start with much memory.
    for pages in [1, 17] {
        let module = bench.module(&counting(pages, ""));
        let mut sandbox = bench.sandbox(&module).await.expect("made");
        let large = format!("{sandbox:?}").contains("Scanned");
        assert_eq!(large, pages == 17 && reset::check().is_ok());
        assert!(!sandbox.hibernate(), "it has not begun");
        let pages = i32::try_from(pages).expect("few");
        for n in 1..6 {
            let end = call(&mut sandbox, vec![]).await;
            assert_eq!(ints(&end), expected(n, pages));
            assert!(sandbox.in_pool());
            let held: Vec<_> = bench.account.held().collect();
            let bytes = sandbox.memory_bytes();
            assert!(sandbox.hibernate() && !sandbox.hibernate(), "once");
            assert_eq!(bench.account.held().collect::<Vec<_>>(), held);
            assert_eq!((bench.sandboxes.live(), sandbox.memory_bytes()), (1, bytes));
            // Another one has the slot meanwhile, and sees and leaves nothing.
            let mut other = bench.sandbox(&module).await.expect("made");
            assert!(other.in_pool());
            assert_eq!(ints(&call(&mut other, vec![]).await), expected(1, pages));
        }
        let mut other = bench.sandbox(&module).await.expect("made");
        assert_eq!(ints(&call(&mut sandbox, vec![]).await), expected(6, pages));
        assert!(!sandbox.in_pool(), "the slot is another's");
        assert_eq!(ints(&call(&mut other, vec![]).await), expected(1, pages));
        drop(other);
        assert!(sandbox.hibernate());
        drop(sandbox);
        bench.assert_clean();
    }
}

#[tokio::test]
async fn handles_and_limits_are_those_of_before() {
    let bench = Bench::new();
    // Puts an object in the first call and looks at it in the later ones; grows until it may not in the second.
    let body = "(global.set $at (i32.const 40001))
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (if (i32.eq (global.get $n) (i32.const 1)) (then (i32.store (i32.const 0)
            (call $put (i32.const 100) (i32.const 5) (i32.const 0) (i32.const 0)))))
        (call $emit (i32.wrap_i64 (call $object_len (i32.load (i32.const 0)))))
        (if (i32.eq (global.get $n) (i32.const 2))
            (then (loop $grow (br_if $grow (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))))
        (call $emit (memory.size))";
    let fields = "(global $n (mut i32) (i32.const 0)) (func (export \"_initialize\") (global.set $n (i32.const 0)))";
    let module = bench.module(&guest_with(body, fields));
    let mut sandbox = bench.sandbox(&module).await.expect("made");
    let most = i32::try_from(bench.memory_limit >> 16).expect("few");
    for pages in [1, most, most, most] {
        assert_eq!(ints(&call(&mut sandbox, vec![]).await), [5, pages]);
        assert_eq!(sandbox.hibernate(), pages < 64, "{pages} pages");
    }
    drop(sandbox);
    bench.assert_clean();
}

#[tokio::test]
async fn what_can_t_be_made_again_stays_awake() {
    let bench = Bench::new();
    for (fields, can) in [
        ("", true),
        ("(func (export \"_initialize\"))", true),
        ("(func (table.set (i32.const 0) (ref.null func)))", false),
        ("(data $d \"x\") (func (data.drop $d))", false),
        ("(global (mut funcref) (ref.null func))", false),
        ("(func $s) (start $s)", false),
        (
            "(data (i32.add (i32.const 200) (i32.const 2)) \"x\")",
            false,
        ),
    ] {
        let module = bench.module(&counting(1, fields));
        let mut sandbox = bench.sandbox(&module).await.expect("made");
        for n in 1..3 {
            assert_eq!(
                ints(&call(&mut sandbox, vec![]).await),
                expected(n, 1),
                "{fields}"
            );
            assert_eq!(sandbox.hibernate(), can, "{fields}");
        }
    }
    let command =
        bench.module("(module (memory (export \"memory\") 1) (func (export \"_start\")))");
    let mut sandbox = bench.sandbox(&command).await.expect("made");
    assert!(!call(&mut sandbox, vec![]).await.dead);
    assert!(!sandbox.hibernate());
    let dead = bench.module(&guest("(unreachable)"));
    let mut sandbox = bench.sandbox(&dead).await.expect("made");
    assert!(call(&mut sandbox, vec![]).await.dead);
    assert!(!sandbox.hibernate());
}

#[tokio::test]
async fn a_call_that_never_begins_wakes_nothing() {
    let bench = Bench::new();
    let module = bench.module(&counting(1, ""));
    let mut sandbox = bench.sandbox(&module).await.expect("made");
    assert_eq!(ints(&call(&mut sandbox, vec![]).await), expected(1, 1));
    assert!(sandbox.hibernate());
    drop(call(&mut sandbox, vec![]));
    assert!(!sandbox.is_dead() && !sandbox.in_pool());
    assert_eq!(ints(&call(&mut sandbox, vec![]).await), expected(2, 1));
    assert!(sandbox.hibernate());
    drop(sandbox);
    bench.assert_clean();
}
