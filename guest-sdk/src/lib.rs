//! Write tasks, actors and futures that run in WebAssembly sandboxes of their own.
//!
//! A function with [`#[task]`](macro@task) can be called remotely: the call gives an [`ObjectRef`] at once and runs in a
//! fresh sandbox. A type with [`#[actor]`](macro@actor) lives in a sandbox and runs its methods one at a time; callers
//! have a [`Handle`]. [`put`] stores a value that many tasks read, [`get`] and [`wait()`] wait for results.
//!
//! ```
//! use wrun::prelude::*;
//!
//! #[wrun::task]
//! fn add(x: i64, y: i64) -> i64 {
//!     x + y
//! }
//!
//! #[wrun::actor]
//! struct Counter {
//!     value: i64,
//! }
//!
//! #[wrun::actor]
//! impl Counter {
//!     fn new(start: i64) -> Self {
//!         Counter { value: start }
//!     }
//!     fn inc(&mut self) -> i64 {
//!         self.value += 1;
//!         self.value
//!     }
//! }
//!
//! #[wrun::main]
//! fn main() -> wrun::Result<()> {
//!     let a = add::remote(1, 2); // ObjectRef<i64>, at once
//!     let b = add::remote(&a, 3); // depends on a
//!     let counter = Counter::remote(10); // Handle<Counter>
//!     let n = counter.inc(); // ObjectRef<i64>
//!     assert_eq!((b.get()?, n.get()?), (6, 11));
//!     let (ready, rest) = wrun::wait(&[a, b], 1, Some(Duration::from_secs(5)))?;
//!     assert_eq!((ready.len(), rest.len()), (1, 1));
//!     Ok(())
//! }
//! ```
//!
//! Nothing is captured: a task sees its arguments, never the caller's globals. To share a value, pass its ref.
//!
//! # Two ways to run
//!
//! Built for `wasm32-wasip1`, a program or `cdylib` is a module for `wrun submit`. Built for any other target, the same
//! code runs in [local mode](local): tasks are threads of this process, so that plain `cargo test` can test them.
//!
//! # Layout
//!
//! `function` is a function as a value. `arg`, `options` and `call` are a call on the caller's side, `serve` the same call on the callee's; `object`, `handle`,
//! `stream` are what a call gives. `value` says what can be sent, `view` is for large arrays. `codec` and `links` turn values into bytes and the refs inside them into positions.
//! `border` is the host as safe functions: `imports` (over `sys`) in a sandbox, `local` elsewhere.

#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod arg;
mod as_completed;
mod call;
mod codec;
mod context;
mod error;
mod function;
mod gather;
mod handle;
pub mod http;
mod links;
mod object;
mod options;
mod pool;
mod raw;
mod serve;
mod stream;
mod value;
mod view;

#[cfg(target_arch = "wasm32")]
mod imports;
#[cfg(target_arch = "wasm32")]
mod sys;
#[cfg(target_arch = "wasm32")]
use imports as border;

#[cfg(not(target_arch = "wasm32"))]
pub mod local;
#[cfg(not(target_arch = "wasm32"))]
use local::border;

pub use arg::{Arg, IntoArg};
pub use as_completed::{AsCompleted, as_completed};
pub use context::{Context, Node, Resources, cluster_resources, context, nodes, sleep};
pub use error::{Error, ErrorKind, Result};
pub use function::{Code, Function};
pub use gather::{Gather, get, get_timeout, wait};
pub use handle::{Actor, Handle, MethodOptions, get_actor, this_actor};
pub use object::{Any, ObjectRef, cancel, cancel_only, put};
pub use pool::ActorPool;
pub use stream::RefStream;
pub use value::{FromValue, ToValue};
pub use view::{Plain, View, put_plain};
pub use wrun_macros::{actor, main, task};

pub use bytemuck;
pub use serde;

/// `max_retries` and `max_restarts` without end.
pub use wrun_abi::FOREVER;

/// What most guests use: `use wrun::prelude::*;`.
pub mod prelude {
    pub use std::time::Duration;

    pub use crate::{
        Actor, ActorPool, Error, ErrorKind, Handle, IntoArg, ObjectRef, RefStream, Result, View,
    };
    pub use crate::{bail, ensure};
}

/// For the macros only; not covered by any promise.
#[doc(hidden)]
pub mod __private {
    pub use crate::call::{Defaults, Entry, start, start_all};
    pub use crate::handle::Target;
    pub use crate::options::slots;
    pub use crate::serve::{IsResult, method, task};
    pub use crate::{__actor_options as actor_options, __task_options as task_options};
    pub use wrun_abi::{CallKind, CallOptions};
}

/// Its examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
