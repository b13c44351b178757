//! Twice as many tasks as slots, of 0, 1, 2, … seconds: half of them wait for a slot. The table shows which slot ran what.
//!
//! Part "A Closer Look at Scheduling" of the fourth tutorial. With eight slots the last one runs the tasks of 7 and 15
//! seconds, so the whole takes 22.
//!
//! ```sh
//! wrun submit examples/slots-table --num-cpus 8
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use wrun::prelude::*;

/// Stands for work that takes `n` seconds; says how long it took, and which slot ran it.
#[wrun::task]
fn expensive(n: u32, second: Duration) -> wrun::Result<(u32, Duration, Option<usize>)> {
    let start = Instant::now();
    let slot = wrun::context()?.slot;
    wrun::sleep(second * n);
    Ok((n, start.elapsed(), slot))
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();
    let num_cpus = wrun::context()?.slots;

    let start = Instant::now();
    let mut refs = Vec::new();
    for n in (0..).take_while(|n| f64::from(*n) < 2.0 * num_cpus) {
        refs.push(expensive::remote(n, second));
        pnd(n, start.elapsed());
    }
    println!("Calling get:");
    let mut table: BTreeMap<Option<usize>, Vec<u32>> = BTreeMap::new();
    for (n, duration, slot) in wrun::get(&refs)? {
        pnd(n, duration);
        table.entry(slot).or_default().push(n);
    }
    pd(start.elapsed());

    println!("\n| Slot | Tasks | Total Time |\n| ---: | ----: | ---------: |");
    for (slot, tasks) in table
        .iter()
        .filter_map(|(slot, tasks)| Some((slot.as_ref()?, tasks)))
    {
        let names: Vec<String> = tasks.iter().map(u32::to_string).collect();
        println!(
            "| {slot} | {} | {} |",
            names.join(", "),
            tasks.iter().sum::<u32>()
        );
    }
    Ok(())
}

/// Prints a number and a duration.
fn pnd(n: u32, duration: Duration) {
    println!("n: {n:2}, duration: {:6.3} seconds", duration.as_secs_f64());
}

/// Prints the whole duration.
fn pd(duration: Duration) {
    println!(
        "Total time: duration: {:6.3} seconds",
        duration.as_secs_f64()
    );
}

/// A second of the notebook: as long as the first argument says, in seconds, or a tenth of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.1);
    Duration::from_secs_f64(scale)
}
