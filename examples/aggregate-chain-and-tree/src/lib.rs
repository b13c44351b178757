//! Eight values added by seven tasks of a second each: as a chain they take seven seconds, as a tree three.
//!
//! Part "Agregación eficaz de valores" of the third tutorial, its first half.
//!
//! ```sh
//! wrun submit examples/aggregate-chain-and-tree --num-cpus 4
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
    let id1 = add::remote(1, 2, second);
    let id2 = add::remote(id1, 3, second);
    let id3 = add::remote(id2, 4, second);
    let id4 = add::remote(id3, 5, second);
    let id5 = add::remote(id4, 6, second);
    let id6 = add::remote(id5, 7, second);
    let id7 = add::remote(id6, 8, second);
    let result = id7.get()?;
    println!("{result} ({:.3} seconds)", start.elapsed().as_secs_f64());

    let start = Instant::now();
    let id1 = add::remote(1, 2, second);
    let id2 = add::remote(3, 4, second);
    let id3 = add::remote(5, 6, second);
    let id4 = add::remote(7, 8, second);
    let id5 = add::remote(id1, id2, second);
    let id6 = add::remote(id3, id4, second);
    let id7 = add::remote(id5, id6, second);
    let result = id7.get()?;
    println!("{result} ({:.3} seconds)", start.elapsed().as_secs_f64());
    Ok(())
}

/// A second of the notebook: as long as the first argument says, in seconds, or a fifth of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.2);
    Duration::from_secs_f64(scale)
}
