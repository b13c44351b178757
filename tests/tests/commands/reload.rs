//! SIGHUP: a file that is good is applied, and of one that is bad nothing is.

use std::fs;

use wrun_tests::{
    guest::SERVE,
    server::{Place, Server},
};

use super::support::{User, bad, row, says};

/// What the server said to this file.
fn reload(place: &Place, server: &Server, config: &str) -> String {
    fs::write(place.path("wrun.toml"), config).unwrap();
    server.errors.lock().unwrap().clear();
    server.signal("-HUP");
    server.says("configuration");
    server.errors.lock().unwrap().clone()
}

/// Whatever of the file can be seen.
fn seen(admin: User<'_>) -> (Vec<(String, u64, bool)>, String) {
    let json = admin.json(&["tenant", "list", "--json"]);
    let tenants = json["tenants"].as_array().unwrap().iter().map(|tenant| {
        (
            tenant["name"].as_str().unwrap().to_owned(),
            tenant["weight"].as_u64().unwrap(),
            tenant["from_config"].as_bool().unwrap(),
        )
    });
    let tenants = tenants.collect();
    (tenants, admin.run(&["submit", SERVE, "--", "env"]))
}

/// A file whose environment and weight are these, with more at its end.
fn config(word: &str, weight: u32, more: &str) -> String {
    format!(
        "roots = [\"srv\"]\n[defaults]\nenv = {{ GREETING = \"{word}\" }}\n\
         [tenant.acme]\nweight = {weight}\n{more}"
    )
}

#[test]
fn a_file_is_applied_whole_or_not_at_all() {
    let mut place = Place::with(&config("first", 2, ""));
    fs::create_dir_all(place.path("srv/in")).unwrap();
    fs::create_dir_all(place.path("other")).unwrap();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let first = seen(admin);
    let tenants = [
        ("acme".to_owned(), 2, true),
        ("default".to_owned(), 1, false),
    ];
    assert_eq!(first, (tenants.into(), "first\n".to_owned()));

    let other = "the directory `other`";
    for (more, said) in [
        // Names stand in their order, so that this one is the last.
        (
            "[tenant.good]\n[tenant.zz_top]",
            &["`zz_top` is not a tenant's name", "such as `team-7`"][..],
        ),
        ("[tenant.Good]", &["`Good` is not a tenant's name"]),
        (
            "[tenant.good]\n[tenant.zz]\ndirs = [\"other\"]",
            &[
                "tenant `zz`: ",
                other,
                "is not below one of `roots`",
                "start the server again, since roots are fixed at its start",
            ],
        ),
        (
            "[tenant.good]\n[tenant.zz]\nenv = { \"A=\" = \"1\" }",
            &["tenant `zz`"],
        ),
        (
            "[tenant.good]\n[tenant.zz]\nmemory = \"much\"",
            &["`much` is not a size"],
        ),
        ("[tenant.good]\n[tenant.zz]\nwieght = 1", &["wieght"]),
        (
            "[tenant.good]\n[tenant.zz.http]\nallow = [\"a.example\"]",
            &["`http` was changed, which takes a restart"],
        ),
        (
            "[tenant.good]\n[host]\nnum_cpus = 1",
            &["`host` was changed, which takes a restart"],
        ),
    ] {
        let answer = reload(&place, &server, &config("second", 3, more));
        says(&answer, &["the configuration is as before: "]);
        says(&answer, said);
        assert_eq!(seen(admin), first, "{more}");
    }
    let with_root = config("second", 3, "[tenant.good]\ndirs = [\"other\"]");
    let with_root = with_root.replace("[\"srv\"]", "[\"srv\", \"other\"]");
    let answer = reload(&place, &server, &with_root);
    says(&answer, &["`roots` was changed, which takes a restart"]);
    assert_eq!(seen(admin), first);

    let good = config("second", 3, "[tenant.good]\ndirs = [\"srv/in\"]");
    let answer = reload(&place, &server, &good);
    says(&answer, &[" INFO  the configuration was read again\n"]);
    let tenants = [("acme", 3, true), ("default", 1, false), ("good", 1, true)];
    let tenants = tenants.map(|(name, weight, from)| (name.to_owned(), weight, from));
    assert_eq!(seen(admin), (tenants.into(), "second\n".to_owned()));
    let said = admin.refused(2, &["tenant", "remove", "good"]);
    says(&said, &["is in the configuration file", "send SIGHUP"]);
    assert_eq!(server.stop(), 143);

    // As the message said, a restart takes the other root.
    place.config = with_root;
    let server = place.start();
    assert_eq!(seen(User::admin(&server, &place)).1, "second\n");
    drop(server);
    place.config = config("third", 1, "[tenant.zz]\ndirs = [\"other\"]");
    let said = bad(&place.command().output().unwrap(), 2);
    says(&said, &[other, "is not below one of `roots`"]);
}

#[test]
fn the_time_to_stop_in_is_read_again() {
    let place = &mut Place::with("drain = \"1h\"");
    let server = place.start();
    let admin = User::admin(&server, place);
    let id = admin.detached(&[SERVE, "--", "nap", "3600000"]);
    admin.becomes(&id, "running");
    reload(place, &server, "drain = \"50ms\"");
    assert_eq!(server.stop(), 143, "it does not wait for an hour");
}

#[test]
fn without_a_file_there_is_nothing_to_read() {
    let mut place = Place::new();
    place.args = "--listen 127.0.0.1:0 --allow-missing-walls"
        .split(' ')
        .map(ToOwned::to_owned)
        .collect();
    let server = place.start();
    server.signal("-HUP");
    server.says("SIGHUP: there is no configuration file to read again");
    let info = User::admin(&server, &place).run(&["info"]);
    assert_eq!(row(&info, "takes jobs"), "yes");
    assert_eq!(server.stop(), 143);
}
