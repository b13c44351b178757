//! What host functions need from the rest of the host.
//!
//! Host functions only decode, call one of these and encode the answer. The node implements it for real calls; the
//! tests of this module implement it without a scheduler.

use std::{future::Future, sync::Arc, time::Duration};

use wrun_abi::StopMode;

use super::{LogSource, WasiConfig};
use crate::{
    store::{Contents, MemFiles, ObjectRef, Place, Resource, Value, Waiting},
    tenant::{Account, Charge},
    types::{CallSpec, TaskError},
};

/// What a tick of the clock means for a running guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// Go on.
    Continue,
    /// Suspend: others wait for the worker, or the call is to be dropped.
    Yield,
}

/// Services for one sandbox.
///
/// Each future may suspend the guest; dropping one (the call was cancelled) leaves nothing half done.
pub trait HostServices: Send + Sized + 'static {
    /// Who pays for the sandbox.
    fn account(&self) -> &Arc<Account>;

    /// What it gets through WASI.
    fn wasi(&self) -> &WasiConfig;

    /// Where its output goes; asked for when it prints for the first time.
    fn log(&self) -> LogSource;

    /// Submits calls, all or none, and gives what their handles name, call by call; may wait for queue room. More
    /// than `room` handles are an error, and nothing is submitted then.
    fn submit(
        &mut self,
        calls: Vec<CallSpec<Resource>>,
        room: usize,
    ) -> impl Future<Output = Result<Vec<Resource>, TaskError>> + Send;

    /// Room in the store for a value of so many bytes and references, or `None` when it must be waited for.
    ///
    /// # Errors
    /// When there can never be so much.
    fn room_now(&mut self, bytes: usize, refs: usize) -> Result<Option<Charge>, TaskError>;

    /// Waits for room in the store for a value of so many bytes and references.
    fn room(
        &mut self,
        bytes: usize,
        refs: usize,
    ) -> impl Future<Output = Result<Charge, TaskError>> + Send;

    /// Where large values are written.
    fn files(&self) -> &MemFiles;

    /// Where a value can be read from `offset` on, up to `len` bytes; may wait for the disk, without a slot.
    ///
    /// # Errors
    /// When it can't be read back.
    fn read(
        &mut self,
        value: &Value,
        offset: u64,
        len: usize,
    ) -> impl Future<Output = Result<Place, TaskError>> + Send;

    /// Brings a value back to memory if need be, for which others may be spilled; `None` when there is no room for it
    /// and none can be made. It stays as long as its contents are held.
    ///
    /// # Errors
    /// When it can't be read back.
    fn bring_back(
        &mut self,
        value: &Value,
    ) -> impl Future<Output = Result<Option<Contents>, TaskError>> + Send;

    /// Stores a value as an object.
    fn put(&mut self, value: Value) -> Result<ObjectRef, TaskError>;

    /// Adds an item to the call's stream; may wait until it is read.
    fn yield_item(&mut self, value: Value) -> impl Future<Output = Result<(), TaskError>> + Send;

    /// Waits without a slot; `false` when the time is over first.
    fn wait(
        &mut self,
        waiting: Waiting,
        timeout: Option<Duration>,
    ) -> impl Future<Output = bool> + Send;

    /// Sleeps, keeping the slot.
    fn sleep(&mut self, time: Duration) -> impl Future<Output = ()> + Send;

    /// Cancels the call that makes this object or stream.
    fn cancel(&mut self, of: &Resource, keep_children: bool);

    /// The call's context as JSON (`ABI.md`, "Context").
    fn context(&mut self) -> Vec<u8>;

    /// The actor whose constructor or method this is.
    fn actor_self(&self) -> Option<Resource>;

    /// The actor registered under `name`.
    fn actor_get(&self, name: &str) -> Option<Resource>;

    /// Stops an actor.
    fn actor_stop(&mut self, actor: &Resource, mode: StopMode) -> Result<(), TaskError>;

    /// What a place of its handle table names from now on; for who looks from outside.
    fn holds(&self, place: usize, resource: Option<&Resource>);

    /// Called about every 10 ms while the guest runs.
    fn tick(&mut self) -> Tick;
}
