use super::*;
use crate::{
    CacheDir, JobOptions,
    types::{CallOptions, ErrorKind},
};

const BY_HAND: &str = include_str!("../../../tests/abi/by_hand.wat");

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
    let options = JobOptions { logs: true, ..JobOptions::default() };
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
    let job = runtime.open(&module, JobOptions::default()).expect("opened");
    let counter = job.actor("Counter", (), CallOptions::default()).await.expect("made");
    let (two, five) = (counter.call("add", (2,)).await.expect("called"), counter.call("add", (3,)).await.expect("called"));
    assert_eq!((five.get::<u8>().await.expect("five"), two.get::<u8>().await.expect("two")), (5, 2));
    counter.kill();
    let dead = counter.call("add", (1,)).await.expect("taken").get::<u8>().await.expect_err("dead");
    assert_eq!(dead.kind, ErrorKind::ActorDied);
    job.close().await;
    drop((job, counter, two, five));
    assert_eq!(runtime.held(), []);
}

#[tokio::test]
async fn a_detached_actor_outlives_its_job_and_is_found_by_another() {
    let runtime = runtime(1.0);
    let module = load(&runtime, BY_HAND).await;
    let first = runtime.open(&module, JobOptions::default()).expect("opened");
    let options = CallOptions { name: Some("total".into()), detached: Some(true), ..CallOptions::default() };
    let counter = first.actor("Counter", (), options.clone()).await.expect("made");
    assert_eq!(counter.call("add", (4,)).await.expect("called").get::<u8>().await.expect("four"), 4);
    drop(counter);
    first.close().await;
    drop(first);

    let second = runtime.open(&module, JobOptions::default()).expect("opened");
    let error = second.actor("Counter", (), options).await.expect_err("taken");
    assert_eq!(error.kind, ErrorKind::Exists);
    let counter = second.get_actor("total").expect("found");
    assert_eq!(counter.call("add", (3,)).await.expect("called").get::<u8>().await.expect("seven"), 7);
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
