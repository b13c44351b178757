//! The functions of module `wrun`: each decodes, calls a service and encodes the answer. `ABI.md` describes them.
//!
//! Functions that never wait are plain ones. Those that may wait answer at once when they can (`now`, which allocates a
//! few bytes) and make a future otherwise. A bad range of guest memory ends the guest; anything else that is wrong gets a
//! negative status, with [`last_error`](error) telling more. Ranges and counts are checked before anything is copied.

pub(super) mod actor;
pub(super) mod error;
pub(super) mod object;
pub(super) mod signatures;
pub(super) mod task;
pub(super) mod value;
pub(super) mod view;

use std::{
    cell::Cell,
    future::Future,
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use wasmtime::{Caller, Extern, Linker, Memory};
use wrun_abi::{IMPORT_MODULE, Status};

use self::value::At;
use super::{HostServices, fault::Violation, instance::State};
use crate::{
    rt::guard::Guard,
    types::{ErrorKind, TaskError},
};

/// At most so many handles, or calls with their arguments and references, in one host call.
pub(super) const MAX_ITEMS: usize = 1 << 20;
/// At most so many bytes in one value: as many as `arg_len` can tell.
pub(super) const MAX_VALUE_BYTES: u32 = i32::MAX.cast_unsigned();

/// What a function that may wait gives.
pub(super) type Answer<'a, T> = Box<dyn Future<Output = wasmtime::Result<T>> + Send + 'a>;

/// An answer without waiting.
pub(super) fn now<'a, T: Send + 'a>(answer: wasmtime::Result<T>) -> Answer<'a, T> {
    Box::new(std::future::ready(answer))
}

thread_local! {
    /// What the [`Known`] that was made last on this thread gives.
    static KNOWN: Cell<Option<i32>> = const { Cell::new(None) };
}

/// An answer that takes no memory of its own, so that boxing it allocates nothing: Wasmtime polls what a host function
/// gives at once, where it was called.
struct Known;

impl Future for Known {
    type Output = wasmtime::Result<i32>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let lost = || wasmtime::Error::msg("the answer of a host function was lost (a host bug)");
        Poll::Ready(KNOWN.take().ok_or_else(lost))
    }
}

/// As [`now`], without an allocation.
pub(super) fn at_once<'a>(answer: Result<u32, Stop>) -> Answer<'a, i32> {
    match encode(answer) {
        Ok(number) => {
            KNOWN.set(Some(number));
            Box::new(Known)
        }
        fault => now(fault),
    }
}

/// Ends a function early with a status for the guest or a fault that ends it.
pub(super) enum Stop {
    Status(Status),
    Fault(wasmtime::Error),
}

impl From<wasmtime::Error> for Stop {
    fn from(error: wasmtime::Error) -> Self {
        Self::Fault(error)
    }
}

/// What a host function gives its guest: a number, or why there is none.
pub(super) fn encode(result: Result<u32, Stop>) -> wasmtime::Result<i32> {
    match result {
        Ok(number) => Ok(i32::try_from(number).unwrap_or(i32::MAX)),
        Err(Stop::Status(status)) => Ok(status.code()),
        Err(Stop::Fault(error)) => Err(error),
    }
}

/// The range of `len` bytes at `ptr`, if it is inside the memory.
pub(super) fn range(
    memory: &[u8],
    function: &'static str,
    ptr: u32,
    len: u32,
) -> wasmtime::Result<Range<usize>> {
    wide_range(memory, function, ptr, u64::from(len))
}

fn wide_range(
    memory: &[u8],
    function: &'static str,
    ptr: u32,
    len: u64,
) -> wasmtime::Result<Range<usize>> {
    let end = u64::from(ptr)
        .checked_add(len)
        .and_then(|end| usize::try_from(end).ok());
    match (usize::try_from(ptr), end) {
        (Ok(start), Some(end)) if end <= memory.len() || !Guard::PointerRange.stands() => {
            Ok(start..end)
        }
        _ => Err(wasmtime::Error::new(Violation::BadRange {
            function,
            ptr,
            len,
            memory: memory.len(),
        })),
    }
}

/// The range of `n` handles at `ptr`.
pub(super) fn handle_range(
    memory: &[u8],
    function: &'static str,
    ptr: u32,
    n: u32,
) -> wasmtime::Result<Range<usize>> {
    wide_range(memory, function, ptr, u64::from(n) * 4)
}

/// The guest's memory and the sandbox's state.
pub(super) fn memory_and_state<'c, S: HostServices>(
    caller: &'c mut Caller<'_, State<S>>,
    function: &'static str,
) -> wasmtime::Result<(&'c mut [u8], &'c mut State<S>)> {
    let memory = memory(caller, function)?;
    Ok(memory.data_and_store_mut(caller))
}

fn memory<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    function: &'static str,
) -> wasmtime::Result<Memory> {
    // During instantiation nobody has looked the memory up yet.
    if caller.data().memory.is_none() {
        let memory = caller.get_export("memory").and_then(Extern::into_memory);
        caller.data_mut().memory = memory;
    }
    let memory = caller.data().memory;
    memory.ok_or_else(|| wasmtime::Error::new(Violation::NoMemory { function }))
}

/// A negative number of nanoseconds means no limit.
pub(super) fn timeout(ns: i64) -> Option<Duration> {
    u64::try_from(ns).ok().map(Duration::from_nanos)
}

/// A length or count as the guest sees it.
pub(super) fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

pub(super) fn large(n: u32) -> usize {
    usize::try_from(n).expect("wrun runs on 64-bit hosts")
}

impl<S> State<S> {
    /// A status with an error of its own for `last_error`.
    pub(super) fn stop(
        &mut self,
        status: Status,
        kind: ErrorKind,
        message: impl Into<String>,
    ) -> Stop {
        self.last_error.set(TaskError::new(kind, message));
        Stop::Status(status)
    }

    pub(super) fn bad_argument(&mut self, message: impl Into<String>) -> Stop {
        self.stop(Status::BadArgument, ErrorKind::BadArgument, message)
    }

    pub(super) fn bad_handle(&mut self, function: &str, handle: u32, wanted: &str) -> Stop {
        let message = format!("`{function}`: {handle} is no handle of {wanted} in this sandbox");
        self.stop(Status::BadHandle, ErrorKind::BadHandle, message)
    }

    /// The status that goes with a service's error.
    pub(super) fn refused(&mut self, error: TaskError) -> Stop {
        let status = match error.kind {
            ErrorKind::BadArgument | ErrorKind::BadResult => Status::BadArgument,
            ErrorKind::NotFound => Status::NotFound,
            ErrorKind::Exists => Status::Exists,
            ErrorKind::Limit | ErrorKind::MemoryLimit | ErrorKind::Unschedulable => Status::Limit,
            ErrorKind::WouldDeadlock => Status::WouldDeadlock,
            ErrorKind::BadHandle => Status::BadHandle,
            ErrorKind::Timeout => Status::Timeout,
            _ => Status::Failed,
        };
        self.last_error.set(error);
        Stop::Status(status)
    }
}

const M: &str = IMPORT_MODULE;

/// Adds module `wrun` to the linker.
pub(super) fn add_to_linker<S: HostServices>(
    linker: &mut Linker<State<S>>,
) -> wasmtime::Result<()> {
    add_calls(linker)?;
    add_objects(linker)?;
    add_plain(linker)
}

fn add_calls<S: HostServices>(linker: &mut Linker<State<S>>) -> wasmtime::Result<()> {
    linker.func_wrap(M, "arg_count", value::arg_count::<S>)?;
    linker.func_wrap(M, "arg_len", value::arg_len::<S>)?;
    linker.func_wrap_async(
        M,
        "arg_read",
        |c, (index, offset, ptr, len): (u32, u32, u32, u32)| {
            value::arg_read(c, index, offset, ptr, len)
        },
    )?;
    linker.func_wrap(M, "arg_refs", value::arg_refs::<S>)?;
    linker.func_wrap(M, "result_format", value::result_format::<S>)?;
    linker.func_wrap_async(
        M,
        "result_write",
        |c, (index, ptr, len, refs, nrefs): (u32, u32, u32, u32, u32)| {
            value::result_write(
                c,
                index,
                At::encoded("result_write", [ptr, len, refs, nrefs]),
            )
        },
    )?;
    linker.func_wrap_async(
        M,
        "yield_write",
        |c, (ptr, len, refs, nrefs): (u32, u32, u32, u32)| {
            value::yield_write(c, At::encoded("yield_write", [ptr, len, refs, nrefs]))
        },
    )?;
    linker.func_wrap(M, "fail", error::fail::<S>)?;
    linker.func_wrap(M, "last_error", error::last_error::<S>)?;
    linker.func_wrap_async(
        M,
        "spawn",
        |c, (ptr, len, out, cap): (u32, u32, u32, u32)| task::spawn(c, ptr, len, out, cap),
    )?;
    linker.func_wrap(M, "cancel", task::cancel::<S>)?;
    linker.func_wrap_async(M, "sleep", |c, (ns,): (i64,)| task::sleep(c, ns))?;
    linker.func_wrap(M, "context", task::context::<S>)?;
    Ok(())
}

fn add_objects<S: HostServices>(linker: &mut Linker<State<S>>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        M,
        "put",
        |c, (ptr, len, refs, nrefs): (u32, u32, u32, u32)| {
            object::put(c, At::encoded("put", [ptr, len, refs, nrefs]))
        },
    )?;
    linker.func_wrap_async(M, "get", |c, (ptr, n, timeout): (u32, u32, i64)| {
        object::get(c, ptr, n, timeout)
    })?;
    linker.func_wrap(M, "object_len", object::object_len::<S>)?;
    linker.func_wrap_async(
        M,
        "object_read",
        |c, (handle, offset, ptr, len): (u32, u64, u32, u32)| {
            object::object_read(c, handle, offset, ptr, len)
        },
    )?;
    linker.func_wrap(M, "object_refs", object::object_refs::<S>)?;
    linker.func_wrap_async(
        M,
        "wait",
        |c, (ptr, n, min, max, timeout, out): (u32, u32, u32, u32, i64, u32)| {
            object::wait(
                c,
                object::Wait {
                    ptr,
                    n,
                    min,
                    max,
                    timeout,
                    out,
                },
            )
        },
    )?;
    linker.func_wrap(M, "release", object::release::<S>)?;
    linker.func_wrap(M, "actor_self", actor::actor_self::<S>)?;
    linker.func_wrap(M, "actor_get", actor::actor_get::<S>)?;
    linker.func_wrap(M, "actor_stop", actor::actor_stop::<S>)?;
    linker.func_wrap_async(M, "stream_next", |c, (h, timeout): (u32, i64)| {
        actor::stream_next(c, h, timeout)
    })?;
    Ok(())
}

fn add_plain<S: HostServices>(linker: &mut Linker<State<S>>) -> wasmtime::Result<()> {
    linker.func_wrap_async(M, "put_plain", |c, (ptr, len): (u32, u32)| {
        object::put(c, At::plain("put_plain", ptr, len))
    })?;
    linker.func_wrap_async(
        M,
        "result_plain",
        |c, (index, ptr, len): (u32, u32, u32)| {
            value::result_write(c, index, At::plain("result_plain", ptr, len))
        },
    )?;
    linker.func_wrap_async(M, "yield_plain", |c, (ptr, len): (u32, u32)| {
        value::yield_write(c, At::plain("yield_plain", ptr, len))
    })?;
    linker.func_wrap_async(M, "view", |c, (h, offset, len): (u32, u64, u32)| {
        view::view(c, h, offset, len)
    })?;
    linker.func_wrap_async(M, "arg_view", |c, (i, offset, len): (u32, u64, u32)| {
        view::arg_view(c, i, offset, len)
    })?;
    linker.func_wrap(M, "view_release", view::view_release::<S>)?;
    Ok(())
}
