//! [`Cancel`]: how a call learns that it has to end.
//!
//! A call that is told to end unwinds at its next look, with [`Interrupted`] as the payload, which no panic hook sees.
//! What it waits on is woken by the signal it leaves here.

use std::sync::{Arc, Mutex, Weak};

use super::call::Call;
use super::signal::{Signal, Watchers, lock};
use crate::Error;

/// The payload that unwinds a call that has to end.
pub(super) struct Interrupted;

#[derive(Debug, Default)]
pub(super) struct Cancel {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reason: Option<Error>,
    watchers: Watchers,
    children: Vec<Weak<Call>>,
    sweep_at: usize,
}

impl Cancel {
    /// Tells the call to end; the first reason counts. Gives false when it was told before.
    pub(super) fn request(&self, reason: Error) -> bool {
        let mut watchers = {
            let mut state = lock(&self.state);
            if state.reason.is_some() {
                return false;
            }
            state.reason = Some(reason);
            state.watchers.take()
        };
        watchers.wake();
        true
    }

    /// Forgets that the call was told to end: it runs again.
    pub(super) fn clear(&self) {
        lock(&self.state).reason = None;
    }

    /// Why the call has to end.
    pub(super) fn reason(&self) -> Option<Error> {
        lock(&self.state).reason.clone()
    }

    /// Raises the signal when the call has to end.
    pub(super) fn watch(&self, signal: &Arc<Signal>) {
        let mut state = lock(&self.state);
        if state.reason.is_some() {
            signal.raise();
        } else {
            state.watchers.add(Arc::downgrade(signal));
        }
    }

    /// Notes a call that this one made.
    pub(super) fn add_child(&self, call: &Arc<Call>) {
        let mut state = lock(&self.state);
        if state.children.len() >= state.sweep_at.max(8) {
            state.children.retain(|call| call.strong_count() > 0);
            state.sweep_at = 2 * state.children.len();
        }
        state.children.push(Arc::downgrade(call));
    }

    /// The calls that this one made and that may still go on.
    pub(super) fn children(&self) -> Vec<Arc<Call>> {
        lock(&self.state)
            .children
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}
