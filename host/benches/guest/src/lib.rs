//! What `wrun bench` runs: a program whose first argument names a case and whose second is its size.
//!
//! Each case checks its own results, takes its own time, and prints one line of whole numbers, mostly nanoseconds, which
//! the row's measurement reads. [`tasks`], [`actors`], [`objects`] and [`views`] hold the cases; [`held`] the programs that stand
//! still while somebody looks at the process's memory; [`graphs`] and [`peers`] are for `tests/peers`.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "a case's numbers go to standard output"
)]

mod actors;
mod graphs;
mod held;
mod objects;
mod peers;
#[path = "../../../src/cli/bench/sum.rs"]
mod sum;
mod tasks;
mod views;

use std::time::Instant;

use wrun::prelude::*;

/// A case: gives the numbers that it measured.
type Case = fn(usize) -> Result<Vec<u64>>;

const CASES: &[(&str, Case)] = &[
    ("tasks", tasks::all_at_once),
    ("spawners", tasks::from_four_spawners),
    ("latency", tasks::one_at_a_time),
    ("recursion", tasks::recursion),
    ("as-completed", tasks::as_completed),
    ("wait-loop", tasks::wait_loop),
    ("actor-pipelined", actors::pipelined),
    ("actor-one-at-a-time", actors::one_at_a_time),
    ("actor-woken", actors::woken),
    ("put-get", objects::put_and_get),
    ("put-large", objects::put_large),
    ("share-large", objects::share_large),
    ("views", views::two_tasks),
    ("tree", graphs::tree),
    ("chain", graphs::chain),
    ("peers", peers::all),
    ("one", held::one_task),
    ("idle", held::idle),
    ("queued", held::queued),
    ("suspended", held::suspended),
    ("actors", held::idle_actors),
];

#[wrun::main]
fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let size = args.next().and_then(|size| size.parse().ok()).unwrap_or(1);
    let Some((_, case)) = CASES.iter().find(|(known, _)| *known == name) else {
        wrun::bail!("no case `{name}`");
    };
    let numbers: Vec<String> = case(size)?.iter().map(u64::to_string).collect();
    if !numbers.is_empty() {
        println!("{}", numbers.join(" "));
    }
    Ok(())
}

/// Nanoseconds since then.
fn nanos(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
