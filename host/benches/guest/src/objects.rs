//! Values put into the store and read again, small and large.

use std::time::Instant;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use wrun::prelude::*;

use crate::nanos;

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

/// Bytes that serialize in one piece, where a `Vec<u8>` goes byte by byte.
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Whole)
    }
}

/// How often a large value is put: the first is not counted, since its memory is fresh everywhere.
const PUTS: usize = 6;

/// Puts one large value again and again: the time of each put but the first.
pub(crate) fn put_large(bytes: usize) -> Result<Vec<u64>> {
    let value = Bytes(vec![7; bytes]);
    let mut times = Vec::new();
    for _ in 0..PUTS {
        let start = Instant::now();
        let stored = wrun::put(&value);
        times.push(nanos(start));
        wrun::ensure!(stored.is_ready(), "it is not there");
    }
    let stored: ObjectRef<Bytes> = wrun::put(&value).cast();
    // In a sandbox of its own, since this one has no room for a third copy.
    wrun::ensure!(sum::remote(&stored).get()? == total(bytes), "other bytes");
    Ok(times.split_off(1))
}

/// The sum of so many bytes.
fn total(bytes: usize) -> u64 {
    7 * u64::try_from(bytes).unwrap_or(0)
}

#[wrun::task]
fn sum(bytes: Bytes) -> u64 {
    bytes.0.iter().map(|byte| u64::from(*byte)).sum()
}

#[wrun::task]
fn sum_numbers(numbers: Vec<f64>) -> f64 {
    numbers.iter().sum()
}

/// Passes one large array of numbers to two tasks that add it up: the time of that.
pub(crate) fn share_large(bytes: usize) -> Result<Vec<u64>> {
    let count = u32::try_from(bytes / 8).unwrap_or(0);
    let numbers = wrun::put(vec![1.0; bytes / 8]);
    let start = Instant::now();
    let sums = wrun::get(&[sum_numbers::remote(&numbers), sum_numbers::remote(&numbers)])?;
    let time = nanos(start);
    wrun::ensure!(sums == [f64::from(count); 2], "another sum: {sums:?}");
    Ok(vec![time])
}
