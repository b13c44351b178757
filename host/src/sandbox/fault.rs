//! What ends a guest, in plain words: traps, exits, bad pointers, memory that was refused.
//!
//! Host functions end a guest by one of the error types here; [`explain`] turns whatever Wasmtime gives into a
//! [`TaskError`] with a backtrace. A guest's own failure (`fail`) is not a fault and does not come here.

use std::fmt;

use wasmtime::{Error, Trap, WasmBacktrace};

use super::limits::Refusal;
use crate::types::{ErrorKind, TaskError};

/// At most so many frames of a backtrace.
pub(super) const MAX_FRAMES: usize = 32;
/// Longer names of functions are cut.
const MAX_FRAME_NAME: usize = 200;
/// An access out of bounds this near below zero is most likely a stack that overflowed.
const BELOW_ZERO: u64 = (1 << 32) - (64 << 20);

/// `proc_exit` was called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exit(pub(super) i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exited with code {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// A guest broke a rule of the ABI.
#[derive(Debug, Clone)]
pub(super) enum Violation {
    /// A range that is not inside the memory.
    BadRange {
        function: &'static str,
        ptr: u32,
        len: u64,
        memory: usize,
    },
    /// There is no such argument.
    NoArgument {
        function: &'static str,
        index: u32,
        count: usize,
    },
    /// The module has no memory.
    NoMemory { function: &'static str },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRange {
                function,
                ptr,
                len,
                memory,
            } => {
                write!(
                    f,
                    "`{function}` was given {len} bytes at {ptr:#x}, outside of the guest's memory of {memory} bytes"
                )
            }
            Self::NoArgument {
                function,
                index,
                count,
            } => {
                write!(
                    f,
                    "`{function}` was asked for argument {index} of a call that has {count}"
                )
            }
            Self::NoMemory { function } => write!(
                f,
                "`{function}` needs the guest to export its memory as `memory`"
            ),
        }
    }
}

impl std::error::Error for Violation {}

/// What ended a guest.
pub(super) fn explain(error: &Error, refused: Option<&Refusal>) -> TaskError {
    let fault_at = fault_address(error);
    let trap = error.downcast_ref::<Trap>();
    let message = match trap {
        Some(trap) => trap_message(*trap, fault_at),
        None => match error.downcast_ref::<Violation>() {
            Some(violation) => violation.to_string(),
            None => format!("the sandbox failed: {}", error.root_cause()),
        },
    };
    let out_of_memory = matches!(
        trap,
        Some(Trap::UnreachableCodeReached | Trap::MemoryOutOfBounds | Trap::TableOutOfBounds)
    );
    let mut explained = match refused {
        Some(refusal) if out_of_memory => {
            let mut explained = refusal.error();
            explained.message = format!("{} ({message})", explained.message);
            explained
        }
        _ => TaskError::new(ErrorKind::Trap, message),
    };
    explained.backtrace = error
        .downcast_ref::<WasmBacktrace>()
        .map(frames)
        .unwrap_or_default();
    explained
}

/// The guest address of a memory fault, which Wasmtime tells in text only.
fn fault_address(error: &Error) -> Option<u64> {
    error.chain().find_map(|cause| {
        let text = cause.to_string();
        let at = text.strip_prefix("memory fault at wasm address 0x")?;
        u64::from_str_radix(at.split(' ').next()?, 16).ok()
    })
}

fn trap_message(trap: Trap, fault_at: Option<u64>) -> String {
    let text = match trap {
        Trap::UnreachableCodeReached => {
            "the guest aborted (it reached an `unreachable` instruction)"
        }
        Trap::StackOverflow => {
            "the guest's stack overflowed: its calls are nested too deeply (a recursion without end?)"
        }
        Trap::MemoryOutOfBounds => return memory_message(fault_at),
        Trap::TableOutOfBounds => "a table was accessed out of bounds",
        Trap::IndirectCallToNull => "a function pointer that is null was called",
        Trap::BadSignature => {
            "a function pointer was called with another signature than its function has"
        }
        Trap::IntegerDivisionByZero => "an integer was divided by zero",
        Trap::IntegerOverflow => "an integer division overflowed",
        Trap::BadConversionToInteger => "a float that is no such integer was converted to one",
        other => return format!("the guest trapped: {other}"),
    };
    text.to_owned()
}

fn memory_message(fault_at: Option<u64>) -> String {
    match fault_at {
        Some(at) if at >= BELOW_ZERO => format!(
            "the guest's stack overflowed (an access out of bounds at {at:#x}); raise it with `stack-size = \"1MiB\"` under `[package.metadata.wrun]` in its Cargo.toml, and build it with `wrun build`"
        ),
        Some(at) => format!("the guest accessed its memory out of bounds, at {at:#x}"),
        None => "the guest accessed its memory out of bounds".to_owned(),
    }
}

/// The names of the guest's functions, innermost first.
pub(super) fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => readable(name),
        None => format!("function {}", frame.func_index()),
    };
    backtrace
        .frames()
        .iter()
        .take(MAX_FRAMES)
        .map(name)
        .collect()
}

/// A demangled name without anything that could disturb a terminal.
fn readable(name: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    name.chars()
        .filter(|c| !c.is_control())
        .take(MAX_FRAME_NAME)
        .collect()
}
