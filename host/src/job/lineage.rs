//! Who made whom: for cancelling a call together with the calls it made.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;

/// Shorter chains are not worth the look.
const SHORT: usize = 64;

/// A call that made others, and those it descends from.
///
/// Calls may make each other for ever (each makes the next and returns), so a chain leaves out those that have ended: it
/// grows with the calls that live at once.
#[derive(Debug)]
pub struct Lineage {
    number: u64,
    ended: AtomicBool,
    parent: Mutex<Option<Arc<Lineage>>>,
    /// At least the length of the chain from here on.
    depth: usize,
    /// A chain of that length is looked through for those that have ended.
    shorten_at: usize,
}

impl Lineage {
    /// Call `number`, made by `parent`, whose number is less.
    #[must_use]
    pub fn new(number: u64, parent: Option<Arc<Self>>) -> Arc<Self> {
        let parent = parent.and_then(Self::living);
        let (mut depth, mut shorten_at) = parent
            .as_ref()
            .map_or((1, SHORT), |parent| (parent.depth + 1, parent.shorten_at));
        if let Some(parent) = parent.as_ref().filter(|_| depth >= shorten_at) {
            depth = parent.shorten() + 1;
            shorten_at = SHORT.max(2 * depth);
        }
        let (ended, parent) = (AtomicBool::new(false), Mutex::new(parent));
        Arc::new(Self {
            number,
            ended,
            parent,
            depth,
            shorten_at,
        })
    }

    /// The call has ended: nobody can cancel it any more.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// The call's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether this is call `number`, or one that it made, or one that such a one made, and so on. The call must not
    /// have ended.
    #[must_use]
    pub fn descends_from(self: &Arc<Self>, number: u64) -> bool {
        let mut at = self.clone();
        // Ancestors have lower numbers.
        while at.number > number {
            let parent = at.parent.lock().clone();
            match parent {
                Some(parent) => at = parent,
                None => return false,
            }
        }
        at.number == number
    }

    /// It, or the nearest of those it descends from that has not ended.
    fn living(self: Arc<Self>) -> Option<Arc<Self>> {
        let mut at = self;
        while at.ended.load(Ordering::Relaxed) {
            let parent = at.parent.lock().clone();
            at = parent?;
        }
        Some(at)
    }

    /// Leaves out those that have ended; gives the length of what is left.
    fn shorten(self: &Arc<Self>) -> usize {
        let (mut at, mut length) = (self.clone(), 1);
        loop {
            let before = at.parent.lock().clone();
            let parent = before.clone().and_then(Self::living);
            at.parent.lock().clone_from(&parent);
            drop(before);
            match parent {
                Some(parent) => at = parent,
                None => return length,
            }
            length += 1;
        }
    }
}

impl Drop for Lineage {
    /// One by one: the nesting may be deeper than a thread's stack.
    fn drop(&mut self) {
        let mut next = self.parent.get_mut().take();
        while let Some(mut lineage) = next.and_then(Arc::into_inner) {
            next = lineage.parent.get_mut().take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descent_is_found_and_a_deep_one_is_dropped() {
        let root = Lineage::new(1, None);
        let mut deep = root.clone();
        for n in 2..=200_000 {
            deep = Lineage::new(n, Some(deep));
        }
        assert!(deep.descends_from(1) && deep.descends_from(200_000) && !deep.descends_from(0));
        assert!(!root.descends_from(2));
        drop(deep);
    }

    /// Each call makes the next, and ends a little later; only the root lives on.
    #[test]
    fn a_chain_of_calls_that_ended_takes_no_memory() {
        let root = Lineage::new(1, None);
        let mut last = std::collections::VecDeque::from([Lineage::new(2, Some(root.clone()))]);
        let mut all = Vec::new();
        for n in 3..=100_000 {
            let next = Lineage::new(n, last.back().cloned());
            all.push(Arc::downgrade(&next));
            last.push_back(next);
            if last.len() > 5 {
                last.pop_front().expect("six").end();
            }
        }
        let held = all
            .iter()
            .filter(|lineage| lineage.strong_count() > 0)
            .count();
        assert!(held < 4 * SHORT, "{held} are held");
        assert!(last.iter().all(|lineage| lineage.descends_from(1)));
    }
}
