//! The tenants as they are while the server runs: their part of the node, what their jobs are given, their rate of
//! requests.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _, clock::DefaultClock,
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{DaemonError, logs::OutputRoom};
use crate::{
    config::{Seconds, ServeConfig, Size, TenantConfig},
    ledger::{Finish, JobPhase, TenantLimits, TenantName, TenantRecord},
    node::{self, Compiler, TenantOptions},
    tenant::{Limits, Resource},
    types::{DirGrant, HttpOptions},
};

/// Bytes of output that are kept of a job of a tenant that has no limit.
pub const LOG_BYTES: u64 = 1 << 20;
/// Modules that a tenant without a limit may have compiled at once.
const COMPILATIONS: usize = 2;

/// Modules that a tenant may be sending at once, each of which is held in memory until it is whole.
const UPLOADS: usize = 4;
/// Modules that a tenant may be sending or wait to send.
const SENDING: usize = 64;
/// KiB of bodies of a tenant's requests, modules aside, that are in memory at once; more wait to be read.
const BODIES_KIB: usize = 32 << 10;

/// KiB of results of a tenant's jobs that are read and recorded at once; one that is larger comes alone.
const RESULTS_KIB: u32 = 64 << 10;

/// Bytes of output that are kept of a tenant's jobs together, in memory; but for the last few of each.
const OUTPUT: u64 = 256 << 20;
/// Requests of a tenant that are here at once, those among them whose answers go on.
const REQUESTS: usize = 2_048;
/// Answers of any length, lists and results, that a tenant is given at once, each from when it is made until it is sent.
const ANSWERS: usize = 8;
/// Records of a tenant's jobs that are read at once, each with its result.
const READS: usize = 16;

/// What a tenant's jobs are given beside what they bring.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grants {
    /// Directories.
    pub dirs: Vec<DirGrant>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// HTTP requests; those of jobs that run change too.
    pub http: HttpOptions,
}

/// A tenant.
#[derive(Debug)]
pub struct TenantSlot {
    /// Its name.
    pub name: TenantName,
    /// Its part of the node.
    pub node: node::Tenant,
    /// What all tenants together may hold.
    host: Limits,
    state: RwLock<State>,
    uploads: Arc<Semaphore>,
    /// KiB of requests' bodies that may be here at once.
    bodies: Arc<Semaphore>,
    /// KiB of jobs' results that may be here at once.
    results: Arc<Semaphore>,
    /// What its jobs print.
    pub(super) output: Arc<OutputRoom>,
    places: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    /// How many of its jobs ended since the start, and how.
    pub(super) ended: Mutex<Ends>,
    /// Modules that are sent, or wait to be.
    sending: AtomicUsize,
    looks: Arc<Semaphore>,
    requests: RwLock<Option<DefaultDirectRateLimiter>>,
}

/// How many jobs ended, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ends {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) cancelled: u64,
}

impl Ends {
    /// One more.
    pub(super) fn add(&mut self, finish: &Finish) {
        let sum = match (finish.phase, finish.end.exit_code) {
            (JobPhase::Cancelled, _) => &mut self.cancelled,
            (_, 0) => &mut self.succeeded,
            _ => &mut self.failed,
        };
        *sum += 1;
    }
}

#[derive(Debug, Clone)]
struct State {
    record: TenantRecord,
    grants: Grants,
    from_config: bool,
}

impl TenantSlot {
    pub(super) fn new(
        runtime: &node::Runtime,
        record: TenantRecord,
        grants: Grants,
        from_config: bool,
    ) -> Arc<Self> {
        let host = runtime.limits();
        let made = options(&record, &grants, &host);
        let node = runtime.tenant(record.name.as_str(), &made);
        let slot = Self {
            host,
            name: record.name.clone(),
            node,
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            bodies: Arc::new(Semaphore::new(BODIES_KIB)),
            results: Arc::new(Semaphore::new(RESULTS_KIB as usize)),
            output: OutputRoom::new(OUTPUT),
            places: Arc::new(Semaphore::new(REQUESTS)),
            answers: Arc::new(Semaphore::new(ANSWERS)),
            reads: Arc::new(Semaphore::new(READS)),
            ended: Mutex::default(),
            sending: AtomicUsize::new(0),
            looks: Arc::new(Semaphore::new(1)),
            requests: RwLock::new(requests(&record.limits)),
            state: RwLock::new(State {
                record,
                grants,
                from_config,
            }),
        };
        Arc::new(slot)
    }

    /// What it is from now on. Jobs that run keep what they were given.
    pub(super) fn set(&self, record: TenantRecord, grants: Grants, from_config: bool) {
        self.node.set(&options(&record, &grants, &self.host));
        let mut state = self.state.write();
        if state.record.limits.requests_per_second != record.limits.requests_per_second {
            *self.requests.write() = requests(&record.limits);
        }
        *state = State {
            record,
            grants,
            from_config,
        };
    }

    /// What the ledger has of it.
    #[must_use]
    pub fn record(&self) -> TenantRecord {
        self.state.read().record.clone()
    }

    /// What its jobs are given.
    #[must_use]
    pub fn grants(&self) -> Grants {
        self.state.read().grants.clone()
    }

    /// Whether the configuration file says what it is.
    #[must_use]
    pub fn is_from_config(&self) -> bool {
        self.state.read().from_config
    }

    /// The right to ask something, for as long as it is answered.
    ///
    /// # Errors
    /// [`DaemonError::OverLimit`] when too much of the tenant's is answered.
    pub fn place(&self) -> Result<OwnedSemaphorePermit, DaemonError> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            DaemonError::OverLimit(format!(
                "tenant `{}` has {REQUESTS} requests that are not answered to their end, which is the limit: end some",
                self.name
            ))
        })
    }

    /// The right to a long answer, until it is sent; waits while the tenant is given others.
    pub async fn answer(&self) -> OwnedSemaphorePermit {
        right(&self.answers, 1).await
    }

    /// The right to read a job's record; waits while others of the tenant do.
    pub async fn read(&self) -> OwnedSemaphorePermit {
        right(&self.reads, 1).await
    }

    /// Waits until nobody else looks through what it runs: one at a time does.
    pub async fn look(&self) -> Option<OwnedSemaphorePermit> {
        self.looks.clone().acquire_owned().await.ok()
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When there were too many: how long to wait before the next.
    pub fn request(&self) -> Result<(), Duration> {
        match &*self.requests.read() {
            Some(limiter) => limiter
                .check()
                .map_err(|until| until.wait_time_from(DefaultClock::default().now())),
            None => Ok(()),
        }
    }

    /// The right to send a module, which only so many have at once; waits for it, if not too many do.
    ///
    /// # Errors
    /// [`DaemonError::OverLimit`].
    pub async fn upload(self: &Arc<Self>) -> Result<Upload, DaemonError> {
        let place = Sending(self.clone());
        if self.sending.fetch_add(1, Ordering::SeqCst) >= SENDING {
            return Err(DaemonError::OverLimit(format!(
                "tenant `{}` sends {SENDING} modules already, which is the limit: wait for one to be answered",
                self.name
            )));
        }
        Ok(Upload {
            _right: right(&self.uploads, 1).await,
            _place: place,
        })
    }

    /// The right to send so many KiB in a request; waits while others of the tenant have too much.
    pub async fn body(&self, kib: u32) -> OwnedSemaphorePermit {
        right(&self.bodies, kib).await
    }

    /// The right to hold so many bytes of a result until they are recorded; waits while the tenant's other jobs hold too much.
    pub(super) async fn result(&self, bytes: u64) -> OwnedSemaphorePermit {
        let kib = bytes.div_ceil(1024).min(u64::from(RESULTS_KIB));
        let kib = u32::try_from(kib).unwrap_or(RESULTS_KIB);
        right(&self.results, kib).await
    }

    /// The right to compile a module, as soon as it is the tenant's turn.
    pub(super) async fn compiler(&self) -> Compiler {
        let limit = self.state.read().record.limits.concurrent_compilations;
        let most = limit.map_or(COMPILATIONS, |n| usize::try_from(n).unwrap_or(usize::MAX));
        self.node.compiler(most).await
    }
}

/// So much of what a semaphore has, as soon as it has that.
async fn right(of: &Arc<Semaphore>, n: u32) -> OwnedSemaphorePermit {
    let right = of.clone().acquire_many_owned(n).await;
    right.expect("nobody closes it")
}

/// The right to send a module.
#[derive(Debug)]
pub struct Upload {
    _right: OwnedSemaphorePermit,
    _place: Sending,
}

/// Counted among those that send a module.
#[derive(Debug)]
struct Sending(Arc<TenantSlot>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.sending.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A second's worth may come at once.
fn requests(limits: &TenantLimits) -> Option<DefaultDirectRateLimiter> {
    let rate = u32::try_from(limits.requests_per_second?).unwrap_or(u32::MAX);
    let rate = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
    Some(RateLimiter::direct(Quota::per_second(rate)))
}

/// What the node is told of a tenant. Of what it has no limit of its own for, it may have half of the host's, so that
/// none alone leaves nothing to others.
fn options(record: &TenantRecord, grants: &Grants, host: &Limits) -> TenantOptions {
    let wanted = &record.limits;
    let limits = [
        (Resource::SandboxBytes, wanted.memory),
        (Resource::ViewBytes, wanted.memory),
        (Resource::Sandboxes, wanted.sandboxes),
        (Resource::ObjectBytes, wanted.object_bytes),
        (Resource::SpilledBytes, wanted.spilled_bytes),
        (Resource::QueuedCalls, wanted.queued_tasks),
        (Resource::QueuedBytes, wanted.queued_bytes),
        (Resource::Actors, wanted.actors),
        (Resource::Handles, wanted.handles),
        (Resource::OpenFiles, wanted.open_files),
        (Resource::LogBytes, None),
    ];
    let limits = limits
        .into_iter()
        .fold(Limits::default(), |all, (resource, limit)| {
            all.with(resource, limit.unwrap_or(host.get(resource) / 2))
        });
    TenantOptions {
        weight: record.weight,
        limits,
        memory_limit: wanted.memory.unwrap_or(u64::MAX),
        http: grants.http.clone(),
    }
}

/// The limits of tenants that say nothing else.
#[must_use]
pub fn default_limits(config: &ServeConfig) -> TenantLimits {
    from_config(&config.defaults).1
}

/// The limits and grants of a tenant of the configuration file.
pub(super) fn from_config(config: &TenantConfig) -> (NonZeroU32, TenantLimits, Grants) {
    let size = |size: Option<Size>| size.map(|size| size.0);
    // Less than a second is one.
    let seconds = |time: Option<Seconds>| time.map(|time| time.0.as_millis().div_ceil(1000));
    let seconds = |time| seconds(time).map(|n| u64::try_from(n).unwrap_or(u64::MAX));
    let limits = TenantLimits {
        memory: size(config.memory),
        object_bytes: size(config.object_bytes),
        spilled_bytes: size(config.spilled_bytes),
        sandboxes: config.sandboxes,
        queued_tasks: config.queued_tasks,
        queued_bytes: size(config.queued_bytes),
        actors: config.actors,
        open_files: config.open_files,
        handles: config.handles,
        log_bytes: size(config.log_bytes),
        module_bytes: size(config.module_bytes),
        concurrent_compilations: config.concurrent_compilations,
        compile_seconds: seconds(config.compile_time),
        cpu_seconds_per_task: seconds(config.cpu_per_task),
        cpu_seconds_per_job: seconds(config.cpu_per_job),
        wall_seconds_per_job: seconds(config.time_per_job),
        result_bytes: size(config.result_bytes),
        requests_per_second: config.requests_per_second,
        jobs: config.jobs,
        retention_seconds: seconds(config.retention),
        retention_bytes: size(config.retention_bytes),
    };
    let grants = Grants {
        dirs: config.dirs.clone(),
        env: config.env.clone(),
        http: config.http.options(),
    };
    (config.weight.unwrap_or(NonZeroU32::MIN), limits, grants)
}
