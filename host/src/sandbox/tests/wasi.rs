use super::*;
use crate::types::{DirGrant, LogStream};

/// A plain command; `$print` writes `len` bytes at `ptr` to descriptor `fd`.
fn command(body: &str, data: &str) -> String {
    format!(
        r#"(module {imports}
        (memory (export "memory") 40)
        (func $print (param $fd i32) (param $ptr i32) (param $len i32) (result i32)
            (i32.store (i32.const 0) (local.get $ptr)) (i32.store (i32.const 4) (local.get $len))
            (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
        (func $check (param i32) (if (local.get 0) (then (call $proc_exit (i32.add (i32.const 100) (local.get 0))))))
        (func (export "_start") (local $a i32) {body})
        {data})"#,
        imports = imports()
    )
}

async fn lines(bench: &mut Bench) -> Vec<(LogStream, String)> {
    let mut lines = Vec::new();
    while let Ok(line) = bench.lines.try_recv() {
        lines.push((line.stream, String::from_utf8(line.text.to_vec()).unwrap()));
    }
    lines
}

#[tokio::test]
async fn a_command_runs_and_its_exit_code_is_told() {
    let mut bench = Bench::new();
    bench.wasi.args = vec!["prog".into(), "x".into()];
    bench.wasi.env = vec![("K".into(), "V".into())];
    let body = "(call $check (call $args_sizes_get (i32.const 16) (i32.const 20)))
        (call $check (i32.ne (i32.load (i32.const 16)) (i32.const 2)))
        (call $check (call $environ_sizes_get (i32.const 16) (i32.const 20)))
        (call $check (i32.ne (i32.load (i32.const 20)) (i32.const 4)))
        (call $check (call $random_get (i32.const 16) (i32.const 16)))
        (call $check (call $random_get (i32.const 2000) (i32.const 1000)))
        (call $check (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 16)))
        (call $check (call $print (i32.const 1) (i32.const 100) (i32.const 8)))
        (call $check (call $print (i32.const 2) (i32.const 100) (i32.const 3)))";
    let text = |end: &str| {
        command(
            &format!("{body} {end}"),
            "(data (i32.const 100) \"one\\ntwo!\")",
        )
    };
    for (end, code, is_ok) in [
        ("", None, true),
        ("(call $proc_exit (i32.const 0))", Some(0), true),
        ("(call $proc_exit (i32.const 7))", Some(7), false),
        ("(call $proc_exit (i32.const 200))", Some(200), false),
    ] {
        let end = bench.run(&text(end), vec![]).await;
        assert_eq!(
            (end.exit_code, end.outcome.is_ok()),
            (code, is_ok),
            "{:?}",
            end.outcome
        );
        let expected = [
            (LogStream::Stdout, "one\n"),
            (LogStream::Stdout, "two!"),
            (LogStream::Stderr, "one"),
        ];
        assert_eq!(
            lines(&mut bench).await,
            expected.map(|(s, t)| (s, t.to_owned()))
        );
    }
    assert!(bench.module(&text("")).is_command());
    bench.assert_clean();
}

#[tokio::test]
async fn nothing_is_granted_that_was_not_asked_for() {
    let bench = Bench::new();
    // No argument, no variable, no directory at 3, an empty standard input, no sockets.
    let body = "(call $check (call $args_sizes_get (i32.const 16) (i32.const 20))) (call $check (i32.load (i32.const 16)))
        (call $check (call $environ_sizes_get (i32.const 16) (i32.const 20))) (call $check (i32.load (i32.const 16)))
        (call $check (i32.ne (call $fd_prestat_get (i32.const 3) (i32.const 16)) (i32.const 8)))
        (i32.store (i32.const 0) (i32.const 100)) (i32.store (i32.const 4) (i32.const 10))
        (call $check (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $check (i32.load (i32.const 8)))
        (call $check (i32.eqz (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 8))))";
    let end = bench.run(&command(body, ""), vec![]).await;
    assert!(end.outcome.is_ok() && end.exit_code.is_none(), "{end:?}");
}

/// Opens `f` below descriptor 3, for reading (and writing), and leaves its descriptor in `$a`.
fn open(write: bool) -> String {
    let rights = if write { 2 | 4 | 64 } else { 2 };
    let flags = if write { 1 } else { 0 };
    format!(
        "(call $check (call $path_open (i32.const 3) (i32.const 0) (i32.const 200) (i32.const 1) (i32.const {flags})
            (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 16)))
         (local.set $a (i32.load (i32.const 16)))"
    )
}

const PATH: &str = "(data (i32.const 200) \"f\")";

/// Reads or writes 2 MiB at 4096 and exits with how many KiB were done.
fn transfer(function: &str) -> String {
    format!(
        "(i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 2097152))
         (call $check (call ${function} (local.get $a) (i32.const 0) (i32.const 1) (i32.const 8)))
         (call $proc_exit (i32.div_u (i32.load (i32.const 8)) (i32.const 1024)))"
    )
}

#[tokio::test]
async fn files_are_read_and_written_in_pieces() {
    let mut bench = Bench::new();
    let dir = tempfile::tempdir().unwrap();
    let grant = |read_only| DirGrant {
        host: dir.path().into(),
        guest: "/d".into(),
        read_only,
    };
    bench.wasi.dirs = vec![grant(false)];
    let end = bench
        .run(
            &command(&(open(true) + &transfer("fd_write")), PATH),
            vec![],
        )
        .await;
    assert_eq!(end.exit_code, Some(1024), "{end:?}");
    assert_eq!(
        std::fs::metadata(dir.path().join("f")).unwrap().len(),
        1 << 20
    );
    bench.wasi.dirs = vec![grant(true)];
    std::fs::write(dir.path().join("f"), vec![b'x'; 3 << 20]).unwrap();
    let end = bench
        .run(
            &command(&(open(false) + &transfer("fd_read")), PATH),
            vec![],
        )
        .await;
    assert_eq!(end.exit_code, Some(1024), "{end:?}");
    let end = bench
        .run(
            &command(&(open(true) + &transfer("fd_write")), PATH),
            vec![],
        )
        .await;
    assert!(
        (100..300).contains(&end.exit_code.unwrap()),
        "a read-only directory: {end:?}"
    );
    assert_eq!(std::fs::read(dir.path().join("f")).unwrap()[0], b'x');
    bench.wasi.dirs[0].host = "/nowhere/at/all".into();
    assert!(bench.wasi.check().unwrap_err().contains("/nowhere/at/all"));
    let end = bench.run(&command(&open(false), PATH), vec![]).await;
    assert!(
        end.outcome
            .expect_err("no directory")
            .message
            .contains("/nowhere/at/all")
    );
    bench.assert_clean();
}

#[tokio::test]
async fn sleeping_through_wasi_does_not_block_the_thread() {
    let bench = Bench::new();
    // One relative subscription to the monotonic clock, 30 ms.
    let body = "(i32.store (i32.const 116) (i32.const 1)) (i64.store (i32.const 124) (i64.const 30000000))
        (i64.store (i32.const 100) (i64.const 77))
        (call $check (call $poll_oneoff (i32.const 100) (i32.const 200) (i32.const 1) (i32.const 8)))
        (call $check (i32.ne (i32.load (i32.const 8)) (i32.const 1))) (call $check (i32.ne (i32.load (i32.const 200)) (i32.const 77)))";
    let text = command(body, "");
    let begin = crate::rt::clock::now();
    let (one, two) = tokio::join!(bench.run(&text, vec![]), bench.run(&text, vec![]));
    assert!(one.outcome.is_ok() && two.outcome.is_ok(), "{one:?}");
    let time = begin.elapsed();
    assert!(
        time >= Duration::from_millis(30) && time < Duration::from_millis(60 * 5),
        "{time:?}"
    );
}

#[tokio::test]
async fn standard_output_can_be_closed_and_not_moved() {
    let mut bench = Bench::new();
    let body = "(call $check (i32.ne (call $fd_renumber (i32.const 1) (i32.const 9)) (i32.const 58)))
        (call $check (call $fd_close (i32.const 1)))
        (call $check (i32.ne (call $print (i32.const 1) (i32.const 100) (i32.const 3)) (i32.const 8)))
        (call $check (call $print (i32.const 2) (i32.const 100) (i32.const 3)))";
    let end = bench.run(&command(body, ""), vec![]).await;
    assert!(end.exit_code.is_none(), "{end:?}");
    assert_eq!(lines(&mut bench).await.len(), 1);
}

/// A line of one byte takes far more in the host than in the guest.
#[tokio::test]
async fn very_many_lines_at_once_are_a_short_write() {
    let bench = Bench::new();
    let body = "(memory.fill (i32.const 4096) (i32.const 10) (i32.const 1048576))
        (call $check (call $print (i32.const 1) (i32.const 4096) (i32.const 1048576)))
        (call $check (i32.ne (i32.load (i32.const 8)) (i32.const 512)))";
    let end = bench.run(&command(body, ""), vec![]).await;
    assert!(end.outcome.is_ok(), "{end:?}");
    bench.assert_clean();
}

#[tokio::test]
async fn a_flood_of_output_waits_for_its_reader() {
    let mut bench = Bench::new();
    // 64 MiB in lines of 64 KiB without a line feed but at the end.
    let body = "(memory.fill (i32.const 4096) (i32.const 120) (i32.const 65536)) (i32.store8 (i32.const 69631) (i32.const 10))
        (loop $l (call $check (call $print (i32.const 1) (i32.const 4096) (i32.const 65536)))
            (local.set $a (i32.add (local.get $a) (i32.const 1))) (br_if $l (i32.lt_u (local.get $a) (i32.const 1024))))";
    let text = command(body, "");
    let (_, closed) = mpsc::channel(1);
    let mut reader = std::mem::replace(&mut bench.lines, closed);
    let (mut bytes, mut starts, mut longest) = (0, 0, 0);
    let module = bench.module(&text);
    let mut sandbox = bench.sandbox(&module).await.unwrap();
    {
        let run = call(&mut sandbox, vec![]);
        tokio::pin!(run);
        // Nobody reads: the guest gets stuck.
        assert!(
            tokio::time::timeout(Duration::from_millis(100), &mut run)
                .await
                .is_err()
        );
        assert!(reader.len() >= 900);
        let mut done = false;
        while !done || !reader.is_empty() {
            tokio::select! {
                end = &mut run, if !done => { assert!(end.outcome.is_ok()); done = true; }
                Some(line) = reader.recv() => {
                    bytes += line.text.len();
                    starts += usize::from(line.starts_line);
                    longest = longest.max(line.text.len());
                }
            }
        }
    }
    assert_eq!((bytes, starts), (64 << 20, 1024));
    assert!(longest <= 8 << 10);
    // A reader that went away doesn't stop anybody.
    drop(reader);
    let end = bench.run(&text, vec![]).await;
    assert!(end.outcome.is_ok());
}
