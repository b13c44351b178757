use std::{future::Future, os::unix::fs::FileExt};

use rustix::fs::MemfdFlags;
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

fn scan() -> Value {
    Value::new(vec![0, 0, 0, 0], Vec::new(), None)
}

/// Plants, with a view or without, and takes the route.
fn plants(route: u8, view: bool) -> Value {
    Value::new(vec![0, 1, route, u8::from(view)], Vec::new(), None)
}

/// A task that scans (all of its memory, grown to the limit, and its table) or plants (in memory, in the table, in a view
/// of argument 1 that begins beyond what the pool rewrites) and then takes the route.
fn spy(name: &str) -> String {
    spy_of(name, 1, 1_000)
}

/// The same with so many pages at the start and elements in its table.
fn spy_of(name: &str, pages: u32, elements: u32) -> String {
    guest_with(
        "(drop (call $arg_read (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 3)))
        (if (i32.load8_u (i32.const 0)) (then (call $plant)) (else (call $scan)))",
        &format!(
            r#"(table $t {elements} {elements} funcref)
            (elem declare func $emit)
            (global (export "{name}") i32 (i32.const 0))
            (func $scan (local $p i32) (local $n i32)
                (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
                ;; Behind the argument.
                (local.set $p (i32.const 8))
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
                        (local.tee $p (i32.add (local.get $p) (i32.const 1))) (i32.const {elements}))))
                (call $emit (local.get $n))
                (call $emit (memory.size)))
            (func $plant (local $v i32) (local $route i32) (local $view i32)
                (local.set $route (i32.load8_u (i32.const 1)))
                (local.set $view (i32.load8_u (i32.const 2)))
                (drop (memory.grow (i32.const 48)))
                (memory.fill (i32.const 8) (i32.const {BYTE}) (i32.const 3211256))
                (table.fill $t (i32.const 0) (ref.func $emit) (i32.const {elements}))
                (if (local.get $view) (then
                    (local.set $v (i32.wrap_i64 (call $arg_view (i32.const 1) (i64.const 0) (i32.const {LEN}))))
                    (if (i32.ne (i32.load8_u (i32.add (local.get $v) (i32.const {last}))) (i32.const {BYTE})) (then
                        (call $proc_exit (i32.const 99))))
                    (memory.fill (local.get $v) (i32.const 7) (i32.const 10000))))
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
    .replace(
        "(memory (export \"memory\") 1)",
        &format!("(memory (export \"memory\") {pages})"),
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

/// One in every slot of the pool.
async fn in_all_slots(bench: &Bench, module: &Module<TestServices>) -> Vec<Sandbox<TestServices>> {
    let mut sandboxes = Vec::new();
    for _ in 0..bench.sandboxes.info().pool_size {
        sandboxes.push(bench.sandbox(module).await.unwrap());
    }
    assert!(sandboxes.iter().all(Sandbox::in_pool));
    sandboxes
}

/// Plants in every slot; the object is what is viewed, if anything.
async fn plant(bench: &Bench, module: &Module<TestServices>, route: u8, object: Option<&MemFile>) {
    for sandbox in &mut in_all_slots(bench, module).await {
        let args: Vec<_> = [plants(route, object.is_some())]
            .into_iter()
            .chain(object.map(plain))
            .collect();
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
        let viewed = bench.account.used(Resource::ViewBytes) > 0;
        assert_eq!(viewed, object.is_some(), "it has its view");
    }
}

/// Fresh instances of every slot see zeros and an empty table.
async fn assert_nothing_left(bench: &Bench, module: &Module<TestServices>) {
    for sandbox in &mut in_all_slots(bench, module).await {
        let end = call(sandbox, vec![scan()]).await;
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
    by_any_route(&bench, &one, &other).await;
}

/// Modules that start with much memory have a pool of their own, where only written pages are put back.
#[tokio::test]
async fn nothing_of_a_view_stays_in_a_slot_for_large_modules_by_any_route() {
    let bench = Bench::new();
    let large = |name| bench.module(&spy_of(name, 17, 500));
    let (one, other) = (large("one"), large("other"));
    let sandbox = bench.sandbox(&one).await.unwrap();
    let scanned = format!("{sandbox:?}").contains("Scanned");
    assert_eq!(scanned, crate::sandbox::reset::check().is_ok());
    drop(sandbox);
    by_any_route(&bench, &one, &other).await;
}

async fn by_any_route(bench: &Bench, one: &Module<TestServices>, other: &Module<TestServices>) {
    for route in [RETURN, TRAP, EXIT, LOOP, SLEEP, HOST_PANIC] {
        let object = file(bench, LEN);
        plant(bench, one, route, Some(&object)).await;
        assert_nothing_left(bench, one).await;
        plant(bench, one, route, Some(&object)).await;
        // The object goes before its views.
        drop(object);
        assert_nothing_left(bench, other).await;
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

/// A task that looks at a word of each of its pages, as many as the pool keeps, and then writes there. It starts with much
/// memory or grows it.
fn sitter(large: bool) -> String {
    let first = if large { 31 } else { 1 };
    guest(
        "(drop (memory.grow (i32.const 30)))
        (loop $next
            (local.set $a (i32.add (local.get $a) (i32.const 4096)))
            (if (i64.ne (i64.load (local.get $a)) (i64.const 0)) (then
                (local.set $b (i32.add (local.get $b) (i32.const 1)))))
            (i64.store (local.get $a) (i64.const -1))
            (br_if $next (i32.lt_u (local.get $a) (i32.const 1990000))))
        (call $emit (local.get $b))",
    )
    .replace(
        "(memory (export \"memory\") 1)",
        &format!("(memory (export \"memory\") {first})"),
    )
}

/// One in every slot, all of whose pages are fresh.
async fn sit(bench: &Bench, module: &Module<TestServices>) {
    for sandbox in &mut in_all_slots(bench, module).await {
        let end = call(sandbox, vec![]).await;
        assert_eq!(ints(&end), [0], "pages that another left behind");
    }
}

/// Asks the system to move pages together.
fn compact() -> std::io::Result<()> {
    std::fs::write("/proc/sys/vm/compact_memory", "1")
}

/// Takes memory, a page at a time, and gives it back.
fn take_and_give_back(bytes: u64) {
    let file = rustix::fs::memfd_create("taken", MemfdFlags::CLOEXEC).unwrap();
    let file = std::fs::File::from(file);
    for at in (0..bytes).step_by(4 << 10) {
        file.write_all_at(&[1; 4 << 10], at).unwrap();
    }
}

/// A page that is just being moved looks as if it was not there, so whoever looks for written pages passes it over. Few
/// pages are moved, and for a moment only, so this finds by luck what it looks for: hence the many rounds, each in a new
/// pool. (`reset.rs` has a test that needs no luck, but swap.)
#[tokio::test]
async fn nothing_stays_in_a_slot_while_memory_is_compacted() {
    if let Err(error) = compact() {
        println!("skipped: this machine's memory can't be compacted: {error}");
        return;
    }
    for round in 0..60 {
        let bench = Bench::new();
        // In a pool that rewrites all, and in one that looks for written pages.
        let sitter = bench.module(&sitter(round % 2 == 0));
        // The slots' pages lie among others, which then go.
        let others = std::thread::spawn(|| take_and_give_back(16 << 20));
        sit(&bench, &sitter).await;
        others.join().unwrap();
        let compaction = std::thread::spawn(compact);
        while !compaction.is_finished() {
            sit(&bench, &sitter).await;
        }
        compaction.join().unwrap().unwrap();
        if round % 16 == 0 {
            views_in_compacted_memory(&bench).await;
        }
    }
}

async fn views_in_compacted_memory(bench: &Bench) {
    let spy = bench.module(&spy("spy"));
    let object = file(bench, LEN);
    for object in [Some(&object), None] {
        let others = std::thread::spawn(|| take_and_give_back(16 << 20));
        plant(bench, &spy, RETURN, object).await;
        others.join().unwrap();
        let compaction = std::thread::spawn(compact);
        while !compaction.is_finished() {
            plant(bench, &spy, TRAP, object).await;
        }
        assert_nothing_left(bench, &spy).await;
        compaction.join().unwrap().unwrap();
    }
}

/// A task that does what the byte of its argument 0 says: 1 views argument 1, keeps the view and adds a page behind it, 2
/// counts the view's words that are not as they were, 3 gives the view back, 4 counts its words that are not zero.
fn keeper() -> String {
    guest_with(
        "(drop (call $arg_read (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)))
        (local.set $a (i32.load8_u (i32.const 0)))
        (if (i32.eq (local.get $a) (i32.const 1)) (then (call $take)))
        (if (i32.eq (local.get $a) (i32.const 2)) (then (call $count (i64.load (i32.const 8)))))
        (if (i32.eq (local.get $a) (i32.const 3)) (then
            (call $emit (call $view_release (global.get $view)))))
        (if (i32.eq (local.get $a) (i32.const 4)) (then (call $count (i64.const 0))))",
        &format!(
            "(global $view (mut i32) (i32.const 0))
            (func $take
                (global.set $view (i32.wrap_i64 (call $arg_view (i32.const 1) (i64.const 0) (i32.const {LEN}))))
                (i64.store (i32.const 8) (i64.load (global.get $view)))
                (call $emit (memory.grow (i32.const 1))))
            (func $count (param $word i64) (local $p i32) (local $n i32)
                (local.set $p (global.get $view))
                (loop $next
                    (if (i64.ne (i64.load (local.get $p)) (local.get $word)) (then
                        (local.set $n (i32.add (local.get $n) (i32.const 1)))))
                    (br_if $next (i32.lt_u
                        (local.tee $p (i32.add (local.get $p) (i32.const 8)))
                        (i32.add (global.get $view) (i32.const {words})))))
                (call $emit (local.get $n)))",
            words = LEN / 8 * 8,
        ),
    )
}

const TAKE: u8 = 1;
const COUNT_CHANGED: u8 = 2;
const GIVE_BACK: u8 = 3;
const COUNT_FILLED: u8 = 4;

async fn keep(sandbox: &mut Sandbox<TestServices>, what: u8, object: Option<&MemFile>) -> i32 {
    let what = Value::new(vec![0, what], Vec::new(), None);
    let args = [what].into_iter().chain(object.map(plain)).collect();
    let numbers = ints(&call(sandbox, args).await);
    *numbers.last().expect("each call adds one")
}

/// Its memory in the store is nobody else's as long as the view is there, and the view is not there any more when it is.
#[tokio::test]
async fn a_view_alone_keeps_its_object() {
    let bench = Bench::new();
    let module = bench.module(&keeper());
    let mut sandbox = bench.sandbox(&module).await.unwrap();
    let object = file(&bench, LEN);
    let place = object.source().1;
    keep(&mut sandbox, TAKE, Some(&object)).await;
    drop(object);
    for _ in 0..4 {
        let other = bench.record.files.store(&vec![1; LEN]).unwrap();
        assert_ne!(other.source().1, place);
        assert_eq!(keep(&mut sandbox, COUNT_CHANGED, None).await, 0);
    }
    assert_eq!(keep(&mut sandbox, GIVE_BACK, None).await, 0);
    let others = [(); 4].map(|()| bench.record.files.store(&vec![1; LEN]).unwrap());
    let again = others.iter().any(|other| other.source().1 == place);
    assert!(again, "its memory is used again");
    assert_eq!(keep(&mut sandbox, COUNT_FILLED, None).await, 0);
}

/// The ranges of addresses at which the process has something mapped, if `wanted` of the line in its list.
fn mappings(wanted: impl Fn(&str) -> bool) -> Vec<std::ops::Range<usize>> {
    let all = std::fs::read_to_string("/proc/self/maps").unwrap();
    let range = |line: &str| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16);
        Some(number(start).ok()?..number(end).ok()?)
    };
    let wanted = all.lines().filter(|line| wanted(line));
    wanted.map(|line| range(line).unwrap()).collect()
}

/// The kernel has a limit of mappings: what was a view must not stay one.
#[tokio::test]
async fn a_view_that_is_given_back_leaves_no_mapping_of_its_own() {
    let bench = Bench::new();
    let module = bench.module(&keeper());
    let mut sandbox = bench.sandbox(&module).await.unwrap();
    let object = file(&bench, LEN);
    keep(&mut sandbox, TAKE, Some(&object)).await;
    let inode = format!(" {} ", rustix::fs::fstat(object.source().0).unwrap().st_ino);
    let views = mappings(|line| line.contains(&inode));
    let [view] = &views[..] else {
        panic!("it is mapped once: {views:?}")
    };
    assert_eq!(view.len(), LEN.next_multiple_of(4 << 10));
    keep(&mut sandbox, GIVE_BACK, None).await;
    let around = mappings(|_| true)
        .into_iter()
        .find(|range| range.contains(&view.start))
        .unwrap();
    assert!(
        around.start < view.start && view.end < around.end,
        "{view:x?} is a part of {around:x?}"
    );
}

/// Growing the memory for views leaves alone what the module begins with, beyond what the pool rewrites too.
#[tokio::test]
async fn a_modules_image_is_whole_beside_views_and_after_them() {
    let bench = Bench::new();
    let text = guest_with(
        &format!(
            "(call $emit (i32.load (i32.const 3145000)))
            (local.set $a (i32.wrap_i64 (call $arg_view (i32.const 0) (i64.const 0) (i32.const {LEN}))))
            (memory.fill (local.get $a) (i32.const 7) (i32.const {LEN}))
            (call $emit (i32.load (i32.const 3145000)))"
        ),
        "(data (i32.const 3145000) \"\\01\\02\")",
    );
    let module = bench.module(&text.replace(
        "(memory (export \"memory\") 1)",
        "(memory (export \"memory\") 48)",
    ));
    let object = file(&bench, LEN);
    for _ in 0..2 {
        for sandbox in &mut in_all_slots(&bench, &module).await {
            let end = call(sandbox, vec![plain(&object)]).await;
            assert_eq!(ints(&end), [0x201, 0x201]);
        }
    }
}

#[tokio::test]
async fn beyond_their_number_in_a_sandbox_guests_copy() {
    let mut bench = Bench::new();
    bench.memory_limit = 64 << 20;
    let object = file(&bench, 1 << 17);
    let view = "(i32.wrap_i64 (call $arg_view (i32.const 0) (i64.const 0) (i32.const 65536)))";
    let body = format!(
        "(loop $more
            (local.set $b (local.get $c))
            (local.set $c {view})
            (if (i32.gt_s (local.get $c) (i32.const 0)) (then
                (local.set $a (i32.add (local.get $a) (i32.const 1)))
                (br $more))))
        (call $emit (local.get $a))
        (call $emit (local.get $c))
        (call $emit (call $view_release (local.get $b)))
        (call $emit (i32.eq (local.get $b) {view}))
        (call $emit {view})"
    );
    let most = i32::try_from(crate::sandbox::views::MAX_IN_SANDBOX).unwrap();
    let copy = Status::Copy.code();
    let got = bench.ints(&body, vec![plain(&object)]).await;
    assert_eq!(got, [most, copy, 0, 1, copy]);
    bench.assert_clean();
}
