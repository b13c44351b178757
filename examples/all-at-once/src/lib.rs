//! All tasks are started before the first `get`, so the whole takes as long as the longest of them.
//!
//! Part "Task Parallelism" of the fourth tutorial, its second half.
//!
//! ```sh
//! wrun submit examples/all-at-once --num-cpus 8
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

    let start = Instant::now();
    let mut refs = Vec::new();
    for n in 0..5 {
        refs.push(expensive::remote(n, second));
        pnd(n, start.elapsed());
    }
    println!("Calling get:");
    for (n, duration) in wrun::get(&refs)? {
        pnd(n, duration);
    }
    pd(start.elapsed());

    let start = Instant::now();
    let refs: Vec<_> = (0..5).map(|n| expensive::remote(n, second)).collect();
    for (n, duration) in wrun::get(&refs)? {
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

/// A second of the notebook: as long as the first argument says, in seconds, or a fifth of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.2);
    Duration::from_secs_f64(scale)
}
