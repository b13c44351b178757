//! What could lock up.

use wrun::prelude::*;

use crate::size;

#[wrun::task]
fn link(n: u64) -> Result<u64> {
    if n == 0 {
        Ok(0)
    } else {
        Ok(link::remote(n - 1).get()? + 1)
    }
}

/// Each waits for the next.
pub fn chain() -> Result<()> {
    let n = size(50);
    wrun::ensure!(link::remote(n).get()? == n, "a link is missing");
    Ok(())
}

#[wrun::task]
fn tree(depth: u64) -> Result<u64> {
    if depth == 0 {
        return Ok(1);
    }
    let children: Vec<_> = (0..3).map(|_| tree::remote(depth - 1)).collect();
    Ok(wrun::get(&children)?.iter().sum::<u64>() + 1)
}

/// Each makes all its children before it waits for the first.
pub fn tree_spawned_before_the_first_get() -> Result<()> {
    let depth = size(6);
    let nodes: u64 = (0..=depth)
        .fold((0, 1), |(sum, level), _| (sum + level, level * 3))
        .0;
    wrun::ensure!(tree::remote(depth).get()? == nodes, "a node is missing");
    Ok(())
}

#[wrun::actor]
struct Flooder {
    other: Option<Handle<Flooder>>,
    seen: u64,
}

#[wrun::actor]
impl Flooder {
    fn new() -> Self {
        Self {
            other: None,
            seen: 0,
        }
    }

    fn meet(&mut self, other: Handle<Flooder>) {
        self.other = Some(other);
    }

    fn flood(&mut self, n: u64) -> Result<u64> {
        let other = self
            .other
            .clone()
            .ok_or_else(|| wrun::Error::new("alone"))?;
        let mut made = 0;
        for _ in 0..n {
            // A call that was refused is known at once; one that was taken can't have run yet.
            match other.note().get_timeout(Duration::ZERO) {
                Err(error) if !error.is_timeout() => return Err(error),
                _ => made += 1,
            }
        }
        Ok(made)
    }

    fn note(&mut self) {
        self.seen += 1;
    }

    fn seen(&self) -> u64 {
        self.seen
    }
}

/// Two actors make calls of each other, faster than either takes any.
pub fn two_actors_flood_each_other() -> Result<()> {
    let n = size(2_000);
    let (a, b) = (Flooder::remote(), Flooder::remote());
    wrun::get(&[a.meet(&b), b.meet(&a)])?;
    let made = wrun::get(&[a.flood(n), b.flood(n)])?;
    wrun::ensure!(made == [n, n], "a flood was cut short: {made:?}");
    wrun::ensure!(
        a.seen().get()? == n && b.seen().get()? == n,
        "a call is missing"
    );
    Ok(())
}

#[wrun::task]
fn writer(n: u64) -> Result<u64> {
    let mut held = Vec::new();
    for i in 0..n {
        let value = wrun::put(vec![i.to_le_bytes()[0]; 1 << 20]);
        match value.get() {
            Ok(_) => held.push(value),
            Err(error) => {
                let message = error.to_string();
                wrun::ensure!(
                    message.contains("bytes of objects"),
                    "another error: {message}"
                );
                return Ok(i);
            }
        }
    }
    Ok(n)
}

/// Four writers hold what they put, and the store is too small for all of it: each fails with a clear error or fits.
pub fn writers_fill_the_store_holding_refs() -> Result<()> {
    let n = size(20);
    let writers: Vec<_> = (0..4).map(|_| writer::remote(n)).collect();
    let wrote: u64 = wrun::get(&writers)?.iter().sum();
    wrun::ensure!(wrote > 0, "nobody could write");
    Ok(())
}

#[wrun::task]
fn ask(actor: Handle<Flooder>) -> Result<u64> {
    actor.seen().get()
}

#[wrun::actor]
struct Asker;

#[wrun::actor]
impl Asker {
    fn new() -> Self {
        Self
    }

    fn through_a_task(&mut self, other: Handle<Flooder>) -> Result<u64> {
        ask::remote(&other).get()
    }
}

/// A method waits for a task that calls another actor.
pub fn actor_waits_for_a_task_that_calls_it_later() -> Result<()> {
    let (asker, other) = (Asker::remote(), Flooder::remote());
    wrun::ensure!(asker.through_a_task(&other).get()? == 0, "another answer");
    Ok(())
}

#[wrun::task]
fn brood(depth: u64, width: u64) -> Result<u64> {
    if depth == 0 {
        return Ok(1);
    }
    let children: Vec<_> = (0..width)
        .map(|_| brood::remote(depth - 1, width))
        .collect();
    Ok(wrun::get(&children)?.iter().sum())
}

/// More children than the queue has room for, from all sides: callers wait for room, and some are let over.
pub fn everyone_waits_for_the_queue() -> Result<()> {
    let width = size(8);
    wrun::ensure!(
        brood::remote(3, width).get()? == width.pow(3),
        "a leaf is missing"
    );
    Ok(())
}
