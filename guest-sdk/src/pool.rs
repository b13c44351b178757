//! [`ActorPool`]: calls spread over several actors, each given the next one when it is free.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::{Actor, FromValue, Handle, ObjectRef, Result, gather};

/// A call that waits for a free actor.
type Waiting<A, T> = Box<dyn FnOnce(&Handle<A>) -> ObjectRef<T>>;

/// Spreads calls over actors.
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::actor]
/// struct Doubler;
///
/// #[wrun::actor]
/// impl Doubler {
///     fn new() -> Self {
///         Doubler
///     }
///     fn double(&self, n: u64) -> u64 {
///         2 * n
///     }
/// }
///
/// let mut pool = ActorPool::new([Doubler::remote(), Doubler::remote()]);
/// let doubled: wrun::Result<Vec<u64>> = pool.map(|actor, n| actor.double(n), 1..=4).collect();
/// assert_eq!(doubled?, [2, 4, 6, 8]);
/// # Ok::<(), wrun::Error>(())
/// ```
pub struct ActorPool<A: Actor, T> {
    idle: Vec<Handle<A>>,
    waiting: VecDeque<Waiting<A, T>>,
    /// Calls that run, by the number of their submission.
    running: BTreeMap<u64, (ObjectRef<T>, Handle<A>)>,
    /// The number of the next call that starts, and of the next one that is returned in order.
    next_start: u64,
    next_return: u64,
}

impl<A: Actor, T: FromValue> ActorPool<A, T> {
    /// A pool of these actors, all taken to be idle.
    #[must_use]
    pub fn new(actors: impl IntoIterator<Item = Handle<A>>) -> Self {
        Self {
            idle: actors.into_iter().collect(),
            waiting: VecDeque::new(),
            running: BTreeMap::new(),
            next_start: 0,
            next_return: 0,
        }
    }

    /// Runs a call on an idle actor, now or when one is free: `pool.submit(move |actor| actor.double(n))`.
    pub fn submit(&mut self, call: impl FnOnce(&Handle<A>) -> ObjectRef<T> + 'static) {
        self.waiting.push_back(Box::new(call));
        self.fill();
    }

    fn fill(&mut self) {
        while !self.waiting.is_empty() {
            let Some(actor) = self.idle.pop() else { return };
            let Some(call) = self.waiting.pop_front() else {
                return;
            };
            let object = call(&actor);
            self.running.insert(self.next_start, (object, actor));
            self.next_start += 1;
        }
    }

    /// Whether results are to come.
    #[must_use]
    pub fn has_next(&self) -> bool {
        !self.running.is_empty()
    }

    /// Waits for the next result in the order of the calls; `None` when there is none to come.
    ///
    /// Results that [`get_next_unordered`](Self::get_next_unordered) already gave are passed over.
    pub fn get_next(&mut self) -> Option<Result<T>> {
        if self.running.is_empty() {
            return None;
        }
        while !self.running.contains_key(&self.next_return) {
            self.next_return += 1;
        }
        self.finish(self.next_return)
    }

    /// Waits for any next result; `None` when there is none to come.
    pub fn get_next_unordered(&mut self) -> Option<Result<T>> {
        let (numbers, refs): (Vec<u64>, Vec<_>) = self
            .running
            .iter()
            .map(|(number, (object, _))| (*number, object.clone()))
            .unzip();
        if refs.is_empty() {
            return None;
        }
        match gather::ready(&refs, 1, 1, None) {
            Ok(ready) => {
                let first = ready.iter().position(|ready| *ready).unwrap_or(0);
                self.finish(numbers[first])
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn finish(&mut self, number: u64) -> Option<Result<T>> {
        let (object, actor) = self.running.remove(&number)?;
        let result = object.get();
        self.push(actor);
        Some(result)
    }

    /// Whether an actor is idle and no call waits.
    #[must_use]
    pub fn has_free(&self) -> bool {
        !self.idle.is_empty() && self.waiting.is_empty()
    }

    /// Takes an idle actor out of the pool.
    pub fn pop_idle(&mut self) -> Option<Handle<A>> {
        if self.has_free() {
            self.idle.pop()
        } else {
            None
        }
    }

    /// Adds an actor to the pool.
    pub fn push(&mut self, actor: Handle<A>) {
        self.idle.push(actor);
        self.fill();
    }

    /// Calls an actor for each value; gives the results in the values' order. What was submitted before comes first.
    pub fn map<V: 'static>(
        &mut self,
        call: impl Fn(&Handle<A>, V) -> ObjectRef<T> + Clone + 'static,
        values: impl IntoIterator<Item = V>,
    ) -> impl Iterator<Item = Result<T>> {
        self.submit_all(&call, values);
        std::iter::from_fn(|| self.get_next())
    }

    /// As [`map`](Self::map), with the results as they come.
    pub fn map_unordered<V: 'static>(
        &mut self,
        call: impl Fn(&Handle<A>, V) -> ObjectRef<T> + Clone + 'static,
        values: impl IntoIterator<Item = V>,
    ) -> impl Iterator<Item = Result<T>> {
        self.submit_all(&call, values);
        std::iter::from_fn(|| self.get_next_unordered())
    }

    fn submit_all<V: 'static>(
        &mut self,
        call: &(impl Fn(&Handle<A>, V) -> ObjectRef<T> + Clone + 'static),
        values: impl IntoIterator<Item = V>,
    ) {
        for value in values {
            let call = call.clone();
            self.submit(move |actor| call(actor, value));
        }
    }
}

impl<A: Actor, T> fmt::Debug for ActorPool<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorPool")
            .field("idle", &self.idle.len())
            .field("waiting", &self.waiting.len())
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}
