//! The runtime: options, start, load, submit, shutdown.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use thiserror::Error;

use super::{
    activity::{self, Activity},
    client::Job,
    compilers::Compilers,
    faults::{Fault, Faults},
    run::QueuedCall,
    services::CallServices,
    snapshot::{self, Page, Query},
    state::{Living, NodeState},
    tenant::{Tenant, TenantOptions, TenantState},
    tick::{Ticker, TickerHandle},
    times::Times,
};
use crate::{
    job::JobOptions,
    outbound::{Lookups, Outbound},
    sandbox::{
        self, CacheDir, EffortLimits, EngineError, EngineInfo, LoadError, Sandboxes,
        SandboxesOptions,
    },
    scheduler::{Scheduler, SchedulerOptions},
    store::{MemFiles, Spill, SpillDirError},
    tenant::{Account, Limits, Resource},
    types::{
        ActorState, ActorView, HttpOptions, JobId, NodeId, ObjectState, ObjectView, SLOT, TaskId,
        TaskState, TaskTotals, TaskView, TaskWhy,
    },
};

/// How long a shutdown waits for jobs to end in order.
const PATIENCE: Duration = Duration::from_secs(5);

/// Handles that all sandboxes may hold, at about 40 bytes each.
const MAX_HANDLES: u64 = 16 << 20;

/// What is remembered of failed calls and dead actors of all jobs.
const MAX_LOG_BYTES: u64 = 256 << 20;

/// Where large values go when the object store's memory is full.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpillTo {
    /// Nowhere: who writes waits.
    Nowhere,
    /// A private directory in the system's one for temporary files; nowhere when that can't be used.
    Temp,
    /// This directory.
    Dir(PathBuf),
}

/// How a runtime is set up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RuntimeOptions {
    /// How many tasks run at once; fractions count in 1/10,000. Default: one per core.
    pub slots: f64,
    /// Worker threads. Default: one per core.
    pub workers: usize,
    /// Bytes of memory that one sandbox may have. Default: 256 MiB.
    pub memory_limit: u64,
    /// Bytes that all sandboxes may have together. Default: 16 GiB.
    pub total_memory: u64,
    /// Bytes of objects. Default: 2 GiB.
    pub object_store_memory: u64,
    /// Where objects go beyond that. Default: to a private directory in the system's one for temporary files.
    pub spill: SpillTo,
    /// Bytes of objects there. Default: no limit but that some of the file system stays free.
    pub spill_limit: u64,
    /// Living sandboxes: running, suspended or actors. Default: what the kernel can hold, 8,191 with its usual settings.
    pub max_sandboxes: u64,
    /// Sandboxes that the pool holds ready; others are made on demand. Default: 1,000.
    pub pool_size: u32,
    /// Calls that may wait. Default: 1,000,000.
    pub max_queued_calls: u64,
    /// Bytes of calls that may wait. Default: 256 MiB.
    pub max_queued_bytes: u64,
    /// Where compiled code is kept. Default: the user's cache directory.
    pub cache: CacheDir,
    /// Modules come from people who need not be trusted: what compiling one takes has limits, and each is compiled by one
    /// thread, so that what it takes is one tenant's share. Default: no.
    pub untrusted_modules: bool,
    /// An actor that got no call for so long gives up its instance, and goes on from the same state with the next call
    /// (it takes up to twice as long until it is noticed). `None`: never. Default: one second.
    pub hibernate_after: Option<Duration>,
    /// What HTTP requests may be made by tasks of jobs that have no tenant of their own. Default: none.
    pub http: HttpOptions,
    /// Where people look at what runs here, if they can, as guests are told. Default: nowhere.
    pub dashboard_url: Option<String>,
    /// Failures made on purpose, for tests.
    pub faults: Faults,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            slots: f64::from(u32::try_from(cores).unwrap_or(1)),
            workers: cores,
            memory_limit: 256 << 20,
            total_memory: 16 << 30,
            object_store_memory: 2 << 30,
            spill: SpillTo::Temp,
            spill_limit: u64::MAX,
            max_sandboxes: sandbox::max_sandboxes(),
            pool_size: 1_000,
            max_queued_calls: 1_000_000,
            max_queued_bytes: 256 << 20,
            cache: CacheDir::User,
            untrusted_modules: false,
            hibernate_after: Some(Duration::from_secs(1)),
            http: HttpOptions::default(),
            dashboard_url: None,
            faults: Faults::default(),
        }
    }
}

/// Why a runtime does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The number of slots makes no sense.
    #[error("{0} slots: give a number from 0.0001 to 400,000")]
    Slots(f64),
    /// The number of workers makes no sense.
    #[error("{0} workers: give a number from 1 to 4,096")]
    Workers(usize),
    /// The engine could not be set up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The directory for spilled values can't be used.
    #[error(transparent)]
    Spill(#[from] SpillDirError),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why a job does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// There is nothing to run as the driver.
    #[error(
        "the module `{0}` has no `main`: run one of its tasks with `--task`, or add a function with `#[wrun::main]`"
    )]
    NoMain(String),
    /// The runtime was shut down.
    #[error("the runtime is shut down")]
    ShutDown,
}

/// A compiled module; cheap to clone.
#[derive(Debug, Clone)]
pub struct Module {
    pub(super) name: Arc<str>,
    pub(super) inner: sandbox::Module<CallServices>,
}

impl Module {
    /// The tasks, actors and `main` it declares.
    #[must_use]
    pub fn manifest(&self) -> &sandbox::Manifest {
        self.inner.manifest()
    }

    /// What it was called when it was loaded.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same under another name.
    #[must_use]
    pub fn renamed(&self, name: &str) -> Self {
        Self {
            name: name.into(),
            inner: self.inner.clone(),
        }
    }

    /// The hash of its bytes, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        self.inner.hash().to_string()
    }

    pub(super) fn new(name: &str, inner: sandbox::Module<CallServices>) -> Self {
        Self {
            name: name.into(),
            inner,
        }
    }

    /// Bytes of its compiled code with the data that it starts with.
    #[must_use]
    pub fn compiled_bytes(&self) -> usize {
        self.inner.compiled_bytes()
    }

    /// Whether it is a plain WASI command.
    #[must_use]
    pub fn is_command(&self) -> bool {
        self.inner.is_command()
    }
}

/// What a node offers.
#[derive(Debug, Clone, Serialize)]
pub struct NodeInfo {
    /// Its id.
    pub node: NodeId,
    /// Slots.
    pub slots: f64,
    /// Worker threads.
    pub workers: usize,
    /// Bytes of memory per sandbox.
    pub memory_limit: u64,
    /// Bytes of memory of all sandboxes.
    pub total_memory: u64,
    /// Bytes of objects in memory.
    pub object_store_memory: u64,
    /// Where objects go beyond that, if anywhere.
    pub spill_dir: Option<PathBuf>,
    /// Why they go nowhere.
    pub spill_off: Option<String>,
    /// Bytes of objects there, if that is limited.
    pub spill_limit: Option<u64>,
    /// Living sandboxes.
    pub max_sandboxes: u64,
    /// Waiting calls.
    pub max_queued_calls: u64,
    /// How sandboxes are made, and why so.
    pub engine: EngineInfo,
}

/// A running node.
///
/// Dropping it cancels its jobs and joins its threads; [`shutdown`](Self::shutdown) does so without blocking an async
/// thread.
#[derive(Debug)]
pub struct Runtime {
    node: Arc<NodeState>,
    options: RuntimeOptions,
    spill_off: Option<String>,
    // Fields drop in this order: no tick after the engines are idle, tokio last.
    scheduler: Option<Scheduler<QueuedCall>>,
    _ticker: Ticker,
    tokio: Option<tokio::runtime::Runtime>,
}

impl Runtime {
    /// Starts a node with its threads.
    ///
    /// # Errors
    /// [`StartError`] for impossible options, or when the operating system refuses memory or threads.
    pub fn start(options: RuntimeOptions) -> Result<Self, StartError> {
        let slots = units(options.slots).ok_or(StartError::Slots(options.slots))?;
        let workers = NonZeroUsize::new(options.workers).filter(|n| n.get() <= 4096);
        let workers = workers.ok_or(StartError::Workers(options.workers))?;
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(64)
            .thread_name("wrun-io")
            .enable_all()
            .build()?;
        let (files, spill_off) = match files(&options, tokio.handle()) {
            Ok(files) => files,
            Err(error) => {
                // Not a drop, which blocks and may not be done on an async thread.
                tokio.shutdown_background();
                return Err(error.into());
            }
        };
        let sandboxes = Sandboxes::new(engines(&options))?;
        let times = Arc::new(Times::new());
        let (ticker, on_busy) = ticker(&sandboxes, &times)?;
        let scheduler = Scheduler::start(
            SchedulerOptions::new(tokio.handle().clone())
                .workers(workers)
                .slots(slots)
                .on_busy(on_busy),
        )?;
        let account = Account::new("this host", limits(&options), None);
        let lookups = Lookups::default();
        let node = Arc::new(NodeState {
            id: NodeId::random(),
            slots,
            workers: workers.get(),
            sandboxes,
            tenant: own_tenant(&scheduler, &account, &lookups, &options),
            account,
            files,
            compilers: Compilers::new(workers.get(), tokio.handle().clone()),
            tokio: tokio.handle().clone(),
            faults: options.faults.clone(),
            dashboard_url: options.dashboard_url.clone(),
            lookups,
            hibernate_after: options.hibernate_after,
            times,
            living: Living::default(),
        });
        Ok(Self {
            node,
            options,
            spill_off,
            scheduler: Some(scheduler),
            _ticker: ticker,
            tokio: Some(tokio),
        })
    }

    /// Checks and compiles a module; `name` is what messages and the guest's first argument call it.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong with it, where, and what to do.
    pub async fn load(&self, name: &str, bytes: Vec<u8>) -> Result<Module, LoadError> {
        let compiler = self.own().compiler(usize::MAX).await;
        compiler.load(name, bytes).await.0
    }

    /// Runs a module's `main`, or a command's `_start`, as the driver of a new job, which ends with it.
    ///
    /// # Errors
    /// [`SubmitError`] when there is nothing to run, or the runtime is shut down.
    pub fn submit(&self, module: &Module, options: JobOptions) -> Result<Job, SubmitError> {
        self.own().submit(module, options)
    }

    /// Opens a job without a driver: its calls come from [`Job::call`].
    ///
    /// # Errors
    /// [`SubmitError::ShutDown`].
    pub fn open(&self, module: &Module, options: JobOptions) -> Result<Job, SubmitError> {
        self.own().open(module, options)
    }

    /// Makes a tenant: its jobs compete for workers as one, by its weight, and hold within its limits. `name` is for
    /// messages.
    ///
    /// ```
    /// use wrun_host::{CacheDir, Runtime, RuntimeOptions, TenantOptions, tenant::{Limits, Resource}};
    ///
    /// let mut options = RuntimeOptions::default();
    /// options.cache = CacheDir::Off;
    /// let runtime = Runtime::start(options).expect("it starts");
    /// let acme = runtime.tenant("acme", &TenantOptions {
    ///     limits: Limits::default().with(Resource::Actors, 1_000),
    ///     ..TenantOptions::default()
    /// });
    /// assert_eq!(acme.used(Resource::Actors), 0);
    /// ```
    #[must_use]
    pub fn tenant(&self, name: &str, options: &TenantOptions) -> Tenant {
        let scheduler = self.scheduler.as_ref().expect("only its drop takes it");
        let queue = scheduler.tenant(options.weight);
        Tenant::new(&self.node, name, queue, options)
    }

    fn own(&self) -> Tenant {
        Tenant {
            node: self.node.clone(),
            state: self.node.tenant.clone(),
        }
    }

    /// What it offers.
    #[must_use]
    pub fn info(&self) -> NodeInfo {
        NodeInfo {
            node: self.node.id,
            slots: f64::from(self.node.slots) / f64::from(SLOT),
            workers: self.node.workers,
            memory_limit: self.options.memory_limit,
            total_memory: self.options.total_memory,
            object_store_memory: self.options.object_store_memory,
            spill_dir: self.node.files.spill().map(|spill| spill.path().to_owned()),
            spill_off: self.spill_off.clone(),
            spill_limit: Some(self.options.spill_limit).filter(|limit| *limit < u64::MAX),
            max_sandboxes: self.options.max_sandboxes,
            max_queued_calls: self.options.max_queued_calls,
            engine: self.node.sandboxes.info(),
        }
    }

    /// What all its jobs together may hold.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let limits = self.node.account.limits();
        // Living sandboxes are counted where they are made.
        limits.with(Resource::Sandboxes, self.options.max_sandboxes)
    }

    /// The calls of all tenants that live, and some that failed, in the order of their ids.
    #[must_use]
    pub fn tasks(&self, query: &Query<TaskState>) -> Page<TaskView> {
        snapshot::tasks(&self.node, None, query)
    }

    /// The actors of all tenants that live, and some that died, in the order of their ids.
    #[must_use]
    pub fn actors(&self, query: &Query<ActorState>) -> Page<ActorView> {
        snapshot::actors(&self.node, None, query)
    }

    /// Objects of all tenants, in the order of their ids: the large ones, and those that waiting or running calls have as
    /// arguments or failed calls have left.
    #[must_use]
    pub fn objects(&self, query: &Query<ObjectState>) -> Page<ObjectView> {
        snapshot::objects(&self.node, None, query)
    }

    /// Why a task is where it is, if it lives or is kept as failed: what it waits for, down to what really runs or is stuck, or
    /// what it failed with, down to the first cause.
    #[must_use]
    pub fn why(&self, task: TaskId) -> Option<TaskWhy> {
        snapshot::why(&self.node, None, task)
    }

    /// The numbers of the calls of all jobs, or of one.
    #[must_use]
    pub fn totals(&self, job: Option<JobId>) -> TaskTotals {
        snapshot::totals(&self.node, None, job)
    }

    /// What these tenants did and do, in their order.
    #[must_use]
    pub fn activity(&self, tenants: &[&Tenant]) -> Vec<Activity> {
        activity::of(&self.node, tenants)
    }

    /// How much of a resource all jobs together hold; of what is counted by the node itself, living sandboxes.
    #[must_use]
    pub fn used(&self, resource: Resource) -> u64 {
        match resource {
            Resource::Sandboxes => self.node.sandboxes.live(),
            other => self.node.account.used(other),
        }
    }

    /// Workers that poll calls or look for some.
    #[must_use]
    pub fn workers_awake(&self) -> usize {
        self.scheduler.as_ref().map_or(0, Scheduler::running)
    }

    /// What is held now, by name: nothing, when all jobs have ended. For tests and reports.
    #[must_use]
    pub fn held(&self) -> Vec<(&'static str, u64)> {
        self.node
            .account
            .held()
            .map(|(resource, n)| (resource.name(), n))
            .collect()
    }

    /// Panics if a fault is planned for what supervises a job from outside, in this attempt.
    pub(crate) fn strike_supervisor(&self, attempt: u32) {
        let fault = self.node.faults.strike("supervisor", attempt);
        assert!(fault != Some(Fault::HostBug), "a fault made on purpose");
    }

    /// Stops the node and waits for its threads.
    pub async fn shutdown(self) {
        // Joining threads blocks, which an async thread may not.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(scheduler) = self.scheduler.take() {
            // Fibers of jobs that have not ended would be dropped where they stand.
            self.node.stop_jobs(PATIENCE);
            scheduler.shutdown();
        }
        if let Some(spill) = self.node.files.spill() {
            spill.remove();
        }
        if let Some(tokio) = self.tokio.take() {
            // Not `drop`, which blocks and may not be called on an async thread.
            tokio.shutdown_background();
        }
    }
}

fn engines(options: &RuntimeOptions) -> SandboxesOptions {
    let untrusted = options.untrusted_modules;
    SandboxesOptions {
        pool_size: options.pool_size,
        max_sandboxes: options.max_sandboxes,
        cache: options.cache.clone(),
        effort: untrusted.then_some(EffortLimits::STRANGERS),
        parallel: !untrusted,
        ..SandboxesOptions::default()
    }
}

/// Whose jobs those are that have no tenant of their own.
fn own_tenant(
    scheduler: &Scheduler<QueuedCall>,
    account: &Arc<Account>,
    lookups: &Lookups,
    options: &RuntimeOptions,
) -> Arc<TenantState> {
    TenantState::new(
        "",
        scheduler.tenant(NonZeroU32::MIN),
        account.clone(),
        Outbound::new(options.http.clone(), lookups),
        options.memory_limit,
    )
}

/// The ticking thread, and what tells it whether there is anything to interrupt. Both keep the node's coarse clock.
fn ticker(
    sandboxes: &Sandboxes<CallServices>,
    times: &Arc<Times>,
) -> std::io::Result<(Ticker, impl Fn(bool) + Send + Sync + use<>)> {
    let handle = TickerHandle::new();
    let (sandboxes, ticking, waking) = (sandboxes.clone(), times.clone(), times.clone());
    let tick = move || {
        ticking.renew();
        sandboxes.tick();
    };
    let ticker = Ticker::start(handle.clone(), tick)?;
    let on_busy = move |busy| {
        waking.renew();
        handle.set_busy(busy);
    };
    Ok((ticker, on_busy))
}

/// Files that guests may have open: half of what the process may. Its other half is for connections and its own.
fn open_files() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.unwrap_or(u64::MAX) / 2
}

/// What all jobs together may hold.
fn limits(options: &RuntimeOptions) -> Limits {
    Limits::default()
        .with(Resource::SandboxBytes, options.total_memory)
        .with(Resource::ViewBytes, options.total_memory)
        .with(Resource::ObjectBytes, options.object_store_memory)
        .with(Resource::SpilledBytes, options.spill_limit)
        .with(Resource::Handles, MAX_HANDLES)
        .with(Resource::OpenFiles, open_files())
        .with(Resource::LogBytes, MAX_LOG_BYTES)
        .with(Resource::QueuedCalls, options.max_queued_calls)
        .with(Resource::QueuedBytes, options.max_queued_bytes)
}

/// Where large values lie, and why none go to disk when none do.
fn files(
    options: &RuntimeOptions,
    tokio: &tokio::runtime::Handle,
) -> Result<(MemFiles, Option<String>), SpillDirError> {
    let (spill, off) = match &options.spill {
        SpillTo::Nowhere => (None, Some("it was switched off (`--no-spill`)".to_owned())),
        SpillTo::Temp => match Spill::new(None, tokio.clone()) {
            Ok(spill) => (Some(spill), None),
            Err(error) => (None, Some(error.to_string())),
        },
        SpillTo::Dir(dir) => (Some(Spill::new(Some(dir), tokio.clone())?), None),
    };
    let memory = options.object_store_memory;
    Ok((MemFiles::with_spill(memory, spill), off))
}

/// Slots in units of 1/10,000.
fn units(slots: f64) -> Option<u32> {
    let units = (slots * f64::from(SLOT)).round();
    let in_range = (1.0..=4.0e9).contains(&units);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be from 1 to 4e9"
    )]
    in_range.then_some(units as u32)
}
