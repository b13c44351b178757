//! Two random matrices of 1000 × 1000 are made by two tasks and multiplied by a third, which gets their refs.
//!
//! Part "Dependencia de tareas" of the third tutorial. The program checks one entry of the product and prints how the
//! entries spread: sums of a thousand products of normal numbers, so around 0 and about √1000 ≈ 31.6 wide.
//!
//! ```sh
//! wrun submit examples/matrix-multiply
//! ```

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the example prints its results")]

use serde::{Deserialize, Serialize};
/// How many rows or columns are multiplied at a time, so that they stay in the processor's cache.
const BLOCK: usize = 50;

/// A square matrix, row after row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Matrix {
    size: usize,
    values: Vec<f64>,
}

/// Normal random numbers; the same ones for the same seed.
#[wrun::task]
fn create_matrix(size: usize, seed: u64) -> Matrix {
    let mut state = seed;
    let mut random = move || {
        // splitmix64, to a number above 0 and up to 1
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON / 2.0
    };
    // Box and Muller's way from two uniform numbers to a normal one
    let normal = move |_| (-2.0 * random().ln()).sqrt() * (std::f64::consts::TAU * random()).cos();
    Matrix {
        size,
        values: (0..size * size).map(normal).collect(),
    }
}

#[wrun::task]
fn multiply_matrices(x: Matrix, y: Matrix) -> Matrix {
    let n = x.size;
    let mut values = vec![0.0; n * n];
    for first in (0..n).step_by(BLOCK) {
        for (row, out) in x.values.chunks(n).zip(values.chunks_mut(n)) {
            for (k, factor) in row.iter().enumerate().skip(first).take(BLOCK) {
                let other = &y.values[k * n..(k + 1) * n];
                out.iter_mut()
                    .zip(other)
                    .for_each(|(sum, value)| *sum += factor * value);
            }
        }
    }
    Matrix { size: n, values }
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let x = create_matrix::remote(1000, 1);
    let y = create_matrix::remote(1000, 2);
    let z = multiply_matrices::remote(&x, &y).get()?;

    let (x, y, n) = (x.get()?, y.get()?, z.size);
    let (i, j) = (123, 456);
    let entry: f64 = (0..n)
        .map(|k| x.values[i * n + k] * y.values[k * n + j])
        .sum();
    let same = (entry - z.values[i * n + j]).abs() < 1e-9;
    let count = z.values.len() as f64;
    let mean = z.values.iter().sum::<f64>() / count;
    let spread = (z
        .values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count)
        .sqrt();
    println!(
        "z has {n} rows and {} columns; z[{i}][{j}] is right: {same}",
        z.values.len() / n
    );
    println!("mean {mean:.3}, standard deviation {spread:.3}");
    Ok(())
}
