//! What a server tells of itself: the trace that a request, a job and its calls belong to, spans for a collector, the log.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![forbid(unsafe_code)]

use std::{
    collections::HashSet,
    io::{BufReader, Read},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use wrun_host::{
    api::{JobRequest, Role, TenantLimits, TenantRequest},
    client::{Client, JobEvent},
    types::TraceContext,
};
use wrun_tests::{
    collector::{Collector, Mood, Span},
    guest::SERVE,
    server::{
        Place, Server, block_on, ended, eventually, main, output, pushed, task, tenant, text, token,
    },
    wrun,
};

/// The guest's name stands for all tests here.
macro_rules! assert_guest_is_used {
    (serve) => {};
}
wrun_tests::foreach_serve!(assert_guest_is_used);

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

/// What a client sends that is part of that trace.
fn context(flags: &str) -> TraceContext {
    let (parent, state) = (traceparent(flags), "vendor=1,other=a b");
    TraceContext::parse([&*parent].into_iter(), [state].into_iter()).unwrap()
}

/// Trace, span and flags of what a guest was told.
fn parts(traceparent: &str) -> (&str, &str, &str) {
    let parts: Vec<_> = traceparent.split('-').collect();
    let ["00", trace, span, flags] = parts[..] else {
        panic!("{traceparent}");
    };
    assert_eq!((trace.len(), span.len()), (32, 16), "{traceparent}");
    (trace, span, flags)
}

/// That these are different spans of one trace, which is given.
fn one_trace<'a>(lines: &[&'a str]) -> &'a str {
    let traces: HashSet<_> = lines.iter().map(|line| parts(line).0).collect();
    let spans: HashSet<_> = lines.iter().map(|line| parts(line).1).collect();
    assert_eq!((traces.len(), spans.len()), (1, lines.len()), "{lines:?}");
    parts(lines[0]).0
}

/// Runs the guest's `main` that tells its place in the trace; what it printed, then what the call did that is tried again.
fn told(server: &Server, place: &Place, trace: Option<TraceContext>) -> Vec<String> {
    let client = server.client(&place.token).with_trace(trace);
    block_on(async {
        let module = pushed(&client).await;
        let job = main(&module, &["trace", "2"]);
        let job = client.submit(&job, None).await.unwrap();
        by_call(&output(&client, &job.id).await)
    })
}

/// Lines of one call are in order, those of different ones are not.
fn by_call(printed: &str) -> Vec<String> {
    let again = |line: &&str| line.starts_with("again ");
    let own = printed.lines().filter(|line| !again(line));
    let again = printed
        .lines()
        .filter_map(|line| line.strip_prefix("again "));
    own.chain(again).map(ToOwned::to_owned).collect()
}

/// Driver, state, dashboard, seven calls (each below the one before it or its parent), and both attempts of one.
fn check(lines: &[String], server: &Server, state: &str) -> String {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let [driver, state_line, dashboard, calls @ ..] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!((*state_line, calls.len()), (state, 9), "{lines:?}");
    assert_eq!(*dashboard, format!("dashboard {}/", server.address));
    let all: Vec<&str> = [*driver].into_iter().chain(calls.iter().copied()).collect();
    one_trace(&all).to_owned()
}

#[test]
fn each_call_is_a_span_of_the_request_s_trace() {
    let mut place = Place::new();
    let server = place.start();
    let lines = told(&server, &place, Some(context("01")));
    assert_eq!(check(&lines, &server, "state vendor=1,other=a b"), TRACE);
    assert!(
        lines
            .iter()
            .filter(|line| line.starts_with("00-"))
            .all(|line| line.ends_with("-01"))
    );
    assert!(!lines.iter().any(|line| line.contains(PARENT)), "{lines:?}");
    let lines = told(&server, &place, Some(context("00")));
    assert!(lines[0].ends_with("-00"), "{lines:?}");
    // Without one, each job has its own.
    let own = [(); 2].map(|()| check(&told(&server, &place, None), &server, "state "));
    assert!(
        own[0] != own[1] && !own.contains(&TRACE.to_owned()),
        "{own:?}"
    );
}

/// Whatever a client sends, its job runs, in a trace that is valid.
#[test]
fn a_malformed_trace_is_as_none() {
    let mut place = Place::new();
    let server = place.start();
    let client = server.client(&place.token);
    let module = block_on(pushed(&client));
    let body = serde_json::to_string(&main(&module, &["trace"])).unwrap();
    let valid = traceparent("01");
    let submit = |headers: &str| {
        let answer = server.raw(&format!(
            "POST /v1/jobs HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n\
             authorization: Bearer {}\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            place.token,
            body.len()
        ));
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        let job: Json = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        let printed = block_on(output(&client, job["id"].as_str().unwrap()));
        let lines = by_call(&printed);
        (parts(&lines[0]).0.to_owned(), lines[1].clone())
    };
    for headers in [
        format!(
            "traceparent: {}\r\ntracestate: a=1\r\n",
            valid.to_uppercase()
        ),
        format!("traceparent: {valid}\r\ntraceparent: {valid}\r\ntracestate: a=1\r\n"),
        "traceparent: 00-\u{e9}\r\ntracestate: a=1\r\n".to_owned(),
        "tracestate: a=1\r\n".to_owned(),
    ] {
        let (trace, state) = submit(&headers);
        assert!(
            trace != TRACE && state == "state ",
            "{headers}: {trace} {state}"
        );
    }
    let both = format!("Traceparent:  {valid} \r\ntracestate: a=1\r\nTraceState: b=2\r\n");
    assert_eq!(
        submit(&both),
        (TRACE.to_owned(), "state a=1,b=2".to_owned())
    );
    let bad_state = format!("traceparent: {valid}\r\ntracestate: a=1,\u{e9}\r\n");
    assert_eq!(submit(&bad_state), (TRACE.to_owned(), "state ".to_owned()));
}

/// The first line that a job's `main` prints, as soon as it does.
fn first_line(client: &Client, id: &str) -> String {
    block_on(async {
        let mut events = client.logs(id, 0, true).await.unwrap();
        loop {
            match events.next().await.unwrap() {
                Some(JobEvent::Line(line)) if !line.bytes().starts_with(b"again") => {
                    return text(&line.bytes()).trim().to_owned();
                }
                Some(JobEvent::Line(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    })
}

#[test]
fn a_job_that_runs_again_stays_in_its_trace() {
    let mut place = Place::new();
    let (mut firsts, mut ids) = (Vec::new(), Vec::new());
    let server = place.start();
    for trace in [Some(context("01")), None] {
        let client = server.client(&place.token).with_trace(trace);
        let id = block_on(async {
            let module = pushed(&client).await;
            let job = main(&module, &["trace", "0", "3600000"]);
            client.submit(&job, None).await.unwrap().id
        });
        firsts.push(first_line(&client, &id));
        ids.push(id);
    }
    server.kill();
    let server = place.start();
    let client = server.client(&place.token);
    for (id, first) in ids.iter().zip(&firsts) {
        one_trace(&[first, &first_line(&client, id)]);
        block_on(client.cancel(id)).unwrap();
    }
    assert_eq!(parts(&firsts[0]).0, TRACE);
}

/// The spans of the first job's trace, once all are there.
fn one_job(collector: &Collector) -> Vec<Span> {
    let trace = collector.span("job").trace;
    let mut own = Vec::new();
    eventually("all spans are there", || {
        own = collector.spans();
        own.retain(|span| span.trace == trace);
        own.len() >= 12
    });
    own
}

/// The span of this id.
fn of<'a>(spans: &'a [Span], id: &str) -> &'a Span {
    let found = spans.iter().find(|span| span.id == id);
    found.unwrap_or_else(|| panic!("{id}: {spans:#?}"))
}

/// That the job's span is below its request's, and that below the caller's; the job's is given.
fn linked_to_its_request(spans: &[Span]) -> &Span {
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (request, job) = (named("POST /v1/jobs"), named("job"));
    assert_eq!(request.parent, PARENT);
    assert_eq!(request.attributes["http.response.status_code"], "201");
    assert_eq!(request.attributes["http.request.method"], "POST");
    assert_eq!(request.attributes["http.route"], "/v1/jobs");
    assert_eq!(job.parent, request.id);
    assert_eq!(job.state, "vendor=1,other=a b");
    assert_eq!(job.attributes["wrun.tenant"], "acme");
    for span in spans {
        let (begun, ended) = span.times;
        assert!(begun <= ended, "{span:?}");
        assert_eq!(span.resource["service.name"], "wrun");
    }
    job
}

/// That each call's span is below that of the call which made it, by what guests printed of themselves.
fn linked_to_their_callers(spans: &[Span], job: &Span, lines: &[String]) {
    let call = |line: &String| of(spans, parts(line).1);
    let driver = call(&lines[0]);
    assert_eq!((&driver.parent, &*driver.name), (&job.id, "main"));
    // Two below each: the fourth line is the first, 5 and 8 are below it, 6 and 7 below 5, 9 and 10 below 8.
    for (at, above) in [(3, 0), (4, 3), (7, 3), (5, 4), (6, 4), (8, 7), (9, 7)] {
        let (span, above) = (call(&lines[at]), call(&lines[above]));
        assert_eq!((&span.parent, &*span.name), (&above.id, "traced"), "{at}");
        let within = above.times.0 <= span.times.0 && span.times.1 <= above.times.1;
        assert!(within, "{at}: {span:?} {above:?}");
    }
    for (at, attempt, status) in [(10, "0", 2), (11, "1", 0)] {
        let span = call(&lines[at]);
        assert_eq!((&span.parent, &*span.name), (&driver.id, "traced_again"));
        assert_eq!(
            (&*span.attributes["wrun.call.attempt"], span.status),
            (attempt, status)
        );
    }
}

#[test]
fn a_collector_sees_request_job_and_calls_linked() {
    let collector = Collector::new(Mood::Takes);
    let mut place = Place::new();
    place
        .args
        .extend(["--otlp".to_owned(), collector.address.clone()]);
    let server = place.start();
    let admin = server.client(&place.token);
    let acme = block_on(tenant(&admin, "acme", TenantLimits::default()));
    let mut of_acme = Place::new();
    of_acme.token = acme;
    let lines = told(&server, &of_acme, Some(context("01")));
    let spans = one_job(&collector);
    linked_to_their_callers(&spans, linked_to_its_request(&spans), &lines);
    for head in collector.heads() {
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(!head.contains("authorization"), "{head}");
    }
    // What its caller does not record is not sent.
    let untold = told(&server, &of_acme, Some(context("00")));
    let again = told(&server, &of_acme, None);
    let (_, span, flags) = parts(&again[0]);
    assert_eq!(flags, "01", "it is recorded here");
    eventually("the last job", || {
        collector.spans().iter().any(|one| one.id == span)
    });
    let job = collector
        .spans()
        .into_iter()
        .filter(|one| one.name == "job");
    let traces: HashSet<_> = job.map(|one| one.trace).collect();
    assert_eq!(traces.len(), 2);
    assert!(
        !collector
            .spans()
            .iter()
            .any(|one| one.id == parts(&untold[0]).1)
    );
    assert_eq!(server.stop(), 143);
}

#[test]
fn what_ended_last_is_sent_before_the_server_stops() {
    let collector = Collector::new(Mood::Takes);
    let mut place = Place::new();
    place
        .args
        .extend(["--otlp".to_owned(), collector.address.clone()]);
    let server = place.start();
    let client = server.client(&place.token);
    block_on(async {
        let module = pushed(&client).await;
        let job = client
            .submit(&task(&module, "double", vec![json!(2)]), None)
            .await
            .unwrap();
        ended(&client, &job.id).await;
    });
    assert_eq!(server.stop(), 143);
    let names: HashSet<_> = collector
        .spans()
        .into_iter()
        .map(|span| span.name)
        .collect();
    assert!(
        names.contains("job") && names.contains("double"),
        "{names:?}"
    );
}

#[test]
fn a_collector_that_is_away_stops_nobody() {
    for mood in [Mood::Hangs, Mood::Refuses] {
        let collector = Collector::new(mood);
        let mut place = Place::new();
        place
            .args
            .extend(["--otlp".to_owned(), collector.address.clone()]);
        let server = place.start();
        for _ in 0..20 {
            check(&told(&server, &place, None), &server, "state ");
        }
        assert!(
            server
                .raw("GET /readyz HTTP/1.0\r\n\r\n")
                .contains("200 OK")
        );
        if mood == Mood::Refuses {
            server.says("spans for the collector were lost");
            server.says("it answers 503");
        }
        assert_eq!(server.stop(), 143);
    }
}

#[test]
fn a_run_here_belongs_to_the_trace_of_its_environment() {
    let run = |options: &[&str], trace: bool| {
        let mut command = Command::new(wrun());
        command
            .arg("submit")
            .arg(SERVE)
            .args(options)
            .args(["--", "trace", "1"]);
        command
            .env_remove("WRUN_ADDRESS")
            .env_remove("TRACEPARENT")
            .env_remove("TRACESTATE");
        if trace {
            command
                .env("TRACEPARENT", traceparent("01"))
                .env("TRACESTATE", "a=1");
        }
        let output = command.output().unwrap();
        let said = text(&output.stderr).to_owned();
        assert!(output.status.success(), "{said}");
        (by_call(text(&output.stdout)), said)
    };
    let (lines, _) = run(&[], true);
    assert_eq!(
        (parts(&lines[0]).0, &*lines[1], &*lines[2]),
        (TRACE, "state a=1", "dashboard ")
    );
    let own = [(); 2].map(|()| run(&[], false).0[0].clone());
    assert_ne!(parts(&own[0]).0, parts(&own[1]).0);

    let collector = Collector::new(Mood::Takes);
    let otlp = ["--otlp", &collector.address];
    let (lines, said) = run(&otlp, true);
    let job = collector.span("job");
    assert_eq!(
        (&*job.trace, &*job.parent, &*job.state),
        (TRACE, PARENT, "a=1"),
        "{said}"
    );
    let driver = collector.span("main");
    assert_eq!((&driver.parent, &*driver.id), (&job.id, parts(&lines[0]).1));
    let (lines, _) = run(&otlp, false);
    let spans = collector.spans();
    let driver = spans
        .iter()
        .find(|span| span.id == parts(&lines[0]).1)
        .unwrap();
    let job = spans.iter().find(|span| span.id == driver.parent).unwrap();
    assert_eq!((&*job.name, &*job.parent), ("job", ""));
    // A collector that refuses is told of, and changes nothing.
    let refusing = Collector::new(Mood::Refuses);
    let (lines, said) = run(&["--otlp", &refusing.address], true);
    assert_eq!(parts(&lines[0]).0, TRACE);
    assert!(
        said.contains("spans for the collector were lost: it answers 503"),
        "{said}"
    );
}

const ODD: &str = "\u{1b}[31mred\nINFO forged\r\u{9b}2J \u{202e}\" \\";

/// Has guests and clients say what a log should not obey, and tenants and tokens come and go; the tokens that there were.
fn provoke(server: &Server, place: &Place) -> Vec<String> {
    let admin = server.client(&place.token);
    let mut tokens = vec![place.token.clone()];
    block_on(async {
        tokens.push(tenant(&admin, "acme", TenantLimits::default()).await);
        let issued = admin.issue("acme", &token(Role::Read)).await.unwrap();
        admin.revoke("acme", &issued.info.id).await.unwrap();
        tokens.push(issued.token);
        let client = server.client(&tokens[1]);
        let module = pushed(&client).await;
        let fails = client
            .submit(&task(&module, "fails", vec![json!(ODD)]), None)
            .await
            .unwrap();
        ended(&client, &fails.id).await;
        let odd = JobRequest {
            args: vec![ODD.to_owned()],
            ..main(&module, &[])
        };
        let odd = client.submit(&odd, None).await.unwrap();
        ended(&client, &odd.id).await;
        let napping = client
            .submit(&task(&module, "nap", vec![json!(3_600_000)]), None)
            .await
            .unwrap();
        client.cancel(&napping.id).await.unwrap();
        ended(&client, &napping.id).await;
        let request = TenantRequest {
            weight: std::num::NonZeroU32::MIN,
            limits: TenantLimits::default(),
        };
        admin.put_tenant("gone", &request).await.unwrap();
        admin.remove_tenant("gone").await.unwrap();
    });
    for path in [
        "/v1/jobs/%1b%5b31m%0aINFO",
        "/\u{9b}2J",
        "/v1/jobs?state=%0a",
        "/%00",
    ] {
        let head = "connection: close\r\nuser-agent: \u{9b}31m\r\nwrun-tenant: a\u{9b}b";
        server.raw(&format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\n{head}\r\nauthorization: Bearer {}\r\n\r\n",
            tokens[1]
        ));
        server.raw(&format!("ODD {path} HTTP/1.1\r\nhost: a\r\n{head}\r\n\r\n"));
    }
    tokens
}

#[test]
fn lines_of_the_log_are_json_and_hold_no_token() {
    let mut place = Place::new();
    place
        .args
        .extend(["--log-format=json", "--log=debug"].map(ToOwned::to_owned));
    let server = place.start();
    let tokens = provoke(&server, &place);
    let errors = server.errors.clone();
    assert_eq!(server.stop(), 143);
    eventually("its last line", || {
        errors.lock().unwrap().contains("\"stopped\"")
    });
    let said = errors.lock().unwrap().clone();
    let lines: Vec<Json> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        for field in ["time", "level", "target", "message"] {
            assert!(line[field].is_string(), "{line}");
        }
        assert!(
            line["target"].as_str().unwrap().starts_with("wrun::"),
            "{line}"
        );
    }
    assert!(tokens.iter().all(|token| !said.contains(token)), "{said}");
    assert!(
        !said.chars().any(|c| c.is_control() && c != '\n'),
        "{said:?}"
    );
    let having = |message: &str, field: &str, value: &str| {
        let mut found = lines.iter().filter(|line| line["message"] == message);
        assert!(
            found.any(|line| line[field] == value),
            "{message} {field} {value}: {said}"
        );
    };
    having("job began", "tenant", "acme");
    having("job ended", "state", "cancelled");
    having("job ended", "state", "finished");
    having("job cancelled", "reason", "it was cancelled");
    having("tenant made or changed", "tenant", "acme");
    having("tenant removed", "tenant", "gone");
    having("token issued", "tenant", "acme");
    having("token revoked", "tenant", "acme");
    having("module compiled", "module", "serve.wasm");
    having("request", "path", "/v1/jobs/{id}");
    having("request", "method", "_OTHER");
    having("request", "tenant", "acme");
    let failed = lines.iter().filter_map(|line| line["error"].as_str());
    assert!(
        failed.into_iter().any(|error| error.contains(ODD)),
        "{said}"
    );
}

#[test]
fn lines_of_the_log_as_text_are_one_for_each_event() {
    let mut place = Place::new();
    place
        .env
        .push(("WRUN_LOG".to_owned(), "warn,job=info,http=debug".to_owned()));
    let server = place.start();
    let tokens = provoke(&server, &place);
    server.says("state=cancelled");
    let said = server.errors.lock().unwrap().clone();
    for line in said.lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{line}");
        let level = rest.split(' ').next().unwrap();
        assert!(["WARN", "INFO", "DEBUG"].contains(&level), "{line}");
    }
    assert!(
        !said
            .chars()
            .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'),
        "{said:?}"
    );
    assert!(tokens.iter().all(|token| !said.contains(token)), "{said}");
    assert!(
        said.contains("red\\nINFO forged\\r\\u{9b}2J \\u{202e}\\\""),
        "{said}"
    );
    assert!(
        said.contains("DEBUG request") && !said.contains("token issued"),
        "{said}"
    );
    // What is no filter is refused at the start.
    place.env[0].1 = "loud".to_owned();
    let refused = place.try_start().unwrap_err();
    assert!(
        refused.contains("WRUN_LOG") && refused.contains("`loud` is no level"),
        "{refused}"
    );
}

/// Nobody reads its standard error, whose pipe is full soon.
#[test]
fn a_log_that_nobody_reads_stops_nobody() {
    let mut place = Place::new();
    place.args.push("--log=debug".to_owned());
    let mut child = place
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut stderr = child.stderr.take().unwrap();
    let mut lines = std::iter::from_fn(|| {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut stdout, &mut line)
            .ok()
            .map(|_| line)
    });
    let address = lines
        .next()
        .unwrap()
        .trim()
        .split(' ')
        .next_back()
        .unwrap()
        .to_owned();
    let token = lines.nth(1).unwrap();
    let token = token.trim().strip_prefix("export WRUN_TOKEN=").unwrap();
    let client = Client::new(&address, Some(token.to_owned()), None).unwrap();
    block_on(async {
        let module = pushed(&client).await;
        // More than the pipe holds and the server keeps, at the rate at which it writes.
        let enough = Instant::now() + Duration::from_secs(5);
        while Instant::now() < enough {
            client.module(&module).await.unwrap();
        }
        let job = client
            .submit(&task(&module, "double", vec![json!(21)]), None)
            .await
            .unwrap();
        assert_eq!(ended(&client, &job.id).await.exit_code, Some(0));
    });
    // Whoever reads at last is told how much is missing.
    let mut said = Vec::new();
    let mut bytes = [0; 4096];
    while !text(&said).contains("lines of the log were dropped") {
        let n = stderr.read(&mut bytes).unwrap();
        assert!(n > 0, "{}", text(&said));
        said.extend_from_slice(&bytes[..n]);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
