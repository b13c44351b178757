//! A call on the callee's side: the arguments are pulled, the result is pushed.
//!
//! [`task`] and [`method`] are what an export runs; the macro's closure drives [`Running`]. The actor's state lives in the
//! thread from the constructor's [`install`](Running::install) on: one sandbox, or one local actor, is one thread.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Display;
use std::io::Write as _;

use wrun_abi::FailKind;

use crate::value::{FromValue, Payload, Source, ToValue};
use crate::{Actor, Error, ErrorKind, border};

thread_local! {
    static ACTOR: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// A call that is being served.
#[derive(Debug)]
pub struct Running {
    next: usize,
    format: u8,
}

/// Why a call ends without its result.
#[derive(Debug)]
pub struct Failure {
    kind: FailKind,
    message: String,
}

impl Failure {
    fn new(kind: FailKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

/// A `Result`, whatever its alias.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named like a `Result` but is none",
    note = "a task whose return type is called `Result` fails when it is an `Err`; rename the type"
)]
pub trait IsResult {
    /// What it holds when all went well.
    type Ok;
    /// The error, which fails the call.
    type Err;
    /// Itself.
    fn into_result(self) -> Result<Self::Ok, Self::Err>;
}

impl<T, E> IsResult for Result<T, E> {
    type Ok = T;
    type Err = E;
    fn into_result(self) -> Self {
        self
    }
}

/// Serves a task, a constructor or `main`.
pub fn task(serve: impl FnOnce(&mut Running) -> Result<(), Failure>) {
    border::enter();
    let mut running = Running {
        next: 0,
        format: border::result_format(),
    };
    if let Err(failure) = serve(&mut running) {
        border::fail(failure.kind, &failure.message);
    }
    // A line that was not ended would be lost with the sandbox.
    let _ = std::io::stdout().flush();
}

/// Serves a method of the actor that lives here.
pub fn method<A: Actor>(serve: impl FnOnce(&mut Running, &mut A) -> Result<(), Failure>) {
    task(|running| {
        // Out of its cell while it runs: a panic leaves none, as it should.
        let Some(mut actor) = ACTOR.take().and_then(|actor| actor.downcast::<A>().ok()) else {
            return Err(Failure::new(
                FailKind::Panic,
                format!("no actor `{}` lives here", A::NAME),
            ));
        };
        let served = serve(running, &mut actor);
        ACTOR.set(Some(actor));
        served
    });
}

impl Running {
    /// Pulls the next argument.
    ///
    /// # Errors
    /// It does not decode as a `T`.
    pub fn arg<T: FromValue>(&mut self, name: &str) -> Result<T, Failure> {
        let source = Source::Arg(self.next);
        self.next += 1;
        T::load(source).map_err(|error| {
            // What is no fault of the argument's keeps its kind.
            if error.kind() != ErrorKind::BadArgument
                && let Some(json) = error.relay()
            {
                return Failure::new(FailKind::Relayed, json);
            }
            let message = format!("argument `{name}`: {}", error.message());
            Failure::new(FailKind::BadArgument, message)
        })
    }

    /// The value of a `Result`.
    ///
    /// # Errors
    /// It is an `Err`: the program's own error, or one of another call that is passed on as it is.
    pub fn ok<R: IsResult<Err: Display + 'static>>(&self, result: R) -> Result<R::Ok, Failure> {
        result.into_result().map_err(|error| {
            let relayed = passed_on(&error).and_then(Error::relay);
            // `#` makes errors that keep their causes apart, as anyhow's do, show them all.
            relayed.map_or_else(
                || Failure::new(FailKind::Application, format!("{error:#}")),
                |json| Failure::new(FailKind::Relayed, json),
            )
        })
    }

    /// Pushes a result.
    ///
    /// # Errors
    /// It does not encode, or the host refuses it.
    pub fn result<T: ToValue + ?Sized>(&self, index: usize, value: &T) -> Result<(), Failure> {
        self.payload(value)?.set_result(index).map_err(refused)
    }

    /// Pushes a stream's items as they come.
    ///
    /// # Errors
    /// As [`result`](Self::result).
    pub fn stream<T: ToValue>(&self, items: impl IntoIterator<Item = T>) -> Result<(), Failure> {
        for item in items {
            self.payload(&item)?.add_item().map_err(refused)?;
        }
        Ok(())
    }

    /// As [`stream`](Self::stream), up to the first `Err`.
    ///
    /// # Errors
    /// As [`result`](Self::result), and an item that is an `Err`.
    pub fn try_stream<R>(&self, items: impl IntoIterator<Item = R>) -> Result<(), Failure>
    where
        R: IsResult<Ok: ToValue, Err: Display + 'static>,
    {
        for item in items {
            let item = self.ok(item)?;
            self.stream([item])?;
        }
        Ok(())
    }

    /// Makes this value the actor that lives here. It has no result: the unit value says that it is there.
    ///
    /// # Errors
    /// As [`result`](Self::result).
    pub fn install<A: Actor>(&self, actor: A) -> Result<(), Failure> {
        ACTOR.set(Some(Box::new(actor)));
        Ok(())
    }

    fn payload<'a, T: ToValue + ?Sized>(&self, value: &'a T) -> Result<Payload<'a>, Failure> {
        let payload = value.payload(self.format);
        payload.map_err(|error| Failure::new(FailKind::BadResult, error.message()))
    }
}

/// The error of this crate that an error is, or holds as a box.
fn passed_on<E: 'static>(error: &E) -> Option<&Error> {
    type Plain = Box<dyn std::error::Error>;
    type Threaded = Box<dyn std::error::Error + Send + Sync>;
    let error: &dyn std::any::Any = error;
    error
        .downcast_ref::<Error>()
        .or_else(|| error.downcast_ref::<Plain>()?.downcast_ref())
        .or_else(|| error.downcast_ref::<Threaded>()?.downcast_ref())
}

fn refused(error: Error) -> Failure {
    let kind = match error.kind() {
        ErrorKind::BadArgument | ErrorKind::BadHandle => FailKind::BadResult,
        _ => FailKind::Application,
    };
    Failure::new(kind, error.to_string())
}

/// The actor that lives in this thread, taken away.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn forget_actor() -> Option<Box<dyn Any>> {
    ACTOR.take()
}
