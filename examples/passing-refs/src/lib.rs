//! A ref as an argument stands for its value: the task starts when the value is there, and gets the value.
//!
//! Part "Procesamiento de datos en paralelo" of the Ray tutorial, its first half.
//!
//! ```sh
//! wrun submit examples/passing-refs
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

#[wrun::task]
fn same(x: i64) -> i64 {
    x
}

#[wrun::task]
fn same_list(x: Vec<i64>) -> Vec<i64> {
    x
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let x1 = same::remote(1);
    println!("{}", x1.get()?);
    let x2 = same_list::remote(vec![1, 2, 3]);
    println!("{:?}", x2.get()?);

    // Not before `x1` and `x2` are there.
    let y1 = same::remote(&x1);
    println!("{}", y1.get()?);
    let y2 = same_list::remote(&x2);
    println!("{:?}", y2.get()?);
    Ok(())
}
