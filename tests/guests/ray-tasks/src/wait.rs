//! `test_wait.py`: how long `wait` waits, and what streams give at their end.

use cases::{failure, ms, timed};
use wrun::prelude::*;

#[wrun::task]
fn quiet_nap(milliseconds: u64) {
    wrun::sleep(ms(milliseconds));
}

pub fn wait_for_some() -> Result<()> {
    let naps = [0, 0, 0, 0].map(quiet_nap::remote);
    let (ready, rest) = wrun::wait(&naps, 1, None)?;
    assert_eq!((ready.len(), rest.len()), (1, 3));
    let (ready, rest) = wrun::wait(&naps, 4, None)?;
    assert_eq!((ready.len(), rest.len()), (4, 0));

    let naps = [0, 5000].map(quiet_nap::remote);
    let (ready, rest) = wrun::wait(&naps, 2, Some(ms(500)))?;
    assert_eq!((ready.len(), rest.len()), (1, 1));

    let stored: Vec<_> = (0..10).map(wrun::put).collect();
    let (ready, rest) = wrun::wait(&stored, 2, None)?;
    assert_eq!((ready.len(), rest.len()), (2, 8));

    assert!(wrun::wait(&[stored[0].clone(), stored[0].clone()], 1, None).is_err());
    assert!(wrun::wait(&stored[..0], 1, None)?.0.is_empty());
    Ok(())
}

pub fn wait_timing() -> Result<()> {
    let slow = quiet_nap::remote(2000);
    let (time, result) = timed(|| wrun::wait(&[slow], 1, Some(ms(200))));
    let (ready, rest) = result?;
    assert_eq!((ready.len(), rest.len()), (0, 1));
    assert!(ms(190) <= time && time < ms(1000), "{time:?}");
    Ok(())
}

#[wrun::task]
fn items(count: u64, fails: bool) -> impl Iterator<Item = Result<u64>> {
    let error = fails.then(|| Err(Error::new("expected")));
    (0..count).map(Ok).chain(error)
}

pub fn generator_ends() -> Result<()> {
    let mut none = items::remote(0, false);
    assert!(none.next().is_none());
    assert!(none.next().is_none(), "the end stays the end");
    let mut one = items::remote(1, false);
    assert_eq!(one.next().ok_or("no item")?.get()?, 0);
    assert!(one.next_timeout(Duration::from_secs(5))?.is_none());
    Ok(())
}

pub fn generator_error_after_items() -> Result<()> {
    let mut stream = items::remote(1, true);
    assert_eq!(stream.next().ok_or("no item")?.get()?, 0);
    assert_eq!(
        failure(stream.next().ok_or("no error")?.get()).message(),
        "expected"
    );
    assert!(stream.next().is_none());
    Ok(())
}

#[wrun::actor]
struct Crasher;

#[wrun::actor]
impl Crasher {
    fn new() -> Self {
        Self
    }

    #[wrun(stream)]
    fn items(&self, good: u64) -> impl Iterator<Item = u64> {
        (0..10).inspect(move |i| assert!(*i < good, "it breaks here"))
    }
}

fn ends_with_a_dead_actor(good: u64) -> Result<()> {
    let crasher = Crasher::remote();
    let mut stream = crasher.items(good);
    for i in 0..good {
        assert_eq!(stream.next().ok_or("no item")?.get()?, i);
    }
    let error = failure(stream.next().ok_or("no error")?.get());
    assert!(
        matches!(error.kind(), ErrorKind::ActorDied | ErrorKind::Panic),
        "{error}"
    );
    assert!(stream.next().is_none());
    let error = failure(crasher.items(1).next().ok_or("no error")?.get());
    assert_eq!(error.kind(), ErrorKind::ActorDied, "{error}");
    Ok(())
}

pub fn generator_of_a_crashing_actor() -> Result<()> {
    ends_with_a_dead_actor(0)
}

pub fn generator_of_an_actor_that_crashes_later() -> Result<()> {
    ends_with_a_dead_actor(2)
}

#[wrun::task]
fn crashing_items() -> impl Iterator<Item = u64> {
    (0..10).inspect(|i| {
        if *i == 1 {
            std::process::abort();
        }
    })
}

pub fn generator_of_a_crashing_task() -> Result<()> {
    let mut stream = crashing_items::remote();
    assert_eq!(stream.next().ok_or("no item")?.get()?, 0);
    assert_eq!(
        failure(stream.next().ok_or("no error")?.get()).kind(),
        ErrorKind::Trap
    );
    assert!(stream.next().is_none());
    Ok(())
}

#[wrun::task]
fn large_items(count: u64) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(|_| vec![0; 4 << 20])
}

/// More than the store of 64 MiB holds goes through streams, read or not.
pub fn generator_refs_are_freed() -> Result<()> {
    let count = if cfg!(target_arch = "wasm32") { 40 } else { 4 };
    let mut read = 0;
    for item in large_items::remote(count) {
        read += item.get()?.len();
    }
    assert_eq!(u64::try_from(read)?, count * (4 << 20));
    for _ in 0..10 {
        let mut dropped = large_items::remote(3);
        dropped.next().ok_or("no item")?;
    }
    Ok(())
}
