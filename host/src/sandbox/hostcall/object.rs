//! Objects: put, get, read, wait, release.

use rustc_hash::FxHashSet;
use wasmtime::Caller;
use wrun_abi::{Status, call::handles};

use super::{
    Answer, MAX_ITEMS, Stop, encode, handle_range, large, memory_and_state, now, range, small,
    timeout,
    value::{self, At, Near, Written},
};
use crate::{
    sandbox::{HostServices, handles::place, instance::State},
    store::{Readiness, Resource, Value, Waitable, Waiting},
    tenant::{Charge, Resource::QueuedBytes},
    types::ErrorKind,
};

/// What the host keeps for each handle that a call waits for, about.
const WAIT_BYTES: u64 = 40;
/// Waits for up to so many are part of the sandbox; those for more are charged.
const FREE_WAITS: u32 = 256;

/// Up to so many handles are compared with each other; beyond, a set finds those that are there twice.
const FEW: usize = 8;

pub(super) fn put<S: HostServices>(mut caller: Caller<'_, State<S>>, at: At) -> Answer<'_, i32> {
    let written = match value::check(&mut caller, at) {
        Ok(written) => written,
        Err(stop) => return now(encode(Err(stop))),
    };
    let state = caller.data_mut();
    if let Err(e) = state.handles.reserve(1) {
        let stop = state.stop(Status::Limit, ErrorKind::Limit, e.to_string());
        return now(encode(Err(stop)));
    }
    match written.room_now(state) {
        Ok(Some(charge)) => now(encode(put_in(&mut caller, written, charge))),
        Err(stop) => now(encode(Err(stop))),
        Ok(None) => Box::new(async move {
            encode(match written.room(caller.data_mut()).await {
                Ok(charge) => put_in(&mut caller, written, charge),
                Err(stop) => Err(stop),
            })
        }),
    }
}

fn put_in<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    written: Written,
    charge: Charge,
) -> Result<u32, Stop> {
    let value = written.store(caller, charge)?;
    let state = caller.data_mut();
    let object = state.services.put(value);
    let object = object.map_err(|error| state.refused(error))?;
    value::insert_one(state, Resource::Object(object))
}

/// Checks the number of handles of one host call.
fn check_count<S>(state: &mut State<S>, function: &str, n: u32) -> Result<(), Stop> {
    if large(n) > MAX_ITEMS {
        let message = format!("`{function}`: {n} handles at once; at most {MAX_ITEMS} are allowed");
        return Err(state.stop(Status::Limit, ErrorKind::Limit, message));
    }
    Ok(())
}

/// Room for what the host keeps while a call waits for so many handles.
fn room_to_wait<S: HostServices>(
    state: &mut State<S>,
    function: &str,
    n: u32,
) -> Result<Option<Charge>, Stop> {
    if n <= FREE_WAITS {
        return Ok(None);
    }
    let bytes = u64::from(n) * WAIT_BYTES;
    let charge = state.services.account().charge(QueuedBytes, bytes);
    charge.map(Some).map_err(|over| {
        let message = format!("`{function}`: {n} handles at once: {over}");
        state.stop(Status::Limit, ErrorKind::Limit, message)
    })
}

pub(super) fn get<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    ptr: u32,
    n: u32,
    ns: i64,
) -> Answer<'_, i32> {
    match look(&mut caller, ptr, n) {
        Ok(Look::AllThere) => now(Ok(0)),
        Ok(Look::Missing) if ns == 0 => now(Ok(Status::Timeout.code())),
        Ok(Look::Missing) => Box::new(async move {
            let _room = match room_to_wait(caller.data_mut(), "get", n) {
                Ok(room) => room,
                Err(stop) => return encode(Err(stop)),
            };
            let objects = objects(&mut caller, ptr, n)?;
            let state = caller.data_mut();
            state.output.try_flush();
            let waiting = Waiting::for_all(&objects);
            let in_time = state.services.wait(waiting, timeout(ns)).await;
            Ok(match first_failed(&objects) {
                Some(Err(error)) => {
                    state.last_error.set(error);
                    Status::Failed.code()
                }
                _ if in_time => 0,
                // They may have come at the last moment.
                _ if objects.iter().all(|o| o.readiness() == Readiness::Ready) => 0,
                _ => Status::Timeout.code(),
            })
        }),
        Err(stop) => now(encode(Err(stop))),
    }
}

enum Look {
    AllThere,
    Missing,
}

/// Checks the handles and looks whether all objects are there, without waiting or allocating.
fn look<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    ptr: u32,
    n: u32,
) -> Result<Look, Stop> {
    let (memory, state) = memory_and_state(caller, "get")?;
    let at = handle_range(memory, "get", ptr, n)?;
    check_count(state, "get", n)?;
    let (mut look, mut failed) = (Look::AllThere, None);
    for handle in handles(&memory[at]) {
        match state.handles.object(handle).map(|object| object.outcome()) {
            None => return Err(state.bad_handle("get", handle, "an object")),
            Some(None) => look = Look::Missing,
            Some(Some(Ok(_))) => {}
            Some(Some(Err(error))) => failed = failed.or_else(|| Some(error.clone())),
        }
    }
    match failed {
        None => Ok(look),
        Some(error) => {
            state.last_error.set(error);
            Err(Stop::Status(Status::Failed))
        }
    }
}

/// The objects of handles that were checked.
fn objects<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    ptr: u32,
    n: u32,
) -> wasmtime::Result<Vec<Waitable>> {
    let (memory, state) = memory_and_state(caller, "get")?;
    let at = handle_range(memory, "get", ptr, n)?;
    let found = handles(&memory[at]).filter_map(|handle| state.handles.object(handle).cloned());
    Ok(found.map(Waitable::Object).collect())
}

fn first_failed(objects: &[Waitable]) -> Option<crate::store::Outcome> {
    objects.iter().find_map(|waitable| match waitable {
        Waitable::Object(object) => object.outcome().filter(|outcome| outcome.is_err()).cloned(),
        Waitable::Stream(_) => None,
    })
}

/// The value of a ready object.
pub(super) fn ready<S>(
    state: &mut State<S>,
    function: &'static str,
    handle: u32,
) -> Result<Value, Stop> {
    match state
        .handles
        .object(handle)
        .map(|object| object.outcome().cloned())
    {
        None => Err(state.bad_handle(function, handle, "an object")),
        Some(None) => Err(Stop::Status(Status::NotReady)),
        Some(Some(Ok(value))) => Ok(value),
        Some(Some(Err(error))) => {
            state.last_error.set(error);
            Err(Stop::Status(Status::Failed))
        }
    }
}

pub(super) fn object_len<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    handle: u32,
) -> wasmtime::Result<i64> {
    match ready(caller.data_mut(), "object_len", handle) {
        Ok(value) => Ok(i64::try_from(value.len()).unwrap_or(i64::MAX)),
        Err(stop) => encode(Err(stop)).map(i64::from),
    }
}

pub(super) fn object_read<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    handle: u32,
    offset: u64,
    ptr: u32,
    len: u32,
) -> Answer<'_, i32> {
    let near = read_now(&mut caller, handle, offset, [ptr, len]);
    value::read(caller, "object_read", near, offset)
}

fn read_now<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    handle: u32,
    offset: u64,
    [ptr, len]: [u32; 2],
) -> Result<Near, Stop> {
    let (memory, state) = memory_and_state(caller, "object_read")?;
    range(memory, "object_read", ptr, len)?;
    let value = ready(state, "object_read", handle)?;
    value::read_near(caller, "object_read", value, offset, [ptr, len])
}

pub(super) fn object_refs<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    handle: u32,
    ptr: u32,
    cap: u32,
) -> wasmtime::Result<i32> {
    let result = ready(caller.data_mut(), "object_refs", handle)
        .and_then(|value| value::write_refs(&mut caller, "object_refs", &value, ptr, cap));
    encode(result)
}

/// The arguments of `wait`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    pub(super) ptr: u32,
    pub(super) n: u32,
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) timeout: i64,
    pub(super) out: u32,
}

pub(super) fn wait<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    call: Wait,
) -> Answer<'_, i32> {
    let waitables = match waitables(&mut caller, call) {
        Ok(waitables) => waitables,
        Err(stop) => return now(encode(Err(stop))),
    };
    let ready = waitables
        .iter()
        .filter(|w| w.readiness() != Readiness::Pending)
        .count();
    if ready >= large(call.min) || call.timeout == 0 {
        return now(mark(&mut caller, call, &waitables));
    }
    let room = match room_to_wait(caller.data_mut(), "wait", call.n) {
        Ok(room) => room,
        Err(stop) => return now(encode(Err(stop))),
    };
    Box::new(async move {
        let _room = room;
        let state = caller.data_mut();
        state.output.try_flush();
        let waiting = Waiting::for_some(&waitables, large(call.min));
        state.services.wait(waiting, timeout(call.timeout)).await;
        mark(&mut caller, call, &waitables)
    })
}

/// Checks the arguments of `wait` and finds what is waited for.
fn waitables<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    call: Wait,
) -> Result<Vec<Waitable>, Stop> {
    let Wait {
        ptr,
        n,
        min,
        max,
        out,
        ..
    } = call;
    let (memory, state) = memory_and_state(caller, "wait")?;
    let at = handle_range(memory, "wait", ptr, n)?;
    range(memory, "wait", out, n)?;
    check_count(state, "wait", n)?;
    if min > n || max > n || max < min {
        let message = format!("`wait`: at least {min} and at most {max} of {n} can't be");
        return Err(state.bad_argument(message));
    }
    let mut found = Vec::with_capacity(large(n));
    for handle in handles(&memory[at]) {
        match state.handles.get(handle) {
            Some(Resource::Object(object)) => found.push(Waitable::Object(object.clone())),
            Some(Resource::Stream(stream)) => found.push(Waitable::Stream(stream.clone())),
            _ => return Err(state.bad_handle("wait", handle, "an object or stream")),
        }
    }
    if has_twice(&found) {
        Err(state.bad_argument("`wait`: an object is there twice"))
    } else {
        Ok(found)
    }
}

fn has_twice(waitables: &[Waitable]) -> bool {
    let key = |waitable: &Waitable| match waitable {
        Waitable::Object(object) => object.key(),
        Waitable::Stream(stream) => std::sync::Arc::as_ptr(stream).addr(),
    };
    if waitables.len() <= FEW {
        return waitables
            .iter()
            .enumerate()
            .any(|(i, w)| waitables[..i].iter().any(|other| key(other) == key(w)));
    }
    let mut seen = FxHashSet::with_capacity_and_hasher(waitables.len(), rustc_hash::FxBuildHasher);
    !waitables.iter().all(|waitable| seen.insert(key(waitable)))
}

/// Writes which are ready, at most `max` of them, and gives their number.
fn mark<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    call: Wait,
    waitables: &[Waitable],
) -> wasmtime::Result<i32> {
    let (memory, _) = memory_and_state(caller, "wait")?;
    let out = range(memory, "wait", call.out, call.n)?;
    let mut count = 0;
    for (place, waitable) in memory[out].iter_mut().zip(waitables) {
        let is_ready = count < large(call.max) && waitable.readiness() != Readiness::Pending;
        *place = u8::from(is_ready);
        count += usize::from(is_ready);
    }
    encode(Ok(small(count)))
}

pub(super) fn release<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    ptr: u32,
    n: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = memory_and_state(&mut caller, "release")?;
    let at = handle_range(memory, "release", ptr, n)?;
    if let Err(stop) = check_count(state, "release", n) {
        return encode(Err(stop));
    }
    let mut unknown = None;
    for handle in handles(&memory[at]) {
        match state.handles.remove(handle) {
            Some(_) => state.services.holds(place(handle), None),
            None => unknown = unknown.or(Some(handle)),
        }
    }
    encode(match unknown {
        None => Ok(0),
        Some(handle) => Err(state.bad_handle("release", handle, "anything")),
    })
}
