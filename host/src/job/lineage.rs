//! Who made whom: for cancelling a call together with the calls it made.

use std::sync::Arc;

/// A call that made others, and those it descends from.
#[derive(Debug)]
pub struct Lineage {
    number: u64,
    parent: Option<Arc<Lineage>>,
}

impl Lineage {
    /// Call `number`, made by `parent`.
    #[must_use]
    pub fn new(number: u64, parent: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { number, parent })
    }

    /// Whether this is call `number`, or one that it made, or one that such a one made, and so on.
    #[must_use]
    pub fn descends_from(&self, number: u64) -> bool {
        let mut at = Some(self);
        while let Some(lineage) = at {
            if lineage.number == number {
                return true;
            }
            at = lineage.parent.as_deref();
        }
        false
    }
}

impl Drop for Lineage {
    /// One by one: the nesting may be deeper than a thread's stack.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut lineage) = next.and_then(Arc::into_inner) {
            next = lineage.parent.take();
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
}
