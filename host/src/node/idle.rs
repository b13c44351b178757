//! Actors that have nothing to do for a while are asked to hibernate.
//!
//! Each actor has an [`Idle`], which its fiber writes: whether it waits for a call, and which time it is. The node
//! has one [`IdleActors`]: those that have waited since they were last looked at, or may have. It is looked through from
//! time to time ([`watch`]) while it is not empty; an actor that still waits for the same call as the last time is asked,
//! by a flag and a wake of its mailbox, and leaves the list. It enters again when it begins to wait again.
//!
//! # The rules
//!
//! - Only the actor's fiber writes `waits` and clears `asked`; only the watcher sets `asked` and clears `listed`.
//! - `asked` is set before the mailbox is woken, and the fiber registers its waker before it looks: it is seen or wakes.
//! - An actor that is asked in the moment in which a call comes runs the call, and forgets the question when it waits
//!   again. One that enters the list just when it is asked may hibernate early, which costs a few microseconds.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::{actor::ActorCell, state::NodeState};

/// So many are asked at once, since each then takes some time of a worker;
const BATCH: usize = 32;
/// the next so much later.
const PAUSE: Duration = Duration::from_millis(10);

/// Whether an actor has something to do.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    /// How often it began and stopped to wait: odd while it waits.
    waits: AtomicU64,
    listed: AtomicBool,
    asked: AtomicBool,
}

impl Idle {
    /// The actor begins to wait for a call; the watcher is to be told if this gives `true`.
    pub(crate) fn begin(&self) -> bool {
        self.asked.store(false, Ordering::Relaxed);
        let waits = self.waits.load(Ordering::Relaxed);
        // The next odd number: the life before this one may have ended while it waited.
        self.waits.store((waits + 1) | 1, Ordering::Relaxed);
        !self.listed.load(Ordering::Relaxed) && !self.listed.swap(true, Ordering::AcqRel)
    }

    /// It has one. Only one thread at a time writes.
    pub(crate) fn end(&self) {
        let waits = self.waits.load(Ordering::Relaxed);
        self.waits.store(waits + 1, Ordering::Relaxed);
    }

    /// Whether it is to hibernate.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }
}

/// Actors that may be waiting.
#[derive(Debug, Default)]
pub(crate) struct IdleActors(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    actors: Vec<Entry>,
    /// Somebody looks through it.
    watched: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    actor: Weak<ActorCell>,
    /// Its `waits` when it was last looked at.
    seen: u64,
}

impl IdleActors {
    /// Adds an actor that began to wait.
    pub(crate) fn add(&self, actor: &Arc<ActorCell>, node: &Arc<NodeState>) {
        let Some(after) = node.hibernate_after else {
            return;
        };
        let mut list = self.0.lock();
        list.actors.push(Entry {
            actor: Arc::downgrade(actor),
            seen: actor.idle.waits.load(Ordering::Relaxed),
        });
        if !std::mem::replace(&mut list.watched, true) {
            node.tokio.spawn(watch(Arc::downgrade(node), after));
        }
    }

    /// Takes those out that have waited since the last time; `None` when there are no actors at all.
    fn due(&self) -> Option<Vec<Entry>> {
        let mut list = self.0.lock();
        if list.actors.is_empty() {
            *list = List::default();
            return None;
        }
        let mut due = Vec::new();
        list.actors.retain_mut(|entry| {
            let Some(actor) = entry.actor.upgrade() else {
                return false;
            };
            if entry.has_waited(&actor) {
                due.push(entry.clone());
                return false;
            }
            entry.seen = actor.idle.waits.load(Ordering::Relaxed);
            true
        });
        Some(due)
    }
}

impl Entry {
    fn has_waited(&self, actor: &ActorCell) -> bool {
        let waits = actor.idle.waits.load(Ordering::Relaxed);
        waits == self.seen && waits % 2 == 1
    }

    /// Asks the actor to hibernate; gives it back if it had something to do meanwhile.
    fn ask(self) -> Option<Self> {
        let actor = self.actor.upgrade()?;
        if !self.has_waited(&actor) {
            return Some(self);
        }
        actor.idle.listed.store(false, Ordering::Release);
        actor.idle.asked.store(true, Ordering::Release);
        actor.mailbox.wake();
        None
    }
}

/// Looks through the node's idle actors until there are none.
async fn watch(node: Weak<NodeState>, after: Duration) {
    loop {
        tokio::time::sleep(after).await;
        let due = node.upgrade().and_then(|node| node.living.idle.due());
        let Some(mut due) = due else { return };
        while !due.is_empty() {
            let batch = due.drain(..BATCH.min(due.len()));
            let busy: Vec<_> = batch.filter_map(Entry::ask).collect();
            let Some(node) = node.upgrade() else { return };
            node.living.idle.0.lock().actors.extend(busy);
            drop(node);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_waits_from_begin_to_end_in_each_of_its_lives() {
        let idle = Idle::default();
        let waits = || idle.waits.load(Ordering::Relaxed);
        assert!(idle.begin() && waits() % 2 == 1, "it enters the list");
        let first = waits();
        idle.end();
        assert!(!idle.begin() && waits() % 2 == 1, "it is there already");
        assert_ne!(waits(), first);
        // It dies, and the next life waits.
        let before = waits();
        assert!(!idle.begin() && waits() % 2 == 1);
        assert_ne!(waits(), before);
        idle.asked.store(true, Ordering::Relaxed);
        idle.end();
        assert!(
            !idle.begin() && !idle.is_asked(),
            "the question is forgotten"
        );
    }
}
