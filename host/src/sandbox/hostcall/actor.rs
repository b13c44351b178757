//! Actors by handle and name, and the items of streams.

use wasmtime::Caller;
use wrun_abi::{Status, StopMode};

use super::{Answer, Stop, encode, memory_and_state, now, range, timeout, value};
use crate::{
    sandbox::{HostServices, instance::State},
    store::{Next, Resource, Waitable, Waiting},
    types::ErrorKind,
};

pub(super) fn actor_self<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
) -> wasmtime::Result<i32> {
    let state = caller.data_mut();
    let result = match state.services.actor_self() {
        Some(actor) => value::insert_one(state, actor),
        None => Err(state.stop(
            Status::NotFound,
            ErrorKind::NotFound,
            "this call is not an actor's",
        )),
    };
    encode(result)
}

pub(super) fn actor_get<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    ptr: u32,
    len: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = memory_and_state(&mut caller, "actor_get")?;
    let name = &memory[range(memory, "actor_get", ptr, len)?];
    let result = match std::str::from_utf8(name) {
        Ok(name) if name.len() <= wrun_abi::MAX_NAME_BYTES => {
            match state.services.actor_get(name) {
                Some(actor) => value::insert_one(state, actor),
                None => Err(state.stop(
                    Status::NotFound,
                    ErrorKind::NotFound,
                    format!("no actor is registered as `{name}`"),
                )),
            }
        }
        _ => Err(state.bad_argument(format!(
            "`actor_get`: a name is at most {} bytes of UTF-8",
            wrun_abi::MAX_NAME_BYTES
        ))),
    };
    encode(result)
}

pub(super) fn actor_stop<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    handle: u32,
    mode: u32,
) -> wasmtime::Result<i32> {
    let state = caller.data_mut();
    let result = match (
        state.handles.actor(handle).cloned(),
        StopMode::from_code(mode),
    ) {
        (None, _) => Err(state.bad_handle("actor_stop", handle, "an actor")),
        (_, None) => Err(state.bad_argument(format!("`actor_stop`: unknown mode {mode}"))),
        (Some(actor), Some(mode)) => match state.services.actor_stop(&actor, mode) {
            Ok(()) => Ok(0),
            Err(error) => Err(state.refused(error)),
        },
    };
    encode(result)
}

pub(super) fn stream_next<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    handle: u32,
    ns: i64,
) -> Answer<'_, i32> {
    let state = caller.data_mut();
    let Some(stream) = state.handles.stream(handle).cloned() else {
        return now(encode(Err(state.bad_handle(
            "stream_next",
            handle,
            "a stream",
        ))));
    };
    // Room first: an item that was taken can't be put back.
    if let Err(e) = state.handles.reserve(1) {
        return now(encode(Err(state.stop(
            Status::Limit,
            ErrorKind::Limit,
            e.to_string(),
        ))));
    }
    match stream.next() {
        Next::Pending if ns == 0 => now(Ok(Status::Timeout.code())),
        Next::Pending => Box::new(async move {
            let state = caller.data_mut();
            state.output.try_flush();
            // Another holder of the stream may be faster, so this may take several waits.
            let end = timeout(ns).and_then(|time| crate::rt::clock::now().checked_add(time));
            let next = loop {
                let waiting = Waiting::for_some([&Waitable::Stream(stream.clone())], 1);
                let left = end.map(|end| end.saturating_duration_since(crate::rt::clock::now()));
                let in_time = state.services.wait(waiting, left).await;
                match stream.next() {
                    Next::Pending if in_time => {}
                    next => break next,
                }
            };
            encode(taken(state, next))
        }),
        next => now(encode(taken(state, next))),
    }
}

fn taken<S: HostServices>(state: &mut State<S>, next: Next) -> Result<u32, Stop> {
    match next {
        Next::Item(object) => value::insert_one(state, Resource::Object(object)),
        Next::Ended => Err(Stop::Status(Status::Ended)),
        Next::Pending => Err(Stop::Status(Status::Timeout)),
    }
}
