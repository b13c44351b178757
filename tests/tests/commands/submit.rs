//! `wrun submit` to a server: what is sent, what it is promised, and lost connections.

use std::{
    fs,
    process::{Command, Stdio},
};

use wrun_tests::{
    guest::SERVE,
    server::{Place, Server, eventually, text},
};

use super::{
    proxy::Proxy,
    support::{Gate, Running, User, bad, good, row, says},
};

#[test]
fn one_key_is_one_job() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let keyed = ["--idempotency-key", "k 1", "--task", "double", SERVE];
    let with = |args: &str| admin.detached(&[&keyed[..], &["--args", args]].concat());
    let first = with("[4]");
    assert_eq!(with("[4]"), first);
    admin.becomes(&first, "finished");
    assert_eq!(with("[4]"), first, "after its end too");
    // Without leaving it, its output and result come once more.
    let again = admin.run(&[&["submit"], &keyed[..], &["--args", "[4]"]].concat());
    assert_eq!(again, "8\n");
    let other = [&["submit"], &keyed[..], &["--args", "[5]"]].concat();
    let said = admin.refused(2, &other);
    says(
        &said,
        &["the key `k 1` belongs to job", &first, "choose a new key"],
    );
    let jobs = admin.json(&["list", "jobs", "--json"]);
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1, "{jobs}");
    assert_eq!(jobs["jobs"][0]["id"], *first);
}

#[test]
fn a_job_that_is_not_to_run_again_is_lost() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let proxy = Proxy::to(&server);
    let id = admin.detached(&["--no-restart", SERVE, "--", "nap", "60000"]);
    let args = ["submit", "--no-restart", SERVE, "--", "nap", "60000"];
    let mut followed = Running::start(through(&proxy, admin, &args));
    assert_eq!(followed.line().unwrap(), "attempt 0");
    admin.becomes(&id, "running");
    server.kill();
    let server = place.start();
    proxy.lead_to(&server);
    server.says("2 unfinished jobs of the process before this are lost");
    let admin = User::admin(&server, &place);
    let why = "the host stopped uncleanly while attempt 1 ran, and the job was submitted not to run again";
    let status = admin.run(&["job", "status", &id]);
    assert_eq!(row(&status, "state"), "lost");
    assert_eq!(row(&status, "reason"), why);
    assert_eq!(row(&status, "exit code"), "125");
    let json = admin.json(&["job", "status", &id, "--json"]);
    assert_eq!(
        (&json["state"], &json["reason"]),
        (&"lost".into(), &why.into())
    );
    let (rest, code, said) = followed.end();
    assert_eq!((rest.len(), code), (0, 125), "{said}");
    says(&said, &["the job is lost: ", why]);
}

/// The command with the tenant that the host's admin means.
fn about(user: User<'_>, tenant: &str, args: &[&str]) -> std::process::Output {
    let mut command = user.server.command(user.token, args);
    command.env("WRUN_TENANT", tenant).output().unwrap()
}

#[test]
fn the_host_s_admin_names_a_tenant() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let token = admin.run(&["tenant", "add", "acme"]);
    let acme = User {
        server: &server,
        token: token.trim(),
    };
    let task = [
        "submit", "--detach", SERVE, "--task", "double", "--args", "[1]",
    ];
    let id = good(&about(admin, "acme", &task)).trim().to_owned();
    acme.becomes(&id, "finished");
    assert_eq!(row(&acme.run(&["job", "status", &id]), "tenant"), "acme");
    let usual = admin.detached(&task[2..]);
    assert_eq!(
        row(&admin.run(&["job", "status", &usual]), "tenant"),
        "default"
    );
    let seen = |output| {
        let list = good(&output);
        (list.contains(&id), list.contains(&usual))
    };
    assert_eq!(seen(about(admin, "acme", &["list", "jobs"])), (true, false));
    assert_eq!(
        seen(about(admin, "default", &["list", "jobs"])),
        (false, true)
    );
    // Who names none sees all.
    assert_eq!(seen(admin.try_run(&["list", "jobs"])), (true, true));
    assert_eq!(seen(acme.try_run(&["list", "jobs"])), (true, false));
    for (who, named) in [(admin, "nosuch"), (acme, "default")] {
        let said = bad(&about(who, named, &task), 2);
        says(&said, &[&format!("there is no tenant `{named}`")]);
    }
    assert_eq!(
        good(&about(acme, "acme", &["list", "jobs"]))
            .lines()
            .count(),
        2
    );
}

/// The command, to a server behind a proxy.
fn through(proxy: &Proxy, user: User<'_>, args: &[&str]) -> Command {
    let mut command = user.server.command(user.token, args);
    command.env("WRUN_ADDRESS", proxy.address("http", "127.0.0.1"));
    command
}

#[test]
fn a_module_is_sent_once() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let proxy = Proxy::to(&server);
    let sent = |n: &str| {
        let before = proxy.sent();
        let args = ["submit", SERVE, "--task", "double", "--args", n];
        good(&through(&proxy, admin, &args).output().unwrap());
        proxy.sent() - before
    };
    let size = fs::metadata(SERVE).unwrap().len();
    let (first, second) = (sent("[1]"), sent("[2]"));
    assert!(first > size, "{first} bytes for a module of {size}");
    assert!(
        second < size / 20,
        "{second} bytes for a module that is there"
    );
    let modules = admin.json(&["module", "list", "--json"]);
    assert_eq!(modules["modules"].as_array().unwrap().len(), 1);
}

/// Of a server that stops; the next one is there soon.
const STOPPING: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
    {\"error\": {\"code\": \"unavailable\", \"message\": \"the server stops\"}}";

#[test]
fn it_goes_on_over_lost_connections() {
    const HALF: usize = 1_000;
    for json in [false, true] {
        let mut gate = Gate::with("");
        // All events are kept that nobody reads for a moment.
        let limit = "[tenant.default]\nlog_bytes = \"64MiB\"\n";
        gate.0.config.push_str(limit);
        let server = gate.0.start();
        let admin = User::admin(&server, &gate.0);
        let proxy = Proxy::to(&server);
        let count = HALF.to_string();
        let options: &[&str] = if json { &["--json"] } else { &[] };
        let args = [&["submit"], options, &[SERVE, "--", "until", &count]].concat();
        let mut submit = Running::start(through(&proxy, admin, &args));
        let mut printed = Vec::new();
        while let Some(line) = submit.line() {
            let Some(text) = printed_text(line, json) else {
                continue;
            };
            printed.push(text);
            match printed.len() {
                300 | 700 | 1_500 => proxy.cut(),
                // The job waits, and so does whoever follows it.
                n if n == 1 + HALF => {
                    let tries = || {
                        let so_far = proxy.connections();
                        eventually("it tries again", || proxy.connections() > so_far + 1);
                    };
                    proxy.lead_nowhere();
                    tries();
                    proxy.answer(STOPPING);
                    tries();
                    proxy.lead_to(&server);
                    gate.go();
                }
                _ => {}
            }
        }
        let (_, code, said) = submit.end();
        assert_eq!(code, 0, "{said}");
        let numbers = (0..2 * HALF).map(|n| n.to_string());
        let all = ["waits, attempt 0".to_owned()].into_iter().chain(numbers);
        let all: Vec<_> = all.chain(["went".to_owned()]).collect();
        let wrong = printed.iter().zip(&all).find(|(one, other)| one != other);
        assert_eq!((wrong, printed.len()), (None, all.len()), "each line once");
    }
}

/// What the job printed of a line of output, if anything.
fn printed_text(line: String, json: bool) -> Option<String> {
    if !json {
        return Some(line);
    }
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_ne!(line["type"], "error", "{line}");
    assert_ne!(line["event"], "dropped", "{line}");
    let is_log = line["type"] == "log";
    is_log.then(|| line["text"].as_str().unwrap().to_owned())
}

/// Follows a job over a stop of its server and the start of the next, with these arguments of `wrun`.
fn over_a_restart(args: &[&str], stop: impl FnOnce(Server)) -> (Vec<String>, i32, String) {
    let mut gate = Gate::with("drain = \"100ms\"");
    let server = gate.0.start();
    let proxy = Proxy::to(&server);
    let mut submit = Running::start(through(&proxy, User::admin(&server, &gate.0), args));
    let mut printed = vec![];
    while printed
        .last()
        .is_none_or(|line: &String| !line.contains("waits, attempt 0"))
    {
        printed.push(submit.line().unwrap());
    }
    stop(server);
    let server = gate.0.start();
    proxy.lead_to(&server);
    server.says("1 unfinished jobs of the process before this run again");
    gate.go();
    let (rest, code, said) = submit.end();
    printed.extend(rest);
    (printed, code, said)
}

#[test]
fn it_goes_on_when_the_server_is_another_one() {
    let args = ["submit", SERVE, "--", "until"];
    for is_killed in [false, true] {
        let stop = |server: Server| {
            if is_killed {
                server.kill();
            } else {
                assert_eq!(server.stop(), 143);
            }
        };
        let (printed, code, said) = over_a_restart(&args, stop);
        assert_eq!(code, 0, "{said}");
        assert_eq!(printed, ["waits, attempt 0", "went"], "{said}");
    }
}

#[test]
fn its_json_tells_of_another_attempt() {
    let args = ["submit", "--json", SERVE, "--", "until"];
    let (printed, code, said) = over_a_restart(&args, |server| assert_eq!(server.stop(), 143));
    assert_eq!(code, 0, "{said}");
    let lines = printed
        .iter()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<serde_json::Value> = lines.collect();
    let at = |what: &dyn Fn(&serde_json::Value) -> bool| lines.iter().position(what).unwrap();
    let first = at(&|line| line["text"] == "waits, attempt 0");
    let restarted = at(&|line| line["event"] == "restarted");
    let second = at(&|line| line["text"] == "waits, attempt 1");
    assert!(first < restarted && restarted < second, "{printed:?}");
    assert_eq!(lines[restarted]["attempt"], 1);
    let end = lines.last().unwrap();
    assert_eq!(
        (&end["type"], &end["exit_code"]),
        (&"end".into(), &0.into())
    );
}

#[test]
fn an_interrupted_submit_cancels_its_job() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let args = ["submit", SERVE, "--", "nap", "60000"];
    let mut command = server.command(admin.token, &args);
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = piped.spawn().unwrap();
    eventually("it runs", || {
        let jobs = admin.json(&["list", "jobs", "--state", "running", "--json"]);
        !jobs["jobs"].as_array().unwrap().is_empty()
    });
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::INT,
    )
    .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let jobs = admin.json(&["list", "jobs", "--json"]);
    assert_eq!(jobs["jobs"][0]["state"], "cancelled");
    assert_eq!(jobs["jobs"][0]["reason"], "it was cancelled");
}
