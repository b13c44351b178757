//! What may stand where a task takes a `T`: a `T`, a borrowed one, or a ref to one.

use serde::Serialize;

use crate::call::INLINE_LIMIT;
use crate::codec::{self, Encoded};
use crate::raw::Raw;
use crate::{Error, ObjectRef, border};

/// One argument, ready to be sent.
#[derive(Debug)]
pub struct Arg(pub(crate) Content);

#[derive(Debug)]
pub(crate) enum Content {
    /// Sent with the call.
    Value(Encoded),
    /// Passed when it is there.
    Object(Raw),
    /// Does not encode: the call fails with this.
    Broken(Error),
}

/// Values that a call accepts for a parameter of type `T`: `T`, `&T`, [`ObjectRef<T>`] and `&ObjectRef<T>`; also `&str`
/// for a `String`, slices and arrays for a `Vec` or a [`View`](crate::View).
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::task]
/// fn count(text: String, letters: Vec<char>) -> usize {
///     text.chars().filter(|c| letters.contains(c)).count()
/// }
///
/// let text = wrun::put("abba".to_owned());
/// assert_eq!(count::remote("banana", ['b', 'n']).get()?, 3);
/// assert_eq!(count::remote(&text, vec!['b']).get()?, 2);
/// # Ok::<(), wrun::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{Self}` can't be passed where the callee takes a `{T}`",
    label = "expected `{T}`, `&{T}` or a ref to one"
)]
pub trait IntoArg<T> {
    /// Encodes the value, or takes the ref.
    fn into_arg(self) -> Arg;
}

fn value<T: Serialize + ?Sized>(value: &T) -> Arg {
    Arg(match codec::encode(value, wrun_abi::format::BINCODE) {
        Ok(encoded) => Content::Value(encoded),
        Err(error) => Content::Broken(error),
    })
}

/// Plain data: a little is sent with the call, more is stored, so that it can be mapped.
pub(crate) fn plain(bytes: &[u8]) -> Arg {
    Arg(if bytes.len() < INLINE_LIMIT {
        let mut sent = Vec::with_capacity(1 + bytes.len());
        sent.push(wrun_abi::format::PLAIN);
        sent.extend_from_slice(bytes);
        Content::Value(Encoded {
            bytes: sent,
            refs: Vec::new(),
        })
    } else {
        match border::put_plain(bytes) {
            Ok(handle) => Content::Object(Raw::live(handle)),
            Err(error) => Content::Broken(error),
        }
    })
}

impl<T: Serialize> IntoArg<T> for T {
    fn into_arg(self) -> Arg {
        value(&self)
    }
}

impl<T: Serialize> IntoArg<T> for &T {
    fn into_arg(self) -> Arg {
        value(self)
    }
}

impl<T> IntoArg<T> for ObjectRef<T> {
    fn into_arg(self) -> Arg {
        Arg(Content::Object(self.into_raw()))
    }
}

impl<T> IntoArg<T> for &ObjectRef<T> {
    fn into_arg(self) -> Arg {
        Arg(Content::Object(self.raw().clone()))
    }
}

impl IntoArg<String> for &str {
    fn into_arg(self) -> Arg {
        value(self)
    }
}

impl<T: Serialize> IntoArg<Vec<T>> for &[T] {
    fn into_arg(self) -> Arg {
        value(self)
    }
}

impl<T: Serialize, const N: usize> IntoArg<Vec<T>> for [T; N] {
    fn into_arg(self) -> Arg {
        value(&self[..])
    }
}

impl<T: Serialize, const N: usize> IntoArg<Vec<T>> for &[T; N] {
    fn into_arg(self) -> Arg {
        value(&self[..])
    }
}
