//! Tasks in sequence and in parallel: four calls of a second each take four seconds, or one.
//!
//! Part "Funciones remotas" of the Ray tutorial. A task is a function with `#[wrun::task]`: called plainly it runs here and
//! now; `remote` starts it in a sandbox of its own and gives a ref at once.
//!
//! ```sh
//! wrun submit examples/parallel-tasks --num-cpus 4          # `-- 0.1` makes the seconds a tenth as long
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::time::Instant;

use wrun::prelude::*;

/// Stands for work that takes a second.
#[wrun::task]
fn slow(i: i64, second: Duration) -> i64 {
    wrun::sleep(second);
    i
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();

    let start = Instant::now();
    let results: Vec<i64> = (0..4).map(|i| slow(i, second)).collect();
    report(start, &results);

    let start = Instant::now();
    let refs: Vec<ObjectRef<i64>> = (0..4).map(|i| slow::remote(i, second)).collect();
    report(start, &wrun::get(&refs)?);
    Ok(())
}

fn report(start: Instant, results: &[i64]) {
    println!(
        "Ejecutar esta iteración tomó {:.3} segundos.",
        start.elapsed().as_secs_f64()
    );
    println!("Los resultados son: {results:?}");
}

/// A second of the notebook: as long as the first argument says, in seconds, or a whole one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1.0);
    Duration::from_secs_f64(scale)
}
