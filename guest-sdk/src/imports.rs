//! The border in a sandbox: the host's functions, with their answers as values and errors.
//!
//! Has the same functions as `local::border`. A negative answer becomes an [`Error`] with what `last_error` tells.

use std::sync::Once;
use std::time::Duration;

use bytemuck::Pod;
use wrun_abi::call::CallWriter;
use wrun_abi::{FailKind, Status, StopMode};

use crate::call::{Call, Sent};
use crate::value::Source;
use crate::{Error, ErrorKind, Result, sys};

pub(crate) use crate::sys::Mapped;

/// Prepares the sandbox: a panic becomes the call's failure, then the abort ends the sandbox.
pub(crate) fn enter() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let text = info.payload_as_str().unwrap_or("a value that is no text");
            let message = match info.location() {
                Some(place) => format!(
                    "{text}, at {}:{}:{}",
                    place.file(),
                    place.line(),
                    place.column()
                ),
                None => text.to_owned(),
            };
            fail(FailKind::Panic, &message);
        }));
    });
}

fn nanos(timeout: Option<Duration>) -> i64 {
    timeout.map_or(-1, |timeout| {
        i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX)
    })
}

/// The size that a host function gave; what is negative has none.
fn size(answer: i32) -> usize {
    usize::try_from(answer).unwrap_or(0)
}

fn error(status: i32) -> Error {
    Error::from_host(status, &whole(sys::last_error))
}

fn wide_error(status: i64) -> Error {
    error(i32::try_from(status).unwrap_or(Status::BadArgument.code()))
}

fn check(answer: i32) -> Result<u32> {
    u32::try_from(answer).map_err(|_| error(answer))
}

/// What a function writes that tells the whole length each time.
fn whole(read: fn(&mut [u8]) -> i32) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    loop {
        let len = size(read(&mut bytes));
        if len <= bytes.len() {
            bytes.truncate(len);
            return bytes;
        }
        bytes.resize(len, 0);
    }
}

/// The handles that a function makes once there is room for all.
fn refs(mut take: impl FnMut(&mut [u32]) -> i32) -> Vec<u32> {
    let count = size(take(&mut []));
    let mut handles = vec![0; count];
    if count > 0 {
        let made = size(take(&mut handles));
        handles.truncate(made);
    }
    handles
}

pub(crate) fn result_format() -> u8 {
    u8::try_from(sys::result_format()).unwrap_or(wrun_abi::format::BINCODE)
}

pub(crate) fn result_write(index: usize, bytes: &[u8], refs: &[u32]) -> Result<()> {
    check(sys::result_write(index, bytes, refs)).map(drop)
}

pub(crate) fn yield_write(bytes: &[u8], refs: &[u32]) -> Result<()> {
    check(sys::yield_write(bytes, refs)).map(drop)
}

pub(crate) fn fail(kind: FailKind, message: &str) {
    sys::fail(kind.code(), message);
}

pub(crate) fn spawn(calls: &[Call]) -> Result<Vec<u32>> {
    let mut buffer = Vec::new();
    for call in calls {
        let mut writer = CallWriter::new(
            &mut buffer,
            call.entry.kind,
            call.actor,
            call.entry.name,
            &call.options,
        );
        for arg in &call.args {
            match arg {
                Sent::Value(encoded) => writer.value(&encoded.bytes, &encoded.handles()),
                Sent::Object(raw) => writer.object(raw.handle()?),
            }
        }
    }
    let mut handles = vec![0; calls.iter().map(|call| call.entry.returns).sum()];
    let count = check(sys::spawn(&buffer, &mut handles))?;
    handles.truncate(usize::try_from(count).unwrap_or(0));
    Ok(handles)
}

pub(crate) fn put(bytes: &[u8], refs: &[u32]) -> Result<u32> {
    check(sys::put(bytes, refs))
}

pub(crate) fn get(handles: &[u32], timeout: Option<Duration>) -> Result<()> {
    check(sys::get(handles, nanos(timeout))).map(drop)
}

/// Gives `then` all bytes of a value. Most values are small and take one call of the host, and no memory.
pub(crate) fn look<R>(of: Source, then: impl FnOnce(&[u8]) -> R) -> Result<R> {
    let mut first = [0; 256];
    let read = match of {
        Source::Object(handle) => sys::object_read(handle, 0, &mut first),
        Source::Arg(i) => sys::arg_read(i, 0, &mut first),
    };
    // A value that fills it may be longer.
    match usize::try_from(check(read)?)
        .ok()
        .and_then(|n| first.get(..n))
    {
        Some(all) if all.len() < first.len() => Ok(then(all)),
        _ => {
            let len = usize::try_from(len(of)?).unwrap_or(usize::MAX);
            let mut bytes = vec![0; len];
            part(of, 0, &mut bytes)?;
            Ok(then(&bytes))
        }
    }
}

/// Fresh handles for what a value refers to.
pub(crate) fn links(of: Source) -> Vec<u32> {
    match of {
        Source::Object(handle) => refs(|into| sys::object_refs(handle, into)),
        Source::Arg(i) => refs(|into| sys::arg_refs(i, into)),
    }
}

/// How many bytes a value has, its format byte among them.
pub(crate) fn len(of: Source) -> Result<u64> {
    match of {
        Source::Object(handle) => {
            let len = sys::object_len(handle);
            u64::try_from(len).map_err(|_| wide_error(len))
        }
        Source::Arg(i) => Ok(size(sys::arg_len(i)) as u64),
    }
}

/// Fills `into` with a value's bytes from `offset` on.
pub(crate) fn part(of: Source, offset: u64, into: &mut [u8]) -> Result<()> {
    let mut done = 0;
    while done < into.len() {
        let (at, rest) = (offset + done as u64, &mut into[done..]);
        let read = match (of, usize::try_from(at)) {
            (Source::Object(handle), _) => sys::object_read(handle, at, rest),
            (Source::Arg(i), Ok(at)) => sys::arg_read(i, at, rest),
            (Source::Arg(_), Err(_)) => 0,
        };
        match usize::try_from(check(read)?) {
            Ok(n) if n > 0 => done += n,
            _ => {
                return Err(Error::of(
                    ErrorKind::BadArgument,
                    "the value ends too early",
                ));
            }
        }
    }
    Ok(())
}

/// Shows `count` elements of a value from byte `offset` after its format byte on; `None` when they are to be copied.
pub(crate) fn view<T: Pod>(of: Source, offset: u64, count: usize) -> Result<Option<Mapped<T>>> {
    let view = match of {
        Source::Object(handle) => sys::view(handle, offset, count),
        Source::Arg(i) => sys::arg_view(i, offset, count),
    };
    match view {
        Ok(mapped) => Ok(Some(mapped)),
        Err(answer) if answer == i64::from(Status::Copy.code()) => Ok(None),
        Err(answer) => Err(wide_error(answer)),
    }
}

pub(crate) fn put_plain(bytes: &[u8]) -> Result<u32> {
    check(sys::put_plain(bytes))
}

pub(crate) fn result_plain(index: usize, bytes: &[u8]) -> Result<()> {
    check(sys::result_plain(index, bytes)).map(drop)
}

pub(crate) fn yield_plain(bytes: &[u8]) -> Result<()> {
    check(sys::yield_plain(bytes)).map(drop)
}

pub(crate) fn wait(
    handles: &[u32],
    min: usize,
    max: usize,
    timeout: Option<Duration>,
) -> Result<Vec<bool>> {
    let mut out = vec![0; handles.len()];
    check(sys::wait(handles, min, max, nanos(timeout), &mut out))?;
    Ok(out.into_iter().map(|ready| ready == 1).collect())
}

pub(crate) fn release(handles: &[u32]) {
    // A handle that the host does not know is gone already.
    let _ = sys::release(handles);
}

pub(crate) fn cancel(handle: u32, flags: u32) -> Result<()> {
    check(sys::cancel(handle, flags)).map(drop)
}

pub(crate) fn sleep(time: Duration) {
    sys::sleep(nanos(Some(time)));
}

pub(crate) fn context() -> Vec<u8> {
    whole(sys::context)
}

pub(crate) fn actor_self() -> Result<u32> {
    check(sys::actor_self())
}

pub(crate) fn actor_get(name: &str) -> Result<u32> {
    check(sys::actor_get(name))
}

pub(crate) fn actor_stop(handle: u32, mode: StopMode) -> Result<()> {
    check(sys::actor_stop(handle, mode.code())).map(drop)
}

pub(crate) fn stream_next(handle: u32, timeout: Option<Duration>) -> Result<Option<u32>> {
    match sys::stream_next(handle, nanos(timeout)) {
        ended if ended == Status::Ended.code() => Ok(None),
        answer => check(answer).map(Some),
    }
}
