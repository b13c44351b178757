//! The command line: exit code, standard output and standard error of each command, with good and bad input.
//!
//! The modules are small WebAssembly texts written here, so that a test shows all that it runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

/// Prints a line on each stream and the beginning of one more.
const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00\06\00\00\00\46\00\00\00\05\00\00\00\50\00\00\00\03\00\00\00")
  (data (i32.const 64) "hello\0a")
  (data (i32.const 70) "oops\0a")
  (data (i32.const 80) "end")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))
    (drop (call $write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 100)))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 100)))))"#;

/// Prints `y` for ever.
const YES: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00\02\00\00\00")
  (data (i32.const 64) "y\0a")
  (func (export "_start")
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))
      (br $again))))"#;

const EXIT_7: &str = r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const 7))))"#;

const TRAP: &str = r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#;

const LOOP: &str =
    r#"(module (memory (export "memory") 1) (func (export "_start") (loop $again (br $again))))"#;

/// The task `echo` gives back its argument, as it came; `broken` traps.
const TASKS: &str = r#"(module
  (import "wrun" "arg_len" (func $len (param i32) (result i32)))
  (import "wrun" "arg_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "result_write" (func $write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "echo")
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 0) (call $len (i32.const 0))))
    (drop (call $write (i32.const 0) (i32.const 0) (call $len (i32.const 0)) (i32.const 0) (i32.const 0))))
  (func (export "broken") unreachable)
  (@custom "wrun.manifest" "{\"abi\":1,\"kind\":\"task\",\"name\":\"echo\",\"export\":\"echo\",\"params\":[{\"name\":\"x\",\"type\":\"T\"}],\"returns\":\"T\",\"doc\":\"Gives it back.\"}\n{\"abi\":1,\"kind\":\"task\",\"name\":\"broken\",\"export\":\"broken\"}\n"))"#;

/// A folder with one module in it.
struct Place {
    dir: TempDir,
    module: PathBuf,
}

impl Place {
    fn new(module: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.wat");
        fs::write(&path, module).unwrap();
        Self { dir, module: path }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// `wrun submit m.wat` with these options.
    fn submit(&self, options: &[&str]) -> Output {
        let module = self.module.to_str().unwrap();
        wrun(&[&["submit", module], options].concat())
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(wrun_tests::wrun());
    for name in [
        "WRUN_NUM_CPUS",
        "WRUN_MEMORY_LIMIT",
        "WRUN_OBJECT_STORE_MEMORY",
    ] {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

fn wrun(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

#[track_caller]
fn expect(output: &Output, code: i32, stdout: &str, stderr: &str) {
    let seen = (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(seen, (Some(code), stdout.into(), stderr.into()));
}

/// Checks the exit code, that standard output is empty, and that standard error is one message of ours with these parts.
#[track_caller]
fn expect_error(output: &Output, code: i32, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(stderr.starts_with("error"), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "no `{part}` in: {stderr}");
    }
    for noise in [
        "panicked at",
        "RUST_BACKTRACE",
        "Caused by",
        "stack backtrace",
    ] {
        assert!(!stderr.contains(noise), "{stderr}");
    }
}

#[test]
fn output_reaches_the_streams_as_it_is() {
    expect(&Place::new(HELLO).submit(&[]), 0, "hello\nend", "oops\n");
}

#[test]
fn exit_codes_tell_what_happened() {
    expect(&Place::new(EXIT_7).submit(&[]), 7, "", "");
    expect_error(&Place::new(TRAP).submit(&[]), 121, &["WR0103"]);
    let slow = Place::new(LOOP).submit(&["--timeout", "200ms"]);
    expect_error(&slow, 124, &["WR0106", "200ms"]);
}

#[test]
fn a_module_that_can_not_be_run_is_126() {
    let dir = tempfile::tempdir().unwrap();
    let header = b"\0asm\x01\0\0\0\x01\x40";
    let abi = r#"(module (memory (export "memory") 1) (func (export "a"))
        (@custom "wrun.manifest" "{\"abi\":9,\"kind\":\"task\",\"name\":\"a\",\"export\":\"a\"}\n"))"#;
    let lie = r#"(module (memory (export "memory") 1)
        (@custom "wrun.manifest" "{\"abi\":1,\"kind\":\"task\",\"name\":\"a\",\"export\":\"gone\"}\n"))"#;
    let import = r#"(module (import "env" "f" (func)) (memory (export "memory") 1) (func (export "_start")))"#;
    for (bytes, parts) in [
        (&b"\x7fELF rest"[..], &["`m.wasm`", "ELF"][..]),
        (header, &["truncated"]),
        (b"", &["empty"]),
        (b"(module (func", &["does not parse"]),
        (abi.as_bytes(), &["version 9"]),
        (lie.as_bytes(), &["manifest", "`gone`"]),
        (import.as_bytes(), &["`env` `f`"]),
    ] {
        let path = dir.path().join("m.wasm");
        fs::write(&path, bytes).unwrap();
        expect_error(&wrun(&["submit", path.to_str().unwrap()]), 126, parts);
    }
}

#[test]
fn bad_usage_is_2_and_says_what_to_do() {
    let place = Place::new(TASKS);
    expect_error(
        &wrun(&["submit", "/no/such/file"]),
        2,
        &["`/no/such/file`", "no such file"],
    );
    expect_error(
        &wrun(&["submit", place.dir.path().to_str().unwrap()]),
        2,
        &["no Cargo.toml", "wrun new"],
    );
    expect_error(
        &place.submit(&[]),
        2,
        &["no `main`", "its tasks: echo, broken"],
    );
    expect_error(
        &place.submit(&["--task", "ecko"]),
        2,
        &["no task `ecko`", "did you mean `echo`?"],
    );
    expect_error(&place.submit(&["--task", "echo"]), 2, &["takes 1 argument"]);
    expect_error(
        &place.submit(&["--task", "echo", "--args", "{"]),
        2,
        &["not JSON", "column"],
    );
    expect_error(
        &place.submit(&["--task", "echo", "--args", "5"]),
        2,
        &["must be a JSON array"],
    );
    expect_error(&place.submit(&["--args", "[]"]), 2, &["--task"]);
    expect_error(
        &place.submit(&["--memory-limit", "lots"]),
        2,
        &["`lots` is not a size", "512MiB"],
    );
    expect_error(
        &place.submit(&["--dir", "/no/such::/d"]),
        2,
        &["`/no/such`", "no such file"],
    );
    expect_error(
        &place.submit(&["--env", "NO_SUCH_VARIABLE"]),
        2,
        &["not set"],
    );
    expect_error(
        &place.submit(&["--output", "/no/such/file", "--task", "echo"]),
        2,
        &["no such directory"],
    );
    let mut command = command(&["submit", place.module.to_str().unwrap()]);
    let output = command.env("WRUN_NUM_CPUS", "many").output().unwrap();
    expect_error(&output, 2, &["WRUN_NUM_CPUS", "`many`"]);
}

#[test]
fn a_task_takes_json_and_gives_json() {
    let place = Place::new(TASKS);
    let args = r#"[{"a": [1, null]}]"#;
    let result = "{\"a\":[1,null]}\n";
    expect(
        &place.submit(&["--task", "echo", "--args", args]),
        0,
        result,
        "",
    );

    fs::write(place.path("args.json"), args).unwrap();
    let from_file = format!("@{}", place.path("args.json"));
    let to_file = place.path("result.json");
    let output = place.submit(&["--task", "echo", "--args", &from_file, "--output", &to_file]);
    expect(&output, 0, "", "");
    assert_eq!(fs::read_to_string(to_file).unwrap(), result);

    let module = place.module.to_str().unwrap();
    let mut command = command(&["submit", module, "--task", "echo", "--args", "-"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(args.as_bytes())
        .unwrap();
    expect(&child.wait_with_output().unwrap(), 0, result, "");

    expect_error(&place.submit(&["--task", "broken"]), 121, &["`broken#1`"]);
}

#[test]
fn a_failed_task_runs_again_from_its_record() {
    let place = Place::new(TASKS);
    let dir = place.path("records");
    expect_error(
        &place.submit(&["--task", "broken", "--record", &dir]),
        121,
        &["`broken#1`"],
    );
    fs::remove_file(&place.module).unwrap();
    expect_error(
        &wrun(&["replay", "broken#1", "--record", &dir]),
        121,
        &["`broken#1`"],
    );
    expect_error(
        &wrun(&["replay", "broken#2", "--record", &dir]),
        2,
        &["there are broken#1"],
    );
}

#[test]
fn json_lines_hold_everything() {
    let output = Place::new(HELLO).submit(&["--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let logs: Vec<&str> = text
        .lines()
        .filter(|line| line.contains(r#""type":"log""#))
        .collect();
    assert_eq!(logs.len(), 3, "{text}");
    assert!(
        text.contains(r#""stream":"stderr","text":"oops","starts_line":true,"ends_line":true"#),
        "{text}"
    );
    assert!(
        text.contains(r#""text":"end","starts_line":true,"ends_line":false"#),
        "{text}"
    );
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with(r#"{"type":"end","exit_code":0,"stats":{"#),
        "{text}"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");

    let output = Place::new(TASKS).submit(&["--json", "--task", "echo", "--args", "[3]"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("\n{\"type\":\"result\",\"task\":\"echo\",\"value\":3}\n"),
        "{text}"
    );
    assert!(
        text.contains(r#""event":"call""#) && text.contains(r#""state":"finished""#),
        "{text}"
    );

    let output = Place::new(TRAP).submit(&["--json"]);
    assert_eq!(output.status.code(), Some(121));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains(r#"{"type":"error","kind":"trap""#) && text.contains(r#""exit_code":121"#),
        "{text}"
    );
}

#[test]
fn stats_are_a_table_on_standard_error() {
    let output = Place::new(HELLO).submit(&["--stats"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("sandboxes made        1\n"), "{text}");
    assert_eq!(output.stdout, b"hello\nend");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let place = Place::new(YES);
    let mut child = start(&place);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "y\n");
    expect(&child.wait_with_output().unwrap(), 141, "", "");
}

#[test]
fn a_signal_ends_it_within_a_second() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let place = Place::new(LOOP);
        expect(&interrupted(start(&place), signal), code, "", "");
    }
    // Also while nobody reads what it prints.
    let place = Place::new(YES);
    let mut child = start(&place);
    let unread = child.stdout.take();
    assert_eq!(interrupted(child, "-INT").status.code(), Some(130));
    drop(unread);
}

fn start(place: &Place) -> Child {
    let mut command = command(&["submit", place.module.to_str().unwrap()]);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn interrupted(child: Child, signal: &str) -> Output {
    // Long enough to be in the middle of it, wherever it is after that.
    thread::sleep(Duration::from_millis(700));
    let killed = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    output
}

#[test]
fn inspect_shows_a_module_and_runs_nothing() {
    let place = Place::new(TASKS);
    let output = wrun(&["inspect", place.module.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("m.wat: a wrun module, guest ABI 1\n"),
        "{text}"
    );
    assert!(
        text.contains("\ntasks\n  echo(x: T) -> T\n      Gives it back.\n  broken()\n"),
        "{text}"
    );
    assert!(
        text.ends_with("\nimports\n  wrun: arg_len, arg_read, result_write\n"),
        "{text}"
    );
    let output = wrun(&["inspect", "--json", place.module.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with('{') && text.contains("\"abi\": 1"),
        "{text}"
    );

    let output = wrun(&["inspect", Place::new(LOOP).module.to_str().unwrap()]);
    assert!(output.stdout.starts_with(b"m.wat: a plain WASI command;"));
    expect_error(&wrun(&["inspect", "/bin/sh"]), 126, &["`sh`", "ELF"]);
}

#[test]
fn info_and_completions_print() {
    let text = String::from_utf8(wrun(&["info"]).stdout).unwrap();
    for row in ["cores", "kernel", "slots", "sandboxes", "memory of one"] {
        assert!(text.contains(row), "{text}");
    }
    assert!(wrun(&["info", "--json"]).stdout.starts_with(b"{"));
    assert!(String::from_utf8_lossy(&wrun(&["completions", "bash"]).stdout).contains("submit"));
}

/// A crate with these files; its builds share a folder, so that what they depend on is built once.
fn cargo_crate(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn building(args: &[&str], dir: &Path) -> Command {
    let mut command = command(args);
    command
        .arg(dir)
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("crates"),
        )
        // What the workspace needs is there already.
        .env("CARGO_NET_OFFLINE", "true");
    command
}

#[test]
fn a_new_crate_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hello");
    let made = wrun(&["new", path.to_str().unwrap()]);
    assert!(made.status.success());
    expect_error(
        &wrun(&["new", path.to_str().unwrap()]),
        2,
        &["exists already"],
    );
    expect_error(&wrun(&["new", "1st"]), 2, &["must begin with a letter"]);
    let output = building(&["submit"], &path).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(output.stdout.starts_with(b"6 11\n"));
    let built = building(&["build"], &path).output().unwrap();
    assert!(
        String::from_utf8(built.stdout)
            .unwrap()
            .trim_end()
            .ends_with("hello.wasm")
    );
}

#[test]
fn crates_that_make_no_module_are_told_why() {
    let manifest = "[package]\nname = \"broken-crate\"\nedition = \"2024\"\n[workspace]\n";
    let lib = cargo_crate(&[("Cargo.toml", manifest), ("src/lib.rs", "")]);
    let output = building(&["build"], lib.path()).output().unwrap();
    expect_error(
        &output,
        2,
        &["`cdylib`", "crate-type = [\"cdylib\", \"rlib\"]"],
    );

    let wrong = cargo_crate(&[("Cargo.toml", manifest), ("src/main.rs", "fn main() { 1 }")]);
    let output = building(&["submit"], wrong.path()).output().unwrap();
    expect_error(&output, 123, &["mismatched types", "did not build"]);

    let workspace = cargo_crate(&[("Cargo.toml", "[workspace]\nmembers = []\n")]);
    let output = building(&["submit"], workspace.path()).output().unwrap();
    expect_error(&output, 2, &["is a workspace"]);
}

#[test]
fn dev_runs_again_after_a_change() {
    let manifest = "[package]\nname = \"dev-crate\"\nedition = \"2024\"\n[workspace]\n";
    let program = |text: &str| format!("fn main() {{ println!(\"{text}\"); loop {{}} }}");
    let dir = cargo_crate(&[("Cargo.toml", manifest), ("src/main.rs", &program("one"))]);
    let mut command = building(&["dev"], dir.path());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    // A mistake on the way does not end it.
    fs::write(dir.path().join("Cargo.toml"), "[package").unwrap();
    thread::sleep(Duration::from_millis(700));
    fs::write(dir.path().join("src/main.rs"), program("two")).unwrap();
    fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "two");
    assert_eq!(interrupted(child, "-INT").status.code(), Some(130));
}

/// Prints a line, waits for one of standard input, and ends.
const ASK: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00\05\00\00\00\80\00\00\00\08\00\00\00")
  (data (i32.const 64) "name\0a")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))
    (drop (call $read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 100)))))"#;

#[test]
fn a_question_is_seen_before_the_answer_is_given() {
    let place = Place::new(ASK);
    let mut command = command(&["submit", place.module.to_str().unwrap()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "name\n");
    child.stdin.take().unwrap().write_all(b"x\n").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn bench_measures_the_rows_that_are_asked_for() {
    let output = wrun(&["bench", "--rows", "put-get", "--repeat", "1", "--json"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["repeat"], &report["host"]["version"]),
        (&1.into(), &env!("CARGO_PKG_VERSION").into())
    );
    let [row] = &report["rows"].as_array().unwrap()[..] else {
        panic!("{report:#}")
    };
    assert_eq!(
        (&row["name"], &row["unit"], &row["goal"]["of"]),
        (&"put-get".into(), &"/s".into(), &"at-least".into())
    );
    assert!(
        row["median"].as_f64().unwrap() > 0.0 && row["error"].is_null(),
        "{row:#}"
    );
}

#[test]
fn bench_refuses_rows_that_it_does_not_know() {
    let output = wrun(&["bench", "--rows", "put-get,putget"]);
    expect_error(
        &output,
        2,
        &[
            "no row `putget`",
            "the rows: bare, tasks-one-driver",
            "did you mean `put-get`?",
        ],
    );
    expect_error(&wrun(&["bench", "--repeat", "0"]), 2, &["--repeat"]);
}
