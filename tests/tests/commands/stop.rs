//! How a server stops: what it says meanwhile, what becomes of jobs, and what a second signal does.

use wrun_tests::{
    guest::SERVE,
    server::{Server, eventually, text},
};

use super::support::{Gate, Running, User, bad, row, says};

/// What a path without a token answers: status and text.
fn plain(server: &Server, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: wrun\r\nconnection: close\r\n\r\n");
    let answer = server.raw(&request);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

fn is_stopping(server: &Server) -> bool {
    plain(server, "/readyz") == (503, "stopping\n".to_owned())
}

#[test]
fn what_ends_in_time_is_recorded_and_nothing_new_is_taken() {
    let mut gate = Gate::with("drain = \"1h\"");
    let mut server = gate.0.start();
    let admin = User::admin(&server, &gate.0);
    let id = admin.detached(&[SERVE, "--", "until"]);
    let args = ["job", "logs", "-f", &id];
    let mut follow = Running::start(server.command(admin.token, &args));
    assert_eq!(follow.line().unwrap(), "waits, attempt 0");
    assert_eq!(plain(&server, "/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(row(&admin.run(&["info"]), "takes jobs"), "yes");

    server.signal("-TERM");
    eventually("it says that it stops", || is_stopping(&server));
    server.says("stopping: jobs have 3600s to end; a second signal stops them");
    assert_eq!(admin.state(&id), "running");
    assert_eq!(plain(&server, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(row(&admin.run(&["info"]), "takes jobs"), "no, it stops");
    let json = admin.json(&["info", "--json"]);
    assert_eq!(json["accepting"], false);
    for command in [
        &["submit", "--detach", SERVE][..],
        &["submit", SERVE],
        &["module", "push", SERVE],
    ] {
        let said = admin.refused(125, command);
        says(
            &said,
            &["the server stops and takes no more work", "send it again"],
        );
    }
    let token = &gate.0.token;
    let answer = server.raw(&format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: wrun\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 79\r\n\r\n{{\"module\": \"{}\"}}\n",
        "0".repeat(64)
    ));
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    says(
        &answer.to_lowercase(),
        &["retry-after: ", "\"unavailable\""],
    );

    gate.go();
    let (rest, code, said) = follow.end();
    assert_eq!((rest, code), (vec!["went".to_owned()], 0), "{said}");
    assert_eq!(server.ended(), 143);
    let server = gate.0.start();
    let admin = User::admin(&server, &gate.0);
    let status = admin.run(&["job", "status", &id]);
    assert_eq!(
        (row(&status, "state"), row(&status, "attempts")),
        ("finished", "1")
    );
    assert_eq!(admin.run(&["job", "logs", &id]), "waits, attempt 0\nwent\n");
    let said = server.errors.lock().unwrap().clone();
    assert!(!said.contains("unfinished"), "{said}");
}

/// A server with a job that waits, and whoever follows that.
fn with_a_job(gate: &mut Gate) -> (Server, String, Running) {
    let server = gate.0.start();
    let admin = User::admin(&server, &gate.0);
    let id = admin.detached(&[SERVE, "--", "until"]);
    let args = ["job", "logs", "-f", &id];
    let mut follow = Running::start(server.command(admin.token, &args));
    assert_eq!(follow.line().unwrap(), "waits, attempt 0");
    (server, id, follow)
}

/// The next server runs it again, as one that was stopped in order.
fn runs_again(gate: &mut Gate, id: &str, follow: Running) {
    let (rest, code, said) = follow.end();
    assert_eq!((rest.len(), code), (0, 125), "{said}");
    says(
        &said,
        &["before the job ended", &format!("`wrun job logs -f {id}`")],
    );
    let server = gate.0.start();
    server.says("1 unfinished jobs of the process before this run again");
    let admin = User::admin(&server, &gate.0);
    admin.becomes(id, "running");
    gate.go();
    admin.becomes(id, "finished");
    let status = admin.run(&["job", "status", id]);
    assert_eq!(
        (row(&status, "attempts"), row(&status, "exit code")),
        ("2", "0")
    );
    assert_eq!(admin.run(&["job", "logs", id]), "waits, attempt 1\nwent\n");
    assert_eq!(server.stop(), 143);
}

#[test]
fn what_does_not_end_in_time_runs_again() {
    let mut gate = Gate::with("drain = \"100ms\"");
    let (server, id, follow) = with_a_job(&mut gate);
    assert_eq!(server.stop(), 143);
    runs_again(&mut gate, &id, follow);
}

#[test]
fn a_second_signal_does_not_wait() {
    for (first, second, code) in [("-TERM", "-TERM", 143), ("-INT", "-TERM", 130)] {
        let mut gate = Gate::with("drain = \"1h\"");
        let (mut server, id, follow) = with_a_job(&mut gate);
        server.signal(first);
        eventually("it says that it stops", || is_stopping(&server));
        assert!(server.child.try_wait().unwrap().is_none());
        server.signal(second);
        assert_eq!(server.ended(), code);
        runs_again(&mut gate, &id, follow);
    }
}

#[test]
fn nobody_there_is_said_with_what_to_do() {
    let mut gate = Gate::with("");
    let server = gate.0.start();
    let command = |args: &[&str]| server.command("none", args);
    let (mut info, mut submit) = (command(&["info"]), command(&["submit", SERVE]));
    assert_eq!(server.stop(), 143);
    for command in [&mut info, &mut submit] {
        let said = bad(&command.output().unwrap(), 125);
        says(&said, &["can't be reached", "start one with `wrun serve`"]);
    }
    let none = info.env("WRUN_ADDRESS", "").output().unwrap();
    assert!(none.status.success(), "{}", text(&none.stderr));
}
