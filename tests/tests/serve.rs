//! `wrun serve` as its users meet it: the command itself on a port of its own, talked to by the command line, by the client
//! and by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "what happens one after another stands in one piece, and cases in tables"
)]
#![forbid(unsafe_code)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use wrun_host::{
    api::{JobRequest, JobState, Role, TenantLimits, TenantRequest},
    client::Client,
};
use wrun_tests::{
    guest::SERVE,
    server::{
        Place, Server, block_on, ended, eventually, main, output, pushed, refused, succeeded, task,
        tenant, text, token,
    },
    wrun,
};

/// The guest's name stands for all tests here.
macro_rules! assert_guest_is_used {
    (serve) => {};
}
wrun_tests::foreach_serve!(assert_guest_is_used);

#[test]
fn a_job_looks_as_one_here() {
    let mut place = Place::new();
    let server = place.start();
    for args in [
        &["--", "a", "b"][..],
        &["--", "lines", "1000"],
        &["--", "exit", "7"],
        &["--", "fail"],
        &["--task", "double", "--args", "[4]"],
        &["--task", "double", "--args", "[\"x\"]"],
        &["--task", "double", "--args", "[]"],
        &["--task", "nosuch"],
        &["--task", "many", "--args", "[1000]"],
        &["--timeout", "200ms", "--task", "spin"],
        &["--env", "GREETING=hi", "--", "env"],
    ] {
        let args = [&["submit", SERVE], args].concat();
        let there = server.wrun(&place.token, &args);
        let here = Command::new(wrun())
            .args(&args)
            .env_remove("WRUN_ADDRESS")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let context = format!("{args:?}\n{}\n{}", text(&there.stderr), text(&here.stderr));
        assert_eq!(there.status.code(), here.status.code(), "{context}");
        assert_eq!(text(&there.stdout), text(&here.stdout), "{context}");
        // Ids of calls differ, and what comes from the two streams may be mixed in another way.
        let first = |output: &Output| text(&output.stderr).lines().next().map(ToOwned::to_owned);
        let cut =
            |line: Option<String>| line.map(|line| line.split('#').next().unwrap().to_owned());
        assert_eq!(cut(first(&there)), cut(first(&here)), "{context}");
    }
    assert_eq!(server.stop(), 143);
}

#[test]
fn a_job_can_be_left_and_looked_at_again() {
    let mut place = Place::new();
    let server = place.start();
    let run = |args: &[&str]| {
        let output = server.wrun(&place.token, args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout).to_owned()
    };
    let id = run(&[
        "submit", SERVE, "--detach", "--task", "nap", "--args", "[300]",
    ]);
    let id = id.trim();
    let none = server.wrun(&place.token, &["job", "result", id]);
    assert!(
        text(&none.stderr).contains("has no result"),
        "{}",
        text(&none.stderr)
    );
    assert_eq!(run(&["job", "result", id, "--wait", "30s"]), "0\n");
    assert!(run(&["job", "status", id]).contains("state           finished"));
    assert!(run(&["list", "jobs", "--state", "finished"]).contains("nap of serve.wasm"));
    assert!(!run(&["list", "jobs", "--state", "running,queued"]).contains("nap"));

    let hash = run(&["module", "push", SERVE]);
    assert!(run(&["module", "list"]).contains(hash.trim()));
    let id = run(&[
        "submit",
        "--module",
        hash.trim(),
        "--detach",
        "--",
        "nap",
        "60000",
    ]);
    let id = id.trim();
    let mut follow = Command::new(wrun())
        .args(["job", "logs", "-f", id])
        .env("WRUN_ADDRESS", &server.address)
        .env("WRUN_TOKEN", &place.token)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "attempt 0");
    let in_use = server.wrun(&place.token, &["module", "rm", hash.trim()]);
    assert!(!in_use.status.success());
    run(&["job", "cancel", id]);
    assert!(lines.next().is_none() && follow.wait().unwrap().success());
    eventually("it is cancelled", || {
        run(&["job", "status", id]).contains("cancelled")
    });
    run(&["module", "rm", hash.trim()]);
    assert!(!run(&["module", "list"]).contains(hash.trim()));
}

#[test]
fn one_key_is_one_job() {
    let mut place = Place::new();
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        let request = task(&module, "double", vec![json!(4)]);
        let all = (0..50).map(|_| client.submit(&request, Some("k")));
        let all = futures_of(all).await;
        let ids: std::collections::BTreeSet<_> =
            all.into_iter().map(|job| job.unwrap().id).collect();
        assert_eq!(ids.len(), 1);
        let other = client
            .submit(&task(&module, "double", vec![json!(5)]), Some("k"))
            .await;
        let (status, message) = refused(other.unwrap_err());
        assert!(
            status == 409 && message.contains("`k`"),
            "{status} {message}"
        );
        assert_eq!(client.jobs(&[], None, 100).await.unwrap().jobs.len(), 1);
    });
}

/// All of them at once.
async fn futures_of<T: Send + 'static>(
    all: impl Iterator<Item = impl Future<Output = T>>,
) -> Vec<T> {
    let mut done = Vec::new();
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        all.retain_mut(|one| match one.as_mut().poll(cx) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if all.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done
}

#[test]
fn what_was_accepted_is_there_after_a_kill() {
    let mut place = Place::new();
    let server = place.start();
    let (done, napping, lost) = block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        let done = client
            .submit(&main(&module, &["lines", "3"]), None)
            .await
            .unwrap();
        ended(&client, &done.id).await;
        let napping = client
            .submit(&task(&module, "nap", vec![json!(1500)]), Some("nap"))
            .await;
        let mut request = task(&module, "nap", vec![json!(60_000)]);
        request.no_restart = true;
        let lost = client.submit(&request, None).await.unwrap();
        for id in [&napping.as_ref().unwrap().id, &lost.id] {
            while client.job(id).await.unwrap().state != JobState::Running {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        (done.id, napping.unwrap().id, lost.id)
    });
    server.kill();
    let server = place.start();
    assert_eq!(server.token, None, "the admin's token is shown once");
    block_on(async {
        let client = server.client(&place.token);
        let before = client.job(&done).await.unwrap();
        assert_eq!(
            (before.state, before.exit_code),
            (JobState::Finished, Some(0))
        );
        assert_eq!(output(&client, &done).await, "line 0\nline 1\nline 2\n");
        let gone = client.job(&lost).await.unwrap();
        assert_eq!(gone.state, JobState::Lost);
        assert!(gone.reason.is_some_and(|why| !why.is_empty()));
        let again = ended(&client, &napping).await;
        assert_eq!((again.state, again.attempt), (JobState::Finished, 2));
        assert_eq!(
            client.result(&napping, 0).await.unwrap(),
            json!(1),
            "the guest sees it"
        );
        let module = before.module;
        let same = client
            .submit(&task(&module, "nap", vec![json!(1500)]), Some("nap"))
            .await;
        assert_eq!(same.unwrap().id, napping);
    });
}

/// Actors live in memory, detached ones too: after a restart there are none, and their names are free.
#[test]
fn detached_actors_end_with_their_server() {
    for kill in [true, false] {
        let mut place = Place::with("drain = \"1ms\"");
        let server = place.start();
        let token = place.token.clone();
        let module = block_on(pushed(&server.client(&token)));
        let count = |server: &Server, name: &str| {
            let client = server.client(&token);
            let call = task(&module, "shared", vec![json!(name)]);
            block_on(async {
                let id = client.submit(&call, None).await.unwrap().id;
                client.result(&id, 30).await.unwrap()
            })
        };
        assert_eq!(
            (count(&server, "n"), count(&server, "n")),
            (json!(1), json!(2))
        );
        let again = block_on(async {
            let client = server.client(&token);
            let call = task(&module, "meet_again", vec![json!("m"), json!(60_000)]);
            let id = client.submit(&call, None).await.unwrap().id;
            let mut lines = client.logs(&id, 0, true).await.unwrap();
            lines
                .next()
                .await
                .unwrap()
                .expect("the actor's first count");
            id
        });
        assert_eq!(count(&server, "m"), json!(2), "others find it");
        match kill {
            true => server.kill(),
            false => assert_eq!(server.stop(), 143),
        }
        let server = place.start();
        let said = block_on(server.client(&token).result(&again, 30)).unwrap();
        assert_eq!(said, json!("no actor is registered as `m`"), "{kill}");
        let names = ["n", "m"].map(|name| count(&server, name));
        assert_eq!(names, [json!(1), json!(1)], "{kill}");
    }
}

/// A handle is good for nothing when its actor is dead, whose reason it gives.
#[test]
fn a_handle_of_a_dead_actor_says_why() {
    let mut place = Place::new();
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        for (call, expected) in [
            ("shared", json!(1)),
            ("outlive", Json::Null),
            // Its name is free again.
            ("shared", json!(1)),
        ] {
            let call = task(&module, call, vec![json!("n")]);
            let id = client.submit(&call, None).await.unwrap().id;
            let result = client.result(&id, 30).await.unwrap();
            match result.as_str() {
                None => assert_eq!(result, expected),
                Some(said) => assert!(said.contains("is dead") && said.contains("broke"), "{said}"),
            }
        }
    });
}

#[test]
fn a_job_under_which_the_server_falls_three_times_is_put_aside() {
    let mut place = Place::new();
    let mut server = place.start();
    let id = block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        client
            .submit(&main(&module, &["nap", "60000"]), None)
            .await
            .unwrap()
            .id
    });
    for _ in 0..3 {
        block_on(async {
            let client = server.client(&place.token);
            while client.job(&id).await.unwrap().state != JobState::Running {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        server.kill();
        server = place.start();
    }
    block_on(async {
        let admin = server.client(&place.token);
        let job = admin.job(&id).await.unwrap();
        assert_eq!((job.state, job.attempt), (JobState::Quarantined, 3));
        let own = admin
            .issue("default", &token(Role::Admin))
            .await
            .unwrap()
            .token;
        let (status, _) = refused(server.client(&own).restart(&id).await.unwrap_err());
        assert_eq!(status, 403, "only the host's admin knows that it is safe");
        admin.restart(&id).await.unwrap();
        while admin.job(&id).await.unwrap().state != JobState::Running {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        admin.cancel(&id).await.unwrap();
        assert_eq!(ended(&admin, &id).await.state, JobState::Cancelled);
    });
}

#[test]
fn a_stop_in_order_is_none_that_counts() {
    let mut place = Place::with("drain = \"100ms\"");
    let mut server = place.start();
    let (slow, quick) = block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        let slow = client
            .submit(&task(&module, "nap", vec![json!(2000)]), None)
            .await
            .unwrap();
        let quick = client
            .submit(&task(&module, "double", vec![json!(1)]), None)
            .await
            .unwrap();
        (slow.id, quick.id)
    });
    for _ in 0..4 {
        assert_eq!(server.stop(), 143);
        server = place.start();
    }
    block_on(async {
        let client = server.client(&place.token);
        assert_eq!(ended(&client, &quick).await.state, JobState::Finished);
        let job = ended(&client, &slow).await;
        assert_eq!(job.state, JobState::Finished, "{:?}", job.reason);
        assert!(job.attempt > 3, "{}", job.attempt);
    });
}

#[test]
fn nobody_sees_what_is_another_s() {
    let mut place = Place::new();
    let server = place.start();
    block_on(async {
        let admin = server.client(&place.token);
        let ours = tenant(&admin, "ours", TenantLimits::default()).await;
        let theirs = tenant(&admin, "theirs", TenantLimits::default()).await;
        let reader = admin.issue("ours", &token(Role::Read)).await.unwrap().token;
        let [ours, theirs, reader] = [ours, theirs, reader].map(|token| server.client(&token));
        let module = pushed(&ours).await;
        let job = ours
            .submit(&main(&module, &["nap", "60000"]), None)
            .await
            .unwrap();

        // Another one's is what is not there, to the letter.
        let unknown = "00000000000000aa";
        let like = |message: String| message.replace(&job.id, unknown);
        for (own, none) in [
            (
                theirs.job(&job.id).await.unwrap_err(),
                theirs.job(unknown).await.unwrap_err(),
            ),
            (
                theirs.cancel(&job.id).await.unwrap_err(),
                theirs.cancel(unknown).await.unwrap_err(),
            ),
            (
                theirs.result(&job.id, 0).await.unwrap_err(),
                theirs.result(unknown, 0).await.unwrap_err(),
            ),
            (
                theirs.logs(&job.id, 0, false).await.unwrap_err(),
                theirs.logs(unknown, 0, false).await.unwrap_err(),
            ),
            (
                theirs.restart(&job.id).await.unwrap_err(),
                theirs.restart(unknown).await.unwrap_err(),
            ),
        ] {
            let (own, none) = (refused(own), refused(none));
            assert_eq!((own.0, like(own.1)), none);
            assert_eq!(none.0, 404);
        }
        let none = "0".repeat(64);
        let own = refused(theirs.module(&module).await.unwrap_err());
        assert_eq!(
            (own.0, own.1.replace(&module, &none)),
            refused(theirs.module(&none).await.unwrap_err())
        );
        let submitted = theirs.submit(&main(&module, &[]), None).await;
        assert_eq!(
            refused(submitted.unwrap_err()).0,
            404,
            "a module is its tenant's"
        );
        assert_eq!(refused(theirs.tenant("ours").await.unwrap_err()).0, 404);
        assert_eq!(
            refused(theirs.issue("ours", &token(Role::Read)).await.unwrap_err()).0,
            404
        );
        assert!(theirs.jobs(&[], None, 10).await.unwrap().jobs.is_empty());
        assert!(theirs.modules().await.unwrap().modules.is_empty());
        let seen = theirs.tenants().await.unwrap().tenants;
        assert_eq!(
            seen.iter().map(|tenant| &*tenant.name).collect::<Vec<_>>(),
            ["theirs"]
        );

        // Names of actors are a tenant's own, and its jobs share them.
        for (client, expected) in [(&ours, 1), (&theirs, 1), (&ours, 2)] {
            let module = pushed(client).await;
            let job = client
                .submit(&task(&module, "shared", vec![json!("n")]), None)
                .await
                .unwrap();
            assert_eq!(client.result(&job.id, 30).await.unwrap(), json!(expected));
        }

        // Who may read may read.
        assert_eq!(reader.job(&job.id).await.unwrap().state, JobState::Running);
        assert_eq!(refused(reader.cancel(&job.id).await.unwrap_err()).0, 403);
        assert_eq!(
            refused(reader.submit(&main(&module, &[]), None).await.unwrap_err()).0,
            403
        );
        let request = TenantRequest {
            weight: std::num::NonZeroU32::MIN,
            limits: TenantLimits::default(),
        };
        assert_eq!(
            refused(ours.put_tenant("ours", &request).await.unwrap_err()).0,
            403
        );
        assert_eq!(
            refused(ours.remove_tenant("ours").await.unwrap_err()).0,
            403
        );
        assert_eq!(
            refused(ours.issue("ours", &token(Role::Admin)).await.unwrap_err()).0,
            403
        );
        assert_eq!(
            refused(admin.remove_tenant("ours").await.unwrap_err()).0,
            409,
            "it has a job"
        );
        admin.cancel(&job.id).await.unwrap();
        ended(&admin, &job.id).await;
        admin.remove_tenant("ours").await.unwrap();
        assert_eq!(
            refused(ours.info().await.unwrap_err()).0,
            401,
            "its tokens are gone"
        );
    });
}

#[test]
fn whatever_is_sent_the_answer_is_the_api_s() {
    let mut place = Place::new();
    let server = place.start();
    let job = block_on(async {
        let admin = server.client(&place.token);
        let ours = server.client(&tenant(&admin, "ours", TenantLimits::default()).await);
        let module = pushed(&ours).await;
        let job = ours.submit(&main(&module, &[]), None).await.unwrap();
        ended(&ours, &job.id).await.id
    });
    let ask = |method: &str, path: &str, more: &str| {
        let token = &place.token;
        let answer = server.raw(&format!(
            "{method} {path} HTTP/1.1\r\nHost: wrun\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{more}\r\n"
        ));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    };
    for (method, path, more, wanted) in [
        ("GET", "/v1/jobs/%ff".to_owned(), "", 404),
        ("GET", "/v1/modules/%ff".to_owned(), "", 404),
        ("GET", "/v1/tenants/%ff%00".to_owned(), "", 404),
        ("GET", "/v1/jobs?limit=1&limit=2".to_owned(), "", 400),
        ("GET", "/v1/jobs?limit=-1".to_owned(), "", 400),
        ("GET", format!("/v1/jobs/{job}/logs?from=x"), "", 400),
        (
            "POST",
            "/v1/modules?name=a&name=b".to_owned(),
            "Content-Length: 0\r\n",
            400,
        ),
        ("PATCH", "/v1/jobs".to_owned(), "Content-Length: 0\r\n", 405),
        ("GET", "/v2".to_owned(), "", 404),
    ] {
        let (status, head, body) = ask(method, &path, more);
        assert_eq!(status, wanted, "{method} {path}: {head}\n{body}");
        assert!(
            head.contains("content-type: application/json"),
            "{method} {path}: {head}"
        );
        let body: Json = serde_json::from_str(&body).unwrap();
        assert!(body["error"]["message"].is_string(), "{body}");
    }
    // There is nothing after the last of all lines.
    let last = "Accept: text/event-stream\r\nLast-Event-ID: 18446744073709551615\r\n";
    let (status, head, body) = ask("GET", &format!("/v1/jobs/{job}/logs?follow=true"), last);
    assert_eq!(status, 200, "{head}");
    assert!(
        body.contains("event: end") && !body.contains("event: line"),
        "{body}"
    );
}

#[test]
fn tokens_are_rotated_and_revoked_at_once() {
    let mut place = Place::new();
    let server = place.start();
    block_on(async {
        let admin = server.client(&place.token);
        let first = tenant(&admin, "acme", TenantLimits::default()).await;
        let ok = async |token: &str| server.client(token).info().await.is_ok();
        assert!(ok(&first).await);
        let mut request = token(Role::Submit);
        request.rotate = true;
        let second = admin.issue("acme", &request).await.unwrap();
        assert!(!ok(&first).await && ok(&second.token).await);
        admin.revoke("acme", &second.info.id).await.unwrap();
        assert!(!ok(&second.token).await);
        let mut request = token(Role::Submit);
        request.valid_seconds = Some(1);
        let short = admin.issue("acme", &request).await.unwrap().token;
        assert!(ok(&short).await);
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert!(!ok(&short).await);
        // Almost right is wrong, and no token is too.
        let mut almost = place.token.clone();
        let last = almost.pop().unwrap();
        almost.push(if last == 'A' { 'B' } else { 'A' });
        assert!(!ok(&almost).await && !ok("").await && !ok("wrun_").await);
        let list = admin.tokens("acme").await.unwrap().tokens;
        assert_eq!(list.iter().filter(|token| token.revoked).count(), 2);
    });
    let state = fs::read(place.path("data/ledger.redb")).unwrap();
    // Its end, since any of its letters may be the one between its parts.
    let secret = &place.token[place.token.len() - 20..];
    let found = state
        .windows(secret.len())
        .any(|bytes| bytes == secret.as_bytes());
    assert!(!found, "the token's text is in the database");
}

/// Each limit is reached, and says so.
#[test]
fn limits_are_told_by_name() {
    let mut place = Place::new();
    let server = place.start();
    block_on(async {
        let admin = server.client(&place.token);
        let limited = async |name: &str, limits: TenantLimits| {
            let client = server.client(&tenant(&admin, name, limits).await);
            let module = pushed(&client).await;
            (client, module)
        };
        let none = TenantLimits::default;
        let failing = async |name: &str, limits: TenantLimits, request: fn(&str) -> JobRequest| {
            let (client, module) = limited(name, limits).await;
            let job = client.submit(&request(&module), None).await.unwrap();
            let job = ended(&client, &job.id).await;
            job.error.expect(name).message
        };
        let spin = |module: &str| task(module, "spin", vec![]);
        let nap = |module: &str| task(module, "nap", vec![json!(60_000)]);
        let cases: [(&str, TenantLimits, fn(&str) -> JobRequest, &str); 6] = [
            (
                "task-cpu",
                TenantLimits {
                    cpu_seconds_per_task: Some(1),
                    ..none()
                },
                spin,
                "limit of a task",
            ),
            (
                "job-cpu",
                TenantLimits {
                    cpu_seconds_per_job: Some(1),
                    ..none()
                },
                spin,
                "processor time",
            ),
            (
                "wall",
                TenantLimits {
                    wall_seconds_per_job: Some(1),
                    ..none()
                },
                nap,
                "longer than its limit",
            ),
            (
                "result",
                TenantLimits {
                    result_bytes: Some(1_000),
                    ..none()
                },
                |module| task(module, "text", vec![json!(2_000)]),
                "1000",
            ),
            (
                "memory",
                TenantLimits {
                    memory: Some(1 << 20),
                    ..none()
                },
                |module| task(module, "text", vec![json!(4_000_000)]),
                "out of memory",
            ),
            (
                "queued",
                TenantLimits {
                    queued_tasks: Some(8),
                    object_bytes: Some(1 << 20),
                    ..none()
                },
                |module| task(module, "text", vec![json!(3_000_000)]),
                "bytes of objects",
            ),
        ];
        for (name, limits, request, expected) in cases {
            let message = failing(name, limits, request).await;
            assert!(message.contains(expected), "{name}: {message}");
        }

        let (client, module) = limited(
            "jobs",
            TenantLimits {
                jobs: Some(1),
                ..none()
            },
        )
        .await;
        let first = client.submit(&nap(&module), None).await.unwrap();
        let (status, message) = refused(client.submit(&nap(&module), None).await.unwrap_err());
        assert!(
            status == 429 && message.contains("1 unfinished jobs"),
            "{status} {message}"
        );
        client.cancel(&first.id).await.unwrap();
        ended(&client, &first.id).await;

        let (client, module) = limited(
            "log",
            TenantLimits {
                log_bytes: Some(10_000),
                ..none()
            },
        )
        .await;
        let job = client
            .submit(&main(&module, &["lines", "5000"]), None)
            .await
            .unwrap();
        let job = ended(&client, &job.id).await;
        assert!(
            job.logs.bytes <= 10_000 && job.logs.dropped_lines > 4_000,
            "{:?}",
            job.logs
        );
        assert!(
            output(&client, &job.id)
                .await
                .ends_with("line 4998\nline 4999\n")
        );

        let small = TenantLimits {
            module_bytes: Some(1_000),
            ..none()
        };
        let client = server.client(&tenant(&admin, "module", small).await);
        let pushed = client.push("m.wasm", fs::read(SERVE).unwrap()).await;
        let (status, message) = refused(pushed.unwrap_err());
        assert!(
            status == 429 && message.contains("1000"),
            "{status} {message}"
        );

        let slow = TenantLimits {
            requests_per_second: Some(2),
            ..none()
        };
        let client = server.client(&tenant(&admin, "requests", slow).await);
        let mut refusals = 0;
        for _ in 0..10 {
            if let Err(error) = client.info().await {
                let (status, message) = refused(error);
                assert!(
                    status == 429 && message.contains("`requests`"),
                    "{status} {message}"
                );
                refusals += 1;
            }
        }
        assert!(refusals >= 5, "{refusals}");
        let list = admin.tenants().await.unwrap().tenants;
        let log = list.iter().find(|tenant| tenant.name == "log").unwrap();
        assert_eq!(log.limits.log_bytes, Some(10_000));
    });
}

#[test]
fn the_configuration_makes_tenants_and_is_read_again() {
    let roots = "roots = [\"srv\"]\n";
    let acme = "[tenant.acme]\nweight = 2\njobs = 3\ndirs = [\"srv/acme::/data:ro\"]\n";
    let mut place = Place::with(&format!("{roots}{acme}"));
    fs::create_dir_all(place.path("srv/acme")).unwrap();
    fs::create_dir_all(place.path("other")).unwrap();
    fs::write(place.path("srv/acme/file"), "granted\n").unwrap();
    let server = place.start();
    block_on(async {
        let admin = server.client(&place.token);
        let view = admin.tenant("acme").await.unwrap();
        assert_eq!(
            (view.weight.get(), view.limits.jobs, view.from_config),
            (2, Some(3), true)
        );
        let request = TenantRequest {
            weight: std::num::NonZeroU32::MIN,
            limits: TenantLimits::default(),
        };
        let (status, message) = refused(admin.put_tenant("acme", &request).await.unwrap_err());
        assert!(
            status == 409 && message.contains("configuration"),
            "{message}"
        );
        let token = admin
            .issue("acme", &token(Role::Submit))
            .await
            .unwrap()
            .token;
        let client = server.client(&token);
        let module = pushed(&client).await;
        let job = client
            .submit(&main(&module, &["read"]), None)
            .await
            .unwrap();
        assert_eq!(output(&client, &job.id).await, "granted\n\n");
        let module = pushed(&admin).await;
        let job = admin.submit(&main(&module, &["read"]), None).await.unwrap();
        assert_eq!(
            output(&admin, &job.id).await,
            "\n",
            "another tenant is granted nothing"
        );
    });
    let reload = |config: &str, says: &str| {
        fs::write(place.path("wrun.toml"), config).unwrap();
        server.errors.lock().unwrap().clear();
        server.signal("-HUP");
        server.says(says);
    };
    let jobs = || {
        block_on(async {
            server
                .client(&place.token)
                .tenant("acme")
                .await
                .unwrap()
                .limits
                .jobs
        })
    };
    reload(
        &format!("{roots}{}", acme.replace("jobs = 3", "jobs = 4")),
        "was read again",
    );
    assert_eq!(jobs(), Some(4));
    reload(
        &acme.replace("srv/acme", "other"),
        "not below one of `roots`",
    );
    reload(
        &format!("roots = [\"srv\", \"other\"]\n{acme}"),
        "`roots` was changed, which takes a restart",
    );
    reload("nonsense", "the configuration is as before");
    assert_eq!(jobs(), Some(4));
}

#[test]
fn a_second_server_and_bad_settings_are_refused_in_words() {
    let mut place = Place::new();
    let server = place.start();
    let failed = |place: &Place| {
        let output = place.command().output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        text(&output.stderr).to_owned()
    };
    let said = failed(&place);
    let pid = server.child.id().to_string();
    assert!(
        said.contains("is used by process") && said.contains(&pid),
        "{said}"
    );
    drop(server);
    for (config, expected) in [
        ("listn = 1", "listn"),
        ("[tenant.Acme]", "`Acme` is not a tenant's name"),
        (
            "[tls]\ncertificate = \"no.pem\"\nkey = \"no.pem\"",
            "no.pem",
        ),
    ] {
        place.config = config.to_owned();
        let said = failed(&place);
        assert!(said.contains(expected), "{config}: {said}");
    }
    place.config = String::new();
    fs::write(place.path("data/ledger.redb"), "not a database").unwrap();
    let said = failed(&place);
    assert!(
        said.contains("ledger.redb") && said.contains("damaged"),
        "{said}"
    );
}

#[test]
fn tls_is_spoken_with_a_certificate_that_can_be_replaced() {
    let mut place = Place::with("[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"");
    let certificate = |place: &Place| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(place.path("cert.pem"), made.cert.pem()).unwrap();
        fs::write(place.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        made.cert.pem()
    };
    let first = certificate(&place);
    let server = place.start();
    let address = server.address.replace("127.0.0.1", "localhost");
    assert!(address.starts_with("https://"), "{address}");
    let info = |roots: Option<&str>| {
        let token = Some(place.token.clone());
        let client = Client::trusting(&address, token, None, roots.map(str::as_bytes)).unwrap();
        block_on(client.info())
    };
    assert!(info(Some(&first)).is_ok());
    let error = info(None).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    let output = Command::new(wrun())
        .args(["submit", SERVE, "--task", "double", "--args", "[4]"])
        .env("WRUN_ADDRESS", &address)
        .env("WRUN_TOKEN", &place.token)
        .env("WRUN_CA", place.path("cert.pem"))
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "8\n", "{}", text(&output.stderr));
    let second = certificate(&place);
    server.signal("-HUP");
    server.says("was read again");
    assert!(info(Some(&second)).is_ok() && info(Some(&first)).is_err());
}

/// Clients that go away in each phase of a request leave nothing behind that others could miss.
#[test]
fn clients_may_go_away_at_any_moment() {
    let mut place = Place::new();
    let server = place.start();
    let client = server.client(&place.token);
    let module = block_on(pushed(&client));
    let job = block_on(client.submit(&main(&module, &["nap", "60000"]), None))
        .unwrap()
        .id;
    let host = server.address.strip_prefix("http://").unwrap();
    let bearer = format!("host: {host}\r\nauthorization: Bearer {}\r\n", place.token);
    let json = json!({"module": module, "task": {"name": "double", "args": [1]}}).to_string();
    let requests = [
        "GET /v1/jo".to_owned(),
        format!("GET /v1/jobs HTTP/1.1\r\n{bearer}"),
        format!("GET /v1/jobs HTTP/1.1\r\n{bearer}\r\n"),
        format!("POST /v1/modules HTTP/1.1\r\n{bearer}content-length: 1000000\r\n\r\n\0asm"),
        format!(
            "POST /v1/jobs HTTP/1.1\r\n{bearer}content-type: application/json\r\ncontent-length: 500\r\n\r\n{{"
        ),
        format!(
            "POST /v1/jobs HTTP/1.1\r\n{bearer}content-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
            json.len()
        ),
        format!(
            "GET /v1/jobs/{job}/logs?follow=true HTTP/1.1\r\n{bearer}accept: text/event-stream\r\n\r\n"
        ),
        format!("GET /v1/jobs/{job}/result?wait=300 HTTP/1.1\r\n{bearer}\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}".to_owned(),
        "\0\0nonsense\r\n\r\n".to_owned(),
    ];
    for request in &requests {
        // More than a tenant may be sending at once.
        for pause in 0..8 {
            let mut stream = std::net::TcpStream::connect(host).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(pause));
            drop(stream);
        }
    }
    block_on(async {
        // The connections of the one before ended with its event loop.
        let client = server.client(&place.token);
        let again = fs::read(SERVE).unwrap();
        assert_eq!(client.push("again.wasm", again).await.unwrap().hash, module);
        // What was whole was taken, whoever was there to hear it.
        for job in client.jobs(&[], None, 100).await.unwrap().jobs {
            if job.task.is_some() {
                assert_eq!(ended(&client, &job.id).await.exit_code, Some(0));
            }
        }
        client.cancel(&job).await.unwrap();
        assert_eq!(ended(&client, &job).await.state, JobState::Cancelled);
        let used = client.tenant("default").await.unwrap().used;
        assert_eq!(
            (used.jobs, used.memory, used.log_bytes),
            (0, 0, 0),
            "{used:?}"
        );
    });
    let pid = server.child.id();
    eventually("connections are closed", || {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        let sockets = links.filter(|link| link.to_string_lossy().starts_with("socket:"));
        // The listener, the event loops' own, and this client's.
        sockets.count() < 8
    });
    assert_eq!(server.stop(), 143);
}

/// Jobs of one task each, from a thousand clients at once, each with a connection of its own.
#[test]
#[ignore = "takes minutes without optimization: cargo test --release -p wrun-tests --test serve -- --ignored --nocapture"]
fn ten_thousand_jobs_of_a_thousand_clients() {
    const CLIENTS: usize = 1_000;
    const EACH: usize = 10;
    let mut place = Place::new();
    let server = place.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let module = runtime.block_on(pushed(&server.client(&place.token)));
    let start = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (client, module) = (server.client(&place.token), module.clone());
            runtime.spawn(async move {
                for job in 0..EACH {
                    let n = number * EACH + job;
                    let request = task(&module, "double", vec![json!(n)]);
                    let id = client.submit(&request, None).await.unwrap().id;
                    assert_eq!(client.result(&id, 120).await.unwrap(), json!(2 * n));
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for client in clients {
            client.await.unwrap();
        }
    });
    let time = start.elapsed().as_secs_f64();
    println!("{} jobs in {time:.1} s", CLIENTS * EACH);
    let list = runtime.block_on(server.client(&place.token).jobs(
        &["finished".to_owned()],
        None,
        1_000,
    ));
    assert_eq!(list.unwrap().jobs.len(), 1_000);
    assert_eq!(server.stop(), 143);
}

/// Who sends requests pays for the work that they are.
#[test]
fn requests_are_charged() {
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    block_on(async {
        let request = TenantRequest {
            weight: std::num::NonZeroU32::MIN,
            limits: TenantLimits::default(),
        };
        admin.put_tenant("asker", &request).await.unwrap();
        let issued = admin.issue("asker", &token(Role::Submit)).await.unwrap();
        let asker = server.client(&issued.token);
        let cpu = async || admin.tenant("asker").await.unwrap().used.cpu_seconds;
        assert!(cpu().await < 0.001, "nobody asked yet");
        // Read, and then refused.
        let large: Vec<_> = (0..200_000).map(|n| json!({"n": n})).collect();
        for _ in 0..3 {
            let request = task(&"0".repeat(64), "none", large.clone());
            assert_eq!(
                refused(asker.submit(&request, None).await.unwrap_err()).0,
                404
            );
        }
        assert!(cpu().await > 0.01, "{}", cpu().await);
    });
    assert_eq!(server.stop(), 143);
}

/// What a task costs through a server, beside one in a process of its own: 100,000 small ones in one job.
#[test]
#[ignore = "a measurement: cargo test --release -p wrun-tests --test serve -- --ignored --nocapture"]
fn a_task_costs_no_more_on_a_server() {
    let mut place = Place::new();
    let server = place.start();
    let args = ["submit", SERVE, "--task", "timed", "--args", "[100000]"];
    let rate = |output: Output| 1e5 / succeeded(&output).trim().parse::<f64>().unwrap();
    let here = || {
        let mut command = Command::new(wrun());
        rate(
            command
                .args(args)
                .env_remove("WRUN_ADDRESS")
                .output()
                .unwrap(),
        )
    };
    let there = || rate(server.wrun(&place.token, &args));
    here();
    there();
    let mut rates: Vec<_> = (0..9).map(|_| (here(), there())).collect();
    rates.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    let (here, there) = rates[rates.len() / 2];
    println!(
        "{here:.0} tasks/s here, {there:.0} there: {:.2}",
        there / here
    );
    assert!(there / here >= 0.95, "{rates:?}");
}

/// Two tenants that flood the server with tasks of a millisecond share the processor by their weights, and one that sends a
/// task at a time beside a flood waits for a tick, not for the flood.
#[test]
#[ignore = "a measurement: cargo test --release -p wrun-tests --test serve -- --ignored --nocapture"]
fn tenants_share_by_their_weights() {
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    let made = |name: &str, weight: u32| {
        let request = TenantRequest {
            weight: std::num::NonZeroU32::new(weight).unwrap(),
            limits: TenantLimits::default(),
        };
        let client = block_on(async {
            admin.put_tenant(name, &request).await.unwrap();
            let issued = admin.issue(name, &token(Role::Submit)).await.unwrap();
            server.client(&issued.token)
        });
        let module = block_on(pushed(&client));
        (client, module)
    };
    let flood = |(client, module): &(Client, String)| {
        let request = task(module, "flood", vec![json!(100_000), json!(1_000)]);
        block_on(client.submit(&request, None)).unwrap().id
    };
    let cpu = |name: &str| block_on(admin.tenant(name)).unwrap().used.cpu_seconds;
    let share = |(one, one_weight): (&str, u32), (two, two_weight): (&str, u32)| {
        let (first, second) = (made(one, one_weight), made(two, two_weight));
        let (a, b) = (flood(&first), flood(&second));
        thread::sleep(Duration::from_secs(2));
        let before = (cpu(one), cpu(two));
        thread::sleep(Duration::from_secs(10));
        let (x, y) = (cpu(one) - before.0, cpu(two) - before.1);
        block_on(async {
            first.0.cancel(&a).await.unwrap();
            second.0.cancel(&b).await.unwrap();
            ended(&first.0, &a).await;
            ended(&second.0, &b).await;
        });
        100.0 * x / (x + y)
    };
    let equal = share(("even", 1), ("odd", 1));
    let weighted = share(("light", 1), ("heavy", 3));

    let (quiet, loud) = (made("quiet", 1), made("loud", 1));
    let probe = |tasks: usize| {
        let request = task(&quiet.1, "probe", vec![json!(tasks)]);
        block_on(async {
            let id = quiet.0.submit(&request, None).await.unwrap().id;
            let times: Vec<u64> =
                serde_json::from_value(quiet.0.result(&id, 60).await.unwrap()).unwrap();
            (times[0], times[1])
        })
    };
    let idle = probe(1_000);
    let id = flood(&loud);
    thread::sleep(Duration::from_secs(1));
    let beside = probe(1_000);
    block_on(loud.0.cancel(&id)).unwrap();
    println!("equal weights: {equal:.1} % for one of two; weights 1 and 3: {weighted:.1} %");
    println!(
        "one task at a time, p50 / p99: {} / {} µs on an idle host, {} / {} µs beside a flood",
        idle.0, idle.1, beside.0, beside.1
    );
    assert!((47.0..53.0).contains(&equal), "{equal}");
    assert!((22.0..28.0).contains(&weighted), "{weighted}");
    assert!(beside.1 < 3 * idle.1 + 10_000, "{beside:?}");
}

/// A number below `most`, by chance.
fn random(most: u64) -> u64 {
    use std::hash::BuildHasher as _;
    std::hash::RandomState::new().hash_one(()) % most
}

/// All jobs that there are.
async fn all_jobs(client: &Client) -> std::collections::BTreeSet<String> {
    let (mut all, mut before) = (std::collections::BTreeSet::new(), None::<String>);
    loop {
        let page = client.jobs(&[], before.as_deref(), 1_000).await.unwrap();
        all.extend(page.jobs.into_iter().map(|job| job.id));
        before = page.next;
        if before.is_none() {
            return all;
        }
    }
}

/// A server that is killed again and again under load.
#[test]
#[ignore = "takes minutes: cargo test --release -p wrun-tests --test serve -- --ignored --nocapture"]
fn a_hundred_kills_lose_nothing() {
    const KILLS: u64 = 100;
    const CLIENTS: u64 = 4;
    let mut place = Place::new();
    // By key: what was asked for, and the job, if the server acknowledged one.
    let asked = Arc::new(Mutex::new(std::collections::BTreeMap::new()));
    let mut module = String::new();
    for kill in 0..KILLS {
        let server = place.start();
        if kill == 0 {
            module = block_on(pushed(&server.client(&place.token)));
        }
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (client, module) = (server.client(&place.token), module.clone());
                let (asked, stop) = (asked.clone(), stop.clone());
                thread::spawn(move || {
                    block_on(async {
                        for job in 0.. {
                            let key = format!("{kill}-{number}-{job}");
                            let request = task(&module, "double", vec![json!(job)]);
                            let sent = client.submit(&request, Some(&key)).await;
                            let id = sent.ok().map(|sent| sent.id);
                            asked.lock().unwrap().insert(key, (job, id));
                            if stop.load(std::sync::atomic::Ordering::SeqCst) {
                                return;
                            }
                        }
                    });
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(20 + random(250)));
        server.kill();
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        clients
            .into_iter()
            .for_each(|client| client.join().unwrap());
    }
    let server = place.start();
    let client = server.client(&place.token);
    let asked: Vec<_> = std::mem::take(&mut *asked.lock().unwrap())
        .into_iter()
        .collect();
    let (mut acknowledged, mut aside) = (0, 0);
    let mut ids = std::collections::BTreeSet::new();
    // There are tens of thousands, and each look has only so long.
    for some in asked.chunks(1_000) {
        block_on(async {
            for (key, (number, id)) in some {
                // Whether it was there or not: with its key it is one job.
                let again = task(&module, "double", vec![json!(number)]);
                let first = client.submit(&again, Some(key)).await.unwrap().id;
                let second = client.submit(&again, Some(key)).await.unwrap().id;
                assert_eq!(first, second, "{key}");
                assert!(ids.insert(first.clone()), "{key}: another key's job");
                if let Some(id) = id {
                    assert_eq!(*id, first, "{key}");
                    acknowledged += 1;
                }
                let job = ended(&client, &first).await;
                // One that happened to run at three of the kills is put aside.
                if job.state == JobState::Quarantined {
                    aside += 1;
                    continue;
                }
                assert_eq!(job.state, JobState::Finished, "{key}");
                let result = client.result(&first, 0).await.unwrap();
                assert_eq!(result, json!(2 * number), "{key}");
            }
        });
    }
    let all = block_on(all_jobs(&client));
    assert_eq!(all, ids, "nothing that nobody asked for");
    println!(
        "{acknowledged} jobs were acknowledged in {KILLS} lives, and all are there; {aside} were put aside"
    );
    assert!(
        acknowledged > 200 && aside < KILLS,
        "{acknowledged} {aside}"
    );
    assert_eq!(server.stop(), 143);
    let left = |folder: &str| {
        let files = fs::read_dir(place.path("data").join(folder)).unwrap();
        files
            .map(|file| file.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    for folder in ["tmp", "spill", "logs"] {
        assert!(left(folder).is_empty(), "{folder}: {:?}", left(folder));
    }
    assert_eq!(left("modules").len(), 1);
}
