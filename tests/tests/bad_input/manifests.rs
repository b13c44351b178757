//! Manifests that lie, or are none.

use super::support::{MAIN, Scratch, TASK, module, submit};

const MAIN_BODY: &str = r#"(func (export "m")) (func (export "wide") (param i32)) (global (export "g") i32 (i32.const 0))"#;

#[test]
fn lines_that_do_not_hold() {
    let long = format!(
        r#"{{"abi":1,"kind":"task","name":"{}","export":"m"}}"#,
        "n".repeat(201)
    );
    let cases: &[(&[&str], &[&str])] = &[
        (
            &[r#"{"abi":2,"kind":"main","export":"m"}"#],
            &["line 1", "version 2", "version 1", "matching `wrun` crate"],
        ),
        (
            &[r#"{"abi":99999999999,"kind":"main","export":"m"}"#],
            &["line 1", "version 99999999999"],
        ),
        (
            &[r#"{"abi":-1,"kind":"main","export":"m"}"#],
            &["line 1", "not a valid record"],
        ),
        (
            &[r#"{"abi":"1","kind":"main","export":"m"}"#],
            &["line 1", "not a valid record"],
        ),
        (
            &[r#"{"kind":"main","export":"m"}"#],
            &["line 1", "no field `abi`"],
        ),
        (
            &[MAIN, r#"{"abi":1,"kind":"main","export":"m"}"#],
            &["line 2", "two records of `main`"],
        ),
        (&[MAIN, TASK, TASK], &["line 3", "task `t`", "twice"]),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"gone"}"#,
            ],
            &["`gone`", "does not have"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"wide"}"#,
            ],
            &["`wide`", "(i32) -> ()", "() -> ()"],
        ),
        (
            &[MAIN, r#"{"abi":1,"kind":"task","name":"t","export":"g"}"#],
            &["`g`", "global"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"memory"}"#,
            ],
            &["`memory`"],
        ),
        (
            &[MAIN, r#"{"abi":1,"kind":"task","name":"t"}"#],
            &["line 2", "no field `export`"],
        ),
        (
            &[MAIN, r#"{"abi":1,"kind":"task","export":"m"}"#],
            &["line 2", "no field `name`"],
        ),
        (
            &[MAIN, r#"{"abi":1,"kind":"task","name":"","export":"m"}"#],
            &["line 2", "1 to 200 bytes"],
        ),
        (&[MAIN, &long], &["line 2", "1 to 200 bytes"]),
        (
            &[r#"{"abi":1,"kind":"main","name":"x","export":"m"}"#],
            &["line 1", "no name"],
        ),
        (
            &[MAIN, r#"{"abi":1,"kind":"wizard","name":"t","export":"m"}"#],
            &["line 2", "wizard"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"method","name":"inc","export":"m"}"#,
            ],
            &["line 2", "Class.method"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"method","name":"C.inc","export":"m"}"#,
            ],
            &["class `C`", "no constructor"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"m","num_returns":4294967296}"#,
            ],
            &["line 2", "`num_returns`", "1 to 256"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"m","num_returns":0}"#,
            ],
            &["line 2", "`num_returns`"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"m","params":3}"#,
            ],
            &["line 2", "not a valid record", "column"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"m","options":{"speed":9}}"#,
            ],
            &["line 2", "speed"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"m","options":{"timeout":-1}}"#,
            ],
            &["line 2", "`timeout`", "0 or more"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"m","options":{"num_cpus":1e300}}"#,
            ],
            &["line 2", "`num_cpus`"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"m","options":{"num_cpus":-1}}"#,
            ],
            &["line 2", "`num_cpus`"],
        ),
        (
            &[
                MAIN,
                r#"{"abi":1,"kind":"task","name":"t","export":"m","options":{"max_retries":-1}}"#,
            ],
            &["line 2"],
        ),
        (&["not json"], &["line 1", "not a valid record", "column"]),
        (&[MAIN, "[1,2"], &["line 2"]),
        (&[MAIN, "null"], &["line 2"]),
        (&[MAIN, &"[".repeat(10_000)], &["line 2"]),
    ];
    for (lines, wanted) in cases {
        let scratch = Scratch::new();
        let file = scratch.file("liar.wat", module(MAIN_BODY, lines));
        let wanted = [&["`liar.wat`", "manifest"], *wanted].concat();
        scratch.submit(&file, &[]).assert_error(126, &wanted);
    }
}

#[test]
fn text_that_is_none() {
    let text = format!(r#"(module {MAIN_BODY} (@custom "wrun.manifest" "{{}}\n\ff\fe"))"#);
    submit(&text, &[]).assert_error(126, &["manifest", "line 2", "not UTF-8"]);
}

#[test]
fn huge_counts() {
    let many = vec![r#"{"abi":1,"kind":"actor","name":"A"}"#; 10_001];
    let distinct: Vec<String> = (0..10_001)
        .map(|n| format!(r#"{{"abi":1,"kind":"actor","name":"A{n}"}}"#))
        .collect();
    let distinct: Vec<&str> = distinct.iter().map(String::as_str).collect();
    submit(&module(MAIN_BODY, &many), &[]).assert_error(126, &["line 2", "twice"]);
    submit(&module(MAIN_BODY, &distinct), &[]).assert_error(126, &["more than 10000 records"]);
    let long = format!(
        r#"{{"abi":1,"kind":"main","export":"m","doc":"{}"}}"#,
        "d".repeat(1 << 20)
    );
    submit(&module(MAIN_BODY, &[&long]), &[]).assert_error(126, &["bytes", "at most 1048576"]);
    let params = r#"{"name":"x","type":"i64"},"#.repeat(30_000);
    let params = format!(
        r#"{{"abi":1,"kind":"task","name":"t","export":"m","params":[{}]}}"#,
        params.trim_end_matches(',')
    );
    submit(
        &module(MAIN_BODY, &[&params]),
        &["--task", "t", "--args", "[1]"],
    )
    .assert_error(2, &["takes 30000 arguments and was given 1"]);
}

#[test]
fn nothing_to_run() {
    submit(&module(MAIN_BODY, &[TASK]), &[])
        .assert_error(2, &["no `main`", "--task", "its tasks: t"]);
    submit(&module(MAIN_BODY, &[""]), &[]).assert_error(2, &["no `main`", "no tasks"]);
}

/// Names from a module can't paint the terminal.
#[test]
fn names_with_control_characters() {
    let line = r#"{"abi":1,"kind":"task","name":"\u001b[31mred\u0007","export":"m"}"#;
    submit(&module(MAIN_BODY, &[line]), &["--task", "rad"]).assert_error(2, &["no task `rad`"]);
    let line = r#"{"abi":1,"kind":"task","name":"t","export":"\u001b[31mred\u0007"}"#;
    submit(&module(MAIN_BODY, &[line]), &[]).assert_error(126, &["does not have"]);
}
