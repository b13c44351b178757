//! Views: objects and arguments that a guest sees in its own memory. `sandbox/views.rs` does the mapping.

use wasmtime::{Caller, Memory};
use wrun_abi::Status;

use super::{Answer, Stop, encode, large, memory, now, object, value};
use crate::{
    sandbox::{
        HostServices,
        instance::State,
        views::{Region, Slot, Views, Window},
    },
    store::{Contents, MemFile, Value},
    tenant::Resource,
    types::{ErrorKind, TaskError},
};

pub(super) fn view<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    handle: u32,
    offset: u64,
    len: u32,
) -> Answer<'_, i64> {
    let value = object::ready(caller.data_mut(), "view", handle);
    answer(caller, "view", value, offset, len)
}

pub(super) fn arg_view<S: HostServices>(
    caller: Caller<'_, State<S>>,
    index: u32,
    offset: u64,
    len: u32,
) -> Answer<'_, i64> {
    let value = value::argument(caller.data(), "arg_view", index).map_err(Stop::Fault);
    answer(caller, "arg_view", value, offset, len)
}

pub(super) fn view_release<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    pointer: u32,
) -> wasmtime::Result<i32> {
    let state = caller.data_mut();
    if state.views.release(large(pointer)) {
        return Ok(0);
    }
    let message = format!("`view_release`: there is no view at {pointer:#x}");
    encode(Err(state.bad_argument(message)))
}

fn answer<'c, S: HostServices>(
    mut caller: Caller<'c, State<S>>,
    function: &'static str,
    value: Result<Value, Stop>,
    offset: u64,
    len: u32,
) -> Answer<'c, i64> {
    let state = caller.data_mut();
    let value = value.and_then(|value| check(state, function, value, offset, len));
    let value = match value {
        Ok(value) if value.is_large() => value,
        Ok(_) => return now(wide(Ok(None))),
        Err(stop) => return now(wide(Err(stop))),
    };
    Box::new(async move {
        let state = caller.data_mut();
        let contents = match value.resident() {
            Some(contents) => Ok(Some(contents)),
            None => state.services.bring_back(&value).await,
        };
        let file = match contents {
            Ok(Some(Contents::File(_, file))) => file,
            Ok(_) => return wide(Ok(None)),
            Err(error) => return wide(Err(caller.data_mut().refused(error))),
        };
        let has_room = caller.data().views.has_room();
        match Window::of(&file, offset, len.into()).filter(|_| has_room) {
            Some(window) => wide(show(&mut caller, function, file, window).await),
            None => wide(Ok(None)),
        }
    })
}

/// A pointer, or why there is none.
fn wide(result: Result<Option<usize>, Stop>) -> wasmtime::Result<i64> {
    match result {
        Ok(Some(pointer)) => Ok(i64::try_from(pointer).expect("a 32-bit memory")),
        Ok(None) => Ok(Status::Copy.code().into()),
        Err(stop) => encode(Err(stop)).map(i64::from),
    }
}

/// Checks what is wanted.
fn check<S>(
    state: &mut State<S>,
    function: &str,
    value: Value,
    offset: u64,
    len: u32,
) -> Result<Value, Stop> {
    let payload = value.len().saturating_sub(1);
    let len = u64::from(len);
    if offset.checked_add(len).is_none_or(|end| end > payload) {
        let message =
            format!("`{function}`: {len} bytes at {offset} of a value that has {payload}");
        return Err(state.bad_argument(message));
    }
    Ok(value)
}

/// Finds a region for the window, or makes one, and shows it there.
async fn show<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    function: &'static str,
    file: MemFile,
    window: Window,
) -> Result<Option<usize>, Stop> {
    let memory = memory(caller, function)?;
    let state = caller.data_mut();
    // All of it, since the guest can make each of its pages its own.
    let account = state.services.account();
    let charge = match account.charge(Resource::ViewBytes, window.bytes() as u64) {
        Ok(charge) => charge,
        Err(over) => {
            let error = TaskError::new(ErrorKind::Limit, format!("`{function}`: {over}"));
            return Err(state.refused(error));
        }
    };
    let region = match state.views.take_free(window.bytes()) {
        Some(region) => Some(region),
        None => {
            let end = memory.data_ptr(&*caller).addr() + memory.data_size(&*caller);
            let pad = Views::pad(end, &file, window);
            let region = grow(caller, function, memory, pad + window.bytes()).await?;
            let views = &mut caller.data_mut().views;
            region.map(|region| views.without(region, pad))
        }
    };
    let slot = Slot {
        base: memory.data_ptr(&*caller).expose_provenance(),
        size: memory.data_size(&*caller),
    };
    let views = &mut caller.data_mut().views;
    Ok(region.and_then(|region| views.map(slot, region, file, window, charge)))
}

/// Adds to the guest's memory, which is charged as if the guest had done so.
async fn grow<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    function: &'static str,
    memory: Memory,
    bytes: usize,
) -> Result<Option<Region>, Stop> {
    let page = memory.page_size(&*caller);
    let earlier = caller.data_mut().limits.set_refusal(None);
    let pages = (bytes as u64).div_ceil(page);
    let grown = memory.grow_async(&mut *caller, pages).await;
    let after = memory.data_size(&*caller);
    let state = caller.data_mut();
    let Ok(before) = grown else {
        let refusal = state.limits.refused().cloned();
        let error = match refusal {
            Some(refusal) => refusal.error(),
            None => TaskError::new(
                ErrorKind::MemoryLimit,
                format!(
                    "`{function}`: a view of {bytes} bytes: the memory has {after} bytes and can't grow so far; view a smaller window, or drop other views first"
                ),
            ),
        };
        return Err(state.refused(error));
    };
    state.limits.set_refusal(earlier);
    let before = usize::try_from(before * page).expect("it was the memory's size");
    Ok(Views::added(before, after))
}
