//! Bad input: whatever a file, a guest or a user does, there is one clear message that says what was wrong, where, and
//! what to do; the exit code is the documented one; nothing is left behind; the host never panics.
//!
//! A module for each kind of input. [`support`] runs the command and judges what it says, [`table`] reads the host
//! functions from `ABI.md`, so that a new one can't be forgotten here. Guests are text, written in place.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::too_many_lines, reason = "tables of cases")]
#![allow(clippy::print_stdout, reason = "a figure for people to read")]
#![forbid(unsafe_code)]

#[path = "bad_input/support.rs"]
mod support;

#[path = "bad_input/arguments.rs"]
mod arguments;
#[path = "bad_input/files.rs"]
mod files;
#[path = "bad_input/floods.rs"]
mod floods;
#[path = "bad_input/handles.rs"]
mod handles;
#[path = "bad_input/limits.rs"]
mod limits;
#[path = "bad_input/manifests.rs"]
mod manifests;
#[path = "bad_input/pointers.rs"]
mod pointers;
#[path = "bad_input/signals.rs"]
mod signals;
#[path = "bad_input/table.rs"]
mod table;
