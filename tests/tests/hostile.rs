//! Real Rust programs that misbehave: what their users see on the command line.

#![forbid(unsafe_code)]

use wrun_tests::{Run, guest, submit};

macro_rules! assert_test_exists {
    ($name:ident) => {
        #[allow(
            unused_imports,
            reason = "only to see that there is a test of that name"
        )]
        use self::$name as _;
    };
}
wrun_tests::foreach_hostile!(assert_test_exists);

/// One message with all of these, no panic of the host, and this exit code.
#[track_caller]
fn check(run: &Run, code: i32, wanted: &[&str]) {
    run.expect_code(code);
    let errors = run
        .stderr
        .lines()
        .filter(|line| line.starts_with("error"))
        .count();
    assert_eq!(errors, 1, "{}", run.stderr);
    // Before it stands what the guest itself printed, such as the note on backtraces of Rust's allocator.
    let at = run.stderr.find("error").unwrap_or_default();
    let message = &run.stderr[at..];
    for part in wanted {
        assert!(
            run.stderr.contains(part),
            "`{part}` is not in:\n{}",
            run.stderr
        );
    }
    for word in [
        "RUST_BACKTRACE",
        "stack backtrace",
        "wrun-worker",
        "/rustc/",
    ] {
        assert!(
            !message.contains(word),
            "`{word}` came out:\n{}",
            run.stderr
        );
    }
}

fn task(name: &str, args: &str) -> Run {
    submit(guest::HOSTILE)
        .option("--task", name)
        .option("--args", args)
        .run()
}

fn program(name: &str) -> Run {
    submit(guest::HOSTILE).arg(name).run()
}

#[test]
fn hostile() {
    assert_eq!(task("add", "[1, 2]").lines(), ["3"]);
}

#[test]
fn arguments_of_another_type() {
    for args in [
        "[1, \"two\"]",
        "[1, 2.5]",
        "[1, null]",
        "[[1], 2]",
        "[1, 99999999999999999999]",
    ] {
        check(&task("add", args), 120, &["WR0104", "`add#1`"]);
    }
    for args in [
        "[[{\"x\": 1}]]",
        "[[{\"x\": 1, \"y\": 256}]]",
        "[{}]",
        "[[7]]",
    ] {
        check(&task("sum", args), 120, &["WR0104", "`sum#1`"]);
    }
}

#[test]
fn recursion_without_end() {
    check(
        &task("recurse", "[0]"),
        121,
        &[
            "WR0103",
            "`recurse#1`",
            "stack overflowed",
            "stack-size",
            "at ",
        ],
    );
}

#[test]
fn memory_without_end() {
    for name in ["hoard", "gulp"] {
        check(
            &task(name, "[]"),
            122,
            &[
                "WR0109",
                &format!("`{name}#1`"),
                "out of memory",
                "--memory-limit",
            ],
        );
    }
}

#[test]
fn panics_and_errors() {
    check(
        &task("boom", "[\"it is over\"]"),
        120,
        &["WR0102", "`boom#1`", "it is over", "src/lib.rs:"],
    );
    check(
        &task("fails", "[\"no luck\"]"),
        120,
        &["WR0101", "`fails#1`", "no luck"],
    );
    check(
        &task("leaves", "[7]"),
        120,
        &["WR0101", "`leaves#1`", "exited with code 7"],
    );
    check(&task("fails", "[\"\\u001b[31mred\"]"), 120, &["red"]);
    assert!(
        !task("fails", "[\"\\u001b[31mred\"]")
            .stderr
            .contains('\u{1b}')
    );
}

/// What `main` passes on keeps its task's name and place; the code is the program's own.
#[test]
fn errors_that_are_passed_on() {
    check(
        &program("passes_on"),
        1,
        &["WR0102", "`boom#2`", "it is over", "src/lib.rs:"],
    );
}

/// An actor that failed in its constructor: each call of it says so, and why.
#[test]
fn actors_that_are_not_born() {
    for (how, wanted) in [
        ("panic", "not this time"),
        ("exit", "exited with code 3"),
        ("recurse", "stack overflowed"),
        ("hoard", "out of memory"),
    ] {
        let run = program(how);
        assert_ne!(run.code, 0, "{how}");
        check(&run, run.code, &["Stillborn", "constructor failed", wanted]);
    }
}

#[test]
fn misuse_of_wait() {
    check(
        &program("wait_for_too_many"),
        1,
        &["WR0104", "`num_returns` is 2", "the number of refs"],
    );
    check(&program("wait_for_the_same"), 1, &["WR0104", "twice"]);
}
