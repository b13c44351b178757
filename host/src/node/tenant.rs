//! Tenants: whose jobs compete as a whole, hold within common limits, and share detached actors.
//!
//! A [`Tenant`] is a handle of one [`TenantState`]. The node has one of its own for embedded use, whose account is the
//! node's; others are made with [`Runtime::tenant`](super::Runtime::tenant) and are charged in the node's account too.
//! Names are for messages: two tenants of one name are two tenants.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc,
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
    state::{JobState, NewJob, NodeState},
};
use crate::{
    job::JobOptions,
    outbound::Outbound,
    scheduler,
    tenant::{Account, Limits, Resource},
    types::{HttpOptions, LogLine},
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
    pub(crate) queue: scheduler::Tenant<QueuedCall>,
    pub(crate) account: Arc<Account>,
    /// Its tasks' way out.
    pub(crate) http: Outbound,
    memory_limit: AtomicU64,
    /// Detached actors by their names: found from every job of the tenant, and kept.
    pub(super) detached: Mutex<HashMap<String, Arc<ActorHandle>>>,
}

impl TenantState {
    pub(super) fn new(
        queue: scheduler::Tenant<QueuedCall>,
        account: Arc<Account>,
        http: Outbound,
        memory_limit: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            queue,
            account,
            http,
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
            state: TenantState::new(
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
        super::runtime::submit(self, module, options)
    }

    /// Opens a job without a driver: its calls come from [`Job::call`].
    ///
    /// # Errors
    /// [`SubmitError::ShutDown`].
    pub fn open(&self, module: &Module, options: JobOptions) -> Result<Job, SubmitError> {
        super::runtime::open(self, module, options)
    }

    /// Changes what it is given, from now on. What it holds beyond new limits it keeps.
    pub fn set(&self, options: &TenantOptions) {
        let memory = options.memory_limit.min(self.node.tenant.memory_limit());
        self.state.memory_limit.store(memory, Ordering::Relaxed);
        self.state.queue.set_weight(options.weight);
        self.state.account.set_limits(&options.limits);
        self.state.http.set(&options.http);
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
    ) -> (Arc<JobState>, Option<mpsc::Receiver<LogLine>>) {
        let (log, logs) = if options.logs {
            let (sender, receiver) = mpsc::channel(LOG_LINES);
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        let (inner, module_name) = module.parts();
        let new = NewJob {
            node: self.node.clone(),
            tenant: self.state.clone(),
            module: inner,
            module_name,
            options,
            log,
        };
        (JobState::new(new), logs)
    }
}
