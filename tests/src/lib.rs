//! What the tests across crates share: the guests, and a way to run them with the real command.
//!
//! [`guest`] has the path of each module that the build script built. A [`Submit`] is one `wrun submit`; running it gives
//! a [`Run`]: exit code, output, time. [`wrun()`] finds the command itself. [`server`] has a server of the tests' own,
//! [`collector`] takes the spans that it sends.
//!
//! Nothing here knows what a guest does; that is in the files of `tests/`.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

pub mod collector;
mod command;
pub mod server;

pub use command::{Run, Submit, submit, unguarded, wrun};

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
