//! `wrun list` with its filters and orders, and `wrun logs`.

use serde_json::Value as Json;
use wrun_tests::{
    guest::SERVE,
    server::{Place, eventually, text},
};

use super::support::{Running, User, says};

/// A field of each entry of a list.
fn fields(list: &Json, of: &str, field: &str) -> Vec<Json> {
    let entries = list[of].as_array().unwrap();
    entries.iter().map(|entry| entry[field].clone()).collect()
}

#[test]
fn lists_are_filtered_and_ordered() {
    let mut place = Place::with("[host]\nnum_cpus = 4\n");
    let server = place.start();
    let admin = User::admin(&server, &place);
    let double = admin.detached(&[SERVE, "--task", "double", "--args", "[4]"]);
    let many = admin.detached(&[SERVE, "--task", "many", "--args", "[50]"]);
    let scene = admin.detached(&[SERVE, "--task", "scene", "--args", "[120000]"]);
    admin.becomes(&double, "finished");
    admin.becomes(&many, "finished");

    let jobs = |args: &[&str]| {
        let list = admin.json(&[&["list", "jobs", "--json"], args].concat());
        fields(&list, "jobs", "id")
    };
    assert_eq!(jobs(&[]), [&*scene, &many, &double]);
    assert_eq!(jobs(&["--name", "many"]), [&*many]);
    assert_eq!(
        jobs(&["--name", "serve.wasm", "--limit", "2"]),
        [&*scene, &many]
    );
    assert_eq!(jobs(&["--name", "nothing"]), [""; 0]);
    assert_eq!(
        jobs(&["--state", "finished", "--sort", "name"]),
        [&*double, &many]
    );
    assert_eq!(
        jobs(&["--state", "finished", "--sort", "tasks"]),
        [&*many, &double]
    );

    // The scene is set when it naps on all slots.
    let tasks = |args: &[&str]| {
        let about = ["list", "tasks", "--job", &scene, "--json"];
        admin.json(&[&about, args].concat())
    };
    eventually("20 naps wait", || {
        fields(
            &tasks(&["--name", "nap", "--state", "queued"]),
            "tasks",
            "id",
        )
        .len()
            >= 18
    });
    let all = tasks(&[]);
    let sorted = tasks(&["--sort", "name"]);
    let mut names = fields(&all, "tasks", "name");
    names.sort_by_key(ToString::to_string);
    assert_eq!(fields(&sorted, "tasks", "name"), names);
    let ran = fields(&tasks(&["--sort", "ran", "--limit", "3"]), "tasks", "name");
    assert_eq!((ran.len(), &ran[0]), (3, &Json::from("scene")));
    let said = admin.try_run(&["list", "tasks", "--sort", "ran", "--limit", "3"]);
    says(text(&said.stderr), &["there are more: `--limit`"]);

    let actors = |by: &str| {
        let args = ["list", "actors", "--job", &scene, "--sort", by, "--json"];
        admin.json(&args)
    };
    assert_eq!(fields(&actors("queued"), "actors", "queued_calls")[0], 3);
    let created = fields(&actors("created"), "actors", "created_at");
    assert!(
        created.is_sorted_by(|one, other| one.as_u64() >= other.as_u64()),
        "{created:?}"
    );
    let objects = admin.json(&["list", "objects", "--sort", "size", "--json"]);
    let sizes = fields(&objects, "objects", "size");
    assert!(
        sizes.is_sorted_by(|one, other| one.as_u64() >= other.as_u64()),
        "{sizes:?}"
    );
    says(
        &admin.refused(2, &["list", "tasks", "--sort", "beauty"]),
        &["invalid value 'beauty'", "created, queued, ran, name"],
    );
    admin.run(&["job", "cancel", &scene]);
}

#[test]
fn tenants_are_listed_by_either_name() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    for name in ["bee", "ant"] {
        admin.run(&["tenant", "add", name]);
    }
    let of = |args: &[&str]| fields(&admin.json(args), "tenants", "name");
    let all = ["ant", "bee", "default"];
    for command in [["tenant", "list"], ["list", "tenants"]] {
        let list = |args: &[&str]| of(&[&command, args, &["--json"][..]].concat());
        assert_eq!(list(&[]), all);
        assert_eq!(list(&["--name", "bee"]), ["bee"]);
        assert_eq!(list(&["--limit", "2", "--sort", "jobs"]), all[..2]);
    }
    assert_eq!(
        admin.run(&["tenant", "list"]),
        admin.run(&["list", "tenants"])
    );
}

#[test]
fn logs_are_of_a_stream_or_with_a_text() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let id = admin.detached(&[SERVE, "--", "a", "b"]);
    admin.becomes(&id, "finished");
    let logs = |args: &[&str]| {
        let output = admin.try_run(&[&["logs", &id], args].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        (
            text(&output.stdout).to_owned(),
            text(&output.stderr).to_owned(),
        )
    };
    let (out, err) = (
        "hello a b\n42\n".to_owned(),
        "on the other stream\n".to_owned(),
    );
    let none = String::new;
    assert_eq!(logs(&[]), (out.clone(), err.clone()));
    assert_eq!(logs(&["-f"]), (out.clone(), err.clone()));
    assert_eq!(logs(&["--stream", "stdout"]), (out, none()));
    assert_eq!(logs(&["--stream", "stderr"]), (none(), err.clone()));
    assert_eq!(logs(&["--grep", "42"]), ("42\n".to_owned(), none()));
    assert_eq!(logs(&["--grep", "other", "--follow"]), (none(), err));
    assert_eq!(
        logs(&["--grep", "o", "--stream", "stdout"]),
        ("hello a b\n".to_owned(), none())
    );
    assert_eq!(logs(&["--grep", "nowhere"]), (none(), none()));
    let (entries, rest) = logs(&["--json", "--stream", "stderr"]);
    let entry: serde_json::Value = serde_json::from_str(&entries).unwrap();
    assert_eq!((entry["stream"].as_str(), rest), (Some("stderr"), none()));
    assert_eq!(
        admin.run(&["job", "logs", &id, "--grep", "hello"]),
        "hello a b\n"
    );
    says(
        &admin.refused(2, &["logs", "00000000000000aa"]),
        &["there is no job"],
    );

    // They are followed as they come, whatever is left out.
    let id = admin.detached(&[SERVE, "--", "paced", "20", "50"]);
    let args = ["logs", "-f", &id, "--grep", "7 of"];
    let mut follow = Running::start(server.command(admin.token, &args));
    assert_eq!(follow.line().unwrap(), "line 7 of 20");
    assert_eq!(
        follow.end(),
        (vec!["line 17 of 20".to_owned()], 0, String::new())
    );
}
