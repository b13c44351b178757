//! What is built from the rest: the actor pool.

use wrun::prelude::*;

use super::Checked;

struct Worker;

#[wrun::actor]
impl Worker {
    fn new() -> Self {
        Worker
    }

    fn work(&self, n: u64) -> Result<u64, String> {
        wrun::sleep(Duration::from_millis(n));
        if n == 13 {
            Err("unlucky".to_owned())
        } else {
            Ok(2 * n)
        }
    }
}

fn pool(size: usize) -> ActorPool<Worker, u64> {
    ActorPool::new((0..size).map(|_| Worker::remote()))
}

pub(super) fn pool_in_order() -> Checked {
    let mut pool = pool(2);
    let results = pool
        .map(|worker, n| worker.work(n), [60, 1, 30, 2, 5])
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(results, [120, 2, 60, 4, 10]);
    assert!(!pool.has_next() && pool.has_free());
    Ok(())
}

pub(super) fn pool_unordered() -> Checked {
    let mut pool = pool(2);
    let results = pool
        .map_unordered(|worker, n| worker.work(n), [800, 1, 2])
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(results, [2, 4, 1600]);
    Ok(())
}

pub(super) fn pool_by_hand() -> Checked {
    let mut pool = pool(1);
    pool.submit(|worker| worker.work(1));
    pool.submit(|worker| worker.work(2));
    assert!(pool.has_next() && !pool.has_free() && pool.pop_idle().is_none());
    pool.push(Worker::remote());
    assert_eq!(pool.get_next().transpose()?, Some(2));
    assert_eq!(pool.get_next_unordered().transpose()?, Some(4));
    assert!(pool.get_next().is_none());
    assert!(pool.pop_idle().is_some() && pool.pop_idle().is_some() && pool.pop_idle().is_none());
    Ok(())
}

pub(super) fn pool_of_failing_calls() -> Checked {
    let mut pool = pool(1);
    let results: Vec<_> = pool.map(|worker, n| worker.work(n), [1, 13, 2]).collect();
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    assert_eq!(results[2].as_ref().ok(), Some(&4));
    Ok(())
}
