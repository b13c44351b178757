//! Values put into the store and read again, small and large.

use std::time::Instant;

use wrun::prelude::*;

use crate::{nanos, views};

/// Puts and gets values of 8 bytes: the time of `2 * count` operations.
pub(crate) fn put_and_get(count: usize) -> Result<Vec<u64>> {
    let start = Instant::now();
    for i in 0..count {
        // A float is 8 bytes whatever its value.
        let value = f64::from(u32::try_from(i).unwrap_or(0));
        wrun::ensure!(wrun::put(value).get()? == value, "another value");
    }
    Ok(vec![nanos(start)])
}

/// How often a large value is put: the first is not counted, since its memory is fresh everywhere.
const PUTS: usize = 6;

/// Puts one large array again and again: the time of each put but the first.
pub(crate) fn put_large(bytes: usize) -> Result<Vec<u64>> {
    let numbers = views::numbers(bytes / 8);
    let mut times = Vec::new();
    for _ in 0..PUTS {
        let start = Instant::now();
        let stored = wrun::put_plain(&numbers);
        times.push(nanos(start));
        let sum = sum::remote(&stored).get()?;
        wrun::ensure!(sum == views::total(numbers.len()), "another sum: {sum}");
    }
    Ok(times.split_off(1))
}

#[wrun::task]
fn sum(numbers: View<f64>) -> f64 {
    crate::sum::sum(&numbers)
}

/// Passes one large array of numbers to two tasks that add it up: the time of that.
pub(crate) fn share_large(bytes: usize) -> Result<Vec<u64>> {
    let count = bytes / 8;
    let stored = wrun::put_plain(&views::numbers(count));
    let start = Instant::now();
    let sums = wrun::get(&[sum::remote(&stored), sum::remote(&stored)])?;
    let time = nanos(start);
    wrun::ensure!(sums == [views::total(count); 2], "another sum: {sums:?}");
    Ok(vec![time])
}
