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
use tokio::sync::mpsc;

use super::{
    actor::ActorHandle,
    client::Job,
    run::QueuedCall,
    runtime::{Module, SubmitError},
    snapshot::{self, Page, Query},
    state::{JobState, NewJob, NodeState},
};
use crate::{
    job::JobOptions,
    sandbox::LogSender,
    scheduler,
    tenant::{Account, Limits, Resource},
    types::{
        ActorState, ActorView, JobId, Listener, LogLine, ObjectState, ObjectView, TaskState,
        TaskTotals, TaskView,
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
}

impl Default for TenantOptions {
    /// As much as the runtime allows, at weight 1.
    fn default() -> Self {
        Self {
            weight: NonZeroU32::MIN,
            limits: Limits::default(),
            memory_limit: u64::MAX,
        }
    }
}

/// What all jobs of a tenant share.
#[derive(Debug)]
pub(crate) struct TenantState {
    pub(crate) name: Box<str>,
    pub(crate) queue: scheduler::Tenant<QueuedCall>,
    pub(crate) account: Arc<Account>,
    memory_limit: AtomicU64,
    /// Detached actors by their names: found from every job of the tenant, and kept.
    pub(super) detached: Mutex<HashMap<String, Arc<ActorHandle>>>,
}

impl TenantState {
    pub(super) fn new(
        name: &str,
        queue: scheduler::Tenant<QueuedCall>,
        account: Arc<Account>,
        memory_limit: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            queue,
            account,
            memory_limit: AtomicU64::new(memory_limit),
            detached: Mutex::default(),
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
        let account = Account::new(
            format!("the tenant `{name}`"),
            options.limits,
            Some(node.account.clone()),
        );
        let memory = options.memory_limit.min(node.tenant.memory_limit());
        Self {
            node: node.clone(),
            state: TenantState::new(name, queue, account, memory),
        }
    }

    /// Runs a module's `main`, or a command's `_start`, as the driver of a new job, which ends with it.
    ///
    /// # Errors
    /// [`SubmitError`] when there is nothing to run, or the runtime is shut down.
    pub fn submit(&self, module: &Module, options: JobOptions) -> Result<Job, SubmitError> {
        super::runtime::submit(self, module, options, None)
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
        super::runtime::submit(self, module, options, Some(listener))
    }

    /// Opens a job without a driver: its calls come from [`Job::call`].
    ///
    /// # Errors
    /// [`SubmitError::ShutDown`].
    pub fn open(&self, module: &Module, options: JobOptions) -> Result<Job, SubmitError> {
        super::runtime::open(self, module, options, None)
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
        super::runtime::open(self, module, options, Some(listener))
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
        self.state.queue.job().charge(time);
    }

    pub(super) fn job(
        &self,
        module: &Module,
        options: JobOptions,
        listener: Option<Weak<dyn Listener>>,
    ) -> (Arc<JobState>, Option<mpsc::Receiver<LogLine>>) {
        let (log, logs) = match &listener {
            Some(listener) => (Some(LogSender::Listener(listener.clone())), None),
            None if options.logs => {
                let (sender, receiver) = mpsc::channel(LOG_LINES);
                (Some(LogSender::Channel(sender)), Some(receiver))
            }
            None => (None, None),
        };
        let (inner, module_name) = module.parts();
        let new = NewJob {
            node: self.node.clone(),
            tenant: self.state.clone(),
            module: inner,
            module_name,
            options,
            log,
            listener,
            origin: None,
        };
        (JobState::new(new), logs)
    }
}
