//! More objects than the store has memory for.

use wrun::prelude::*;

use crate::size;

/// Bytes that tell which value this is, and that it is whole.
fn bytes(n: u64) -> Vec<u8> {
    let mut bytes = vec![n.to_le_bytes()[0] ^ 0x5A; 1 << 20];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    bytes
}

fn check(got: &[u8], n: u64) -> Result<()> {
    wrun::ensure!(got == bytes(n), "value {n} is another");
    Ok(())
}

/// Values of 1 MiB that are put and held, and read back twice.
pub fn puts_beyond_memory() -> Result<()> {
    let held: Vec<_> = (0..size(256)).map(|n| wrun::put(bytes(n))).collect();
    for _ in 0..2 {
        for (object, n) in held.iter().zip(0..) {
            check(&object.get()?, n)?;
        }
    }
    Ok(())
}

#[wrun::task]
fn make(n: u64) -> Vec<u8> {
    bytes(n)
}

#[wrun::task]
fn remake(value: Vec<u8>, n: u64) -> Result<Vec<u8>> {
    check(&value, n)?;
    Ok(bytes(n + 1000))
}

/// Results of tasks, which are the arguments of others, whose results are read: all of them held.
pub fn results_and_arguments_beyond_memory() -> Result<()> {
    let n = size(128);
    let made: Vec<_> = (0..n).map(make::remote).collect();
    let again: Vec<_> = made
        .iter()
        .zip(0..)
        .map(|(value, n)| remake::remote(value, n))
        .collect();
    for (object, n) in again.iter().zip(0..) {
        check(&object.get()?, n + 1000)?;
    }
    for (object, n) in made.iter().zip(0..) {
        check(&object.get()?, n)?;
    }
    Ok(())
}

#[wrun::task]
fn deep(n: u64, value: Vec<u8>) -> Result<u64> {
    check(&value, n)?;
    if n == 0 {
        return Ok(0);
    }
    let below = deep::remote(n - 1, wrun::put(bytes(n - 1))).get()? + 1;
    check(&value, n)?;
    Ok(below)
}

/// Tasks that wait for each other, each with an argument of its own.
pub fn nested_arguments_beyond_memory() -> Result<()> {
    let n = size(40);
    wrun::ensure!(
        deep::remote(n, wrun::put(bytes(n))).get()? == n,
        "a level is missing"
    );
    Ok(())
}
