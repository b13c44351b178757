//! Two loops that add eight values and differ in one line: where the sum goes back into the list.
//!
//! Part "Agregación eficaz de valores" of the third tutorial, its second half. At the front it makes a chain (seven seconds),
//! at the back a tree (three).
//!
//! ```sh
//! wrun submit examples/aggregate-loops --num-cpus 4
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::time::Instant;

use wrun::prelude::*;

#[wrun::task]
fn add(x: i64, y: i64, second: Duration) -> i64 {
    wrun::sleep(second);
    x + y
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();

    let start = Instant::now();
    let mut values = numbers();
    while values.len() > 1 {
        let sum = add::remote(values.remove(0), values.remove(0), second);
        values.insert(0, sum);
    }
    println!(
        "{} ({:.3} seconds)",
        values[0].get()?,
        start.elapsed().as_secs_f64()
    );

    let start = Instant::now();
    let mut values = numbers();
    while values.len() > 1 {
        let sum = add::remote(values.remove(0), values.remove(0), second);
        values.push(sum);
    }
    println!(
        "{} ({:.3} seconds)",
        values[0].get()?,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// 1 to 8, as refs, so that the list can hold values and sums alike.
fn numbers() -> Vec<ObjectRef<i64>> {
    (1..=8).map(wrun::put).collect()
}

/// A second of the notebook: as long as the first argument says, in seconds, or a fifth of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.2);
    Duration::from_secs_f64(scale)
}
