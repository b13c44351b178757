//! What the calls of a job did and when: on a server and without one, as numbers and as a file for Perfetto.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![forbid(unsafe_code)]

use std::{fs, process::Command};

use serde_json::{Value as Json, json};
use wrun_host::api::TenantLimits;
use wrun_tests::{
    guest::SERVE,
    server::{Place, block_on, ended, pushed, refused, task, tenant, text},
    wrun,
};

/// The guest's name stands for all tests here.
macro_rules! assert_guest_is_used {
    (serve) => {};
}
wrun_tests::foreach_serve!(assert_guest_is_used);

/// The slices of a timeline: name, row, begin and end.
fn slices(timeline: &Json) -> Vec<(String, (u64, u64), f64, f64)> {
    let events = timeline["traceEvents"].as_array().unwrap().iter();
    let slices = events.filter(|event| event["ph"] == "X" && event["cat"] != "blocked");
    let slice = |event: &Json| {
        let number = |field: &str| event[field].as_f64().unwrap();
        let row = (
            event["pid"].as_u64().unwrap(),
            event["tid"].as_u64().unwrap(),
        );
        let name = event["name"].as_str().unwrap().to_owned();
        (name, row, number("ts"), number("ts") + number("dur"))
    };
    slices.map(slice).collect()
}

fn check(timeline: &Json, tasks: usize) {
    let slices = slices(timeline);
    let count = |wanted: &str| slices.iter().filter(|(name, ..)| name == wanted).count();
    assert_eq!((count("many"), count("double")), (1, tasks));
    // In one row nothing runs beside another.
    for (at, (name, row, begin, end)) in slices.iter().enumerate() {
        let beside = slices[..at].iter().find(|(_, other, from, to)| {
            other == row && *from < end - 0.001 && *begin < to - 0.001
        });
        assert!(beside.is_none(), "{name} at {begin}: {beside:?}");
    }
    // Those that were waited for ended before who waited.
    let (_, _, begin, end) = slices.iter().find(|(name, ..)| name == "many").unwrap();
    assert!(
        slices
            .iter()
            .all(|(_, _, from, to)| from >= begin && to <= end)
    );
}

#[test]
fn a_server_tells_what_the_calls_of_a_job_did() {
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    let acme = block_on(tenant(&admin, "acme", TenantLimits::default()));
    let submitted = [
        "submit", SERVE, "--task", "many", "--args", "[200]", "--detach",
    ];
    let id = server.run(&acme, &submitted).trim().to_owned();
    server.run(&acme, &["job", "result", &id, "--wait", "60s"]);

    let summary = server.run(&acme, &["summary", "tasks", &id, "--json"]);
    let summary: Json = serde_json::from_str(&summary).unwrap();
    let functions = summary["functions"].as_array().unwrap();
    let of = |name: &str| functions.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(
        (of("double")["count"].as_u64(), of("many")["count"].as_u64()),
        (Some(200), Some(1))
    );
    assert!(of("many")["blocked"]["max_ns"].as_u64().unwrap() > 0);
    let table = server.run(&acme, &["summary", "tasks", &id]);
    let row = table
        .lines()
        .find(|line| line.starts_with("double "))
        .unwrap();
    assert_eq!(row.split_whitespace().nth(1), Some("200"), "{table}");

    let timeline = server.run(&acme, &["timeline", &id]);
    check(&serde_json::from_str(&timeline).unwrap(), 200);
    let file = place.path("trace.json");
    server.run(&acme, &["timeline", &id, "-o", file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), timeline);

    // Another's is not there.
    let other = block_on(tenant(&admin, "other", TenantLimits::default()));
    let other = server.client(&other);
    assert_eq!(refused(block_on(other.trace(&id)).unwrap_err()).0, 404);
    assert_eq!(refused(block_on(other.summary(&id)).unwrap_err()).0, 404);
    assert_eq!(server.stop(), 143);

    // It is not kept over a restart, and that is told.
    let server = place.start();
    let output = server.wrun(&acme, &["timeline", &id]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("before the server was started"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_run_here_writes_its_timeline() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trace.json");
    let output = Command::new(wrun())
        .args([
            "submit",
            SERVE,
            "--task",
            "many",
            "--args",
            "[50]",
            "--stats",
            "--timeline",
        ])
        .arg(&file)
        .env_remove("WRUN_ADDRESS")
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let row = said
        .lines()
        .find(|line| line.starts_with("double "))
        .unwrap();
    assert_eq!(row.split_whitespace().nth(1), Some("50"), "{said}");
    check(
        &serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap(),
        50,
    );
}

#[test]
fn what_went_wrong_is_told_once_and_whole() {
    let mut place = Place::new();
    let server = place.start();
    let client = server.client(&place.token);
    let trace = |name: &str, args: Vec<Json>| {
        block_on(async {
            let job = task(&pushed(&client).await, name, args);
            let id = client.submit(&job, None).await.unwrap().id;
            ended(&client, &id).await;
            client.trace(&id).await.unwrap()
        })
    };
    let inherited = trace("inherits", vec![json!("why\nand more of it")]);
    let [failure] = &inherited.failures[..] else {
        panic!("{:?}", inherited.failures)
    };
    assert!(failure.message.contains("and more of it"), "{failure}");
    assert_eq!(failure.task.as_deref(), Some("unlucky"));
    let failed = inherited.functions.iter().filter(|one| one.failed > 0);
    assert!(
        failed.count() >= 2,
        "those that it kept from running are counted"
    );
    // Of what was tried again the last, of what was cancelled none.
    let tries = trace("story", vec![json!(2)]).failures;
    let tries: Vec<_> = tries
        .iter()
        .map(|error| (error.task.as_deref(), error.attempt))
        .collect();
    assert_eq!(tries, [(Some("fails"), 1), (Some("fails"), 1)]);
    // A trap has its backtrace.
    let broken = trace("overflow", vec![]).failures;
    assert!(
        broken.iter().any(|error| !error.backtrace.is_empty()),
        "{broken:?}"
    );
}
