//! One array of four million numbers (32 MiB) lies in the store once; four tasks each sum a quarter of it.
//!
//! `wrun::put_plain` stores the array as it lies in memory. A task that takes a `View`, or asks a ref for a window, sees the
//! stored pages themselves: nothing is copied or decoded, and what a task writes there only it sees.
//!
//! ```sh
//! wrun submit examples/shared-array
//! ```

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the example prints its results")]

use wrun::prelude::*;

const COUNT: u32 = 4 << 20;
const TASKS: u64 = 4;

/// The sum of one part. The ref is inside a tuple, so it stays a ref, and the task maps only what it needs.
#[wrun::task]
fn sum_part(part: (ObjectRef<View<f64>>, u64)) -> wrun::Result<f64> {
    let (data, number) = part;
    let len = data.count()? / TASKS;
    let window = data.window(number * len..(number + 1) * len)?;
    Ok(window.iter().sum())
}

/// The largest number after all of them were squared, in this task's own copy of the pages.
#[wrun::task]
fn largest_square(mut data: View<f64>) -> f64 {
    for number in data.iter_mut() {
        *number *= *number;
    }
    data.iter().copied().fold(0.0, f64::max)
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let numbers: Vec<f64> = (0..COUNT).map(f64::from).collect();
    let data = wrun::put_plain(&numbers);

    let parts = sum_part::map((0..TASKS).map(|number| (data.clone(), number)));
    let total: f64 = wrun::get(&parts)?.iter().sum();
    println!("four tasks: the sum is {total}");

    let largest = largest_square::remote(&data).get()?;
    let last = data.view()?[numbers.len() - 1];
    println!("squared in a task: {largest}; the array still ends with {last}");
    Ok(())
}
