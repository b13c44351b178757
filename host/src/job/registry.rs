//! Which calls of a job are alive: submitted and not ended.

use crossbeam::utils::CachePadded;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

const SHARDS: usize = 16;

/// How many numbers lie side by side.
const CHUNK: usize = 32;

/// Calls by their number, in shards so that workers seldom meet. Neighbours lie in chunks, each freed with its last
/// call: calls that are made together are put in together, and mostly end one after another. Chunks that follow each
/// other are in different shards.
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
        let (shards, size) = (SHARDS as u64, CHUNK as u64);
        let small = |n: u64| usize::try_from(n).expect("less than 32");
        let chunk = number / size;
        let shard = &self.shards[small(chunk % shards)];
        (shard, chunk, small(number % size))
    }

    /// Call `number` lives.
    pub fn insert(&self, number: u64, call: C) {
        self.insert_all([(number, call)]);
    }

    /// These calls live. Those whose numbers follow each other take little more than one of them.
    pub fn insert_all(&self, calls: impl IntoIterator<Item = (u64, C)>) {
        let mut calls = calls.into_iter().peekable();
        while let Some(&(first, _)) = calls.peek() {
            let (shard, key, _) = self.find(first);
            let mut shard = shard.lock();
            let chunk = shard.entry(key).or_default();
            while let Some((number, call)) =
                calls.next_if(|&(number, _)| number / CHUNK as u64 == key)
            {
                let (_, _, at) = self.find(number);
                if chunk.calls[at].replace(call).is_none() {
                    chunk.live += 1;
                }
            }
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

    /// The living calls with numbers above `after`, in order. Calls that start meanwhile may be missing.
    ///
    /// No lock is held for longer than it takes to copy a shard's keys, of which there is one for up to 32 calls, or one
    /// chunk.
    pub fn walk(&self, after: u64) -> impl Iterator<Item = C> + '_ {
        let (_, first, _) = self.find(after.saturating_add(1));
        let mut keys = Vec::new();
        for shard in &self.shards {
            keys.extend(shard.lock().keys().filter(|key| **key >= first));
        }
        keys.sort_unstable();
        let above = move |key: u64, at: usize| key * CHUNK as u64 + at as u64 > after;
        keys.into_iter().flat_map(move |key| {
            let (shard, ..) = self.find(key * CHUNK as u64);
            let shard = shard.lock();
            let calls = shard.get(&key).map(|chunk| chunk.calls.iter().enumerate());
            let wanted = calls
                .into_iter()
                .flatten()
                .filter(|(at, _)| above(key, *at));
            wanted
                .filter_map(|(_, call)| call.clone())
                .collect::<Vec<_>>()
        })
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
    fn a_walk_goes_by_number_from_anywhere_while_calls_end() {
        let registry = Registry::default();
        let all: Vec<u64> = (1..3_000).filter(|n| n % 7 != 0).collect();
        all.iter().for_each(|n| registry.insert(*n, *n));
        for after in [0, 1, 31, 32, 33, 1_500, 2_999, u64::MAX] {
            let expected: Vec<_> = all.iter().copied().filter(|n| *n > after).collect();
            assert_eq!(
                registry.walk(after).collect::<Vec<_>>(),
                expected,
                "{after}"
            );
        }
        let mut walk = registry.walk(0);
        assert_eq!(walk.next(), Some(1));
        for n in all.iter().filter(|n| **n < 2_900) {
            assert_eq!(registry.remove(*n), Some(*n));
        }
        let rest: Vec<_> = walk.filter(|n| *n >= 32).collect();
        assert_eq!(
            rest,
            all.iter()
                .copied()
                .filter(|n| *n >= 2_900)
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn it_holds_what_lives_and_nothing_else() {
        let registry = Registry::default();
        let numbers = || (1..5_000u64).step_by(3);
        let (alone, together): (Vec<_>, Vec<_>) = numbers().partition(|n| n % 2 == 0);
        alone.into_iter().for_each(|n| registry.insert(n, n));
        registry.insert_all(together.into_iter().map(|n| (n, n)));
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
