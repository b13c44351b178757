//! [`Stream`]: the items of a streaming call, between the one who makes them and the one who reads them.
//!
//! The reader's handles hold a [`Reader`]; when the last is gone, nobody can read any more, and the call is cancelled.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use super::call::Call;
use super::object::{Object, Outcome};
use super::signal::{Signal, Watchers, lock};
use crate::{Error, ErrorKind};

/// The maker waits while this many items are unread.
const MAX_UNREAD: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Stream {
    state: Mutex<State>,
    maker: OnceLock<Weak<Call>>,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Arc<Object>>,
    ended: bool,
    watchers: Watchers,
}

/// What there is to read.
pub(super) enum Next {
    Item(Arc<Object>),
    Ended,
    NotYet,
}

/// Holds a stream for readers.
#[derive(Debug)]
pub(super) struct Reader(pub(super) Arc<Stream>);

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(call) = self.0.maker() {
            call.cancel(
                &Error::of(ErrorKind::Cancelled, "nobody reads the stream any more"),
                true,
            );
        }
    }
}

impl Stream {
    /// Says which call makes the items.
    pub(super) fn made_by(&self, call: Weak<Call>) {
        let _ = self.maker.set(call);
    }

    /// The call that makes the items.
    pub(super) fn maker(&self) -> Option<Arc<Call>> {
        self.maker.get()?.upgrade()
    }

    /// Adds an item; nothing after the end.
    pub(super) fn push(&self, item: Outcome) {
        let object = Object::settled(item);
        self.change(|state| {
            if !state.ended {
                state.items.push_back(object);
            }
        });
    }

    /// Ends the stream, after an item that is this error.
    pub(super) fn end(&self, error: Option<Error>) {
        let last = error.map(|error| Object::settled(Err(error)));
        self.change(|state| {
            if !state.ended {
                state.items.extend(last);
                state.ended = true;
            }
        });
    }

    /// Takes the next item.
    pub(super) fn next(&self) -> Next {
        let (item, mut watchers) = {
            let mut state = lock(&self.state);
            match state.items.pop_front() {
                Some(item) => (item, state.watchers.take()),
                None if state.ended => return Next::Ended,
                None => return Next::NotYet,
            }
        };
        watchers.wake();
        Next::Item(item)
    }

    /// Whether the next item, or the end, is there.
    pub(super) fn is_ready(&self) -> bool {
        let state = lock(&self.state);
        state.ended || !state.items.is_empty()
    }

    /// Whether the maker may go on.
    pub(super) fn has_room(&self) -> bool {
        let state = lock(&self.state);
        state.ended || state.items.len() < MAX_UNREAD
    }

    /// Raises the signal at the next change.
    pub(super) fn watch(&self, signal: &Arc<Signal>) {
        lock(&self.state).watchers.add(Arc::downgrade(signal));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut watchers = {
            let mut state = lock(&self.state);
            change(&mut state);
            state.watchers.take()
        };
        watchers.wake();
    }
}
