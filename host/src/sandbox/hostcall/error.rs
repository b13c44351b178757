//! `fail` and `last_error`: errors on their way out of a guest and into it.

use std::sync::Arc;

use wasmtime::{Caller, WasmBacktrace};
use wrun_abi::FailKind;

use super::{memory_and_state, range, small};
use crate::{
    rt::guard::Guard,
    sandbox::{
        HostServices,
        fault::{MAX_FRAMES, frames},
        instance::State,
    },
    types::{ErrorKind, TaskError},
};

/// Longer messages of `fail` are cut.
const MAX_MESSAGE: u32 = 64 << 10;

/// What `last_error` gives; its text is made when it is asked for.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct LastError {
    error: Option<Arc<TaskError>>,
    json: Option<Vec<u8>>,
}

impl LastError {
    pub(in crate::sandbox) fn set(&mut self, error: impl Into<Arc<TaskError>>) {
        self.error = Some(error.into());
        self.json = None;
    }

    fn json(&mut self) -> &[u8] {
        if let (None, Some(error)) = (&self.json, &self.error) {
            self.json = Some(error.to_json());
        }
        self.json.as_deref().unwrap_or_default()
    }
}

pub(super) fn last_error<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    ptr: u32,
    cap: u32,
) -> wasmtime::Result<u32> {
    let (memory, state) = memory_and_state(&mut caller, "last_error")?;
    let target = range(memory, "last_error", ptr, cap)?;
    Ok(copy(state.last_error.json(), &mut memory[target]))
}

/// Copies as much as there is room for and gives the whole length.
pub(super) fn copy(from: &[u8], to: &mut [u8]) -> u32 {
    let n = from.len().min(to.len());
    to[..n].copy_from_slice(&from[..n]);
    small(from.len())
}

pub(super) fn fail<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    kind: u32,
    ptr: u32,
    len: u32,
) -> wasmtime::Result<()> {
    let (memory, state) = memory_and_state(&mut caller, "fail")?;
    range(memory, "fail", ptr, len)?;
    let kept = match Guard::MessageLength.stands() {
        true => len.min(MAX_MESSAGE),
        false => len,
    };
    let message = range(memory, "fail", ptr, kept)?;
    if state.call.failure.is_some() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&memory[message]);
    let relayed = match FailKind::from_code(kind) {
        FailKind::Relayed => serde_json::from_str::<TaskError>(&text).ok(),
        _ => None,
    };
    let kind = match FailKind::from_code(kind) {
        FailKind::Panic => ErrorKind::Panic,
        FailKind::BadArgument => ErrorKind::BadArgument,
        FailKind::BadResult => ErrorKind::BadResult,
        _ => ErrorKind::Application,
    };
    let mut error = relayed.unwrap_or_else(|| TaskError::new(kind, text));
    error.backtrace.truncate(MAX_FRAMES);
    state
        .call
        .results
        .iter_mut()
        .for_each(|result| *result = None);
    if kind == ErrorKind::Panic {
        error.backtrace = without_panic_machinery(frames(&WasmBacktrace::force_capture(&caller)));
    }
    caller.data_mut().call.failure = Some(error);
    Ok(())
}

/// Drops the frames between a panic and the host call that reports it.
fn without_panic_machinery(mut frames: Vec<String>) -> Vec<String> {
    let machinery = |name: &String| {
        [
            "core::panicking::",
            "std::panicking::",
            "core::result::unwrap_failed",
            "core::option::",
            "rust_begin_unwind",
            "__rust",
        ]
        .iter()
        .any(|known| name.contains(known))
    };
    if let Some(last) = frames.iter().rposition(machinery) {
        frames.drain(..=last);
    }
    frames
}
