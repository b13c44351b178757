//! A job from its submission to its recorded end.

use std::{
    any::Any,
    collections::hash_map::Entry,
    sync::{Arc, OnceLock, atomic::Ordering},
    time::{Duration, Instant, SystemTime},
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Daemon, DaemonError, LOG_BYTES, LogBuffer, TenantSlot, traces};
use crate::{
    job::JobOptions,
    ledger::{
        self, End, Finish, JobCall, JobPhase, JobRecord, JobSpec, JsonText, ModuleHash, NewJob,
        RESULT_BYTES, Submitted, TenantName,
    },
    node::{Job, Module, Pending},
    otlp::JobSpans,
    rt::{clock, guard::Guard},
    types::{
        CallOptions, ErrorKind, FunctionSummary, JobId, JobStats, JobTrace, Listener, TaskError,
        TraceContext,
    },
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
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
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
    /// Its trace, of which this attempt is a span.
    context: TraceContext,
    /// What its module is called.
    module: String,
    begun: (SystemTime, Instant),
    /// What it ended with, if not well.
    failed: OnceLock<TaskError>,
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
    fn new(record: &JobRecord, tenant: &TenantSlot, sampled: bool) -> Arc<Self> {
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
            context: match &record.trace {
                Some(context) => context.clone(),
                None => TraceContext::of_job(record.id, sampled),
            },
            module: record.module_name.clone(),
            begun: (clock::system_time(), clock::now()),
            failed: OnceLock::new(),
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

    /// What its calls did and when, if it runs.
    #[must_use]
    pub fn trace(&self) -> Option<JobTrace> {
        self.running.get()?.job.trace()
    }

    fn functions(&self) -> Option<Vec<FunctionSummary>> {
        self.running.get()?.job.functions()
    }

    fn tell_begun(&self, record: &JobRecord) {
        tracing::info!(
            target: "wrun::job", job = %self.id, tenant = %self.tenant, module = %record.module_name,
            attempt = self.earlier, "job began"
        );
    }

    fn tell_ended(&self, finish: &Finish) {
        let end = &finish.end;
        let error = end.error.as_ref();
        tracing::info!(
            target: "wrun::job", job = %self.id, tenant = %self.tenant, state = %finish.phase,
            exit_code = end.exit_code, reason = end.reason, code = error.map(|error| error.kind.code()),
            error = error.map(|error| &*error.message), wall_ms = finish.spent_wall_ms,
            cpu_ms = finish.spent_cpu_ms, "job ended"
        );
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
        let first = self.cancelled.send_if_modified(|why| {
            let first = why.is_none();
            why.get_or_insert_with(|| reason.to_owned());
            first
        });
        if first {
            tracing::info!(target: "wrun::job", job = %self.id, tenant = %self.tenant, reason, "job cancelled");
        }
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
            trace: request.trace,
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

    /// What the calls of a job did and when: as far as it came, and for a while after its end.
    #[must_use]
    pub fn trace(&self, id: JobId) -> Option<Arc<JobTrace>> {
        let live = self.live(id).and_then(|live| live.trace());
        live.map(Arc::new).or_else(|| self.0.traces.get(id))
    }

    /// The numbers of each function that a job called, as [`trace`](Self::trace) has them.
    #[must_use]
    pub fn functions(&self, id: JobId) -> Option<Vec<FunctionSummary>> {
        let live = self.live(id).and_then(|live| live.functions());
        live.or_else(|| Some(self.0.traces.get(id)?.functions.clone()))
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
        let live = LiveJob::new(&record, &tenant, self.0.exporter.is_some());
        match self.0.live.lock().entry(record.id) {
            Entry::Occupied(_) => return,
            Entry::Vacant(place) => place.insert(live.clone()),
        };
        let daemon = self.clone();
        let (supervisor, supervised, owner) = (self.clone(), live.clone(), tenant.clone());
        let supervised = self.0.event_loop.spawn(async move {
            let id = supervised.id;
            supervisor.supervise(&owner, id, &supervised).await;
        });
        self.0.event_loop.spawn(async move {
            if let Err(end) = supervised.await
                && end.is_panic()
            {
                daemon.end_unsupervised(&live, end.into_panic()).await;
            }
            if let Some(bytes) = live.logs.told_bytes() {
                let logs = live.logs.clone();
                daemon.0.lingering.add(live.id, &live.tenant, logs, bytes);
            }
            daemon.keep_trace(tenant, live.clone()).await;
            daemon.0.live.lock().remove(&live.id);
            // Whoever follows it may hold it longer.
            live.result.lock().take();
            live.logs.end();
            live.ended.send_replace(true);
        });
    }

    /// Keeps what an attempt's calls did for a while. There may be much of it, so a thread that may block does it at the
    /// tenant's expense.
    async fn keep_trace(&self, tenant: Arc<TenantSlot>, live: Arc<LiveJob>) {
        let daemon = self.clone();
        let keep = move || {
            let start = clock::now();
            let trace = live.trace().map(Arc::new);
            daemon.export(&live, trace.as_ref());
            if let Some(trace) = trace {
                let bytes = traces::bytes(&trace);
                daemon.0.traces.add(live.id, &live.tenant, trace, bytes);
            }
            tenant.node.charge(start.elapsed());
        };
        // After a panic, which the log has, there is none.
        let _ = tokio::task::spawn_blocking(keep).await;
    }

    /// Tells the collector, if there is one, of an attempt that has ended.
    fn export(&self, live: &LiveJob, trace: Option<&Arc<JobTrace>>) {
        let Some(exporter) = &self.0.exporter else {
            return;
        };
        let (begun, since) = live.begun;
        let failed = live.failed.get();
        exporter.job(JobSpans {
            context: live.context.clone(),
            job: live.id,
            attempt: live.earlier,
            module: live.module.clone(),
            tenant: Some(live.tenant.to_string()),
            begun,
            took: since.elapsed(),
            error: failed.map(|error| (error.kind, error.message.clone())),
            trace: trace.cloned(),
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
        tracing::error!(target: "wrun::bug", job = %live.id, tenant = %live.tenant, "{why}");
        live.stop(&why);
        if self.0.abandoning.load(Ordering::SeqCst) {
            return;
        }
        let mut finish = failed(why);
        if let Some((_, cpu, wall)) = live.used() {
            (finish.spent_cpu_ms, finish.spent_wall_ms) = (cpu, wall);
        }
        finish.logs = live.logs.logs();
        self.record_end(live, finish).await;
    }

    async fn supervise(&self, tenant: &Arc<TenantSlot>, id: JobId, live: &Arc<LiveJob>) {
        let mut finish = match self.start_recorded(id).await {
            Ok(Some(record)) => {
                live.tell_begun(&record);
                self.attempt(tenant, &record, live).await
            }
            // It ended before, as the ledger has it.
            Ok(None) => return,
            Err(failure) => failed(failure.to_string()),
        };
        if self.0.abandoning.load(Ordering::SeqCst) {
            tracing::info!(target: "wrun::job", job = %id, tenant = %live.tenant, "job left to the next start");
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
        live.tell_ended(&finish);
        if let Some(error) = &finish.end.error {
            // An attempt has one end.
            let _ = live.failed.set(error.clone());
        }
        self.record_end(live, finish).await;
    }

    /// Writes an end down, however long the disk is full.
    async fn record_end(&self, live: &LiveJob, finish: Finish) {
        let mut told = false;
        loop {
            match self.0.ledger.finish_async(live.id, finish.clone()).await {
                Err(ledger::JobError::Failed(failure)) if is_for_now(&failure) => {
                    tell_of_disk(live.id, &failure, &mut told);
                    tokio::time::sleep(AGAIN).await;
                }
                Ok(_) => {
                    if let Ok(tenant) = self.tenant(&live.tenant) {
                        tenant.ended.lock().add(&finish);
                    }
                    return;
                }
                Err(error) => {
                    if let ledger::JobError::Failed(error) = error {
                        tracing::error!(target: "wrun::ledger", job = %live.id, %error, "the end of a job can't be recorded");
                    }
                    // It never can be, or it was already.
                    return;
                }
            }
        }
    }

    /// Records the beginning of an attempt, however long the disk is full; nothing for a job that is not to run.
    async fn start_recorded(&self, id: JobId) -> Result<Option<JobRecord>, ledger::Failure> {
        let (mut unsure, mut told) = (false, false);
        loop {
            match self.0.ledger.start_async(id).await {
                Ok(record) => return Ok(Some(record)),
                Err(ledger::JobError::Failed(failure)) if is_for_now(&failure) => {
                    unsure |= matches!(failure, ledger::Failure::Unsure { .. });
                    tell_of_disk(id, &failure, &mut told);
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
        let mut options = match options(tenant, record, live) {
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

/// Says once that a job waits for the disk.
fn tell_of_disk(job: JobId, error: &ledger::Failure, told: &mut bool) {
    if !std::mem::replace(told, true) {
        tracing::warn!(target: "wrun::ledger", %job, %error, "a job waits until its record can be written");
    }
}

/// What the node is told of an attempt, with what is left of the job's time.
fn options(
    tenant: &TenantSlot,
    record: &JobRecord,
    live: &LiveJob,
) -> Result<JobOptions, TaskError> {
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
        trace: true,
        trace_context: Some(live.context.clone()),
        ..JobOptions::default()
    })
}
