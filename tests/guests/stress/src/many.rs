//! The sizes that must work.

use wrun::prelude::*;

use crate::size;

/// Two children for each, down to leaves: about 1.6 × 1.618ⁿ calls.
#[wrun::task]
fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (left, right) = (fib::remote(n - 1), fib::remote(n - 2));
    left.get().expect("a child") + right.get().expect("a child")
}

fn plain_fib(n: u64) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

/// A recursion of about 57,000 calls.
pub fn recursion() -> Result<()> {
    let n = size(22);
    wrun::ensure!(fib::remote(n).get()? == plain_fib(n), "fib({n}) is wrong");
    Ok(())
}

/// One child for each, down to the bottom: all are suspended at once.
#[wrun::task]
fn nest(n: u64) -> Result<u64> {
    if n == 0 {
        Ok(0)
    } else {
        Ok(nest::remote(n - 1).get()? + 1)
    }
}

/// A nesting 5,000 deep.
pub fn nesting() -> Result<()> {
    let n = size(5_000);
    wrun::ensure!(nest::remote(n).get()? == n, "a level is missing");
    Ok(())
}

#[wrun::task]
fn add(x: u64, y: u64) -> u64 {
    x + y
}

#[wrun::task]
fn nap(milliseconds: u64) -> u64 {
    wrun::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

/// 100,000 calls that wait for one that sleeps.
pub fn queued() -> Result<()> {
    let n = size(100_000);
    let gate = nap::remote(2_000);
    let waiting: Vec<_> = (0..n).map(|i| add::remote(&gate, i)).collect();
    println!("queued {}", waiting.len());
    let mut sum = 0;
    for result in waiting {
        sum += result.get()?;
    }
    wrun::ensure!(sum == n * 2_000 + n * (n - 1) / 2, "the sum is wrong");
    Ok(())
}

#[wrun::task]
fn fail_after(milliseconds: u64) -> Result<u64> {
    wrun::sleep(Duration::from_millis(milliseconds));
    wrun::bail!("on purpose")
}

/// 100,000 calls, each waiting for the one before, and the first fails.
pub fn failing_chain() -> Result<()> {
    let n = size(100_000);
    let mut last = fail_after::remote(500);
    for _ in 0..n {
        last = add::remote(&last, 1);
    }
    match last.get() {
        Err(error) if error.message() == "on purpose" => Ok(()),
        other => wrun::bail!("another end: {other:?}"),
    }
}

/// 100,000 values, each referring to the one before, dropped at once.
pub fn chain_of_values() -> Result<()> {
    let n = size(100_000);
    let mut last = wrun::put::<Vec<ObjectRef<()>>>(vec![]).cast::<()>();
    for _ in 0..n {
        last = wrun::put(vec![last]).cast::<()>();
    }
    drop(last);
    Ok(())
}

#[wrun::actor]
struct Cell {
    value: u64,
}

#[wrun::actor]
impl Cell {
    fn new(value: u64) -> Self {
        Self { value }
    }

    fn add(&mut self, n: u64) -> u64 {
        self.value += n;
        self.value
    }
}

/// 1,000 actors that live beside a running job.
pub fn living_actors() -> Result<()> {
    let n = size(1_000);
    let actors: Vec<_> = (0..n).map(Cell::remote).collect();
    let first: Vec<_> = actors.iter().map(|actor| actor.add(1)).collect();
    wrun::ensure!(
        wrun::get(&first)? == (1..=n).collect::<Vec<_>>(),
        "an actor is wrong"
    );
    wrun::ensure!(fib::remote(12).get()? == 144, "tasks run beside them");
    let second: Vec<_> = actors.iter().map(|actor| actor.add(1)).collect();
    wrun::ensure!(
        wrun::get(&second)?.iter().sum::<u64>() == n * (n - 1) / 2 + 2 * n,
        "an actor forgot"
    );
    Ok(())
}

/// 10,000 refs in one wait.
pub fn refs_in_one_wait() -> Result<()> {
    let n = size(10_000);
    let refs: Vec<_> = (0..n).map(|i| add::remote(i, 1)).collect();
    let (ready, rest) = wrun::wait(&refs, refs.len(), None)?;
    wrun::ensure!(
        (ready.len(), rest.len()) == (refs.len(), 0),
        "not all are ready"
    );
    Ok(())
}

fn rate(what: &str, n: u64, start: std::time::Instant) {
    let seconds = start.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let rate = n as f64 / seconds;
    println!("{what}: {rate:.0}/s");
}

/// 100,000 small tasks, all submitted, then all read.
pub fn small_tasks() -> Result<()> {
    let n = size(100_000);
    let start = std::time::Instant::now();
    let refs = add::map((0..n).map(|i| (i, 1)));
    rate("submitted", n, start);
    let sum: u64 = wrun::get(&refs)?.iter().sum();
    rate("done", n, start);
    wrun::ensure!(sum == n * (n + 1) / 2, "the sum is wrong");
    Ok(())
}

#[wrun::task]
fn spawner(n: u64) -> Result<u64> {
    let refs = add::map((0..n).map(|i| (i, 1)));
    Ok(wrun::get(&refs)?.iter().sum())
}

/// The same from four tasks.
pub fn small_tasks_from_four() -> Result<()> {
    let n = size(100_000) / 4;
    let start = std::time::Instant::now();
    let four: Vec<_> = (0..4).map(|_| spawner::remote(n)).collect();
    let sum: u64 = wrun::get(&four)?.iter().sum();
    rate("done", 4 * n, start);
    wrun::ensure!(sum == 4 * (n * (n + 1) / 2), "the sum is wrong");
    Ok(())
}

/// Many calls of one actor, all made, then all read.
pub fn actor_calls() -> Result<()> {
    let n = size(100_000);
    let actor = Cell::remote(0);
    actor.add(0).get()?;
    let start = std::time::Instant::now();
    let refs: Vec<_> = (0..n).map(|_| actor.add(1)).collect();
    rate("submitted", n, start);
    let values = wrun::get(&refs)?;
    rate("done", n, start);
    wrun::ensure!(values.last() == Some(&n), "a call is missing");
    Ok(())
}

/// The same, one at a time.
pub fn actor_calls_one_by_one() -> Result<()> {
    let n = size(20_000);
    let actor = Cell::remote(0);
    actor.add(0).get()?;
    let start = std::time::Instant::now();
    for _ in 0..n {
        actor.add(1).get()?;
    }
    rate("done", n, start);
    Ok(())
}

/// Tasks, one at a time.
pub fn one_at_a_time() -> Result<()> {
    let n = size(20_000);
    let start = std::time::Instant::now();
    for i in 0..n {
        add::remote(i, 1).get()?;
    }
    rate("done", n, start);
    Ok(())
}

/// Values put and read, one at a time.
pub fn puts_and_gets() -> Result<()> {
    let n = size(100_000);
    let start = std::time::Instant::now();
    for i in 0..n {
        wrun::ensure!(wrun::put(i).get()? == i, "another value");
    }
    rate("done", 2 * n, start);
    Ok(())
}
