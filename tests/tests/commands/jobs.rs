//! `wrun job`, `wrun module` and `wrun list`: what there is on a server, for people and as JSON.

use serde_json::Value as Json;
use wrun_tests::{
    guest::SERVE,
    server::{Place, Server, eventually, text},
};

use super::support::{Gate, Running, User, row, says};

#[test]
fn a_job_is_looked_at_from_its_beginning_to_its_end() {
    let mut gate = Gate::with("");
    let server = gate.0.start();
    let admin = User::admin(&server, &gate.0);
    let id = admin.detached(&[SERVE, "--", "until"]);
    admin.becomes(&id, "running");

    let args = ["job", "logs", "-f", &id];
    let mut follow = Running::start(server.command(admin.token, &args));
    assert_eq!(follow.line().unwrap(), "waits, attempt 0");
    assert_eq!(admin.run(&["job", "logs", &id]), "waits, attempt 0\n");
    let status = admin.run(&["job", "status", &id]);
    for (name, value) in [
        ("job", &*id),
        ("state", "running"),
        ("runs", "main of serve.wasm"),
        ("tenant", "default"),
        ("attempts", "1"),
    ] {
        assert_eq!(row(&status, name), value, "{status}");
    }
    assert!(!status.contains("exit code"), "{status}");
    let json = admin.json(&["job", "status", &id, "--json"]);
    assert!(
        json["exit_code"].is_null() && json["ended_at"].is_null(),
        "{json}"
    );
    says(
        &admin.refused(2, &["job", "result", &id, "--wait", "10ms"]),
        &[&id, "is running and has no result"],
    );
    says(
        &admin.refused(2, &["job", "restart", &id]),
        &[&id, "is running, and only one that is quarantined can be"],
    );

    gate.go();
    assert_eq!(follow.end(), (vec!["went".to_owned()], 0, String::new()));
    admin.becomes(&id, "finished");
    let status = admin.run(&["job", "status", &id]);
    assert_eq!(row(&status, "exit code"), "0");
    let json = admin.json(&["job", "status", &id, "--json"]);
    assert_eq!(
        (&json["exit_code"], &json["attempt"]),
        (&0.into(), &1.into())
    );
    assert_eq!(json["logs"]["dropped_lines"], 0);
    let whole = "waits, attempt 0\nwent\n";
    assert_eq!(admin.run(&["job", "logs", &id]), whole);
    assert_eq!(admin.run(&["job", "logs", "--follow", &id]), whole);
    says(
        &admin.refused(2, &["job", "cancel", &id]),
        &[&id, "is finished already"],
    );
    for command in ["status", "logs", "result", "cancel", "restart"] {
        for none in ["00000000000000aa", "nonsense"] {
            let said = admin.refused(2, &["job", command, none]);
            says(&said, &["there is no job", none]);
        }
    }
}

#[test]
fn output_is_on_the_stream_that_it_was_printed_to() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let id = admin.detached(&[SERVE, "--", "a"]);
    admin.becomes(&id, "finished");
    let logs = admin.try_run(&["job", "logs", &id]);
    assert_eq!(text(&logs.stdout), "hello a\n42\n");
    assert_eq!(text(&logs.stderr), "on the other stream\n");
}

#[test]
fn a_failure_is_told_with_its_reason() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let id = admin.detached(&[SERVE, "--task", "fails", "--args", "[\"so\"]"]);
    admin.becomes(&id, "finished");
    let status = admin.run(&["job", "status", &id]);
    assert_eq!(row(&status, "runs"), "fails of serve.wasm");
    says(row(&status, "error"), &["so"]);
    let json = admin.json(&["job", "status", &id, "--json"]);
    assert_eq!(json["has_result"], false);
    says(
        json["error"]["message"].as_str().unwrap(),
        &["so\nand more of it"],
    );
    says(
        &admin.refused(2, &["job", "result", &id, "--wait", "1h"]),
        &["is finished and has no result"],
    );
    let list = admin.json(&["list", "jobs", "--state", "finished", "--json"]);
    assert_eq!(list["jobs"][0]["exit_code"], json["exit_code"]);
    assert_ne!(json["exit_code"], 0);
}

#[test]
fn a_result_is_json_and_waited_for() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let id = admin.detached(&[SERVE, "--task", "nap", "--args", "[700]"]);
    // Longer than a server lets one request wait, and less than a second.
    assert_eq!(admin.json(&["job", "result", &id, "--wait", "2h"]), 0);
    let id = admin.detached(&[SERVE, "--task", "nap", "--args", "[100]"]);
    assert_eq!(admin.json(&["job", "result", &id, "--wait", "900ms"]), 0);
    let id = admin.detached(&[SERVE, "--task", "probe", "--args", "[3]"]);
    let times = admin.json(&["job", "result", &id, "--wait", "1m"]);
    assert_eq!(times.as_array().unwrap().len(), 2, "{times}");
}

#[test]
fn a_cancelled_job_says_so() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let id = admin.detached(&[SERVE, "--", "nap", "60000"]);
    admin.becomes(&id, "running");
    let args = ["job", "logs", "-f", &id];
    let mut follow = Running::start(server.command(admin.token, &args));
    follow.line();
    assert_eq!(admin.run(&["job", "cancel", &id]), "");
    let (rest, code, said) = follow.end();
    assert_eq!((rest.len(), code), (0, 0), "{said}");
    let status = admin.run(&["job", "status", &id]);
    assert_eq!(row(&status, "state"), "cancelled");
    assert_eq!(row(&status, "reason"), "it was cancelled");
}

/// Kills it when the job runs, and starts the next.
fn killed_under(place: &mut Place, server: Server, id: &str) -> Server {
    User::admin(&server, place).becomes(id, "running");
    server.kill();
    place.start()
}

#[test]
fn a_quarantined_job_is_restarted_by_the_admin() {
    let mut gate = Gate::with("");
    let mut server = gate.0.start();
    let id = User::admin(&server, &gate.0).detached(&[SERVE, "--", "until"]);
    for _ in 0..3 {
        server = killed_under(&mut gate.0, server, &id);
    }
    server.says("1 unfinished jobs of the process before this are in quarantine");
    let admin = User::admin(&server, &gate.0);
    let status = admin.run(&["job", "status", &id]);
    assert_eq!(row(&status, "state"), "quarantined");
    says(
        row(&status, "reason"),
        &["3 times", "an admin can restart it"],
    );
    let own = admin.run(&["tenant", "token", "issue", "default", "--role", "admin"]);
    let own = User {
        server: &server,
        token: own.trim(),
    };
    let said = own.refused(2, &["job", "restart", &id]);
    says(&said, &["may not administer the host"]);
    assert_eq!(admin.run(&["job", "restart", &id]), "");
    admin.becomes(&id, "running");
    gate.go();
    admin.becomes(&id, "finished");
    assert_eq!(row(&admin.run(&["job", "status", &id]), "attempts"), "4");
}

#[test]
fn modules_are_pushed_listed_and_removed() {
    let mut gate = Gate::with("");
    let server = gate.0.start();
    let admin = User::admin(&server, &gate.0);
    assert_eq!(admin.run(&["module", "list"]), "");
    let hash = admin.run(&["module", "push", SERVE]);
    let hash = hash.strip_suffix('\n').unwrap();
    assert_eq!(admin.run(&["module", "push", SERVE]).trim(), hash);
    let list = admin.run(&["module", "list"]);
    assert_eq!(list.lines().count(), 1, "{list}");
    assert!(
        list.starts_with(hash) && list.ends_with("  serve.wasm\n"),
        "{list}"
    );
    let json = admin.json(&["module", "list", "--json"]);
    let module = &json["modules"][0];
    assert_eq!(
        (&module["hash"], &module["name"]),
        (&hash.into(), &"serve.wasm".into())
    );
    let size = std::fs::metadata(SERVE).unwrap().len();
    assert_eq!(module["size"], size);

    let id = admin.detached(&["--module", hash, "--", "until"]);
    let said = admin.refused(2, &["module", "rm", hash]);
    says(&said, &[&id, hash, "cancel it or wait for it"]);
    gate.go();
    admin.becomes(&id, "finished");
    assert_eq!(admin.run(&["module", "remove", hash]), "");
    assert_eq!(admin.run(&["module", "list"]), "");
    for command in [
        &["module", "rm", hash][..],
        &["submit", "--detach", "--module", hash],
    ] {
        says(&admin.refused(2, command), &["has no module", hash]);
    }
    let said = admin.refused(2, &["module", "rm", "nonsense"]);
    says(
        &said,
        &["there is no module `nonsense`", "64 hexadecimal digits"],
    );
    let path = gate.0.path("bad.wasm");
    std::fs::write(&path, "nonsense").unwrap();
    let said = admin.refused(126, &["module", "push", path.to_str().unwrap()]);
    says(&said, &["bad.wasm"]);
}

/// The entries of a list, and that the table has a line for each with its id at the beginning.
fn listed(user: User<'_>, what: &str, more: &[&str], head: &str) -> Vec<Json> {
    let args = [&["list", what], more].concat();
    let json = user.json(&[&args[..], &["--json"]].concat());
    let entries = json[what].as_array().unwrap().clone();
    let table = user.run(&args);
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with(head), "{table}");
    let ids: Vec<_> = lines.map(|line| line.split(' ').next().unwrap()).collect();
    let known: Vec<_> = entries
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, known, "{table}");
    entries
}

#[test]
fn lists_are_tables_and_json() {
    // Slots for all that is to run meanwhile.
    let mut place = Place::with("[host]\nnum_cpus = 8");
    let server = place.start();
    let admin = User::admin(&server, &place);
    let sets = |task: &str, args: &str| admin.detached(&[SERVE, "--task", task, "--args", args]);
    let any = |list: &[&str], wanted: usize| {
        let json = admin.json(&[&["list"], list, &["--limit", "1000", "--json"]].concat());
        json[list[0]].as_array().unwrap().len() >= wanted
    };
    // First what needs few slots, to where it stays: the other takes all.
    let hold = sets("hold", "[2, 100000, 600000]");
    eventually("objects are held", || {
        any(&["tasks", "--job", &hold, "--name", "sum"], 1)
            && any(&["objects", "--job", &hold, "--state", "failed"], 1)
    });
    let scene = sets("scene", "[600000]");
    eventually("the scene is set", || {
        any(&["tasks", "--job", &scene, "--name", "nap"], 23)
    });

    let all = |what, head| listed(admin, what, &["--limit", "1000"], head);
    let jobs = all("jobs", "JOB ");
    let ids: Vec<_> = jobs.iter().map(|job| job["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&scene, &hold], "the newest first");
    assert_eq!(listed(admin, "jobs", &["--limit", "1"], "JOB ").len(), 1);
    let note = admin.try_run(&["list", "jobs", "--limit", "1"]);
    assert_eq!(text(&note.stderr), "there are more: `--limit`\n");
    assert!(listed(admin, "jobs", &["--state", "lost,finished"], "JOB ").is_empty());
    let said = admin.refused(2, &["list", "jobs", "--state", "nosuch"]);
    says(&said, &["`nosuch` is no state of a job", "quarantined"]);

    let tasks = listed(
        admin,
        "tasks",
        &["--job", &scene, "--limit", "1000"],
        "TASK ",
    );
    let states = |state: &str| tasks.iter().filter(|task| task["state"] == state).count();
    for state in ["waiting", "queued", "blocked", "failed", "cancelled"] {
        assert!(states(state) > 0, "{state}: {tasks:?}");
    }
    let filter = ["--job", &scene, "--state", "failed", "--name", "fails"];
    for task in listed(admin, "tasks", &filter, "TASK ") {
        assert_eq!(
            (&task["state"], &task["name"]),
            (&"failed".into(), &"fails".into())
        );
    }

    let actors = all("actors", "ACTOR ");
    let named = |name: &str| actors.iter().find(|actor| actor["name"] == name);
    assert_eq!(named("counter").unwrap()["detached"], true);
    assert_eq!(named("idle").unwrap()["detached"], false);
    assert!(
        actors.iter().any(|actor| actor["state"] == "dead"),
        "{actors:?}"
    );
    let dead = listed(admin, "actors", &["--state", "dead"], "ACTOR ");
    assert_eq!(dead[0]["class"], "Counter");

    let objects = listed(admin, "objects", &["--job", &hold], "OBJECT ");
    let large = objects.iter().filter(|object| object["state"] == "memory");
    assert!(large.count() >= 3, "{objects:?}");
    assert!(
        objects.iter().any(|object| object["state"] == "failed"),
        "{objects:?}"
    );
    for what in ["tasks", "actors", "objects"] {
        let said = admin.refused(2, &["list", what, "--state", "nosuch"]);
        says(&said, &["`nosuch` is no state that is shown of"]);
        let said = admin.refused(2, &["list", what, "--job", "00000000000000aa"]);
        says(&said, &["there is no job"]);
    }
    for id in [scene, hold] {
        admin.run(&["job", "cancel", &id]);
        admin.becomes(&id, "cancelled");
    }
}
