//! What a server does at one moment: as JSON, as events, as metrics, in the terminal.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![forbid(unsafe_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::{Value as Json, json};
use wrun_host::{
    api::{Overview, Role, TenantActivity, TenantLimits},
    client::Client,
};
use wrun_tests::{
    guest::SERVE,
    server::{Place, Server, block_on, ended, eventually, main, pushed, task, tenant, text, token},
    wrun,
};

/// The guest's name stands for all tests here.
macro_rules! assert_guest_is_used {
    (serve) => {};
}
wrun_tests::foreach_serve!(assert_guest_is_used);

fn of<'a>(overview: &'a Overview, name: &str) -> &'a TenantActivity {
    let found = overview.tenants.iter().find(|tenant| tenant.name == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {overview:?}"))
}

/// Runs a call to its end.
fn run(client: &Client, name: &str, args: Vec<Json>) {
    block_on(async {
        let module = pushed(client).await;
        let job = client
            .submit(&task(&module, name, args), None)
            .await
            .unwrap();
        ended(client, &job.id).await
    });
}

#[test]
fn work_is_counted_for_whose_it_is() {
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    let acme = block_on(tenant(&admin, "acme", TenantLimits::default()));
    let quiet = block_on(tenant(&admin, "quiet", TenantLimits::default()));
    let (acme, quiet) = (server.client(&acme), server.client(&quiet));
    run(&acme, "many", vec![json!(100)]);
    run(&acme, "fails", vec![json!("on purpose")]);
    let seen = || block_on(admin.overview()).unwrap();

    // They are counted though their jobs are gone.
    eventually("both jobs are gone", || of(&seen(), "acme").jobs == 0);
    let now = seen();
    let of_acme = of(&now, "acme");
    assert_eq!(
        (
            of_acme.tasks.submitted,
            of_acme.tasks.finished,
            of_acme.tasks.failed
        ),
        (102, 101, 1)
    );
    assert_eq!(
        (
            of_acme.jobs_succeeded,
            of_acme.jobs_failed,
            of_acme.jobs_cancelled
        ),
        (1, 1, 0)
    );
    assert_eq!((of_acme.sandboxes_made, of_acme.sandboxes), (102, 0));
    assert!(of_acme.cpu_seconds > 0.0);
    assert_eq!(of(&now, "quiet").tasks.submitted, 0);
    assert!(now.node.as_ref().unwrap().resident_bytes > 1 << 20);

    // What runs is seen while it does, by its tenant and the host alone.
    let nap = block_on(async {
        let nap = main(&pushed(&acme).await, &["nap", "60000"]);
        acme.submit(&nap, None).await.unwrap().id
    });
    eventually("it runs", || of(&seen(), "acme").sandboxes > 0);
    let own = block_on(acme.overview()).unwrap();
    assert_eq!(
        (own.tenants.len(), of(&own, "acme").jobs, own.node.is_none()),
        (1, 1, true)
    );
    let other = block_on(quiet.overview()).unwrap();
    assert_eq!((other.tenants.len(), of(&other, "quiet").jobs), (1, 0));
    block_on(acme.cancel(&nap)).unwrap();
    eventually("it is cancelled", || {
        of(&seen(), "acme").jobs_cancelled == 1
    });
}

/// The numbers of a page of metrics, by their names with labels; each is told once, below its type.
fn metrics(page: &str) -> BTreeMap<String, f64> {
    let (mut types, mut found) = (BTreeSet::new(), BTreeMap::new());
    let body = page
        .strip_suffix("# EOF\n")
        .unwrap_or_else(|| panic!("cut: {page}"));
    for line in body.lines() {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            let (name, _) = told.split_once(' ').unwrap();
            assert!(types.insert(name.to_owned()), "twice: {line}");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let bare = name.split('{').next().unwrap();
            let ends = ["", "_total", "_info", "_sum", "_count", "_bucket"];
            let has_type = |end: &&str| {
                bare.strip_suffix(*end)
                    .is_some_and(|name| types.contains(name))
            };
            assert!(ends.iter().any(has_type), "without a type: {line}");
            let before = found.insert(name.to_owned(), value.parse().unwrap());
            assert_eq!(before, None, "twice: {line}");
        }
    }
    found
}

fn page(server: &Server, token: &str) -> String {
    let request = format!(
        "GET /metrics HTTP/1.1\r\nhost: wrun\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    let answer = server.raw(&request);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    body.to_owned()
}

#[test]
fn metrics_are_those_of_whom_the_caller_may_see() {
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    let acme = block_on(tenant(&admin, "acme", TenantLimits::default()));
    block_on(tenant(&admin, "quiet", TenantLimits::default()));
    let read = block_on(admin.issue("acme", &token(Role::Read)))
        .unwrap()
        .token;
    let client = server.client(&acme);
    run(&client, "many", vec![json!(10)]);
    eventually("it is gone", || {
        of(&block_on(admin.overview()).unwrap(), "acme").jobs == 0
    });
    server.raw("BREW /v1/coffee HTTP/1.1\r\nhost: wrun\r\nconnection: close\r\n\r\n");

    let all = metrics(&page(&server, &place.token));
    let acme_s = |name: &str| all[&format!("wrun_tenant_{name}{{tenant=\"acme\"}}")];
    assert_eq!(
        (
            acme_s("tasks_finished_total"),
            acme_s("jobs_succeeded_total")
        ),
        (11.0, 1.0)
    );
    assert!(acme_s("cpu_seconds_total") > 0.0 && all["process_resident_memory_bytes"] > 1e6);
    // Requests are counted by route, whatever clients make up.
    let requests: Vec<_> = all
        .keys()
        .filter(|name| name.starts_with("wrun_http_requests"))
        .collect();
    let has = |part: &str| requests.iter().any(|name| name.contains(part));
    assert!(
        has("path=\"/v1/jobs/{id}\"") && has("method=\"_OTHER\",path=\"none\""),
        "{requests:?}"
    );
    assert!(!has("coffee"), "{requests:?}");

    let own = metrics(&page(&server, &read));
    assert!(
        own.contains_key("wrun_tenant_jobs{tenant=\"acme\"}"),
        "{own:?}"
    );
    let foreign = |name: &&String| {
        name.contains("quiet") || name.contains("http") || name.starts_with("process")
    };
    assert_eq!(own.keys().find(foreign), None);
    let nobody = server.raw("GET /metrics HTTP/1.1\r\nhost: wrun\r\nconnection: close\r\n\r\n");
    assert!(nobody.starts_with("HTTP/1.1 401"), "{nobody}");
}

#[test]
fn many_tenants_have_few_labels() {
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    for number in 0..300 {
        block_on(tenant(
            &admin,
            &format!("t{number:03}"),
            TenantLimits::default(),
        ));
    }
    let all = metrics(&page(&server, &place.token));
    let labels = all
        .keys()
        .filter(|name| name.starts_with("wrun_tenant_jobs{"));
    let labels: BTreeSet<_> = labels.collect();
    assert_eq!(labels.len(), 257);
    assert!(labels.contains(&"wrun_tenant_jobs{tenant=\"_others\"}".to_owned()));
    assert!(labels.contains(&"wrun_tenant_jobs{tenant=\"default\"}".to_owned()));
}

#[test]
fn the_grafana_dashboard_asks_for_what_there_is() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/docs/grafana.json");
    let dashboard: Json = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut place = Place::new();
    let server = place.start();
    // The first page has no answered requests.
    page(&server, &place.token);
    let all = metrics(&page(&server, &place.token));
    let known: BTreeSet<_> = all
        .keys()
        .map(|name| name.split('{').next().unwrap())
        .collect();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut asked = 0;
    for target in targets {
        let expr = target["expr"].as_str().unwrap();
        let words = expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for name in words.filter(|word| word.starts_with("wrun_") || word.starts_with("process_")) {
            assert!(known.contains(name), "`{name}` in `{expr}`");
            asked += 1;
        }
    }
    assert!(asked > 10, "{asked}");
}

/// Asks for the events of the overview, and gives what comes.
fn events(server: &Server, token: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(server.address.trim_start_matches("http://")).unwrap();
    let request = format!(
        "GET /v1/overview/events?follow=true HTTP/1.1\r\nhost: wrun\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    BufReader::new(stream)
}

/// The next moment.
fn moment(events: &mut BufReader<TcpStream>) -> Option<Overview> {
    let mut line = String::new();
    while events.read_line(&mut line).unwrap() > 0 {
        if let Some(data) = line.strip_prefix("data: ") {
            return Some(serde_json::from_str(data).unwrap());
        }
        line.clear();
    }
    None
}

#[test]
fn who_follows_is_told_until_the_token_is_void() {
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    block_on(tenant(&admin, "acme", TenantLimits::default()));
    let issued = block_on(admin.issue("acme", &token(Role::Read))).unwrap();
    let mut events_ = events(&server, &issued.token);
    let (first, second) = (moment(&mut events_).unwrap(), moment(&mut events_).unwrap());
    assert!(second.at > first.at && second.tenants.len() == 1);
    block_on(admin.revoke("acme", &issued.info.id)).unwrap();
    while moment(&mut events_).is_some() {}
    // A server that stops does not wait for who follows.
    let mut events_ = events(&server, &place.token);
    moment(&mut events_).unwrap();
    assert_eq!(server.stop(), 143);
    while moment(&mut events_).is_some() {}
}

#[test]
fn the_terminal_shows_the_same() {
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    let acme = block_on(tenant(&admin, "acme", TenantLimits::default()));
    run(&server.client(&acme), "many", vec![json!(10)]);
    let wrun = |args: &[&str]| server.run(&place.token, args);
    let row = |table: &str| -> Vec<String> {
        let line = table
            .lines()
            .find(|line| line.starts_with("acme "))
            .unwrap();
        line.split_whitespace().map(ToOwned::to_owned).collect()
    };
    let status = wrun(&["status"]);
    assert_eq!(row(&status)[7], "11", "{status}");
    let status: Overview = serde_json::from_str(&wrun(&["status", "--json"])).unwrap();
    assert_eq!(of(&status, "acme").tasks.finished, 11);

    // In a quarter of a second the server looks again.
    let top = wrun(&["top", "--interval", "300ms", "-n", "2"]);
    assert_eq!(top.matches("TENANT ").count(), 2, "{top}");
    assert_eq!(row(&top)[7], "0", "nothing happens: {top}");
    assert!(!top.contains('\x1b'), "it is no terminal: {top}");
    let lines = wrun(&["top", "--interval", "300ms", "-n", "2", "--json"]);
    let moments: Vec<Overview> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(moments.len() == 2 && moments[1].at > moments[0].at);
}

/// `wrun submit --dashboard`, with what it says line by line, and its standard input.
fn looked_at(args: &[&str]) -> (Child, impl FnMut() -> Option<String> + use<>) {
    let mut child = Command::new(wrun())
        .args([&["submit", "--dashboard"], args].concat())
        .env_remove("WRUN_ADDRESS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    (child, move || said.next().map(Result::unwrap))
}

#[test]
fn a_run_here_can_be_looked_at() {
    let (mut child, mut line) = looked_at(&[SERVE, "--task", "many", "--args", "[20]"]);
    let first = line().unwrap();
    let url = first
        .strip_prefix("dashboard: ")
        .unwrap_or_else(|| panic!("{first}"));
    let (address, token) = url.split_once("/#token=").unwrap();
    while !line().unwrap().contains("until a key is pressed") {}
    // The job is there, with what its calls did.
    let client = Client::new(address, Some(token.to_owned()), None).unwrap();
    let job = block_on(client.jobs(&[], None, 10)).unwrap().jobs.remove(0);
    let summary = block_on(client.summary(&job.id)).unwrap();
    assert_eq!(
        summary.functions.iter().map(|one| one.count).sum::<u64>(),
        21
    );
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let mut result = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut result)
        .unwrap();
    let plain = Command::new(wrun())
        .args(["submit", SERVE, "--task", "many", "--args", "[20]"])
        .env_remove("WRUN_ADDRESS")
        .output()
        .unwrap();
    assert_eq!(result, text(&plain.stdout));
    assert!(block_on(client.info()).is_err(), "the server is gone");
}

#[test]
fn what_failed_is_told_before_anybody_looks() {
    let (mut child, mut line) = looked_at(&[SERVE, "--task", "fails", "--args", "[\"so\"]"]);
    let mut said = String::new();
    while !said.contains("until a key is pressed") {
        said += &line().unwrap();
    }
    assert!(said.contains("error[WR0101]"), "{said}");
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(120));
    assert_eq!(line(), None, "it is told once");

    // What is no module leaves nothing to look at.
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let (mut child, mut line) = looked_at(&[manifest]);
    let said: String = std::iter::from_fn(&mut line).collect();
    let is_told = said.contains("not a WebAssembly module") && !said.contains("key");
    assert!(is_told, "{said}");
    assert_eq!(child.wait().unwrap().code(), Some(126));
}
