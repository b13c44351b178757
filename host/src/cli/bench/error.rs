//! Why a row has no number.

use std::io;

use thiserror::Error;

use crate::{
    node::{StartError, SubmitError},
    sandbox::LoadError,
    types::TaskError,
};

/// Why a row could not be measured.
#[derive(Debug, Error)]
pub(in crate::cli) enum RowError {
    /// There is nothing to run.
    #[error("this wrun was built without the guests of `wrun bench`: {0}")]
    NoGuests(&'static str),
    /// A case did not do what it should.
    #[error("{0}")]
    Wrong(String),
    /// The operating system refused something.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What came of it.
        error: io::Error,
    },
    /// The runtime did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A guest did not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A job did not start.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A call failed.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// Bare Wasmtime failed.
    #[error("bare Wasmtime: {0:#}")]
    Wasmtime(#[from] wasmtime::Error),
}

impl RowError {
    /// A case did not do what it should.
    pub(super) fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong(what.into())
    }

    /// For `map_err`: what was tried when the operating system refused.
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { what, error }
    }
}
