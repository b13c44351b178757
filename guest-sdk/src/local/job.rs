//! [`Job`]: what all calls of one driver share. Ends with it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::Options;
use super::actor::{Actor, Hold};
use super::cancel::Cancel;
use super::signal::lock;
use super::slots::Slots;
use crate::{Error, ErrorKind, Result};

/// Counts calls and actors of the process; each number is used once.
static IDS: AtomicU64 = AtomicU64::new(1);

/// A fresh id.
pub(super) fn fresh_id() -> u64 {
    IDS.fetch_add(1, Ordering::Relaxed)
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) slots: Slots,
    pub(super) max_queued: usize,
    /// The driver's: its children are the calls that it made.
    pub(super) cancel: Cancel,
    calls: AtomicU64,
    actors: Mutex<Actors>,
}

#[derive(Debug, Default)]
struct Actors {
    named: HashMap<String, Named>,
    all: Vec<Weak<Actor>>,
}

#[derive(Debug)]
struct Named {
    hold: Weak<Hold>,
    /// Keeps a detached actor alive.
    _kept: Option<Arc<Hold>>,
}

impl Job {
    pub(super) fn new(options: &Options) -> Arc<Self> {
        Arc::new(Self {
            id: fresh_id(),
            slots: Slots::new(crate::options::slots(options.slots)),
            max_queued: options.max_queued,
            cancel: Cancel::default(),
            // The driver is the first.
            calls: AtomicU64::new(1),
            actors: Mutex::default(),
        })
    }

    /// The number of a new call.
    pub(super) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds an actor, under its name if it has one. Gives the actor that has the name already.
    pub(super) fn register(
        &self,
        hold: &Arc<Hold>,
        name: Option<&str>,
        detached: bool,
    ) -> Option<Arc<Hold>> {
        let mut actors = lock(&self.actors);
        if let Some(name) = name {
            if let Some(taken) = actors.find(name).filter(|hold| hold.actor().is_open()) {
                return Some(taken);
            }
            let named = Named {
                hold: Arc::downgrade(hold),
                _kept: detached.then(|| hold.clone()),
            };
            let old = actors.named.insert(name.to_owned(), named);
            drop(actors);
            // A detached actor that died; its holder may be the last.
            drop(old);
            actors = lock(&self.actors);
        }
        actors.all.retain(|actor| actor.strong_count() > 0);
        actors.all.push(Arc::downgrade(hold.actor()));
        None
    }

    /// The living actor with that name.
    pub(super) fn find(&self, name: &str) -> Result<Arc<Hold>> {
        let hold = lock(&self.actors).find(name);
        hold.filter(|hold| hold.actor().is_open()).ok_or_else(|| {
            Error::of(
                ErrorKind::NotFound,
                format!("no actor has the name `{name}`"),
            )
        })
    }

    /// Ends all that still runs.
    pub(super) fn end(&self) {
        let reason = Error::of(ErrorKind::Cancelled, "the job has ended");
        self.cancel.request(reason.clone());
        for call in self.cancel.children() {
            call.cancel(&reason, true);
        }
        let Actors { named, all } = std::mem::take(&mut *lock(&self.actors));
        for actor in all.iter().filter_map(Weak::upgrade) {
            actor.kill("the job has ended", false);
        }
        drop(named);
    }
}

impl Actors {
    fn find(&self, name: &str) -> Option<Arc<Hold>> {
        self.named.get(name)?.hold.upgrade()
    }
}
