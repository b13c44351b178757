//! Programs that misbehave, each a task; `main` runs one of `PROGRAMS` by its name.

#![forbid(unsafe_code)]

use std::hint::black_box;

use serde::{Deserialize, Serialize};
use wrun::prelude::*;

#[wrun::task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// A point of the plane.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    x: u8,
    y: u8,
}

#[wrun::task]
fn sum(points: Vec<Point>) -> u64 {
    points
        .iter()
        .map(|point| u64::from(point.x) + u64::from(point.y))
        .sum()
}

/// Recursion that no optimizer takes away.
#[wrun::task]
fn recurse(n: u64) -> u64 {
    if n == u64::MAX {
        0
    } else {
        black_box(recurse(black_box(n + 1))) + black_box(1)
    }
}

/// Allocates without end.
#[wrun::task]
fn hoard() -> u64 {
    let mut chunks: Vec<Vec<u8>> = Vec::new();
    loop {
        chunks.push(black_box(vec![1; 1 << 20]));
    }
}

/// Asks for more in one piece than there is.
#[wrun::task]
fn gulp() -> usize {
    black_box(Vec::<u8>::with_capacity(1 << 30)).capacity()
}

#[wrun::task]
fn boom(text: String) {
    panic!("{text}")
}

#[wrun::task]
fn fails(text: String) -> Result<(), String> {
    Err(text)
}

#[wrun::task]
fn leaves(code: i32) {
    std::process::exit(code)
}

/// An actor that is not born.
#[derive(Debug)]
pub struct Stillborn;

#[wrun::actor]
impl Stillborn {
    fn new(how: String) -> Self {
        match how.as_str() {
            "panic" => panic!("not this time"),
            "exit" => std::process::exit(3),
            "recurse" => drop(black_box(recurse(0))),
            _ => drop(hoard()),
        }
        Self
    }

    fn touch(&mut self) -> u8 {
        1
    }
}

/// Starts the actor and waits for a call of it.
fn born(how: &str) -> wrun::Result<()> {
    let actor = Stillborn::remote(how.to_owned());
    actor.touch().get().map(drop)
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let program = std::env::args().nth(1).unwrap_or_default();
    match program.as_str() {
        "wait_for_too_many" => wrun::wait(&[add::remote(1, 2)], 2, None).map(drop),
        "wait_for_the_same" => {
            let one = add::remote(1, 2);
            wrun::wait(&[one.clone(), one], 1, None).map(drop)
        }
        "passes_on" => boom::remote("it is over".to_owned()).get(),
        how => born(how),
    }
}
