//! Tasks over the results of other tasks: the second query gets the first one's tuple, with no `get` in between.
//!
//! Part "Dependencia de tareas" of the second tutorial.
//!
//! ```sh
//! wrun submit examples/dependent-tasks --num-cpus 4
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use wrun::prelude::*;

const REFERENCE_DATA: [&str; 5] = ["Fast", "and", "Simple", "Distributed", "Computing"];

/// An id, a foreign key and a value.
type Datum = (usize, usize, String);

/// A slow query.
#[wrun::task]
fn get_ref_datum(id: usize, second: Duration) -> Datum {
    wrun::sleep(second * u32::try_from(id).unwrap_or(u32::MAX) / 10);
    (
        id,
        2 * id,
        REFERENCE_DATA[id % REFERENCE_DATA.len()].to_owned(),
    )
}

/// Asks again, with the foreign key that the first query gave.
#[wrun::task]
fn get_ref_datum2(datum: Datum, second: Duration) -> (Datum, Datum) {
    let next = get_ref_datum(datum.1, second);
    (datum, next)
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();
    let refs1 = [2, 4, 6].map(|id| get_ref_datum::remote(id, second));
    let refs2 = refs1.map(|datum| get_ref_datum2::remote(datum, second));
    for pair in wrun::get(&refs2)? {
        println!("{}", format!("{pair:?}").replace('"', "'"));
    }
    Ok(())
}

/// A second of the notebook: as long as the first argument says, in seconds, or a whole one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1.0);
    Duration::from_secs_f64(scale)
}
