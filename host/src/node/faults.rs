//! Faults made on purpose, so that what follows from a failure of the host itself can be tested.
//!
//! On one node a system failure is a host bug that was caught, memory that the operating system refused, or a restart.
//! None of them can be made to order, so tests switch them on here; nothing else does.

use std::{fmt, sync::Arc};

/// A failure of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The host panics in the middle of the call.
    HostBug,
    /// The operating system refuses memory for the sandbox.
    MemoryRefused,
    /// The node restarts: the call is gone.
    Restart,
}

type Plan = dyn Fn(&str, u32) -> Option<Fault> + Send + Sync;

/// Which attempts fail, and how: asked with a call's name and attempt. The default is none.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Plan>>);

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Faults(planned)"
        } else {
            "Faults(none)"
        })
    }
}

impl Faults {
    /// Fails the attempts for which `plan` gives a fault.
    pub fn new(plan: impl Fn(&str, u32) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(plan)))
    }

    pub(crate) fn strike(&self, name: &str, attempt: u32) -> Option<Fault> {
        self.0.as_ref().and_then(|plan| plan(name, attempt))
    }
}
