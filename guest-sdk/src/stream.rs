//! [`RefStream`]: the results of a streaming call, as they are made.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::raw::Raw;
use crate::{ObjectRef, Result, border};

/// The results of a call that yields them one by one.
///
/// As an iterator it waits for the next ref. A call that fails gives a last ref that has failed, after those it yielded.
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::task]
/// fn squares(n: u64) -> impl Iterator<Item = u64> {
///     (1..=n).map(|i| i * i)
/// }
///
/// let all: wrun::Result<Vec<u64>> = squares::remote(3).map(|item| item.get()).collect();
/// assert_eq!(all?, [1, 4, 9]);
/// # Ok::<(), wrun::Error>(())
/// ```
pub struct RefStream<T> {
    raw: Raw,
    ended: bool,
    items: PhantomData<fn() -> T>,
}

impl<T> RefStream<T> {
    pub(crate) fn from_raw(raw: Raw) -> Self {
        Self {
            raw,
            ended: false,
            items: PhantomData,
        }
    }

    /// Waits for the next ref for at most `timeout`; `None` at the end.
    ///
    /// # Errors
    /// A [timeout](crate::Error::is_timeout); the item may still come.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<ObjectRef<T>>> {
        self.next_within(Some(timeout))
    }

    fn next_within(&mut self, timeout: Option<Duration>) -> Result<Option<ObjectRef<T>>> {
        if self.ended {
            return Ok(None);
        }
        let next = border::stream_next(self.raw.handle()?, timeout)?;
        self.ended = next.is_none();
        Ok(next.map(|handle| ObjectRef::from_raw(Raw::live(handle))))
    }

    /// Whether the next item, or the end, is there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let Ok(handle) = self.raw.handle() else {
            return true;
        };
        self.ended
            || border::wait(&[handle], 1, 1, Some(Duration::ZERO))
                .is_ok_and(|ready| ready == [true])
    }

    /// Cancels the call that makes the items.
    ///
    /// # Errors
    /// As [`cancel`](crate::cancel).
    pub fn cancel(&self) -> Result<()> {
        border::cancel(self.raw.handle()?, 0)
    }
}

impl<T> Iterator for RefStream<T> {
    type Item = ObjectRef<T>;

    fn next(&mut self) -> Option<ObjectRef<T>> {
        if self.ended {
            return None;
        }
        self.next_within(None).unwrap_or_else(|error| {
            self.ended = true;
            Some(ObjectRef::from_raw(Raw::broken(error)))
        })
    }
}

impl<T> std::iter::FusedIterator for RefStream<T> {}

impl<T> fmt::Debug for RefStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.write(f, "RefStream")
    }
}
