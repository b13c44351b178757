//! `wait` for the first three of six: the results of those that finish first, not of those that started first.
//!
//! Part "Ray.wait" of the Ray tutorial.
//!
//! ```sh
//! wrun submit examples/wait-first-three --num-cpus 6
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::time::{Instant, SystemTime};

use wrun::prelude::*;

/// The notebook's random numbers: how many seconds each task takes, from 0 to 4.
const SECONDS: [f64; 6] = [
    0.887_973, 3.571_441, 0.305_233, 3.493_718, 0.041_497, 3.085_283,
];

/// Which task it was, and when it was done, in seconds since 1970.
type Done = (usize, f64);

#[wrun::task]
fn f(i: usize, second: Duration) -> Done {
    wrun::sleep(second.mul_f64(SECONDS[i]));
    (
        i,
        SystemTime::UNIX_EPOCH
            .elapsed()
            .map_or(0.0, |time| time.as_secs_f64()),
    )
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();

    let start = Instant::now();
    let refs: Vec<ObjectRef<Done>> = (0..6).map(|i| f::remote(i, second)).collect();
    println!("{:?}", wrun::get(&refs[..3])?);
    let duration = start.elapsed();
    println!("{:?}", wrun::get(&refs[3..])?);
    println!("Este ejemplo tardó {} segundos.", duration.as_secs_f64());

    let start = Instant::now();
    let refs: Vec<ObjectRef<Done>> = (0..6).map(|i| f::remote(i, second)).collect();
    let (initial, remaining) = wrun::wait(&refs, 3, None)?;
    println!("{:?}", wrun::get(&initial)?);
    let duration = start.elapsed();
    println!("{:?}", wrun::get(&remaining)?);
    println!("Este ejemplo tardó {} segundos.", duration.as_secs_f64());
    Ok(())
}

/// A second of the notebook: as long as the first argument says, in seconds, or a quarter of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.25);
    Duration::from_secs_f64(scale)
}
