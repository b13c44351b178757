//! Tenants: whose jobs compete as a whole, hold within common limits, and share detached actors.
//!
//! A [`Tenant`] is a handle of one [`TenantState`]. The node has one of its own for embedded use, whose account is the
//! node's; others are made with [`Runtime::tenant`](super::Runtime::tenant) and are charged in the node's account too.
//! Names are for messages: two tenants of one name are two tenants.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::mpsc;
use wrun_abi::format;

use super::{
    activity::Past,
    actor::ActorHandle,
    call::{Call, Common, Kind, Outputs, Settings},
    client::Job,
    compilers::Compiler,
    run::{self, QueuedCall},
    runtime::{Module, SubmitError},
    snapshot::{self, Page, Query},
    state::{JobState, NewJob, NodeState},
};
use crate::{
    job::{Emitter, JobOptions},
    outbound::Outbound,
    rt::guard::Guard,
    sandbox::LogSender,
    scheduler,
    tenant::{Account, Charge, Limits, OverLimit, Resource},
    types::{
        ActorState, ActorView, ErrorKind, HttpOptions, JobId, Listener, LogLine, ObjectState,
        ObjectView, TaskError, TaskId, TaskState, TaskTotals, TaskView, TaskWhy,
    },
};

/// Lines of output that may wait to be read before guests wait.
const LOG_LINES: usize = 1024;

/// What a tenant is given.
#[derive(Debug, Clone)]
pub struct TenantOptions {
    /// Its share of the workers beside those of others.
    pub weight: NonZeroU32,
    /// What all its jobs may hold together.
    pub limits: Limits,
    /// Bytes of memory that one of its sandboxes may have; at most what the runtime allows.
    pub memory_limit: u64,
    /// What HTTP requests its tasks may make.
    pub http: HttpOptions,
}

impl Default for TenantOptions {
    /// As much as the runtime allows, at weight 1; no HTTP.
    fn default() -> Self {
        Self {
            weight: NonZeroU32::MIN,
            limits: Limits::default(),
            memory_limit: u64::MAX,
            http: HttpOptions::default(),
        }
    }
}

/// What all jobs of a tenant share.
#[derive(Debug)]
pub(crate) struct TenantState {
    pub(crate) name: Box<str>,
    pub(crate) queue: scheduler::Tenant<QueuedCall>,
    pub(crate) account: Arc<Account>,
    /// Its tasks' way out.
    pub(crate) http: Outbound,
    memory_limit: AtomicU64,
    /// Detached actors by their names: found from every job of the tenant, and kept.
    pub(super) detached: Mutex<HashMap<String, Arc<ActorHandle>>>,
    /// What its jobs did that are gone.
    pub(super) past: Past,
}

impl TenantState {
    pub(super) fn new(
        name: &str,
        queue: scheduler::Tenant<QueuedCall>,
        account: Arc<Account>,
        http: Outbound,
        memory_limit: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            queue,
            account,
            http,
            memory_limit: AtomicU64::new(memory_limit),
            detached: Mutex::default(),
            past: Past::default(),
        })
    }

    /// Bytes of memory that a sandbox may have.
    pub(crate) fn memory_limit(&self) -> u64 {
        self.memory_limit.load(Ordering::Relaxed)
    }

    pub(super) fn detached_by_name(&self, name: &str) -> Option<Arc<ActorHandle>> {
        self.detached
            .lock()
            .get(name)
            .filter(|handle| handle.cell().is_alive())
            .cloned()
    }
}

/// Whose jobs compete as a whole and hold within common limits; cheap to clone.
///
/// Its jobs live on when the last handle is dropped; its detached actors end then, with the last of its jobs.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub(super) node: Arc<NodeState>,
    pub(super) state: Arc<TenantState>,
}

impl Tenant {
    pub(super) fn new(
        node: &Arc<NodeState>,
        name: &str,
        queue: scheduler::Tenant<QueuedCall>,
        options: &TenantOptions,
    ) -> Self {
        let account = Account::of_tenant(name, options.limits, node.account.clone());
        let memory = options.memory_limit.min(node.tenant.memory_limit());
        Self {
            node: node.clone(),
            state: TenantState::new(
                name,
                queue,
                account,
                Outbound::new(options.http.clone(), &node.lookups),
                memory,
            ),
        }
    }

    /// Runs a module's `main`, or a command's `_start`, as the driver of a new job, which ends with it.
    ///
    /// # Errors
    /// [`SubmitError`] when there is nothing to run, or the runtime is shut down.
    pub fn submit(&self, module: &Module, options: JobOptions) -> Result<Job, SubmitError> {
        self.start_main(module, options, None)
    }

    /// [`submit`](Self::submit), with somebody who hears of lines and, when they are wanted, of events as they happen, as
    /// long as it is there. The job has no [`Job::logs`] and no [`Job::events`] then.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_to(
        &self,
        module: &Module,
        options: JobOptions,
        listener: Weak<dyn Listener>,
    ) -> Result<Job, SubmitError> {
        self.start_main(module, options, Some(listener))
    }

    fn start_main(
        &self,
        module: &Module,
        options: JobOptions,
        listener: Option<Weak<dyn Listener>>,
    ) -> Result<Job, SubmitError> {
        let main = module.manifest().main().cloned();
        let main = main.ok_or_else(|| SubmitError::NoMain(module.name().to_owned()))?;
        let (state, logs) = self.job(module, options, listener);
        let id = state.next_call();
        let settings = Settings {
            max_retries: 0,
            retry_errors: false,
            timeout: None,
            slots: 0,
            memory: self.state.memory_limit(),
        };
        let common = Common {
            job: state.clone(),
            own_name: Some("main".into()),
            kind: Kind::Main,
            function: main,
            settings,
            result_format: format::BINCODE,
            parent: None,
            made: state.node.times.renew(),
        };
        let outputs = Outputs::Objects(SmallVec::new());
        let call = Call::new(id, Arc::new(common), outputs, Vec::new());
        state.counters.submitted.add();
        state.registry.insert(id.number(), call.clone());
        let main = call.clone();
        if state.queue.start(|turn| run::drive(call, turn)).is_err() {
            main.fail(ErrorKind::Cancelled, "the runtime is shut down");
            return Err(SubmitError::ShutDown);
        }
        Ok(Job::new(state, logs, true))
    }

    /// Opens a job without a driver: its calls come from [`Job::call`].
    ///
    /// # Errors
    /// [`SubmitError::ShutDown`].
    pub fn open(&self, module: &Module, options: JobOptions) -> Result<Job, SubmitError> {
        Ok(self.start_open(module, options, None))
    }

    /// [`open`](Self::open), as [`submit_to`](Self::submit_to) is to [`submit`](Self::submit).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_to(
        &self,
        module: &Module,
        options: JobOptions,
        listener: Weak<dyn Listener>,
    ) -> Result<Job, SubmitError> {
        Ok(self.start_open(module, options, Some(listener)))
    }

    fn start_open(
        &self,
        module: &Module,
        options: JobOptions,
        listener: Option<Weak<dyn Listener>>,
    ) -> Job {
        let (state, logs) = self.job(module, options, listener);
        let limit = state.options.timeout;
        if let Some(limit) = limit.filter(|_| Guard::WallTime.stands()) {
            let state = state.clone();
            self.node.tokio.spawn(async move {
                let mut end = state.end.subscribe();
                let ended = tokio::time::timeout(limit, end.wait_for(Option::is_some));
                if ended.await.is_err() {
                    let message =
                        format!("the job took longer than its limit of {limit:?} (`--timeout`)");
                    let error = TaskError::new(ErrorKind::Timeout, message);
                    state.finish(1, Some(error), 0).await;
                }
            });
        }
        Job::new(state, logs, false)
    }

    /// Its calls that live, and some that failed, in the order of their ids.
    #[must_use]
    pub fn tasks(&self, query: &Query<TaskState>) -> Page<TaskView> {
        snapshot::tasks(&self.node, Some(&self.state), query)
    }

    /// Its actors that live, and some that died, in the order of their ids.
    #[must_use]
    pub fn actors(&self, query: &Query<ActorState>) -> Page<ActorView> {
        snapshot::actors(&self.node, Some(&self.state), query)
    }

    /// Its objects, as [`Runtime::objects`](super::Runtime::objects).
    #[must_use]
    pub fn objects(&self, query: &Query<ObjectState>) -> Page<ObjectView> {
        snapshot::objects(&self.node, Some(&self.state), query)
    }

    /// Why one of its tasks is where it is, as [`Runtime::why`](super::Runtime::why).
    #[must_use]
    pub fn why(&self, task: TaskId) -> Option<TaskWhy> {
        snapshot::why(&self.node, Some(&self.state), task)
    }

    /// The numbers of the calls of its jobs, or of one.
    #[must_use]
    pub fn totals(&self, job: Option<JobId>) -> TaskTotals {
        snapshot::totals(&self.node, Some(&self.state), job)
    }

    /// Changes what it is given, from now on. What it holds beyond new limits it keeps.
    pub fn set(&self, options: &TenantOptions) {
        let memory = options.memory_limit.min(self.node.tenant.memory_limit());
        self.state.memory_limit.store(memory, Ordering::Relaxed);
        self.state.queue.set_weight(options.weight);
        self.state.account.set_limits(&options.limits);
        self.state.http.set(&options.http);
    }

    /// Ends what it still runs, detached actors too: nobody can reach them once it is gone.
    pub fn end(&self) {
        let reason = TaskError::new(ErrorKind::Cancelled, "its tenant was removed");
        self.node.cancel_jobs_of(&self.state, &reason);
    }

    /// How much of a resource its jobs hold.
    #[must_use]
    pub fn used(&self, resource: Resource) -> u64 {
        self.state.account.used(resource)
    }

    /// The processor time that its jobs have had.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.state.queue.cpu()
    }

    /// Charges processor time that was spent for it elsewhere.
    pub fn charge(&self, time: Duration) {
        self.state.queue.charge(time);
    }

    /// Charges memory that is held for it elsewhere, as that of its sandboxes.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub fn hold(&self, bytes: u64) -> Result<Charge, OverLimit> {
        self.state.account.charge(Resource::SandboxBytes, bytes)
    }

    /// The right to compile a module, as soon as it is this tenant's turn; it compiles `most` at once at the most.
    ///
    /// # Cancel safety
    /// Dropped, it gives up its place.
    pub async fn compiler(&self, most: usize) -> Compiler {
        let lane = self.node.compilers.enter(&self.state, most).await;
        Compiler::new(self.node.clone(), lane)
    }

    /// How many modules are compiled for it now.
    #[must_use]
    pub fn compiling(&self) -> usize {
        self.node.compilers.running(&self.state)
    }

    pub(super) fn job(
        &self,
        module: &Module,
        options: JobOptions,
        listener: Option<Weak<dyn Listener>>,
    ) -> (Arc<JobState>, Option<mpsc::Receiver<LogLine>>) {
        let is_heard = listener.is_some();
        let emitter = Emitter::new(options.events, listener, self.node.tokio.clone());
        let (log, logs) = match is_heard {
            true => {
                let emitter: Weak<Emitter> = Arc::downgrade(&emitter);
                (Some(LogSender::Listener(emitter)), None)
            }
            false if options.logs => {
                let (sender, receiver) = mpsc::channel(LOG_LINES);
                (Some(LogSender::Channel(sender)), Some(receiver))
            }
            false => (None, None),
        };
        let new = NewJob {
            node: self.node.clone(),
            tenant: self.state.clone(),
            module: module.inner.clone(),
            module_name: module.name.clone(),
            options,
            log,
            spent: None,
            emitter,
            origin: None,
        };
        (JobState::new(new), logs)
    }
}
