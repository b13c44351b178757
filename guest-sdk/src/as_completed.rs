//! [`as_completed`]: refs in the order in which they become ready.

use std::collections::VecDeque;

use crate::{ObjectRef, gather};

/// Gives the refs in the order in which they become ready; those that are ready at the same time in the order given.
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::task]
/// fn nap(ms: u64) -> u64 {
///     wrun::sleep(Duration::from_millis(ms));
///     ms
/// }
///
/// let naps = nap::map([300, 1]);
/// let order: wrun::Result<Vec<u64>> = wrun::as_completed(naps).map(|nap| nap.get()).collect();
/// assert_eq!(order?, [1, 300]);
/// # Ok::<(), wrun::Error>(())
/// ```
pub fn as_completed<T>(refs: impl IntoIterator<Item = ObjectRef<T>>) -> AsCompleted<T> {
    AsCompleted {
        ready: VecDeque::new(),
        waiting: refs.into_iter().collect(),
    }
}

/// The iterator that [`as_completed`] gives.
#[derive(Debug)]
pub struct AsCompleted<T> {
    ready: VecDeque<ObjectRef<T>>,
    waiting: Vec<ObjectRef<T>>,
}

impl<T> AsCompleted<T> {
    fn wait(&mut self) {
        // One wait answers for many. When it can't be waited (a ref stands there twice), they come in the order given.
        let count = self.waiting.len();
        let ready =
            gather::ready(&self.waiting, 1, count, None).unwrap_or_else(|_| vec![true; count]);
        let mut rest = Vec::new();
        for (object, ready) in self.waiting.drain(..).zip(ready) {
            if ready {
                self.ready.push_back(object)
            } else {
                rest.push(object)
            }
        }
        self.waiting = rest;
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = ObjectRef<T>;

    fn next(&mut self) -> Option<ObjectRef<T>> {
        if self.ready.is_empty() && !self.waiting.is_empty() {
            self.wait();
        }
        self.ready.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.ready.len() + self.waiting.len();
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for AsCompleted<T> {}
impl<T> std::iter::FusedIterator for AsCompleted<T> {}
