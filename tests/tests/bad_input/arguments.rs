//! Mistakes on the command line.

use std::ffi::OsStr;

use super::support::{MAIN, Scratch, module, submit};

const ADD: &str = r#"{"abi":1,"kind":"task","name":"add","export":"m","params":[{"name":"x","type":"i64"},{"name":"y","type":"i64"}]}"#;
const AND: &str = r#"{"abi":1,"kind":"task","name":"and_then","export":"m"}"#;

fn tasks() -> String {
    module(r#"(func (export "m"))"#, &[MAIN, ADD, AND])
}

#[test]
fn an_unknown_task_gets_the_known_ones() {
    let wanted = ["no task `ad`", "`add`", "`and_then`", "did you mean `add`?"];
    submit(&tasks(), &["--task", "ad", "--args", "[1,2]"]).assert_error(2, &wanted);
    submit(&tasks(), &["--task", "multiply"])
        .assert_error(2, &["no task `multiply`", "add", "and_then"]);
    submit(&tasks(), &["--task", ""]).assert_error(2, &["task"]);
    submit(&tasks(), &["--task", "\u{1b}[31m"]).assert_error(2, &["no task"]);
}

#[test]
fn arguments_that_do_not_parse() {
    let cases: &[(&str, &[&str])] = &[
        ("[1,", &["--args", "not JSON", "line 1 column"]),
        ("1 2", &["--args"]),
        ("", &["--args"]),
        ("{\"x\": 1}", &["--args", "array", "object"]),
        ("3", &["--args", "array"]),
        ("[01]", &["--args", "not JSON"]),
        ("[1e999]", &["--args"]),
        ("@missing.json", &["missing.json", "no such file"]),
        ("@.", &["can't be read"]),
    ];
    for (args, wanted) in cases {
        submit(&tasks(), &["--task", "add", "--args", args]).assert_error(2, wanted);
    }
    let deep = "[".repeat(100_000);
    submit(&tasks(), &["--task", "add", "--args", &deep])
        .assert_error(2, &["--args", "recursion limit"]);
}

#[test]
fn arguments_from_a_file_that_are_none() {
    let scratch = Scratch::new();
    let file = scratch.file("tasks.wat", tasks());
    scratch.file("args.json", b"[1, \xff]");
    scratch
        .submit(&file, &["--task", "add", "--args", "@args.json"])
        .assert_error(2, &["args.json"]);
}

#[test]
fn a_wrong_number_of_arguments() {
    let wanted = ["`add(x: i64, y: i64)`", "takes 2 arguments and was given"];
    for args in ["[]", "[1]", "[1,2,3]"] {
        submit(&tasks(), &["--task", "add", "--args", args]).assert_error(2, &wanted);
    }
    submit(&tasks(), &["--task", "add"]).assert_error(2, &wanted);
}

/// Usage errors are clap's or ours; both exit with 2 before anything runs.
#[test]
fn options_that_make_no_sense() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--timeout", "soon"], &["soon", "--timeout", "500ms"]),
        (&["--timeout=-1"], &["--timeout", "-1"]),
        (&["--timeout", "1e30"], &["--timeout"]),
        (&["--num-cpus", "0"], &["--num-cpus"]),
        (&["--num-cpus", "nan"], &["--num-cpus"]),
        (&["--num-cpus", "1e9"], &["--num-cpus"]),
        (&["--memory-limit", "lots"], &["--memory-limit"]),
        (&["--memory-limit", "99999999999G"], &["--memory-limit"]),
        (&["--object-store-memory=-5"], &["--object-store-memory"]),
        (&["--spill-limit", "much"], &["--spill-limit"]),
        (
            &["--spill-dir", "/dev/null/x"],
            &["/dev/null/x", "can't be spilled", "--no-spill"],
        ),
        (&["--no-spill", "--spill-dir", "x"], &["cannot be used"]),
        (&["--dir", "/nowhere/at/all"], &["/nowhere/at/all"]),
        (&["--dir", "::"], &["--dir"]),
        (&["--env", "=1"], &["--env"]),
        (&["--env", ""], &["--env"]),
        (&["--args", "[]"], &["--task"]),
        (&["--output", "x"], &["--task"]),
        (
            &[
                "--task",
                "add",
                "--args",
                "[1,2]",
                "--output",
                "no/such/dir/x",
            ],
            &["no such directory"],
        ),
        (
            &["--task", "add", "--args", "[1,2]", "--output", "tmp"],
            &["directory"],
        ),
        (&["--task", "add", "--", "x"], &["cannot be used"]),
        (&["--fast"], &["--fast"]),
        (&["--record", "bad.wat"], &["bad.wat"]),
    ];
    for (options, wanted) in cases {
        submit(&tasks(), options).assert_error(2, wanted);
    }
}

#[test]
fn commands_that_do_not_exist() {
    let scratch = Scratch::new();
    let run = |arguments: &[&str]| {
        scratch
            .start(scratch.wrun(arguments.iter().map(OsStr::new)))
            .wait()
    };
    run(&["sumbit", "x.wasm"]).assert_error(2, &["sumbit", "submit"]);
    run(&["submit"]).assert_error(2, &["FILE"]);
    run(&["inspect", "missing.wasm"]).assert_error(2, &["missing.wasm"]);
    run(&["inspect", "tmp"]).assert_error(2, &["directory"]);
    run(&["build", "missing"]).assert_error(2, &["missing"]);
    run(&["new", ""]).assert_error(2, &[]);
    run(&["new", "tmp"]).assert_error(2, &["tmp"]);
}

/// Environment variables are checked like options.
#[test]
fn settings_in_the_environment() {
    for (name, value) in [
        ("WRUN_NUM_CPUS", "many"),
        ("WRUN_MEMORY_LIMIT", "-1"),
        ("WRUN_OBJECT_STORE_MEMORY", "x"),
    ] {
        let scratch = Scratch::new();
        let file = scratch.file("tasks.wat", tasks());
        let mut command = scratch.wrun([OsStr::new("submit"), file.as_os_str()]);
        command.env(name, value);
        scratch
            .start(command)
            .wait()
            .assert_error(2, &[name, value]);
    }
}
