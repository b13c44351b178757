//! `spawn` and what else a call does about calls: cancel, sleep, its own context.

use wasmtime::Caller;
use wrun_abi::{
    CANCEL_KEEP_CHILDREN, CallKind, MAX_RETURNS, Status,
    call::{Arg as RawArg, Call, Calls, handles},
};

use super::{
    Answer, MAX_ITEMS, Stop, encode, error, handle_range, large, memory_and_state, now, range,
    small, timeout, value,
};
use crate::{
    sandbox::{HostServices, instance::State},
    store::Resource,
    types::{Arg, Blob, CallSpec, ErrorKind, Target, ValueData},
};

const SPAWN: &str = "spawn";

pub(super) fn spawn<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    ptr: u32,
    len: u32,
    out: u32,
    cap: u32,
) -> Answer<'_, i32> {
    let (specs, room) = match decode(&mut caller, ptr, len, out, cap) {
        Ok(decoded) => decoded,
        Err(stop) => return now(encode(Err(stop))),
    };
    Box::new(async move {
        let submitted = caller.data_mut().services.submit(specs, room).await;
        let (memory, state) = memory_and_state(&mut caller, SPAWN)?;
        let target = handle_range(memory, SPAWN, out, cap)?;
        let result = match submitted {
            Err(error) => Err(state.refused(error)),
            Ok(resources) => value::insert_all(state, resources, &mut memory[target]),
        };
        encode(result)
    })
}

/// Copies the calls out of guest memory; also gives how many handles they may have.
fn decode<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    ptr: u32,
    len: u32,
    out: u32,
    cap: u32,
) -> Result<(Vec<CallSpec<Resource>>, usize), Stop> {
    let (memory, state) = memory_and_state(caller, SPAWN)?;
    handle_range(memory, SPAWN, out, cap)?;
    let buffer = &memory[range(memory, SPAWN, ptr, len)?];
    let mut specs = Vec::new();
    let mut items = 0;
    for call in Calls::new(buffer) {
        let call =
            call.map_err(|e| state.bad_argument(format!("`spawn`: call {}: {e}", specs.len())))?;
        items += 1 + call.args.len() + call.args.iter().map(references).sum::<usize>();
        if items > MAX_ITEMS {
            let message =
                format!("`spawn`: more than {MAX_ITEMS} calls, arguments and references at once");
            return Err(state.stop(Status::Limit, ErrorKind::Limit, message));
        }
        let spec = spec(state, call, specs.last())?;
        specs.push(spec);
    }
    if specs.is_empty() {
        return Err(state.bad_argument("`spawn`: no calls"));
    }
    if specs.len() > large(cap) {
        return Err(state.bad_argument(format!(
            "`spawn`: {} calls and room for {cap} handles",
            specs.len()
        )));
    }
    // Room for all handles before anything starts, which could not be taken back.
    let most = large(cap).min(specs.len().saturating_mul(MAX_RETURNS));
    if state.handles.reserve(most).is_ok() {
        return Ok((specs, most));
    }
    let least = specs.len();
    match state.handles.reserve(least) {
        Ok(()) => Ok((specs, least)),
        Err(e) => Err(state.stop(Status::Limit, ErrorKind::Limit, e.to_string())),
    }
}

fn references(arg: &RawArg<'_>) -> usize {
    match arg {
        RawArg::Value { refs, .. } => refs.len() / 4,
        RawArg::Object(_) => 0,
    }
}

fn spec<S>(
    state: &mut State<S>,
    call: Call<'_>,
    last: Option<&CallSpec<Resource>>,
) -> Result<CallSpec<Resource>, Stop> {
    let target = match call.kind {
        CallKind::Task => match last.map(|last| &last.target) {
            Some(Target::Task(name)) if **name == *call.name => Target::Task(name.clone()),
            _ => Target::Task(call.name.into()),
        },
        CallKind::Host => Target::Host(call.name.into()),
        CallKind::Constructor => Target::Constructor(call.name.into()),
        CallKind::Method => match state.handles.actor(call.actor) {
            Some(actor) => {
                let name = match last.map(|last| &last.target) {
                    Some(Target::Method(_, name)) if **name == *call.name => name.clone(),
                    _ => call.name.into(),
                };
                Target::Method(actor.clone(), name)
            }
            None => return Err(state.bad_handle(SPAWN, call.actor, "an actor")),
        },
    };
    let mut args = Vec::with_capacity(call.args.len());
    for arg in call.args {
        args.push(match arg {
            RawArg::Value { bytes, refs } => {
                value::check_size(state, SPAWN, small(bytes.len()), refs.len() / 4)?;
                let refs = value::resolve(state, SPAWN, handles(refs))?;
                Arg::Value(ValueData {
                    bytes: Blob::copy_from_slice(bytes),
                    refs,
                })
            }
            RawArg::Object(handle) => match state.handles.object(handle) {
                Some(object) => Arg::Object(Resource::Object(object.clone())),
                None => return Err(state.bad_handle(SPAWN, handle, "an object")),
            },
        });
    }
    Ok(CallSpec {
        target,
        args,
        options: call.options,
    })
}

pub(super) fn cancel<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    handle: u32,
    flags: u32,
) -> wasmtime::Result<i32> {
    let state = caller.data_mut();
    let result = match state.handles.get(handle).cloned() {
        Some(of @ (Resource::Object(_) | Resource::Stream(_)))
            if flags & !CANCEL_KEEP_CHILDREN == 0 =>
        {
            state
                .services
                .cancel(&of, flags & CANCEL_KEEP_CHILDREN != 0);
            Ok(0)
        }
        Some(Resource::Object(_) | Resource::Stream(_)) => {
            Err(state.bad_argument(format!("`cancel`: unknown flags {flags:#x}")))
        }
        _ => Err(state.bad_handle("cancel", handle, "an object or stream")),
    };
    encode(result)
}

pub(super) fn sleep<S: HostServices>(mut caller: Caller<'_, State<S>>, ns: i64) -> Answer<'_, ()> {
    match timeout(ns) {
        Some(time) if !time.is_zero() => Box::new(async move {
            let state = caller.data_mut();
            state.output.try_flush();
            state.services.sleep(time).await;
            Ok(())
        }),
        _ => now(Ok(())),
    }
}

pub(super) fn context<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    ptr: u32,
    cap: u32,
) -> wasmtime::Result<u32> {
    let (memory, state) = memory_and_state(&mut caller, "context")?;
    let target = range(memory, "context", ptr, cap)?;
    Ok(error::copy(&state.services.context(), &mut memory[target]))
}
