//! Waiting for many: [`get`], [`get_timeout`] and [`wait()`].

use std::time::Duration;

use crate::{Error, ErrorKind, FromValue, ObjectRef, Result, border};

/// What [`get`] takes: one ref, a slice, array or `Vec` of refs, or a tuple of borrowed refs of different types.
#[diagnostic::on_unimplemented(
    message = "`wrun::get` can't wait for `{Self}`",
    label = "expected `&ObjectRef<T>`, `&[ObjectRef<T>]`, `&Vec<ObjectRef<T>>` or a tuple of `&ObjectRef`"
)]
pub trait Gather {
    /// What comes out.
    type Output;
    /// Adds the refs' handles.
    #[doc(hidden)]
    fn handles(&self, handles: &mut Vec<u32>) -> Result<()>;
    /// Reads the values, which are there.
    #[doc(hidden)]
    fn read(&self) -> Result<Self::Output>;
}

impl<T: FromValue> Gather for &ObjectRef<T> {
    type Output = T;
    fn handles(&self, handles: &mut Vec<u32>) -> Result<()> {
        handles.push(self.raw().handle()?);
        Ok(())
    }
    fn read(&self) -> Result<T> {
        (**self).read()
    }
}

impl<T: FromValue> Gather for &[ObjectRef<T>] {
    type Output = Vec<T>;
    fn handles(&self, handles: &mut Vec<u32>) -> Result<()> {
        handles.reserve(self.len());
        self.iter()
            .try_for_each(|object| object.raw().handle().map(|handle| handles.push(handle)))
    }
    fn read(&self) -> Result<Vec<T>> {
        self.iter().map(ObjectRef::read).collect()
    }
}

macro_rules! as_slice {
    ($([$($generics:tt)*] $ty:ty),*) => {$(
        impl<T: FromValue, $($generics)*> Gather for $ty {
            type Output = Vec<T>;
            fn handles(&self, handles: &mut Vec<u32>) -> Result<()> {
                (&self[..]).handles(handles)
            }
            fn read(&self) -> Result<Vec<T>> {
                (&self[..]).read()
            }
        }
    )*};
}
as_slice!([] &Vec<ObjectRef<T>>, [const N: usize] &[ObjectRef<T>; N]);

macro_rules! tuples {
    ($($name:ident),*) => {
        impl<$($name: Gather),*> Gather for ($($name,)*) {
            type Output = ($($name::Output,)*);
            #[allow(non_snake_case, reason = "the fields are named as their types")]
            fn handles(&self, handles: &mut Vec<u32>) -> Result<()> {
                let ($($name,)*) = self;
                $($name.handles(handles)?;)*
                Ok(())
            }
            #[allow(non_snake_case, reason = "the fields are named as their types")]
            fn read(&self) -> Result<Self::Output> {
                let ($($name,)*) = self;
                Ok(($($name.read()?,)*))
            }
        }
    };
}
tuples!(A, B);
tuples!(A, B, C);
tuples!(A, B, C, D);
tuples!(A, B, C, D, E);
tuples!(A, B, C, D, E, F);

/// Waits for the values of one or many refs.
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::task]
/// fn double(n: u32) -> u32 {
///     2 * n
/// }
///
/// let doubled: Vec<_> = (0..4).map(double::remote).collect();
/// assert_eq!(wrun::get(&doubled)?, [0, 2, 4, 6]);
///
/// let (number, word) = (double::remote(4), wrun::put("word".to_owned()));
/// assert_eq!(wrun::get((&number, &word))?, (8, "word".to_owned()));
/// # Ok::<(), wrun::Error>(())
/// ```
///
/// # Errors
/// The first error among them, without waiting for the rest; or a value is of another type.
pub fn get<G: Gather>(refs: G) -> Result<G::Output> {
    gather(&refs, None)
}

/// As [`get`], for at most `timeout`; the calls go on after that.
///
/// # Errors
/// As [`get`], and a [timeout](Error::is_timeout).
pub fn get_timeout<G: Gather>(refs: G, timeout: Duration) -> Result<G::Output> {
    gather(&refs, Some(timeout))
}

fn gather<G: Gather>(refs: &G, timeout: Option<Duration>) -> Result<G::Output> {
    let mut handles = Vec::new();
    refs.handles(&mut handles)?;
    border::get(&handles, timeout)?;
    refs.read()
}

/// Waits until `num_returns` of the refs are ready, or the time is over; gives the ready ones (at most `num_returns`) and
/// the others, each in the order given. An object that is an error is ready too. An empty list gives two.
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::task]
/// fn nap(ms: u64) {
///     wrun::sleep(Duration::from_millis(ms));
/// }
///
/// let naps: Vec<_> = [2000, 1, 1].into_iter().map(nap::remote).collect();
/// let (ready, rest) = wrun::wait(&naps, 2, Some(Duration::from_secs(1)))?;
/// assert_eq!((ready.len(), rest.len()), (2, 1));
/// # Ok::<(), wrun::Error>(())
/// ```
///
/// # Errors
/// `num_returns` is 0 or more than there are refs, or a ref stands there twice. Running out of time is none: then fewer
/// are ready.
#[allow(clippy::type_complexity, reason = "two lists are plain enough")]
pub fn wait<T>(
    refs: &[ObjectRef<T>],
    num_returns: usize,
    timeout: Option<Duration>,
) -> Result<(Vec<ObjectRef<T>>, Vec<ObjectRef<T>>)> {
    if refs.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    if num_returns == 0 || num_returns > refs.len() {
        let message = format!(
            "`num_returns` is {num_returns}, but it must be 1 to {}, the number of refs",
            refs.len()
        );
        return Err(Error::of(ErrorKind::BadArgument, message));
    }
    let ready = ready(refs, num_returns, num_returns, timeout)?;
    let (mut first, mut rest) = (
        Vec::with_capacity(num_returns),
        Vec::with_capacity(refs.len() - num_returns),
    );
    for (object, ready) in refs.iter().zip(ready) {
        if ready {
            first.push(object.clone())
        } else {
            rest.push(object.clone())
        }
    }
    Ok((first, rest))
}

/// Which of the refs are ready, at most `max`, after at least `min` are. Those that were never started count.
pub(crate) fn ready<T>(
    refs: &[ObjectRef<T>],
    min: usize,
    max: usize,
    timeout: Option<Duration>,
) -> Result<Vec<bool>> {
    let handles: Vec<Option<u32>> = refs
        .iter()
        .map(|object| object.raw().handle().ok())
        .collect();
    let live: Vec<u32> = handles.iter().filter_map(|handle| *handle).collect();
    let mut sorted = live.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::of(
            ErrorKind::BadArgument,
            "the same ref stands in the list twice",
        ));
    }
    let broken = (refs.len() - live.len()).min(max);
    let (min, timeout) = if broken >= min {
        (0, Some(Duration::ZERO))
    } else {
        (min - broken, timeout)
    };
    let answers = if live.is_empty() || broken == max {
        vec![false; live.len()]
    } else {
        border::wait(&live, min, max - broken, timeout)?
    };
    let mut answers = answers.into_iter();
    let mut left = broken;
    let ready = handles.into_iter().map(|handle| match handle {
        Some(_) => answers.next() == Some(true),
        None if left > 0 => {
            left -= 1;
            true
        }
        None => false,
    });
    Ok(ready.collect())
}
