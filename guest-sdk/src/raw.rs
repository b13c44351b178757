//! A counted handle.
//!
//! [`Raw`] is what an [`ObjectRef`](crate::ObjectRef), a [`Handle`](crate::Handle) or a stream holds: the number that the
//! border gave, released when the last clone drops. A call that could not even be started gives a *broken* one, which
//! holds the error and no number; whoever asks for its value gets that error.

use std::sync::Arc;

use crate::{Error, Result, border};

/// A handle, or the error that took its place.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    inner: Arc<Inner>,
}

#[derive(Debug)]
enum Inner {
    Live(u32),
    Broken(Error),
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Self::Live(handle) = self {
            border::release(&[*handle]);
        }
    }
}

impl Raw {
    /// Takes over a handle that the border gave.
    pub(crate) fn live(handle: u32) -> Self {
        Self {
            inner: Arc::new(Inner::Live(handle)),
        }
    }

    /// Stands for something that was never made.
    pub(crate) fn broken(error: Error) -> Self {
        Self {
            inner: Arc::new(Inner::Broken(error)),
        }
    }

    /// The handle, or why there is none.
    pub(crate) fn handle(&self) -> Result<u32> {
        match &*self.inner {
            Inner::Live(handle) => Ok(*handle),
            Inner::Broken(error) => Err(error.clone()),
        }
    }

    /// Why there is no handle.
    pub(crate) fn error(&self) -> Option<&Error> {
        match &*self.inner {
            Inner::Live(_) => None,
            Inner::Broken(error) => Some(error),
        }
    }

    /// Writes it as `Name(7)`.
    pub(crate) fn write(&self, f: &mut std::fmt::Formatter<'_>, name: &str) -> std::fmt::Result {
        match &*self.inner {
            Inner::Live(handle) => write!(f, "{name}({handle})"),
            Inner::Broken(_) => write!(f, "{name}(failed)"),
        }
    }
}
