//! Ten tasks of random length on five slots: results in the order the tasks were started, then in the order they finish.
//!
//! Part "Procesar tareas en orden de termino con ray.wait" of the Ray tutorial.
//!
//! ```sh
//! wrun submit examples/finish-order --num-cpus 5
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use wrun::prelude::*;

/// Sleeps for 0 to 5 seconds and says when it was done.
#[wrun::task]
fn f(second: Duration) -> f64 {
    // A new sandbox draws new keys, so this is a random number from 0 to 1.
    let random = RandomState::new().hash_one(0) as f64 / u64::MAX as f64;
    wrun::sleep(second.mul_f64(5.0 * random));
    now()
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0.0, |time| time.as_secs_f64())
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();

    let start = now();
    let mut remaining: Vec<ObjectRef<f64>> = (0..10).map(|_| f::remote(second)).collect();
    while !remaining.is_empty() {
        let result = remaining.remove(0);
        println!(
            "Este procesamiento terminó en {} segundos.",
            result.get()? - start
        );
    }
    println!("Este ejemplo tardó {} segundos.", now() - start);

    let start = now();
    let mut remaining: Vec<ObjectRef<f64>> = (0..10).map(|_| f::remote(second)).collect();
    while !remaining.is_empty() {
        let (ready, rest) = wrun::wait(&remaining, 1, None)?;
        remaining = rest;
        println!(
            "Este procesamiento terminó en {} segundos.",
            ready[0].get()? - start
        );
    }
    println!("Este ejemplo tardó {} segundos.", now() - start);
    Ok(())
}

/// A second of the notebook: as long as the first argument says, in seconds, or a tenth of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.1);
    Duration::from_secs_f64(scale)
}
