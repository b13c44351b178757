//! Which calls of a job are alive: submitted and not ended.

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

const SHARDS: usize = 16;

/// Calls by their number, in shards so that workers seldom meet.
#[derive(Debug)]
pub struct Registry<C> {
    shards: [Mutex<FxHashMap<u64, C>>; SHARDS],
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl<C: Clone> Registry<C> {
    fn shard(&self, number: u64) -> &Mutex<FxHashMap<u64, C>> {
        let at = usize::try_from(number % SHARDS as u64).expect("less than 16");
        &self.shards[at]
    }

    /// Call `number` lives.
    pub fn insert(&self, number: u64, call: C) {
        self.shard(number).lock().insert(number, call);
    }

    /// Call `number` ended.
    pub fn remove(&self, number: u64) -> Option<C> {
        let mut shard = self.shard(number).lock();
        let call = shard.remove(&number);
        // A flood of calls that has passed should not hold its room for ever.
        if shard.is_empty() && shard.capacity() > 1024 {
            shard.shrink_to_fit();
        }
        call
    }

    /// Call `number`, if it lives.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<C> {
        self.shard(number).lock().get(&number).cloned()
    }

    /// The living calls that `wanted` picks, in no order. Calls that start meanwhile may be missing.
    #[must_use]
    pub fn select(&self, mut wanted: impl FnMut(&C) -> bool) -> Vec<C> {
        let mut found = Vec::new();
        for shard in &self.shards {
            found.extend(shard.lock().values().filter(|call| wanted(call)).cloned());
        }
        found
    }
}
