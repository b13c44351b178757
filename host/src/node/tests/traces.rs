//! What a job's trace tells of its calls.

use super::*;
use crate::types::{BlockedOn, JobTrace, TaskKind, TaskSpan};

async fn traced(runtime: &Runtime, module: &Module) -> JobTrace {
    let options = JobOptions {
        trace: true,
        ..JobOptions::default()
    };
    let job = runtime.submit(module, options).expect("submitted");
    let end = job.wait().await;
    assert_eq!((end.exit_code, end.error), (0, None));
    let trace = job.trace().expect("asked for");
    drop(job);
    trace
}

fn check(span: &TaskSpan) {
    let in_order = span.queued_ns <= span.begun_ns && span.begun_ns < span.ended_ns;
    assert!(in_order, "{span:?}");
    let ran = span.ended_ns - span.begun_ns;
    assert!(span.cpu_ns > 0 && span.cpu_ns <= ran, "{span:?}");
    assert!(
        span.blocked_ns <= ran && span.memory_bytes >= 65_536,
        "{span:?}"
    );
    assert!(span.worker.is_some() && span.error.is_none(), "{span:?}");
    assert_eq!(
        span.parent,
        u64::from(span.kind != TaskKind::Main),
        "{span:?}"
    );
}

#[tokio::test]
async fn each_call_is_told_with_its_times() {
    let runtime = runtime(1.0);
    let module = load(&runtime, BY_HAND).await;
    let trace = traced(&runtime, &module).await;
    assert_eq!((trace.one_of, trace.left_out), (1, 0));
    trace.spans.iter().for_each(check);
    let mut told: Vec<_> = trace.spans.iter().map(|span| &*span.name).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        ["Counter", "Counter.add", "Counter.add", "main", "next"]
    );
    let of = |name: &str| {
        trace
            .spans
            .iter()
            .find(|span| &*span.name == name)
            .expect("it ran")
    };
    let main = of("main");
    assert_eq!(main.kind, TaskKind::Main);
    assert!(
        main.blocks
            .iter()
            .any(|block| block.on == BlockedOn::Objects),
        "{main:?}"
    );
    let blocks = main.blocks.iter().map(|block| block.to_ns - block.from_ns);
    assert_eq!(main.blocked_ns, blocks.sum::<u64>());
    let kinds = ["next", "Counter", "Counter.add"].map(|name| of(name).kind);
    let all = [
        TaskKind::Task,
        TaskKind::ActorConstructor,
        TaskKind::ActorMethod,
    ];
    assert_eq!(kinds, all);
    let add = trace
        .functions
        .iter()
        .find(|function| function.name == "Counter.add");
    let add = add.expect("called");
    assert_eq!((add.count, add.failed), (2, 0));
    let run = add.run;
    assert!(
        0 < run.p50_ns && run.p50_ns <= run.p99_ns && run.p99_ns <= run.max_ns,
        "{run:?}"
    );
    eventually_nothing_is_held(&runtime).await;
}

/// Two attempts fail, each by the host's own doing, and the third gives the result.
#[tokio::test]
async fn each_attempt_is_told() {
    let faults =
        Faults::new(|name, attempt| (name == "next" && attempt < 2).then_some(Fault::Restart));
    let runtime = Runtime::start(RuntimeOptions {
        workers: 2,
        cache: CacheDir::Off,
        faults,
        ..RuntimeOptions::default()
    })
    .expect("starts");
    let module = load(&runtime, BY_HAND).await;
    let options = JobOptions {
        trace: true,
        ..JobOptions::default()
    };
    let job = runtime.open(&module, options).expect("opened");
    let (first, second) = (job.call("next", (4,)).await, job.call("next", (5,)).await);
    assert_eq!(first.expect("called").get::<u8>().await.expect("five"), 5);
    assert_eq!(second.expect("called").get::<u8>().await.expect("six"), 6);
    let trace = job.trace().expect("asked for");
    let attempts = |number| {
        let own = trace.spans.iter().filter(move |span| span.number == number);
        own.map(|span| (span.attempt, span.error))
            .collect::<Vec<_>>()
    };
    let system = Some(ErrorKind::System);
    for number in [1, 2] {
        assert_eq!(attempts(number), [(0, system), (1, system), (2, None)]);
    }
    assert_eq!(
        (trace.functions[0].count, trace.functions[0].failed),
        (6, 4)
    );
    job.close().await;
}

#[tokio::test]
async fn nothing_is_told_unless_it_is_wanted() {
    let runtime = runtime(1.0);
    let module = load(&runtime, BY_HAND).await;
    let job = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    assert_eq!(
        job.call("next", (4,))
            .await
            .expect("called")
            .get::<u8>()
            .await
            .expect("five"),
        5
    );
    assert_eq!(job.trace(), None);
    job.close().await;
}
