//! Which calls of a job are alive: submitted and not ended.

use crossbeam::utils::CachePadded;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

const SHARDS: usize = 16;

/// How many numbers of a shard lie side by side.
const CHUNK: usize = 32;

/// Calls by their number, in shards so that workers seldom meet. Neighbours are in different shards; those of one shard
/// lie in chunks, each freed with its last call.
#[derive(Debug)]
pub struct Registry<C> {
    shards: [CachePadded<Mutex<Shard<C>>>; SHARDS],
}

type Shard<C> = FxHashMap<u64, Box<Chunk<C>>>;

#[derive(Debug)]
struct Chunk<C> {
    calls: [Option<C>; CHUNK],
    live: usize,
}

impl<C> Default for Chunk<C> {
    fn default() -> Self {
        let calls = std::array::from_fn(|_| None);
        Self { calls, live: 0 }
    }
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| CachePadded::default()),
        }
    }
}

impl<C: Clone> Registry<C> {
    /// The shard of a number, its chunk and its place there.
    fn find(&self, number: u64) -> (&Mutex<Shard<C>>, u64, usize) {
        let (shards, chunk) = (SHARDS as u64, CHUNK as u64);
        let small = |n: u64| usize::try_from(n).expect("less than 32");
        let at = number / shards;
        let shard = &self.shards[small(number % shards)];
        (shard, at / chunk, small(at % chunk))
    }

    /// Call `number` lives.
    pub fn insert(&self, number: u64, call: C) {
        let (shard, chunk, at) = self.find(number);
        let mut shard = shard.lock();
        let chunk = shard.entry(chunk).or_default();
        if chunk.calls[at].replace(call).is_none() {
            chunk.live += 1;
        }
    }

    /// Call `number` ended.
    pub fn remove(&self, number: u64) -> Option<C> {
        let (shard, key, at) = self.find(number);
        let mut shard = shard.lock();
        let chunk = shard.get_mut(&key)?;
        let call = chunk.calls[at].take()?;
        chunk.live -= 1;
        if chunk.live == 0 {
            shard.remove(&key);
            // A flood of calls that has passed should not hold its room for ever.
            if shard.is_empty() && shard.capacity() > 1024 {
                shard.shrink_to_fit();
            }
        }
        Some(call)
    }

    /// Call `number`, if it lives.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<C> {
        let (shard, chunk, at) = self.find(number);
        shard.lock().get(&chunk)?.calls[at].clone()
    }

    /// The living calls that `wanted` picks, in no order. Calls that start meanwhile may be missing.
    #[must_use]
    pub fn select(&self, mut wanted: impl FnMut(&C) -> bool) -> Vec<C> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            let calls = shard
                .values()
                .flat_map(|chunk| chunk.calls.iter().flatten());
            found.extend(calls.filter(|call| wanted(call)).cloned());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_lives_and_nothing_else() {
        let registry = Registry::default();
        let numbers = || (1..5_000u64).step_by(3);
        numbers().for_each(|n| registry.insert(n, n));
        assert_eq!((registry.get(4), registry.get(5)), (Some(4), None));
        assert_eq!(
            registry.select(|n| n % 2 == 0).len(),
            numbers().filter(|n| n % 2 == 0).count()
        );
        for n in numbers() {
            assert_eq!((registry.remove(n), registry.remove(n)), (Some(n), None));
        }
        assert!(registry.select(|_| true).is_empty());
        assert!(registry.shards.iter().all(|shard| shard.lock().is_empty()));
    }
}
