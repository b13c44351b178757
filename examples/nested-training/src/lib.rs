//! Three models trained at once, each in ten steps of two parallel gradients: tasks that start tasks and use their results.
//!
//! Part "Paralelismo anidado" of the Ray tutorial, its second half.
//!
//! ```sh
//! wrun submit examples/nested-training --num-cpus 9
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::time::Instant;

use serde::{Deserialize, Serialize};
use wrun::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Hyperparameters {
    learning_rate: f64,
    batch_size: usize,
}

#[wrun::task]
fn compute_gradient(_data: i64, _current_model: i64, second: Duration) -> i64 {
    wrun::sleep(second.mul_f64(0.03));
    1
}

/// The same in sequence.
fn train_model_here(_hyperparameters: &Hyperparameters, second: Duration) -> i64 {
    let mut current_model = 0;
    for _ in 0..10 {
        current_model += (0..2)
            .map(|j| compute_gradient(j, current_model, second))
            .sum::<i64>();
    }
    current_model
}

#[wrun::task]
fn train_model(_hyperparameters: Hyperparameters, second: Duration) -> wrun::Result<i64> {
    let mut current_model = 0;
    for _ in 0..10 {
        let gradients: Vec<_> = (0..2)
            .map(|j| compute_gradient::remote(j, current_model, second))
            .collect();
        current_model += wrun::get(&gradients)?.iter().sum::<i64>();
    }
    Ok(current_model)
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();
    let experiments = [1e-1, 1e-2, 1e-3].map(|learning_rate| Hyperparameters {
        learning_rate,
        batch_size: 100,
    });

    let start = Instant::now();
    let results: Vec<i64> = experiments
        .iter()
        .map(|experiment| train_model_here(experiment, second))
        .collect();
    report(start, &results);

    let start = Instant::now();
    let refs: Vec<_> = experiments
        .into_iter()
        .map(|experiment| train_model::remote(experiment, second))
        .collect();
    report(start, &wrun::get(&refs)?);
    Ok(())
}

fn report(start: Instant, results: &[i64]) {
    println!(
        "El resultado es {results:?}. Esto tardó {:.3} segundos.",
        start.elapsed().as_secs_f64()
    );
}

/// A second of the notebook: as long as the first argument says, in seconds, or a whole one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1.0);
    Duration::from_secs_f64(scale)
}
