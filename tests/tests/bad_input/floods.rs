//! Guests that produce without end: output, calls, objects, actors, handles. Host memory stays within bounds.
//!
//! One GiB of output is in `a_gigabyte_of_output`, which is ignored by default since it is slow with unoptimized code:
//! `cargo test --release -p wrun-tests --test bad_input -- --ignored`.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::support::{MAIN, Outcome, Scratch, guest, submit};

const MIB: u64 = 1 << 20;

/// What a command that does next to nothing holds, generously, with its pool and its threads.
const BASE: u64 = 100 * MIB;

/// A driver that prints so many blocks of 32 KiB, each of lines with so many bytes.
pub(crate) fn printer(blocks: u64, line: u32) -> String {
    let fields = format!(
        r#"(func (export "m") (local $n i64) (local $at i32) (local $left i32)
          (drop (memory.grow (i32.const 1)))
          (memory.fill (i32.const 65536) (i32.const 120) (i32.const 32768))
          (loop $fill
            (local.set $at (i32.add (local.get $at) (i32.const {line})))
            (if (i32.le_u (local.get $at) (i32.const 32768)) (then
              (i32.store8 (i32.add (local.get $at) (i32.const 65535)) (i32.const 10))
              (br $fill))))
          (loop $block
            (local.set $left (i32.const 32768))
            (loop $part
              (i32.store (i32.const 0) (i32.sub (i32.const 98304) (local.get $left)))
              (i32.store (i32.const 4) (local.get $left))
              (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
              (local.set $left (i32.sub (local.get $left) (i32.load (i32.const 8))))
              (br_if $part (local.get $left)))
            (local.set $n (i64.add (local.get $n) (i64.const 1)))
            (br_if $block (i64.ne (local.get $n) (i64.const {blocks})))))"#
    );
    guest(
        r#"(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))"#,
        &fields,
        &[MAIN, r#"{"abi":1,"kind":"task","name":"t","export":"m"}"#],
    )
}

/// Blocks of a printer that prints that many bytes.
const fn blocks(bytes: u64) -> u64 {
    bytes / 32_768
}

#[track_caller]
fn assert_flat(outcome: &Outcome, limit: u64) {
    let peak = outcome.peak;
    println!("{} MiB", peak / MIB);
    assert!(
        peak > 0 && peak < limit,
        "{} MiB at the highest, {} are allowed",
        peak / MIB,
        limit / MIB
    );
    outcome.assert_no_panic();
}

#[test]
fn much_output() {
    for line in [64, 32_768, 1_000_000] {
        let outcome = submit(&printer(blocks(256 * MIB), line), &[]);
        assert_eq!(
            (outcome.code, outcome.stdout.bytes, &*outcome.stderr),
            (Some(0), 256 * MIB, ""),
            "{line}"
        );
        assert_flat(&outcome, BASE);
    }
}

#[test]
fn much_output_as_json() {
    let outcome = submit(&printer(blocks(32 * MIB), 64), &["--json"]);
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
    assert!(outcome.stdout.bytes > 32 * MIB);
    assert_flat(&outcome, BASE);
}

#[test]
#[ignore = "slow without optimization; see the top of the file"]
fn a_gigabyte_of_output() {
    let outcome = submit(&printer(blocks(1024 * MIB), 64), &[]);
    assert_eq!(
        (outcome.code, outcome.stdout.bytes, &*outcome.stderr),
        (Some(0), 1024 * MIB, "")
    );
    assert_flat(&outcome, BASE);
}

/// A reader that is slow makes the guest wait; nothing piles up.
#[test]
fn output_that_nobody_reads() {
    let scratch = Scratch::new();
    let file = scratch.file("print.wat", printer(u64::MAX, 64));
    let mut command = scratch.wrun([std::ffi::OsStr::new("submit"), file.as_os_str()]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let peak = super::support::peak(child.id()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(peak < BASE, "{} MiB", peak / MIB);
}

/// `wrun submit … | head -1`: the command ends soon, with the code that every tool has there, and says nothing.
#[test]
fn a_reader_that_goes_away() {
    for options in [&[][..], &["--json"], &["--task", "t"]] {
        let scratch = Scratch::new();
        let file = scratch.file("print.wat", printer(u64::MAX, 64));
        let mut arguments = vec!["submit".into(), file.into_os_string()];
        arguments.extend(options.iter().map(Into::into));
        let mut child = scratch
            .wrun(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 65]).unwrap();
        drop(stdout);
        let start = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(output.status.code(), Some(141), "{options:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{options:?}");
        scratch.assert_nothing_left();
    }
}

/// Output that can't be written: one message, no panic.
#[test]
fn output_that_can_not_be_written() {
    for (redirect, wanted) in [(">/dev/full", &["error"][..]), (">&-", &[])] {
        let scratch = Scratch::new();
        let file = scratch.file("print.wat", printer(16, 64));
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", &format!("\"$0\" submit \"$1\" {redirect}")])
            .arg(wrun_tests::wrun())
            .arg(file)
            .env("XDG_CACHE_HOME", scratch.path("cache"));
        let outcome = scratch.start(command).wait();
        outcome.assert_no_panic();
        assert_ne!(outcome.code, Some(101), "{redirect}: {outcome:?}");
        if wanted.is_empty() {
            continue;
        }
        assert_ne!(outcome.code, Some(0), "{redirect}: {outcome:?}");
        assert_eq!(
            outcome
                .stderr
                .lines()
                .filter(|line| line.starts_with("error"))
                .count(),
            1,
            "{outcome:?}"
        );
    }
}

/// A driver whose body runs for ever; `$spawn` and others are there, a call of task `t` is at 64 (12 bytes), one of the
/// constructor `C` at 96 (12 bytes), a value at 128.
fn producer(body: &str) -> String {
    let imports = r#"(import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))"#;
    let fields = format!(
        r#"(data (i32.const 64) "\00" "\00\00\00\00" "\01\00t" "\00\00" "\00\00")
  (data (i32.const 96) "\01" "\00\00\00\00" "\01\00C" "\00\00" "\00\00")
  (data (i32.const 128) "\01null")
  (func (export "m") (local $h i32) (loop $again {body} (br $again)))
  (func (export "t")
    (drop (call $result_write (i32.const 0) (i32.const 128) (i32.const 5) (i32.const 0) (i32.const 0))))
  (func (export "c"))"#
    );
    let task = r#"{"abi":1,"kind":"task","name":"t","export":"t"}"#;
    let class = r#"{"abi":1,"kind":"constructor","name":"C","export":"c"}"#;
    guest(imports, &fields, &[MAIN, task, class])
}

const SPAWN: &str =
    "(local.set $h (call $spawn (i32.const 64) (i32.const 12) (i32.const 0) (i32.const 1)))";
const RELEASE: &str = "(drop (call $release (i32.const 0) (i32.const 1)))";
const STOP_WHEN_REFUSED: &str = "(if (i32.lt_s (local.get $h) (i32.const 0)) (then (unreachable)))";

/// Tasks that are started and forgotten: the caller waits for room in the queue.
#[test]
fn tasks_without_end() {
    for cpus in ["1", "2"] {
        let text = producer(&format!("{SPAWN} {STOP_WHEN_REFUSED} {RELEASE}"));
        let outcome = submit(&text, &["--timeout", "8s", "--num-cpus", cpus]);
        outcome.assert_error(124, &["8s"]);
        assert_flat(&outcome, 1024 * MIB);
    }
}

/// Tasks whose handles are kept: the handles have a limit of their own, which is a status the guest gets.
#[test]
fn tasks_without_end_whose_handles_are_kept() {
    let text = producer(&format!("{SPAWN} {STOP_WHEN_REFUSED}"));
    let outcome = submit(&text, &["--timeout", "8s"]);
    assert!(matches!(outcome.code, Some(121 | 124)), "{outcome:#?}");
    assert_flat(&outcome, 1536 * MIB);
}

/// Tasks that each start two more.
pub(crate) fn multiplier() -> String {
    producer(&format!("{SPAWN} {RELEASE}")).replace(
        "(func (export \"t\")",
        "(func (export \"t\") \
         (drop (call $spawn (i32.const 64) (i32.const 12) (i32.const 0) (i32.const 1))) \
         (drop (call $spawn (i32.const 64) (i32.const 12) (i32.const 4) (i32.const 1)))",
    )
}

#[test]
fn tasks_that_multiply() {
    let outcome = submit(&multiplier(), &["--timeout", "8s"]);
    outcome.assert_error(124, &["8s"]);
    assert_flat(&outcome, 1024 * MIB);
}

/// Tasks that fail with the longest message there is, whose errors are kept: errors take room in the store like objects,
/// and are cut when there is none.
#[test]
fn errors_without_end() {
    let text = producer(&format!("{SPAWN} {STOP_WHEN_REFUSED}"))
        .replace(
            "(import \"wrun\" \"put\"",
            "(import \"wrun\" \"fail\" (func $fail (param i32 i32 i32)))\n(import \"wrun\" \"put\"",
        )
        .replace(
            "(func (export \"t\")",
            "(func (export \"t\") (call $fail (i32.const 0) (i32.const 128) (i32.const 60000))",
        );
    let outcome = submit(&text, &["--timeout", "8s", "--object-store-memory", "64M"]);
    assert!(
        matches!(outcome.code, Some(121 | 122 | 124)),
        "{outcome:#?}"
    );
    assert_flat(&outcome, 512 * MIB);
}

/// Objects that are put and kept: the store's limit is told, and which option raises it.
#[test]
fn objects_without_end() {
    let body = r#"(drop (memory.grow (i32.const 0)))
        (local.set $h (call $put (i32.const 128) (i32.const 60000) (i32.const 0) (i32.const 0)))"#;
    let text = producer(&format!("{body} {STOP_WHEN_REFUSED}"));
    let outcome = submit(&text, &["--timeout", "20s", "--object-store-memory", "64M"]);
    assert!(matches!(outcome.code, Some(121 | 122)), "{outcome:#?}");
    outcome.assert_no_panic();
    assert_flat(&outcome, BASE + 128 * MIB);
}

/// Objects that are put and released take no room.
#[test]
fn objects_that_come_and_go() {
    let body =
        "(local.set $h (call $put (i32.const 128) (i32.const 60000) (i32.const 0) (i32.const 0)))
        (i32.store (i32.const 0) (local.get $h))";
    let text = producer(&format!("{body} {STOP_WHEN_REFUSED} {RELEASE}"));
    let outcome = submit(&text, &["--timeout", "3s", "--object-store-memory", "1M"]);
    outcome.assert_error(124, &["3s"]);
    assert_flat(&outcome, BASE);
}

/// Actors that are made and kept: the limit of living sandboxes holds.
#[test]
fn actors_without_end() {
    let body =
        "(local.set $h (call $spawn (i32.const 96) (i32.const 12) (i32.const 0) (i32.const 1)))";
    let text = producer(&format!("{body} {STOP_WHEN_REFUSED}"));
    let outcome = submit(&text, &["--timeout", "8s"]);
    assert!(
        matches!(outcome.code, Some(121 | 122 | 124)),
        "{outcome:#?}"
    );
    assert_flat(&outcome, 2048 * MIB);
}
