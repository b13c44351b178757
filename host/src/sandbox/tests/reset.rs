//! Modules that start with much memory: what a guest wrote there is gone for the next one.

use futures_util::FutureExt as _;

use super::*;
use crate::sandbox::reset;

/// A guest that starts with 1,088 KiB, as Rust's do by themselves. It emits what it finds where nothing should be, and its
/// own data; then it grows its memory and writes to each `stride`th byte of it. With one argument it traps, with two it
/// sleeps, else it returns. It looks at each `step`th byte.
fn large(stride: u32, step: u32) -> String {
    let body = format!(
        "(drop (memory.grow (i32.const 20)))
        (local.set $a (i32.const 65536))
        (loop $look
            (if (i32.ne (local.get $a) (i32.const 1000000))
                (then (local.set $b (i32.or (local.get $b) (i32.load (local.get $a))))))
            (local.set $a (i32.add (local.get $a) (i32.const {step})))
            (br_if $look (i32.lt_u (local.get $a) (i32.shl (memory.size) (i32.const 16)))))
        (call $emit (local.get $b))
        (call $emit (i32.load (i32.const 1000000)))
        (call $emit (ref.is_null (table.get $t (i32.const 3))))
        (local.set $a (i32.const 65536))
        (loop $write
            (i32.store (local.get $a) (i32.const 7))
            (local.set $a (i32.add (local.get $a) (i32.const {stride})))
            (br_if $write (i32.lt_u (local.get $a) (i32.shl (memory.size) (i32.const 16)))))
        (i32.store (i32.const 1000000) (i32.const 8))
        (table.set $t (i32.const 3) (ref.func $emit))
        (if (i32.eq (call $arg_count) (i32.const 1)) (then (unreachable)))
        (if (i32.eq (call $arg_count) (i32.const 2))
            (then (call $sleep (i64.const 60000000000))))"
    );
    let fields = "(table $t 4 100 funcref) (elem declare func $emit)
        (data (i32.const 1000000) \"\\05\\00\\00\\00\")";
    guest_with(&body, fields).replace(
        "(memory (export \"memory\") 1)",
        "(memory (export \"memory\") 17)",
    )
}

/// What [`large`] emits in a sandbox that nobody was in.
const FRESH: [i32; 3] = [0, 5, 1];

/// Whether the kernel can do what is tested here; says why not.
fn possible() -> bool {
    let checked = reset::check();
    if let Err(why) = &checked {
        println!("skipped: {why}");
    }
    checked.is_ok()
}

#[tokio::test]
async fn what_a_large_guest_wrote_is_gone_whatever_its_end() {
    if !possible() {
        return;
    }
    let bench = Bench::with(1, Limits::default());
    // A few pages, and so many that they are dropped.
    for stride in [131_072, 16_384, 4_096] {
        let module = bench.module(&large(stride, 4));
        for args in [0, 1, 2] {
            let mut sandbox = bench.sandbox(&module).await.expect("made");
            let debug = format!("{sandbox:?}");
            assert!(debug.contains("Scanned"), "{debug}");
            let end = call(&mut sandbox, vec![value(b"1"); args]).now_or_never();
            match end {
                None => assert_eq!(args, 2),
                Some(end) => assert_eq!(end.dead, args == 1),
            }
            drop(sandbox);
            let mut next = bench.sandbox(&module).await.expect("made");
            assert!(next.in_pool(), "the same slot");
            let end = call(&mut next, vec![]).await;
            assert_eq!(ints(&end), FRESH, "{stride} {args}");
        }
    }
    bench.assert_clean();
}

#[tokio::test]
async fn modules_whose_first_memory_is_not_known_are_rewritten() {
    let bench = Bench::new();
    let large = |fields: &str| {
        guest_with("", fields).replace(
            "(memory (export \"memory\") 1)",
            "(memory (export \"memory\") 17)",
        )
    };
    for (fields, scanned) in [
        ("(data (i32.const 100) \"a\")", reset::check().is_ok()),
        (
            "(data (i32.add (i32.const 1) (i32.const 2)) \"computed\")",
            false,
        ),
        ("(func $s) (start $s)", false),
        ("(table 600 600 funcref)", false),
        (
            "(data (i32.const 100) \"over\") (data (i32.const 102) \"each other\")",
            false,
        ),
    ] {
        let module = bench.module(&large(fields));
        let sandbox = bench.sandbox(&module).await.expect("made");
        let debug = format!("{sandbox:?}");
        assert_eq!(debug.contains("Scanned"), scanned, "{fields}: {debug}");
        assert!(sandbox.in_pool());
    }
    let small = bench.module(&guest(""));
    let sandbox = bench.sandbox(&small).await.expect("made");
    assert!(format!("{sandbox:?}").contains("Rewritten"));
}

/// Pages that are on disk when a guest ends, which Wasmtime's own scan passes over. Those that the kernel is just moving
/// look the same to it, but that is a matter of luck.
#[tokio::test]
async fn what_a_large_guest_wrote_is_gone_even_from_pages_on_disk() {
    let swap = std::fs::read_to_string("/proc/swaps").map_or(0, |swaps| swaps.lines().count());
    if !possible() {
        return;
    }
    if swap < 2 {
        println!("skipped: this machine has no swap");
        return;
    }
    let bench = Bench::with(1, Limits::default());
    let module = bench.module(&large(16_384, 4));
    for _ in 0..20 {
        let mut sandbox = bench.sandbox(&module).await.expect("made");
        assert_eq!(ints(&call(&mut sandbox, vec![]).await), FRESH);
        sandbox.page_out();
    }
    bench.assert_clean();
}
