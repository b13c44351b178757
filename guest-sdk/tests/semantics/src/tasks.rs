//! Calls of tasks.

use std::collections::BTreeMap;

use wrun::prelude::*;

use super::{Checked, Clock, add, nap};

pub(super) fn ordinary_call() -> Checked {
    assert_eq!(add(1, 2), 3);
    Ok(())
}

pub(super) fn remote_call() -> Checked {
    assert_eq!(add::remote(1, 2).get()?, 3);
    Ok(())
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Named {
        name: String,
        sides: Vec<(i32, Option<char>)>,
    },
}

#[wrun::task]
fn same(
    shapes: Vec<Shape>,
    map: BTreeMap<String, Shape>,
    bytes: [u8; 4],
) -> (Vec<Shape>, BTreeMap<String, Shape>, [u8; 4]) {
    (shapes, map, bytes)
}

pub(super) fn values_of_all_sorts() -> Checked {
    let named = Shape::Named {
        name: "größer".into(),
        sides: vec![(-1, Some('ß')), (i32::MAX, None)],
    };
    let shapes = vec![Shape::Point, Shape::Circle(-0.5), named];
    let map: BTreeMap<_, _> = shapes
        .iter()
        .map(|shape| (format!("{shape:?}"), shape.clone()))
        .collect();
    let result = same::remote(&shapes, &map, [0, 1, 254, 255]).get()?;
    assert_eq!(result, (shapes, map, [0, 1, 254, 255]));
    Ok(())
}

#[wrun::task]
fn nothing() {}

pub(super) fn nothing_in_nothing_out() -> Checked {
    nothing();
    nothing::remote().get()
}

pub(super) fn sleepers_run_side_by_side() -> Checked {
    let clock = Clock::start();
    let naps = nap::map([300; 4]);
    assert!(clock.ms() < 250, "a call gives its ref at once");
    assert_eq!(wrun::get(&naps)?, [300; 4]);
    let ms = clock.ms();
    assert!(
        (300..900).contains(&ms),
        "four naps of 300 ms on four slots took {ms} ms"
    );
    Ok(())
}

pub(super) fn slots_are_a_limit() -> Checked {
    let clock = Clock::start();
    wrun::get(&nap::map([100; 8]))?;
    let ms = clock.ms();
    assert!(ms >= 200, "eight naps of 100 ms on four slots took {ms} ms");
    let clock = Clock::start();
    let wide: Vec<_> = (0..2)
        .map(|_| nap::options().num_cpus(3).remote(100))
        .collect();
    wrun::get(&wide)?;
    assert!(
        clock.ms() >= 200,
        "two calls of three slots each don't fit four slots"
    );
    Ok(())
}

pub(super) fn dependencies_are_replaced_by_their_values() -> Checked {
    let slow = nap::remote(50);
    let sum = double::remote(&slow);
    assert_eq!(add::remote(&sum, sum.clone()).get()?, 200);
    Ok(())
}

#[wrun::task]
fn double(n: u64) -> i64 {
    i64::try_from(2 * n).unwrap_or(i64::MAX)
}

pub(super) fn a_long_chain() -> Checked {
    let mut last = add::remote(0, 0);
    for _ in 0..200 {
        last = add::remote(last, 1);
    }
    assert_eq!(last.get()?, 200);
    Ok(())
}

#[wrun::task]
fn deep(levels: u32) -> wrun::Result<u32> {
    if levels == 0 {
        Ok(0)
    } else {
        Ok(deep::remote(levels - 1).get()? + 1)
    }
}

pub(super) fn nested_calls_on_few_slots() -> Checked {
    // More levels than slots: those that wait have given theirs back.
    assert_eq!(deep::remote(20).get()?, 20);
    let all_slots = wrun::get(
        &(0..8)
            .map(|_| deep::options().num_cpus(4).remote(1))
            .collect::<Vec<_>>(),
    )?;
    assert_eq!(all_slots, [1; 8]);
    Ok(())
}

#[wrun::task]
fn fib(n: u32) -> wrun::Result<u64> {
    if n < 2 {
        return Ok(u64::from(n));
    }
    let (a, b) = (fib::remote(n - 1), fib::remote(n - 2));
    Ok(a.get()? + b.get()?)
}

pub(super) fn a_recursion() -> Checked {
    assert_eq!(fib::remote(11).get()?, 89);
    Ok(())
}

#[wrun::task(num_returns = 3)]
fn split(text: String) -> (String, usize, Vec<char>) {
    let letters: Vec<char> = text.chars().collect();
    (text.to_uppercase(), letters.len(), letters)
}

pub(super) fn several_results() -> Checked {
    let (upper, len, letters) = split::remote("abc");
    assert_eq!(
        (upper.get()?.as_str(), len.get()?, letters.get()?),
        ("ABC", 3, vec!['a', 'b', 'c'])
    );
    assert_eq!(split("x".into()).1, 1);
    Ok(())
}

#[wrun::task(num_returns = 2)]
fn divide(a: u64, b: u64) -> Result<(u64, u64), String> {
    let quotient = a.checked_div(b).ok_or("division by zero")?;
    Ok((quotient, a % b))
}

pub(super) fn several_results_of_a_result() -> Checked {
    let (quotient, rest) = divide::remote(7, 2);
    assert_eq!(wrun::get((&quotient, &rest))?, (3, 1));
    let (quotient, rest) = divide::remote(7, 0);
    for error in [quotient.get().unwrap_err(), rest.get().unwrap_err()] {
        assert_eq!(error.message(), "division by zero");
    }
    Ok(())
}

pub(super) fn map_sends_many() -> Checked {
    let sums = add::map((0..2500).map(|i| (i, i)));
    let sums = wrun::get(&sums)?;
    assert!(sums.iter().zip(0..).all(|(sum, i)| *sum == 2 * i) && sums.len() == 2500);
    let one = add::remote(1, 0);
    let mixed = add::options().name("mixed").map([(&one, 1), (&one, 2)]);
    assert_eq!(wrun::get(&mixed)?, [2, 3]);
    assert!(nap::map(Vec::<u64>::new()).is_empty());
    Ok(())
}

#[wrun::task(max_retries = 1, num_cpus = 0.5, timeout = 60)]
fn with_defaults(x: i64) -> i64 {
    x
}

pub(super) fn options_are_accepted() -> Checked {
    assert_eq!(with_defaults::remote(1).get()?, 1);
    let quick = add::options()
        .max_retries(3)
        .retry_errors(true)
        .timeout(Duration::from_secs(60))
        .num_cpus(0.5)
        .name("quick");
    assert_eq!(quick.remote(1, 2).get()? + quick.remote(3, 4).get()?, 10);
    assert_eq!(
        add::options()
            .num_cpus(0)
            .max_retries(wrun::FOREVER)
            .remote(1, 2)
            .get()?,
        3
    );
    Ok(())
}

#[wrun::task]
fn grow(bytes: Vec<u8>, times: usize) -> Vec<u8> {
    bytes.repeat(times)
}

pub(super) fn large_values_travel() -> Checked {
    let large: Vec<u8> = (0..300_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    let result = grow::remote(&large, 3).get()?;
    assert!(result == large.repeat(3));
    Ok(())
}

#[wrun::task]
fn join(words: Vec<String>, by: String) -> String {
    words.join(&by)
}

pub(super) fn borrowed_arguments() -> Checked {
    let words = vec!["a".to_owned(), "b".to_owned()];
    let by = String::from("-");
    for joined in [
        join::remote(&words, &by),
        join::remote(&words[..], "-"),
        join::remote(["a".to_owned(), "b".to_owned()], by.as_str()),
        join::remote(wrun::put(words.clone()), wrun::put(by.clone())),
    ] {
        assert_eq!(joined.get()?, "a-b");
    }
    Ok(())
}

#[wrun::task]
fn who() -> wrun::Result<(String, u32, Option<String>, u64)> {
    let context = wrun::context()?;
    Ok((context.name, context.attempt, context.actor, context.pid))
}

pub(super) fn context_tells_where() -> Checked {
    let (name, attempt, actor, pid) = who::remote().get()?;
    assert_eq!((name.as_str(), attempt, actor), ("who", 0, None));
    assert!(pid > 1);
    let here = wrun::context()?;
    assert_eq!((here.pid, here.slots), (1, 4.0));
    assert_eq!(wrun::nodes()?.len(), 1);
    assert!((wrun::cluster_resources()?.cpus - 4.0).abs() < 1e-9);
    Ok(())
}

pub(super) fn a_task_inside_a_function() -> Checked {
    #[wrun::task]
    fn inner(n: i64) -> i64 {
        -n
    }
    assert_eq!(inner::remote(5).get()?, -5);
    Ok(())
}
