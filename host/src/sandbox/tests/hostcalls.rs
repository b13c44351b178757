use super::*;

const NOWHERE: &str = "(i32.const 65530)";

/// Calls that must end the guest with a trap that names the function and the range.
#[tokio::test]
async fn each_bad_pointer_is_a_trap_that_names_the_function() {
    let bench = Bench::new();
    let cases = [
        ("arg_read", format!("(drop (call $arg_read (i32.const 0) (i32.const 0) {NOWHERE} (i32.const 7)))")),
        ("arg_refs", format!("(drop (call $arg_refs (i32.const 0) {NOWHERE} (i32.const 2)))")),
        ("result_write", format!("(drop (call $result_write (i32.const 0) {NOWHERE} (i32.const 7) (i32.const 0) (i32.const 0)))")),
        ("result_write", format!("(drop (call $result_write (i32.const 0) (i32.const 0) (i32.const 1) {NOWHERE} (i32.const 2)))")),
        ("yield_write", format!("(drop (call $yield_write {NOWHERE} (i32.const 7) (i32.const 0) (i32.const 0)))")),
        ("fail", format!("(call $fail (i32.const 0) {NOWHERE} (i32.const 7))")),
        ("spawn", format!("(drop (call $spawn {NOWHERE} (i32.const 7) (i32.const 0) (i32.const 1)))")),
        ("spawn", format!("(drop (call $spawn (i32.const 0) (i32.const 7) {NOWHERE} (i32.const 2)))")),
        ("put", format!("(drop (call $put {NOWHERE} (i32.const 7) (i32.const 0) (i32.const 0)))")),
        ("put", format!("(drop (call $put (i32.const 0) (i32.const 1) {NOWHERE} (i32.const 2)))")),
        ("put", "(drop (call $put (i32.const 0) (i32.const 1) (i32.const 8) (i32.const -1)))".to_owned()),
        ("get", format!("(drop (call $get {NOWHERE} (i32.const 2) (i64.const 0)))")),
        ("get", "(drop (call $get (i32.const 4) (i32.const 0x40000000) (i64.const 0)))".to_owned()),
        ("object_read", format!("(drop (call $object_read (i32.const 1) (i64.const 0) {NOWHERE} (i32.const 7)))")),
        ("wait", format!("(drop (call $wait {NOWHERE} (i32.const 2) (i32.const 1) (i32.const 1) (i64.const 0) (i32.const 0)))")),
        ("wait", "(drop (call $wait (i32.const 0) (i32.const 2) (i32.const 1) (i32.const 1) (i64.const 0) (i32.const 65535)))".to_owned()),
        ("release", format!("(drop (call $release {NOWHERE} (i32.const 2)))")),
        ("context", format!("(drop (call $context {NOWHERE} (i32.const 7)))")),
        ("actor_get", format!("(drop (call $actor_get {NOWHERE} (i32.const 7)))")),
        ("last_error", format!("(drop (call $last_error {NOWHERE} (i32.const 7)))")),
        ("fd_write", format!("(drop (call $fd_write (i32.const 1) {NOWHERE} (i32.const 1) (i32.const 0)))")),
        ("fd_write", "(i32.store (i32.const 4) (i32.const -1)) (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))".to_owned()),
        ("fd_read", format!("(drop (call $fd_read (i32.const 0) {NOWHERE} (i32.const 1) (i32.const 0)))")),
        ("random_get", format!("(drop (call $random_get {NOWHERE} (i32.const 7)))")),
        ("poll_oneoff", format!("(drop (call $poll_oneoff {NOWHERE} (i32.const 0) (i32.const 1) (i32.const 0)))")),
    ];
    for (function, body) in cases {
        let end = bench.run(&guest(&body), vec![value(b"\0abc")]).await;
        let error = end.outcome.expect_err(function);
        assert!(end.dead);
        assert_eq!(error.kind, ErrorKind::Trap, "{function}: {error}");
        assert!(
            error.message.contains(&format!("`{function}` was given")),
            "{error}"
        );
        assert!(error.message.contains("65536 bytes"), "{error}");
    }
    bench.assert_clean();
}

#[tokio::test]
async fn each_bad_handle_gets_one_answer() {
    let bench = Bench::new();
    let ints = bench
        .ints(
            "(i32.store (i32.const 0) (i32.const 4194305)) ;; a handle of the right form
             (call $emit (call $get (i32.const 0) (i32.const 1) (i64.const 0)))
             (call $emit (call $wait (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)))
             (call $emit (call $release (i32.const 0) (i32.const 1)))
             (call $emit (call $put (i32.const 8) (i32.const 1) (i32.const 0) (i32.const 1)))
             (call $emit (call $cancel (i32.const 0) (i32.const 0)))
             (call $emit (call $cancel (i32.const -1) (i32.const 0)))
             (call $emit (call $object_read (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0)))
             (call $emit (call $object_refs (i32.const 7) (i32.const 0) (i32.const 0)))
             (call $emit (i32.wrap_i64 (call $object_len (i32.const 7))))
             (call $emit (call $actor_stop (i32.const 7) (i32.const 0)))
             (call $emit (call $stream_next (i32.const 7) (i64.const 0)))",
            vec![],
        )
        .await;
    assert_eq!(ints, [-1; 11]);
    let ints = bench
        .ints(
            "(local.set $a (call $last_error (i32.const 0) (i32.const 0))) (call $emit (local.get $a))
             (drop (call $stream_next (i32.const 7) (i64.const 0)))
             (call $emit (i32.gt_s (call $last_error (i32.const 0) (i32.const 0)) (i32.const 40)))
             (call $emit (call $last_error (i32.const 0) (i32.const 8)))
             (call $emit (i32.load8_u (i32.const 0))) (call $emit (i32.load8_u (i32.const 8)))",
            vec![],
        )
        .await;
    assert_eq!(
        (ints[0], ints[1], ints[3], ints[4]),
        (0, 1, i32::from(b'{'), 0)
    );
    bench.assert_clean();
}

#[tokio::test]
async fn arguments_are_read_and_results_written() {
    let bench = Bench::new();
    let object = ObjectRef::ready(bench.record.id(), Ok(value(b"\0hello")));
    let with_refs = Value::new(
        Bytes::from_static(b"\0xy"),
        vec![Resource::Object(object), Record::actor()],
        None,
    );
    let ints = bench
        .ints(
            "(call $emit (call $arg_count)) (call $emit (call $arg_len (i32.const 0)))
             (call $emit (call $arg_read (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 100)))
             (call $emit (i32.load8_u (i32.const 1)))
             (call $emit (call $arg_read (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 100)))
             (call $emit (call $arg_refs (i32.const 0) (i32.const 100) (i32.const 1)))
             (call $emit (i32.load (i32.const 100)))
             (call $emit (call $arg_refs (i32.const 0) (i32.const 100) (i32.const 2)))
             (call $emit (call $get (i32.const 100) (i32.const 1) (i64.const -1)))
             (call $emit (call $get (i32.const 104) (i32.const 1) (i64.const -1)))
             (call $emit (i32.wrap_i64 (call $object_len (i32.load (i32.const 100)))))
             (call $emit (call $object_read (i32.load (i32.const 100)) (i64.const 1) (i32.const 200) (i32.const 2)))
             (call $emit (i32.load16_u (i32.const 200)))
             (call $emit (call $result_format))
             (call $emit (call $result_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
             (call $emit (call $result_write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))",
            vec![with_refs],
        )
        .await;
    let he = i32::from(u16::from_le_bytes(*b"he"));
    assert_eq!(
        ints,
        [
            1,
            3,
            2,
            i32::from(b'y'),
            0,
            2,
            0,
            2,
            0,
            -1,
            6,
            2,
            he,
            0,
            -4,
            -4
        ]
    );
    for body in [
        "(drop (call $arg_len (i32.const 0)))",
        "(drop (call $arg_refs (i32.const 9) (i32.const 0) (i32.const 0)))",
    ] {
        let error = bench.error(body).await;
        assert_eq!(error.kind, ErrorKind::Trap);
        assert!(error.message.contains("of a call that has 0"), "{error}");
    }
    bench.assert_clean();
}

#[tokio::test]
async fn results_hold_references_and_must_all_be_there() {
    let bench = Bench::new();
    let text = guest(
        "(i32.store (i32.const 0) (call $put (i32.const 40000) (i32.const 1) (i32.const 0) (i32.const 0)))
         (drop (call $result_write (i32.const 0) (i32.const 40000) (i32.const 1) (i32.const 0) (i32.const 1)))
         (return)",
    );
    let end = bench.run(&text, vec![]).await;
    assert_eq!(end.outcome.unwrap()[0].ref_count(), 1);
    let error = bench.error("(return)").await;
    assert_eq!(error.kind, ErrorKind::BadResult);
    assert!(error.message.contains("result 1 of 1"), "{error}");
    bench.assert_clean();
}

#[tokio::test]
async fn put_get_and_release() {
    let bench = Bench::new();
    let ints = bench
        .ints(
            "(i32.store8 (i32.const 1) (i32.const 65))
             (i32.store (i32.const 100) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
             (call $emit (call $get (i32.const 100) (i32.const 1) (i64.const -1)))
             (call $emit (call $get (i32.const 100) (i32.const 0) (i64.const -1)))
             (call $emit (call $put (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
             (i32.store (i32.const 104) (call $put (i32.const 0) (i32.const 2) (i32.const 100) (i32.const 1)))
             (call $emit (call $object_refs (i32.load (i32.const 104)) (i32.const 108) (i32.const 1)))
             (call $emit (i32.eq (i32.load (i32.const 108)) (i32.load (i32.const 100))))
             (call $emit (call $wait (i32.const 100) (i32.const 2) (i32.const 2) (i32.const 2) (i64.const 0) (i32.const 200)))
             (call $emit (i32.load16_u (i32.const 200)))
             ;; the same object under two handles
             (i32.store (i32.const 104) (i32.load (i32.const 108)))
             (call $emit (call $wait (i32.const 100) (i32.const 2) (i32.const 1) (i32.const 1) (i64.const 0) (i32.const 200)))
             (call $emit (call $release (i32.const 100) (i32.const 1)))
             (call $emit (call $release (i32.const 100) (i32.const 2)))
             (call $emit (call $get (i32.const 104) (i32.const 1) (i64.const 0)))",
            vec![],
        )
        .await;
    assert_eq!(ints, [0, 0, -4, 1, 0, 2, 0x0101, -4, 0, -1, -1]);
    bench.assert_clean();
}

/// `spawn` of the tasks whose names are given, as guest data and code.
fn spawn_data(calls: &[(u8, &str)]) -> (String, usize) {
    let mut bytes = Vec::new();
    for (kind, name) in calls {
        bytes.push(*kind);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(name.as_bytes());
        // No options; one argument: the value [0, 9].
        bytes.extend_from_slice(&[0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    }
    let text: String = bytes.iter().map(|b| format!("\\{b:02x}")).collect();
    (format!("(data (i32.const 1000) \"{text}\")"), bytes.len())
}

#[tokio::test]
async fn spawned_calls_are_waited_for() {
    let bench = Bench::new();
    let (data, len) = spawn_data(&[(0, "a"), (0, "b")]);
    let body = format!(
        "(call $emit (call $spawn (i32.const 1000) (i32.const {len}) (i32.const 0) (i32.const 1)))
         (call $emit (call $spawn (i32.const 1000) (i32.const {len}) (i32.const 0) (i32.const 2)))
         (call $emit (call $get (i32.const 0) (i32.const 2) (i64.const 1000000)))
         (call $emit (call $wait (i32.const 0) (i32.const 2) (i32.const 1) (i32.const 1) (i64.const 0) (i32.const 100)))
         (call $emit (call $object_read (i32.load (i32.const 0)) (i64.const 0) (i32.const 0) (i32.const 0)))
         (call $emit (call $wait (i32.const 0) (i32.const 2) (i32.const 1) (i32.const 2) (i64.const -1) (i32.const 100)))
         (call $emit (i32.load16_u (i32.const 100)))
         (call $emit (call $get (i32.const 0) (i32.const 2) (i64.const -1)))
         (call $emit (i32.gt_s (call $last_error (i32.const 200) (i32.const 100)) (i32.const 20)))
         (call $emit (i32.wrap_i64 (call $object_len (i32.load (i32.const 4)))))"
    );
    let text = guest_with(&body, &data);
    let record = bench.record.clone();
    let complete = async {
        while record.spawned.lock().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        record.spawned.lock()[0].complete(Ok(value(b"\0one")));
        tokio::time::sleep(Duration::from_millis(30)).await;
        record.spawned.lock()[1]
            .complete(Err(Arc::new(TaskError::new(ErrorKind::Panic, "it broke"))));
    };
    let (end, ()) = tokio::join!(bench.run(&text, vec![]), complete);
    assert_eq!(ints(&end), [-4, 2, -2, 0, -10, 1, 1, -3, 1, -3]);
    let submitted = std::mem::take(&mut *bench.record.submitted.lock());
    assert_eq!(submitted.len(), 2);
    assert!(
        matches!(&submitted[1].args[0], crate::types::Arg::Value(v) if &v.bytes[..] == b"\0\x09")
    );
    bench.record.spawned.lock().clear();
    drop(end);
    bench.assert_clean();
}

#[tokio::test]
async fn a_spawn_that_cannot_be_is_a_status() {
    let bench = Bench::new();
    let (data, len) = spawn_data(&[(0, "missing"), (2, "method"), (0, "x")]);
    let first = len - 17 - 16 - 16 - 5;
    let body = format!(
        "(call $emit (call $spawn (i32.const 1000) (i32.const {}) (i32.const 0) (i32.const 9)))
         (call $emit (call $spawn (i32.const 1000) (i32.const {}) (i32.const 0) (i32.const 9)))
         (call $emit (call $spawn (i32.const 1000) (i32.const {len}) (i32.const 0) (i32.const 9)))
         (call $emit (call $spawn (i32.const 1000) (i32.const 0) (i32.const 0) (i32.const 9)))",
        22 + "missing".len(),
        first,
    );
    let end = bench.run(&guest_with(&body, &data), vec![]).await;
    assert_eq!(ints(&end), [-5, -4, -1, -4]);
    drop(end);
    bench.assert_clean();
}

#[tokio::test]
async fn wait_refuses_what_cannot_be() {
    let bench = Bench::new();
    let wait = |n: i32, min: i32, max: i32| {
        format!(
            "(call $emit (call $wait (i32.const 0) (i32.const {n}) (i32.const {min}) (i32.const {max}) (i64.const 0) (i32.const 100)))"
        )
    };
    let body = [
        wait(0, 0, 0),
        wait(0, 1, 1),
        wait(1, 2, 2),
        wait(1, 1, 0),
        wait(1, 0, -1),
        wait(1, -1, 1),
    ]
    .concat();
    assert_eq!(bench.ints(&body, vec![]).await, [0, -4, -4, -4, -4, -4]);
}

#[tokio::test]
async fn actors_are_found_stopped_and_told_apart() {
    let bench = Bench::new();
    bench
        .record
        .actors
        .lock()
        .insert("known".to_owned(), Record::actor());
    let body = "(call $emit (call $actor_self))
        (local.set $a (call $actor_get (i32.const 500) (i32.const 5)))
        (call $emit (i32.gt_s (local.get $a) (i32.const 0)))
        (call $emit (call $actor_get (i32.const 500) (i32.const 4)))
        (call $emit (call $actor_get (i32.const 505) (i32.const 1)))
        (i32.store (i32.const 0) (local.get $a))
        (call $emit (call $get (i32.const 0) (i32.const 1) (i64.const 0)))
        (call $emit (call $cancel (local.get $a) (i32.const 0)))
        (call $emit (call $actor_stop (local.get $a) (i32.const 1)))
        (call $emit (call $actor_stop (local.get $a) (i32.const 3)))
        (call $emit (call $context (i32.const 0) (i32.const 4)))";
    let text = guest_with(body, "(data (i32.const 500) \"known\\ff\")");
    let end = bench.run(&text, vec![]).await;
    assert_eq!(ints(&end), [-5, 1, -5, -4, -1, -1, 0, -4, 13]);
    assert_eq!(*bench.record.stopped.lock(), [StopMode::Terminate]);
    bench.record.is_actor.store(true, Ordering::Relaxed);
    let end = bench.run(&text, vec![]).await;
    assert!(ints(&end)[0] > 0);
}

/// It is made when a guest asks, since few do.
#[tokio::test]
async fn the_context_of_a_call_that_does_not_ask_is_not_made() {
    let bench = Bench::new();
    bench.record.panics.store(true, Ordering::Relaxed);
    let emitted = bench.ints("(call $emit (call $arg_count))", vec![]);
    assert_eq!(emitted.await, [0]);
}

#[tokio::test]
async fn streams_are_read_and_written() {
    let bench = Bench::new();
    let (data, len) = spawn_data(&[(0, "stream")]);
    let body = format!(
        "(drop (call $spawn (i32.const 1000) (i32.const {len}) (i32.const 0) (i32.const 1)))
         (local.set $a (i32.load (i32.const 0)))
         (call $emit (call $get (i32.const 0) (i32.const 1) (i64.const 0)))
         (call $emit (call $stream_next (local.get $a) (i64.const 0)))
         (call $emit (call $stream_next (local.get $a) (i64.const 1000000)))
         (call $emit (call $wait (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 100)))
         (call $emit (call $cancel (local.get $a) (i32.const 1)))
         (call $emit (call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)))
         (call $emit (call $yield_write (i32.const 200) (i32.const 3) (i32.const 0) (i32.const 0)))"
    );
    let end = bench.run(&guest_with(&body, &data), vec![]).await;
    assert_eq!(ints(&end), [-1, -2, -2, 0, 0, -1, 0]);
    assert_eq!(*bench.record.cancelled.lock(), [true]);
    assert_eq!(bench.record.items.lock().drain(..).count(), 1);
    drop(end);
    bench.assert_clean();
}

#[tokio::test]
async fn a_call_fails_with_its_first_message() {
    let bench = Bench::new();
    let fail = |kind: i32, then: &str| {
        let body = format!(
            "(call $fail (i32.const {kind}) (i32.const 500) (i32.const 5)) (call $fail (i32.const 2) (i32.const 500) (i32.const 1)) {then}"
        );
        guest_with(&body, "(data (i32.const 500) \"wrong\")")
    };
    let end = bench.run(&fail(0, ""), vec![]).await;
    let error = end.outcome.expect_err("failed");
    assert_eq!(
        (error.kind, error.message.as_str(), end.dead),
        (ErrorKind::Application, "wrong", false)
    );
    let end = bench.run(&fail(1, "(unreachable)"), vec![]).await;
    let error = end.outcome.expect_err("failed");
    assert_eq!(
        (error.kind, error.message.as_str(), end.dead),
        (ErrorKind::Panic, "wrong", true)
    );
    assert!(!error.backtrace.is_empty());
    for (kind, expected) in [
        (2, ErrorKind::BadArgument),
        (3, ErrorKind::BadResult),
        (77, ErrorKind::Application),
    ] {
        assert_eq!(
            bench
                .run(&fail(kind, ""), vec![])
                .await
                .outcome
                .expect_err("failed")
                .kind,
            expected
        );
    }
    bench.assert_clean();
}
