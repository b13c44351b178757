//! A loop around `wait` with a timeout: each result is used as soon as it is there, and nothing is waited for in vain.
//!
//! Part "Funciones de Tareas Ray" of the second tutorial, its second half.
//!
//! ```sh
//! wrun submit examples/wait-with-timeout --num-cpus 10
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::time::Instant;

use wrun::prelude::*;

/// An id, a foreign key and a value.
type Datum = (usize, usize, String);

/// A slow query.
#[wrun::task]
fn get_ref_datum(id: usize, reference_data: Vec<String>, second: Duration) -> Datum {
    wrun::sleep(second * u32::try_from(id).unwrap_or(u32::MAX) / 10);
    let value = reference_data[id % reference_data.len()].clone();
    (id, 2 * id, value)
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();
    let reference_data = wrun::put(
        ["Fast", "and", "Simple", "Distributed", "Computing"]
            .map(str::to_owned)
            .to_vec(),
    );

    let start = Instant::now();
    let mut refs: Vec<ObjectRef<Datum>> = (0..10)
        .map(|id| get_ref_datum::remote(id, &reference_data, second))
        .collect();
    let mut data = Vec::new();
    while !refs.is_empty() {
        let (finished, rest) = wrun::wait(&refs, 1, Some(second * 5))?;
        refs = rest;
        let values = wrun::get(&finished)?;
        println!(
            "  {:6.3} secs, finished data = {}",
            start.elapsed().as_secs_f64(),
            shown(&values)
        );
        data.extend(values);
    }
    println!(
        "{:6.3} secs, data = {}",
        start.elapsed().as_secs_f64(),
        shown(&data)
    );
    Ok(())
}

/// As Python shows it.
fn shown(data: &[Datum]) -> String {
    format!("{data:?}").replace('"', "'")
}

/// A second of the notebook: as long as the first argument says, in seconds, or a whole one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1.0);
    Duration::from_secs_f64(scale)
}
