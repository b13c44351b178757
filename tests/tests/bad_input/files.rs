//! Files that are no module, and modules that are damaged.

use std::fs;

use wrun_host::inspect;
use wrun_tests::guest;

use super::support::{MAIN, Scratch, module};

const BY_HAND: &str = include_str!("../../abi/by_hand.wat");

#[test]
fn what_is_no_module_is_named_for_what_it_is() {
    let own = fs::read(wrun_tests::wrun()).unwrap();
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("empty.wasm", b"", &["the file is empty", "wrun build"]),
        (
            "notes.wasm",
            b"to do: write a module\n",
            &["it is text", "wasm32-wasip1"],
        ),
        (
            "program.wasm",
            &own[..1 << 16],
            &["native program or library (ELF)"],
        ),
        (
            "page.wasm",
            b"<!DOCTYPE html>\n<html><body>404</body></html>",
            &["it is a web page", "download"],
        ),
        ("page2.wasm", b"\n <HTML>", &["it is a web page"]),
        (
            "module.wasm.gz",
            b"\x1f\x8b\x08\0\0\0\0\0",
            &["compressed archive", "unpack it"],
        ),
        ("module.zip", b"PK\x03\x04....", &["compressed archive"]),
        ("run.sh", b"#!/bin/sh\necho\n", &["it is a script"]),
        ("program.exe", b"MZ\x90\0", &["a Windows program"]),
        (
            "noise.wasm",
            b"\xff\xfe\x00\x01noise",
            &["does not begin with"],
        ),
        (
            "component.wasm",
            b"\0asm\x0d\0\x01\0",
            &["it is a component", "core module"],
        ),
        (
            "head.wasm",
            b"\0as",
            &["ends inside the header", "copy or build it again"],
        ),
        (
            "magic.wasm",
            b"\0asm",
            &["unexpected end", "build it again"],
        ),
        (
            "version.wasm",
            b"\0asm\x02\0\0\0",
            &["version", "at byte 0x4"],
        ),
        (
            "open.wat",
            b"(module (func",
            &["does not parse", "expected `)`"],
        ),
        (
            "text.wat",
            b"(module (funk))",
            &["does not parse", "expected"],
        ),
        ("list.wat", b"(define x 1)", &["does not parse"]),
        ("nothing.wat", b"(module)", &["nothing to run"]),
        ("component.wat", b"(component)", &["component"]),
    ];
    for (name, content, wanted) in cases {
        let scratch = Scratch::new();
        let file = scratch.file(name, content);
        let outcome = scratch.submit(&file, &[]);
        let named = format!("`{name}`");
        outcome.assert_error(126, &[&[named.as_str()], *wanted].concat());
        assert_eq!(outcome.stdout.bytes, 0);
    }
}

/// `inspect` says the same, in the same way.
#[test]
fn inspect_refuses_what_submit_refuses() {
    for (name, content) in [
        ("empty.wasm", &b""[..]),
        ("magic.wasm", b"\0asm"),
        ("open.wat", b"(module (func"),
    ] {
        let scratch = Scratch::new();
        let file = scratch.file(name, content);
        let outcome = scratch
            .start(scratch.wrun([std::ffi::OsStr::new("inspect"), file.as_os_str()]))
            .wait();
        outcome.assert_error(126, &[name]);
    }
}

#[test]
fn files_that_can_not_be_read() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing.wasm");
    scratch
        .submit(&missing, &[])
        .assert_error(2, &["missing.wasm", "can't be read", "no such file"]);
    let directory = scratch.path("tmp");
    scratch
        .submit(&directory, &[])
        .assert_error(2, &["no crate", "Cargo.toml", "wrun new"]);
}

/// Compiled code is native code: it is never loaded from a file that a user names.
#[test]
fn compiled_code_is_never_loaded() {
    let scratch = Scratch::new();
    let file = scratch.file("by_hand.wat", BY_HAND);
    assert_eq!(scratch.submit(&file, &[]).code, Some(0));
    let cached = fs::read_dir(scratch.path("cache/wrun"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let bytes = fs::read(cached.path()).unwrap();
    let elf = bytes
        .windows(4)
        .position(|window| window == b"\x7fELF")
        .unwrap();
    let file = scratch.file("by_hand.cwasm", &bytes[elf..]);
    scratch.submit(&file, &[]).assert_error(
        126,
        &[
            "by_hand.cwasm",
            ".cwasm",
            "never loaded",
            "give the .wasm file",
        ],
    );
}

/// A damaged file in the cache costs a compilation and nothing else.
#[test]
fn damaged_compiled_code_is_compiled_again() {
    let scratch = Scratch::new();
    let file = scratch.file("by_hand.wat", BY_HAND);
    let good = scratch.submit(&file, &[]);
    let cached = fs::read_dir(scratch.path("cache/wrun"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = fs::read(&cached).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    for damaged in [&bytes[..bytes.len() / 2], &flipped, b""] {
        fs::write(&cached, damaged).unwrap();
        let again = scratch.submit(&file, &[]);
        assert_eq!(
            (again.code, &again.stdout.text, &*again.stderr),
            (Some(0), &good.stdout.text, "")
        );
        assert_eq!(
            fs::read(&cached).unwrap().len(),
            bytes.len(),
            "it is replaced"
        );
    }
}

/// Wherever a copy stopped, it is told from a whole module, and nothing panics.
#[test]
fn truncated_modules() {
    let whole = wat::parse_str(BY_HAND).unwrap();
    let mut refused = 0;
    for end in 0..whole.len() {
        refused += usize::from(inspect(&whole[..end]).is_err());
    }
    // The rest ends between two sections of which the module could do without the later.
    assert!(refused + 8 > whole.len(), "{refused} of {}", whole.len());

    let whole = fs::read(guest::SEMANTICS).unwrap();
    for part in [4, 2] {
        let scratch = Scratch::new();
        let file = scratch.file("half.wasm", &whole[..whole.len() / 4 * part / 2]);
        scratch.submit(&file, &[]).assert_error(
            126,
            &["half.wasm", "not a valid module", "at byte", "truncated"],
        );
    }
}

/// Each bit of a small module flipped once: it loads or it is refused, and nothing panics.
#[test]
fn damaged_modules() {
    let mut bytes = wat::parse_str(BY_HAND).unwrap();
    for at in 0..bytes.len() * 8 {
        bytes[at / 8] ^= 1 << (at % 8);
        if let Err(error) = inspect(&bytes) {
            assert!(error.to_string().len() < 2_000, "{error}");
        }
        bytes[at / 8] ^= 1 << (at % 8);
    }
}

#[test]
fn modules_that_need_what_guests_do_not_get() {
    let main = r#"(func (export "_start"))"#;
    let memory = r#"(memory (export "memory") 1)"#;
    let cases: &[(&str, &[&str])] = &[
        (
            r#"(import "env" "puts" (func (param i32) (result i32)))"#,
            &["`env` `puts`", "left undefined", "link it statically"],
        ),
        (
            r#"(import "wrun" "teleport" (func))"#,
            &["`wrun` `teleport`", "matching `wrun` crate"],
        ),
        (
            r#"(import "wrun" "put" (func (param i32) (result i32)))"#,
            &[
                "`wrun` `put`",
                "(i32, i32, i32, i32) -> i32",
                "not `(i32) -> i32`",
            ],
        ),
        (
            r#"(import "wasi_snapshot_preview1" "fd_fly" (func))"#,
            &["`fd_fly`", "not a function of WASI preview 1"],
        ),
        (
            r#"(import "wasi_unstable" "fd_write" (func))"#,
            &["an older WASI"],
        ),
        (
            r#"(import "__wbindgen_placeholder__" "x" (func))"#,
            &["made for JavaScript"],
        ),
        (
            r#"(import "wrun" "memory" (global i32))"#,
            &["`wrun` `memory`"],
        ),
        (
            r#"(import "\1b[31m" "\07" (func))"#,
            &["imports what this host does not have"],
        ),
    ];
    for (import, wanted) in cases {
        let scratch = Scratch::new();
        let file = scratch.file("needs.wat", format!("(module {import} {memory} {main})"));
        scratch
            .submit(&file, &[])
            .assert_error(126, &[&["`needs.wat`"], *wanted].concat());
    }
    let cases: &[(&str, &[&str])] = &[
        (
            r#"(memory (export "memory") i64 1)"#,
            &["64-bit", "wasm32-wasip1"],
        ),
        (
            r#"(memory (export "memory") 1 1 shared)"#,
            &["shared", "no threads"],
        ),
        (
            r#"(memory (export "memory") 1) (memory 1)"#,
            &["2 memories", "may have one"],
        ),
        (
            r#"(import "wrun" "arg_count" (func (result i32)))"#,
            &["does not export its memory"],
        ),
        (
            r#"(memory (export "memory") 1) (tag)"#,
            &["not a valid module"],
        ),
    ];
    for (fields, wanted) in cases {
        let scratch = Scratch::new();
        let file = scratch.file("odd.wat", format!("(module {fields} {main})"));
        scratch
            .submit(&file, &[])
            .assert_error(126, &[&["`odd.wat`"], *wanted].concat());
    }
    let scratch = Scratch::new();
    let text = module(
        r#"(func (export "m")) (func (export "_initialize") (param i32))"#,
        &[MAIN],
    );
    let file = scratch.file("init.wat", text);
    scratch
        .submit(&file, &[])
        .assert_error(126, &["`_initialize`", "() -> ()"]);
}

/// A module whose description alone would fill the host's memory: a million names of a function with a thousand
/// parameters.
#[test]
fn a_description_that_explodes() {
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    let mut section = |id: u8, content: &[u8]| {
        wasm.push(id);
        leb(&mut wasm, content.len());
        wasm.extend_from_slice(content);
    };
    let mut ty = vec![1, 0x60];
    leb(&mut ty, 1_000);
    ty.extend([0x7f; 1_000]);
    ty.push(0);
    section(1, &ty);
    section(3, &[1, 0]);
    let mut exports = Vec::new();
    leb(&mut exports, 1_000_000);
    for n in 0..1_000_000 {
        let name = format!("{n:06}");
        leb(&mut exports, name.len());
        exports.extend_from_slice(name.as_bytes());
        exports.extend([0, 0]);
    }
    section(7, &exports);
    section(10, &[1, 2, 0, 0x0b]);
    let scratch = Scratch::new();
    let file = scratch.file("names.wasm", wasm);
    let outcome = scratch.submit(&file, &[]);
    outcome.assert_error(126, &["names.wasm"]);
    assert!(outcome.peak < 1 << 30, "{} MiB", outcome.peak >> 20);
}

fn leb(bytes: &mut Vec<u8>, mut n: usize) {
    loop {
        let low = u8::try_from(n & 0x7f).unwrap();
        n >>= 7;
        if n == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}
