//! `wrun tenant`: made, shown, given tokens, removed.

use wrun_tests::{
    guest::SERVE,
    server::{Place, eventually},
};

use super::support::{User, row, says};

/// The token that a command printed, and its id.
fn token(printed: &str) -> (String, String) {
    let token = printed.strip_suffix('\n').unwrap();
    let parts: Vec<_> = token.splitn(3, '_').collect();
    assert_eq!((parts.len(), parts[0]), (3, "wrun"), "a token alone");
    (token.to_owned(), parts[1].to_owned())
}

#[test]
fn a_tenant_is_made_shown_and_removed() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let add = ["tenant", "add", "acme", "--weight", "2", "--memory", "2GiB"];
    let added = admin.try_run(&add);
    says(
        &String::from_utf8_lossy(&added.stderr),
        &["tenant `acme` is there", "shown this once"],
    );
    let (first, _) = token(&super::support::good(&added));
    let acme = User {
        server: &server,
        token: &first,
    };
    says(row(&acme.run(&["info"]), "you are"), &["acme (submit)"]);

    let list = admin.run(&["tenant", "list"]);
    let (_, own) = list.split_once("acme (weight 2").unwrap();
    assert_eq!(row(own, "  memory"), "0 B of 2 GiB");
    assert!(list.contains("default (weight 1"), "{list}");
    let json = admin.json(&["tenant", "list", "--json"]);
    let tenants = json["tenants"].as_array().unwrap();
    let names: Vec<_> = tenants.iter().map(|tenant| &tenant["name"]).collect();
    assert_eq!(names, ["acme", "default"]);
    assert_eq!(tenants[0]["weight"], 2);
    assert_eq!(tenants[0]["limits"]["memory"], 2_u64 << 30);
    assert!(tenants[1]["limits"]["memory"].is_null(), "{json}");
    // It sees itself, and may change nothing.
    let own = acme.json(&["tenant", "list", "--json"]);
    assert_eq!(own["tenants"].as_array().unwrap().len(), 1);
    for args in [&add[..], &["tenant", "remove", "acme"]] {
        says(&acme.refused(2, args), &["may not administer the host"]);
    }

    // Again, with something else: no other token.
    let again = admin.try_run(&["tenant", "add", "acme", "--weight", "3"]);
    assert_eq!(super::support::good(&again), "");
    says(
        &String::from_utf8_lossy(&again.stderr),
        &["tenant `acme` was there and is changed"],
    );
    let json = admin.json(&["tenant", "list", "--json"]);
    assert_eq!(json["tenants"][0]["weight"], 3);
    assert!(json["tenants"][0]["limits"]["memory"].is_null(), "{json}");

    let job = acme.detached(&[SERVE, "--", "nap", "60000"]);
    let said = admin.refused(2, &["tenant", "remove", "acme"]);
    says(&said, &["`acme` has 1 unfinished jobs", "cancel them"]);
    acme.run(&["job", "cancel", &job]);
    acme.becomes(&job, "cancelled");
    assert_eq!(admin.run(&["tenant", "remove", "acme"]), "");
    assert!(!admin.run(&["tenant", "list"]).contains("acme"));
    says(&acme.refused(2, &["info"]), &["no valid token"]);
    let said = admin.refused(2, &["tenant", "remove", "acme"]);
    says(&said, &["there is no tenant `acme`"]);
    let said = admin.refused(2, &["tenant", "add", "Acme"]);
    says(
        &said,
        &["`Acme` is not a tenant's name", "such as `team-7`"],
    );
}

#[test]
fn tokens_are_issued_rotated_revoked_and_listed() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let (first, first_id) = token(&admin.run(&["tenant", "add", "acme"]));
    let tenant_token = ["tenant", "token"];
    let tokens = |args: &[&str]| admin.run(&[&tenant_token, args].concat());
    let reads = ["issue", "acme", "--role", "read", "--label", "dash board"];
    let (reader, reader_id) = token(&tokens(&reads));
    let as_who = |token| User {
        server: &server,
        token,
    };
    assert!(as_who(&reader).run(&["list", "jobs"]).starts_with("JOB"));
    let said = as_who(&reader).refused(2, &["submit", "--detach", SERVE]);
    says(
        &said,
        &["may not submit", "help: use a token with another role"],
    );

    let (second, second_id) = token(&tokens(&["rotate", "acme"]));
    let said = as_who(&first).refused(2, &["info"]);
    says(&said, &["no valid token", "set WRUN_TOKEN"]);
    says(&as_who(&second).run(&["info"]), &["acme (submit)"]);
    as_who(&reader).run(&["info"]);

    let states = || {
        let list = tokens(&["list", "acme"]);
        assert!(list.starts_with("ID "), "{list}");
        assert!(!list.contains("wrun_"), "texts are not there: {list}");
        list
    };
    let state = |id: &str| {
        let words: Vec<String> = row(&states(), id)
            .split_whitespace()
            .map(ToOwned::to_owned)
            .collect();
        words[..2].join(" ")
    };
    assert_eq!(state(&first_id), "submit revoked");
    assert_eq!(state(&second_id), "submit valid");
    assert_eq!(state(&reader_id), "read valid");
    says(&states(), &["dash board", "the first", "rotated"]);

    assert_eq!(tokens(&["revoke", "acme", &reader_id]), "");
    says(&as_who(&reader).refused(2, &["info"]), &["no valid token"]);
    assert_eq!(state(&reader_id), "read revoked");
    let said = admin.refused(2, &["tenant", "token", "revoke", "acme", "nosuch"]);
    says(&said, &["there is no token `nosuch`"]);

    let (brief, brief_id) = token(&tokens(&["issue", "acme", "--valid", "1s"]));
    eventually("it is over", || state(&brief_id) == "submit expired");
    says(&as_who(&brief).refused(2, &["info"]), &["no valid token"]);
}

#[test]
fn what_all_tenants_have_holds_for_those_that_say_nothing_else() {
    let mut place = Place::with("[defaults]\njobs = 7\nactors = 5\n[tenant.file]\nactors = 6\n");
    let server = place.start();
    let admin = User::admin(&server, &place);
    admin.try_run(&["tenant", "add", "asked", "--jobs", "8"]);
    let json = admin.json(&["tenant", "list", "--json"]);
    let limits = |name: &str| {
        let tenants = json["tenants"].as_array().unwrap();
        let tenant = tenants.iter().find(|tenant| tenant["name"] == name);
        let limits = &tenant.unwrap()["limits"];
        (limits["jobs"].as_u64(), limits["actors"].as_u64())
    };
    assert_eq!(limits("file"), (Some(7), Some(6)));
    assert_eq!(limits("asked"), (Some(8), Some(5)));
    assert_eq!(limits("default"), (Some(7), Some(5)));
}
