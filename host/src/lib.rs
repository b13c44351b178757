//! Ray's programming model, each call in a WebAssembly sandbox of its own: the host as a library.
//!
//! A [`Runtime`] is one node: its worker threads, sandboxes and object store. It loads a [`Module`] and runs it as a
//! [`Job`], by its `main` ([`Runtime::submit`]) or call by call ([`Runtime::open`]). Guests are written with the crate
//! `wrun`; the command `wrun` is one user of this library. `ARCHITECTURE.md` tells how it works inside.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use wrun_host::{JobOptions, Runtime, RuntimeOptions};
//!
//! let runtime = Runtime::start(RuntimeOptions::default())?;
//! let module = runtime.load("udf.wasm", std::fs::read("udf.wasm")?).await?;
//! let job = runtime.open(&module, JobOptions::default())?;
//! let sum: i64 = job.call("add", (1, 2)).await?.get().await?;
//! assert_eq!(sum, 3);
//! # Ok(())
//! # }
//! ```

#![deny(missing_docs)]

pub mod actor;
pub mod api;
pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
pub mod job;
pub mod ledger;
pub mod node;
pub mod otlp;
pub mod outbound;
pub mod rt;
pub mod sandbox;
pub mod scheduler;
pub mod server;
pub mod store;
pub mod tenant;
pub mod types;
pub mod walls;

pub use job::{JobOptions, TaskRecord};
pub use node::{
    Fault, Faults, Job, JobEnd, Module, NodeInfo, Pending, Runtime, RuntimeOptions, SpillTo,
    StartError, SubmitError, Tenant, TenantOptions,
};
pub use sandbox::{CacheDir, LoadError, ModuleInfo, inspect};
pub use types::{
    DirGrant, ErrorKind, Event, HostRule, HttpLimits, HttpOptions, JobStats, LogLine, Network,
    TaskError,
};
