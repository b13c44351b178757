//! [`ObjectRef`]: a value that may not be there yet. [`put`] makes one from a value, [`cancel`] stops the call that makes it.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::raw::Raw;
use crate::value::{FromValue, Source, ToValue};
use crate::{Result, border, codec, links};

/// Stands for any type: [`ObjectRef::erase`] gives an `ObjectRef<Any>`, so that refs of different types fit one list.
#[derive(Debug, Clone, Copy)]
pub enum Any {}

/// Names an object: the result of a call, or a value that was [`put`].
///
/// A ref is passed to a task in place of the value; the task starts when the value is there. Inside another value (a
/// list, a struct) it stays a ref. The object lives as long as somebody holds a ref to it.
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::task]
/// fn total(numbers: Vec<u64>) -> u64 {
///     numbers.iter().sum()
/// }
///
/// let numbers = wrun::put(vec![1, 2, 3]);
/// let once = total::remote(&numbers);
/// let again = total::remote(numbers);
/// assert_eq!(once.get()? + again.get()?, 12);
/// # Ok::<(), wrun::Error>(())
/// ```
pub struct ObjectRef<T> {
    raw: Raw,
    // Gives `T`s but holds none: sent and shared freely, whatever `T` is.
    value: PhantomData<fn() -> T>,
}

impl<T> ObjectRef<T> {
    pub(crate) fn from_raw(raw: Raw) -> Self {
        Self {
            raw,
            value: PhantomData,
        }
    }

    pub(crate) fn raw(&self) -> &Raw {
        &self.raw
    }

    pub(crate) fn into_raw(self) -> Raw {
        self.raw
    }

    /// The same ref without its type, for lists of refs to different things.
    #[must_use]
    pub fn erase(&self) -> ObjectRef<Any> {
        ObjectRef::from_raw(self.raw.clone())
    }

    /// The same ref read as another type. The value's bytes are not checked until somebody reads them.
    #[must_use]
    pub fn cast<U>(&self) -> ObjectRef<U> {
        ObjectRef::from_raw(self.raw.clone())
    }

    /// Whether the object is there: a value or an error.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        match self.raw.handle() {
            Err(_) => true,
            Ok(handle) => border::wait(&[handle], 1, 1, Some(Duration::ZERO))
                .is_ok_and(|ready| ready == [true]),
        }
    }

    /// Cancels the call that makes the object, and the calls it made; see [`cancel`].
    ///
    /// # Errors
    /// See [`cancel`].
    pub fn cancel(&self) -> Result<()> {
        cancel(self)
    }
}

impl<T: FromValue> ObjectRef<T> {
    /// Waits for the value.
    ///
    /// # Errors
    /// The error that took the value's place, with the task that it came from; or the value is of another type.
    pub fn get(&self) -> Result<T> {
        self.get_within(None)
    }

    /// Waits for the value for at most `timeout`; the call goes on after that.
    ///
    /// # Errors
    /// As [`get`](Self::get), and a [timeout](crate::Error::is_timeout).
    pub fn get_timeout(&self, timeout: Duration) -> Result<T> {
        self.get_within(Some(timeout))
    }

    fn get_within(&self, timeout: Option<Duration>) -> Result<T> {
        border::get(&[self.raw.handle()?], timeout)?;
        self.read()
    }

    /// Reads a value that is there.
    pub(crate) fn read(&self) -> Result<T> {
        T::load(Source::Object(self.raw.handle()?))
    }
}

impl<T> Clone for ObjectRef<T> {
    fn clone(&self) -> Self {
        Self::from_raw(self.raw.clone())
    }
}

impl<T> fmt::Debug for ObjectRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.write(f, "ObjectRef")
    }
}

impl<T> fmt::Display for ObjectRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.write(f, "ObjectRef")
    }
}

impl<T> Serialize for ObjectRef<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        links::record(&self.raw, serializer)
    }
}

impl<'de, T> Deserialize<'de> for ObjectRef<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        links::resolve(deserializer).map(Self::from_raw)
    }
}

/// Stores a value, so that many tasks can read it without its being sent each time.
///
/// A value that does not serialize gives a ref that has failed: [`get`](ObjectRef::get) tells why.
///
/// ```
/// let words = wrun::put(vec!["a".to_owned()]);
/// assert_eq!(words.get()?, ["a"]);
/// # Ok::<(), wrun::Error>(())
/// ```
#[allow(
    clippy::needless_pass_by_value,
    reason = "the value moves into the store, as far as the caller is concerned"
)]
pub fn put<T: ToValue>(value: T) -> ObjectRef<T> {
    let payload = value.payload(wrun_abi::format::BINCODE);
    let stored = payload.and_then(|payload| payload.put());
    ObjectRef::from_raw(stored.unwrap_or_else(Raw::broken))
}

/// Stores bytes and the refs inside them.
pub(crate) fn put_encoded(encoded: &codec::Encoded) -> Result<Raw> {
    border::put(&encoded.bytes, &encoded.handles()).map(Raw::live)
}

/// Cancels the call that makes the object: a queued one never starts, a running one is interrupted, and so are the calls
/// it made. The object becomes an error; what is already done stays as it is.
///
/// # Errors
/// The ref names nothing that can be cancelled.
pub fn cancel<T>(object: &ObjectRef<T>) -> Result<()> {
    border::cancel(object.raw.handle()?, 0)
}

/// As [`cancel`], but the calls that the cancelled one made go on.
///
/// # Errors
/// See [`cancel`].
pub fn cancel_only<T>(object: &ObjectRef<T>) -> Result<()> {
    border::cancel(object.raw.handle()?, wrun_abi::CANCEL_KEEP_CHILDREN)
}
