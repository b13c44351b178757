//! Modules that know nothing of wrun: plain WASI preview 1 commands run unchanged, each as one sandboxed task.

#![forbid(unsafe_code)]

use std::fs;

use wrun_tests::{guest, submit};

macro_rules! assert_test_exists {
    ($name:ident) => {
        #[allow(
            unused_imports,
            reason = "only to see that there is a test of that name"
        )]
        use self::$name as _;
    };
}
wrun_tests::foreach_wasi!(assert_test_exists);

/// With nothing granted, a command sees its arguments and nothing else.
#[test]
fn wasi_command() {
    let run = submit(guest::WASI_COMMAND).arg("0").arg("two words").run();
    assert_eq!(
        run.lines(),
        [
            "arguments: [\"0\", \"two words\"]",
            "GREETING: None",
            "/data: None",
            "input: \"\""
        ],
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("to standard error"), "{}", run.stderr);
}

#[test]
fn wasi_command_with_grants() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("hello.txt"), "from a file").unwrap();
    let run = submit(guest::WASI_COMMAND)
        .option("--dir", format!("{}::/data:ro", directory.path().display()))
        .option("--env", "GREETING=hello")
        .arg("3")
        .run();
    run.expect_code(3);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines[1..3],
        ["GREETING: Some(\"hello\")", "/data: Some(\"from a file\")"]
    );
}

/// A command in text form, as small as they come: it writes one line and ends with 3.
const WAT: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "hello from text\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 8))
    (i32.store (i32.const 4) (i32.const 16))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))
    (call $proc_exit (i32.const 3))))
"#;

#[test]
fn wasi_command_in_text_form() {
    let directory = tempfile::tempdir().unwrap();
    let module = directory.path().join("hello.wat");
    fs::write(&module, WAT).unwrap();
    let run = submit(module).run();
    run.expect_code(3);
    assert_eq!(run.stdout, "hello from text\n");
}
