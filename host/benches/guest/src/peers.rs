//! All that `tests/peers` compares, in one run: the same rows in the same order as its Python sides, told in the same way.

use wrun::prelude::*;

use crate::{Case, actors, graphs, held, objects, tasks};

const REPEATS: usize = 3;
const LARGE: usize = 100_000_000;

/// The last number of each case is the nanoseconds that count.
const ROWS: &[(&str, Case, usize)] = &[
    ("one-at-a-time", tasks::one_at_a_time, 1_000),
    ("at-once", tasks::all_at_once, 10_000),
    ("tree", graphs::tree, 1_024),
    ("chain", graphs::chain, 1_000),
    ("wait-loop", tasks::wait_loop, 1_000),
    ("recursion", tasks::recursion, 8),
    ("actor-one", actors::one_at_a_time, 1_000),
    ("actor-pipelined", actors::pipelined, 5_000),
    ("put-get", objects::put_and_get, 1_000),
    ("put-large", objects::put_large, LARGE),
    ("share-large", objects::share_large, LARGE),
];

/// Prints the time of each row, after one run that does not count.
pub(crate) fn all(_: usize) -> Result<Vec<u64>> {
    tasks::one()?;
    println!("first");
    wrun::sleep(Duration::from_secs(3));
    held::idle(0)?;
    for (name, case, size) in ROWS {
        let mut times = Vec::new();
        for turn in 0..=REPEATS {
            let nanos = case(*size)?.pop().unwrap_or_default();
            if turn > 0 {
                times.push(Duration::from_nanos(nanos).as_secs_f64().to_string());
            }
        }
        let times = times.join(", ");
        println!("{{\"row\": \"{name}\", \"seconds\": [{times}]}}");
    }
    Ok(Vec::new())
}
