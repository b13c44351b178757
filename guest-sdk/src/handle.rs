//! [`Handle`]: an actor, as those who call it see it.
//!
//! The macro makes, for each actor, a hidden type with its methods ([`Actor::Methods`]); a handle gives them by `Deref`, so
//! that no trait has to be imported. [`Target`] is what those methods need: the actor and the options of the next call.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wrun_abi::{CallOptions, StopMode};

use crate::raw::Raw;
use crate::{Error, Result, border, links};

/// A type with `#[wrun::actor]`. The macro implements it.
pub trait Actor: Sized + 'static {
    /// The class's name in the manifest.
    const NAME: &'static str;

    /// The remote methods, as a handle has them.
    #[doc(hidden)]
    type Methods: From<Target> + AsRef<Target>;
}

/// An actor and the options for calls of it.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Target {
    raw: Raw,
    options: CallOptions,
}

impl Target {
    pub(crate) fn raw(&self) -> &Raw {
        &self.raw
    }

    /// What calls through this target are given.
    #[must_use]
    pub fn options(&self) -> &CallOptions {
        &self.options
    }
}

/// A living actor. It runs its methods one at a time, those of one caller in the order of the calls.
///
/// Handles are cloned, passed to tasks and put inside values like refs. When the last one is gone, the actor ends.
///
/// ```
/// use wrun::prelude::*;
///
/// #[wrun::actor]
/// struct Log(Vec<String>);
///
/// #[wrun::actor]
/// impl Log {
///     fn new() -> Self {
///         Log(Vec::new())
///     }
///     fn add(&mut self, line: String) -> usize {
///         self.0.push(line);
///         self.0.len()
///     }
/// }
///
/// #[wrun::task]
/// fn work(log: Handle<Log>) -> wrun::Result<usize> {
///     log.add("working").get()
/// }
///
/// let log = Log::remote();
/// log.add("start").get()?;
/// assert_eq!(work::remote(&log).get()?, 2);
/// # Ok::<(), wrun::Error>(())
/// ```
pub struct Handle<A: Actor> {
    methods: A::Methods,
}

impl<A: Actor> Handle<A> {
    pub(crate) fn from_raw(raw: Raw) -> Self {
        Self {
            methods: Target {
                raw,
                options: CallOptions::default(),
            }
            .into(),
        }
    }

    fn raw(&self) -> &Raw {
        self.methods.as_ref().raw()
    }

    /// Sets options for calls of methods: `counter.options().name("step").inc()`.
    #[must_use]
    pub fn options(&self) -> MethodOptions<A> {
        MethodOptions {
            methods: self.methods.as_ref().clone().into(),
        }
    }

    /// Ends the actor at once: pending calls fail, and it is not restarted.
    ///
    /// # Errors
    /// The actor was never started.
    pub fn kill(&self) -> Result<()> {
        border::actor_stop(self.raw().handle()?, StopMode::Kill)
    }

    /// Ends the actor at once as if it had died, so that `max_restarts` may restart it.
    ///
    /// # Errors
    /// The actor was never started.
    pub fn kill_and_restart(&self) -> Result<()> {
        border::actor_stop(self.raw().handle()?, StopMode::KillAndRestart)
    }

    /// Ends the actor after the calls that are pending now.
    ///
    /// # Errors
    /// The actor was never started.
    pub fn terminate(&self) -> Result<()> {
        border::actor_stop(self.raw().handle()?, StopMode::Terminate)
    }

    /// Why the actor could not even be asked for: its name is taken, or an argument did not encode. A constructor that
    /// fails later shows in the calls.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.raw().error()
    }
}

impl<A: Actor> Deref for Handle<A> {
    type Target = A::Methods;

    fn deref(&self) -> &A::Methods {
        &self.methods
    }
}

impl<A: Actor> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Self {
            methods: self.methods.as_ref().clone().into(),
        }
    }
}

impl<A: Actor> fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw().write(f, &format!("Handle<{}>", A::NAME))
    }
}

impl<A: Actor> fmt::Display for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl<A: Actor> Serialize for Handle<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        links::record(self.raw(), serializer)
    }
}

impl<'de, A: Actor> Deserialize<'de> for Handle<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        links::resolve(deserializer).map(Self::from_raw)
    }
}

/// Options for calls of an actor's methods, followed by the call: `counter.options().name("step").inc()`.
pub struct MethodOptions<A: Actor> {
    methods: A::Methods,
}

impl<A: Actor> MethodOptions<A> {
    fn __wrun_set(self, set: impl FnOnce(&mut CallOptions)) -> Self {
        let mut target = self.methods.as_ref().clone();
        set(&mut target.options);
        Self {
            methods: target.into(),
        }
    }

    crate::__option!([pub] name);
    crate::__option!([pub] timeout);
    crate::__option!([pub] max_retries);
    crate::__option!([pub] retry_errors);

    /// The methods themselves, for one that has the name of an option.
    #[must_use]
    pub fn calls(&self) -> &A::Methods {
        &self.methods
    }
}

impl<A: Actor> Deref for MethodOptions<A> {
    type Target = A::Methods;

    fn deref(&self) -> &A::Methods {
        &self.methods
    }
}

impl<A: Actor> fmt::Debug for MethodOptions<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MethodOptions")
            .field(self.methods.as_ref())
            .finish()
    }
}

/// Finds the actor that was registered with `Counter::options().name("…")`.
///
/// # Errors
/// No living actor has that name ([`NotFound`](crate::ErrorKind::NotFound)).
pub fn get_actor<A: Actor>(name: &str) -> Result<Handle<A>> {
    border::actor_get(name).map(|handle| Handle::from_raw(Raw::live(handle)))
}

/// A handle of the actor whose constructor or method runs, to give to others.
///
/// # Errors
/// No constructor or method runs here.
pub fn this_actor<A: Actor>() -> Result<Handle<A>> {
    border::actor_self().map(|handle| Handle::from_raw(Raw::live(handle)))
}
