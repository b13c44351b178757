//! One large array that two tasks see and read, without a copy.

use std::time::Instant;

use wrun::prelude::*;

use crate::{nanos, sum::sum};

/// What one task saw, in nanoseconds.
type Times = (u64, u64, u64, u64);

/// Small whole numbers: their sum is exact, in any order.
const CYCLE: usize = 7;

/// `count` of them.
pub(crate) fn numbers(count: usize) -> Vec<f64> {
    let cycle: [f64; CYCLE] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    cycle.into_iter().cycle().take(count).collect()
}

/// Their sum.
pub(crate) fn total(count: usize) -> f64 {
    let (cycles, rest) = (count / CYCLE, count % CYCLE);
    let sum = 21 * cycles + rest * rest.saturating_sub(1) / 2;
    f64::from(u32::try_from(sum).unwrap_or(u32::MAX))
}

/// Gets a view, reads it twice, drops it. The ref comes inside a list, so that the view is made here.
#[wrun::task]
fn look(data: Vec<ObjectRef<View<f64>>>) -> Result<Times> {
    let Some(data) = data.first() else {
        wrun::bail!("nothing to look at");
    };
    let start = Instant::now();
    let view = data.view()?;
    let visible = nanos(start);
    let pass = || -> Result<u64> {
        let start = Instant::now();
        let sum = sum(&view);
        wrun::ensure!(sum == total(view.len()), "another sum: {sum}");
        Ok(nanos(start))
    };
    let (first, second) = (pass()?, pass()?);
    let start = Instant::now();
    drop(view);
    Ok((visible, first, second, nanos(start)))
}

/// Two tasks at once, on one array of so many numbers: the longer time of the two, for the view, the first and the second
/// pass over all of it, and the drop.
pub(crate) fn two_tasks(count: usize) -> Result<Vec<u64>> {
    let data = wrun::put_plain(&numbers(count));
    let tasks = [
        look::remote(vec![data.clone()]),
        look::remote(vec![data.clone()]),
    ];
    let [a, b] = &wrun::get(&tasks)?[..] else {
        wrun::bail!("not two");
    };
    Ok(vec![a.0.max(b.0), a.1.max(b.1), a.2.max(b.2), a.3.max(b.3)])
}
