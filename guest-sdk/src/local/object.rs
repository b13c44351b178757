//! [`Object`]: a value or an error, once it is there.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use super::call::Call;
use super::handles::Held;
use super::signal::{Signal, Watchers, lock};
use crate::Error;

/// Bytes and what they refer to.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) bytes: Vec<u8>,
    pub(super) refs: Vec<Held>,
}

/// What becomes of an object.
pub(super) type Outcome = Result<Arc<Value>, Error>;

#[derive(Debug, Default)]
pub(super) struct Object {
    state: Mutex<State>,
    maker: OnceLock<Weak<Call>>,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<Outcome>,
    watchers: Watchers,
    dependents: Vec<Arc<Call>>,
}

impl Object {
    /// An object that is there.
    pub(super) fn settled(outcome: Outcome) -> Arc<Self> {
        let object = Arc::new(Self::default());
        object.settle(outcome);
        object
    }

    /// Says which call makes it.
    pub(super) fn made_by(&self, call: Weak<Call>) {
        let _ = self.maker.set(call);
    }

    /// The call that makes it, while it is not done.
    pub(super) fn maker(&self) -> Option<Arc<Call>> {
        self.maker.get()?.upgrade()
    }

    /// Puts the value in, unless something is there already, and tells all who wait.
    pub(super) fn settle(&self, outcome: Outcome) {
        let (mut watchers, dependents) = {
            let mut state = lock(&self.state);
            if state.outcome.is_some() {
                drop(state);
                drop(outcome);
                return;
            }
            state.outcome = Some(outcome);
            (state.watchers.take(), std::mem::take(&mut state.dependents))
        };
        watchers.wake();
        for call in dependents {
            call.dependency_ready();
        }
    }

    /// What is there.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        lock(&self.state).outcome.clone()
    }

    /// Whether anything is there.
    pub(super) fn is_ready(&self) -> bool {
        lock(&self.state).outcome.is_some()
    }

    /// Raises the signal when it is there; at once when it is.
    pub(super) fn watch(&self, signal: &Arc<Signal>) {
        let mut state = lock(&self.state);
        if state.outcome.is_some() {
            signal.raise();
        } else {
            state.watchers.add(Arc::downgrade(signal));
        }
    }

    /// Tells the call when it is there; at once when it is.
    pub(super) fn depend(&self, call: &Arc<Call>) {
        let mut state = lock(&self.state);
        if state.outcome.is_none() {
            state.dependents.push(call.clone());
            return;
        }
        drop(state);
        call.dependency_ready();
    }
}
