//! What the fuzz targets do with their bytes: generators and oracles, one module a target.
//!
//! A target's own file only hands its bytes on. [`calls`] decodes `spawn` buffers, [`manifest`] and [`module`] look at
//! modules without compiling them, [`host_calls`] lets a guest call host functions in a live sandbox. That nothing panics
//! is checked by the fuzzer itself; each module says what else must hold.

pub mod calls;
pub mod host_calls;
pub mod manifest;
pub mod module;
