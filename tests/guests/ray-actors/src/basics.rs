//! `test_actor.py`: what actors are and where they may be made and used.

use std::collections::HashSet;

use cases::{failure, ms, timed};
use serde::{Deserialize, Serialize};
use wrun::prelude::*;

#[wrun::actor]
struct Moody;

#[wrun::actor]
impl Moody {
    fn new(fails: bool) -> Result<Self> {
        wrun::ensure!(!fails, "oops");
        Ok(Self)
    }

    fn hello(&self) -> String {
        "OK".to_owned()
    }
}

pub fn actor_init_error_propagated() -> Result<()> {
    assert_eq!(Moody::remote(false).hello().get()?, "OK");
    let error = failure(Moody::remote(true).hello().get());
    let told = format!("{error} {}", error.cause().unwrap_or_default());
    assert!(told.contains("oops"), "{told}");
    Ok(())
}

#[wrun::actor]
struct Empty;

#[wrun::actor]
impl Empty {
    fn new() -> Self {
        Self
    }

    fn nothing(&self) {}
}

pub fn no_args() -> Result<()> {
    Empty::remote().nothing().get()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Thing {
    x: u64,
}

#[wrun::actor]
struct Holder {
    own: Thing,
    given: Thing,
}

#[wrun::actor]
impl Holder {
    fn new(given: Thing) -> Self {
        Self {
            own: Thing { x: 1 },
            given,
        }
    }

    fn two(&self) -> (Thing, Thing) {
        (self.own.clone(), self.given.clone())
    }

    fn three(&self, last: Thing) -> (Thing, Thing, Thing) {
        (self.own.clone(), self.given.clone(), last)
    }

    #[wrun(num_returns = 2)]
    fn apart(&self) -> (Thing, u64) {
        (self.own.clone(), self.given.x)
    }

    #[wrun(num_returns = 3)]
    fn apart_in_three(&self) -> (u64, u64, String) {
        (1, 2, "3".to_owned())
    }
}

pub fn custom_classes() -> Result<()> {
    let actor = Holder::remote(Thing { x: 2 });
    assert_eq!(actor.two().get()?, (Thing { x: 1 }, Thing { x: 2 }));
    assert_eq!(actor.three(Thing { x: 3 }).get()?.2, Thing { x: 3 });
    Ok(())
}

pub fn random_id_generation() -> Result<()> {
    let names: HashSet<String> = (0..50).map(|_| Empty::remote().to_string()).collect();
    assert_eq!(names.len(), 50);
    Ok(())
}

pub fn multiple_return_values() -> Result<()> {
    let actor = Holder::remote(Thing { x: 2 });
    let (thing, number) = actor.apart();
    assert_eq!(wrun::get((&thing, &number))?, (Thing { x: 1 }, 2));
    let (a, b, c) = actor.apart_in_three();
    assert_eq!(wrun::get((&a, &b, &c))?, (1, 2, "3".to_owned()));
    Ok(())
}

#[wrun::actor]
struct Counter {
    value: u64,
}

#[wrun::actor]
impl Counter {
    fn new(value: u64) -> Self {
        Self { value }
    }

    fn plus(&self, n: u64) -> u64 {
        self.value + n
    }

    fn increase(&mut self) -> u64 {
        self.value += 1;
        self.value
    }

    fn reset(&mut self) {
        self.value = 0;
    }

    fn slow(&self) -> u64 {
        wrun::sleep(ms(500));
        self.value
    }
}

/// An actor is a plain type as well: called directly, it is just that.
pub fn define_actor() -> Result<()> {
    assert_eq!(Counter::remote(2).plus(1).get()?, 3);
    assert_eq!(Counter::new(2).plus(1), 3);
    Ok(())
}

/// The handle is gone before the call runs.
pub fn actor_method_deletion() -> Result<()> {
    assert_eq!(Counter::remote(1).plus(0).get()?, 1);
    Ok(())
}

pub fn multiple_actors() -> Result<()> {
    const ACTORS: u64 = 5;
    const TIMES: u64 = 50;
    let actors: Vec<_> = (0..ACTORS).map(Counter::remote).collect();
    let results: Vec<_> = actors
        .iter()
        .flat_map(|actor| (0..TIMES).map(|_| actor.increase()))
        .collect();
    let expected: Vec<u64> = (0..ACTORS).flat_map(|i| i + 1..=i + TIMES).collect();
    assert_eq!(wrun::get(&results)?, expected);

    actors.iter().for_each(|actor| drop(actor.reset()));
    let results: Vec<_> = (0..TIMES)
        .flat_map(|_| actors.iter().map(|actor| actor.increase()))
        .collect();
    let expected: Vec<u64> = (1..=TIMES).flat_map(|j| [j; 5]).collect();
    assert_eq!(wrun::get(&results)?, expected);
    Ok(())
}

#[wrun::task]
fn plus_one(x: u64) -> u64 {
    x + 1
}

#[wrun::task]
fn plus_one_inside(x: u64) -> Result<u64> {
    plus_one::remote(x).get()
}

#[wrun::actor]
struct Caller {
    refs: Vec<ObjectRef<u64>>,
    values: Vec<u64>,
}

#[wrun::actor]
impl Caller {
    fn new() -> Result<Self> {
        let refs: Vec<_> = (0..5).map(plus_one::remote).collect();
        Ok(Self {
            values: wrun::get(&refs)?,
            refs,
        })
    }

    fn refs(&self) -> Vec<ObjectRef<u64>> {
        self.refs.clone()
    }

    fn values(&self) -> Vec<u64> {
        self.values.clone()
    }

    fn calls(&self) -> Result<Vec<u64>> {
        wrun::get(&(0..5).map(plus_one_inside::remote).collect::<Vec<_>>())
    }

    fn reads(&self, refs: Vec<ObjectRef<u64>>) -> Result<Vec<u64>> {
        wrun::get(&refs)
    }
}

pub fn remote_function_within_actor() -> Result<()> {
    let actor = Caller::remote();
    let expected: Vec<u64> = (1..6).collect();
    assert_eq!(wrun::get(&actor.refs().get()?)?, expected);
    assert_eq!(actor.values().get()?, expected);
    assert_eq!(actor.calls().get()?, expected);
    assert_eq!(
        actor
            .reads((0..5).map(plus_one::remote).collect::<Vec<_>>())
            .get()?,
        expected
    );
    Ok(())
}

#[wrun::actor]
struct Outer {
    own: u64,
    inner: Option<Handle<Counter>>,
}

#[wrun::actor]
impl Outer {
    fn new(own: u64) -> Self {
        Self { own, inner: None }
    }

    fn starts_inner(&mut self, value: u64) -> Result<(u64, u64)> {
        let inner = self.inner.insert(Counter::remote(value));
        Ok((self.own, inner.plus(0).get()?))
    }
}

pub fn define_actor_within_actor() -> Result<()> {
    assert_eq!(Outer::remote(3).starts_inner(5).get()?, (3, 5));
    Ok(())
}

#[wrun::actor]
struct WithInner {
    inner: Handle<Counter>,
}

#[wrun::actor]
impl WithInner {
    fn new(value: u64) -> Self {
        Self {
            inner: Counter::remote(value),
        }
    }

    fn value(&self) -> Result<u64> {
        self.inner.plus(0).get()
    }
}

pub fn use_actor_within_actor() -> Result<()> {
    assert_eq!(WithInner::remote(4).value().get()?, 4);
    Ok(())
}

#[wrun::task]
fn asks_own_actor(value: u64, times: usize) -> Result<Vec<u64>> {
    let actor = Counter::remote(value);
    wrun::get(&(0..times).map(|_| actor.plus(0)).collect::<Vec<_>>())
}

pub fn define_actor_within_remote_function() -> Result<()> {
    assert_eq!(asks_own_actor::remote(3, 1).get()?, [3]);
    let all: Vec<_> = (0..10).map(|i| asks_own_actor::remote(i, 20)).collect();
    assert_eq!(
        wrun::get(&all)?,
        (0..10).map(|i| vec![i; 20]).collect::<Vec<_>>()
    );
    Ok(())
}

#[wrun::task]
fn asks_actor(actor: Handle<Counter>) -> Result<u64> {
    actor.increase().get()
}

pub fn use_actor_within_remote_function() -> Result<()> {
    let actor = Counter::remote(2);
    assert_eq!(asks_actor::remote(&actor).get()?, 3);
    assert_eq!(asks_actor::remote(actor).get()?, 4);
    Ok(())
}

#[wrun::task]
fn call_here() -> Result<(Option<String>, u64)> {
    let context = wrun::context()?;
    Ok((context.actor, context.pid))
}

#[wrun::actor]
struct Here;

#[wrun::actor]
impl Here {
    fn new() -> Self {
        Self
    }

    fn call(&self) -> Result<(Option<String>, u64)> {
        call_here()
    }
}

/// A task runs in a sandbox of its own, never in an actor's.
pub fn remote_functions_not_scheduled_on_actors() -> Result<()> {
    let actor = Here::remote();
    let (id, _) = actor.call().get()?;
    assert!(id.is_some());
    assert_eq!(actor.call().get()?.0, id, "an actor stays itself");
    let calls = wrun::get(&(0..100).map(|_| call_here::remote()).collect::<Vec<_>>())?;
    assert!(calls.iter().all(|(actor, _)| actor.is_none()));
    let pids: HashSet<u64> = calls.into_iter().map(|(_, pid)| pid).collect();
    assert_eq!(pids.len(), 100);
    Ok(())
}

/// As many actors as there are slots, each asking for one, and one more: all answer.
pub fn actor_lifetime_load_balancing() -> Result<()> {
    let slots = wrun::context()?.slots;
    let actors: Vec<_> = (0_u32..)
        .take_while(|n| f64::from(*n) < slots + 1.0)
        .map(|_| Counter::options().num_cpus(1).remote(1))
        .collect();
    let values: Vec<_> = actors.iter().map(|actor| actor.plus(0)).collect();
    assert!(
        wrun::get_timeout(&values, Duration::from_secs(20))?
            .iter()
            .all(|value| *value == 1)
    );
    Ok(())
}

pub fn zero_cpus_actor() -> Result<()> {
    let actor = Counter::options().num_cpus(0).remote(1);
    assert_eq!(actor.plus(1).get()?, 2);
    Ok(())
}

pub fn fractional_resources() -> Result<()> {
    let slots = wrun::context()?.slots;
    let actors: Vec<_> = (0_u32..)
        .take_while(|n| f64::from(*n) < 2.0 * slots)
        .map(|_| Counter::options().num_cpus(0.5).remote(1))
        .collect();
    wrun::get(&actors.iter().map(|actor| actor.plus(0)).collect::<Vec<_>>())?;
    let (time, values) =
        timed(|| wrun::get(&actors.iter().map(|actor| actor.slow()).collect::<Vec<_>>()));
    values?;
    assert!(time < ms(1400), "two on each slot, side by side: {time:?}");
    Ok(())
}
