//! An object: an outcome that is set once, and who waits for it.

use std::{
    fmt,
    sync::{Arc, OnceLock, Weak},
};

use parking_lot::Mutex;

use super::{
    Value,
    wait::{Interest, Interests},
};
use crate::types::{ObjectId, TaskError};

/// What became of an object.
pub type Outcome = Result<Value, Arc<TaskError>>;

struct Object {
    id: ObjectId,
    outcome: OnceLock<Outcome>,
    interests: Mutex<Interests>,
}

/// A counted reference to an object.
#[derive(Clone)]
pub struct ObjectRef(Arc<Object>);

/// A reference to an object that doesn't keep it.
#[derive(Debug, Clone)]
pub struct WeakObject(Weak<Object>);

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({})", self.id)
    }
}

impl fmt::Debug for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectRef({})", self.0.id)
    }
}

impl PartialEq for ObjectRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ObjectRef {}

impl ObjectRef {
    /// Bytes that an object takes in the host, without its value.
    pub const BYTES: usize = size_of::<Object>() + 2 * size_of::<usize>();

    /// An object that is to come.
    #[must_use]
    pub fn pending(id: ObjectId) -> Self {
        Self(Arc::new(Object {
            id,
            outcome: OnceLock::new(),
            interests: Mutex::default(),
        }))
    }

    /// An object that is there already.
    #[must_use]
    pub fn ready(id: ObjectId, outcome: Outcome) -> Self {
        Self(Arc::new(Object {
            id,
            outcome: OnceLock::from(outcome),
            interests: Mutex::default(),
        }))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        self.0.id
    }

    /// What became of it, if it is there.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.0.outcome.get()
    }

    /// Sets the outcome and wakes who waits; `false` (and nothing happens) if there was one already.
    pub fn complete(&self, outcome: Outcome) -> bool {
        let failed = outcome.is_err();
        if self.0.outcome.set(outcome).is_err() {
            return false;
        }
        // Whoever registers from now on sees the outcome under the lock; who registered before is in the list.
        let interests = std::mem::take(&mut *self.0.interests.lock());
        interests.notify(failed);
        true
    }

    /// Registers `interest`, or gives it back if the outcome is there.
    pub(super) fn register(&self, interest: Interest) -> Result<(), Interest> {
        let mut interests = self.0.interests.lock();
        if self.0.outcome.get().is_some() {
            return Err(interest);
        }
        interests.add(interest);
        Ok(())
    }

    /// A wait for it was dropped.
    pub(super) fn forget_one(&self) {
        if self.0.outcome.get().is_none() {
            self.0.interests.lock().forget_one();
        }
    }

    #[cfg(test)]
    pub(super) fn interests(&self) -> usize {
        self.0.interests.lock().len()
    }

    /// A reference that doesn't keep it.
    #[must_use]
    pub fn downgrade(&self) -> WeakObject {
        WeakObject(Arc::downgrade(&self.0))
    }

    /// How many references there are, this one among them.
    #[must_use]
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// An address that tells objects apart while both are held.
    #[must_use]
    pub fn key(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl WeakObject {
    /// Whether nobody holds it any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// The object, if anyone still holds it.
    #[must_use]
    pub fn upgrade(&self) -> Option<ObjectRef> {
        self.0.upgrade().map(ObjectRef)
    }
}
