//! A sandbox: one instance of a module, with all that belongs to it.
//!
//! [`Sandbox`] owns the Wasmtime store, whose data (`State`) holds the services, handles, limits, output and the call
//! that runs. The permit (its place in the pool, its charge) is dropped after the store, by the order of the fields.
//!
//! Invariants: one call at a time; a sandbox is dead from the start of a call until that call has come back in order, so
//! a call that was dropped half-way, trapped or exited leaves a dead one, which runs nothing any more.

use std::{fmt, future::Future};

use wasmtime::{Memory, ModuleExport, Store, UpdateDeadline};

use super::{
    FunctionInfo, HostServices, Module, Tick,
    engine::Permit,
    fault::{Exit, explain},
    handles::HandleTable,
    hibernate::Saved,
    hostcall::error::LastError,
    limits::{MemoryLimits, RAISE},
    module::Loaded,
    output::Output,
    reset::Reset,
    views::Views,
    wasi::Wasi,
};
use crate::{
    rt::guard::Guard,
    store::Value,
    tenant::OverLimit,
    types::{ErrorKind, TaskError},
};

/// One call's arguments and what is expected of it.
#[derive(Debug, Clone, Default)]
pub struct CallFrame {
    /// The arguments in order.
    pub args: Vec<Value>,
    /// The format byte in which results are wanted.
    pub result_format: u8,
    /// How many results there must be; 0 for `main`, constructors and streaming calls.
    pub num_returns: usize,
}

/// How a call ended.
#[derive(Debug)]
#[must_use]
pub struct CallEnd {
    /// The results, as many as were wanted, or what went wrong.
    pub outcome: Result<Vec<Value>, TaskError>,
    /// What `proc_exit` was called with.
    pub exit_code: Option<i32>,
    /// The sandbox can't be used again.
    pub dead: bool,
}

/// The data of a sandbox's store.
pub(super) struct State<S> {
    pub(super) services: S,
    pub(super) limits: MemoryLimits,
    pub(super) handles: HandleTable,
    pub(super) memory: Option<Memory>,
    pub(super) call: Call,
    pub(super) last_error: LastError,
    pub(super) output: Output,
    pub(super) wasi: Wasi,
    pub(super) views: Views,
    pub(super) reset: Option<Reset>,
}

impl<S> Drop for State<S> {
    /// Before the instance is dropped: its slot goes back as it came. Views first: their pages need no putting back.
    fn drop(&mut self) {
        self.views.clear();
        if let Some(reset) = &self.reset {
            reset.run(self.limits.memory());
        }
    }
}

/// The call that runs.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) args: Vec<Value>,
    pub(super) result_format: u8,
    pub(super) results: Vec<Option<Value>>,
    pub(super) failure: Option<TaskError>,
}

impl From<CallFrame> for Call {
    fn from(frame: CallFrame) -> Self {
        let results = std::iter::repeat_with(|| None)
            .take(frame.num_returns)
            .collect();
        Self {
            args: frame.args,
            result_format: frame.result_format,
            results,
            failure: None,
        }
    }
}

impl Call {
    fn into_outcome(self) -> Result<Vec<Value>, TaskError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let wanted = self.results.len();
        let missing = self.results.iter().position(Option::is_none);
        match missing {
            None => Ok(self.results.into_iter().flatten().collect()),
            Some(_) if !Guard::AllResults.stands() => {
                Ok(self.results.into_iter().flatten().collect())
            }
            Some(index) => Err(TaskError::new(
                ErrorKind::BadResult,
                format!(
                    "the call returned without its result {} of {wanted} (`result_write` was not called)",
                    index + 1
                ),
            )),
        }
    }
}

/// A running instance of a module.
pub struct Sandbox<S: HostServices> {
    // Dropped in this order: the instance first, then its place.
    /// Always there, but inside functions that change what it is.
    body: Option<Body<S>>,
    /// `_initialize` has not run: it is part of the first call.
    fresh: bool,
    dead: bool,
    permit: Permit<S>,
}

/// What holds of [`Sandbox::body`].
const BODY: &str =
    "a sandbox has a body whenever its functions are left, and only a hibernating one is woken";

enum Body<S: HostServices> {
    /// It can run.
    Awake {
        store: Store<State<S>>,
        /// Nothing while it is made again.
        instance: Option<wasmtime::Instance>,
    },
    /// It has to be made again before it can run.
    Hibernating(Box<(State<S>, Saved)>),
}

impl<S: HostServices> fmt::Debug for Sandbox<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("module", &self.permit.module)
            .field("dead", &self.dead)
            .field("pool", &self.permit.pool)
            .finish_non_exhaustive()
    }
}

impl<S: HostServices> Module<S> {
    /// Makes a fresh sandbox, whose memories and tables may have `memory_limit` bytes together, and runs its start
    /// function.
    ///
    /// Dropping the future gives everything back.
    ///
    /// # Errors
    /// A [`TaskError`] when a limit is in the way, or the guest's own start failed.
    pub fn instantiate(
        &self,
        services: S,
        memory_limit: u64,
    ) -> impl Future<Output = Result<Sandbox<S>, TaskError>> + Send + 'static {
        make(self.clone(), services, memory_limit)
    }
}

async fn make<S: HostServices>(
    module: Module<S>,
    services: S,
    memory_limit: u64,
) -> Result<Sandbox<S>, TaskError> {
    // Dropped in the order of a sandbox's fields: the store first.
    let (mut permit, mut store) = prepare(module, services, memory_limit)?;
    let instance = loop {
        let pre = &permit.loaded()?.pre;
        match pre.instantiate_async(&mut store).await {
            Ok(instance) => break instance,
            Err(e) if permit.pool.is_some() && e.is::<wasmtime::PoolConcurrencyLimitError>() => {
                store = outside(store, &mut permit)?;
            }
            Err(e) => return Err(start_failed(store, e).await),
        }
    };
    find_memory(&mut store, &instance, &permit)?;
    Ok(Sandbox {
        body: Some(Body::Awake {
            store,
            instance: Some(instance),
        }),
        fresh: true,
        dead: false,
        permit,
    })
}

/// What the host has to know of the memory of an instance in which no code has run.
fn find_memory<S: HostServices>(
    store: &mut Store<State<S>>,
    instance: &wasmtime::Instance,
    permit: &Permit<S>,
) -> Result<(), TaskError> {
    let memory = permit.loaded()?.memory;
    let memory = memory.and_then(|export| instance.get_module_export(&mut *store, &export));
    let memory = memory.and_then(wasmtime::Extern::into_memory);
    store.data_mut().memory = memory;
    if let (Some(image), Some(memory)) = (permit.image(), memory) {
        let base = memory.data_ptr(&*store).expose_provenance();
        store.data_mut().reset = Some(Reset::new(image, base));
    }
    Ok(())
}

/// All that a sandbox needs before its instance is made. Nothing here waits, so that none of it is part of the future.
fn prepare<S: HostServices>(
    module: Module<S>,
    services: S,
    memory_limit: u64,
) -> Result<(Permit<S>, Store<State<S>>), TaskError> {
    if module.0.initial_bytes > memory_limit && Guard::MemoryLimit.stands() {
        return Err(starts_too_big(module.0.initial_bytes, memory_limit));
    }
    let over = |over: OverLimit| TaskError::new(ErrorKind::MemoryLimit, over.to_string());
    let account = services.account();
    let limits = MemoryLimits::new(memory_limit, account).map_err(over)?;
    let handles = HandleTable::new(account).map_err(over)?;
    let permit = Permit::take(module, account)?;
    let mut views = Views::default();
    views.set_pooled(permit.pool.is_some());
    let state = State {
        services,
        limits,
        handles,
        memory: None,
        call: Call::default(),
        last_error: LastError::default(),
        output: Output::new(),
        wasi: Wasi::default(),
        views,
        reset: None,
    };
    let store = new_store(permit.loaded()?, state);
    Ok((permit, store))
}

fn starts_too_big(bytes: u64, limit: u64) -> TaskError {
    TaskError::new(
        ErrorKind::MemoryLimit,
        format!(
            "the module starts with {} of memory and the limit is {}; {RAISE}",
            super::limits::size(bytes),
            super::limits::size(limit),
        ),
    )
}

/// The pool was full all the same: the data of `store` in one outside.
fn outside<S: HostServices>(
    mut store: Store<State<S>>,
    permit: &mut Permit<S>,
) -> Result<Store<State<S>>, TaskError> {
    // The data comes out after the slot went back.
    store.data_mut().views.set_pooled(false);
    let state = store.into_data();
    permit.leave_pool();
    Ok(new_store(permit.loaded()?, state))
}

fn new_store<S: HostServices>(loaded: &Loaded<S>, state: State<S>) -> Store<State<S>> {
    let mut store = Store::new(loaded.pre.module().engine(), state);
    store.limiter(|state| &mut state.limits);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| {
        let state = store.data_mut();
        state.output.try_flush();
        if !Guard::Interrupts.stands() {
            return Ok(UpdateDeadline::Continue(1));
        }
        Ok(match state.services.tick() {
            Tick::Continue => UpdateDeadline::Continue(1),
            Tick::Yield => UpdateDeadline::Yield(1),
        })
    });
    store
}

/// The error of a start that failed: the guest's start function, or the host had no room for the instance.
async fn start_failed<S: HostServices>(
    mut store: Store<State<S>>,
    error: wasmtime::Error,
) -> TaskError {
    let guests_fault =
        error.is::<wasmtime::Trap>() || error.is::<Exit>() || error.is::<super::fault::Violation>();
    let state = store.data_mut();
    let refusal = state.limits.refused().cloned();
    let end = match refusal {
        Some(refusal) if !guests_fault => refusal.error(),
        _ if guests_fault => state.finish(Err(error)).outcome.err().unwrap_or_else(|| {
            TaskError::new(ErrorKind::Trap, "the guest exited in its start function")
        }),
        _ => TaskError::new(
            ErrorKind::System,
            format!("the sandbox could not be made: {error:#}"),
        ),
    };
    state.output.flush().await;
    end
}

impl<S: HostServices> State<S> {
    fn begin(&mut self, frame: CallFrame) {
        self.call = frame.into();
        self.limits.begin();
        self.last_error = LastError::default();
    }

    /// What became of the call that ran.
    fn finish(&mut self, result: wasmtime::Result<()>) -> CallEnd {
        let mut call = std::mem::take(&mut self.call);
        let refused = self.limits.refused();
        if let (Some(refusal), Some(failure)) = (refused, &mut call.failure)
            && failure.kind == ErrorKind::Panic
            && result.is_err()
        {
            let mut error = refusal.error();
            error.message = format!("{} (the guest said: {})", error.message, failure.message);
            error.backtrace = std::mem::take(&mut failure.backtrace);
            *failure = error;
        }
        let mut end = match result {
            Ok(()) => CallEnd {
                outcome: call.into_outcome(),
                exit_code: None,
                dead: false,
            },
            Err(error) => match error.downcast_ref::<Exit>() {
                Some(Exit(0)) => CallEnd {
                    outcome: call.into_outcome(),
                    exit_code: Some(0),
                    dead: true,
                },
                Some(Exit(code)) => {
                    let exited = || {
                        TaskError::new(ErrorKind::Application, format!("exited with code {code}"))
                    };
                    let outcome = Err(call.failure.unwrap_or_else(exited));
                    CallEnd {
                        outcome,
                        exit_code: Some(*code),
                        dead: true,
                    }
                }
                None => {
                    let outcome = Err(call.failure.unwrap_or_else(|| explain(&error, refused)));
                    CallEnd {
                        outcome,
                        exit_code: None,
                        dead: true,
                    }
                }
            },
        };
        if let Some(problem) = self.wasi.take_problem() {
            end.outcome = Err(TaskError::new(ErrorKind::System, problem));
        }
        end
    }
}

impl<S: HostServices> Sandbox<S> {
    /// Runs a function of the module's manifest.
    ///
    /// The results of a streaming call come through [`HostServices::yield_item`]. Dropping the future ends the call at
    /// once and leaves a dead sandbox.
    pub async fn call(&mut self, function: &FunctionInfo, frame: CallFrame) -> CallEnd {
        match self.export(function).await {
            Ok(export) => self.run(export, frame).await,
            Err(error) => CallEnd {
                outcome: Err(error),
                exit_code: None,
                dead: self.dead,
            },
        }
    }

    /// What to call for a function, in an instance that is there.
    async fn export(&mut self, function: &FunctionInfo) -> Result<ModuleExport, TaskError> {
        if self.dead {
            return Err(TaskError::new(
                ErrorKind::ActorDied,
                "the sandbox is dead: an earlier call trapped, exited or was dropped",
            ));
        }
        if self.is_hibernating() {
            // Seldom, so it need not make every call's future larger.
            Box::pin(self.wake()).await?;
        }
        let loaded = self.permit.loaded()?;
        let exports = match self.fresh {
            true => &loaded.entries,
            false => &loaded.exports,
        };
        exports.get(function.export).copied().ok_or_else(|| {
            let message = format!("`{}` is not in this module", function.name);
            TaskError::new(ErrorKind::NotFound, message)
        })
    }

    async fn run(&mut self, export: ModuleExport, frame: CallFrame) -> CallEnd {
        self.dead = true;
        self.fresh = false;
        let result = self.invoke(export, frame).await;
        let state = self.state_mut();
        let end = state.finish(result);
        state.output.end_lines();
        state.output.flush().await;
        self.dead = end.dead;
        end
    }

    async fn invoke(&mut self, export: ModuleExport, frame: CallFrame) -> wasmtime::Result<()> {
        let Some(Body::Awake {
            store,
            instance: Some(instance),
        }) = &mut self.body
        else {
            return Err(wasmtime::Error::msg("there is no instance (a host bug)"));
        };
        store.set_epoch_deadline(1);
        store.data_mut().begin(frame);
        let function = instance
            .get_module_export(&mut *store, &export)
            .and_then(wasmtime::Extern::into_func);
        let function =
            function.ok_or_else(|| wasmtime::Error::msg("the export is not a function"))?;
        function
            .typed::<(), ()>(&*store)?
            .call_async(&mut *store, ())
            .await
    }

    /// Gives up its instance and keeps what the next call needs to go on as if nothing had been; `false` when that can't
    /// be done, and nothing has changed. Its memory stays charged.
    ///
    /// See `hibernate.rs` for what can.
    pub fn hibernate(&mut self) -> bool {
        let Some(saved) = self.save() else {
            return false;
        };
        if let Some(Body::Awake { mut store, .. }) = self.body.take() {
            let state = store.data_mut();
            // Before the instance is dropped, as in `State::drop`.
            if let Some(reset) = state.reset.take() {
                reset.run(state.limits.memory());
            }
            state.limits.keep();
            state.memory = None;
            let state = store.into_data();
            self.permit.give_slot();
            self.body = Some(Body::Hibernating(Box::new((state, saved))));
        }
        true
    }

    fn save(&mut self) -> Option<Saved> {
        if self.dead || self.fresh {
            return None;
        }
        let globals = self.permit.loaded().ok()?.globals.as_ref()?;
        let image = self.permit.module.0.image.as_ref()?;
        let Some(Body::Awake {
            store,
            instance: Some(instance),
        }) = &mut self.body
        else {
            return None;
        };
        let memory = store.data().memory?;
        let known = store.data().views.is_empty();
        known.then(|| Saved::of(store, instance, memory, globals, image))?
    }

    /// Makes its instance again.
    ///
    /// # Errors
    /// Why that can't be done. It is dead then, as when this is dropped half-way.
    async fn wake(&mut self) -> Result<(), TaskError> {
        self.dead = true;
        let failed = |e: wasmtime::Error| {
            let message = format!("the sandbox hibernated and could not be made again: {e:#}");
            TaskError::new(ErrorKind::System, message)
        };
        self.permit.take_slot();
        self.permit.loaded()?;
        let Some(Body::Hibernating(hibernating)) = self.body.take() else {
            unreachable!("{BODY}");
        };
        let (state, saved) = *hibernating;
        self.put(state)?;
        loop {
            let Some(Body::Awake { store, instance }) = &mut self.body else {
                unreachable!("{BODY}");
            };
            let loaded = self.permit.loaded()?;
            match loaded.pre.instantiate_async(&mut *store).await {
                Ok(made) => {
                    find_memory(store, &made, &self.permit)?;
                    let globals = loaded.globals.as_deref().unwrap_or_default();
                    if let Some(memory) = store.data().memory {
                        let restored = saved.restore(&mut *store, &made, memory, globals);
                        restored.await.map_err(failed)?;
                    }
                    *instance = Some(made);
                    self.dead = false;
                    return Ok(());
                }
                Err(e)
                    if self.permit.pool.is_some()
                        && e.is::<wasmtime::PoolConcurrencyLimitError>() =>
                {
                    self.permit.leave_pool();
                    self.permit.loaded()?;
                    if let Some(Body::Awake { store, .. }) = self.body.take() {
                        self.put(store.into_data())?;
                    }
                }
                Err(e) => return Err(failed(e)),
            }
        }
    }

    /// Puts its data into a new store, for an instance that is made next.
    fn put(&mut self, mut state: State<S>) -> Result<(), TaskError> {
        state.views.set_pooled(self.permit.pool.is_some());
        let store = new_store(self.permit.loaded()?, state);
        self.body = Some(Body::Awake {
            store,
            instance: None,
        });
        Ok(())
    }

    fn is_hibernating(&self) -> bool {
        matches!(self.body, Some(Body::Hibernating(_)))
    }

    fn state(&self) -> &State<S> {
        match self.body.as_ref().expect(BODY) {
            Body::Awake { store, .. } => store.data(),
            Body::Hibernating(hibernating) => &hibernating.0,
        }
    }

    fn state_mut(&mut self) -> &mut State<S> {
        match self.body.as_mut().expect(BODY) {
            Body::Awake { store, .. } => store.data_mut(),
            Body::Hibernating(hibernating) => &mut hibernating.0,
        }
    }

    /// The services it was made with.
    #[must_use]
    pub fn services(&self) -> &S {
        &self.state().services
    }

    /// The services it was made with.
    pub fn services_mut(&mut self) -> &mut S {
        &mut self.state_mut().services
    }

    /// Bytes of its memories and tables now.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.state().limits.bytes()
    }

    /// Whether it came from the pool.
    #[must_use]
    pub fn in_pool(&self) -> bool {
        self.permit.pool.is_some()
    }

    /// Whether it can run nothing any more.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Has the kernel move its memory to disk, if it is a large one's and there is swap.
    #[cfg(test)]
    pub(super) fn page_out(&self) {
        let state = self.state();
        if let Some(reset) = &state.reset {
            reset.page_out(state.limits.memory());
        }
    }

    /// The module it runs.
    #[must_use]
    pub fn module(&self) -> &Module<S> {
        &self.permit.module
    }
}
