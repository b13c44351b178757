//! One node: it wires store, sandboxes, scheduler, actors and jobs into a runtime, and is what embedders and the
//! command line talk to.
//!
//! [`Runtime`] owns the threads; [`Runtime::load`] makes a [`Module`], [`Runtime::submit`] and [`Runtime::open`] make a
//! [`Job`], calls in it give a [`Pending`]. Inside, a `Call` is one call's life (`call.rs`), made by `submit.rs`, run
//! by `run.rs` (tasks, `main`), `actor.rs` (methods) or `request.rs` (HTTP requests), served by `services.rs`, stopped by
//! `cancel.rs`, seen from outside by `snapshot.rs`.
//!
//! Invariants: a call's results are recorded once; a job that ended holds no sandbox, no queued call and no object; a
//! runtime that was dropped has no thread left. There is no global state: several runtimes live in one process.

mod activity;
mod actor;
mod call;
mod cancel;
mod client;
mod compilers;
mod faults;
mod idle;
mod record;
mod request;
mod result;
#[cfg(feature = "guard-switch")]
mod reuse;
mod run;
mod runtime;
mod services;
mod snapshot;
mod state;
mod submit;
mod tenant;
mod tick;
mod times;

pub use activity::Activity;
pub use client::{Actor, Job, Pending};
pub use compilers::Compiler;
pub use faults::{Fault, Faults};
pub use result::Ready;
pub use runtime::{Module, NodeInfo, Runtime, RuntimeOptions, SpillTo, StartError, SubmitError};
pub use snapshot::{Page, Place, Query};
pub use state::JobEnd;
pub use tenant::{Tenant, TenantOptions};

#[cfg(test)]
mod tests;
