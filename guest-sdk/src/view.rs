//! [`View`]: large arrays that tasks share without copying them. [`put_plain`] makes one from a slice.

use std::fmt;
use std::ops::{Bound, Deref, DerefMut, RangeBounds};

use bytemuck::Pod;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arg::{self, Arg, IntoArg};
use crate::border::{self, Mapped};
use crate::raw::Raw;
use crate::value::{Content, FromValue, Payload, Source, ToValue};
use crate::{ObjectRef, Result, codec};

/// Elements of a [`View`]: numbers, arrays of them, and structs with [`bytemuck::Pod`] and serde's traits, which JSON
/// callers need. Their bytes are stored as they lie in memory.
#[diagnostic::on_unimplemented(
    message = "a view can't have elements of type `{Self}`",
    label = "needs `bytemuck::Pod`, `serde::Serialize` and `serde::Deserialize`"
)]
pub trait Plain: Pod + Serialize + DeserializeOwned {}

impl<T: Pod + Serialize + DeserializeOwned> Plain for T {}

/// A slice of plain data that was [put](put_plain), or is a task's argument or result: an array that lies in the store once
/// and is seen by many tasks.
///
/// In a sandbox a large one is not copied: its pages appear in the task's memory, whatever its size, and are read when
/// they are touched. Writing to it makes a private copy of the pages that are written; the object stays as it is. It counts
/// against the task's memory limit in full. A small one is copied, and so is any in [local mode](crate::local).
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::task]
/// fn sum(data: View<f64>) -> f64 {
///     data.iter().sum()
/// }
///
/// #[wrun::task]
/// fn squares(n: u32) -> View<f64> {
///     (0..n).map(|i| f64::from(i * i)).collect()
/// }
///
/// let data = wrun::put_plain(&[1.0, 2.0, 3.0]);
/// let mut view = data.view()?;
/// view[0] = 100.0; // in this task only
/// assert_eq!(sum::remote(&data).get()?, 6.0);
/// assert_eq!(sum::remote(view).get()?, 105.0);
/// assert_eq!(sum::remote(squares::remote(4)).get()?, 14.0);
/// # Ok::<(), wrun::Error>(())
/// ```
///
/// A view is a whole argument, result or object, never a part of one: pass its ref inside other values. It drops like any
/// value, and its memory is used again by the next one. An actor may keep one in its state.
///
/// Nothing says of what type the elements were: an `f64` array reads as one of `u64` just as well. An object whose length
/// does not fit is an error. A view is also read from an array in JSON (`wrun submit --task sum --args '[[1.0, 2.0]]'`), and
/// shown as one, and from a stored `Vec<T>` ([`ObjectRef::cast`]), which is copied.
pub struct View<T: Plain>(Data<T>);

pub(crate) enum Data<T> {
    Owned(Vec<T>),
    Mapped(Mapped<T>),
}

impl<T: Plain> View<T> {
    /// Whether its memory is that of the object, and not a copy.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        matches!(self.0, Data::Mapped(_))
    }

    /// The elements as a `Vec`; copied when they were not before.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        match self.0 {
            Data::Owned(vec) => vec,
            Data::Mapped(mapped) => mapped.to_vec(),
        }
    }
}

impl<T: Plain> Deref for View<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match &self.0 {
            Data::Owned(vec) => vec,
            Data::Mapped(mapped) => mapped,
        }
    }
}

impl<T: Plain> DerefMut for View<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Data::Owned(vec) => vec,
            Data::Mapped(mapped) => mapped,
        }
    }
}

impl<T: Plain> From<Vec<T>> for View<T> {
    fn from(vec: Vec<T>) -> Self {
        Self(Data::Owned(vec))
    }
}

impl<T: Plain> FromIterator<T> for View<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Vec::from_iter(items).into()
    }
}

impl<'a, T: Plain> IntoIterator for &'a View<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Plain> AsRef<[T]> for View<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: Plain> Clone for View<T> {
    fn clone(&self) -> Self {
        self.to_vec().into()
    }
}

impl<T: Plain + fmt::Debug> fmt::Debug for View<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<T: Plain + PartialEq> PartialEq for View<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Plain> FromValue for View<T> {
    fn load(source: Source) -> Result<Self> {
        codec::open(source, None).map(Self)
    }
}

impl<T: Plain> ToValue for View<T> {
    fn payload(&self, format: u8) -> Result<Payload<'_>> {
        payload(self, format)
    }
}

fn payload<T: Plain>(items: &[T], format: u8) -> Result<Payload<'_>> {
    Ok(Payload(match format {
        wrun_abi::format::JSON => Content::Encoded(codec::encode(items, format)?),
        _ => Content::Plain(bytemuck::cast_slice(items)),
    }))
}

impl<T: Plain> IntoArg<View<T>> for View<T> {
    fn into_arg(self) -> Arg {
        arg::plain(bytemuck::cast_slice(&self))
    }
}

impl<T: Plain> IntoArg<View<T>> for &View<T> {
    fn into_arg(self) -> Arg {
        arg::plain(bytemuck::cast_slice(self))
    }
}

impl<T: Plain> IntoArg<View<T>> for Vec<T> {
    fn into_arg(self) -> Arg {
        arg::plain(bytemuck::cast_slice(&self))
    }
}

impl<T: Plain> IntoArg<View<T>> for &Vec<T> {
    fn into_arg(self) -> Arg {
        arg::plain(bytemuck::cast_slice(self))
    }
}

impl<T: Plain> IntoArg<View<T>> for &[T] {
    fn into_arg(self) -> Arg {
        arg::plain(bytemuck::cast_slice(self))
    }
}

impl<T: Plain, const N: usize> IntoArg<View<T>> for [T; N] {
    fn into_arg(self) -> Arg {
        arg::plain(bytemuck::cast_slice(&self))
    }
}

/// Stores a slice as plain data, written once from where it lies: others see it as a [`View`].
///
/// ```
/// let data = wrun::put_plain(&[1_u32, 2, 3]);
/// assert_eq!(data.view()?[1], 2);
/// # Ok::<(), wrun::Error>(())
/// ```
pub fn put_plain<T: Plain>(items: &[T]) -> ObjectRef<View<T>> {
    let stored = border::put_plain(bytemuck::cast_slice(items)).map(Raw::live);
    ObjectRef::from_raw(stored.unwrap_or_else(Raw::broken))
}

impl<T: Plain> ObjectRef<View<T>> {
    /// Waits for the object and views all of it: the same as [`get`](Self::get).
    ///
    /// # Errors
    /// As [`get`](Self::get); also when the sandbox's memory limit is in the way.
    pub fn view(&self) -> Result<View<T>> {
        self.get()
    }

    /// Waits for the object and tells how many elements it has.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn count(&self) -> Result<u64> {
        codec::count::<T>(self.wait()?)
    }

    /// Waits for the object and views a part of it: for objects that are larger than the task's memory.
    ///
    /// ```
    /// let data = wrun::put_plain(&[1_u32, 2, 3, 4, 5]);
    /// assert_eq!(*data.window(1..3)?, [2, 3]);
    /// assert_eq!(*data.window(3..)?, [4, 5]);
    /// assert!(data.window(..6).is_err());
    /// # Ok::<(), wrun::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`get`](Self::get); also when the range goes past the end.
    pub fn window(&self, range: impl RangeBounds<u64>) -> Result<View<T>> {
        let source = self.wait()?;
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => end.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => codec::count::<T>(source)?,
        };
        codec::open(source, Some(start..end)).map(View)
    }

    /// Waits for the object and gives views of one part after another, each of `len` elements, the last of what is left.
    /// Drop each before the next, and all of them take the memory of one.
    ///
    /// ```
    /// let data = wrun::put_plain(&[1_u32, 2, 3, 4, 5]);
    /// let mut sums = Vec::new();
    /// for chunk in data.chunks(2)? {
    ///     sums.push(chunk?.iter().sum::<u32>());
    /// }
    /// assert_eq!(sums, [3, 7, 5]);
    /// # Ok::<(), wrun::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Panics
    /// `len` is 0.
    pub fn chunks(&self, len: u64) -> Result<impl Iterator<Item = Result<View<T>>>> {
        assert!(len > 0, "chunks have at least one element");
        let (object, count) = (self.clone(), self.count()?);
        Ok((0..count.div_ceil(len)).map(move |i| {
            let start = i * len;
            object.window(start..count.min(start.saturating_add(len)))
        }))
    }

    /// Waits for the object.
    fn wait(&self) -> Result<Source> {
        let handle = self.raw().handle()?;
        border::get(&[handle], None)?;
        Ok(Source::Object(handle))
    }
}
