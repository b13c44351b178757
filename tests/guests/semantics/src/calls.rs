//! Rule 1: a call returns its ref at once; refs among its arguments are waited for and replaced by their values.

use std::sync::atomic::{AtomicU64, Ordering};

use cases::{ms, timed};
use serde::{Deserialize, Serialize};
use wrun::prelude::*;

use crate::tasks::{Counter, add, nap};

pub fn a_call_returns_its_ref_at_once() -> Result<()> {
    let (time, result) = timed(|| nap::remote(1000));
    assert!(time < ms(500), "{time:?}");
    assert!(!result.is_ready());
    assert_eq!(result.get()?, 1000);
    assert!(result.is_ready());
    Ok(())
}

pub fn a_task_waits_for_its_arguments() -> Result<()> {
    let slow = nap::remote(300);
    let (time, sum) = timed(|| add::remote(&slow, add::remote(1, 2)).get());
    assert_eq!(sum?, 303);
    assert!(time >= ms(200), "{time:?}");
    Ok(())
}

#[derive(Serialize, Deserialize)]
struct Order {
    note: String,
    items: Vec<ObjectRef<u64>>,
    more: Option<ObjectRef<u64>>,
}

#[wrun::task]
fn inspect(order: Order) -> (String, usize, bool) {
    let ready = order
        .items
        .iter()
        .chain(&order.more)
        .any(ObjectRef::is_ready);
    (
        order.note,
        order.items.len() + order.more.iter().len(),
        ready,
    )
}

#[wrun::task]
fn sum_inside(order: Order) -> Result<u64> {
    Ok(wrun::get(&order.items)?.into_iter().sum::<u64>()
        + order.more.map_or(Ok(0), |more| more.get())?)
}

pub fn a_ref_inside_a_value_stays_a_ref() -> Result<()> {
    let slow = nap::remote(1500);
    let order = || Order {
        note: "two".to_owned(),
        items: vec![slow.clone(), nap::remote(1500)],
        more: Some(slow.clone()),
    };
    let (time, seen) = timed(|| inspect::remote(order()).get());
    assert_eq!(seen?, ("two".to_owned(), 3, false));
    assert!(
        time < ms(1000),
        "it should not wait for what is inside: {time:?}"
    );
    assert_eq!(sum_inside::remote(order()).get()?, 4500);
    Ok(())
}

pub fn constructors_and_methods_get_values_for_refs() -> Result<()> {
    let counter = Counter::remote(nap::remote(100));
    assert_eq!(counter.add(nap::remote(200)).get()?, 300);
    let sum = counter.add(wrun::put(5));
    assert_eq!(counter.add(sum).get()?, 610);
    Ok(())
}

/// On two slots: one sleeps, and many that wait for it leave the other free.
pub fn a_waiting_task_holds_no_slot() -> Result<()> {
    let slow = nap::remote(1500);
    let waiting: Vec<_> = (0..10).map(|i| add::remote(&slow, i)).collect();
    let (time, sum) = timed(|| add::remote(1, 2).get());
    assert_eq!(sum?, 3);
    assert!(time < ms(1000), "{time:?}");
    assert_eq!(wrun::get(&waiting)?, (1500..1510).collect::<Vec<u64>>());
    Ok(())
}

pub fn a_plain_call_is_a_plain_call() -> Result<()> {
    assert_eq!(add(1, 2), 3);
    Ok(())
}

#[wrun::task]
fn joined(words: Vec<String>, between: String) -> String {
    words.join(&between)
}

pub fn borrowed_arguments_are_sent() -> Result<()> {
    let words = vec!["a".to_owned(), "b".to_owned()];
    let between = wrun::put("+".to_owned());
    assert_eq!(joined::remote(&words, "-").get()?, "a-b");
    assert_eq!(joined::remote(&words[..1], &between).get()?, "a");
    assert_eq!(joined::remote(words, between).get()?, "a+b");
    Ok(())
}

#[wrun::task]
fn reversed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.reverse();
    bytes
}

/// From nothing to some megabytes, with the sizes around which values are stored in different ways.
pub fn large_arguments_are_sent() -> Result<()> {
    for size in [
        0,
        1,
        1 << 10,
        (64 << 10) - 8,
        64 << 10,
        (64 << 10) + 8,
        1 << 20,
        (5 << 20) + 13,
    ] {
        let bytes: Vec<u8> = (0..size).map(|i: usize| i.to_le_bytes()[i % 3]).collect();
        let back = reversed::remote(reversed::remote(&bytes)).get()?;
        assert!(back == bytes, "{size} bytes came back changed");
    }
    Ok(())
}

static GLOBAL: AtomicU64 = AtomicU64::new(0);

#[wrun::task]
fn bump_global() -> u64 {
    GLOBAL.fetch_add(1, Ordering::Relaxed)
}

/// Each call has globals of its own, as they were at first.
pub fn nothing_is_captured() -> Result<()> {
    GLOBAL.store(100, Ordering::Relaxed);
    for _ in 0..5 {
        assert_eq!(bump_global::remote().get()?, 0);
    }
    assert_eq!(GLOBAL.load(Ordering::Relaxed), 100);
    Ok(())
}
