//! A call, before it runs: what to run, on what, how.
//!
//! `R` is how it refers to objects and actors: counted references inside the host, ids once it is written down.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wrun_abi::CallOptions;

use super::Blob;

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target<R> {
    /// A task by its name.
    Task(Arc<str>),
    /// The constructor of a class.
    Constructor(Arc<str>),
    /// A method of a living actor.
    Method(R, Arc<str>),
    /// A function of the host by its name.
    Host(Arc<str>),
}

/// The bytes of a value and what it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueData<R> {
    /// The encoded value; the first byte tells its format.
    pub bytes: Blob,
    /// What it refers to, by position.
    pub refs: Vec<R>,
}

impl<R> ValueData<R> {
    /// A value that refers to nothing.
    #[must_use]
    pub fn plain(bytes: impl Into<Blob>) -> Self {
        Self {
            bytes: bytes.into(),
            refs: Vec::new(),
        }
    }
}

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arg<R> {
    /// This value.
    Value(ValueData<R>),
    /// The value of this object, when it is there.
    Object(R),
}

/// One call.
#[derive(Debug, Clone)]
pub struct CallSpec<R> {
    /// What is called.
    pub target: Target<R>,
    /// The arguments, in order.
    pub args: Vec<Arg<R>>,
    /// What the caller set.
    pub options: CallOptions,
}
