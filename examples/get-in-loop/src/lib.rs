//! A common mistake: `get` right after `remote` inside a loop makes tasks run one after another, no faster than plain calls.
//!
//! Part "Task Parallelism" of the fourth tutorial, its first half. The example `all-at-once` shows how it is meant.
//!
//! ```sh
//! wrun submit examples/get-in-loop --num-cpus 8
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::time::Instant;

use wrun::prelude::*;

/// Stands for work that takes `n` seconds; says how long it took.
#[wrun::task]
fn expensive(n: u32, second: Duration) -> (u32, Duration) {
    let start = Instant::now();
    wrun::sleep(second * n);
    (n, start.elapsed())
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();
    let (n, duration) = expensive(2, second);
    pnd(n, duration);

    let start = Instant::now();
    for n in 0..5 {
        let (n, duration) = expensive(n, second);
        pnd(n, duration);
    }
    pd(start.elapsed());

    let start = Instant::now();
    for n in 0..5 {
        let (n, duration) = expensive::remote(n, second).get()?;
        pnd(n, duration);
    }
    pd(start.elapsed());
    Ok(())
}

/// Prints a number and a duration.
fn pnd(n: u32, duration: Duration) {
    println!("n: {n:2}, duration: {:6.3} seconds", duration.as_secs_f64());
}

/// Prints the whole duration.
fn pd(duration: Duration) {
    println!(
        "Total time: duration: {:6.3} seconds",
        duration.as_secs_f64()
    );
}

/// A second of the notebook: as long as the first argument says, in seconds, or a tenth of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.1);
    Duration::from_secs_f64(scale)
}
