//! Four files through four steps each (load, normalize, features, loss), one after another and then as tasks.
//!
//! Part "Procesamiento de datos en paralelo" of the Ray tutorial, its second half. The steps of one file wait for each
//! other because each gets the ref of the one before; the files don't.
//!
//! ```sh
//! wrun submit examples/task-pipeline --num-cpus 4
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::time::Instant;

use serde::{Deserialize, Serialize};
use wrun::prelude::*;

const FILES: [&str; 4] = ["file1", "file2", "file3", "file4"];

/// Rows of equal length, one after another.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Matrix {
    columns: usize,
    values: Vec<f64>,
}

#[wrun::task]
fn load_data(_filename: String, step: Duration) -> Matrix {
    wrun::sleep(step);
    Matrix {
        columns: 100,
        values: vec![1.0; 1000 * 100],
    }
}

/// Takes each column's mean from it.
#[wrun::task]
fn normalize_data(mut data: Matrix, step: Duration) -> Matrix {
    wrun::sleep(step);
    let rows = data.values.len() / data.columns;
    let mut means = vec![0.0; data.columns];
    for row in data.values.chunks(data.columns) {
        means
            .iter_mut()
            .zip(row)
            .for_each(|(sum, value)| *sum += value);
    }
    means.iter_mut().for_each(|sum| *sum /= rows as f64);
    for row in data.values.chunks_mut(data.columns) {
        row.iter_mut()
            .zip(&means)
            .for_each(|(value, mean)| *value -= mean);
    }
    data
}

/// Puts the squares beside the values.
#[wrun::task]
fn extract_features(normalized: Matrix, step: Duration) -> Matrix {
    wrun::sleep(step);
    let rows = normalized.values.chunks(normalized.columns);
    let values = rows
        .flat_map(|row| row.iter().copied().chain(row.iter().map(|x| x * x)))
        .collect();
    Matrix {
        columns: normalized.columns * 2,
        values,
    }
}

/// How far each row's sum is from one, squared and added up.
#[wrun::task]
fn compute_loss(features: Matrix, step: Duration) -> f64 {
    wrun::sleep(step);
    features
        .values
        .chunks(features.columns)
        .map(|row| (row.iter().sum::<f64>() - 1.0).powi(2))
        .sum()
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let step = second() / 10;

    let start = Instant::now();
    let mut losses = Vec::new();
    for file in FILES {
        let data = load_data(file.to_owned(), step);
        let normalized = normalize_data(data, step);
        let features = extract_features(normalized, step);
        losses.push(compute_loss(features, step));
    }
    report(start, &losses);

    let start = Instant::now();
    let mut losses = Vec::new();
    for file in FILES {
        let data = load_data::remote(file, step);
        let normalized = normalize_data::remote(data, step);
        let features = extract_features::remote(normalized, step);
        losses.push(compute_loss::remote(features, step));
    }
    report(start, &wrun::get(&losses)?);
    Ok(())
}

fn report(start: Instant, losses: &[f64]) {
    println!("Las perdidas son {losses:?}.\n");
    let (loss, duration) = (losses.iter().sum::<f64>(), start.elapsed().as_secs_f64());
    println!("La perdida total es {loss:?}. Esto tardó {duration:.3} segundos.");
}

/// A second of the notebook: as long as the first argument says, in seconds, or a whole one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1.0);
    Duration::from_secs_f64(scale)
}
