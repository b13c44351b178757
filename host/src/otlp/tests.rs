//! The exporter beside collectors that are away.

use std::net::TcpListener;

use super::*;
use crate::types::{TaskKind, TaskSpan};

fn exporter(address: &str) -> Exporter {
    let collector = Collector::find(address).expect("it is an address");
    collector.start(&Handle::current()).expect("it starts")
}

fn request(sampled: bool) -> RequestSpan {
    RequestSpan {
        context: TraceContext::random(sampled),
        span: SpanId::random(),
        method: "GET".to_owned(),
        route: Some("/v1/jobs/{id}".to_owned()),
        status: 200,
        begun: SystemTime::UNIX_EPOCH,
        took: Duration::from_millis(1),
        tenant: None,
    }
}

fn job(calls: usize) -> JobSpans {
    let call = TaskSpan {
        number: 1,
        name: "add".into(),
        kind: TaskKind::Task,
        attempt: 0,
        parent: 0,
        after: Vec::new(),
        worker: None,
        slot: None,
        queued_ns: 0,
        begun_ns: 1,
        ended_ns: 2,
        blocked_ns: 0,
        cpu_ns: 0,
        memory_bytes: 0,
        blocks: Vec::new(),
        error: None,
    };
    let trace = JobTrace {
        spans: vec![call; calls],
        ..JobTrace::default()
    };
    JobSpans {
        context: TraceContext::random(true),
        job: JobId::random(),
        attempt: 0,
        module: "m.wasm".to_owned(),
        tenant: None,
        begun: SystemTime::UNIX_EPOCH,
        took: Duration::from_millis(1),
        error: None,
        trace: Some(Arc::new(trace)),
    }
}

/// A port where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("it has one"))
}

#[tokio::test]
async fn what_nobody_takes_is_lost_and_counted() {
    let exporter = exporter(&nobody());
    exporter.request(request(true));
    exporter.job(job(9));
    // Not recorded, so not lost either.
    exporter.request(request(false));
    exporter.finish(Duration::from_secs(20)).await;
    let (lost, why) = exporter.lost();
    assert_eq!(lost, 11);
    assert!(
        why.as_deref().is_some_and(|why| why.contains("onnect")),
        "{why:?}"
    );
    // It has ended: what comes now has nowhere to go.
    exporter.request(request(true));
    assert_eq!(exporter.lost().0, 12);
}

#[tokio::test]
async fn what_waits_for_a_collector_that_hangs_is_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("it has one"));
    let exporter = exporter(&address);
    let (jobs, calls) = (10_u64, WAITING / 4);
    for _ in 0..jobs {
        exporter.job(job(calls));
    }
    let waiting = exporter.0.state.waiting.load(Ordering::Relaxed);
    assert!(waiting <= WAITING && waiting > WAITING / 2, "{waiting}");
    exporter.finish(Duration::from_millis(100)).await;
    assert_eq!(exporter.lost().0, jobs * (calls as u64 + 1));
    assert_eq!(exporter.0.state.waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_no_address_is_refused() {
    for address in [
        "",
        "127.0.0.1:4318",
        "ftp://127.0.0.1/",
        "http://",
        "http://me:secret@127.0.0.1/",
        "http://127.0.0.1/?a=b",
        "unix:/tmp/socket",
    ] {
        let error = Collector::find(address).expect_err(address);
        assert!(matches!(error, OtlpError::Address(_)), "{address}: {error}");
    }
    assert_eq!(
        Collector::find("http://127.0.0.1:4318/")
            .expect("one")
            .port(),
        4318
    );
    assert_eq!(Collector::find("http://[::1]").expect("one").port(), 80);
    let nowhere = Collector::find("http://nowhere.invalid:4318").expect_err("no such name");
    assert!(matches!(nowhere, OtlpError::Name { .. }), "{nowhere}");
}
