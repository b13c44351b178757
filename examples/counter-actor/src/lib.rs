//! The smallest actor: a counter. Its calls run one at a time, in the caller's order, so the last `get_value` sees both `inc`.
//!
//! Part "De las clases a los actores" of the third tutorial.
//!
//! ```sh
//! wrun submit examples/counter-actor
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

#[wrun::actor]
struct Counter {
    x: i64,
}

#[wrun::actor]
impl Counter {
    fn new() -> Self {
        Self { x: 0 }
    }

    fn inc(&mut self) {
        self.x += 1;
    }

    fn get_value(&self) -> i64 {
        self.x
    }
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let c = Counter::remote();
    println!("{}", c.get_value().get()?); // 0

    c.inc();
    c.inc();
    println!("{}", c.get_value().get()?); // 2
    Ok(())
}

/// Under plain `cargo test` actors are threads of the test's process.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_in_order() {
        let counter = Counter::remote();
        let before = counter.get_value();
        (0..10).for_each(|_| drop(counter.inc()));
        let after = counter.get_value();
        assert_eq!(wrun::get(&[before, after]).unwrap(), [0, 10]);
    }
}
