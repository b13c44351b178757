//! What is seen of a node from outside.

#![allow(
    clippy::too_many_lines,
    reason = "what happens one after another stands in one piece"
)]

use super::*;
use crate::types::{ActorState, ObjectState, TaskKind, TaskState};

fn query<S>(limit: usize) -> Query<S> {
    Query {
        limit,
        ..Query::default()
    }
}

/// Pages to the end: the numbers of the calls.
fn walk(runtime: &Runtime, limit: usize) -> Vec<u64> {
    let (mut query, mut numbers) = (query::<TaskState>(limit), Vec::new());
    loop {
        let page = runtime.tasks(&query);
        assert!(page.items.len() <= limit && numbers.len() < 1_000);
        numbers.extend(page.items.iter().map(|task| task.number));
        query.after = page.next;
        if query.after.is_none() {
            return numbers;
        }
    }
}

#[tokio::test]
async fn queued_calls_are_seen_page_by_page_and_not_after_the_job() {
    let runtime = runtime(1.0);
    let module = load(&runtime, &super::tenants::with_spin()).await;
    let job = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    let mut pending = vec![job.call("spin", ()).await.expect("called")];
    for n in 0..300 {
        pending.push(job.call("next", (n % 200,)).await.expect("called"));
    }
    let spins = || {
        let running = Query {
            states: vec![TaskState::Running],
            ..query(10)
        };
        runtime.tasks(&running).items
    };
    let begun = async {
        while spins().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), begun)
        .await
        .expect("it runs");
    let spin = spins().remove(0);
    assert_eq!(
        (&*spin.name, spin.kind, spin.number),
        ("spin", TaskKind::Task, 1)
    );
    assert!(spin.started_at >= Some(spin.created_at) && spin.run_ms.is_some());
    let expected: Vec<u64> = (1..=301).collect();
    for limit in [1, 7, 32, 300, 301, 1_000] {
        assert_eq!(walk(&runtime, limit), expected, "{limit}");
    }
    // Pages go on from one job to the next.
    let more = runtime
        .open(&module, JobOptions::default())
        .expect("opened");
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(more.call("next", (1,)).await.expect("called"));
    }
    let (mut first, mut second) = (expected.clone(), vec![1, 2, 3]);
    if more.id() < job.id() {
        std::mem::swap(&mut first, &mut second);
    }
    for limit in [1, 2, 3, 4, 300, 301, 303] {
        assert_eq!(
            walk(&runtime, limit),
            [&first[..], &second].concat(),
            "{limit}"
        );
    }
    more.close().await;
    drop((more, others));
    let exact = runtime.tasks(&query::<TaskState>(301));
    assert_eq!(exact.next, None, "a full last page has nothing behind it");
    let named = Query {
        name: Some("next".into()),
        states: vec![TaskState::Queued],
        ..query(1_000)
    };
    assert_eq!(runtime.tasks(&named).items.len(), 300);
    let other = Query {
        job: Some(JobId::random()),
        ..query::<TaskState>(10)
    };
    assert_eq!(runtime.tasks(&other).items, []);
    let totals = runtime.totals(Some(job.id()));
    assert_eq!(
        (totals.submitted, totals.running, totals.finished),
        (301, 1, 0)
    );

    pending[300].cancel();
    let cancelled = Query {
        states: vec![TaskState::Cancelled],
        ..query(10)
    };
    let found = runtime.tasks(&cancelled).items;
    assert_eq!(
        (found.len(), found[0].number, found[0].run_ms),
        (1, 301, None)
    );
    // What has the error in its place is held by who asked for it.
    let failed = Query {
        states: vec![ObjectState::Failed],
        ..query(10)
    };
    let error = runtime.objects(&failed).items.remove(0);
    assert_eq!(error.task, Some(found[0].id));
    pending.pop();
    let left = runtime.objects(&failed).items;
    assert!(
        left.is_empty() || left[0].holders + 1 == error.holders,
        "what stands in the queue still"
    );

    job.close().await;
    assert_eq!(runtime.tasks(&query(10)).items, []);
    drop((job, pending));
    assert_eq!(runtime.held(), []);
}

#[tokio::test]
async fn the_dead_are_kept_until_the_job_that_made_them_ends() {
    let runtime = runtime(2.0);
    let module = load(&runtime, BY_HAND).await;
    let (mine, other) = (
        runtime.tenant("mine", &TenantOptions::default()),
        runtime.tenant("other", &TenantOptions::default()),
    );
    let job = mine.open(&module, JobOptions::default()).expect("opened");
    let named = CallOptions {
        name: Some("total".into()),
        detached: Some(true),
        ..CallOptions::default()
    };
    let mut all = vec![job.actor("Counter", (), named).await.expect("made")];
    for _ in 0..5 {
        all.push(
            job.actor("Counter", (), CallOptions::default())
                .await
                .expect("made"),
        );
    }
    for actor in &all {
        let sum = actor.call("add", (1,)).await.expect("called");
        assert_eq!(sum.get::<u8>().await.expect("a sum"), 1);
    }
    let seen = |limit| mine.actors(&query::<ActorState>(limit));
    assert!(
        seen(10)
            .items
            .iter()
            .all(|actor| actor.job == job.id() && actor.tenant == "mine")
    );
    let detached: Vec<_> = seen(10).items.into_iter().filter(|a| a.detached).collect();
    assert_eq!(
        (detached.len(), detached[0].name.as_deref()),
        (1, Some("total"))
    );
    assert_eq!(other.actors(&query(10)).items, []);
    assert_eq!(runtime.actors(&query(10)).items.len(), 6);

    all.iter().for_each(Actor::kill);
    let states = || {
        seen(10)
            .items
            .iter()
            .map(|actor| actor.state)
            .collect::<Vec<_>>()
    };
    assert!(states().iter().all(|state| *state == ActorState::Dead));
    let buried = async {
        while seen(10).items.iter().any(|actor| actor.ended_at.is_none()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), buried)
        .await
        .expect("they end");
    // The detached one had a job of its own, and stands behind the others.
    let (mut paged, mut query) = (Vec::new(), query(1));
    loop {
        let page = mine.actors(&query);
        paged.extend(page.items);
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(paged.len(), 6);
    assert!(paged[5].detached && paged[5].ended_at >= Some(paged[5].created_at));
    assert_eq!(
        paged[0].error.as_ref().map(|e| &*e.message),
        Some("it was killed")
    );
    job.close().await;
    assert_eq!(mine.actors(&Query::default()).items, []);
    drop((job, all));
    eventually_nothing_is_held(&runtime).await;
}
