//! Why tasks are where they are: what each waits for, down to what runs or is stuck, and what it failed with, down to the first
//! cause; by the API and in words.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::too_many_lines,
    reason = "what happens one after another stands in one piece"
)]
#![forbid(unsafe_code)]

use serde_json::{Value as Json, json};
use wrun_host::{
    api::{Role, TenantLimits},
    client::{Client, ListFilter},
    types::{
        ActorState, BlockedOn, CauseBy, ErrorKind, TaskId, TaskState, TaskView, TaskWhy, Wait,
    },
};
use wrun_tests::server::{
    Place, Server, block_on, ended, main, pushed, refused, task, tenant, text, token,
};

/// The guest's name stands for all tests here.
macro_rules! assert_guest_is_used {
    (serve) => {};
}
wrun_tests::foreach_serve!(assert_guest_is_used);

/// Slots for all that is to run.
const MANY: &str = "[host]\nnum_cpus = 24\n";
/// Longer than any test.
const LONG: u64 = 120_000;

/// Waits until one of the job's tasks is so.
async fn seen(
    client: &Client,
    job: &str,
    what: &str,
    is_it: impl Fn(&TaskView) -> bool,
) -> TaskView {
    let filter = ListFilter {
        job: Some(job.to_owned()),
        limit: Some(10_000),
        ..ListFilter::default()
    };
    let mut all = Vec::new();
    for _ in 0..3_000 {
        all = client.tasks(&filter).await.unwrap().tasks;
        if let Some(task) = all.iter().find(|task| is_it(task)) {
            return task.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never: {what}, at last {all:#?}");
}

/// The same, of that name in that state.
async fn named(client: &Client, job: &str, name: &str, state: TaskState) -> TaskView {
    let is_it = |task: &TaskView| task.name == name && task.state == state;
    seen(client, job, &format!("{name} is {state}"), is_it).await
}

async fn why(client: &Client, id: TaskId) -> TaskWhy {
    client.why(&id.to_string()).await.unwrap()
}

/// Asks again until it is as it should be: what is blocked is so for a moment before it is known on what.
async fn until(client: &Client, id: TaskId, is_so: impl Fn(&TaskWhy) -> bool) -> TaskWhy {
    for _ in 0..3_000 {
        let told = why(client, id).await;
        if is_so(&told) {
            return told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never, at last {:#?}", why(client, id).await);
}

async fn submitted(client: &Client, name: &str, args: Vec<Json>) -> String {
    let module = pushed(client).await;
    let job = task(&module, name, args);
    client.submit(&job, None).await.unwrap().id
}

/// The names of those that are told, in their order.
fn names(why: &TaskWhy) -> Vec<&str> {
    why.tasks.iter().map(|one| one.task.name.as_str()).collect()
}

/// What a command tells that ends well.
fn told(server: &Server, token: &str, args: &[&str]) -> String {
    server.run(token, &[&["why"], args].concat())
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// Without what passes.
fn lasting(why: &TaskWhy) -> TaskWhy {
    let mut why = why.clone();
    for one in &mut why.tasks {
        (one.task.queued_ms, one.task.run_ms) = (0, None);
    }
    why
}

#[test]
fn each_kind_of_waiting_is_told_down_to_what_runs() {
    let mut place = Place::with(MANY);
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let job = submitted(&client, "waits", vec![json!(LONG)]).await;
        let tell = |task: &TaskView| told(&server, &place.token, &[&task.id.to_string()]);

        // Its actor, which runs something else.
        let rest = named(&client, &job, "Counter.rest", TaskState::Running).await;
        let queued = seen(&client, &job, "a call behind `rest`", |task| {
            task.name == "Counter.add" && task.actor == rest.actor
        });
        let queued = queued.await;
        let seen_why = until(&client, queued.id, |why| {
            names(why) == ["Counter.add", "Counter.rest"]
        })
        .await;
        let Wait::Actor {
            actor,
            class,
            name: None,
            state: ActorState::Alive,
            queued_calls: 1,
            task,
        } = &seen_why.tasks[0].waits[0]
        else {
            panic!("{seen_why:#?}");
        };
        assert_eq!(
            (Some(*actor), class.as_str(), *task),
            (rest.actor, "Counter", Some(rest.id))
        );
        assert!(seen_why.tasks[1].waits.is_empty() && seen_why.cycle.is_empty());
        says(
            &tell(&queued),
            &[
                "Counter.add#",
                "is queued",
                "mailbox of the actor Counter#",
                "(length 1), which runs Counter.rest#",
                "\n    Counter.rest#",
                " runs, for ",
                "help: what runs takes its time",
            ],
        );

        // Its argument; and another one behind that, of the same caller.
        let waiting = named(&client, &job, "Counter.add_to", TaskState::Waiting).await;
        let why_waiting = why(&client, waiting.id).await;
        assert_eq!(names(&why_waiting), ["Counter.add_to", "nap"]);
        let Wait::Object {
            task: Some(maker), ..
        } = &why_waiting.tasks[0].waits[0]
        else {
            panic!("{why_waiting:#?}");
        };
        assert_eq!(*maker, why_waiting.tasks[1].task.id);
        says(
            &tell(&waiting),
            &[
                "waits for its arguments",
                "\n  it waits for the result of nap#",
                "\n    nap#",
            ],
        );
        let held = seen(&client, &job, "one is held back", |task| {
            task.name == "Counter.add" && task.actor == waiting.actor
        });
        let held = held.await;
        let why_held = until(&client, held.id, |why| {
            names(why) == ["Counter.add", "Counter.add_to", "nap"]
        })
        .await;
        assert_eq!(why_held.tasks[0].waits, [Wait::Before { task: waiting.id }]);
        says(&tell(&held), &["it comes after Counter.add_to#"]);

        // A reader, the next item of a stream, some of many objects.
        let unread = seen(&client, &job, "a stream is full", |task| {
            task.name == "numbers" && task.blocked_on == Some(BlockedOn::Reader)
        });
        let unread = unread.await;
        let why_unread = why(&client, unread.id).await;
        let Wait::Reader { unread: 128, .. } = why_unread.tasks[0].waits[0] else {
            panic!("{why_unread:#?}");
        };
        says(
            &tell(&unread),
            &[
                "is blocked on a reader",
                "which has 128 unread items",
                "help: nobody reads the stream of numbers#",
            ],
        );
        let reads = named(&client, &job, "reads", TaskState::Blocked).await;
        let why_reads = until(&client, reads.id, |why| names(why) == ["reads", "numbers"]).await;
        assert!(
            matches!(why_reads.tasks[0].waits[..], [Wait::Stream { .. }]),
            "{why_reads:#?}"
        );
        says(
            &tell(&reads),
            &["it waits for the next item of the stream of numbers#"],
        );
        let some = named(&client, &job, "some_of", TaskState::Blocked).await;
        let why_some = until(&client, some.id, |why| {
            names(why) == ["some_of", "nap", "nap", "nap"]
        })
        .await;
        assert_eq!(
            (why_some.tasks[0].waits.len(), why_some.tasks[0].enough),
            (3, Some(2))
        );
        says(
            &tell(&some),
            &["is blocked on objects", "until 2 of 3 are there"],
        );

        // What waits for itself.
        let itself = named(&client, &job, "Counter.ask_itself", TaskState::Blocked).await;
        let why_itself = until(&client, itself.id, |why| !why.cycle.is_empty()).await;
        assert_eq!(names(&why_itself), ["Counter.ask_itself", "Counter.add"]);
        assert_eq!(why_itself.cycle, [itself.id, why_itself.tasks[1].task.id]);
        let Wait::Actor {
            name: Some(name), ..
        } = &why_itself.tasks[1].waits[0]
        else {
            panic!("{why_itself:#?}");
        };
        assert_eq!(name, "ring");
        says(
            &tell(&itself),
            &[
                "the actor Counter#",
                " `ring` (length 1), which runs Counter.ask_itself#",
                " (above)",
                "waits for itself, and none of them ever goes on",
                "help: only a time limit or a cancellation ends that",
            ],
        );

        // By its job and number too, and as the API gave it.
        let number = format!("any#{}", itself.number);
        for args in [
            &[&*job, &*number][..],
            &[&job, &number[4..]],
            &[&itself.id.to_string()],
        ] {
            let json = told(&server, &place.token, &[args, &["--json"]].concat());
            let json: TaskWhy = serde_json::from_str(&json).unwrap();
            assert_eq!(lasting(&json), lasting(&why_itself), "{args:?}");
        }
        client.cancel(&job).await.unwrap();
    });
}

#[test]
fn a_failure_is_told_down_to_its_first_cause() {
    let mut place = Place::with(MANY);
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let job = submitted(&client, "waits", vec![json!(LONG)]).await;
        let tell = |task: &TaskView| told(&server, &place.token, &[&task.id.to_string()]);
        let causes = |why: &TaskWhy| {
            why.causes
                .iter()
                .map(|cause| (cause.by, cause.name.clone()))
                .collect::<Vec<_>>()
        };
        let dead = seen(&client, &job, "a call of a dead actor", |task| {
            let kind = task.error.as_ref().map(|error| error.kind);
            task.name == "Counter.add" && kind == Some(ErrorKind::ActorDied)
        });
        let dead = dead.await;

        // Passed on from level to level.
        let top = seen(&client, &job, "the top one failed", |task| {
            task.name == "sink"
                && task.state == TaskState::Failed
                && task.parent.is_some_and(|parent| parent.number() == 1)
        });
        let top = top.await;
        let passed_on = why(&client, top.id).await;
        assert_eq!(
            causes(&passed_on),
            [
                (CauseBy::Call, "sink".into()),
                (CauseBy::Call, "sink".into())
            ]
        );
        let (error, last) = (passed_on.error.as_ref().unwrap(), &passed_on.causes[1]);
        assert_eq!(
            (error.kind, &*error.message),
            (ErrorKind::Application, "at the bottom\nof it all")
        );
        assert_eq!(
            (error.task_id, last.error.as_ref()),
            (Some(last.id), Some(error))
        );
        let [middle, last_task] = [0, 1].map(|at| passed_on.causes[at].task.as_ref().unwrap());
        assert_eq!(
            (middle.parent, last_task.parent),
            (Some(top.id), Some(middle.id))
        );
        let said = tell(&top);
        says(
            &said,
            &[
                "failed",
                "because what it asked for failed: sink#",
                "error[WR0101]: at the bottom\n        of it all",
            ],
        );
        assert_eq!(said.matches("at the bottom").count(), 1, "{said}");

        // By an argument, and never run.
        let given = named(&client, &job, "after", TaskState::Failed).await;
        let why_given = why(&client, given.id).await;
        assert_eq!(
            causes(&why_given),
            [(CauseBy::Argument, "no_number".into())]
        );
        says(
            &tell(&given),
            &[
                "and never ran",
                "because its argument failed: no_number#",
                "error[WR0101]: no number",
            ],
        );

        // Its own, with where in the guest.
        let broke = named(&client, &job, "breaks", TaskState::Failed).await;
        let why_broke = why(&client, broke.id).await;
        let error = why_broke.error.as_ref().unwrap();
        assert!(why_broke.causes.is_empty() && why_broke.tasks.len() == 1);
        assert!(
            error.message.contains("to pieces") && !error.backtrace.is_empty(),
            "{error:?}"
        );
        says(&tell(&broke), &["error[WR0102]: ", "\n    at "]);

        // Of an actor that broke before.
        let why_dead = why(&client, dead.id).await;
        assert_eq!(
            causes(&why_dead),
            [(CauseBy::Actor, "Counter.break_down".into())]
        );
        let error = why_dead.causes[0].error.as_ref().unwrap();
        assert!(
            error.message.contains("the counter broke\nfor good"),
            "{error:?}"
        );
        says(
            &tell(&dead),
            &[
                "because the actor died of this: Counter.break_down#",
                "the counter broke\n",
            ],
        );

        // When the job has ended, its timeline tells the rest.
        client.cancel(&job).await.unwrap();
        ended(&client, &job).await;
        let gone = why(&client, broke.id).await;
        assert!(gone.tasks.is_empty() && gone.error.is_none());
        assert_eq!(gone.ended.as_ref().unwrap().error, Some(ErrorKind::Panic));
        says(
            &tell(&broke),
            &["breaks#", "failed (error WR0102): queued "],
        );
    });
}

#[test]
fn what_is_told_has_bounds_and_says_what_it_leaves_out() {
    let mut place = Place::with(MANY);
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let job = submitted(&client, "deep", vec![json!(40), json!(LONG)]).await;
        named(&client, &job, "nap", TaskState::Running).await;
        let first = named(&client, &job, "deep", TaskState::Blocked).await;
        let chain = until(&client, first.id, |why| why.tasks.len() == 33).await;
        let deeper: Vec<_> = chain.tasks.iter().map(|one| one.deeper).collect();
        assert_eq!(
            deeper.iter().position(|deeper| *deeper),
            Some(32),
            "{deeper:?}"
        );
        let last = chain.tasks[32].task.id;
        says(
            &told(&server, &place.token, &[&first.id.to_string()]),
            &[&format!("the chain goes on: `wrun why {last}`")],
        );
        let rest = why(&client, last).await;
        // 41 of them, 32 before that one, and the nap.
        assert_eq!(
            (rest.tasks.len(), rest.tasks[9].task.name.as_str()),
            (10, "nap")
        );
        client.cancel(&job).await.unwrap();

        let job = submitted(&client, "naps", vec![json!(100), json!(LONG)]).await;
        let wide = named(&client, &job, "naps", TaskState::Blocked).await;
        let wide = until(&client, wide.id, |why| why.tasks.len() == 17).await;
        assert_eq!(
            (wide.tasks[0].waits.len(), wide.tasks[0].left_out),
            (16, 84)
        );
        assert_eq!(wide.tasks[0].enough, None);
        let said = told(&server, &place.token, &[&wide.tasks[0].task.id.to_string()]);
        says(&said, &["until all of 100 are there", "… and for 84 more"]);
        client.cancel(&job).await.unwrap();
    });
}

#[test]
fn slots_and_room_are_told_with_how_much_there_is() {
    let mut place = Place::with("[host]\nnum_cpus = 2\n");
    let server = place.start();
    block_on(async {
        let admin = server.client(&place.token);
        let job = submitted(&admin, "naps", vec![json!(12), json!(LONG)]).await;
        let queued = named(&admin, &job, "nap", TaskState::Queued).await;
        let is_full = |why: &TaskWhy| match why.tasks[0].waits[..] {
            [Wait::Slot { free, .. }] => free < 1.0,
            _ => false,
        };
        let why_queued = until(&admin, queued.id, is_full).await;
        let Wait::Slot {
            needs,
            slots,
            queued_in_job,
            queued_in_tenant,
            ..
        } = why_queued.tasks[0].waits[0]
        else {
            panic!("{why_queued:#?}");
        };
        assert_eq!(
            (needs, slots, queued_in_job, queued_in_tenant),
            (1.0, 2.0, 10, 10)
        );
        says(
            &told(&server, &place.token, &[&queued.id.to_string()]),
            &[
                "it waits for 1 of 2 slots, 0 are free; 10 calls of its job wait so, 10 of its tenant",
                "help: all slots are taken",
            ],
        );

        let limits = TenantLimits {
            queued_tasks: Some(5),
            ..TenantLimits::default()
        };
        let small = tenant(&admin, "small", limits).await;
        let client = server.client(&small);
        let job = submitted(&client, "naps", vec![json!(50), json!(LONG)]).await;
        let full = seen(&client, &job, "the queue is full", |task| {
            task.blocked_on == Some(BlockedOn::Room)
        });
        let full = full.await;
        let why_full = why(&client, full.id).await;
        let Wait::Room {
            resource,
            account,
            limit,
            used,
            message,
            ..
        } = &why_full.tasks[0].waits[0]
        else {
            panic!("{why_full:#?}");
        };
        assert_eq!(
            (resource.as_str(), account.as_deref()),
            ("queued calls", Some("the tenant `small`"))
        );
        assert_eq!((*limit, *used), (Some(5), Some(5)));
        assert!(
            message
                .as_ref()
                .unwrap()
                .contains("its limit `queued_tasks`"),
            "{message:?}"
        );
        says(
            &told(&server, &small, &[&full.id.to_string()]),
            &[
                "is blocked on room",
                "queued calls: 5 of 5 are taken",
                "help: the queue is full: the tenant `small` may hold 5 queued calls",
                "its limit `queued_tasks`",
            ],
        );
    });
}

#[test]
fn who_may_read_sees_its_own_and_nobody_else_s() {
    let mut place = Place::with(MANY);
    let server = place.start();
    block_on(async {
        let admin = server.client(&place.token);
        let acme = tenant(&admin, "acme", TenantLimits::default()).await;
        let other = tenant(&admin, "other", TenantLimits::default()).await;
        let read = admin.issue("acme", &token(Role::Read)).await.unwrap().token;
        let client = server.client(&acme);
        let job = submitted(&client, "wait_for_nap", vec![json!(LONG)]).await;
        let blocked = named(&client, &job, "wait_for_nap", TaskState::Blocked).await;
        let id = blocked.id.to_string();
        for token in [&read, &acme, &place.token] {
            let client = server.client(token);
            let seen = until(&client, blocked.id, |why| why.tasks.len() == 2).await;
            assert_eq!(names(&seen), ["wait_for_nap", "nap"]);
        }
        // Another's task is as one that never was.
        let nothing = TaskId::new("aa".parse().unwrap(), 1).to_string();
        let other = server.client(&other);
        let (status, message) = refused(other.why(&id).await.unwrap_err());
        let (none, none_message) = refused(other.why(&nothing).await.unwrap_err());
        assert_eq!((status, none), (404, 404));
        assert_eq!(message, none_message.replace("00000000000000aa", &job));
        for bad in ["nonsense", "17", &job, &format!("{id}0")] {
            let (status, message) = refused(client.why(bad).await.unwrap_err());
            assert!(
                status == 404 && message.contains("there is no task"),
                "{bad}: {message}"
            );
        }
        client.cancel(&job).await.unwrap();
    });
}

#[test]
fn of_what_ended_well_or_never_was_it_says_so() {
    let mut place = Place::with(MANY);
    let server = place.start();
    let admin = server.client(&place.token);
    let job = block_on(async {
        let module = pushed(&admin).await;
        let job = admin
            .submit(&task(&module, "many", vec![json!(3)]), None)
            .await
            .unwrap()
            .id;
        ended(&admin, &job).await;
        let prints = admin
            .submit(&main(&module, &["hello"]), None)
            .await
            .unwrap()
            .id;
        ended(&admin, &prints).await;
        job
    });
    let said = told(&server, &place.token, &[&job, "double#2"]);
    says(
        &said,
        &[
            "double#2 ended well: queued ",
            ", ran ",
            ", of that blocked ",
            ", processor time ",
        ],
    );
    for (args, parts) in [
        (
            &[&*job, "77"][..],
            &["nothing is known of task 77 of job", "which is finished"][..],
        ),
        (&[&job, "seven"], &["`seven` is no task's number"]),
        (&["nonsense", "7"], &["`nonsense` is no job's id"]),
        (
            &["00000000000000aa0000000000000001"],
            &["there is no job 00000000000000aa"],
        ),
        (
            &["what"],
            &["there is no task `what`", "help: ", "`wrun list tasks`"],
        ),
    ] {
        let output = server.wrun(&place.token, &[&["why"], args].concat());
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(2), ""),
            "{args:?}"
        );
        says(text(&output.stderr), parts);
    }
}

#[test]
fn what_a_guest_calls_things_does_nothing_to_the_terminal() {
    const NAME: &str = "evil\u{1b}[2J\u{1b}]0;x\u{7}\nsecond\u{202e}line";
    let mut place = Place::with(MANY);
    let server = place.start();
    block_on(async {
        let client = server.client(&place.token);
        let job = submitted(&client, "named", vec![json!(NAME), json!(LONG)]).await;
        let nap = seen(&client, &job, "it naps", |task| task.name == NAME).await;
        let asks = named(&client, &job, "named", TaskState::Blocked).await;
        until(&client, asks.id, |why| why.tasks.len() == 2).await;
        let module = client.job(&job).await.unwrap().module;
        let failing = task(&module, "fails", vec![json!(NAME)]);
        let failing = client.submit(&failing, None).await.unwrap().id;
        ended(&client, &failing).await;
        let (nap, asks) = (nap.id.to_string(), asks.id.to_string());
        for args in [
            &["why", &*nap][..],
            &["why", &asks],
            &["list", "tasks", "--job", &job],
            &["list", "tasks", "--job", &job, "--sort", "name"],
            &["job", "status", &failing],
            &["summary", "tasks", &job],
        ] {
            let printed = server.run(&place.token, args);
            let bad = printed
                .chars()
                .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
            assert_eq!(bad, None, "{args:?}: {printed:?}");
            assert!(!printed.contains("\nsecond"), "{args:?}: {printed}");
        }
        client.cancel(&job).await.unwrap();
    });
}
