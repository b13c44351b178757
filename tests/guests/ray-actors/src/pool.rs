//! `test_actor_pool.py`.

use cases::{ms, timed};
use wrun::prelude::*;

#[wrun::actor]
struct Worker;

#[wrun::actor]
impl Worker {
    fn new() -> Self {
        Self
    }

    fn next(&self, x: u64) -> u64 {
        x + 1
    }

    fn double(&self, x: u64) -> u64 {
        2 * x
    }

    fn nap(&self, milliseconds: u64) -> u64 {
        wrun::sleep(ms(milliseconds));
        milliseconds
    }
}

fn pool(actors: usize) -> ActorPool<Worker, u64> {
    ActorPool::new((0..actors).map(|_| Worker::remote()))
}

pub fn get_next() -> Result<()> {
    let mut pool = pool(4);
    for i in 0..5 {
        pool.submit(move |actor| actor.next(i));
        assert_eq!(pool.get_next().ok_or("nothing to come")??, i + 1);
    }
    assert!(pool.get_next().is_none());
    Ok(())
}

pub fn get_next_unordered() -> Result<()> {
    let mut pool = pool(4);
    for i in 0..5 {
        pool.submit(move |actor| actor.next(i));
    }
    let mut all = Vec::new();
    while pool.has_next() {
        all.push(pool.get_next_unordered().ok_or("nothing to come")??);
    }
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5]);
    Ok(())
}

pub fn map() -> Result<()> {
    let doubled: Result<Vec<u64>> = pool(4).map(|actor, x| actor.double(x), 0..5).collect();
    assert_eq!(doubled?, [0, 2, 4, 6, 8]);
    Ok(())
}

/// The calls start when `map` is called, not when its results are read.
pub fn map_eager() -> Result<()> {
    let mut pool = pool(2);
    let naps = pool.map(|actor, x| actor.nap(x), [500, 500]);
    wrun::sleep(ms(900));
    let (time, naps) = timed(|| naps.collect::<Result<Vec<u64>>>());
    assert_eq!(naps?, [500, 500]);
    assert!(time < ms(400), "they should be done by now: {time:?}");
    Ok(())
}

pub fn map_unordered() -> Result<()> {
    let naps: Result<Vec<u64>> = pool(3)
        .map_unordered(|actor, x| actor.nap(x), [800, 0, 400])
        .collect();
    assert_eq!(naps?, [0, 400, 800]);
    Ok(())
}

pub fn pop_idle() -> Result<()> {
    let mut pool = pool(1);
    pool.submit(|actor| actor.double(1));
    assert!(pool.pop_idle().is_none());
    assert!(!pool.has_free());
    assert_eq!(pool.get_next().ok_or("nothing to come")??, 2);
    assert!(pool.has_free());
    assert!(pool.pop_idle().is_some());
    assert!(!pool.has_free());
    Ok(())
}

pub fn push() -> Result<()> {
    let mut pool = pool(1);
    pool.submit(|actor| actor.double(1));
    assert!(!pool.has_free());
    pool.push(Worker::remote());
    assert!(pool.has_free());
    pool.submit(|actor| actor.double(2));
    pool.submit(|actor| actor.double(3));
    assert!(!pool.has_free());
    pool.push(Worker::remote());
    assert!(!pool.has_free(), "the new one got the call that waited");
    for expected in [2, 4, 6] {
        assert_eq!(pool.get_next().ok_or("nothing to come")??, expected);
    }
    Ok(())
}
