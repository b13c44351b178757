use std::future::Future;

use wrun_abi::Status;

use super::{lifecycle::ticking, *};
use crate::{
    store::{Contents, MemFile},
    tenant::Resource,
};

/// Not a whole number of pages.
const LEN: usize = (1 << 20) + 100;
const BYTE: u8 = 0x5a;

fn file(bench: &Bench, len: usize) -> MemFile {
    bench.record.files.store(&vec![BYTE; len]).unwrap()
}

fn plain(file: &MemFile) -> Value {
    Value::with(
        Contents::File(wrun_abi::format::PLAIN, file.clone()),
        Vec::new(),
        None,
    )
}

fn mode(scan: bool, route: u8) -> Value {
    Value::new(vec![0, u8::from(!scan), route], Vec::new(), None)
}

/// A task that scans (all pages of its memory beyond the first, grown to the limit, and its table) or plants (in memory,
/// in the table, in a view of argument 1 that begins beyond what the pool rewrites) and then takes the route.
fn spy(name: &str) -> String {
    guest_with(
        "(drop (call $arg_read (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 2)))
        (if (i32.load8_u (i32.const 0)) (then (call $plant)) (else (call $scan)))",
        &format!(
            r#"(table $t 1000 1000 funcref)
            (elem declare func $emit)
            (global (export "{name}") i32 (i32.const 0))
            (func $scan (local $p i32) (local $n i32)
                (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
                (local.set $p (i32.const 65536))
                (loop $next
                    (if (i64.ne (i64.load (local.get $p)) (i64.const 0)) (then
                        (local.set $n (i32.add (local.get $n) (i32.const 1)))))
                    (br_if $next (i32.lt_u
                        (local.tee $p (i32.add (local.get $p) (i32.const 8)))
                        (i32.shl (memory.size) (i32.const 16)))))
                (call $emit (local.get $n))
                (local.set $n (i32.const 0))
                (local.set $p (i32.const 0))
                (loop $next
                    (if (i32.eqz (ref.is_null (table.get $t (local.get $p)))) (then
                        (local.set $n (i32.add (local.get $n) (i32.const 1)))))
                    (br_if $next (i32.lt_u
                        (local.tee $p (i32.add (local.get $p) (i32.const 1))) (i32.const 1000))))
                (call $emit (local.get $n))
                (call $emit (memory.size)))
            (func $plant (local $v i32) (local $route i32)
                (local.set $route (i32.load8_u (i32.const 1)))
                (drop (memory.grow (i32.const 48)))
                (memory.fill (i32.const 65536) (i32.const {BYTE}) (i32.const 3145728))
                (table.fill $t (i32.const 0) (ref.func $emit) (i32.const 1000))
                (local.set $v (i32.wrap_i64 (call $arg_view (i32.const 1) (i64.const 0) (i32.const {LEN}))))
                (if (i32.ne (i32.load8_u (i32.add (local.get $v) (i32.const {last}))) (i32.const {BYTE})) (then
                    (call $proc_exit (i32.const 99))))
                (memory.fill (local.get $v) (i32.const 7) (i32.const 10000))
                (if (i32.eq (local.get $route) (i32.const 1)) (then (unreachable)))
                (if (i32.eq (local.get $route) (i32.const 2)) (then (call $proc_exit (i32.const 3))))
                (if (i32.eq (local.get $route) (i32.const 3)) (then (loop $for_ever (br $for_ever))))
                (if (i32.eq (local.get $route) (i32.const 4)) (then (call $sleep (i64.const 1000000000000))))
                (if (i32.eq (local.get $route) (i32.const 5)) (then
                    (drop (call $context (i32.const 0) (i32.const 0)))))
                (call $emit (local.get $v)))"#,
            last = LEN - 1,
        ),
    )
}

/// Whether `route` ends by itself, and is no trap.
const RETURN: u8 = 0;
const TRAP: u8 = 1;
const EXIT: u8 = 2;
const LOOP: u8 = 3;
const SLEEP: u8 = 4;
const HOST_PANIC: u8 = 5;

/// Runs a call for a moment, then drops it.
async fn for_a_moment<T>(bench: &Bench, call: impl Future<Output = T>) {
    let call = tokio::time::timeout(Duration::from_millis(30), call);
    assert!(ticking(bench, call).await.is_err());
}

async fn plant(bench: &Bench, module: &Module<TestServices>, route: u8, object: &MemFile) {
    let mut sandboxes = Vec::new();
    for _ in 0..bench.sandboxes.info().pool_size {
        sandboxes.push(bench.sandbox(module).await.unwrap());
    }
    for sandbox in &mut sandboxes {
        assert!(sandbox.in_pool());
        let args = vec![mode(false, route), plain(object)];
        match route {
            LOOP | SLEEP => for_a_moment(bench, call(sandbox, args)).await,
            HOST_PANIC => {
                bench.record.panics.store(true, Ordering::Relaxed);
                let call = std::panic::AssertUnwindSafe(call(sandbox, args));
                let panicked = futures_util::FutureExt::catch_unwind(call).await;
                assert!(panicked.is_err(), "the service panics");
                bench.record.panics.store(false, Ordering::Relaxed);
            }
            _ => {
                let end = call(sandbox, args).await;
                assert_eq!(end.outcome.is_ok(), route == RETURN, "{:?}", end.outcome);
                assert_eq!(end.exit_code, (route == EXIT).then_some(3));
                assert_eq!(end.dead, matches!(route, TRAP | EXIT));
            }
        }
        assert!(
            bench.account.used(Resource::ViewBytes) > 0,
            "it has its view"
        );
    }
}

/// Fresh instances of every slot see zeros and an empty table.
async fn assert_nothing_left(bench: &Bench, module: &Module<TestServices>) {
    let mut sandboxes = Vec::new();
    for _ in 0..bench.sandboxes.info().pool_size {
        sandboxes.push(bench.sandbox(module).await.unwrap());
    }
    for sandbox in &mut sandboxes {
        assert!(sandbox.in_pool());
        let end = call(sandbox, vec![mode(true, 0)]).await;
        let found = ints(&end);
        assert_eq!(
            found[..2],
            [0, 0],
            "words and functions that another left behind"
        );
        assert_eq!(found[2], 255, "it looked at all pages");
    }
}

#[tokio::test]
async fn nothing_of_a_view_stays_in_a_slot_by_any_route() {
    let bench = Bench::new();
    let (one, other) = (bench.module(&spy("one")), bench.module(&spy("other")));
    for route in [RETURN, TRAP, EXIT, LOOP, SLEEP, HOST_PANIC] {
        let object = file(&bench, LEN);
        plant(&bench, &one, route, &object).await;
        assert_nothing_left(&bench, &one).await;
        plant(&bench, &one, route, &object).await;
        // The object goes before its views.
        drop(object);
        assert_nothing_left(&bench, &other).await;
        bench.assert_clean();
    }
}

/// The bytes of views have a limit of their own; a view is given back once, and only where one is.
#[tokio::test]
async fn views_over_their_limit_and_releases_of_none_are_refused() {
    let bench = Bench::with(4, Limits::default().with(Resource::ViewBytes, 1 << 19));
    let object = file(&bench, LEN);
    let view = |len: usize| {
        format!("(i32.wrap_i64 (call $arg_view (i32.const 0) (i64.const 0) (i32.const {len})))")
    };
    let body = format!(
        "(local.set $a {half})
        (call $emit (i32.gt_s (local.get $a) (i32.const 0)))
        (call $emit {whole})
        (call $emit {half})
        (call $emit (call $view_release (i32.const 64)))
        (call $emit (call $view_release (local.get $a)))
        (call $emit (call $view_release (local.get $a)))
        (call $emit (i32.eq (local.get $a) {half}))",
        half = view(300 << 10),
        whole = view(LEN),
    );
    let (limit, wrong) = (Status::Limit.code(), Status::BadArgument.code());
    let wanted = [1, limit, limit, wrong, 0, wrong, 1];
    assert_eq!(bench.ints(&body, vec![plain(&object)]).await, wanted);
    bench.assert_clean();
}
