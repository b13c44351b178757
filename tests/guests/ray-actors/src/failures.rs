//! `test_actor_failures.py` and other tests of actors' deaths: restarts, and what callers see.

use cases::{eventually, failure, ms, timed};
use wrun::prelude::*;

use crate::signal::{self, Signal};

/// A counter that can be made to break.
#[wrun::actor]
struct Fragile {
    value: u64,
}

#[wrun::actor]
impl Fragile {
    fn new() -> Self {
        Self { value: 0 }
    }

    fn increase(&mut self, breaks: bool) -> u64 {
        assert!(!breaks, "it breaks");
        self.value += 1;
        self.value
    }

    fn hang(&self) {
        wrun::sleep(Duration::from_secs(60));
    }

    fn leaves(&self) -> Result<()> {
        wrun::this_actor::<Fragile>()?.kill()
    }

    fn slow(&self) {
        wrun::sleep(ms(300));
    }
}

fn is_back(actor: &Handle<Fragile>) -> Result<()> {
    eventually("it is back", || Ok(actor.increase(false).get().is_ok()))
}

#[track_caller]
fn assert_dead(actor: &Handle<Fragile>) {
    let error = failure(actor.increase(false).get());
    assert_eq!(error.kind(), ErrorKind::ActorDied, "{error}");
}

/// It breaks in the middle of many calls: before that, values grow; then some calls fail; after that they grow anew.
pub fn actor_restart() -> Result<()> {
    let actor = Fragile::options().max_restarts(1).remote();
    let calls: Vec<_> = (0..200).map(|i| actor.increase(i == 100)).collect();
    let results: Vec<Option<u64>> = calls.iter().map(|call| call.get().ok()).collect();
    assert_eq!(results[..100], (1..=100).map(Some).collect::<Vec<_>>());
    assert_eq!(results[100], None, "the call that breaks it fails");
    let after: Vec<u64> = results[101..].iter().copied().flatten().collect();
    assert!(
        after
            .iter()
            .zip(1..)
            .all(|(value, expected)| *value == expected),
        "{after:?}"
    );
    is_back(&actor)?;
    failure(actor.increase(true).get());
    for _ in 0..20 {
        assert_dead(&actor);
    }

    let actor = Fragile::options().max_restarts(1).remote();
    actor.terminate()?;
    assert_dead(&actor);
    Ok(())
}

/// Calls that may be retried do not see the death.
pub fn actor_restart_with_retry() -> Result<()> {
    let actor = Fragile::options().max_restarts(1).remote();
    actor.increase(false).get()?;
    let slow = actor.options().max_retries(3).slow();
    let calls: Vec<_> = (0..50)
        .map(|_| actor.options().max_retries(3).increase(false))
        .collect();
    wrun::sleep(ms(100));
    actor.kill_and_restart()?;
    slow.get()?;
    assert_eq!(
        wrun::get(&calls)?,
        (1..=50).collect::<Vec<u64>>(),
        "in order, from the start again"
    );
    Ok(())
}

/// The constructor runs again though nobody calls.
pub fn actor_restart_without_task() -> Result<()> {
    let starts = Fragile::remote();
    let actor = Announced::options().max_restarts(1).remote(&starts);
    eventually("it has started", || Ok(starts.increase(false).get()? >= 2))?;
    let before = starts.increase(false).get()?;
    actor.kill_and_restart()?;
    // One more for each question, and one for the new start.
    let mut asked = 0;
    eventually("it has started again", || {
        asked += 1;
        Ok(starts.increase(false).get()? > before + asked)
    })
}

/// Tells somebody that it starts.
#[wrun::actor]
struct Announced;

#[wrun::actor]
impl Announced {
    fn new(starts: Handle<Fragile>) -> Self {
        starts.increase(false);
        Self
    }

    fn hello(&self) {}
}

#[wrun::actor]
struct Passing {
    to: Handle<Fragile>,
}

#[wrun::actor]
impl Passing {
    fn new(to: Handle<Fragile>) -> Self {
        Self { to }
    }

    fn increase(&self) -> Result<u64> {
        self.to.increase(false).get()
    }
}

/// A restarted actor calls another as before.
pub fn caller_actor_restart() -> Result<()> {
    let passing = Passing::options().max_restarts(1).remote(Fragile::remote());
    for i in 1..=3 {
        assert_eq!(passing.increase().get()?, i);
    }
    passing.kill_and_restart()?;
    let mut next = None;
    eventually("it is back", || {
        next = passing.increase().get().ok();
        Ok(next.is_some())
    })?;
    assert_eq!(next, Some(4));
    Ok(())
}

#[wrun::task]
fn until_three(actor: Handle<Fragile>) -> Result<u64> {
    let value = actor.increase(false).get()?;
    wrun::ensure!(value > 2, "only {value}");
    Ok(value)
}

/// A retried task's new attempts are callers like any other.
pub fn caller_task_reconstruction() -> Result<()> {
    let actor = Fragile::remote();
    let value = until_three::options()
        .max_retries(5)
        .retry_errors(true)
        .remote(&actor);
    assert_eq!(value.get()?, 3);
    Ok(())
}

pub fn multiple_actor_restart() -> Result<()> {
    let actors: Vec<_> = (0..10)
        .map(|_| Fragile::options().max_restarts(wrun::FOREVER).remote())
        .collect();
    for _ in 0..3 {
        let calls: Vec<_> = (0..10)
            .flat_map(|_| {
                actors
                    .iter()
                    .map(|actor| actor.options().max_retries(wrun::FOREVER).increase(false))
            })
            .collect();
        actors[..5]
            .iter()
            .try_for_each(|actor| actor.kill_and_restart())?;
        for values in wrun::get_timeout(&calls, Duration::from_secs(30))?
            .chunks(10)
            .collect::<Vec<_>>()
            .windows(2)
        {
            let grows = |(before, after): (&u64, &u64)| *after == before + 1 || *after == 1;
            assert!(values[0].iter().zip(values[1]).all(grows), "{values:?}");
        }
    }
    Ok(())
}

/// The calls of a dead actor are ready.
pub fn wait_dead_actor() -> Result<()> {
    let actor = Fragile::remote();
    let calls = [actor.slow(), actor.slow(), actor.slow()];
    actor.kill()?;
    let (ready, rest) = wrun::wait(&calls, 3, Some(Duration::from_secs(10)))?;
    assert_eq!((ready.len(), rest.len()), (3, 0));
    let late = actor.slow();
    let (ready, _) = wrun::wait(&[late], 1, Some(Duration::from_secs(10)))?;
    assert_eq!(ready.len(), 1);
    Ok(())
}

/// Breaks in its constructor until it was tried often enough.
#[wrun::actor]
struct HardToStart;

#[wrun::actor]
impl HardToStart {
    fn new(tries: Handle<Fragile>, good: u64) -> Result<Self> {
        let attempt = tries.increase(false).get()?;
        assert!(attempt >= good, "attempt {attempt} breaks");
        Ok(Self)
    }

    fn hello(&self) -> u64 {
        1
    }
}

pub fn actor_creation_task_crash() -> Result<()> {
    let error = failure(HardToStart::remote(Fragile::remote(), 2).hello().get());
    assert!(
        matches!(error.kind(), ErrorKind::ActorDied | ErrorKind::Panic),
        "{error:?}"
    );
    let actor = HardToStart::options()
        .max_restarts(3)
        .remote(Fragile::remote(), 3);
    assert_eq!(actor.hello().get()?, 1);
    Ok(())
}

#[wrun::actor]
struct Owner {
    waiting: Vec<Handle<Announced>>,
}

#[wrun::actor]
impl Owner {
    fn new() -> Self {
        Self {
            waiting: Vec::new(),
        }
    }

    fn start(&mut self, starts: Handle<Fragile>, first: Vec<ObjectRef<u64>>) -> Result<()> {
        wrun::ensure!(!first.is_empty(), "nothing to wait for");
        for _ in 0..2 {
            let actor = Announced::options().num_cpus(1).remote(&starts);
            actor.hello();
            self.waiting.push(actor);
        }
        Ok(())
    }
}

/// When who started them is gone, the slots are free for others.
pub fn pending_actor_removed_by_owner() -> Result<()> {
    let signal = Signal::remote();
    let owner = Owner::remote();
    owner
        .start(Fragile::remote(), vec![signal::wait(&signal)])
        .get()?;
    drop(owner);
    let all = wrun::context()?.slots;
    let free = one::options().num_cpus(all).remote();
    assert_eq!(free.get_timeout(Duration::from_secs(20))?, 1);
    signal.send().get()
}

#[wrun::task]
fn one() -> u64 {
    1
}

pub fn kill() -> Result<()> {
    let actor = Fragile::remote();
    let result = actor.hang();
    let (ready, _) = wrun::wait(std::slice::from_ref(&result), 1, Some(ms(300)))?;
    assert!(ready.is_empty());
    actor.kill()?;
    let (time, result) = timed(|| result.get());
    assert!(failure(result).is_actor_died());
    assert!(time < ms(2000), "{time:?}");
    Ok(())
}

pub fn kill_actor_immediately_after_creation() -> Result<()> {
    let actors = [Fragile::remote(), Fragile::remote()];
    for actor in &actors {
        actor.kill()?;
    }
    actors.iter().for_each(assert_dead);
    Ok(())
}

/// It waits for its argument when it is killed; restarted, it waits again.
pub fn kill_pending_actor() -> Result<()> {
    let signal = Signal::remote();
    let waiting = signal::wait(&signal);
    let never = Late::remote(&waiting);
    let restarted = Late::options().max_restarts(1).remote(&waiting);
    never.kill()?;
    assert!(failure(never.value().get()).is_actor_died());
    restarted.kill_and_restart()?;
    signal.send().get()?;
    eventually("it starts after all", || {
        Ok(restarted.value().get().is_ok())
    })
}

#[wrun::actor]
struct Late {
    value: u64,
}

#[wrun::actor]
impl Late {
    fn new(value: u64) -> Self {
        Self { value }
    }

    fn value(&self) -> u64 {
        self.value
    }
}

pub fn actor_killing() -> Result<()> {
    let all = wrun::context()?.slots;
    let start = |restarts| {
        Fragile::options()
            .num_cpus(all)
            .max_restarts(restarts)
            .remote()
    };
    let first = start(0);
    first.kill()?;
    let second = start(0);
    assert_eq!(second.increase(false).get()?, 1);
    second.kill()?;
    let third = start(1);
    third.kill_and_restart()?;
    is_back(&third)?;
    third.kill_and_restart()?;
    assert_eq!(start(0).increase(false).get()?, 1);
    Ok(())
}

/// An actor ends itself.
pub fn actor_scheduling() -> Result<()> {
    let actor = Fragile::remote();
    actor.leaves();
    eventually("it is gone", || Ok(actor.increase(false).get().is_err()))?;
    assert_dead(&actor);
    Ok(())
}
