mod snapshots;
mod tenants;
mod traces;

use std::time::Duration;

use super::*;
use crate::{
    CacheDir, JobOptions,
    types::{CallOptions, ErrorKind, JobId},
};

const BY_HAND: &str = include_str!("../../../../tests/abi/by_hand.wat");

fn runtime(slots: f64) -> Runtime {
    let cache = CacheDir::At(std::env::temp_dir().join("wrun-tests-cache"));
    Runtime::start(RuntimeOptions {
        slots,
        workers: 2,
        pool_size: 8,
        cache,
        ..RuntimeOptions::default()
    })
    .expect("starts")
}

async fn load(runtime: &Runtime, text: &str) -> Module {
    runtime
        .load("test.wat", text.as_bytes().to_vec())
        .await
        .expect("loads")
}

#[tokio::test]
async fn a_guest_written_from_the_abi_alone_runs() {
    let runtime = runtime(1.0);
    let module = load(&runtime, BY_HAND).await;
    let options = JobOptions {
        logs: true,
        ..JobOptions::default()
    };
    let job = runtime.submit(&module, options).expect("submitted");
    let mut logs = job.logs().expect("asked for");
    let mut text = String::new();
    while let Some(line) = logs.recv().await {
        text.push_str(&String::from_utf8_lossy(&line.text));
    }
    let end = job.wait().await;
    assert_eq!((end.exit_code, end.error), (0, None));
    assert_eq!(text, "5\n5\n2\n");
    assert_eq!(
        (end.stats.submitted, end.stats.failed, end.stats.sandboxes),
        (5, 0, 3),
        "{:?}",
        end.stats
    );
    drop(job);
    assert_eq!(runtime.held(), []);
}

#[tokio::test]
async fn a_task_is_called_from_the_host() {
    let runtime = runtime(1.0);
    let module = load(&runtime, BY_HAND).await;
    let job = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    let five: u8 = job
        .call("next", (4,))
        .await
        .expect("called")
        .get()
        .await
        .expect("a result");
    assert_eq!(five, 5);
    let error = job.call("previous", (4,)).await.expect_err("unknown");
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.contains("`next`"), "{error}");
    let error = job.call("next", (4, 4)).await.expect_err("two arguments");
    assert_eq!(error.kind, ErrorKind::BadArgument);
    assert_eq!(job.close().await.exit_code, 0);
    assert_eq!(runtime.held(), []);
}

#[tokio::test]
async fn an_actor_is_called_from_the_host_in_order() {
    let runtime = runtime(1.0);
    let module = load(&runtime, BY_HAND).await;
    let job = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    let counter = job
        .actor("Counter", (), CallOptions::default())
        .await
        .expect("made");
    let (two, five) = (
        counter.call("add", (2,)).await.expect("called"),
        counter.call("add", (3,)).await.expect("called"),
    );
    assert_eq!(
        (
            five.get::<u8>().await.expect("five"),
            two.get::<u8>().await.expect("two")
        ),
        (5, 2)
    );
    counter.kill();
    let dead = counter
        .call("add", (1,))
        .await
        .expect("taken")
        .get::<u8>()
        .await
        .expect_err("dead");
    assert_eq!(dead.kind, ErrorKind::ActorDied);
    job.close().await;
    drop((job, counter, two, five));
    assert_eq!(runtime.held(), []);
}

#[tokio::test]
async fn an_actor_that_is_not_called_hibernates_and_goes_on() {
    let cache = CacheDir::At(std::env::temp_dir().join("wrun-tests-cache"));
    let runtime = Runtime::start(RuntimeOptions {
        slots: 1.0,
        workers: 2,
        pool_size: 8,
        cache,
        hibernate_after: Some(Duration::from_millis(5)),
        ..RuntimeOptions::default()
    })
    .expect("starts");
    let module = load(&runtime, BY_HAND).await;
    let job = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    let mut actors = Vec::new();
    for _ in 0..100 {
        let made = job.actor("Counter", (), CallOptions::default()).await;
        actors.push(made.expect("made"));
    }
    for round in 1..4 {
        for actor in &actors {
            let sum = actor.call("add", (1,)).await.expect("called");
            assert_eq!(sum.get::<u8>().await.expect("a sum"), round);
        }
        let all = async {
            while job.stats().actors_hibernating < 100 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let all = tokio::time::timeout(Duration::from_secs(20), all).await;
        assert!(all.is_ok(), "{:?}", job.stats());
        assert_eq!(job.stats().actors, 100);
    }
    for actor in actors.drain(..50) {
        actor.kill();
        let dead = actor.call("add", (1,)).await.expect("taken");
        let dead = dead.get::<u8>().await.expect_err("dead");
        assert_eq!(dead.kind, ErrorKind::ActorDied);
    }
    job.close().await;
    assert_eq!(job.stats().actors_hibernating, 0);
    drop((job, actors));
    assert_eq!(runtime.held(), []);
}

#[tokio::test]
async fn a_detached_actor_outlives_its_job_and_is_found_by_another() {
    let runtime = runtime(1.0);
    let module = load(&runtime, BY_HAND).await;
    let first = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    let options = CallOptions {
        name: Some("total".into()),
        detached: Some(true),
        ..CallOptions::default()
    };
    let counter = first
        .actor("Counter", (), options.clone())
        .await
        .expect("made");
    assert_eq!(
        counter
            .call("add", (4,))
            .await
            .expect("called")
            .get::<u8>()
            .await
            .expect("four"),
        4
    );
    drop(counter);
    first.close().await;
    drop(first);

    let second = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    let error = second
        .actor("Counter", (), options)
        .await
        .expect_err("taken");
    assert_eq!(error.kind, ErrorKind::Exists);
    let counter = second.get_actor("total").expect("found");
    assert_eq!(
        counter
            .call("add", (3,))
            .await
            .expect("called")
            .get::<u8>()
            .await
            .expect("seven"),
        7
    );
    counter.kill();
    assert!(second.get_actor("total").is_none(), "its name is free");
    second.close().await;
    drop((second, counter));
    eventually_nothing_is_held(&runtime).await;
}

async fn eventually_nothing_is_held(runtime: &Runtime) {
    for _ in 0..1000 {
        if runtime.held().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("still held: {:?}", runtime.held());
}

/// The guest of [`BY_HAND`] with one more task, `nap`, that sleeps 0.3 s and keeps its slot.
fn with_nap() -> String {
    let import = r#"(import "wrun" "sleep" (func $sleep (param i64)))"#;
    let nap =
        r#"(func (export "nap") (call $sleep (i64.const 300000000)) (call $answer (i32.const 0)))"#;
    let record =
        r#""{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\",\"params\":[]}\n""#;
    let memory = "(memory (export \"memory\") 1)";
    BY_HAND
        .replacen(memory, &format!("{import} {memory} {nap}"), 1)
        .replacen(
            "(@custom \"wrun.manifest\"",
            &format!("(@custom \"wrun.manifest\" {record}"),
            1,
        )
}

/// A moment in which idle workers do what there is to do.
async fn a_moment() {
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}

#[tokio::test]
async fn a_method_that_waits_for_a_slot_when_its_actor_is_killed_fails() {
    let runtime = runtime(1.0);
    let module = load(&runtime, &with_nap()).await;
    let job = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    let counter = job
        .actor("Counter", (), CallOptions::default())
        .await
        .expect("made");
    assert_eq!(
        counter
            .call("add", (1,))
            .await
            .expect("called")
            .get::<u8>()
            .await
            .expect("one"),
        1
    );
    let nap = job.call("nap", ()).await.expect("called");
    a_moment().await;
    // The actor takes it out of its mailbox and waits for the slot that `nap` has.
    let method = counter.call("add", (1,)).await.expect("called");
    a_moment().await;
    counter.kill();
    let dead = tokio::time::timeout(std::time::Duration::from_secs(5), method.get::<u8>()).await;
    assert_eq!(
        dead.expect("it ends").expect_err("dead").kind,
        ErrorKind::ActorDied
    );
    nap.get::<u8>().await.expect("slept");
    job.close().await;
}

#[tokio::test]
async fn jobs_that_call_one_detached_actor_don_t_meet_in_its_mailbox() {
    let runtime = runtime(1.0);
    let module = load(&runtime, &with_nap()).await;
    let open = || {
        runtime
            .open(&module, JobOptions::default())
            .expect("opened")
    };
    let (one, other) = (open(), open());
    let options = CallOptions {
        name: Some("shared".into()),
        detached: Some(true),
        ..CallOptions::default()
    };
    let counter = one.actor("Counter", (), options).await.expect("made");
    counter
        .call("add", (0,))
        .await
        .expect("called")
        .get::<u8>()
        .await
        .expect("it lives");
    let theirs = other.get_actor("shared").expect("found");
    one.call("nap", ()).await.expect("called");
    a_moment().await;
    let mut ours = Vec::new();
    for _ in 0..3 {
        ours.push(counter.call("add", (1,)).await.expect("called"));
    }
    // Among these is one with the same number in its job as the last of ours.
    for _ in 0..8 {
        theirs.call("add", (1,)).await.expect("called").cancel();
    }
    for (call, sum) in ours.iter().zip(1..) {
        let result =
            tokio::time::timeout(std::time::Duration::from_secs(5), call.get::<u8>()).await;
        assert_eq!(result.expect("it was not cancelled").expect("a sum"), sum);
    }
    counter.kill();
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn an_actor_that_there_is_no_room_for_leaves_its_name_free() {
    let cache = CacheDir::At(std::env::temp_dir().join("wrun-tests-cache"));
    let options = RuntimeOptions {
        max_queued_bytes: 8,
        pool_size: 8,
        cache,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::start(options).expect("starts");
    let module = load(&runtime, BY_HAND).await;
    let job = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    for detached in [true, false] {
        for _ in 0..2 {
            let options = CallOptions {
                name: Some("x".into()),
                detached: Some(detached),
                ..CallOptions::default()
            };
            let error = job
                .actor("Counter", (), options)
                .await
                .expect_err("8 bytes");
            assert_eq!(error.kind, ErrorKind::Limit, "{error}");
            assert!(job.get_actor("x").is_none());
        }
    }
    job.close().await;
    drop(job);
    assert_eq!(runtime.held(), []);
}

#[tokio::test]
async fn what_a_call_takes_is_charged_until_it_ends() {
    let runtime = runtime(1.0);
    let module = load(&runtime, &with_nap()).await;
    let job = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    let nap = job.call("nap", ()).await.expect("called");
    a_moment().await;
    let held = runtime.held();
    let bytes = held
        .iter()
        .find(|(what, _)| *what == "bytes of queued calls");
    assert!(bytes.is_some_and(|(_, n)| *n > 200), "{held:?}");
    assert!(
        held.iter().all(|(what, _)| *what != "queued calls"),
        "{held:?}"
    );
    nap.get::<u8>().await.expect("slept");
    drop(nap);
    job.close().await;
    drop(job);
    assert_eq!(runtime.held(), []);
}

#[tokio::test]
async fn output_and_events_come_as_streams() {
    use futures_util::{FutureExt, StreamExt};

    use crate::types::{CallState, EventKind};

    let runtime = runtime(1.0);
    let module = load(&runtime, BY_HAND).await;
    let options = JobOptions {
        logs: true,
        events: true,
        ..JobOptions::default()
    };
    let job = runtime.submit(&module, options).expect("submitted");
    let events = job.event_stream().expect("asked for");
    let lines: Vec<_> = job.log_stream().expect("asked for").collect().await;
    assert_eq!(lines.len(), 3);
    assert!(job.log_stream().is_none(), "taken once");
    job.wait().await;
    let finished = events
        .filter(|event| {
            let finished = matches!(
                &event.kind,
                EventKind::Call {
                    state: CallState::Finished,
                    ..
                }
            );
            std::future::ready(finished)
        })
        .take(5)
        .count()
        .now_or_never();
    assert_eq!(
        finished,
        Some(5),
        "main, the task, the actor and its two methods"
    );
}
