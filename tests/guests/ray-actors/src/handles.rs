//! `test_actor.py` and `test_actor_advanced.py`: handles in many hands, and the actor's end with the last of them.

use cases::{eventually, ms};
use serde::{Deserialize, Serialize};
use wrun::prelude::*;

use crate::signal::{self, Signal};

#[wrun::actor]
struct Queue {
    items: Vec<(u64, u64)>,
}

#[wrun::actor]
impl Queue {
    fn new() -> Self {
        Self { items: Vec::new() }
    }

    fn push(&mut self, key: u64, item: u64) {
        self.items.push((key, item));
    }

    fn of(&self, key: u64) -> Vec<u64> {
        self.items
            .iter()
            .filter(|(other, _)| *other == key)
            .map(|(_, item)| *item)
            .collect()
    }
}

/// Pushes from its own handle, waits only for the last.
#[wrun::task]
fn pushes(queue: Handle<Queue>, key: u64, count: u64) -> Result<()> {
    push_all(&queue, key, count).map_or(Ok(()), |last| last.get())
}

fn push_all(queue: &Handle<Queue>, key: u64, count: u64) -> Option<ObjectRef<()>> {
    (0..count).fold(None, |_, item| Some(queue.push(key, item)))
}

/// Each key has all its items, in order.
fn assert_complete(queue: &Handle<Queue>, keys: u64, count: u64) -> Result<()> {
    for key in 0..keys {
        assert_eq!(
            queue.of(key).get()?,
            (0..count).collect::<Vec<u64>>(),
            "of {key}"
        );
    }
    Ok(())
}

pub fn fork() -> Result<()> {
    let queue = Queue::remote();
    wrun::get(
        &(0..100)
            .map(|key| pushes::remote(&queue, key, 1))
            .collect::<Vec<_>>(),
    )?;
    assert_complete(&queue, 100, 1)
}

pub fn fork_consistency() -> Result<()> {
    let queue = Queue::remote();
    let mut forks: Vec<_> = (0..5).map(|key| pushes::remote(&queue, key, 100)).collect();
    forks.extend(push_all(&queue, 5, 100));
    wrun::get(&forks)?;
    assert_complete(&queue, 6, 100)
}

#[derive(Serialize, Deserialize)]
struct Wrapped {
    queue: Vec<Handle<Queue>>,
}

#[wrun::task]
fn pushes_wrapped(wrapped: Wrapped, key: u64, count: u64) -> Result<()> {
    push_all(&wrapped.queue[0], key, count).map_or(Ok(()), |last| last.get())
}

/// The handle goes into a stored value, and out of it in each task.
pub fn pickled_handle_consistency() -> Result<()> {
    let queue = Queue::remote();
    let stored = wrun::put(Wrapped {
        queue: vec![queue.clone()],
    });
    let mut forks: Vec<_> = (0..10)
        .map(|key| pushes_wrapped::remote(&stored, key, 100))
        .collect();
    forks.extend(push_all(&queue, 10, 100));
    wrun::get(&forks)?;
    assert_complete(&queue, 11, 100)
}

#[wrun::task]
fn pushes_nested(queue: Handle<Queue>, key: u64, count: u64) -> Result<()> {
    pushes::remote(&queue, key + 1, count).get()?;
    push_all(&queue, key, count).map_or(Ok(()), |last| last.get())
}

pub fn nested_fork() -> Result<()> {
    let queue = Queue::remote();
    let forks: Vec<_> = (0..10)
        .step_by(2)
        .map(|key| pushes_nested::remote(&queue, key, 100))
        .collect();
    wrun::get(&forks)?;
    assert_complete(&queue, 10, 100)
}

#[wrun::task]
fn pushes_slowly(queue: Handle<Queue>) -> Result<Vec<u64>> {
    for item in 0..10 {
        queue.push(0, item);
        wrun::sleep(ms(30));
    }
    queue.of(0).get()
}

/// The first handle is gone, the task's own keeps the actor.
pub fn garbage_collection() -> Result<()> {
    let queue = Queue::remote();
    let pushed = pushes_slowly::remote(&queue);
    queue.of(0).get()?;
    drop(queue);
    assert_eq!(pushed.get()?, (0..10).collect::<Vec<u64>>());
    Ok(())
}

#[wrun::actor]
struct Tally {
    x: u64,
}

#[wrun::actor]
impl Tally {
    fn new() -> Self {
        Self { x: 0 }
    }

    fn inc(&mut self) -> u64 {
        self.x += 1;
        self.x
    }
}

#[wrun::task]
fn returns_actor() -> Handle<Tally> {
    Tally::remote()
}

#[wrun::task]
fn returns_actors() -> Vec<Handle<Tally>> {
    vec![Tally::remote(), Tally::remote()]
}

pub fn calling_put_on_actor_handle() -> Result<()> {
    let counter = Tally::remote();
    let stored = wrun::put(counter.clone());
    let same = stored.get()?;
    assert_eq!(same.inc().get()?, 1);
    assert_eq!(counter.inc().get()?, 2);
    assert_eq!(same.inc().get()?, 3);
    assert_eq!(returns_actor::remote().get()?.inc().get()?, 1);
    assert_eq!(returns_actors::remote().get()?[1].inc().get()?, 1);
    Ok(())
}

pub fn pickling_actor_handle() -> Result<()> {
    let stored = wrun::put(Tally::remote());
    for i in 1..4 {
        assert_eq!(
            stored.get()?.inc().get()?,
            i,
            "the stored handle keeps the actor"
        );
    }
    Ok(())
}

#[wrun::actor]
struct Stepper {
    counter: Handle<Tally>,
}

#[wrun::actor]
impl Stepper {
    fn new(mut counters: Vec<Handle<Tally>>) -> Result<Self> {
        counters
            .pop()
            .map(|counter| Self { counter })
            .ok_or_else(|| Error::new("no counter"))
    }

    fn step(&self) -> Result<u64> {
        self.counter.inc().get()
    }
}

pub fn pickled_actor_handle_call_in_method_twice() -> Result<()> {
    let stepper = Stepper::remote(vec![Tally::remote()]);
    assert_eq!(stepper.step().get()?, 1);
    assert_eq!(stepper.step().get()?, 2);
    Ok(())
}

fn gone<A: Actor>(name: &str) -> Result<bool> {
    match wrun::get_actor::<A>(name) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

#[wrun::task]
fn uses_after(counter: Handle<Tally>, _signal: u64) -> Result<u64> {
    counter.inc().get()
}

/// Even with restarts to spare, an actor that nobody can reach ends for good.
pub fn deleted_actor_no_restart() -> Result<()> {
    let signal = Signal::remote();
    let counter = Tally::options().max_restarts(3).name("deleted").remote();
    counter.inc().get()?;
    let later = uses_after::remote(&counter, signal::wait(&signal));
    drop(counter);
    wrun::sleep(ms(100));
    signal.send();
    assert_eq!(
        later.get()?,
        2,
        "the waiting task's handle kept it as it was"
    );
    eventually("it ends", || gone::<Tally>("deleted"))
}

pub fn actor_deletion() -> Result<()> {
    let names: Vec<String> = (0..10).map(|i| format!("deleted {i}")).collect();
    let actors: Vec<_> = names
        .iter()
        .map(|name| Tally::options().name(name.as_str()).remote())
        .collect();
    wrun::get(&actors.iter().map(|actor| actor.inc()).collect::<Vec<_>>())?;
    for name in &names {
        assert!(!gone::<Tally>(name)?);
    }
    drop(actors);
    for name in &names {
        eventually("all end", || gone::<Tally>(name))?;
    }
    Ok(())
}

pub fn remove_actor_immediately_after_creation() -> Result<()> {
    drop(Tally::options().name("one").remote());
    drop(Tally::options().name("two").remote());
    eventually("they end", || {
        Ok(gone::<Tally>("one")? && gone::<Tally>("two")?)
    })
}
