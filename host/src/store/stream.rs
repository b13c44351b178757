//! Streams: objects that a streaming call yields one by one.

use std::{collections::VecDeque, fmt, ops::Deref, sync::Arc, task::Waker};

use parking_lot::Mutex;

use super::{
    ObjectRef,
    wait::{Interest, Interests},
};
use crate::{rt::guard::Guard, types::ObjectId};

#[derive(Default)]
struct State {
    items: VecDeque<ObjectRef>,
    ended: bool,
    /// Nobody can read it any more.
    abandoned: bool,
    interests: Interests,
    /// The producer, waiting for room.
    producer: Option<Waker>,
}

/// A growing list of objects, read once.
pub struct Stream {
    id: ObjectId,
    /// How many unread items make the producer wait.
    room: usize,
    state: Mutex<State>,
}

/// A reader's hold on a stream. Only the one that yields the items has the [`Stream`] itself.
#[derive(Debug)]
pub struct StreamReader(Arc<Stream>);

/// A counted reference to a stream, for readers: when the last one is dropped the stream is abandoned.
pub type StreamRef = Arc<StreamReader>;

impl StreamReader {
    /// The first reference for readers.
    #[must_use]
    pub fn new(stream: Arc<Stream>) -> StreamRef {
        Arc::new(Self(stream))
    }
}

impl Deref for StreamReader {
    type Target = Stream;

    fn deref(&self) -> &Stream {
        &self.0
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// What a stream has next.
#[derive(Debug, Clone)]
pub enum Next {
    /// This object.
    Item(ObjectRef),
    /// Nothing any more.
    Ended,
    /// Nothing yet.
    Pending,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.id)
    }
}

impl Stream {
    /// An empty stream that holds at most `room` unread items.
    #[must_use]
    pub fn new(id: ObjectId, room: usize) -> Arc<Self> {
        Arc::new(Self {
            id,
            room,
            state: Mutex::default(),
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// Takes the next item.
    #[must_use]
    pub fn next(&self) -> Next {
        let mut state = self.state.lock();
        let Some(item) = state.items.pop_front() else {
            return if state.ended {
                Next::Ended
            } else {
                Next::Pending
            };
        };
        let producer = state.producer.take();
        drop(state);
        if let Some(producer) = producer {
            producer.wake();
        }
        Next::Item(item)
    }

    /// Items that nobody has read.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Whether [`next`](Self::next) has an answer.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let state = self.state.lock();
        state.ended || !state.items.is_empty()
    }

    /// Adds an item; gives it back, and wakes `producer` later, when there is no room. Nothing is added after the end.
    ///
    /// # Errors
    /// The item, when there is no room.
    pub fn push(&self, item: ObjectRef, producer: &Waker) -> Result<(), ObjectRef> {
        let mut state = self.state.lock();
        if state.ended || state.abandoned {
            return Ok(());
        }
        if state.items.len() >= self.room && Guard::StreamRoom.stands() {
            state.producer = Some(producer.clone());
            return Err(item);
        }
        state.items.push_back(item);
        let woken = std::mem::take(&mut state.interests);
        drop(state);
        woken.notify(false);
        Ok(())
    }

    /// Nobody will read it: what is unread goes, and its producer is told at its next item.
    fn abandon(&self) {
        let mut state = self.state.lock();
        state.abandoned = true;
        let (unread, producer) = (std::mem::take(&mut state.items), state.producer.take());
        drop(state);
        drop(unread);
        if let Some(producer) = producer {
            producer.wake();
        }
    }

    /// Whether nobody can read it any more.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.state.lock().abandoned
    }

    /// No more items come after `last`, which is added whether there is room or not.
    pub fn end(&self, last: Option<ObjectRef>) {
        let mut state = self.state.lock();
        if state.ended {
            return;
        }
        state.items.extend(last);
        state.ended = true;
        let woken = std::mem::take(&mut state.interests);
        drop(state);
        woken.notify(false);
    }

    pub(super) fn register(&self, interest: Interest) -> Result<(), Interest> {
        let mut state = self.state.lock();
        if state.ended || !state.items.is_empty() {
            return Err(interest);
        }
        state.interests.add(interest);
        Ok(())
    }

    /// A wait for it was dropped.
    pub(super) fn forget_one(&self) {
        self.state.lock().interests.forget_one();
    }
}
