//! A call on the caller's side: [`Entry`] says what is called, [`Call`] is one call of it, [`start`] and [`start_all`] send
//! calls and give what they return ([`FromHandles`]).
//!
//! Starting never fails where it stands: a call that can't be started gives refs that have failed, so that errors have
//! one place to show, `get`. Large values are stored first and passed by ref, since the buffer of calls is copied.

use wrun_abi::{CallKind, CallOptions};

use crate::arg::{Arg, Content};
use crate::codec::Encoded;
use crate::handle::Target;
use crate::raw::Raw;
use crate::{Actor, Error, Handle, ObjectRef, RefStream, Result, border, object};

/// A value of more bytes than this is stored first.
pub(crate) const INLINE_LIMIT: usize = 64 << 10;
/// At most this many calls are sent at once,
const BATCH_CALLS: usize = 1000;
/// and about this many bytes.
const BATCH_BYTES: usize = 1 << 20;

/// What can be called: a task, a constructor or a method. The macros make one static for each.
#[derive(Debug)]
pub struct Entry {
    /// The task's, class's or method's name.
    pub name: &'static str,
    /// Which of them it is.
    pub kind: CallKind,
    /// How many handles a call gives.
    pub returns: usize,
    /// Whether the result is a stream.
    pub stream: bool,
    /// Serves one call, in the sandbox or thread that was made for it.
    pub run: fn(),
    /// The options that hold unless the caller sets others.
    pub defaults: fn() -> Defaults,
}

/// Builds an entry's default options.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    pub(crate) options: CallOptions,
}

impl Defaults {
    /// No option set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    crate::__task_options!(pub);
    crate::__option!([pub] max_restarts);
    crate::__option!([pub] max_pending_calls);
}

/// One call, ready to be sent.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) entry: &'static Entry,
    pub(crate) actor: u32,
    pub(crate) options: CallOptions,
    pub(crate) args: Vec<Sent>,
}

/// One argument as it crosses the border.
#[derive(Debug)]
pub(crate) enum Sent {
    Value(Encoded),
    Object(Raw),
}

/// What calls return, made from their handles.
pub trait FromHandles {
    /// Takes what it needs from the front.
    #[allow(private_interfaces, reason = "implemented in this crate only")]
    fn from_handles(handles: &mut dyn Iterator<Item = Raw>) -> Self;
}

fn take(handles: &mut dyn Iterator<Item = Raw>) -> Raw {
    handles
        .next()
        .unwrap_or_else(|| Raw::broken(Error::new("the host gave too few handles for a call")))
}

impl<T> FromHandles for ObjectRef<T> {
    #[allow(private_interfaces, reason = "implemented in this crate only")]
    fn from_handles(handles: &mut dyn Iterator<Item = Raw>) -> Self {
        Self::from_raw(take(handles))
    }
}

impl<T> FromHandles for RefStream<T> {
    #[allow(private_interfaces, reason = "implemented in this crate only")]
    fn from_handles(handles: &mut dyn Iterator<Item = Raw>) -> Self {
        Self::from_raw(take(handles))
    }
}

impl<A: Actor> FromHandles for Handle<A> {
    #[allow(private_interfaces, reason = "implemented in this crate only")]
    fn from_handles(handles: &mut dyn Iterator<Item = Raw>) -> Self {
        Self::from_raw(take(handles))
    }
}

macro_rules! tuples {
    ($($first:ident $($rest:ident)*)?) => {$(
        impl<$first: FromHandles, $($rest: FromHandles),*> FromHandles for ($first, $($rest,)*) {
            #[allow(private_interfaces, reason = "implemented in this crate only")]
            fn from_handles(handles: &mut dyn Iterator<Item = Raw>) -> Self {
                ($first::from_handles(handles), $($rest::from_handles(handles),)*)
            }
        }
        tuples!($($rest)*);
    )?};
}
tuples!(A B C D E F G H I J K L M N O P);

/// Starts one call.
pub fn start<R: FromHandles>(
    entry: &'static Entry,
    actor: Option<&Target>,
    options: &CallOptions,
    args: Vec<Arg>,
) -> R {
    let call = actor
        .map_or(Ok(0), |target| target.raw().handle())
        .and_then(|actor| {
            let args = args.into_iter().map(sent).collect::<Result<_>>()?;
            Ok(Call {
                entry,
                actor,
                options: options.clone(),
                args,
            })
        });
    let sent = call.and_then(|call| border::spawn(std::slice::from_ref(&call)));
    match sent {
        Ok(handles) => R::from_handles(&mut handles.into_iter().map(Raw::live)),
        Err(error) => R::from_handles(&mut std::iter::repeat_with(|| Raw::broken(error.clone()))),
    }
}

/// Starts one call for each list of arguments, many at once.
pub fn start_all<R: FromHandles>(
    entry: &'static Entry,
    options: &CallOptions,
    calls: impl Iterator<Item = Vec<Arg>>,
) -> Vec<R> {
    let mut batch = Batch {
        entry,
        calls: Vec::new(),
        places: Vec::new(),
        bytes: 0,
        results: Vec::new(),
    };
    for args in calls {
        batch.add(options, args);
    }
    batch.send();
    batch.results
}

struct Batch<R> {
    entry: &'static Entry,
    calls: Vec<Call>,
    /// What became of each item since the last send: a call in `calls`, or the error that kept it from being one.
    places: Vec<Option<Error>>,
    bytes: usize,
    results: Vec<R>,
}

impl<R: FromHandles> Batch<R> {
    fn add(&mut self, options: &CallOptions, args: Vec<Arg>) {
        match args.into_iter().map(sent).collect::<Result<Vec<_>>>() {
            Ok(args) => {
                self.bytes += args.iter().map(size).sum::<usize>();
                self.calls.push(Call {
                    entry: self.entry,
                    actor: 0,
                    options: options.clone(),
                    args,
                });
                self.places.push(None);
            }
            Err(error) => self.places.push(Some(error)),
        }
        if self.places.len() >= BATCH_CALLS || self.bytes >= BATCH_BYTES {
            self.send();
        }
    }

    fn send(&mut self) {
        let sent = if self.calls.is_empty() {
            Ok(Vec::new())
        } else {
            border::spawn(&self.calls)
        };
        self.calls.clear();
        self.bytes = 0;
        let (handles, failed) = match sent {
            Ok(handles) => (handles, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let mut handles = handles.into_iter().map(Raw::live);
        for place in self.places.drain(..) {
            self.results.push(match place.or_else(|| failed.clone()) {
                None => R::from_handles(&mut handles),
                Some(error) => {
                    R::from_handles(&mut std::iter::repeat_with(|| Raw::broken(error.clone())))
                }
            });
        }
    }
}

fn size(arg: &Sent) -> usize {
    match arg {
        Sent::Value(encoded) => encoded.bytes.len() + 4 * encoded.refs.len(),
        Sent::Object(_) => 8,
    }
}

fn sent(arg: Arg) -> Result<Sent> {
    match arg.0 {
        Content::Broken(error) => Err(error),
        Content::Object(raw) => raw.handle().map(|_| Sent::Object(raw)),
        Content::Value(encoded) if encoded.bytes.len() > INLINE_LIMIT => {
            object::put_encoded(&encoded).map(Sent::Object)
        }
        Content::Value(encoded) => Ok(Sent::Value(encoded)),
    }
}
