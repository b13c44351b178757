//! The switch between std's and loom's primitives.

#[path = "../../../host/src/rt/sync.rs"]
pub(crate) mod sync;
