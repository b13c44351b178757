//! The exercise of the fourth tutorial with its solution: four slow squares in the time of the slowest.
//!
//! Part "Exercise 1". The two assertions are the notebook's.
//!
//! ```sh
//! wrun submit examples/fast-square --num-cpus 4
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::time::Instant;

use wrun::prelude::*;

fn slow_square(n: u32, second: Duration) -> u32 {
    wrun::sleep(second * n);
    n * n
}

#[wrun::task]
fn fast_square(n: u32, second: Duration) -> u32 {
    slow_square(n, second)
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();
    let start = Instant::now();
    let squares: Vec<ObjectRef<u32>> = (0..4).map(|n| fast_square::remote(n, second)).collect();
    let squares = wrun::get(&squares)?;
    let duration = start.elapsed();

    assert!(
        squares == [0, 1, 4, 9],
        "Did you retrieve the objects using the ids? squares = {squares:?}"
    );
    assert!(
        duration < second.mul_f64(4.1),
        "Did you exploit parallelism? The duration is too long: {:.3} seconds",
        duration.as_secs_f64()
    );
    println!(
        "squares = {squares:?}, duration = {:.3} seconds",
        duration.as_secs_f64()
    );
    Ok(())
}

/// A second of the notebook: as long as the first argument says, in seconds, or half of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.5);
    Duration::from_secs_f64(scale)
}
