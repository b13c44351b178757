//! The runtime as a service: tenants, durable jobs, their output. No HTTP.
//!
//! A [`Daemon`] holds a [`Runtime`], a [`Ledger`] and the tenants. A job that it accepts is on disk; from then on it is the
//! ledger's, and a `LiveJob` while it runs (`jobs.rs`): attempt counted, module compiled, run by the tenant's part of the
//! node, its end recorded. When the daemon stops, jobs that have not ended are left to the next start.
//!
//! Invariants: a job is run by one supervisor at a time; a job that ended in the ledger is not run again; every message that
//! names a job, module or tenant is about the caller's own.

mod activity;
mod ended;
mod error;
mod events;
mod jobs;
mod logs;
mod modules;
mod tenants;
mod traces;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;

pub use error::DaemonError;
pub use events::Heard;
pub use jobs::{LiveJob, NewRequest};
pub use logs::{LogBuffer, Part};
pub use tenants::{Grants, LOG_BYTES, TenantSlot, default_limits};

use crate::{
    config::{ServeConfig, TenantConfig},
    ledger::{
        self, JobPhase, JobRecord, Ledger, ModuleHash, ModuleRecord, Recovered, TenantLimits,
        TenantName, TenantRecord,
    },
    node::{NodeInfo, Runtime},
    otlp::Exporter,
    rt::clock,
    types::{JobId, JobTrace},
};

/// How often what running jobs have used is written down.
const CHECKPOINT: Duration = Duration::from_secs(5);
/// How often old jobs are looked for.
const EXPIRY: Duration = Duration::from_secs(60);

/// The runtime as a service; cheap to clone.
#[derive(Clone)]
pub struct Daemon(Arc<Inner>);

struct Inner {
    runtime: Runtime,
    ledger: Ledger,
    tenants: RwLock<BTreeMap<TenantName, Arc<TenantSlot>>>,
    live: Mutex<HashMap<JobId, Arc<LiveJob>>>,
    lingering: ended::Ended<LogBuffer>,
    traces: ended::Ended<JobTrace>,
    /// Who is told what jobs did, and when.
    exporter: Option<Exporter>,
    seen: activity::Seen,
    modules: modules::Modules,
    defaults: RwLock<TenantConfig>,
    accepting: AtomicBool,
    /// Jobs are ended without an end in the ledger, so that the next start runs them again.
    abandoning: AtomicBool,
    /// A job may be on disk whose submitter was told that nobody knows.
    unsure: AtomicBool,
    started: Instant,
    /// Where supervisors run.
    event_loop: Handle,
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon")
            .field("jobs", &self.0.live.lock().len())
            .finish_non_exhaustive()
    }
}

impl Daemon {
    /// Puts the parts together, and begins the jobs again that an earlier process left. Must be called in the event loop
    /// that is to run their supervisors. With an exporter, what jobs did goes there when they end.
    ///
    /// # Errors
    /// When a tenant of the configuration has no valid name, or can't be recorded.
    ///
    /// # Panics
    /// Outside of an event loop.
    pub fn start(
        runtime: Runtime,
        ledger: Ledger,
        recovered: Recovered,
        config: &ServeConfig,
        exporter: Option<Exporter>,
    ) -> Result<Self, DaemonError> {
        let daemon = Self(Arc::new(Inner {
            runtime,
            ledger,
            tenants: RwLock::default(),
            live: Mutex::default(),
            lingering: events::lingering(),
            traces: traces::traces(),
            exporter,
            seen: activity::Seen::default(),
            modules: modules::Modules::default(),
            defaults: RwLock::new(config.defaults.clone()),
            accepting: AtomicBool::new(true),
            abandoning: AtomicBool::new(false),
            unsure: AtomicBool::new(false),
            started: clock::now(),
            event_loop: Handle::current(),
        }));
        daemon.configure(config)?;
        for job in &recovered.quarantined {
            tracing::warn!(target: "wrun::job", %job, "job quarantined: it ran at three unclean stops");
        }
        for job in &recovered.lost {
            tracing::warn!(target: "wrun::job", %job, "job lost: the server stopped under it");
        }
        for record in recovered.rerun {
            daemon.begin(record);
        }
        daemon.keep_house();
        Ok(daemon)
    }

    /// Takes over the tenants of a configuration, at the start and when it was changed.
    ///
    /// # Errors
    /// As [`start`](Self::start); what came before the tenant in question is done.
    pub fn configure(&self, config: &ServeConfig) -> Result<(), DaemonError> {
        *self.0.defaults.write() = config.defaults.clone();
        let known = self.0.ledger.tenants()?;
        for (name, tenant) in &config.tenant {
            let name: TenantName = name.parse().map_err(DaemonError::bad_request)?;
            let (weight, limits, grants) = tenants::from_config(&tenant.over(&config.defaults));
            let record = self.record_tenant(name, weight, limits)?;
            tracing::debug!(target: "wrun::tenant", tenant = %record.name, weight, "tenant configured");
            self.place(record, grants, true);
        }
        for record in known {
            if !config.tenant.contains_key(record.name.as_str()) {
                let (_, _, grants) = tenants::from_config(&config.defaults);
                self.place(record, grants, false);
            }
        }
        Ok(())
    }

    fn record_tenant(
        &self,
        name: TenantName,
        weight: std::num::NonZeroU32,
        limits: TenantLimits,
    ) -> Result<TenantRecord, DaemonError> {
        Ok(self.0.ledger.put_tenant(name, weight, limits)?)
    }

    fn place(&self, record: TenantRecord, grants: Grants, from_config: bool) {
        let mut tenants = self.0.tenants.write();
        match tenants.get(&record.name) {
            Some(slot) => slot.set(record, grants, from_config),
            None => {
                let name = record.name.clone();
                let slot = TenantSlot::new(&self.0.runtime, record, grants, from_config);
                tenants.insert(name, slot);
            }
        }
    }

    /// Makes a tenant, or changes what it is; of what it has no limit for it takes over the one that all have. Blocks on the disk.
    ///
    /// # Errors
    /// [`DaemonError::Conflict`] for a tenant of the configuration file.
    pub fn put_tenant(
        &self,
        name: TenantName,
        weight: std::num::NonZeroU32,
        limits: TenantLimits,
    ) -> Result<Arc<TenantSlot>, DaemonError> {
        if self.tenant(&name).is_ok_and(|slot| slot.is_from_config()) {
            return Err(DaemonError::Conflict(format!(
                "tenant `{name}` is in the configuration file: change it there and send SIGHUP"
            )));
        }
        let (_, defaults, grants) = tenants::from_config(&self.0.defaults.read());
        let record = self.record_tenant(name.clone(), weight, limits.or(&defaults))?;
        self.place(record, grants, false);
        tracing::info!(target: "wrun::tenant", tenant = %name, weight, "tenant made or changed");
        self.tenant(&name)
    }

    /// Removes a tenant with its tokens, modules and ended jobs. Blocks on the disk.
    ///
    /// # Errors
    /// [`DaemonError::Conflict`] while it has jobs that have not ended, or for one of the configuration file.
    pub fn remove_tenant(&self, name: &TenantName) -> Result<(), DaemonError> {
        if self.tenant(name)?.is_from_config() {
            return Err(DaemonError::Conflict(format!(
                "tenant `{name}` is in the configuration file: remove it there and send SIGHUP first"
            )));
        }
        self.0.ledger.remove_tenant(name.clone())?;
        let gone = self.0.tenants.write().remove(name);
        if let Some(gone) = gone {
            gone.node.end();
        }
        tracing::info!(target: "wrun::tenant", tenant = %name, "tenant removed");
        Ok(())
    }

    /// A tenant.
    ///
    /// # Errors
    /// [`DaemonError::NotFound`].
    pub fn tenant(&self, name: &TenantName) -> Result<Arc<TenantSlot>, DaemonError> {
        let slot = self.0.tenants.read().get(name).cloned();
        slot.ok_or_else(|| DaemonError::NotFound(format!("there is no tenant `{name}`")))
    }

    /// All tenants, by their names.
    #[must_use]
    pub fn tenants(&self) -> Vec<Arc<TenantSlot>> {
        self.0.tenants.read().values().cloned().collect()
    }

    /// The records on disk.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// Who is told what jobs did, if anybody.
    #[must_use]
    pub fn exporter(&self) -> Option<&Exporter> {
        self.0.exporter.as_ref()
    }

    /// The node.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// What the node offers.
    #[must_use]
    pub fn info(&self) -> NodeInfo {
        self.0.runtime.info()
    }

    /// How long it has run.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Whether it takes new work.
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        self.0.accepting.load(Ordering::SeqCst)
    }

    /// Checks, compiles and keeps a module for a tenant.
    ///
    /// # Errors
    /// What is wrong with it, or which limit it is over.
    pub async fn push(
        &self,
        tenant: &Arc<TenantSlot>,
        name: &str,
        bytes: Bytes,
    ) -> Result<ModuleRecord, DaemonError> {
        if !self.is_accepting() {
            return Err(DaemonError::Stopping);
        }
        let inner = &self.0;
        // Looks at the limit of the tenant's modules before work goes into one more.
        let (ledger, owner, module) = (inner.ledger.clone(), tenant.name.clone(), bytes.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let hash = ModuleHash::of(&module);
            let looked = ledger.may_put_module(&owner, &hash, module.len() as u64);
            looked.map(|()| hash)
        });
        let hash = looked.await.map_err(|_| DaemonError::Stopping)??;
        let compiled = inner.modules.compile(tenant, hash, name, bytes.clone());
        compiled.await?;
        let (ledger, owner, name) = (inner.ledger.clone(), tenant.name.clone(), name.to_owned());
        let put = move || ledger.put_module(&owner, &name, &bytes);
        let put = tokio::task::spawn_blocking(put).await;
        Ok(put.map_err(|_| DaemonError::Stopping)??)
    }

    /// Writes down what jobs used, and removes old ones, for as long as the event loop runs.
    fn keep_house(&self) {
        let inner = Arc::downgrade(&self.0);
        let mut next_expiry = clock::now();
        self.0.event_loop.spawn(async move {
            loop {
                tokio::time::sleep(CHECKPOINT).await;
                let Some(inner) = inner.upgrade() else { return };
                let daemon = Self(inner);
                daemon.0.lingering.forget_old();
                daemon.0.traces.forget_old();
                let expire = clock::now() >= next_expiry;
                if expire {
                    next_expiry = clock::now() + EXPIRY;
                }
                let work = move || {
                    // Failures show with the next job that is recorded, too.
                    let written = daemon.0.ledger.checkpoint(&daemon.used());
                    daemon.begin_forgotten();
                    let expired = match expire {
                        true => daemon.0.ledger.expire(clock::unix_millis()).map(drop),
                        false => Ok(()),
                    };
                    if let Err(error) = written.map(drop).and(expired) {
                        tracing::warn!(target: "wrun::ledger", %error, "the ledger can't be kept in order");
                    }
                };
                let _ = tokio::task::spawn_blocking(work).await;
            }
        });
    }

    /// Begins jobs that are on disk and have no supervisor, if there may be any.
    fn begin_forgotten(&self) {
        if !self.0.unsure.swap(false, Ordering::SeqCst) {
            return;
        }
        let mut before = None;
        loop {
            let page = self.0.ledger.jobs(None, &[JobPhase::Queued], before, 1_000);
            let Ok(page) = page else {
                // The disk still fails.
                self.0.unsure.store(true, Ordering::SeqCst);
                return;
            };
            page.jobs.into_iter().for_each(|job| self.begin(job));
            before = page.next;
            if before.is_none() {
                return;
            }
        }
    }

    /// What running jobs have used over all their attempts: milliseconds of processor time and of time.
    fn used(&self) -> Vec<(JobId, u64, u64)> {
        let live: Vec<_> = self.0.live.lock().values().cloned().collect();
        live.iter().filter_map(|job| job.used()).collect()
    }

    /// Bytes of output that are kept of a tenant's running jobs.
    #[must_use]
    pub fn log_bytes(&self, tenant: &TenantName) -> u64 {
        let live = self.0.live.lock();
        let own = live.values().filter(|job| job.tenant == *tenant);
        own.map(|job| job.logs.kept().0).sum()
    }

    /// Takes no new work, and waits until all jobs have ended, at most so long. Those that have not are stopped and run again
    /// at the next start. Nothing else may be asked for afterwards.
    pub async fn stop(&self, patience: Duration) {
        self.0.accepting.store(false, Ordering::SeqCst);
        let all_ended = async {
            while !self.0.live.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(patience, all_ended).await;
        self.0.abandoning.store(true, Ordering::SeqCst);
        let left: Vec<_> = self.0.live.lock().values().cloned().collect();
        for job in &left {
            job.abandon();
        }
        let gone = async {
            while !self.0.live.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), gone).await;
        let used: Vec<_> = left.iter().filter_map(|job| job.used()).collect();
        let ledger = self.0.ledger.clone();
        let close = move || {
            // What they used counts at the next start. A disk that fails is told of by `close`, which nobody hears either.
            let _ = ledger.checkpoint(&used);
            ledger.close()
        };
        let _ = tokio::task::spawn_blocking(close).await;
    }

    /// A tenant's job as the ledger has it.
    ///
    /// # Errors
    /// [`DaemonError::NotFound`], for another tenant's too.
    pub fn job(&self, tenant: Option<&TenantName>, id: JobId) -> Result<JobRecord, DaemonError> {
        let job = self.0.ledger.job(tenant, id)?;
        job.ok_or_else(|| ledger::JobError::NotFound(id).into())
    }
}
