//! What takes a host's time in all ways: loops, fills of memory, memory that was written and is given up, actors.

#![forbid(unsafe_code)]

use std::hint::black_box;

use wrun::prelude::*;

/// Never ends by itself.
#[wrun::task]
fn spin() -> u64 {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

/// Fills so much memory again and again, each time by one instruction.
#[wrun::task]
fn fill(bytes: usize) -> u8 {
    let mut memory = vec![1_u8; bytes];
    let mut n = 0_u8;
    loop {
        n = n.wrapping_add(1);
        memory.fill(black_box(n));
        black_box(&memory);
    }
}

/// Writes to each page of so much memory, and leaves it to the host.
#[wrun::task]
fn dirty(bytes: usize) -> usize {
    let mut memory = vec![0_u8; bytes];
    for page in memory.chunks_mut(4_096) {
        page[0] = 1;
    }
    black_box(&memory).len()
}

#[wrun::actor]
struct Idle;

#[wrun::actor]
impl Idle {
    fn new() -> Self {
        Self
    }

    fn nothing(&mut self) {}
}

/// Makes an actor, calls it and kills it, again and again.
#[wrun::task]
fn churn() -> Result<()> {
    loop {
        let actor = Idle::remote();
        actor.nothing().get()?;
        actor.kill()?;
    }
}

/// So many that never end.
#[wrun::task]
fn loops(tasks: usize) -> Result<()> {
    let refs: Vec<_> = (0..tasks).map(|_| spin::remote()).collect();
    wrun::get(&refs).map(drop)
}

/// So many that fill so much each.
#[wrun::task]
fn fills(tasks: usize, bytes: usize) -> Result<()> {
    let refs: Vec<_> = (0..tasks).map(|_| fill::remote(bytes)).collect();
    wrun::get(&refs).map(drop)
}

/// So many at a time that write to so much each, for ever.
#[wrun::task]
fn dirt(tasks: usize, bytes: usize) -> Result<()> {
    loop {
        let refs: Vec<_> = (0..tasks).map(|_| dirty::remote(bytes)).collect();
        wrun::get(&refs).map(drop)?;
    }
}

/// So many that make and kill actors.
#[wrun::task]
fn churns(tasks: usize) -> Result<()> {
    let refs: Vec<_> = (0..tasks).map(|_| churn::remote()).collect();
    wrun::get(&refs).map(drop)
}

/// Makes so many actors and keeps them.
#[wrun::task]
fn keep(actors: usize) -> Result<()> {
    let made: Vec<_> = (0..actors).map(|_| Idle::remote()).collect();
    for actor in &made {
        actor.nothing().get()?;
    }
    Ok(())
}
