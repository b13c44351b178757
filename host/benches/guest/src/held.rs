//! Programs that stand still at two points, so that whoever started them can look at the process's memory: each prints
//! a line there, and goes on when it reads one.

use std::io::BufRead;

use wrun::prelude::*;

use crate::{actors, tasks};

/// Prints the name of this point and waits until it may go on.
fn pause(point: &str) -> Result<()> {
    println!("{point}");
    wait_for_a_line()
}

/// Standard input is the driver's alone.
fn wait_for_a_line() -> Result<()> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| wrun::Error::new(format!("standard input: {error}")))?;
    Ok(())
}

/// One small task, whose result is printed.
pub(crate) fn one_task(_: usize) -> Result<Vec<u64>> {
    println!("{}", tasks::one()?);
    Ok(Vec::new())
}

/// Nothing.
pub(crate) fn idle(_: usize) -> Result<Vec<u64>> {
    pause("idle")?;
    Ok(Vec::new())
}

#[wrun::task]
fn sleep() {
    wrun::sleep(Duration::from_secs(600));
}

/// Tasks that wait for a slot: with `--num-cpus 1`, a sleeping task has the only one.
pub(crate) fn queued(count: usize) -> Result<Vec<u64>> {
    tasks::one()?;
    let _sleeping = sleep::remote();
    pause("before")?;
    let _queued = tasks::submit(count);
    pause("after")?;
    Ok(Vec::new())
}

/// The innermost prints and stays.
#[wrun::task]
fn nest(depth: usize) -> Result<()> {
    if depth == 0 {
        println!("after");
        wrun::sleep(Duration::from_secs(600));
        return Ok(());
    }
    nest::remote(depth - 1).get()
}

/// Tasks that wait inside each other.
pub(crate) fn suspended(count: usize) -> Result<Vec<u64>> {
    tasks::one()?;
    pause("before")?;
    let _nested = nest::remote(count);
    wait_for_a_line()?;
    Ok(Vec::new())
}

/// Actors that have run a method each and now wait.
pub(crate) fn idle_actors(count: usize) -> Result<Vec<u64>> {
    let _one = actors::started()?;
    pause("before")?;
    let actors: Vec<_> = (0..count).map(|_| actors::Counter::remote()).collect();
    let first: Vec<_> = actors.iter().map(|actor| actor.add(1)).collect();
    wrun::ensure!(wrun::get(&first)? == vec![1; count], "an actor is wrong");
    pause("after")?;
    Ok(Vec::new())
}
