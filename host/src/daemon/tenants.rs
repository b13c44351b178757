//! The tenants as they are while the server runs: their part of the node, what their jobs are given, their rate of
//! requests.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _, clock::DefaultClock,
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    config::{Seconds, Size, TenantConfig},
    ledger::{TenantLimits, TenantName, TenantRecord},
    node::{self, TenantOptions},
    tenant::{Limits, Resource},
    types::DirGrant,
};

/// Bytes of output that are kept of a job of a tenant that has no limit.
pub const LOG_BYTES: u64 = 1 << 20;
/// Modules that a tenant without a limit may have compiled at once.
const COMPILATIONS: usize = 2;

/// Modules that a tenant may be sending at once, each of which is held in memory until it is whole.
const UPLOADS: usize = 4;

/// What a tenant's jobs are given beside what they bring.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grants {
    /// Directories.
    pub dirs: Vec<DirGrant>,
    /// The environment.
    pub env: BTreeMap<String, String>,
}

/// A tenant.
#[derive(Debug)]
pub struct TenantSlot {
    /// Its name.
    pub name: TenantName,
    /// Its part of the node.
    pub node: node::Tenant,
    state: RwLock<State>,
    compilations: Mutex<(usize, Arc<Semaphore>)>,
    uploads: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    requests: RwLock<Option<DefaultDirectRateLimiter>>,
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
        let node = runtime.tenant(record.name.as_str(), &options(&record));
        let slot = Self {
            name: record.name.clone(),
            node,
            compilations: Mutex::new(compilations(&record.limits)),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
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
        self.node.set(&options(&record));
        let mut compiling = self.compilations.lock();
        let new = compilations(&record.limits);
        if compiling.0 != new.0 {
            *compiling = new;
        }
        drop(compiling);
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

    /// The right to send a module, which only so many have at once; waits for it.
    ///
    /// # Panics
    /// Never: nobody closes the semaphore.
    pub async fn upload(&self) -> OwnedSemaphorePermit {
        let right = self.uploads.clone().acquire_owned().await;
        right.expect("nobody closes it")
    }

    /// The right to compile, which only so many have at once.
    pub(super) fn compilations(&self) -> Arc<Semaphore> {
        self.compilations.lock().1.clone()
    }
}

fn compilations(limits: &TenantLimits) -> (usize, Arc<Semaphore>) {
    let limit = limits.concurrent_compilations;
    let most = limit.map_or(COMPILATIONS, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let most = most.clamp(1, 1_000);
    (most, Arc::new(Semaphore::new(most)))
}

/// A second's worth may come at once.
fn requests(limits: &TenantLimits) -> Option<DefaultDirectRateLimiter> {
    let rate = u32::try_from(limits.requests_per_second?).unwrap_or(u32::MAX);
    let rate = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
    Some(RateLimiter::direct(Quota::per_second(rate)))
}

/// What the node is told of a tenant.
fn options(record: &TenantRecord) -> TenantOptions {
    let of = |limits: Limits, resource, limit: Option<u64>| match limit {
        Some(limit) => limits.with(resource, limit),
        None => limits,
    };
    let wanted = &record.limits;
    let limits = [
        (Resource::SandboxBytes, wanted.memory),
        (Resource::ViewBytes, wanted.memory),
        (Resource::ObjectBytes, wanted.object_bytes),
        (Resource::QueuedCalls, wanted.queued_tasks),
        (Resource::QueuedBytes, wanted.queued_bytes),
        (Resource::Actors, wanted.actors),
        (Resource::Handles, wanted.handles),
    ];
    let limits = limits
        .into_iter()
        .fold(Limits::default(), |all, (resource, limit)| {
            of(all, resource, limit)
        });
    TenantOptions {
        weight: record.weight,
        limits,
        memory_limit: wanted.memory.unwrap_or(u64::MAX),
    }
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
        queued_tasks: config.queued_tasks,
        queued_bytes: size(config.queued_bytes),
        actors: config.actors,
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
    };
    (config.weight.unwrap_or(NonZeroU32::MIN), limits, grants)
}
