//! Tasks that start tasks: `g` returns the refs of what it started, `h` waits for them and returns their values.
//!
//! Part "Paralelismo anidado" of the Ray tutorial, its first half.
//!
//! ```sh
//! wrun submit examples/nested-tasks          # also with `--num-cpus 1`: who waits in `get` gives its slot back
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use wrun::prelude::*;

#[wrun::task]
fn f() -> i64 {
    1
}

#[wrun::task]
fn g() -> Vec<ObjectRef<i64>> {
    (0..4).map(|_| f::remote()).collect()
}

#[wrun::task]
fn h() -> wrun::Result<Vec<i64>> {
    let results: Vec<ObjectRef<i64>> = (0..4).map(|_| f::remote()).collect();
    wrun::get(&results)
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    println!("{:?}", g::remote().get()?);
    println!("{:?}", h::remote().get()?);
    Ok(())
}
