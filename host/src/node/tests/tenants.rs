//! Tenants of one node, and limits of processor time.

#![allow(clippy::disallowed_methods, reason = "a test's own tasks")]

use std::{num::NonZeroU32, sync::Arc};

use super::*;
use crate::tenant::{Limits, Resource};

fn limited(resource: Resource, limit: u64) -> TenantOptions {
    TenantOptions {
        limits: Limits::default().with(resource, limit),
        ..TenantOptions::default()
    }
}

fn named(name: &str) -> CallOptions {
    CallOptions {
        name: Some(name.into()),
        detached: Some(true),
        ..CallOptions::default()
    }
}

/// With a task `spin` that never ends by itself.
pub(super) fn with_spin() -> String {
    let record =
        r#""{\"abi\":1,\"kind\":\"task\",\"name\":\"spin\",\"export\":\"spin\",\"params\":[]}\n""#;
    let manifest = "(@custom \"wrun.manifest\"";
    let spin = r#"(func (export "spin") (loop br 0))"#;
    BY_HAND.replacen(manifest, &format!("{spin} {manifest} {record}"), 1)
}

#[tokio::test]
async fn tenants_don_t_find_each_other_s_actors() {
    let runtime = runtime(1.0);
    let module = load(&runtime, BY_HAND).await;
    let (ours, theirs) = (
        runtime.tenant("ours", &TenantOptions::default()),
        runtime.tenant("theirs", &TenantOptions::default()),
    );
    let mut counters = Vec::new();
    for (tenant, n) in [(&ours, 1), (&theirs, 2)] {
        let job = tenant.open(&module, JobOptions::default()).expect("opened");
        assert!(job.get_actor("total").is_none());
        let counter = job
            .actor("Counter", (), named("total"))
            .await
            .expect("a free name");
        let sum = counter.call("add", (n,)).await.expect("called");
        assert_eq!(sum.get::<u8>().await.expect("a sum"), n);
        job.close().await;
    }
    for (tenant, n) in [(&ours, 1), (&theirs, 2)] {
        let job = tenant.open(&module, JobOptions::default()).expect("opened");
        let counter = job.get_actor("total").expect("its own");
        let sum = counter.call("add", (3,)).await.expect("called");
        assert_eq!(sum.get::<u8>().await.expect("a sum"), n + 3);
        job.close().await;
        counters.push(counter);
    }
    let none = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    assert!(none.get_actor("total").is_none());
    none.close().await;
    counters.iter().for_each(Actor::kill);
    drop((counters, none));
    eventually_nothing_is_held(&runtime).await;
}

#[tokio::test]
async fn a_tenant_s_limit_is_its_own() {
    let runtime = runtime(2.0);
    let module = load(&runtime, BY_HAND).await;
    let small = runtime.tenant("small", &limited(Resource::Actors, 1));
    let other = runtime.tenant("other", &TenantOptions::default());
    let (job, others) = (
        small.open(&module, JobOptions::default()).expect("opened"),
        other.open(&module, JobOptions::default()).expect("opened"),
    );
    let one = job
        .actor("Counter", (), CallOptions::default())
        .await
        .expect("made");
    // One over the limit is let in when nothing could ever make room.
    let reserve = job
        .actor("Counter", (), CallOptions::default())
        .await
        .expect("made");
    let error = job
        .actor("Counter", (), CallOptions::default())
        .await
        .expect_err("three");
    assert_eq!(error.kind, ErrorKind::WouldDeadlock);
    assert!(
        error
            .message
            .contains("the tenant `small` may hold 1 living actors"),
        "{error}"
    );
    assert_eq!(
        (small.used(Resource::Actors), other.used(Resource::Actors)),
        (2, 0)
    );
    for _ in 0..2 {
        let made = others.actor("Counter", (), CallOptions::default()).await;
        made.expect("another's limit").kill();
    }
    small.set(&limited(Resource::Actors, 3));
    let three = job
        .actor("Counter", (), CallOptions::default())
        .await
        .expect("more now");
    drop((one, reserve, three));
    job.close().await;
    others.close().await;
    drop((job, others));
    eventually_nothing_is_held(&runtime).await;
}

#[tokio::test]
async fn who_waits_for_room_goes_on_when_the_limit_rises() {
    let runtime = runtime(1.0);
    let module = load(&runtime, &with_nap()).await;
    let tenant = runtime.tenant("small", &limited(Resource::QueuedCalls, 1));
    let job = tenant.open(&module, JobOptions::default()).expect("opened");
    let naps = async {
        let mut calls = Vec::new();
        for _ in 0..3 {
            calls.push(job.call("nap", ()).await.expect("called"));
        }
        calls
    };
    let raise = async {
        a_moment().await;
        tenant.set(&TenantOptions::default());
    };
    let both = async { tokio::join!(naps, raise) };
    let patience = Duration::from_secs(10);
    let (calls, ()) = tokio::time::timeout(patience, both).await.expect("woken");
    assert_eq!(calls.len(), 3);
    job.close().await;
}

#[tokio::test]
async fn a_job_and_a_task_end_when_their_processor_time_is_used_up() {
    let runtime = runtime(2.0);
    let module = load(&runtime, &with_spin()).await;
    let limit = Some(Duration::from_millis(60));
    let options = JobOptions {
        task_cpu_limit: limit,
        ..JobOptions::default()
    };
    let job = runtime.open(&module, options).expect("opened");
    let spin = CallOptions {
        max_retries: Some(0),
        ..CallOptions::default()
    };
    let spinning = job.call_json("spin", vec![], spin).await.expect("called");
    let error = spinning.json().await.expect_err("it never ends by itself");
    assert_eq!(error.kind, ErrorKind::Limit, "{error}");
    assert!(error.message.contains("limit of a task"), "{error}");
    let five = job.call("next", (4,)).await.expect("the job goes on");
    assert_eq!(five.get::<u8>().await.expect("five"), 5);
    job.close().await;
    drop((spinning, five));

    let options = JobOptions {
        cpu_limit: limit,
        ..JobOptions::default()
    };
    let job = runtime.open(&module, options).expect("opened");
    let spinning = job.call("spin", ()).await.expect("called");
    let error = spinning.json().await.expect_err("it never ends by itself");
    assert_eq!(error.kind, ErrorKind::Limit, "{error}");
    let end = job.wait().await;
    let why = end.error.expect("ended by its limit");
    assert!(
        why.message.contains("limit of 60ms of processor time"),
        "{why}"
    );
    drop((job, spinning));
    eventually_nothing_is_held(&runtime).await;
}

#[tokio::test]
async fn weights_divide_the_workers() {
    let runtime = runtime(2.0);
    let module = load(&runtime, &with_spin()).await;
    let tenants: Vec<_> = [1, 3]
        .map(|weight| TenantOptions {
            weight: NonZeroU32::new(weight).expect("not 0"),
            ..TenantOptions::default()
        })
        .iter()
        .map(|options| runtime.tenant("one of two", options))
        .collect();
    let mut jobs = Vec::new();
    for tenant in &tenants {
        let job = tenant.open(&module, JobOptions::default()).expect("opened");
        for _ in 0..4 {
            let options = CallOptions {
                num_cpus: Some(0),
                ..CallOptions::default()
            };
            job.call_json("spin", vec![], options)
                .await
                .expect("called");
        }
        jobs.push(job);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let [light, heavy] = [0, 1].map(|n: usize| tenants[n].cpu().as_secs_f64());
    for job in jobs {
        job.close().await;
    }
    // 1 to 3; wide, since others use these cores too.
    let share = light / (light + heavy);
    assert!((0.15..0.35).contains(&share), "{light} and {heavy} s");
}

#[tokio::test]
async fn a_job_has_the_id_that_it_is_given() {
    let runtime = runtime(1.0);
    let module = load(&runtime, BY_HAND).await;
    let id = Some("00000000000000ab".parse().expect("an id"));
    let options = JobOptions {
        id,
        ..JobOptions::default()
    };
    let job = runtime.open(&module, options).expect("opened");
    assert_eq!(Some(job.id()), id);
    job.close().await;
}

/// Each another module, which takes some tenths of a second to compile.
fn heavy(number: u64) -> Vec<u8> {
    let add = "local.get 0 i64.const 77 i64.add local.set 0 ".repeat(20_000);
    format!("(module (memory (export \"memory\") 1) (func (export \"_start\") (local i64) (local.set 0 (i64.const {number})) {add}))").into_bytes()
}

fn strangers(workers: usize) -> Runtime {
    Runtime::start(RuntimeOptions {
        workers,
        pool_size: 0,
        cache: CacheDir::Off,
        untrusted_modules: true,
        ..RuntimeOptions::default()
    })
    .expect("starts")
}

/// Who has compiled a lot waits for who has not, however early it came.
#[tokio::test(flavor = "multi_thread")]
async fn compilers_go_to_who_had_the_least() {
    let runtime = strangers(1);
    let tenant = |name| runtime.tenant(name, &TenantOptions::default());
    let (greedy, late, other) = (tenant("greedy"), tenant("late"), tenant("other"));
    let ended = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let compile = |tenant: &Tenant, name: &'static str, number| {
        let (tenant, ended) = (tenant.clone(), ended.clone());
        tokio::spawn(async move {
            let (module, _) = tenant.compiler(1_000).await.load("m", heavy(number)).await;
            module.expect("compiles");
            ended.lock().push(name);
        })
    };
    let mut all: Vec<_> = (0..8).map(|n| compile(&greedy, "greedy", n)).collect();
    while greedy.compiling() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The second lane is not for one that compiles already.
    assert_eq!(greedy.compiling(), 1);
    all.push(compile(&late, "late", 100));
    all.push(compile(&other, "other", 200));
    for one in all {
        one.await.expect("no panic");
    }
    let ended = ended.lock().clone();
    let place = |name| ended.iter().position(|one| *one == name).expect("ended");
    assert!(place("late") <= 2 && place("other") <= 3, "{ended:?}");
    assert!(greedy.cpu() > late.cpu() && late.cpu() > Duration::ZERO);
    // Nothing is left over.
    assert_eq!(greedy.compiling() + late.compiling(), 0);
}

/// Who goes away while it waits is in nobody's way.
#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_waiting_for_a_compiler_leaves_no_trace() {
    let runtime = strangers(1);
    let tenant = runtime.tenant("one", &TenantOptions::default());
    let held = tenant.compiler(1).await;
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let tenant = tenant.clone();
            tokio::spawn(async move { drop(tenant.compiler(1).await) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(tenant.compiling(), 1);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    drop(held);
    let next = tokio::time::timeout(Duration::from_secs(10), tenant.compiler(1)).await;
    drop(next.expect("its turn"));
    assert_eq!(tenant.compiling(), 0);
}

/// What it compiled is its tenant's share: it waits while workers have work of one that had less, and goes on after that.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_ahead_of_its_share_compiles_later() {
    let runtime = strangers(2);
    let module = load(&runtime, &with_spin()).await;
    let tenant = |name| runtime.tenant(name, &TenantOptions::default());
    let (spinner, compiler) = (tenant("spinner"), tenant("compiler"));
    let job = spinner
        .open(&module, JobOptions::default())
        .expect("opened");
    let mut loops = Vec::new();
    for _ in 0..3 {
        loops.push(job.call("spin", ()).await.expect("called"));
    }
    let start = crate::rt::clock::now();
    let mut n = 0;
    let before = spinner.cpu();
    while start.elapsed() < Duration::from_secs(4) {
        n += 1;
        let turn = compiler.compiler(8).await;
        turn.load("m", heavy(n)).await.0.expect("compiles");
    }
    let (spun, compiled) = (spinner.cpu() - before, compiler.cpu());
    let share = compiled.as_secs_f64() / (spun + compiled).as_secs_f64();
    assert!(
        (0.2..0.55).contains(&share),
        "{share}: {compiled:?} beside {spun:?}"
    );
    job.close().await;
    drop((loops, job));
    eventually_nothing_is_held(&runtime).await;
}

/// Tasks that never end hold their tenant's slots, not another's.
#[tokio::test]
async fn endless_tasks_keep_out_nobody_else() {
    let runtime = runtime(2.0);
    let module = load(&runtime, &with_spin()).await;
    let tenant = |name| runtime.tenant(name, &TenantOptions::default());
    let (endless, other) = (tenant("endless"), tenant("other"));
    let loops = endless
        .open(&module, JobOptions::default())
        .expect("opened");
    for _ in 0..4 {
        loops.call("spin", ()).await.expect("called");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let job = other.open(&module, JobOptions::default()).expect("opened");
    let sum = job.call("next", (4,)).await.expect("called");
    let sum = tokio::time::timeout(Duration::from_secs(20), sum.get::<u8>()).await;
    assert_eq!(sum.expect("it runs").expect("a sum"), 5);
    loops.close().await;
    job.close().await;
}
