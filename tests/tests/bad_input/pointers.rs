//! Pointers and lengths outside of the guest's memory, in every parameter of every host function.

use std::collections::BTreeSet;

use wrun_host::ErrorKind;

use super::support::{MAIN, guest, submit};
use super::table::{Case, Function, Role, functions, run};

/// A guest's memory in these tests: one page.
const MEMORY: u32 = 65_536;

/// Arguments that are right in themselves: 16 of everything at 2048, handles that don't exist.
fn harmless(function: &Function) -> Vec<String> {
    let value = |role: Role| match role {
        Role::Pointer => "2048".to_owned(),
        Role::Length => "16".to_owned(),
        Role::Number => "0".to_owned(),
        Role::Handle => "HANDLE".to_owned(),
    };
    function
        .params
        .iter()
        .map(|param| value(param.role))
        .collect()
}

/// The call, with the object that each case has for a handle.
fn text(function: &Function, arguments: &[String]) -> String {
    let call = function
        .call(arguments)
        .replace("(i32.const HANDLE)", "(local.get $h)");
    if function.is_answered() {
        format!("(drop {call})")
    } else {
        call
    }
}

fn cases() -> Vec<(String, Case)> {
    let outside = [
        ("just beyond the end", (MEMORY - 3).to_string()),
        ("far beyond the end", "0x7ffffff0".to_owned()),
        ("wrapping around", "0xfffffff8".to_owned()),
    ];
    let too_long = [
        ("just too long", (MEMORY - 2048 + 1).to_string()),
        ("a gigabyte", "0x40000000".to_owned()),
        ("the longest", "0xffffffff".to_owned()),
    ];
    let mut cases = Vec::new();
    for function in functions() {
        for (position, param) in function.params.iter().enumerate() {
            let values = match param.role {
                Role::Pointer => &outside,
                Role::Length => &too_long,
                Role::Handle | Role::Number => continue,
            };
            for (what, value) in values {
                let mut arguments = harmless(&function);
                arguments[position].clone_from(value);
                let what = format!("`{}`: `{}` is {what} ({value})", function.name, param.name);
                cases.push((
                    function.name.clone(),
                    Case {
                        what,
                        body: text(&function, &arguments),
                    },
                ));
            }
        }
    }
    cases
}

/// Each ends the guest with a trap that names the function and the range, and nothing else suffers.
#[test]
fn every_range_outside_memory_is_a_trap() {
    let cases = cases();
    let with_memory: BTreeSet<&str> = cases.iter().map(|(name, _)| &**name).collect();
    for name in [
        "arg_read",
        "arg_refs",
        "result_write",
        "yield_write",
        "fail",
        "spawn",
        "put",
        "get",
        "object_read",
    ] {
        assert!(with_memory.contains(name), "{name}");
    }
    let bodies: Vec<Case> = cases.iter().map(|(_, case)| case.clone()).collect();
    for ((name, case), outcome) in cases.iter().zip(run(&bodies)) {
        let error = outcome.expect_err(&case.what);
        assert_eq!(error.kind, ErrorKind::Trap, "{}: {error}", case.what);
        for part in [
            &format!("`{name}` was given"),
            "bytes at 0x",
            "memory of 65536 bytes",
        ] {
            assert!(error.message.contains(part), "{}: {error}", case.what);
        }
    }
}

/// A range that ends where memory ends, and an empty one at the very end, are inside.
#[test]
fn ranges_at_the_edge_are_fine() {
    let mut cases = Vec::new();
    for function in functions() {
        // These wait, need other arguments, or end the call in an error of their own.
        if ["spawn", "fail", "yield_write", "yield_plain"].contains(&&*function.name) {
            continue;
        }
        for (position, param) in function.params.iter().enumerate() {
            if param.role != Role::Pointer {
                continue;
            }
            for (pointer, length) in [(MEMORY - 64, "16"), (MEMORY, "0")] {
                let mut arguments = harmless(&function);
                arguments[position] = pointer.to_string();
                for (at, param) in function.params.iter().enumerate() {
                    if param.role == Role::Length {
                        length.clone_into(&mut arguments[at]);
                    }
                }
                let what = format!("`{}`: {length} at {pointer}", function.name);
                cases.push(Case {
                    what,
                    body: text(&function, &arguments),
                });
            }
        }
    }
    for (case, outcome) in cases.iter().zip(run(&cases)) {
        assert_eq!(outcome.err(), None, "{}", case.what);
    }
}

/// An argument that there is not: a trap that says which.
#[test]
fn arguments_that_are_not_there() {
    let mut cases = Vec::new();
    for function in functions()
        .into_iter()
        .filter(|function| function.name.starts_with("arg_"))
    {
        let Some(position) = function.params.iter().position(|param| param.name == "i") else {
            continue;
        };
        for index in ["1", "0x7fffffff", "-1"] {
            let mut arguments = harmless(&function);
            index.clone_into(&mut arguments[position]);
            cases.push(Case {
                what: function.name.clone(),
                body: text(&function, &arguments),
            });
        }
    }
    assert_eq!(cases.len(), 12);
    for (case, outcome) in cases.iter().zip(run(&cases)) {
        let error = outcome.expect_err(&case.what);
        assert_eq!(error.kind, ErrorKind::Trap);
        assert!(
            error
                .message
                .contains(&format!("`{}` was asked for argument", case.what)),
            "{error}"
        );
    }
}

/// What a user sees of it, in the driver and in a task.
#[test]
fn the_message_on_the_command_line() {
    let import = r#"(import "wrun" "context" (func $context (param i32 i32) (result i32)))"#;
    let task = r#"{"abi":1,"kind":"task","name":"t","export":"m"}"#;
    let fields = r#"(func $inner (drop (call $context (i32.const 65000) (i32.const 4096)))) (func (export "m") (call $inner))"#;
    let wanted = [
        "error[WR0103]",
        "`context` was given 4096 bytes at 0xfde8",
        "memory of 65536 bytes",
        "at inner",
    ];
    submit(&guest(import, fields, &[MAIN]), &[]).assert_error(121, &wanted);
    submit(&guest(import, fields, &[task]), &["--task", "t"])
        .assert_error(121, &[&wanted[1..], &["`t#1`"]].concat());
}

const WASI: &str = include_str!("../../wasi_preview1.txt");

/// Each WASI function with the same wild value in all places: it answers, or it ends the guest with a trap; the host
/// lives on and holds no memory for what was asked.
#[test]
fn wasi_with_wild_arguments() {
    let mut imports = String::new();
    let mut fields = String::new();
    let mut manifest = vec![MAIN.to_owned()];
    let mut calls = Vec::new();
    for line in WASI.lines().filter(|line| !line.starts_with('#')) {
        let (name, params) = line.split_once(' ').unwrap_or((line, ""));
        let types: Vec<&str> = params
            .chars()
            .map(|c| if c == 'i' { "i32" } else { "i64" })
            .collect();
        imports.push_str(&format!(
            "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param {}) (result i32)))\n",
            types.join(" ")
        ));
        for (number, value) in ["0", "1", "3", "65533", "0x7fffffff", "-1", "0x80000000"]
            .iter()
            .enumerate()
        {
            let arguments: String = types
                .iter()
                .map(|ty| format!("({ty}.const {value})"))
                .collect();
            let task = format!("{name}_{number}");
            fields.push_str(&format!(
                "(func (export \"{task}\") (drop (call ${name} {arguments})) (call $done))\n"
            ));
            manifest.push(format!(
                r#"{{"abi":1,"kind":"task","name":"{task}","export":"{task}"}}"#
            ));
            calls.push(task);
        }
    }
    imports.push_str(r#"(import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))"#);
    fields.push_str(
        r#"(data (i32.const 1024) "\01null") (func (export "m"))
        (func $done (drop (call $result_write (i32.const 0) (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 0))))"#,
    );
    let manifest: Vec<&str> = manifest.iter().map(String::as_str).collect();
    let outcomes = super::table::call_all(&guest(&imports, &fields, &manifest), &calls, ());
    for (task, outcome) in calls.iter().zip(outcomes) {
        if let Err(error) = outcome {
            assert!(
                [ErrorKind::Trap, ErrorKind::Application].contains(&error.kind),
                "{task}: {error}"
            );
            assert!(!error.message.contains("panicked"), "{task}: {error}");
        }
    }
}
