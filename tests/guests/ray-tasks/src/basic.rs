//! `test_basic.py` and its numbered continuations, as far as tasks alone are concerned.

use std::collections::{BTreeMap, BTreeSet};

use cases::{failure, ms, timed};
use serde::{Deserialize, Serialize};
use wrun::prelude::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Value {
    Nothing,
    Truth(bool),
    Small(i8, u8, i16, u16),
    Whole(i64),
    Huge(i128, u128),
    Single(f32),
    Float(f64),
    Letter(char),
    Text(String),
    Bytes(Vec<u8>),
    Numbers(BTreeSet<i64>),
    List(Vec<Value>),
    Named(BTreeMap<String, Value>),
}

#[wrun::task]
fn echo(value: Value) -> Value {
    value
}

fn primitives() -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    vec![
        Value::Nothing,
        Value::Truth(true),
        Value::Truth(false),
        Value::Small(i8::MIN, u8::MAX, i16::MIN, u16::MAX),
        Value::Whole(0),
        Value::Whole(1 << 62),
        Value::Whole(i64::MIN),
        Value::Huge(i128::MIN, u128::MAX),
        Value::Single(1.9),
        Value::Float(0.9),
        Value::Float(-0.0),
        Value::Float(f64::INFINITY),
        Value::Letter('☯'),
        text(""),
        text("a"),
        text("\u{262f} \u{0} \n \u{10ffff}"),
        Value::Bytes((0..=255).collect()),
        Value::Numbers(BTreeSet::new()),
        Value::Numbers([3, 1, 2].into()),
        Value::List(Vec::new()),
        Value::Named(BTreeMap::new()),
    ]
}

/// Passed and stored values come back as they were.
fn unchanged(values: &[Value]) -> Result<()> {
    let echoed: Vec<_> = values
        .iter()
        .map(|value| (echo::remote(value), wrun::put(value.clone())))
        .collect();
    for ((echoed, stored), value) in echoed.iter().zip(values) {
        assert_eq!(echoed.get()?, *value);
        assert_eq!(stored.get()?, *value);
    }
    Ok(())
}

pub fn simple_serialization() -> Result<()> {
    unchanged(&primitives())?;
    let inside: Vec<Value> = primitives()
        .into_iter()
        .map(|value| Value::List(vec![value]))
        .collect();
    unchanged(&inside)
}

pub fn complex_serialization() -> Result<()> {
    let mut deep = Value::List(Vec::new());
    for i in 0..50 {
        deep = Value::Named([(i.to_string(), deep), ("more".to_owned(), Value::Nothing)].into());
    }
    let table = (0..10).map(|i| {
        (
            format!("row {i}"),
            Value::List(vec![Value::Float(f64::from(i) / 7.0); 1000]),
        )
    });
    unchanged(&[
        deep,
        Value::Named(table.collect()),
        Value::List(primitives()),
    ])
}

fn one() -> u64 {
    1
}

#[wrun::task]
fn two() -> u64 {
    2
}

#[wrun::task]
fn both() -> Result<(u64, u64)> {
    Ok((one(), two::remote().get()?))
}

#[wrun::task]
fn factorial(n: u64) -> Result<u64> {
    if n == 0 {
        Ok(1)
    } else {
        Ok(n * factorial::remote(n - 1).get()?)
    }
}

#[wrun::task]
fn factorial_even(n: u64) -> Result<u64> {
    wrun::ensure!(n.is_multiple_of(2), "{n} is odd");
    if n == 0 {
        Ok(1)
    } else {
        Ok(n * factorial_odd::remote(n - 1).get()?)
    }
}

#[wrun::task]
fn factorial_odd(n: u64) -> Result<u64> {
    wrun::ensure!(!n.is_multiple_of(2), "{n} is even");
    Ok(n * factorial_even::remote(n - 1).get()?)
}

pub fn nested_functions() -> Result<()> {
    assert_eq!(both::remote().get()?, (1, 2));
    let factorials: Vec<_> = (0..=5).map(factorial::remote).collect();
    assert_eq!(wrun::get(&factorials)?, [1, 1, 2, 6, 24, 120]);
    assert_eq!(factorial_even::remote(4).get()?, 24);
    assert_eq!(factorial_odd::remote(5).get()?, 120);
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    inside: ObjectRef<u64>,
    also: Option<Box<Holder>>,
}

pub fn putting_object_that_closes_over_object_ref() -> Result<()> {
    let holder = Holder {
        inside: wrun::put(1),
        also: Some(Box::new(Holder {
            inside: wrun::put(2),
            also: None,
        })),
    };
    let back = wrun::put(holder).get()?;
    assert_eq!(back.inside.get()?, 1);
    assert_eq!(back.also.ok_or("the inner one is lost")?.inside.get()?, 2);
    Ok(())
}

pub fn put_get() -> Result<()> {
    for i in 0..100_u32 {
        let whole = u64::from(i) * 1_000_000;
        assert_eq!(wrun::put(whole).get()?, whole);
        let float = f64::from(i) * 1e6;
        assert!((wrun::put(float).get()? - float).abs() < f64::EPSILON);
        let count = usize::try_from(i)?;
        assert_eq!(wrun::put("h".repeat(count)).get()?, "h".repeat(count));
        assert_eq!(wrun::put(vec![1; count]).get()?, vec![1; count]);
    }
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f64,
}

#[wrun::task]
fn moved(mut point: Point) -> Point {
    point.x += 1.0;
    point
}

#[wrun::task]
fn moved_twice(point: Point) -> Result<Point> {
    moved::remote(moved::remote(point)).get()
}

#[wrun::task(num_returns = 3)]
fn parts(point: Point) -> (Point, Value, f64) {
    (
        Point { x: point.x, y: 0.0 },
        Value::Float(point.y),
        point.x + point.y,
    )
}

pub fn register_class() -> Result<()> {
    let point = Point { x: 1.0, y: 2.0 };
    assert_eq!(moved::remote(&point).get()?, Point { x: 2.0, y: 2.0 });
    assert_eq!(moved_twice::remote(&point).get()?, Point { x: 3.0, y: 2.0 });
    let (a, b, c) = parts::remote(&point);
    assert_eq!(
        wrun::get((&a, &b, &c))?,
        (Point { x: 1.0, y: 0.0 }, Value::Float(2.0), 3.0)
    );
    Ok(())
}

#[wrun::task]
fn plus_one(x: u64) -> u64 {
    x + 1
}

#[wrun::task]
fn plus_one_inside(x: u64) -> Result<u64> {
    plus_one::remote(x).get()
}

#[wrun::task]
fn plus_one_far_inside(x: u64) -> Result<u64> {
    plus_one_inside::remote(x).get()
}

pub fn defining_remote_functions() -> Result<()> {
    assert_eq!(plus_one::remote(1).get()?, 2);
    assert_eq!(plus_one_inside::remote(1).get()?, 2);
    assert_eq!(plus_one_far_inside::remote(1).get()?, 2);
    Ok(())
}

#[wrun::task(num_returns = 2)]
fn pair() -> (u64, u64) {
    (0, 1)
}

pub fn submit_api() -> Result<()> {
    let options = plus_one::options()
        .num_cpus(1)
        .name("one more")
        .max_retries(0);
    assert_eq!(options.remote(0).get()?, 1);
    let (a, b) = pair::options().num_cpus(0.5).remote();
    assert_eq!(wrun::get(&[a, b])?, [0, 1]);
    // Ray waits for ever here; we are told.
    let error = failure(plus_one::options().num_cpus(10_000).remote(0).get());
    assert_eq!(error.kind(), ErrorKind::Unschedulable, "{error}");
    Ok(())
}

#[wrun::task]
fn nothing() -> u64 {
    0
}

#[wrun::task]
fn maybe_blocks(block: bool) -> Result<bool> {
    if block {
        nothing::remote().get()?;
    }
    Ok(true)
}

pub fn many_fractional_resources() -> Result<()> {
    let calls: Vec<_> = (0..200_u32)
        .map(|i| {
            maybe_blocks::options()
                .num_cpus(f64::from(i * 37 % 100) / 100.0)
                .remote(i % 2 == 0)
        })
        .collect();
    assert!(wrun::get(&calls)?.into_iter().all(|done| done));
    // All slots are there again.
    let all = wrun::context()?.slots;
    assert_eq!(nothing::options().num_cpus(all).remote().get()?, 0);
    Ok(())
}

pub fn get_multiple() -> Result<()> {
    let refs: Vec<_> = (0..10).map(wrun::put).collect();
    assert_eq!(wrun::get(&refs)?, (0..10).collect::<Vec<u64>>());
    let twice = [3, 1, 4, 3, 1, 4].map(|i: usize| refs[i].clone());
    assert_eq!(wrun::get(&twice)?, [3, 1, 4, 3, 1, 4]);
    Ok(())
}

#[wrun::task]
fn nap(milliseconds: u64) -> u64 {
    wrun::sleep(ms(milliseconds));
    1
}

#[wrun::task]
fn waits(refs: Vec<ObjectRef<u64>>) -> Result<usize> {
    wrun::wait(&refs, 1, None).map(|(ready, _)| ready.len())
}

#[wrun::task]
fn gets(refs: Vec<ObjectRef<u64>>) -> Result<Vec<u64>> {
    wrun::get(&refs)
}

pub fn multiple_waits_and_gets() -> Result<()> {
    let x = nap::remote(300);
    let waiting = [waits::remote([x.clone()]), waits::remote([x])];
    assert_eq!(wrun::get(&waiting)?, [1, 1]);
    let x = nap::remote(300);
    let getting = [gets::remote([x.clone()]), gets::remote([x])];
    assert_eq!(wrun::get(&getting)?, [[1], [1]]);
    Ok(())
}

/// Four slots.
pub fn resource_constraints() -> Result<()> {
    let slots = wrun::context()?.slots;
    let rounds = |count: u32, each: f64| {
        let calls: Vec<_> = (0..count)
            .map(|_| nap::options().num_cpus(each).remote(400))
            .collect();
        let (time, result) = timed(|| wrun::get(&calls));
        result.map(|_| time)
    };
    let (half, whole) = (slots / 2.0, slots);
    let time = rounds(2, half)?;
    assert!(
        ms(390) <= time && time < ms(790),
        "two halves at once: {time:?}"
    );
    let time = rounds(3, half)?;
    assert!(
        ms(790) <= time && time < ms(1500),
        "and a third one after them: {time:?}"
    );
    let time = rounds(2, whole)?;
    assert!(
        ms(790) <= time && time < ms(1500),
        "one after the other: {time:?}"
    );
    Ok(())
}

#[wrun::task]
fn blocks(n: u64) -> Result<u64> {
    let all: Vec<_> = (0..n).map(|_| nothing::remote()).collect();
    wrun::get(&all)?;
    let mut left = all;
    while !left.is_empty() {
        left = wrun::wait(&left, 1, None)?.1;
    }
    Ok(n)
}

#[wrun::task]
fn blocks_twice(n: u64) -> Result<u64> {
    let all: Vec<_> = (0..n).map(|_| blocks::remote(n)).collect();
    Ok(wrun::get(&all)?.into_iter().sum())
}

pub fn blocking_tasks() -> Result<()> {
    assert_eq!(blocks_twice::remote(4).get()?, 16);
    let many: Vec<_> = (0..20).map(|_| blocks::remote(3)).collect();
    assert_eq!(wrun::get(&many)?.into_iter().sum::<u64>(), 60);
    Ok(())
}

#[wrun::task]
fn middle() -> Result<u64> {
    nothing::remote().get()
}

#[wrun::task]
fn top() -> Result<u64> {
    middle::remote().get()
}

/// Many chains of three on one slot; all of them must come to an end.
pub fn fair_queueing() -> Result<()> {
    let count = if cfg!(target_arch = "wasm32") {
        1000
    } else {
        100
    };
    let all: Vec<_> = (0..count).map(|_| top::remote()).collect();
    let (ready, _) = wrun::wait(&all, count, Some(Duration::from_secs(50)))?;
    assert_eq!(ready.len(), count);
    Ok(())
}

#[wrun::task]
fn starts_in_background() -> (u64, ObjectRef<u64>) {
    (7, nap::remote(100))
}

/// What a task has started goes on when the task has ended.
pub fn background_tasks() -> Result<()> {
    let started: Vec<_> = (0..10).map(|_| starts_in_background::remote()).collect();
    for (number, later) in wrun::get(&started)? {
        assert_eq!((number, later.get()?), (7, 1));
    }
    Ok(())
}

#[wrun::task]
fn job_here() -> Result<String> {
    Ok(wrun::context()?.job)
}

#[wrun::actor]
struct Clerk {
    job: String,
}

#[wrun::actor]
impl Clerk {
    fn new() -> Result<Self> {
        Ok(Self {
            job: wrun::context()?.job,
        })
    }

    fn jobs(&self) -> Result<Vec<String>> {
        Ok(vec![
            self.job.clone(),
            wrun::context()?.job,
            job_here::remote().get()?,
        ])
    }
}

pub fn job_id_consistency() -> Result<()> {
    let job = wrun::context()?.job;
    assert_eq!(job_here::remote().get()?, job);
    assert!(
        Clerk::remote()
            .jobs()
            .get()?
            .iter()
            .all(|other| *other == job)
    );
    Ok(())
}
