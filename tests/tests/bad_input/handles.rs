//! Handles that were never made, in every host function that takes one, and what else those functions refuse.

use super::table::{Case, Function, Role, functions, run};

/// Handles that name nothing in the sandbox that uses them; `$h` is one that does, of an object.
const NOWHERE: &[(&str, &str)] = &[
    ("zero", "(i32.const 0)"),
    ("one", "(i32.const 1)"),
    ("the largest", "(i32.const 0x7fffffff)"),
    ("negative", "(i32.const -1)"),
    ("the next one", "(i32.add (local.get $h) (i32.const 1))"),
    (
        "another generation",
        "(i32.add (local.get $h) (i32.const 0x400000))",
    ),
    ("a released one", "(call $released (local.get $h))"),
];

/// Ends the guest when the call does not give this status.
fn gives(call: &str, status: i64, ty: &str) -> String {
    format!("(if ({ty}.ne {call} ({ty}.const {status})) (then (unreachable)))")
}

const BAD_HANDLE: i64 = -1;
const BAD_ARGUMENT: i64 = -4;
const NOT_FOUND: i64 = -5;
const LIMIT: i64 = -6;

/// Calls in a `spawn` buffer, and where in it a handle is.
fn encoded() -> [(&'static str, Vec<u8>, u32); 3] {
    let task = |argument: &[u8]| [b"\0\0\0\0\0\x02\0c0\0\0\x01\0", argument].concat();
    [
        (
            "a method's actor",
            b"\x02\0\0\0\0\x01\0m\0\0\0\0".to_vec(),
            1,
        ),
        ("an argument", task(b"\x01\0\0\0\0"), 14),
        (
            "a reference in an argument",
            task(b"\0\x05\0\0\0\x01\0\0\0\x01null\0\0\0\0"),
            27,
        ),
    ]
}

/// Each call that takes a handle, with the handle's text in the place of `HANDLE`.
fn calls_with_a_handle() -> Vec<(String, String)> {
    let mut calls = Vec::new();
    for function in functions() {
        let numbers = |role: Role, name: &str| match (role, name) {
            (Role::Handle, _) => "HANDLE",
            (Role::Pointer, "refs") => "3000",
            (Role::Pointer, "out") => "3100",
            (Role::Pointer, _) if is_list(&function) => "3000",
            (Role::Pointer, _) => "1024",
            (Role::Length, "len") => "5",
            (Role::Length, "cap") => "0",
            (Role::Length, _) => "1",
            (Role::Number, "min" | "max") => "1",
            (Role::Number, _) => "0",
        };
        let arguments: Vec<String> = function
            .params
            .iter()
            .map(|param| numbers(param.role, &param.name).to_owned())
            .collect();
        let takes_one = function
            .params
            .iter()
            .any(|param| param.role == Role::Handle || param.name == "nrefs");
        if takes_one || is_list(&function) {
            let ty = &function.result;
            let call = function
                .call(&arguments)
                .replace("(i32.const HANDLE)", "(i32.load (i32.const 3000))");
            calls.push((function.name.clone(), gives(&call, BAD_HANDLE, ty)));
        }
    }
    for (number, (what, bytes, _)) in (0..).zip(encoded()) {
        let at = 4000 + 100 * number;
        let call = format!(
            "(call $spawn (i32.const {at}) (i32.const {}) (i32.const 3100) (i32.const 4))",
            bytes.len()
        );
        calls.push((format!("spawn: {what}"), gives(&call, BAD_HANDLE, "i32")));
    }
    calls
}

/// Whether it takes a list of handles at `ptr`.
fn is_list(function: &Function) -> bool {
    function
        .params
        .windows(2)
        .any(|pair| pair[0].name == "ptr" && pair[1].name == "n")
}

/// Every one of them answers `BAD_HANDLE`, tells why in `last_error`, and goes on.
#[test]
fn handles_that_were_never_made() {
    let mut cases = Vec::new();
    let calls = calls_with_a_handle();
    assert!(calls.len() >= 15, "{calls:?}");
    for (name, call) in &calls {
        for (what, handle) in NOWHERE {
            let places: String = encoded()
                .iter()
                .zip(0..)
                .map(|((_, bytes, at), number)| copy(4000 + 100 * number, bytes, *at))
                .collect();
            let handle = handle.replace(
                "(call $released (local.get $h))",
                "(local.get $h) (i32.store (i32.const 3200) (local.get $h)) \
                 (drop (call $release (i32.const 3200) (i32.const 1)))",
            );
            let body = format!(
                "(local.set $i {handle}) (i32.store (i32.const 3000) (local.get $i)) {places} {call} {}",
                "(if (i32.lt_s (call $last_error (i32.const 5000) (i32.const 500)) (i32.const 20)) (then (unreachable)))"
            );
            cases.push(Case {
                what: format!("{name}: {what}"),
                body,
            });
        }
    }
    for (case, outcome) in cases.iter().zip(run(&cases)) {
        assert_eq!(outcome.err(), None, "{}", case.what);
    }
}

/// Writes bytes to memory, with the handle `$i` in their middle.
fn copy(to: u32, bytes: &[u8], handle_at: u32) -> String {
    let stores = (to..)
        .zip(bytes)
        .map(|(at, byte)| format!("(i32.store8 (i32.const {at}) (i32.const {byte}))"));
    let text: String = stores.collect();
    format!(
        "{text} (i32.store (i32.const {}) (local.get $i))",
        to + handle_at
    )
}

/// A handle of an object is none of an actor, nor of a stream.
#[test]
fn handles_of_another_kind() {
    let bodies = [
        (
            "actor_stop",
            gives(
                "(call $actor_stop (local.get $h) (i32.const 0))",
                BAD_HANDLE,
                "i32",
            ),
        ),
        (
            "stream_next",
            gives(
                "(call $stream_next (local.get $h) (i64.const 0))",
                BAD_HANDLE,
                "i32",
            ),
        ),
        (
            "object_len",
            with_actor(&gives(
                "(call $object_len (local.get $i))",
                BAD_HANDLE,
                "i64",
            )),
        ),
        (
            "get",
            with_actor(&gives(
                "(call $get (i32.const 3000) (i32.const 1) (i64.const 0))",
                BAD_HANDLE,
                "i32",
            )),
        ),
        (
            "cancel",
            with_actor(&gives(
                "(call $cancel (local.get $i) (i32.const 0))",
                BAD_HANDLE,
                "i32",
            )),
        ),
        (
            "wait",
            with_actor(&gives(
                "(call $wait (i32.const 3000) (i32.const 1) (i32.const 1) (i32.const 1) (i64.const 0) (i32.const 3100))",
                BAD_HANDLE,
                "i32",
            )),
        ),
    ];
    check(&bodies);
}

/// Spawns an actor, whose handle is in `$i` and at 3000 then.
fn with_actor(then: &str) -> String {
    let bytes: &[u8] = b"\x01\0\0\0\0\x01\0C\0\0\0\0";
    format!(
        "{} (drop (call $spawn (i32.const 4000) (i32.const {}) (i32.const 3000) (i32.const 1))) \
         (local.set $i (i32.load (i32.const 3000))) {then}",
        copy(4000, bytes, 1),
        bytes.len()
    )
}

fn check(bodies: &[(&str, String)]) {
    let case = |(what, body): &(&str, String)| Case {
        what: (*what).to_owned(),
        body: body.clone(),
    };
    let cases: Vec<Case> = bodies.iter().map(case).collect();
    for (case, outcome) in cases.iter().zip(run(&cases)) {
        assert_eq!(outcome.err(), None, "{}", case.what);
    }
}

/// `wait` and `get`, asked for what can't be.
#[test]
fn misuse_of_wait_and_get() {
    let two =
        "(i32.store (i32.const 3000) (local.get $h)) (i32.store (i32.const 3004) (local.get $h))";
    let wait = |n: i64, min: i64, max: i64, status: i64| {
        let call = format!(
            "(call $wait (i32.const 3000) (i32.const {n}) (i32.const {min}) (i32.const {max}) (i64.const -1) (i32.const 3100))"
        );
        format!("{two} {}", gives(&call, status, "i32"))
    };
    let many = |call: &str| {
        format!(
            "(drop (memory.grow (i32.const 200))) {}",
            gives(call, LIMIT, "i32")
        )
    };
    check(&[
        ("more than there are", wait(1, 2, 2, BAD_ARGUMENT)),
        ("at most more than there are", wait(1, 1, 2, BAD_ARGUMENT)),
        ("at least more than at most", wait(1, 1, 0, BAD_ARGUMENT)),
        ("a negative number", wait(1, -1, -1, BAD_ARGUMENT)),
        ("the same twice", wait(2, 1, 1, BAD_ARGUMENT)),
        ("nothing", wait(0, 0, 0, 0)),
        ("of one none", wait(1, 0, 0, 0)),
        ("one that is there", wait(1, 1, 1, 1)),
        (
            "get nothing",
            gives(
                "(call $get (i32.const 3000) (i32.const 0) (i64.const -1))",
                0,
                "i32",
            ),
        ),
        (
            "get the same twice",
            format!(
                "{two} {}",
                gives(
                    "(call $get (i32.const 3000) (i32.const 2) (i64.const -1))",
                    0,
                    "i32"
                )
            ),
        ),
        (
            "get a million",
            many("(call $get (i32.const 0) (i32.const 1048577) (i64.const -1))"),
        ),
        (
            "release a million",
            many("(call $release (i32.const 0) (i32.const 1048577))"),
        ),
        (
            "wait for a million",
            many(
                "(call $wait (i32.const 0) (i32.const 1048577) (i32.const 1) (i32.const 1) (i64.const -1) (i32.const 6000000))",
            ),
        ),
        (
            "read beyond the end",
            gives(
                "(call $object_read (local.get $h) (i64.const 1000) (i32.const 0) (i32.const 8))",
                0,
                "i32",
            ),
        ),
        (
            "read at a negative offset",
            gives(
                "(call $object_read (local.get $h) (i64.const -1) (i32.const 0) (i32.const 8))",
                0,
                "i32",
            ),
        ),
    ]);
}

#[test]
fn misuse_of_the_others() {
    let spawn = |bytes: &[u8], cap: i64, status: i64| {
        let len = bytes.len();
        let call = format!(
            "(call $spawn (i32.const 4000) (i32.const {len}) (i32.const 3100) (i32.const {cap}))"
        );
        format!("{} {}", copy(4000, bytes, 200), gives(&call, status, "i32"))
    };
    let put = |len: &str, status| {
        gives(
            &format!("(call $put (i32.const 1024) (i32.const {len}) (i32.const 0) (i32.const 0))"),
            status,
            "i32",
        )
    };
    let good: &[u8] = b"\0\0\0\0\0\x02\0c0\0\0\x01\0\0\x05\0\0\0\0\0\0\0\x01null";
    let named = |name: &[u8], options: &[u8]| {
        let n = u16::try_from(name.len()).unwrap().to_le_bytes();
        let o = u16::try_from(options.len()).unwrap().to_le_bytes();
        [&b"\x01\0\0\0\0"[..], &n, name, &o, options, &[0, 0]].concat()
    };
    check(&[
        ("no calls", spawn(b"", 4, BAD_ARGUMENT)),
        (
            "an unknown kind",
            spawn(b"\x09\0\0\0\0\x01\0t\0\0\0\0", 4, BAD_ARGUMENT),
        ),
        (
            "half a call",
            spawn(&good[..good.len() - 3], 4, BAD_ARGUMENT),
        ),
        (
            "one and a half",
            spawn(&[good, &good[..9]].concat(), 4, BAD_ARGUMENT),
        ),
        ("no room for handles", spawn(good, 0, BAD_ARGUMENT)),
        (
            "an unknown task",
            spawn(b"\0\0\0\0\0\x04\0gone\0\0\0\0", 4, NOT_FOUND),
        ),
        (
            "an unknown class",
            spawn(&named(b"Gone", b""), 4, NOT_FOUND),
        ),
        (
            "too many arguments",
            spawn(b"\0\0\0\0\0\x02\0c0\0\0\0\0", 4, BAD_ARGUMENT),
        ),
        (
            "a lying number of arguments",
            spawn(b"\0\0\0\0\0\x02\0c0\0\0\xff\xff", 4, BAD_ARGUMENT),
        ),
        (
            "a lying length",
            spawn(
                b"\0\0\0\0\0\x02\0c0\0\0\x01\0\0\xff\xff\xff\xff\0\0\0\0",
                4,
                BAD_ARGUMENT,
            ),
        ),
        (
            "lying references",
            spawn(
                b"\0\0\0\0\0\x02\0c0\0\0\x01\0\0\0\0\0\0\xff\xff\xff\xff",
                4,
                BAD_ARGUMENT,
            ),
        ),
        (
            "a name that is no text",
            spawn(&named(b"\xff\xfe", b""), 4, BAD_ARGUMENT),
        ),
        ("no name", spawn(&named(b"", b""), 4, BAD_ARGUMENT)),
        (
            "a long name",
            spawn(&named(&[b'n'; 201], b""), 4, BAD_ARGUMENT),
        ),
        (
            "an unknown option",
            spawn(&named(b"C", &[99, 1, 0]), 4, BAD_ARGUMENT),
        ),
        (
            "half an option",
            spawn(&named(b"C", &[1, 4, 0]), 4, BAD_ARGUMENT),
        ),
        (
            "an option of the wrong size",
            spawn(&named(b"C", &[1, 1, 0]), 4, BAD_ARGUMENT),
        ),
        (
            "an actor name that is no text",
            spawn(&named(b"C", &[5, 1, 0xff]), 4, BAD_ARGUMENT),
        ),
        ("an empty value", put("0", BAD_ARGUMENT)),
        (
            "a result too many",
            gives(
                "(call $result_write (i32.const 1) (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 0))",
                BAD_ARGUMENT,
                "i32",
            ),
        ),
        (
            "a negative result",
            gives(
                "(call $result_write (i32.const -1) (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 0))",
                BAD_ARGUMENT,
                "i32",
            ),
        ),
        (
            "items of no stream",
            gives(
                "(call $yield_write (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 0))",
                BAD_ARGUMENT,
                "i32",
            ),
        ),
        (
            "unknown flags",
            gives(
                "(call $cancel (local.get $h) (i32.const 8))",
                BAD_ARGUMENT,
                "i32",
            ),
        ),
        (
            "an unknown mode",
            with_actor(&gives(
                "(call $actor_stop (local.get $i) (i32.const 9))",
                BAD_ARGUMENT,
                "i32",
            )),
        ),
        (
            "no actor's call",
            gives("(call $actor_self)", NOT_FOUND, "i32"),
        ),
        (
            "an unknown actor",
            gives(
                "(call $actor_get (i32.const 1025) (i32.const 4))",
                NOT_FOUND,
                "i32",
            ),
        ),
        (
            "an actor without a name",
            gives(
                "(call $actor_get (i32.const 1024) (i32.const 0))",
                NOT_FOUND,
                "i32",
            ),
        ),
        (
            "an actor with a long name",
            gives(
                "(call $actor_get (i32.const 1024) (i32.const 201))",
                BAD_ARGUMENT,
                "i32",
            ),
        ),
        (
            "a cancelled object that is there",
            gives("(call $cancel (local.get $h) (i32.const 0))", 0, "i32"),
        ),
        (
            "a negative sleep",
            "(call $sleep (i64.const -1))".to_owned(),
        ),
        (
            "no error yet",
            gives(
                "(call $last_error (i32.const 5000) (i32.const 500))",
                0,
                "i32",
            ),
        ),
    ]);
}

/// An unknown kind of failure is the program's own; text that is none, and the longest, are taken.
#[test]
fn misuse_of_fail() {
    let long = "(drop (memory.grow (i32.const 100))) (call $fail (i32.const 0) (i32.const 0) (i32.const 6000000))";
    let cases = [
        (
            "an unknown kind",
            "(call $fail (i32.const 77) (i32.const 1025) (i32.const 4))",
        ),
        (
            "a negative kind",
            "(call $fail (i32.const -1) (i32.const 1025) (i32.const 4))",
        ),
        (
            "no text",
            "(i32.store (i32.const 3000) (i32.const -1)) (call $fail (i32.const 0) (i32.const 3000) (i32.const 4))",
        ),
        ("the longest", long),
        (
            "nothing",
            "(call $fail (i32.const 0) (i32.const 0) (i32.const 0))",
        ),
        (
            "twice",
            "(call $fail (i32.const 0) (i32.const 1025) (i32.const 4)) (call $fail (i32.const 1) (i32.const 0) (i32.const 0))",
        ),
    ];
    let cases: Vec<Case> = cases
        .iter()
        .map(|(what, body)| Case {
            what: (*what).to_owned(),
            body: (*body).to_owned(),
        })
        .collect();
    for (case, outcome) in cases.iter().zip(run(&cases)) {
        let error = outcome.expect_err(&case.what);
        assert_eq!(
            error.kind,
            wrun_host::ErrorKind::Application,
            "{}: {error:?}",
            case.what
        );
        assert!(error.message.len() <= 3 << 16, "{}", case.what);
    }
}

/// All or none: an actor of a batch that was refused is not made, not even a detached one with a name.
#[test]
fn a_batch_that_is_refused_starts_nothing() {
    let actor: &[u8] = b"\x01\0\0\0\0\x01\0C\x06\0\x05\x01x\x07\x01\x01\0\0";
    let unknown: &[u8] = b"\0\0\0\0\0\x04\0gone\0\0\0\0";
    let batch = [actor, unknown].concat();
    let spawn = format!(
        "(call $spawn (i32.const 4000) (i32.const {}) (i32.const 3100) (i32.const 4))",
        batch.len()
    );
    let body = format!(
        "{} {} (i32.store8 (i32.const 3000) (i32.const 120)) {}",
        copy(4000, &batch, 200),
        gives(&spawn, NOT_FOUND, "i32"),
        gives(
            "(call $actor_get (i32.const 3000) (i32.const 1))",
            NOT_FOUND,
            "i32"
        ),
    );
    check(&[("a detached actor and an unknown task", body)]);
}
