//! Refs as values, and what they keep alive.

use wrun::prelude::*;

use super::{Checked, Clock, add, nap};

#[wrun::task]
fn total(parts: Vec<ObjectRef<i64>>) -> wrun::Result<i64> {
    Ok(wrun::get(&parts)?.iter().sum())
}

#[wrun::task]
fn count(parts: Vec<ObjectRef<u64>>) -> usize {
    parts.len()
}

pub(super) fn refs_inside_values_stay_refs() -> Checked {
    assert_eq!(
        total::remote(vec![add::remote(1, 2), add::remote(3, 4)]).get()?,
        10
    );
    // It does not wait for what is inside.
    let clock = Clock::start();
    let slow = nap::remote(1500);
    assert_eq!(count::remote(vec![slow.clone(), slow.clone()]).get()?, 2);
    assert!(clock.ms() < 1200);
    slow.cancel()
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Job {
    name: String,
    input: ObjectRef<i64>,
    more: Option<Box<Job>>,
}

#[wrun::task]
fn run(job: Job) -> wrun::Result<(String, ObjectRef<i64>)> {
    let more = match job.more {
        Some(more) => more.input.get()?,
        None => 0,
    };
    Ok((job.name, add::remote(job.input, more)))
}

pub(super) fn refs_inside_structs() -> Checked {
    let inner = Job {
        name: "inner".into(),
        input: wrun::put(100),
        more: None,
    };
    let job = Job {
        name: "outer".into(),
        input: add::remote(10, 1),
        more: Some(Box::new(inner)),
    };
    let (name, result) = run::remote(job).get()?;
    assert_eq!((name.as_str(), result.get()?), ("outer", 111));
    Ok(())
}

#[wrun::task]
fn later(x: i64) -> ObjectRef<i64> {
    add::remote(x, 1)
}

pub(super) fn a_returned_ref() -> Checked {
    let inner: ObjectRef<i64> = later::remote(1).get()?;
    assert_eq!(inner.get()?, 2);
    Ok(())
}

#[wrun::task]
fn unwrap_and_add(inner: ObjectRef<i64>, n: i64) -> wrun::Result<i64> {
    Ok(inner.get()? + n)
}

pub(super) fn a_ref_to_a_ref() -> Checked {
    // The outer ref is replaced by its value, which is a ref.
    assert_eq!(unwrap_and_add::remote(later::remote(5), 10).get()?, 16);
    Ok(())
}

#[wrun::task]
fn sum(numbers: Vec<u64>) -> u64 {
    numbers.iter().sum()
}

pub(super) fn put_and_share() -> Checked {
    let numbers = wrun::put((0..100_000_u64).collect::<Vec<_>>());
    let sums = sum::map((0..4).map(|_| &numbers));
    assert_eq!(wrun::get(&sums)?, [4_999_950_000; 4]);
    assert_eq!(numbers.get()?.len(), 100_000);
    Ok(())
}

pub(super) fn put_keeps_what_is_inside() -> Checked {
    let outer = {
        let inner = add::remote(20, 1);
        wrun::put(vec![inner.clone(), inner])
    };
    let inner = outer.get()?;
    drop(outer);
    assert_eq!(wrun::get(&inner)?, [21, 21]);
    Ok(())
}

pub(super) fn refs_print() -> Checked {
    let one = wrun::put(1);
    for shown in [one.to_string(), format!("{one:?}"), one.erase().to_string()] {
        assert!(
            shown.starts_with("ObjectRef(") && shown.ends_with(')'),
            "{shown}"
        );
    }
    Ok(())
}

pub(super) fn refs_mean_nothing_outside() -> Checked {
    let error = serde_json::to_string(&wrun::put(1))
        .unwrap_err()
        .to_string();
    assert!(error.contains("mean nothing elsewhere"), "{error}");
    let error = serde_json::from_str::<ObjectRef<i64>>("{\"$ref\": 0}")
        .unwrap_err()
        .to_string();
    assert!(error.contains("mean nothing elsewhere"), "{error}");
    Ok(())
}

pub(super) fn erased_refs() -> Checked {
    let refs = [
        add::remote(1, 2).erase(),
        wrun::put("x".to_owned()).erase(),
        nap::remote(1).erase(),
    ];
    let (ready, rest) = wrun::wait(&refs, 3, Some(Duration::from_secs(5)))?;
    assert_eq!((ready.len(), rest.len()), (3, 0));
    assert_eq!(ready[0].cast::<i64>().get()?, 3);
    Ok(())
}

#[wrun::task]
fn pair(parts: (ObjectRef<i64>, ObjectRef<i64>)) -> wrun::Result<i64> {
    Ok(parts.0.get()? * parts.1.get()?)
}

pub(super) fn a_ref_twice_in_a_value() -> Checked {
    let seven = wrun::put(7_i64);
    assert_eq!(pair::remote((seven.clone(), seven)).get()?, 49);
    Ok(())
}

/// A value that refuses to be serialized.
struct Stubborn;

impl serde::Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("I won't"))
    }
}

impl<'de> serde::Deserialize<'de> for Stubborn {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        Ok(Stubborn)
    }
}

#[wrun::task]
fn take(_it: Stubborn) -> Stubborn {
    Stubborn
}

pub(super) fn a_value_that_does_not_serialize() -> Checked {
    let stored = wrun::put(Stubborn);
    let passed = take::remote(Stubborn);
    let dependent = take::remote(&stored);
    for error in [
        stored.get().err(),
        passed.get().err(),
        dependent.get().err(),
    ] {
        let error = error.expect("fails");
        assert_eq!(error.kind(), ErrorKind::BadArgument);
        assert!(error.message().contains("I won't"), "{error}");
    }
    let returned = take::remote(wrun::put(()).cast::<Stubborn>())
        .get()
        .err()
        .expect("fails");
    assert_eq!(returned.kind(), ErrorKind::BadResult);
    assert!(returned.message().contains("I won't"), "{returned}");
    let (ready, rest) = wrun::wait(&[stored, passed], 1, None)?;
    assert_eq!((ready.len(), rest.len()), (1, 1));
    Ok(())
}
