//! Tasks that feed tasks, as in the tutorials: for the comparison with other systems.

use std::time::Instant;

use wrun::prelude::*;

use crate::nanos;

#[wrun::task]
fn add(x: u64, y: u64) -> u64 {
    x + y
}

/// Adds `leaves` numbers in a tree of tasks.
pub(crate) fn tree(leaves: usize) -> Result<Vec<u64>> {
    let leaves = u64::try_from(leaves).unwrap_or(0) / 2 * 2;
    let start = Instant::now();
    let mut level: Vec<_> = (0..leaves)
        .step_by(2)
        .map(|n| add::remote(n, n + 1))
        .collect();
    while level.len() > 1 {
        let odd = (level.len() % 2 == 1).then(|| level[level.len() - 1].clone());
        let pairs = level.as_chunks::<2>().0.iter();
        level = pairs.map(|[a, b]| add::remote(a, b)).chain(odd).collect();
    }
    let sum = wrun::get(&level)?;
    let time = nanos(start);
    wrun::ensure!(sum == [leaves * (leaves - 1) / 2], "another sum: {sum:?}");
    Ok(vec![time])
}

/// Each task adds 1 to the result of the one before.
pub(crate) fn chain(links: usize) -> Result<Vec<u64>> {
    let start = Instant::now();
    let mut last = add::remote(0, 1);
    for _ in 1..links {
        last = add::remote(&last, 1);
    }
    let value = last.get()?;
    let time = nanos(start);
    wrun::ensure!(
        usize::try_from(value) == Ok(links),
        "another value: {value}"
    );
    Ok(vec![time])
}
