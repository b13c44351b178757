//! Sandboxes: compiled modules, and one fresh instance for each call.
//!
//! [`Sandboxes`] holds the two Wasmtime engines (a pool of instances and, when it is full, allocation on demand) and
//! compiles modules. A [`Module`] is a guest program with its checked [`Manifest`]; it makes [`Sandbox`]es, each with its
//! own memory, handles, output and limits, which run exports named in the manifest. What a guest asks for goes through
//! [`HostServices`], which the layers above implement.
//!
//! Invariants: no instance ever sees what another left behind; everything a sandbox holds (slot, memory, handles) is
//! given back when it is dropped, at any point; nothing a guest sends makes the host panic or allocate without a bound.
//! The host reads and writes a guest's memory only through checked ranges; `views` maps stored objects into it.
//!
//! It knows nothing of scheduling, actors or jobs, and it never retries a call.

mod cache;
mod effort;
mod engine;
mod entry;
mod fault;
mod handles;
mod hibernate;
mod hostcall;
mod inspect;
mod instance;
mod limits;
mod load_error;
mod manifest;
mod module;
mod output;
mod precompiled;
mod reset;
pub mod services;
mod views;
mod wasi;

pub use cache::CacheDir;
pub use effort::EffortLimits;
pub use engine::{EngineError, EngineInfo, Sandboxes, SandboxesOptions, Strategy, max_sandboxes};
pub use inspect::{ExportInfo, ImportInfo, MemoryInfo, ModuleInfo, inspect};
pub use instance::{CallEnd, CallFrame, Sandbox};
pub use load_error::{LoadError, LoadProblem};
pub use manifest::{ActorInfo, FunctionInfo, Manifest, ParamInfo};
pub use module::Module;
pub use output::{LogSender, LogSource};
pub use services::{HostServices, Tick};
pub use wasi::WasiConfig;

#[cfg(test)]
mod tests;
