//! An actor counts what ten tasks ask for: they get its handle as an argument and call it without waiting.
//!
//! Part "De las clases a los Ray Actors" of the second tutorial.
//!
//! ```sh
//! wrun submit examples/tracker-actor --num-cpus 10
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

#[wrun::actor]
struct ReferenceDataTracker {
    counts: Vec<u64>,
}

#[wrun::actor]
impl ReferenceDataTracker {
    fn new(reference_data_size: usize) -> Self {
        Self {
            counts: vec![0; reference_data_size],
        }
    }

    fn increment(&mut self, id: usize) -> (usize, u64) {
        let index = id % self.counts.len();
        self.counts[index] += 1;
        (id, self.counts[index])
    }

    fn get_counts(&self) -> Vec<u64> {
        self.counts.clone()
    }
}

#[wrun::task]
fn get_reference_datum(
    id: usize,
    tracker: Handle<ReferenceDataTracker>,
    second: Duration,
) -> Datum {
    wrun::sleep(second * u32::try_from(id).unwrap_or(u32::MAX) / 10);
    let index = id % REFERENCE_DATA.len();
    tracker.increment(index); // its result is not needed
    (id, 2 * id, REFERENCE_DATA[index].to_owned())
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();
    let tracker = ReferenceDataTracker::remote(REFERENCE_DATA.len());
    let start = Instant::now();
    let refs: Vec<ObjectRef<Datum>> = (0..10)
        .map(|id| get_reference_datum::remote(id, &tracker, second))
        .collect();
    let data = wrun::get(&refs)?;
    let counts = tracker.get_counts().get()?;
    println!("{:6.3} secs:", start.elapsed().as_secs_f64());
    println!("data = {}", format!("{data:?}").replace('"', "'"));
    println!("counts = {counts:?}");
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
