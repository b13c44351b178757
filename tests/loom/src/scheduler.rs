//! The parts of the scheduler whose interleavings matter.

#[cfg(all(test, loom))]
#[path = "../../../host/src/scheduler/loom_tests.rs"]
mod loom_tests;
#[path = "../../../host/src/scheduler/sleep.rs"]
mod sleep;
#[path = "../../../host/src/scheduler/slots.rs"]
mod slots;
#[path = "../../../host/src/scheduler/state.rs"]
mod state;
