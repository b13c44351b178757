//! The memory limit of one sandbox: all its memories and tables together.
//!
//! [`MemoryLimits`] is asked by Wasmtime before each growth, the first sizes included. What it allows is charged to the
//! account until the sandbox is dropped; what it refuses it remembers, so that a guest that then gives up is told why.

use std::sync::Arc;

use crate::{
    rt::guard::Guard,
    tenant::{Account, Charge, OverLimit, Resource},
    types::{ErrorKind, TaskError},
};

/// What to do about the limit of one sandbox.
pub(super) const RAISE: &str = "raise it with the call option `memory`, or where that may not have more with `--memory-limit` (on a server `memory_limit`, and the tenant's `memory`)";

/// Elements that a table has at most: one instruction goes over all of them, and nothing interrupts it.
pub(super) const TABLE_ELEMENTS: usize = 32 << 20;

/// What a table's element takes in the host.
const TABLE_ELEMENT_BYTES: u64 = 8;

#[derive(Debug)]
pub(super) struct MemoryLimits {
    limit: u64,
    charge: Charge,
    /// Part of the charge that no memory or table has at present.
    spare: u64,
    /// The last growth that was allowed, given back if it fails all the same.
    last: u64,
    /// The linear memory is at most as large.
    memory: usize,
    refused: Option<Refusal>,
}

/// A growth that was not allowed.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    wanted: u64,
    limit: u64,
    over: Option<OverLimit>,
}

impl Refusal {
    /// The error of a sandbox that could not go on without that memory.
    pub(super) fn error(&self) -> TaskError {
        let message = match &self.over {
            None => format!(
                "out of memory: the sandbox wanted {} of memory and its limit is {}; {RAISE}",
                size(self.wanted),
                size(self.limit),
            ),
            Some(over) => format!(
                "out of memory: the sandbox wanted {} of memory; {over}",
                size(self.wanted)
            ),
        };
        TaskError::new(ErrorKind::MemoryLimit, message)
    }
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        n if n >= 1 << 20 && n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        n if n >= 1 << 10 && n % (1 << 10) == 0 => format!("{} KiB", n >> 10),
        n => format!("{n} bytes"),
    }
}

impl MemoryLimits {
    pub(super) fn new(limit: u64, account: &Arc<Account>) -> Result<Self, OverLimit> {
        let charge = account.charge(Resource::SandboxBytes, 0)?;
        Ok(Self {
            limit,
            charge,
            spare: 0,
            last: 0,
            memory: 0,
            refused: None,
        })
    }

    /// Bytes of all memories and tables now.
    pub(super) fn bytes(&self) -> u64 {
        self.charge.amount()
    }

    /// How large the linear memory is; more if it once could not grow as it was allowed to.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// The memories and tables are gone for a while. What they had stays charged, so that it can be had again.
    pub(super) fn keep(&mut self) {
        self.spare = self.charge.amount();
        self.memory = 0;
    }

    /// Forgets earlier refusals: a new call begins.
    pub(super) fn begin(&mut self) {
        self.refused = None;
    }

    /// The last refusal of this call.
    pub(super) fn refused(&self) -> Option<&Refusal> {
        self.refused.as_ref()
    }

    /// Sets the last refusal and gives the one before.
    pub(super) fn set_refusal(&mut self, refusal: Option<Refusal>) -> Option<Refusal> {
        std::mem::replace(&mut self.refused, refusal)
    }

    fn grow(&mut self, current: usize, desired: usize, element: u64) -> bool {
        let bytes = |n: usize| u64::try_from(n).unwrap_or(u64::MAX).saturating_mul(element);
        let more = bytes(desired).saturating_sub(bytes(current));
        let kept = more.min(self.spare);
        let more = more - kept;
        let wanted = self.bytes().saturating_add(more);
        let refusal = if wanted > self.limit && Guard::MemoryLimit.stands() {
            Refusal {
                wanted,
                limit: self.limit,
                over: None,
            }
        } else if let Err(over) = self.charge.grow(more) {
            Refusal {
                wanted,
                limit: self.limit,
                over: Some(over),
            }
        } else {
            self.spare -= kept;
            self.last = more;
            return true;
        };
        self.refused = Some(refusal);
        false
    }

    fn failed(&mut self) {
        self.charge.shrink(std::mem::take(&mut self.last));
    }
}

impl wasmtime::ResourceLimiter for MemoryLimits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The module's own maximum is not our limit: the growth fails, and the guest knows why.
        let grows =
            maximum.is_none_or(|maximum| desired <= maximum) && self.grow(current, desired, 1);
        if grows {
            self.memory = self.memory.max(desired);
        }
        Ok(grows)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.failed();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum)
            && (desired <= TABLE_ELEMENTS || !Guard::MemoryLimit.stands())
            && self.grow(current, desired, TABLE_ELEMENT_BYTES))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.failed();
        Ok(())
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }
}
