//! Arguments and results: values on their way into a guest and out of it.

use std::ops::Range;

use wasmtime::Caller;

use super::{
    Answer, MAX_ITEMS, MAX_VALUE_BYTES, Stop, at_once, encode, handle_range, large,
    memory_and_state, now, range, small,
};
use crate::{
    rt::guard::Guard,
    sandbox::{HostServices, fault::Violation, handles, instance::State},
    store::{Contents, INLINE_MAX, Place, Resource, Value},
    tenant::Charge,
    types::{Blob, ErrorKind, TaskError},
};

/// Where a value is in guest memory, for this function.
#[derive(Clone, Copy)]
pub(super) struct At {
    function: &'static str,
    ptr: u32,
    len: u32,
    refs: u32,
    nrefs: u32,
    /// The bytes are the payload alone.
    plain: bool,
}

impl At {
    /// Its bytes (pointer, length), the format byte first, and its handles (pointer, count).
    pub(super) fn encoded(function: &'static str, [ptr, len, refs, nrefs]: [u32; 4]) -> Self {
        Self {
            function,
            ptr,
            len,
            refs,
            nrefs,
            plain: false,
        }
    }

    /// Plain data: the bytes as they lie there.
    pub(super) fn plain(function: &'static str, ptr: u32, len: u32) -> Self {
        Self {
            function,
            ptr,
            len,
            refs: 0,
            nrefs: 0,
            plain: true,
        }
    }
}

pub(super) fn argument<S>(
    state: &State<S>,
    function: &'static str,
    index: u32,
) -> wasmtime::Result<Value> {
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
    let len = argument(caller.data(), "arg_len", index)?.len();
    Ok(u32::try_from(len).unwrap_or(u32::MAX))
}

pub(super) fn arg_read<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    index: u32,
    offset: u32,
    ptr: u32,
    len: u32,
) -> Answer<'_, i32> {
    let offset = u64::from(offset);
    let value = argument(caller.data(), "arg_read", index);
    let near = match value {
        Ok(value) => read_near(&mut caller, "arg_read", value, offset, [ptr, len]),
        Err(fault) => Err(fault.into()),
    };
    read(caller, "arg_read", near, offset)
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

/// How far a read came without waiting.
pub(super) enum Near {
    /// So many bytes were read.
    Read(u32),
    /// The value is on disk; where in guest memory it is to go.
    Far(Value, Range<usize>),
}

/// Copies what there is from `offset` on, if it is in memory.
pub(super) fn read_near<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    function: &'static str,
    value: Value,
    offset: u64,
    [ptr, len]: [u32; 2],
) -> Result<Near, Stop> {
    let (memory, state) = memory_and_state(caller, function)?;
    let target = range(memory, function, ptr, len)?;
    match value.read_at(offset, &mut memory[target.clone()]) {
        Ok(Some(n)) => Ok(Near::Read(small(n))),
        Ok(None) => Ok(Near::Far(value, target)),
        Err(error) => Err(state.io(function, &error)),
    }
}

/// Answers a read, and waits for what is on disk.
pub(super) fn read<'c, S: HostServices>(
    mut caller: Caller<'c, State<S>>,
    function: &'static str,
    near: Result<Near, Stop>,
    offset: u64,
) -> Answer<'c, i32> {
    match near {
        Ok(Near::Read(n)) => at_once(Ok(n)),
        Ok(Near::Far(value, target)) => Box::new(async move {
            encode(read_far(&mut caller, function, &value, offset, target).await)
        }),
        Err(stop) => at_once(Err(stop)),
    }
}

async fn read_far<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    function: &'static str,
    value: &Value,
    offset: u64,
    target: Range<usize>,
) -> Result<u32, Stop> {
    caller.data_mut().output.try_flush();
    let mut done = 0;
    while done < target.len() {
        let (state, at) = (caller.data_mut(), offset + done as u64);
        let place = state.services.read(value, at, target.len() - done).await;
        let place = place.map_err(|error| state.refused(error))?;
        let (memory, state) = memory_and_state(caller, function)?;
        // Memory never shrinks.
        let rest = &mut memory[target.start + done..target.end];
        match place {
            Place::Memory(contents) => {
                let read = contents.read_at(at, rest);
                done += read.map_err(|error| state.io(function, &error))?;
                break;
            }
            Place::Disk(piece) if piece.bytes().is_empty() => break,
            Place::Disk(piece) => {
                rest[..piece.bytes().len()].copy_from_slice(piece.bytes());
                done += piece.bytes().len();
            }
        }
    }
    Ok(small(done))
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
pub(super) fn insert_all<S: HostServices>(
    state: &mut State<S>,
    resources: Vec<Resource>,
    target: &mut [u8],
) -> Result<u32, Stop> {
    let n = small(resources.len());
    if let Err(e) = state.handles.reserve(resources.len()) {
        return Err(state.stop(wrun_abi::Status::Limit, ErrorKind::Limit, e.to_string()));
    }
    for (resource, place) in resources.into_iter().zip(target.as_chunks_mut::<4>().0) {
        *place = insert_one(state, resource)?.to_le_bytes();
    }
    Ok(n)
}

/// Makes one handle.
pub(super) fn insert_one<S: HostServices>(
    state: &mut State<S>,
    resource: Resource,
) -> Result<u32, Stop> {
    match state.handles.insert(resource) {
        Ok(handle) => {
            let named = state.handles.get(handle);
            state.services.holds(handles::place(handle), named);
            Ok(handle)
        }
        Err(e) => Err(state.stop(wrun_abi::Status::Limit, ErrorKind::Limit, e.to_string())),
    }
}

/// What the handles name, for a value that refers to them: objects and actors.
pub(super) fn resolve<S>(
    state: &mut State<S>,
    function: &'static str,
    named: impl Iterator<Item = u32>,
) -> Result<Vec<Resource>, Stop> {
    let mut resources = Vec::with_capacity(named.size_hint().0);
    for handle in named {
        match state.handles.get(handle) {
            Some(resource @ (Resource::Object(_) | Resource::Actor(_))) => {
                resources.push(resource.clone())
            }
            _ => return Err(state.bad_handle(function, handle, "an object or actor")),
        }
    }
    Ok(resources)
}

/// A value in guest memory that was looked at: its bytes are inside the memory, its handles name something.
pub(super) struct Written {
    function: &'static str,
    bytes: Range<usize>,
    /// The format byte, where it is not the first of the bytes.
    format: Option<u8>,
    refs: Vec<Resource>,
}

/// Checks a value in guest memory; nothing is copied yet.
pub(super) fn check<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    at: At,
) -> Result<Written, Stop> {
    let At {
        function,
        ptr,
        len,
        refs,
        nrefs,
        plain,
    } = at;
    let (memory, state) = memory_and_state(caller, function)?;
    let bytes = range(memory, function, ptr, len)?;
    let handles = handle_range(memory, function, refs, nrefs)?;
    let whole = len.saturating_add(plain.into());
    check_size(state, function, whole, large(nrefs))?;
    let refs = resolve(state, function, wrun_abi::call::handles(&memory[handles]))?;
    Ok(Written {
        function,
        bytes,
        format: plain.then_some(wrun_abi::format::PLAIN),
        refs,
    })
}

impl Written {
    /// How many bytes the value has, its format byte among them.
    fn len(&self) -> usize {
        self.bytes.len() + usize::from(self.format.is_some())
    }

    /// Room for it, or `None` when it must be waited for.
    pub(super) fn room_now<S: HostServices>(
        &self,
        state: &mut State<S>,
    ) -> Result<Option<Charge>, Stop> {
        let room = state.services.room_now(self.len(), self.refs.len());
        room.map_err(|error| state.refused(error))
    }

    /// Waits for room for it.
    pub(super) async fn room<S: HostServices>(&self, state: &mut State<S>) -> Result<Charge, Stop> {
        let room = state.services.room(self.len(), self.refs.len()).await;
        room.map_err(|error| state.refused(error))
    }

    /// Copies it out of guest memory, once: a large one straight into a memory file.
    pub(super) fn store<S: HostServices>(
        self,
        caller: &mut Caller<'_, State<S>>,
        charge: Charge,
    ) -> Result<Value, Stop> {
        let (len, function) = (self.len(), self.function);
        let (memory, state) = memory_and_state(caller, function)?;
        // Memory never shrinks.
        let bytes = &memory[self.bytes];
        let (format, payload) = match (self.format, bytes) {
            (Some(format), payload) => (format, payload),
            (None, [format, payload @ ..]) => (*format, payload),
            (None, []) => unreachable!("a value has at least its format byte"),
        };
        let contents = if len > INLINE_MAX {
            let file = state.services.files().store(payload);
            Contents::File(format, file.map_err(|error| state.io(function, &error))?)
        } else {
            Contents::Inline(Blob::of(format, payload))
        };
        Ok(Value::with(contents, self.refs, Some(charge)))
    }
}

impl<S> State<S> {
    /// The system refused memory for a value, or to read it.
    pub(super) fn io(&mut self, function: &str, error: &std::io::Error) -> Stop {
        let message = format!("`{function}`: the object store failed: {error}");
        self.refused(TaskError::new(ErrorKind::System, message))
    }
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
    match result_now(&mut caller, index, at) {
        Ok(None) => now(Ok(0)),
        Err(stop) => now(encode(Err(stop))),
        Ok(Some(written)) => Box::new(async move {
            let result = match written.room(caller.data_mut()).await {
                Ok(charge) => set_result(&mut caller, index, written, charge),
                Err(stop) => Err(stop),
            };
            encode(result.map(|()| 0))
        }),
    }
}

/// Writes a result if there is room for it; gives it back otherwise.
fn result_now<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    index: u32,
    at: At,
) -> Result<Option<Written>, Stop> {
    let written = check(caller, at)?;
    let state = caller.data_mut();
    let wanted = state.call.results.len();
    if large(index) >= wanted && Guard::ResultIndex.stands() {
        let message = format!(
            "`{}`: result {index} of a call that has {wanted}",
            at.function
        );
        return Err(state.bad_argument(message));
    }
    // A failed call has no results.
    if state.call.failure.is_some() {
        return Ok(None);
    }
    match written.room_now(state)? {
        Some(charge) => set_result(caller, index, written, charge).map(|()| None),
        None => Ok(Some(written)),
    }
}

fn set_result<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    index: u32,
    written: Written,
    charge: Charge,
) -> Result<(), Stop> {
    let value = written.store(caller, charge)?;
    caller.data_mut().call.results[large(index)] = Some(value);
    Ok(())
}

pub(super) fn yield_write<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    at: At,
) -> Answer<'_, i32> {
    let written = match check(&mut caller, at) {
        Ok(written) => written,
        Err(stop) => return now(encode(Err(stop))),
    };
    Box::new(async move {
        let result = yield_item(&mut caller, written).await;
        encode(result.map(|()| 0))
    })
}

async fn yield_item<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    written: Written,
) -> Result<(), Stop> {
    let state = caller.data_mut();
    state.output.try_flush();
    let charge = written.room(state).await?;
    let value = written.store(caller, charge)?;
    let state = caller.data_mut();
    let added = state.services.yield_item(value).await;
    added.map_err(|error| state.refused(error))
}
