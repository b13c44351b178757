//! `test_actor_advanced.py`: named and detached actors.

use cases::{eventually, failure};
use wrun::prelude::*;

#[wrun::actor]
struct Named {
    x: u64,
}

#[wrun::actor]
impl Named {
    fn new() -> Self {
        Self { x: 0 }
    }

    fn inc(&mut self) -> u64 {
        self.x += 1;
        self.x
    }

    fn calls_others(&self) -> Result<(u64, u64)> {
        Ok((seven::remote().get()?, Named::remote().inc().get()?))
    }

    fn breaks(&self) -> u64 {
        panic!("it breaks")
    }
}

#[wrun::task]
fn seven() -> u64 {
    7
}

/// A call that refuses names like this one.
fn find(name: &str) -> Result<Handle<Named>> {
    wrun::get_actor(name)
}

fn is_free(name: &str) -> Result<bool> {
    Ok(find(name).is_err_and(|error| error.kind() == ErrorKind::NotFound))
}

pub fn register_and_get_named_actors() -> Result<()> {
    let first = Named::options().name("first").remote();
    let same = find("first")?;
    let refused = Named::options().name("first").remote();
    assert_eq!(failure(refused.inc().get()).kind(), ErrorKind::Exists);
    assert_eq!(failure(find("nonexistent")).kind(), ErrorKind::NotFound);
    for i in 0..4 {
        let handle = if i % 2 == 0 { &first } else { &same };
        assert_eq!(handle.inc().get()?, i + 1);
    }
    Ok(())
}

pub fn named_but_not_detached() -> Result<()> {
    let actor = Named::options().name("killed").remote();
    actor.kill()?;
    eventually("the name is free", || is_free("killed"))?;
    let actor = Named::options().name("dropped").remote();
    assert_eq!(find("dropped")?.inc().get()?, 1);
    drop(actor);
    eventually("the name is free", || is_free("dropped"))
}

#[wrun::task]
fn starts_detached(name: String) -> Result<u64> {
    Named::options()
        .name(name)
        .detached(true)
        .remote()
        .inc()
        .get()
}

pub fn detached_actor() -> Result<()> {
    assert_eq!(starts_detached::remote("detached").get()?, 1);
    let refused = Named::options().name("detached").detached(true).remote();
    assert_eq!(failure(refused.inc().get()).kind(), ErrorKind::Exists);
    let actor = find("detached")?;
    assert_eq!(actor.inc().get()?, 2);
    assert_eq!(
        actor.calls_others().get()?,
        (7, 1),
        "it may start tasks and actors though its maker is gone"
    );
    actor.kill()
}

pub fn detached_actor_cleanup() -> Result<()> {
    for _ in 0..3 {
        starts_detached::remote("again and again").get()?;
        find("again and again")?.kill()?;
        eventually("the name is free", || is_free("again and again"))?;
    }
    Ok(())
}

pub fn detached_actor_cleanup_due_to_failure() -> Result<()> {
    starts_detached::remote("breaks").get()?;
    failure(find("breaks")?.breaks().get());
    eventually("the name is free", || is_free("breaks"))?;
    assert_eq!(starts_detached::remote("breaks").get()?, 1);
    find("breaks")?.kill()
}

pub fn get_actor_no_input() -> Result<()> {
    for name in ["", "   "] {
        let error = failure(find(name));
        assert!(
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::BadArgument),
            "{error}"
        );
    }
    Ok(())
}

pub fn get_actor_after_killed() -> Result<()> {
    let actor = Named::options().name("one").detached(true).remote();
    actor.kill()?;
    eventually("it is not found", || is_free("one"))?;
    let actor = Named::options()
        .name("two")
        .detached(true)
        .max_restarts(1)
        .remote();
    actor.kill_and_restart()?;
    eventually("it is back", || Ok(find("two")?.inc().get().is_ok()))?;
    find("two")?.kill()
}

/// Finds the actor, or makes it; whoever is second gets the first one's.
#[wrun::task]
fn get_or_make(name: String) -> Result<u64> {
    let actor = find(&name).unwrap_or_else(|_| {
        Named::options()
            .name(&*name)
            .get_if_exists(true)
            .detached(true)
            .remote()
    });
    actor.inc().get()
}

pub fn get_actor_race_condition() -> Result<()> {
    for i in 0..20 {
        let name = format!("raced for {i}");
        let mut numbers = wrun::get(&get_or_make::map(vec![name.as_str(); 8]))?;
        numbers.sort_unstable();
        assert_eq!(
            numbers,
            (1..=8).collect::<Vec<u64>>(),
            "all got the same actor"
        );
        find(&name)?.kill()?;
    }
    Ok(())
}

#[wrun::task]
fn makes_again(name: String) -> Result<u64> {
    Named::options().name(&*name).detached(true).remote();
    let first = find(&name)?;
    first.inc().get()?;
    first.kill()?;
    Named::options().name(&*name).detached(true).remote();
    find(&name)?.inc().get()
}

/// The name is free as soon as `kill` returns.
pub fn get_actor_in_remote_workers() -> Result<()> {
    assert_eq!(makes_again::remote("again").get()?, 1);
    find("again")?.kill()
}
