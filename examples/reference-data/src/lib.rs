//! Reference data is put into the store once and read by many tasks.
//!
//! Part "Funciones de Tareas Ray" of the second tutorial, its first half. Nothing is captured: a task sees its arguments, so
//! the ref of the data is one of them, and the task gets the data itself.
//!
//! ```sh
//! wrun submit examples/reference-data --num-cpus 10
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::time::Instant;

use wrun::prelude::*;

const REFERENCE_DATA: [&str; 5] = ["Fast", "and", "Simple", "Distributed", "Computing"];

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
    let reference_data = REFERENCE_DATA.map(str::to_owned).to_vec();

    let start = Instant::now();
    let data: Vec<Datum> = (0..10)
        .map(|id| get_ref_datum(id, reference_data.clone(), second))
        .collect();
    println!(
        "{:6.3} secs, data = {}",
        start.elapsed().as_secs_f64(),
        shown(&data)
    );

    let reference_data = wrun::put(reference_data);
    let start = Instant::now();
    let refs: Vec<ObjectRef<Datum>> = (0..10)
        .map(|id| get_ref_datum::remote(id, &reference_data, second))
        .collect();
    let data = wrun::get(&refs)?;
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

/// A second of the notebook: as long as the first argument says, in seconds, or half of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.5);
    Duration::from_secs_f64(scale)
}
