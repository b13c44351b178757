//! Ctrl-C, and other ways to be told to stop: within a second, whatever the guest is doing.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::floods::{multiplier, printer};
use super::support::{MAIN, Scratch, guest, module, signal};

/// What the issue allows, and a little for a machine that is busy with other tests.
const SOON: Duration = Duration::from_millis(1_500);

fn sleeper() -> String {
    guest(
        r#"(import "wrun" "sleep" (func $sleep (param i64)))"#,
        r#"(func (export "m") (call $sleep (i64.const 600000000000)))"#,
        &[MAIN],
    )
}

/// A driver that waits for a task that spins.
fn waiter() -> String {
    guest(
        r#"(import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
           (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))"#,
        r#"(data (i32.const 64) "\00" "\00\00\00\00" "\01\00t" "\00\00" "\00\00")
           (func (export "m")
             (drop (call $spawn (i32.const 64) (i32.const 12) (i32.const 0) (i32.const 1)))
             (drop (call $get (i32.const 0) (i32.const 1) (i64.const -1))))
           (func (export "t") (loop br 0))"#,
        &[MAIN, r#"{"abi":1,"kind":"task","name":"t","export":"t"}"#],
    )
}

fn spinner() -> String {
    module(
        r#"(func (export "m") (loop br 0))"#,
        &[MAIN, r#"{"abi":1,"kind":"task","name":"t","export":"m"}"#],
    )
}

fn in_start() -> String {
    r#"(module (memory (export "memory") 1) (func $s (loop br 0)) (start $s) (func (export "_start")))"#.to_owned()
}

/// Fills 200 MiB over and over: one such instruction can't be interrupted.
fn filler() -> String {
    let body = r#"(func (export "m") (drop (memory.grow (i32.const 3200)))
        (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 209715200)) (br 0)))"#;
    module(body, &[MAIN])
}

#[track_caller]
fn stops(text: &str, options: &[&str], name: &str, code: i32) {
    let scratch = Scratch::new();
    let file = scratch.file("run.wat", text);
    let mut arguments = vec!["submit".into(), file.into_os_string()];
    arguments.extend(options.iter().map(Into::into));
    let mut running = scratch.start(scratch.wrun(arguments));
    running.wait_for_start();
    let start = Instant::now();
    signal(running.id(), name);
    let outcome = running.wait();
    let time = start.elapsed();
    assert_eq!(outcome.code, Some(code), "{options:?}: {outcome:#?}");
    assert!(time < SOON, "{options:?}: {time:?}");
    outcome.assert_no_panic();
    assert!(outcome.stderr.lines().count() <= 1, "{}", outcome.stderr);
    scratch.assert_nothing_left();
}

#[test]
fn interrupted_in_a_busy_loop() {
    for cpus in ["1", "2"] {
        stops(&spinner(), &["--num-cpus", cpus], "INT", 130);
        stops(&spinner(), &["--num-cpus", cpus, "--task", "t"], "INT", 130);
        stops(&waiter(), &["--num-cpus", cpus], "INT", 130);
    }
    stops(&in_start(), &[], "INT", 130);
}

#[test]
fn interrupted_in_a_long_instruction() {
    stops(&filler(), &[], "INT", 130);
}

#[test]
fn interrupted_in_a_sleep() {
    stops(&sleeper(), &[], "INT", 130);
    stops(&sleeper(), &["--json"], "INT", 130);
}

#[test]
fn interrupted_in_a_flood_of_output() {
    stops(&printer(u64::MAX, 64), &[], "INT", 130);
    stops(&printer(u64::MAX, 64), &["--json"], "INT", 130);
}

#[test]
fn interrupted_in_a_flood_of_output_that_nobody_reads() {
    let scratch = Scratch::new();
    let file = scratch.file("print.wat", printer(u64::MAX, 64));
    let mut command = scratch.wrun([std::ffi::OsStr::new("submit"), file.as_os_str()]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let start = Instant::now();
    signal(child.id(), "INT");
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn interrupted_in_a_read_of_standard_input() {
    let text = guest(
        r#"(import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))"#,
        r#"(func (export "m") (i32.store (i32.const 0) (i32.const 100)) (i32.store (i32.const 4) (i32.const 100))
          (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))))"#,
        &[MAIN],
    );
    let scratch = Scratch::new();
    let file = scratch.file("read.wat", text);
    let mut command = scratch.wrun([std::ffi::OsStr::new("submit"), file.as_os_str()]);
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let start = Instant::now();
    signal(child.id(), "INT");
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn interrupted_while_tasks_multiply() {
    stops(&multiplier(), &[], "INT", 130);
}

#[test]
fn interrupted_twice() {
    let scratch = Scratch::new();
    let file = scratch.file("print.wat", printer(u64::MAX, 64));
    let mut running =
        scratch.start(scratch.wrun([std::ffi::OsStr::new("submit"), file.as_os_str()]));
    running.wait_for_start();
    signal(running.id(), "INT");
    signal(running.id(), "INT");
    let outcome = running.wait();
    assert_eq!(outcome.code, Some(130), "{outcome:#?}");
    outcome.assert_no_panic();
}

#[test]
fn terminated() {
    stops(&spinner(), &[], "TERM", 143);
    stops(&sleeper(), &[], "TERM", 143);
}
