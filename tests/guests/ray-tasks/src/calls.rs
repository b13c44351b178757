//! `test_basic_2.py`: how values pass between tasks and actors.

use cases::{failure, ms, timed};
use serde::{Deserialize, Serialize};
use wrun::prelude::*;

use crate::signal::{self, Signal};

/// A value, or a ref to one inside a value.
#[derive(Debug, Serialize, Deserialize)]
enum Input {
    Here(Vec<u8>),
    There(ObjectRef<Vec<u8>>),
}

impl Input {
    fn value(self) -> Result<Vec<u8>> {
        match self {
            Self::Here(bytes) => Ok(bytes),
            Self::There(bytes) => bytes.get(),
        }
    }
}

#[wrun::task]
fn source(size: usize) -> Vec<u8> {
    vec![1; size]
}

#[wrun::task]
fn wrapped(bytes: Vec<u8>) -> Input {
    Input::Here(bytes)
}

#[wrun::task]
fn target(input: Input) -> Result<usize> {
    input.value().map(|bytes| bytes.len())
}

#[wrun::actor]
struct End;

#[wrun::actor]
impl End {
    fn new() -> Self {
        Self
    }

    fn source(&self, size: usize) -> Vec<u8> {
        vec![1; size]
    }

    fn target(&self, input: Input) -> Result<usize> {
        input.value().map(|bytes| bytes.len())
    }
}

/// From task or actor to task or actor, small or large, as the value itself or inside another one.
pub fn call_matrix() -> Result<()> {
    for size in [1, 4 << 20] {
        for from_actor in [false, true] {
            for to_actor in [false, true] {
                for inside in [false, true] {
                    let bytes = if from_actor {
                        End::remote().source(size)
                    } else {
                        source::remote(size)
                    };
                    let input = if inside {
                        wrun::put(Input::There(bytes))
                    } else {
                        wrapped::remote(bytes)
                    };
                    let length = if to_actor {
                        End::remote().target(input)
                    } else {
                        target::remote(input)
                    };
                    assert_eq!(
                        length.get()?,
                        size,
                        "from actor {from_actor}, to actor {to_actor}, inside {inside}"
                    );
                }
            }
        }
    }
    Ok(())
}

#[wrun::task]
fn soon(n: u64, milliseconds: u64) -> u64 {
    wrun::sleep(ms(milliseconds));
    n
}

#[wrun::actor]
struct InOrder {
    count: u64,
}

#[wrun::actor]
impl InOrder {
    fn new() -> Self {
        Self { count: 0 }
    }

    fn next(&mut self, count: u64, _dependency: u64) -> Result<u64> {
        wrun::ensure!(
            count == self.count,
            "call {count} came as number {}",
            self.count
        );
        self.count += 1;
        Ok(count)
    }
}

/// The arguments are ready in any order, the calls keep theirs.
pub fn actor_call_order() -> Result<()> {
    let actor = InOrder::remote();
    let calls: Vec<_> = (0..100)
        .map(|i| actor.next(i, soon::remote(0, i * 7 % 10 * 10)))
        .collect();
    assert_eq!(wrun::get(&calls)?, (0..100).collect::<Vec<u64>>());
    Ok(())
}

#[wrun::task]
fn through(actor: Handle<Doubler>, milliseconds: u64) -> Result<u64> {
    actor.double(soon::remote(1, milliseconds)).get()
}

/// One caller's call waits for a slow argument; another caller's does not wait for it.
pub fn actor_pass_by_ref_order_optimization() -> Result<()> {
    let actor = Doubler::remote();
    let slow = through::remote(&actor, 3000);
    wrun::sleep(ms(200));
    let (time, fast) = timed(|| through::remote(&actor, 0).get());
    assert_eq!(fast?, 2);
    assert!(time < ms(1500), "{time:?}");
    assert_eq!(slow.get()?, 2);
    Ok(())
}

pub fn call_chain() -> Result<()> {
    let mut last = soon::remote(0, 0);
    for _ in 0..100 {
        last = after::remote(last);
    }
    assert_eq!(last.get()?, 100);
    Ok(())
}

#[wrun::task]
fn after(x: u64) -> u64 {
    x + 1
}

pub fn get_with_timeout() -> Result<()> {
    let signal = Signal::remote();
    assert_eq!(soon::remote(5, 0).get_timeout(Duration::from_secs(30))?, 5);
    let result = signal::wait(&signal);
    for _ in 0..2 {
        assert!(failure(result.get_timeout(ms(100))).is_timeout());
    }
    signal.send().get()?;
    assert_eq!(result.get_timeout(Duration::from_secs(30))?, 0);
    Ok(())
}

#[wrun::actor]
struct Adder {
    value: u64,
}

#[wrun::actor]
impl Adder {
    fn new(value: u64) -> Self {
        Self { value }
    }

    fn add(&mut self, delta: u64) -> u64 {
        self.value += delta;
        self.value
    }
}

#[wrun::task]
fn add_through(adder: Handle<Adder>) -> Result<u64> {
    adder.add(1).get()
}

#[wrun::task]
fn add_through_list(adders: Vec<Handle<Adder>>) -> Result<u64> {
    adders[0].add(1).get()
}

pub fn call_actors_indirect_through_tasks() -> Result<()> {
    let adder = Adder::remote(0);
    for i in 0..50 {
        assert_eq!(add_through::remote(&adder).get()?, 2 * i + 1);
        assert_eq!(add_through_list::remote([adder.clone()]).get()?, 2 * i + 2);
    }
    Ok(())
}

#[wrun::actor]
struct Collector {
    all: Vec<Vec<u8>>,
}

#[wrun::actor]
impl Collector {
    fn new() -> Self {
        Self { all: Vec::new() }
    }

    fn add(&mut self, bytes: Vec<u8>) -> bool {
        self.all.push(bytes);
        self.all.iter().flatten().all(|byte| *byte == 1)
    }
}

/// What an actor keeps does not change when later arguments arrive.
pub fn inline_arg_memory_corruption() -> Result<()> {
    let collector = Collector::remote();
    for _ in 0..100 {
        assert!(collector.add(source::remote(1000)).get()?);
    }
    Ok(())
}

pub fn actor_large_objects() -> Result<()> {
    let actor = End::remote();
    let large = actor.source(10_000_000);
    let (ready, _) = wrun::wait(&[large], 1, None)?;
    let bytes = ready[0].get()?;
    assert!(bytes.len() == 10_000_000 && bytes.iter().all(|byte| *byte == 1));
    Ok(())
}

#[wrun::actor]
struct Doubler;

#[wrun::actor]
impl Doubler {
    fn new() -> Self {
        Self
    }

    fn double(&self, x: u64) -> u64 {
        2 * x
    }
}

#[wrun::task]
fn fails() -> Result<u64> {
    wrun::bail!("on purpose")
}

pub fn actor_pass_by_ref() -> Result<()> {
    let actor = Doubler::remote();
    assert_eq!(actor.double(soon::remote(1, 0)).get()?, 2);
    let doubled: Vec<_> = (0..100).map(|i| actor.double(soon::remote(i, 0))).collect();
    assert_eq!(
        wrun::get(&doubled)?,
        (0..100).map(|i| 2 * i).collect::<Vec<u64>>()
    );
    assert_eq!(
        failure(actor.double(fails::remote()).get()).message(),
        "on purpose"
    );
    assert_eq!(
        actor.double(4).get()?,
        8,
        "the failed argument did not hurt the actor"
    );
    Ok(())
}

#[wrun::actor]
struct Delegate {
    to: Option<Handle<Delegate>>,
}

#[wrun::actor]
impl Delegate {
    fn new(to: Option<Handle<Delegate>>) -> Self {
        Self { to }
    }

    fn double(&self, x: u64) -> Result<u64> {
        match &self.to {
            Some(other) => other.double(x).get(),
            None => Ok(2 * x),
        }
    }
}

pub fn actor_recursive() -> Result<()> {
    let a = Delegate::remote(None);
    let b = Delegate::remote(Some(a));
    let c = Delegate::remote(Some(b));
    let expected: Vec<u64> = (0..100).map(|i| 2 * i).collect();
    let doubled: Vec<_> = (0..100).map(|i| c.double(i)).collect();
    assert_eq!(wrun::get(&doubled)?, expected);
    let doubled: Vec<_> = (0..100).map(|i| c.double(i)).collect();
    let (ready, _) = wrun::wait(&doubled, 100, None)?;
    assert_eq!(wrun::get(&ready)?, expected);
    Ok(())
}

#[wrun::task]
fn compare(a: Vec<u64>, b: Vec<u64>, a_again: Vec<u64>) -> bool {
    a == a_again && a != b
}

#[wrun::actor]
struct Comparer;

#[wrun::actor]
impl Comparer {
    fn new() -> Self {
        Self
    }

    fn compare(&self, a: Vec<u64>, b: Vec<u64>, a_again: Vec<u64>) -> bool {
        compare(a, b, a_again)
    }
}

pub fn duplicate_args() -> Result<()> {
    let (a, b) = (vec![1], vec![2]);
    assert!(compare::remote(&a, &b, &a).get()?);
    let (a, b) = (wrun::put(a), wrun::put(b));
    assert!(compare::remote(&a, &b, &a).get()?);
    assert!(Comparer::remote().compare(&a, &b, &a).get()?);
    Ok(())
}
