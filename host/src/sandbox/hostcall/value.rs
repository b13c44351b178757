//! Arguments and results: values on their way into a guest and out of it.

use bytes::Bytes;
use wasmtime::Caller;

use super::{
    Answer, MAX_ITEMS, MAX_VALUE_BYTES, Stop, encode, handle_range, large, memory_and_state, now,
    range, small,
};
use crate::{
    sandbox::{HostServices, fault::Violation, instance::State},
    store::{Resource, Value},
    types::ErrorKind,
};

/// Where a value is in guest memory: its bytes (pointer, length) and its handles (pointer, count).
pub(super) type At = [u32; 4];

fn argument<S>(state: &State<S>, function: &'static str, index: u32) -> wasmtime::Result<Value> {
    let args = &state.call.args;
    let missing = || {
        wasmtime::Error::new(Violation::NoArgument {
            function,
            index,
            count: args.len(),
        })
    };
    args.get(large(index)).cloned().ok_or_else(missing)
}

pub(super) fn arg_count<S: HostServices>(caller: Caller<'_, State<S>>) -> u32 {
    small(caller.data().call.args.len())
}

pub(super) fn arg_len<S: HostServices>(
    caller: Caller<'_, State<S>>,
    index: u32,
) -> wasmtime::Result<u32> {
    Ok(small(
        argument(caller.data(), "arg_len", index)?.bytes().len(),
    ))
}

pub(super) fn arg_read<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    index: u32,
    offset: u32,
    ptr: u32,
    len: u32,
) -> wasmtime::Result<u32> {
    let (memory, state) = memory_and_state(&mut caller, "arg_read")?;
    let value = argument(state, "arg_read", index)?;
    let target = range(memory, "arg_read", ptr, len)?;
    Ok(read(&value, u64::from(offset), &mut memory[target]))
}

pub(super) fn arg_refs<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    index: u32,
    ptr: u32,
    cap: u32,
) -> wasmtime::Result<i32> {
    let value = argument(caller.data(), "arg_refs", index)?;
    encode(write_refs(&mut caller, "arg_refs", &value, ptr, cap))
}

/// Copies what there is from `offset` on.
pub(super) fn read(value: &Value, offset: u64, target: &mut [u8]) -> u32 {
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| value.bytes().get(offset..))
        .unwrap_or_default();
    let n = rest.len().min(target.len());
    target[..n].copy_from_slice(&rest[..n]);
    small(n)
}

/// Makes a handle for each reference of a value if there is room for all, and gives their number.
pub(super) fn write_refs<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    function: &'static str,
    value: &Value,
    ptr: u32,
    cap: u32,
) -> Result<u32, Stop> {
    let (memory, state) = memory_and_state(caller, function)?;
    let target = handle_range(memory, function, ptr, cap)?;
    let count = small(value.ref_count());
    if cap < count || count == 0 {
        return Ok(count);
    }
    insert_all(state, value.refs(), &mut memory[target])
}

/// Makes handles, all or none, and writes them; gives their number.
pub(super) fn insert_all<S>(
    state: &mut State<S>,
    resources: Vec<Resource>,
    target: &mut [u8],
) -> Result<u32, Stop> {
    let n = small(resources.len());
    if let Err(e) = state.handles.reserve(resources.len()) {
        return Err(state.stop(wrun_abi::Status::Limit, ErrorKind::Limit, e.to_string()));
    }
    for (resource, place) in resources.into_iter().zip(target.as_chunks_mut::<4>().0) {
        match state.handles.insert(resource) {
            Ok(handle) => *place = handle.to_le_bytes(),
            Err(e) => {
                return Err(state.stop(wrun_abi::Status::Limit, ErrorKind::Limit, e.to_string()));
            }
        }
    }
    Ok(n)
}

/// Makes one handle.
pub(super) fn insert_one<S>(state: &mut State<S>, resource: Resource) -> Result<u32, Stop> {
    match state.handles.insert(resource) {
        Ok(handle) => Ok(handle),
        Err(e) => Err(state.stop(wrun_abi::Status::Limit, ErrorKind::Limit, e.to_string())),
    }
}

/// What the handles name, for a value that refers to them: objects and actors.
pub(super) fn resolve<S>(
    state: &mut State<S>,
    function: &'static str,
    handles: impl Iterator<Item = u32>,
) -> Result<Vec<Resource>, Stop> {
    let mut resources = Vec::with_capacity(handles.size_hint().0);
    for handle in handles {
        match state.handles.get(handle) {
            Some(resource @ (Resource::Object(_) | Resource::Actor(_))) => {
                resources.push(resource.clone())
            }
            _ => return Err(state.bad_handle(function, handle, "an object or actor")),
        }
    }
    Ok(resources)
}

/// Copies a value out of guest memory.
pub(super) fn take<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    function: &'static str,
    [ptr, len, refs, nrefs]: At,
) -> Result<(Bytes, Vec<Resource>), Stop> {
    let (memory, state) = memory_and_state(caller, function)?;
    let bytes = range(memory, function, ptr, len)?;
    let handles = handle_range(memory, function, refs, nrefs)?;
    check_size(state, function, len, large(nrefs))?;
    let resources = resolve(state, function, wrun_abi::call::handles(&memory[handles]))?;
    Ok((Bytes::copy_from_slice(&memory[bytes]), resources))
}

/// A value has a format byte and is not larger than one may be.
pub(super) fn check_size<S>(
    state: &mut State<S>,
    function: &str,
    len: u32,
    nrefs: usize,
) -> Result<(), Stop> {
    if len == 0 {
        return Err(state.bad_argument(format!(
            "`{function}`: a value has at least its format byte"
        )));
    }
    if len > MAX_VALUE_BYTES || nrefs > MAX_ITEMS {
        let message = format!(
            "`{function}`: a value of {len} bytes and {nrefs} references; at most {MAX_VALUE_BYTES} bytes and {MAX_ITEMS} references are allowed"
        );
        return Err(state.stop(wrun_abi::Status::Limit, ErrorKind::Limit, message));
    }
    Ok(())
}

pub(super) fn result_format<S: HostServices>(caller: Caller<'_, State<S>>) -> u32 {
    u32::from(caller.data().call.result_format)
}

pub(super) fn result_write<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    index: u32,
    at: At,
) -> Answer<'_, i32> {
    let wanted = caller.data().call.results.len();
    let taken = match take(&mut caller, "result_write", at) {
        Ok(_) if large(index) >= wanted => {
            let message = format!("`result_write`: result {index} of a call that has {wanted}");
            Err(caller.data_mut().bad_argument(message))
        }
        taken => taken,
    };
    let (bytes, refs) = match taken {
        Ok(taken) => taken,
        Err(stop) => return now(encode(Err(stop))),
    };
    Box::new(async move {
        let state = caller.data_mut();
        // A failed call has no results.
        if state.call.failure.is_some() {
            return Ok(0);
        }
        let result = match state.services.value(bytes, refs).await {
            Ok(value) => {
                state.call.results[large(index)] = Some(value);
                Ok(0)
            }
            Err(error) => Err(state.refused(error)),
        };
        encode(result)
    })
}

pub(super) fn yield_write<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    at: At,
) -> Answer<'_, i32> {
    let (bytes, refs) = match take(&mut caller, "yield_write", at) {
        Ok(taken) => taken,
        Err(stop) => return now(encode(Err(stop))),
    };
    Box::new(async move {
        let state = caller.data_mut();
        state.output.try_flush();
        let made = state.services.value(bytes, refs).await;
        let result = match made {
            Ok(value) => state.services.yield_item(value).await,
            Err(error) => Err(error),
        };
        encode(result.map(|()| 0).map_err(|error| state.refused(error)))
    })
}
