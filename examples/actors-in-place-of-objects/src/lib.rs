//! Two counters, five slow increments each: as objects they take turns, as actors they work side by side.
//!
//! Part "Actores" of the Ray tutorial. An actor is a type with `#[wrun::actor]`; its state lives in a sandbox of its own.
//!
//! ```sh
//! wrun submit examples/actors-in-place-of-objects --num-cpus 4
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::time::Instant;

use wrun::prelude::*;

#[wrun::actor]
struct Foo {
    counter: i64,
    second: Duration,
}

#[wrun::actor]
impl Foo {
    fn new(second: Duration) -> Self {
        Self { counter: 0, second }
    }

    fn reset(&mut self) {
        self.counter = 0;
    }

    fn increment(&mut self) -> i64 {
        wrun::sleep(self.second / 2);
        self.counter += 1;
        self.counter
    }
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();

    let (mut f1, mut f2) = (Foo::new(second), Foo::new(second));
    let start = Instant::now();
    f1.reset();
    f2.reset();
    let results: Vec<i64> = (0..5)
        .flat_map(|_| [f1.increment(), f2.increment()])
        .collect();
    report(start, &results);

    let (f1, f2) = (Foo::remote(second), Foo::remote(second));
    let start = Instant::now();
    f1.reset();
    f2.reset();
    let refs: Vec<ObjectRef<i64>> = (0..5)
        .flat_map(|_| [f1.increment(), f2.increment()])
        .collect();
    report(start, &wrun::get(&refs)?);
    Ok(())
}

fn report(start: Instant, results: &[i64]) {
    println!(
        "Los resultados son: {results:?}. Esto tardó {:.3} segundos",
        start.elapsed().as_secs_f64()
    );
}

/// A second of the notebook: as long as the first argument says, in seconds, or half of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.5);
    Duration::from_secs_f64(scale)
}
