//! A job from its submission to its recorded end.

use std::{
    any::Any,
    collections::hash_map::Entry,
    sync::{Arc, OnceLock, atomic::Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Daemon, DaemonError, LOG_BYTES, LogBuffer, TenantSlot};
use crate::{
    job::JobOptions,
    ledger::{
        self, End, Finish, JobCall, JobPhase, JobRecord, JobSpec, JsonText, Ledger, ModuleHash,
        NewJob, RESULT_BYTES, Submitted, TenantName,
    },
    node::{Job, Module, Pending},
    rt::{clock, guard::Guard},
    types::{CallOptions, ErrorKind, JobId, JobStats, Listener, TaskError},
};

/// How long the recording of an end waits until it is tried again, when the disk is full.
const AGAIN: Duration = Duration::from_secs(1);

/// A job that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// One of the tenant's modules.
    pub module: ModuleHash,
    /// What is to run.
    pub spec: JobSpec,
    /// The same key is the same job.
    pub key: Option<String>,
}

/// A job that has not ended.
#[derive(Debug)]
pub struct LiveJob {
    id: JobId,
    pub(super) tenant: TenantName,
    /// What it prints, and what happens in it.
    pub logs: Arc<LogBuffer>,
    /// How often it was begun before.
    pub earlier: u32,
    running: OnceLock<Running>,
    /// What it used before this attempt: milliseconds of processor time and of time.
    before: (u64, u64),
    /// Why somebody wants it to end.
    cancelled: watch::Sender<Option<String>>,
    /// The room that its result takes until it is recorded.
    result: Mutex<Option<OwnedSemaphorePermit>>,
    /// It was recorded, or left to the next start.
    ended: watch::Sender<bool>,
}

#[derive(Debug)]
struct Running {
    job: Job,
    since: Instant,
}

impl LiveJob {
    fn new(record: &JobRecord, tenant: &TenantSlot) -> Arc<Self> {
        let limit = tenant.record().limits.log_bytes.unwrap_or(LOG_BYTES);
        let logs = Arc::new(LogBuffer::new(limit, tenant.output.clone()));
        if record.spec.events {
            logs.record_events(record.attempt);
        }
        Arc::new(Self {
            id: record.id,
            tenant: record.tenant.clone(),
            logs,
            earlier: record.attempt,
            running: OnceLock::new(),
            before: (record.spent_cpu_ms, record.spent_wall_ms),
            cancelled: watch::Sender::new(None),
            result: Mutex::new(None),
            ended: watch::Sender::new(false),
        })
    }

    /// Its numbers so far, if it runs.
    #[must_use]
    pub fn stats(&self) -> Option<JobStats> {
        self.running.get().map(|running| running.job.stats())
    }

    /// Its events are kept from now on, if they were not.
    pub fn record_events(&self) {
        self.logs.record_events(self.earlier);
        self.tell_events();
    }

    fn tell_events(&self) {
        if let Some(running) = self.running.get()
            && self.logs.records_events()
        {
            running.job.tell_events();
        }
    }

    /// Its id, and what it has used over all attempts.
    pub(super) fn used(&self) -> Option<(JobId, u64, u64)> {
        let running = self.running.get()?;
        let cpu = Duration::from_secs_f64(running.job.stats().cpu_seconds);
        let wall = running.since.elapsed();
        let (cpu_before, wall_before) = self.before;
        Some((
            self.id,
            cpu_before + millis(cpu),
            wall_before + millis(wall),
        ))
    }

    /// Waits until it has ended.
    pub async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as this.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Ends it early. It has not ended yet when this returns.
    pub fn cancel(&self, reason: &str) {
        self.cancelled.send_modify(|why| {
            why.get_or_insert_with(|| reason.to_owned());
        });
        self.stop(reason);
    }

    /// Waits until somebody wants it to end.
    async fn is_cancelled(&self) {
        let mut cancelled = self.cancelled.subscribe();
        // The sender lives as long as this.
        let _ = cancelled.wait_for(Option::is_some).await;
    }

    /// Ends it here; the next start runs it again.
    pub(super) fn abandon(&self) {
        self.stop("the server stops");
    }

    fn stop(&self, reason: &str) {
        if let Some(running) = self.running.get() {
            running.job.cancel(ErrorKind::Cancelled, reason);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Daemon {
    /// Accepts a job: it is on disk when this returns, and runs.
    ///
    /// # Errors
    /// Why it is not accepted.
    ///
    /// # Cancel safety
    /// Dropped, it goes on: what is on disk runs, whoever is there to hear of it.
    pub async fn submit(
        &self,
        tenant: &Arc<TenantSlot>,
        request: NewRequest,
    ) -> Result<Submitted, DaemonError> {
        if !self.is_accepting() {
            return Err(DaemonError::Stopping);
        }
        let (daemon, tenant) = (self.clone(), tenant.name.clone());
        let accepted = self
            .0
            .event_loop
            .spawn(async move { daemon.accept(tenant, request).await });
        accepted.await.unwrap_or(Err(DaemonError::Stopping))
    }

    async fn accept(
        &self,
        tenant: TenantName,
        request: NewRequest,
    ) -> Result<Submitted, DaemonError> {
        let submitted = self.0.ledger.submit_async(NewJob {
            tenant,
            module: request.module,
            spec: request.spec,
            key: request.key,
        });
        let submitted = submitted.await;
        if let Err(ledger::SubmitError::Failed(ledger::Failure::Unsure { .. })) = &submitted {
            // It may be there: whoever keeps house looks.
            self.0.unsure.store(true, Ordering::SeqCst);
        }
        let submitted = submitted?;
        // One that was there has been begun, and may have ended meanwhile.
        if let Submitted::New(job) = &submitted {
            self.begin(job.clone());
        }
        Ok(submitted)
    }

    /// The job as it lives, if it has not ended.
    #[must_use]
    pub fn live(&self, id: JobId) -> Option<Arc<LiveJob>> {
        self.0.live.lock().get(&id).cloned()
    }

    /// What a job prints and what happens in it, while it lives and, if its events were asked for, a minute longer.
    #[must_use]
    pub fn heard(&self, id: JobId) -> Option<Arc<LogBuffer>> {
        let live = self.live(id).map(|live| live.logs.clone());
        live.or_else(|| self.0.lingering.get(id))
    }

    /// Runs a quarantined job again, whose admin knows why. Blocks on the disk.
    ///
    /// # Errors
    /// When it is not in quarantine.
    pub fn restart(&self, id: JobId) -> Result<JobRecord, DaemonError> {
        let record = self.0.ledger.requeue(id)?;
        self.begin(record.clone());
        Ok(record)
    }

    /// Starts the supervisor of a job that is queued, unless it has one.
    pub(super) fn begin(&self, record: JobRecord) {
        let Ok(tenant) = self.tenant(&record.tenant) else {
            // A tenant with unfinished jobs is not removed.
            return;
        };
        let live = LiveJob::new(&record, &tenant);
        match self.0.live.lock().entry(record.id) {
            Entry::Occupied(_) => return,
            Entry::Vacant(place) => place.insert(live.clone()),
        };
        let daemon = self.clone();
        let (supervisor, supervised) = (self.clone(), live.clone());
        let supervised = self.0.event_loop.spawn(async move {
            let id = supervised.id;
            supervisor.supervise(&tenant, id, &supervised).await;
        });
        self.0.event_loop.spawn(async move {
            if let Err(end) = supervised.await
                && end.is_panic()
            {
                daemon.end_unsupervised(&live, end.into_panic()).await;
            }
            daemon.0.lingering.add(live.id, &live.tenant, &live.logs);
            daemon.0.live.lock().remove(&live.id);
            // Whoever follows it may hold it longer.
            live.result.lock().take();
            live.logs.end();
            live.ended.send_replace(true);
        });
    }

    /// The supervisor of a job panicked, which is a bug: what runs is stopped, and the job ends with that as its reason.
    async fn end_unsupervised(&self, live: &Arc<LiveJob>, panic: Box<dyn Any + Send>) {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        let said = said.unwrap_or("a panic without a message").to_owned();
        drop(panic);
        let why = format!(
            "an internal error of the server ended the job, which is a bug: please report it ({said})"
        );
        live.stop(&why);
        if self.0.abandoning.load(Ordering::SeqCst) {
            return;
        }
        let mut finish = failed(why);
        if let Some((_, cpu, wall)) = live.used() {
            (finish.spent_cpu_ms, finish.spent_wall_ms) = (cpu, wall);
        }
        finish.logs = live.logs.logs();
        record_end(&self.0.ledger, live.id, finish).await;
    }

    async fn supervise(&self, tenant: &Arc<TenantSlot>, id: JobId, live: &Arc<LiveJob>) {
        let mut finish = match self.start_recorded(id).await {
            Ok(Some(record)) => self.attempt(tenant, &record, live).await,
            // It ended before, as the ledger has it.
            Ok(None) => return,
            Err(failure) => failed(failure.to_string()),
        };
        if self.0.abandoning.load(Ordering::SeqCst) {
            return;
        }
        if let Some(reason) = live.cancelled.borrow().clone() {
            finish.phase = JobPhase::Cancelled;
            finish.end.reason = Some(reason);
        }
        if let Some((_, cpu, wall)) = live.used() {
            (finish.spent_cpu_ms, finish.spent_wall_ms) = (cpu, wall);
        }
        finish.logs = live.logs.logs();
        record_end(&self.0.ledger, id, finish).await;
    }

    /// Records the beginning of an attempt, however long the disk is full; nothing for a job that is not to run.
    async fn start_recorded(&self, id: JobId) -> Result<Option<JobRecord>, ledger::Failure> {
        let mut unsure = false;
        loop {
            match self.0.ledger.start_async(id).await {
                Ok(record) => return Ok(Some(record)),
                Err(ledger::JobError::Failed(failure)) if is_for_now(&failure) => {
                    unsure |= matches!(failure, ledger::Failure::Unsure { .. });
                    tokio::time::sleep(AGAIN).await;
                }
                Err(ledger::JobError::Failed(failure)) => return Err(failure),
                // The time before was recorded after all.
                Err(ledger::JobError::WrongPhase {
                    phase: JobPhase::Running,
                    ..
                }) if unsure => return self.0.ledger.job(None, id),
                Err(_) => return Ok(None),
            }
        }
    }

    /// One attempt of a job.
    async fn attempt(
        &self,
        tenant: &Arc<TenantSlot>,
        record: &JobRecord,
        live: &Arc<LiveJob>,
    ) -> Finish {
        let inner = &self.0;
        inner.runtime.strike_supervisor(record.attempt);
        let module = inner
            .modules
            .load(&inner.ledger, tenant, record.module, &record.module_name);
        let module = tokio::select! {
            module = module => module,
            // It gives up its turn to compile; what has begun goes on for others.
            () = live.is_cancelled() => return ended(1, None, None, JobStats::default()),
        };
        let module = match module {
            Ok(module) => module,
            Err(error) => return failed(error.to_string()),
        };
        let mut options = match options(tenant, record) {
            Ok(options) => options,
            Err(error) => return ended(1, Some(error), None, JobStats::default()),
        };
        options.events = live.logs.begin();
        let listener: Arc<dyn Listener> = live.logs.clone();
        let listener = Arc::downgrade(&listener);
        let job = match &record.spec.call {
            JobCall::Main => tenant.node.submit_to(&module, options, listener),
            JobCall::Task { .. } => tenant.node.open_to(&module, options, listener),
        };
        let job = match job {
            Ok(job) => job,
            Err(error) => {
                let error = TaskError::new(ErrorKind::NotFound, error.to_string());
                return ended(2, Some(error), None, JobStats::default());
            }
        };
        let running = Running {
            job: job.clone(),
            since: clock::now(),
        };
        if live.running.set(running).is_err() {
            debug_assert!(false, "a job has one supervisor");
        }
        // Whoever asked for events meanwhile.
        live.tell_events();
        // Whoever wanted it to end before it was there.
        let reason = live.cancelled.borrow().clone();
        if let Some(reason) = reason {
            job.cancel(ErrorKind::Cancelled, &reason);
        }
        if self.0.abandoning.load(Ordering::SeqCst) {
            live.abandon();
        }
        run(tenant, &job, &module, record, live).await
    }
}

/// Waits for the job's end.
async fn run(
    tenant: &TenantSlot,
    job: &Job,
    module: &Module,
    record: &JobRecord,
    live: &LiveJob,
) -> Finish {
    let JobCall::Task { name, args } = &record.spec.call else {
        let end = job.wait().await;
        return ended(end.exit_code, end.error, None, end.stats);
    };
    let args = args.iter().map(JsonText::value).collect::<Result<_, _>>();
    let called = match args {
        Ok(args) => tokio::select! {
            called = job.call_json(name, args, CallOptions::default()) => called,
            // It waited for room, and the job is over.
            end = job.wait() => return ended(end.exit_code, end.error, None, end.stats),
        },
        Err(error) => Err(TaskError::new(
            ErrorKind::BadArgument,
            format!("the arguments of `{name}` of `{}`: {error}", module.name()),
        )),
    };
    let result = match called {
        Ok(pending) => collect(tenant, pending, live).await,
        // Nothing ran.
        Err(error) => {
            let end = job.close().await;
            return ended(2, Some(error), None, end.stats);
        }
    };
    // The calls that the task made and left behind end with the job.
    let end = job.close().await;
    match (result, end.error) {
        (Ok(text), _) => ended(0, None, Some(text), end.stats),
        // The job ended first, and says why; that of the same kind is its own, with the task's name.
        (Err(error), Some(why)) if error.kind != why.kind => ended(1, Some(why), None, end.stats),
        (Err(error), _) => ended(1, Some(error), None, end.stats),
    }
}

/// The result as text, if it is not too long. Until it is recorded it is in memory beside what its tenant is charged for, so
/// only so much of one tenant is at a time.
async fn collect(
    tenant: &TenantSlot,
    pending: Pending,
    live: &LiveJob,
) -> Result<JsonText, TaskError> {
    let limit = tenant.record().limits.result_bytes.unwrap_or(RESULT_BYTES);
    let limit = if Guard::ResultSize.stands() {
        limit
    } else {
        u64::MAX
    };
    let ready = pending.ready(limit).await?;
    let room = tenant.result(2 * ready.bytes()).await;
    *live.result.lock() = Some(room);
    let text = ready.json(limit).await?;
    Ok(JsonText::written(text))
}

fn ended(
    exit_code: i32,
    error: Option<TaskError>,
    result: Option<JsonText>,
    stats: JobStats,
) -> Finish {
    Finish {
        phase: JobPhase::Finished,
        end: End {
            exit_code,
            error,
            result,
            reason: None,
            stats,
        },
        logs: ledger::Logs::default(),
        spent_cpu_ms: 0,
        spent_wall_ms: 0,
    }
}

/// The host could not run it.
fn failed(why: String) -> Finish {
    let error = TaskError::new(ErrorKind::System, why);
    ended(125, Some(error), None, JobStats::default())
}

/// Whether it may work later.
fn is_for_now(failure: &ledger::Failure) -> bool {
    use ledger::Failure as F;
    matches!(failure, F::Full { .. } | F::Io { .. } | F::Unsure { .. })
}

/// Writes an end down, however long the disk is full.
async fn record_end(ledger: &Ledger, id: JobId, finish: Finish) {
    loop {
        match ledger.finish_async(id, finish.clone()).await {
            Err(ledger::JobError::Failed(failure)) if is_for_now(&failure) => {
                tokio::time::sleep(AGAIN).await;
            }
            // It is written, it was already, or it never can be.
            Ok(_) | Err(_) => return,
        }
    }
}

/// What the node is told of an attempt, with what is left of the job's time.
fn options(tenant: &TenantSlot, record: &JobRecord) -> Result<JobOptions, TaskError> {
    let limits = tenant.record().limits;
    let (spec, grants) = (&record.spec, tenant.grants());
    let left = |asked: Option<u64>, limit: Option<u64>, spent: u64, kind, what: &str| {
        let limit = limit.map(|seconds| seconds.saturating_mul(1_000));
        let Some(most) = asked.into_iter().chain(limit).min() else {
            return Ok(None);
        };
        match most.checked_sub(spent).filter(|left| *left > 0) {
            Some(left) => Ok(Some(Duration::from_millis(left))),
            None => Err(TaskError::new(
                kind,
                format!("the job's earlier attempts used up its {most} ms of {what}"),
            )),
        }
    };
    let timeout = left(
        spec.timeout_ms,
        limits.wall_seconds_per_job,
        record.spent_wall_ms,
        ErrorKind::Timeout,
        "time",
    )?;
    let cpu_limit = left(
        spec.cpu_limit_ms,
        limits.cpu_seconds_per_job,
        record.spent_cpu_ms,
        ErrorKind::Limit,
        "processor time",
    )?;
    let mut env = grants.env;
    env.extend(spec.env.iter().cloned());
    Ok(JobOptions {
        id: Some(record.id),
        attempt: record.attempt.saturating_sub(1),
        args: spec.args.clone(),
        env: env.into_iter().collect(),
        dirs: grants.dirs,
        timeout,
        cpu_limit,
        task_cpu_limit: limits.cpu_seconds_per_task.map(Duration::from_secs),
        ..JobOptions::default()
    })
}
