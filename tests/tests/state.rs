//! What of a server's jobs is seen from outside: tasks, actors, objects, and events as they happen.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::too_many_lines,
    reason = "what happens one after another stands in one piece"
)]
#![forbid(unsafe_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value as Json, json};
use wrun_host::{
    api::{JobState, Role, TenantLimits},
    client::{Client, JobEvent, ListFilter},
    types::{
        ActorState, ActorView, CallState, Event, EventKind, ObjectState, ObjectView, TaskKind,
        TaskState, TaskView,
    },
};
use wrun_tests::{
    guest::SERVE,
    server::{Place, block_on, ended, main, pushed, refused, task, tenant, text, token},
    wrun,
};

/// The guest's name stands for all tests here.
macro_rules! assert_guest_is_used {
    (serve) => {};
}
wrun_tests::foreach_serve!(assert_guest_is_used);

/// Slots, so that it does not depend on the machine what is queued.
const FOUR: &str = "[host]\nnum_cpus = 4\n";

fn of(job: &str) -> ListFilter {
    ListFilter {
        job: Some(job.to_owned()),
        ..ListFilter::default()
    }
}

fn named(name: &str) -> ListFilter {
    ListFilter {
        name: Some(name.to_owned()),
        ..ListFilter::default()
    }
}

fn in_state(state: &str) -> ListFilter {
    ListFilter {
        state: Some(state.to_owned()),
        ..ListFilter::default()
    }
}

/// Asks again until it is as it should be.
async fn until<T: std::fmt::Debug>(
    what: &str,
    mut ask: impl AsyncFnMut() -> T,
    is_so: impl Fn(&T) -> bool,
) -> T {
    for _ in 0..2_000 {
        let seen = ask().await;
        if is_so(&seen) {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}, at last {:#?}", ask().await);
}

async fn tasks(client: &Client, filter: ListFilter) -> Vec<TaskView> {
    client.tasks(&filter).await.unwrap().tasks
}

async fn actors(client: &Client, filter: ListFilter) -> Vec<ActorView> {
    client.actors(&filter).await.unwrap().actors
}

async fn objects(client: &Client, filter: ListFilter) -> Vec<ObjectView> {
    client.objects(&filter).await.unwrap().objects
}

fn one<'a, T>(all: &'a [T], what: &str, is_it: impl Fn(&T) -> bool) -> &'a T {
    let found: Vec<_> = all.iter().filter(|one| is_it(one)).collect();
    assert_eq!(found.len(), 1, "{what}");
    found[0]
}

#[test]
fn each_task_is_seen_in_its_state() {
    let mut place = Place::with(FOUR);
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        let request = task(&module, "scene", vec![json!(60_000)]);
        let job = client.submit(&request, None).await.unwrap().id;
        let all = until(
            "20 naps are there",
            async || tasks(&client, of(&job)).await,
            |all| all.iter().filter(|task| task.name == "nap").count() >= 22,
        )
        .await;
        let numbers: Vec<_> = all.iter().map(|task| task.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        for task in &all {
            assert_eq!(
                (task.job.to_string(), task.tenant.as_str()),
                (job.clone(), "default")
            );
            assert!(
                task.created_at > 1_700_000_000_000 && task.queued_ms < 60_000,
                "{task:?}"
            );
        }

        let scene = one(&all, "the task called", |task| task.name == "scene");
        assert_eq!(
            (scene.kind, scene.state),
            (TaskKind::Task, TaskState::Running)
        );
        assert_eq!((scene.parent, scene.attempt), (None, 0));
        assert!(scene.started_at.unwrap() >= scene.created_at);
        assert!(scene.run_ms.unwrap() >= 50, "{scene:?}");

        let blocked = one(&all, "one waits for a nap", |task| {
            task.name == "wait_for_nap"
        });
        assert_eq!(blocked.state, TaskState::Blocked);
        assert_eq!(blocked.parent, Some(scene.id));
        assert_eq!(json!(blocked.blocked_on), json!("objects"));
        let waiting = one(&all, "one waits for its argument", |task| {
            task.name == "after"
        });
        assert_eq!(
            (waiting.state, waiting.started_at),
            (TaskState::Waiting, None)
        );
        let made = waiting.after.iter().map(|number| {
            let maker = all.iter().find(|task| task.number == *number);
            maker.map(|task| &*task.name)
        });
        assert!(made.eq([Some("nap")]), "{waiting:?}");

        let first = one(&all, "one failed at once", |task| {
            task.name == "fails" && task.attempt == 0
        });
        assert_eq!(first.state, TaskState::Failed);
        let error = first.error.as_ref().unwrap();
        assert_eq!(
            (error.message.as_str(), error.code.as_str()),
            ("the first", "WR0101")
        );
        assert!(first.ended_at.unwrap() >= first.started_at.unwrap());
        let last = one(&all, "one was tried again", |task| {
            task.name == "fails" && task.attempt == 2
        });
        assert_eq!(last.error.as_ref().unwrap().message, "the last");
        let cancelled = one(&all, "one was cancelled", |task| {
            task.state == TaskState::Cancelled
        });
        assert_eq!(cancelled.name, "nap");
        assert!(cancelled.run_ms.unwrap() < 10_000, "{cancelled:?}");

        let naps = |state| {
            all.iter()
                .filter(|t| t.name == "nap" && t.state == state)
                .count()
        };
        // The task that was called has a slot, and so has the actor that rests.
        assert!((1..=3).contains(&naps(TaskState::Running)), "{all:#?}");
        assert!(naps(TaskState::Queued) >= 18, "{all:#?}");
        let calls: Vec<_> = all
            .iter()
            .filter(|t| t.kind == TaskKind::ActorMethod)
            .collect();
        let queued = calls
            .iter()
            .filter(|t| t.state == TaskState::Queued && t.name == "Counter.add");
        assert_eq!(queued.count(), 3, "{calls:#?}");
        let rest = one(&all, "the actor rests", |task| task.name == "Counter.rest");
        assert_eq!(rest.state, TaskState::Running);

        // The filters, one by one and together.
        let failed = tasks(&client, in_state("failed,cancelled")).await;
        let states: BTreeSet<_> = failed.iter().map(|task| task.state.text()).collect();
        assert_eq!(states, ["cancelled", "failed"].into());
        let naps = ListFilter {
            limit: Some(7),
            ..named("nap")
        };
        let naps = client.tasks(&naps).await.unwrap();
        assert!(naps.tasks.len() == 7 && naps.tasks.iter().all(|task| task.name == "nap"));
        assert!(
            naps.next.is_some() && naps.totals.failed >= 2,
            "{:?}",
            naps.totals
        );
        assert!(tasks(&client, named("na")).await.is_empty());

        // What a job leaves when it ends: nothing but its numbers.
        client.cancel(&job).await.unwrap();
        assert_eq!(ended(&client, &job).await.state, JobState::Cancelled);
        let none = until(
            "they are gone",
            async || tasks(&client, of(&job)).await,
            |all| all.iter().all(|task| task.kind == TaskKind::ActorMethod),
        );
        none.await;
    });
}

#[test]
fn each_actor_is_seen_in_its_state() {
    let mut place = Place::with(FOUR);
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        let request = task(&module, "scene", vec![json!(60_000)]);
        let job = client.submit(&request, None).await.unwrap().id;
        let all = until(
            "all are there, and one hibernates",
            async || actors(&client, of(&job)).await,
            |all| {
                all.len() == 3
                    && all
                        .iter()
                        .any(|actor| actor.state == ActorState::Hibernating)
            },
        )
        .await;
        let counter = one(&all, "the named", |actor| {
            actor.name.as_deref() == Some("counter")
        });
        assert_eq!(
            (counter.class.as_str(), counter.detached),
            ("Counter", true)
        );
        assert_eq!(
            (counter.state, counter.queued_calls),
            (ActorState::Alive, 3)
        );
        assert_eq!((counter.restarts, counter.error.as_ref()), (0, None));
        assert!(counter.memory_bytes.unwrap() >= 64 << 10, "{counter:?}");
        assert_eq!(
            (counter.job.to_string(), counter.tenant.as_str()),
            (job.clone(), "default")
        );
        let dead = one(&all, "the dead", |actor| actor.state == ActorState::Dead);
        let error = dead.error.as_ref().unwrap();
        assert!(error.message.contains("the counter broke"), "{error:?}");
        assert!(
            !error.message.contains('\n') && error.code == "WR0102",
            "{error:?}"
        );
        assert!(dead.ended_at.unwrap() >= dead.created_at && dead.name.is_none());
        let idle = one(&all, "the idle", |actor| {
            actor.name.as_deref() == Some("idle")
        });
        assert_eq!(
            (idle.state, idle.queued_calls, idle.detached),
            (ActorState::Hibernating, 0, false)
        );

        assert_eq!(
            actors(&client, named("idle")).await,
            std::slice::from_ref(idle)
        );
        assert_eq!(actors(&client, named("Counter")).await.len(), 3);
        assert_eq!(actors(&client, in_state("dead")).await.len(), 1);
        // A page at a time.
        let (mut ids, mut filter) = (
            Vec::new(),
            ListFilter {
                limit: Some(1),
                ..of(&job)
            },
        );
        loop {
            let page = client.actors(&filter).await.unwrap();
            ids.extend(page.actors.iter().map(|actor| actor.id));
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3, "{ids:?}");

        client.cancel(&job).await.unwrap();
        ended(&client, &job).await;
        let left = until(
            "the detached one lives on",
            async || actors(&client, ListFilter::default()).await,
            |all| all.len() == 1,
        )
        .await;
        assert!(
            left[0].detached && left[0].job.to_string() == job,
            "{left:?}"
        );
    });
}

#[test]
fn objects_are_seen_where_they_are() {
    let mut place = Place::with("[host]\nnum_cpus = 1\nobject_store_memory = \"8MiB\"\n");
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        let args = vec![json!(6), json!(2 << 20), json!(60_000)];
        let job = client
            .submit(&task(&module, "hold", args), None)
            .await
            .unwrap()
            .id;
        let all = until(
            "seven large ones, an argument and an error",
            async || objects(&client, of(&job)).await,
            |all| all.len() >= 9,
        )
        .await;
        let large: Vec<_> = all.iter().filter(|object| object.size > 2 << 20).collect();
        assert_eq!(large.len(), 7, "{all:#?}");
        let spilled = large
            .iter()
            .filter(|o| o.state == ObjectState::Spilled)
            .count();
        let memory = large
            .iter()
            .filter(|o| o.state == ObjectState::Memory)
            .count();
        assert!(
            spilled >= 3 && memory >= 1 && spilled + memory == 7,
            "{all:#?}"
        );
        for object in &large {
            assert!(
                object.size < (2 << 20) + 100 && object.holders >= 1,
                "{object:?}"
            );
            assert!(object.created_at.unwrap() > 1_700_000_000_000 && object.task.is_some());
        }
        let by = |name: &str| {
            large
                .iter()
                .filter(|o| o.name.as_deref() == Some(name))
                .count()
        };
        assert_eq!((by("hold"), by("text")), (6, 1));
        let small = one(&all, "the small argument", |object| {
            object.state == ObjectState::Inline
        });
        assert!(small.size < 10 && small.task.is_none(), "{small:?}");
        // Handles hold the others.
        assert_eq!(small.arguments_of.len(), 1, "{small:?}");
        assert!(large.iter().all(|object| object.arguments_of.is_empty()));
        let living = tasks(&client, of(&job)).await;
        let hold = one(&living, "who holds them", |task| task.name == "hold");
        let held = |object: &&&ObjectView| object.held_by == [hold.id];
        assert_eq!(large.iter().filter(held).count(), 7, "{large:?}");
        assert_eq!((&small.held_by, small.holders), (&vec![hold.id], 2));
        let failed = one(&all, "the error", |object| {
            object.state == ObjectState::Failed
        });
        assert_eq!(failed.error.as_ref().unwrap().message, "no object");
        assert_eq!(failed.name.as_deref(), Some("fails"));

        let numbers = |all: &[ObjectView]| all.iter().map(|o| o.id.number()).collect::<Vec<_>>();
        assert!(numbers(&all).is_sorted_by(|a, b| a < b));
        let (mut paged, mut filter) = (
            Vec::new(),
            ListFilter {
                limit: Some(2),
                ..of(&job)
            },
        );
        loop {
            let page = client.objects(&filter).await.unwrap();
            assert!(page.objects.len() <= 2);
            paged.extend(numbers(&page.objects));
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        assert_eq!(paged, numbers(&all));
        assert_eq!(objects(&client, named("text")).await.len(), 1);
        assert_eq!(objects(&client, in_state("spilled")).await.len(), spilled);
        client.cancel(&job).await.unwrap();
        ended(&client, &job).await;
        assert!(objects(&client, ListFilter::default()).await.is_empty());
    });
}

#[test]
fn pages_miss_nothing_that_stays_while_thousands_change() {
    let mut place = Place::with(FOUR);
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        let request = task(&module, "naps", vec![json!(5_000), json!(20)]);
        let job = client.submit(&request, None).await.unwrap().id;
        until(
            "all are made",
            async || client.tasks(&of(&job)).await.unwrap().totals.submitted,
            |submitted| *submitted == 5_001,
        )
        .await;
        let pages = async |limit: usize| {
            let (mut ids, mut count) = (Vec::new(), 0);
            let mut filter = ListFilter {
                limit: Some(limit),
                state: Some("queued".to_owned()),
                ..of(&job)
            };
            loop {
                let page = client.tasks(&filter).await.unwrap();
                assert!(page.tasks.len() <= limit && count < 1_000);
                ids.extend(page.tasks.iter().map(|task| task.number));
                count += 1;
                filter.after = page.next;
                if filter.after.is_none() {
                    return (ids, count);
                }
            }
        };
        let (before, _) = pages(10_000).await;
        let (paged, count) = pages(100).await;
        let (after, _) = pages(10_000).await;
        assert!(
            before.len() > 3_000 && after.len() < before.len(),
            "they go on meanwhile"
        );
        assert!(
            count >= 10 && paged.is_sorted_by(|a, b| a < b),
            "each once, in order"
        );
        let (before, paged): (BTreeSet<_>, BTreeSet<_>) =
            (before.into_iter().collect(), paged.into_iter().collect());
        assert!(
            after.iter().all(|number| paged.contains(number)),
            "what stayed was seen"
        );
        assert!(
            paged.iter().all(|number| before.contains(number)),
            "nothing else was"
        );
        client.cancel(&job).await.unwrap();
        ended(&client, &job).await;
    });
}

#[test]
fn tenants_see_their_own() {
    let mut place = Place::with(FOUR);
    let server = place.start();
    block_on(async {
        let admin = server.client(&place.token);
        let (ours, theirs) = (
            tenant(&admin, "ours", TenantLimits::default()).await,
            tenant(&admin, "theirs", TenantLimits::default()).await,
        );
        let reader = admin
            .issue("theirs", &token(Role::Read))
            .await
            .unwrap()
            .token;
        let (ours, theirs, reader) = (
            server.client(&ours),
            server.client(&theirs),
            server.client(&reader),
        );
        let module = pushed(&ours).await;
        let request = task(&module, "scene", vec![json!(60_000)]);
        let job = ours.submit(&request, None).await.unwrap().id;
        until(
            "it is there",
            async || tasks(&ours, of(&job)).await,
            |all| all.len() > 20,
        )
        .await;
        assert_eq!(actors(&ours, named("counter")).await.len(), 1);
        for other in [&theirs, &reader] {
            assert!(tasks(other, ListFilter::default()).await.is_empty());
            assert!(actors(other, ListFilter::default()).await.is_empty());
            assert!(objects(other, ListFilter::default()).await.is_empty());
            assert_eq!(
                other
                    .tasks(&ListFilter::default())
                    .await
                    .unwrap()
                    .totals
                    .submitted,
                0
            );
            // Another's job is answered as one that there is not, to the letter.
            let none = "0123456789abcdef";
            for (mine, nobody_s) in [
                (
                    other.tasks(&of(&job)).await.err(),
                    other.tasks(&of(none)).await.err(),
                ),
                (
                    other.actors(&of(&job)).await.err(),
                    other.actors(&of(none)).await.err(),
                ),
                (
                    other.objects(&of(&job)).await.err(),
                    other.objects(&of(none)).await.err(),
                ),
                (
                    other.events(&job, "", false).await.err(),
                    other.events(none, "", false).await.err(),
                ),
            ] {
                let (mine, nobody_s) = (refused(mine.unwrap()), refused(nobody_s.unwrap()));
                assert_eq!(mine.0, 404);
                assert_eq!(mine.1.replace(&job, none), nobody_s.1);
            }
        }
        // The host's admin sees all, or one tenant's.
        let seen: BTreeSet<_> = tasks(&admin, ListFilter::default())
            .await
            .into_iter()
            .map(|task| task.tenant)
            .collect();
        assert_eq!(seen, ["ours".to_owned()].into());
        let ask = |what: &str, token: &str| {
            server.raw(&format!(
                "GET /v1/tasks?{what} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
            ))
        };
        assert!(ask("tenant=theirs", &place.token).contains("\"tasks\":[]"));
        assert!(ask("tenant=ours", &place.token).contains("\"tenant\":\"ours\""));
        for bad in [
            "limit=0",
            "limit=10001",
            "state=asleep",
            "after=17",
            "after=%2B123456789012345678901234567890a",
            "tenant=%2F",
        ] {
            let answer = ask(bad, &place.token);
            assert!(answer.starts_with("HTTP/1.1 400"), "{bad}: {answer}");
        }
        for none in ["tenant=nobody", "job=nothing"] {
            assert!(
                ask(none, &place.token).starts_with("HTTP/1.1 404"),
                "{none}"
            );
        }
        assert!(ask("", "wrong").starts_with("HTTP/1.1 401"));
        ours.cancel(&job).await.unwrap();
        ended(&ours, &job).await;
    });
}

#[test]
fn the_command_line_lists_them() {
    let mut place = Place::with(FOUR);
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
        "submit", SERVE, "--detach", "--task", "scene", "--args", "[60000]",
    ]);
    let id = id.trim();
    wrun_tests::server::eventually("all is there", || {
        run(&[
            "list", "tasks", "--job", id, "--name", "nap", "--state", "queued",
        ])
        .lines()
        .count()
            > 15
            && run(&["list", "actors", "--name", "counter"]).contains("`counter`, detached")
    });
    let failed = run(&["list", "tasks", "--state", "failed"]);
    assert!(
        failed.contains("fails#") && failed.contains(": WR0101: the first"),
        "{failed}"
    );
    let blocked = run(&["list", "tasks", "--state", "blocked"]);
    assert!(blocked.contains("waits for objects"), "{blocked}");
    let dead = run(&["list", "actors", "--state", "dead"]);
    assert!(dead.contains("the counter broke"), "{dead}");
    let two = run(&["list", "tasks", "--limit", "2", "--json"]);
    let two: Json = serde_json::from_str(&two).unwrap();
    assert_eq!(two["tasks"].as_array().unwrap().len(), 2);
    assert!(
        two["next"].is_string() && two["totals"]["queued"].as_u64().unwrap() > 0,
        "{two}"
    );
    assert!(run(&["list", "objects", "--job", id]).starts_with("OBJECT"));
    run(&["job", "cancel", id]);

    let wrong = server.wrun(&place.token, &["list", "actors", "--state", "asleep"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("hibernating"),
        "{}",
        text(&wrong.stderr)
    );
    for what in ["tasks", "actors", "objects"] {
        let here = Command::new(wrun())
            .args(["list", what])
            .env_remove("WRUN_ADDRESS")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(here.status.code(), Some(2));
        assert!(
            text(&here.stderr).contains("WRUN_ADDRESS"),
            "{}",
            text(&here.stderr)
        );
    }
}

/// What a job told: each line or event, to its end.
async fn told(client: &Client, id: &str) -> Vec<JobEvent> {
    let mut events = client.events(id, "", true).await.unwrap();
    let mut told = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        told.push(event);
    }
    told
}

fn call(event: &JobEvent) -> Option<(u64, &str, CallState, u32)> {
    match event {
        JobEvent::Event(Event {
            kind:
                EventKind::Call {
                    task,
                    name,
                    state,
                    attempt,
                    ..
                },
            ..
        }) => Some((task.number(), name, *state, *attempt)),
        _ => None,
    }
}

#[test]
fn events_come_in_order_and_none_is_missing() {
    let mut place = Place::with(FOUR);
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        let mut request = main(&module, &["story"]);
        request.events = true;
        let job = client.submit(&request, None).await.unwrap().id;
        let told = told(&client, &job).await;
        let Some(JobEvent::End(end)) = told.last() else {
            panic!("{told:?}");
        };
        assert_eq!((end.state, end.exit_code), (JobState::Finished, Some(0)));
        // Each call's life is whole.
        let mut lives: BTreeMap<u64, (String, Vec<(CallState, u32)>)> = BTreeMap::new();
        for (number, name, state, attempt) in told.iter().filter_map(call) {
            let life = lives.entry(number).or_default();
            name.clone_into(&mut life.0);
            life.1.push((state, attempt));
        }
        use CallState::{Failed, Finished, Queued, Running};
        let whole = [(Queued, 0), (Running, 0), (Finished, 0)];
        let tried = [
            (Queued, 0),
            (Running, 0),
            (Queued, 1),
            (Running, 1),
            (Failed, 1),
        ];
        for (name, life) in lives.values() {
            let expected = match name.as_str() {
                "main" | "story" => &whole[..],
                "fails" => &tried[..],
                "nap" => &[(Queued, 0), (Running, 0), (Failed, 0)],
                other => panic!("{other}"),
            };
            assert_eq!(life, expected, "{name}");
        }
        assert_eq!(lives.len(), 8, "{lives:?}");
        assert_eq!(end.stats.submitted, 8);
        // Lines come between the beginning and the end of their calls.
        let place_of = |number, state| {
            told.iter().position(|event| {
                call(event).is_some_and(|call| (call.0, call.2) == (number, state))
            })
        };
        let mut lines = 0;
        for (at, event) in told.iter().enumerate() {
            if let JobEvent::Line(line) = event {
                lines += 1;
                assert!(place_of(line.call, Running).unwrap() < at, "{line:?}");
                let end = place_of(line.call, Finished).or(place_of(line.call, Failed));
                assert!(end.unwrap() > at, "{line:?}");
            }
        }
        // Three begin and end, two tell of what was below and that a call failed, which says so twice; and `main`.
        assert_eq!(lines, 3 * 2 + 2 * 2 + 2 * 2 + 1);

        // A call whose argument is not there waits for it.
        let mut request = task(&module, "scene", vec![json!(100)]);
        request.events = true;
        let scene = client.submit(&request, None).await.unwrap().id;
        let scene = self::told(&client, &scene).await;
        let after = scene.iter().filter_map(call).find(|call| call.1 == "after");
        assert_eq!(after.map(|call| call.2), Some(CallState::Waiting));

        // It can be taken up again anywhere.
        let mut events = client.events(&job, "", true).await.unwrap();
        let mut ids = Vec::new();
        while let Some(event) = events.next().await.unwrap() {
            if !matches!(event, JobEvent::End(_)) {
                ids.push(events.last_id().to_owned());
            }
        }
        let middle = ids.len() / 2;
        let mut rest = client.events(&job, &ids[middle], true).await.unwrap();
        for expected in &told[middle + 1..] {
            assert_eq!(rest.next().await.unwrap().as_ref(), Some(expected));
        }
        assert_eq!(rest.next().await.unwrap(), None);

        // Who did not ask at first gets the lines, and is told that events are missing.
        let silent = client
            .submit(&main(&module, &["story"]), None)
            .await
            .unwrap()
            .id;
        ended(&client, &silent).await;
        let late = self::told(&client, &silent).await;
        assert!(
            matches!(
                &late[0],
                JobEvent::Event(Event {
                    kind: EventKind::Unrecorded,
                    ..
                })
            ),
            "{late:?}"
        );
        assert_eq!(
            late.iter()
                .filter(|e| matches!(e, JobEvent::Line(_)))
                .count(),
            lines
        );
        assert!(late.iter().all(|event| call(event).is_none()));
    });
}

#[test]
fn a_reader_that_is_too_slow_is_told_what_it_lost() {
    let mut place = Place::with(FOUR);
    let server = place.start();
    block_on(async {
        let limits = TenantLimits {
            log_bytes: Some(16 << 10),
            ..TenantLimits::default()
        };
        let small = tenant(&server.client(&place.token), "small", limits).await;
        let client = server.client(&small);
        let module = pushed(&client).await;
        let mut request = main(&module, &["chatter", "400"]);
        request.events = true;
        let job = client.submit(&request, None).await.unwrap().id;
        ended(&client, &job).await;
        let told = told(&client, &job).await;
        let JobEvent::Event(Event {
            kind: EventKind::Dropped { count },
            ..
        }) = &told[0]
        else {
            panic!("{:?}", told[0]);
        };
        // The driver has three, each call as well and a line.
        let all = 3 + 400 * 4;
        assert_eq!(usize::try_from(*count).unwrap() + told.len() - 2, all);
        assert!(told.len() > 50 && told.len() < 250, "{}", told.len());
        let JobEvent::Line(last) = told
            .iter()
            .rfind(|e| matches!(e, JobEvent::Line(_)))
            .unwrap()
        else {
            unreachable!();
        };
        assert_eq!(last.text.as_deref(), Some("399\n"));
    });
}

#[test]
fn a_job_that_begins_again_says_so() {
    let mut place = Place::with(FOUR);
    let server = place.start();
    let (job, last) = block_on(async {
        let client = server.client(&place.token);
        let module = pushed(&client).await;
        let mut request = main(&module, &["nap", "2000"]);
        request.events = true;
        let job = client.submit(&request, None).await.unwrap().id;
        let mut events = client.events(&job, "", true).await.unwrap();
        while !matches!(events.next().await.unwrap(), Some(JobEvent::Line(_))) {}
        (job, events.last_id().to_owned())
    });
    server.kill();
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let mut events = client.events(&job, &last, true).await.unwrap();
        let first = events.next().await.unwrap();
        let Some(JobEvent::Event(Event {
            kind: EventKind::Restarted { attempt: 1 },
            ..
        })) = first
        else {
            panic!("{first:?}");
        };
        let (mut calls, mut lines) = (Vec::new(), Vec::new());
        while let Some(event) = events.next().await.unwrap() {
            calls.extend(call(&event).map(|call| call.2));
            if let JobEvent::Line(line) = event {
                lines.extend(line.text);
            }
        }
        assert_eq!(
            calls,
            [CallState::Queued, CallState::Running, CallState::Finished]
        );
        assert_eq!(lines, ["attempt 1\n", "done\n"]);
    });
}

/// JSON lines without what differs from run to run, those of each call together: calls run side by side.
fn comparable(output: &[u8]) -> BTreeMap<String, Vec<Json>> {
    let mut lines: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for line in text(output).lines() {
        let mut line: Json = serde_json::from_str(line).unwrap();
        let fields = line.as_object_mut().unwrap();
        let call = fields.remove("task").unwrap_or_default();
        let call = call.as_str().map_or_else(String::new, |id| match id.len() {
            32 => id[16..].to_owned(),
            _ => id.to_owned(),
        });
        for varies in ["at", "task_id", "backtrace"] {
            fields.remove(varies);
        }
        if let Some(stats) = fields.get_mut("stats").and_then(Json::as_object_mut) {
            for varies in [
                "cpu_seconds",
                "wall_seconds",
                "sandbox_bytes_peak",
                "object_bytes",
                "object_bytes_peak",
                "sandboxes_outside_pool",
            ] {
                assert!(stats.remove(varies).is_some(), "{varies}");
            }
        }
        lines.entry(call).or_default().push(line);
    }
    // Between lines and events of one call the order is told on a server only.
    for lines in lines.values_mut() {
        lines.sort_by_key(|line| line["type"] == "log");
    }
    lines
}

#[test]
fn json_lines_are_those_of_a_run_here() {
    let mut place = Place::with(FOUR);
    let server = place.start();
    for args in [
        &["--json", "--", "story"][..],
        &["--json", "--task", "story", "--args", "[1]"],
        &["--json", "--task", "many", "--args", "[200]"],
        &["--json", "--task", "fails", "--args", "[\"it\"]"],
        &["--json", "--", "exit", "7"],
        &["--json", "--timeout", "300ms", "--", "nap", "60000"],
    ] {
        let args = [&["submit", SERVE], args].concat();
        let there = server.wrun(&place.token, &args);
        let here = Command::new(wrun())
            .args(&args)
            .env_remove("WRUN_ADDRESS")
            .env("WRUN_NUM_CPUS", "4")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(there.status.code(), here.status.code(), "{args:?}");
        let (ours, theirs) = (comparable(&there.stdout), comparable(&here.stdout));
        assert!(ours.values().flatten().any(|line| line["type"] == "event"));
        assert_eq!(ours, theirs, "{args:?}\n{}", text(&there.stdout));
    }
}
