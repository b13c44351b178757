//! What a node and its jobs consist of.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};

use super::{
    actor::{ActorCell, ActorHandle},
    call::{Call, Kind},
    compilers::Compilers,
    faults::Faults,
    idle::IdleActors,
    run::QueuedCall,
    services::CallServices,
    snapshot::{DeadActor, FailedCall, LargeObjects},
    tenant::TenantState,
    times::Times,
};
use crate::{
    actor::CallerId,
    job::{Counters, Emitter, JobOptions, Kept, Registry, Trace},
    outbound::Lookups,
    rt::{clock, guard::Guard},
    sandbox::{LogSender, Module, Sandboxes, WasiConfig},
    scheduler::Job as JobQueue,
    store::{MemFiles, ObjectRef, Value, WeakObject},
    tenant::{Account, Resource},
    types::{ErrorKind, JobId, JobStats, NodeId, ObjectId, TaskError, TaskId, TraceContext},
};

/// What all jobs of a node share.
#[derive(Debug)]
pub(crate) struct NodeState {
    pub(crate) id: NodeId,
    pub(crate) slots: u32,
    pub(crate) workers: usize,
    pub(crate) sandboxes: Sandboxes<CallServices>,
    /// Whose jobs those are that have no tenant of their own.
    pub(crate) tenant: Arc<TenantState>,
    pub(crate) account: Arc<Account>,
    pub(crate) compilers: Arc<Compilers>,
    pub(crate) files: MemFiles,
    pub(crate) tokio: tokio::runtime::Handle,
    pub(crate) faults: Faults,
    pub(crate) dashboard_url: Option<String>,
    pub(crate) lookups: Lookups,
    pub(crate) hibernate_after: Option<Duration>,
    pub(crate) times: Arc<Times>,
    pub(crate) living: Living,
}

/// What lives in a node: nothing, at its start.
#[derive(Debug, Default)]
pub(crate) struct Living {
    /// Jobs that may still run.
    jobs: Mutex<Vec<Weak<JobState>>>,
    /// Calls, and the host sides of jobs, that were made so far.
    orders: AtomicU64,
    pub(crate) idle: IdleActors,
}

impl NodeState {
    /// The next of the numbers that tell calls and callers of all jobs apart, in the order in which they were made.
    pub(crate) fn next_order(&self) -> u64 {
        self.living.orders.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The job of that id, if it may still run.
    pub(crate) fn job(&self, id: JobId) -> Option<Arc<JobState>> {
        self.living
            .jobs
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .find(|job| job.id == id)
    }

    /// All jobs that may still run.
    pub(crate) fn jobs(&self) -> Vec<Arc<JobState>> {
        let jobs = self.living.jobs.lock();
        jobs.iter().filter_map(Weak::upgrade).collect()
    }

    fn add(&self, job: &Arc<JobState>) {
        let mut jobs = self.living.jobs.lock();
        if jobs.len() == jobs.capacity() {
            jobs.retain(|job| job.strong_count() > 0);
            // Not again before as many have come.
            let living = jobs.len();
            jobs.reserve(living + 1);
        }
        jobs.push(Arc::downgrade(job));
    }

    /// Cancels all jobs of a tenant, those of its detached actors too.
    pub(crate) fn cancel_jobs_of(&self, tenant: &Arc<TenantState>, reason: &TaskError) {
        let jobs = self.jobs().into_iter();
        for job in jobs.filter(|job| Arc::ptr_eq(&job.tenant, tenant)) {
            job.cancel(reason.clone());
        }
    }

    /// Cancels all jobs and waits, for a while, until they have ended.
    pub(crate) fn stop_jobs(&self, patience: Duration) {
        let reason = || TaskError::new(ErrorKind::Cancelled, "the runtime is shut down");
        let jobs = self.jobs();
        for job in &jobs {
            job.cancel(reason());
        }
        let deadline = clock::now() + patience;
        while jobs.iter().any(|job| job.end.borrow().is_none()) && clock::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEnd {
    /// The program's own exit code: 0 when `main` returned, 1 when it failed, or what it gave to `proc_exit`.
    pub exit_code: i32,
    /// The error it ended with; none when the program chose its exit code itself.
    pub error: Option<TaskError>,
    /// Its numbers at the end.
    pub stats: JobStats,
}

/// One job.
pub(crate) struct JobState {
    pub(crate) id: JobId,
    /// The job that a detached actor's own job was made for; else itself.
    pub(crate) origin: JobId,
    pub(crate) node: Arc<NodeState>,
    pub(crate) tenant: Arc<TenantState>,
    pub(crate) module: Module<CallServices>,
    pub(crate) module_name: Arc<str>,
    pub(crate) options: JobOptions,
    wasi: WasiConfig,
    main_wasi: WasiConfig,
    pub(crate) account: Arc<Account>,
    pub(crate) queue: JobQueue<QueuedCall>,
    pub(crate) registry: Registry<Arc<Call>>,
    pub(crate) counters: Counters,
    pub(crate) emitter: Arc<Emitter>,
    /// What its calls do and when, if that is wanted.
    pub(crate) trace: Option<Box<Trace>>,
    pub(crate) log: Mutex<LogSender>,
    /// Actors by their numbers, until they are dead for good.
    pub(crate) actors: Mutex<BTreeMap<u64, Arc<ActorCell>>>,
    /// Some of what ended badly, and objects worth a look, for who looks from outside.
    pub(crate) failed: Kept<FailedCall>,
    pub(crate) dead: Kept<DeadActor>,
    pub(crate) large: Mutex<LargeObjects>,
    pub(crate) end: watch::Sender<Option<JobEnd>>,
    /// How it ends, once that is known.
    ending: OnceLock<(i32, Option<TaskError>)>,
    closing: AtomicBool,
    /// Its host side as a caller of actors.
    pub(crate) host: CallerId,
    calls: AtomicU64,
    objects: AtomicU64,
    /// Actors by their registered names.
    names: Mutex<HashMap<String, Weak<ActorHandle>>>,
    /// Detached actors, whose own handle this is.
    detached: Mutex<Vec<Arc<ActorHandle>>>,
    /// Objects whose values refer to others: cycles among them are cut when the job ends.
    with_refs: Mutex<Vec<WeakObject>>,
    ended: Notify,
    spent: Arc<Spent>,
    /// How much of its own processor time is in `spent`, in nanoseconds.
    counted: AtomicU64,
    started: Instant,
}

impl fmt::Debug for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({})", self.id)
    }
}

impl Drop for JobState {
    fn drop(&mut self) {
        self.tenant.past.add(&self.counters);
    }
}

/// A sender that throws everything away.
fn nowhere() -> LogSender {
    LogSender::Channel(mpsc::channel(1).0)
}

/// The parts of a job that its maker decides.
pub(crate) struct NewJob {
    pub(crate) node: Arc<NodeState>,
    pub(crate) tenant: Arc<TenantState>,
    pub(crate) module: Module<CallServices>,
    pub(crate) module_name: Arc<str>,
    pub(crate) options: JobOptions,
    pub(crate) log: Option<LogSender>,
    pub(crate) emitter: Arc<Emitter>,
    /// The job that it is made for, if not for itself.
    pub(crate) origin: Option<JobId>,
    /// The processor time that counts against its limit, if it shares it with another job.
    pub(crate) spent: Option<Arc<Spent>>,
}

/// So many calls of a job that ends are cancelled before others have a turn.
const STOPPED_AT_ONCE: usize = 1_024;

/// Processor time of a job and of the detached actors that come from it: they have one limit together, or an actor could
/// leave another behind for ever.
#[derive(Debug, Default)]
pub(crate) struct Spent(AtomicU64);

/// What a job's guests get through WASI, but for `main`'s standard input.
fn wasi(module_name: &str, options: &JobOptions) -> WasiConfig {
    let mut args = vec![module_name.to_owned()];
    args.extend(options.args.iter().cloned());
    WasiConfig {
        args,
        env: options.env.clone(),
        dirs: options.dirs.clone(),
        inherit_stdin: false,
    }
}

impl JobState {
    pub(crate) fn new(new: NewJob) -> Arc<Self> {
        let NewJob {
            node,
            tenant,
            module,
            module_name,
            options,
            log,
            emitter,
            origin,
            spent,
        } = new;
        let id = options.id.unwrap_or_else(JobId::random);
        let wasi = wasi(&module_name, &options);
        let job = Arc::new(Self {
            id,
            origin: origin.unwrap_or(id),
            queue: tenant.queue.job(),
            account: Account::new(
                format!("job {id}"),
                crate::tenant::Limits::default(),
                Some(tenant.account.clone()),
            ),
            emitter,
            trace: options.trace.then(Box::default),
            host: node.next_order(),
            main_wasi: WasiConfig {
                inherit_stdin: options.stdin,
                ..wasi.clone()
            },
            wasi,
            node,
            tenant,
            module,
            module_name,
            options,
            registry: Registry::default(),
            counters: Counters::default(),
            log: Mutex::new(log.unwrap_or_else(nowhere)),
            actors: Mutex::default(),
            failed: Kept::default(),
            dead: Kept::default(),
            large: Mutex::default(),
            end: watch::Sender::new(None),
            ending: OnceLock::new(),
            closing: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            objects: AtomicU64::new(0),
            names: Mutex::default(),
            detached: Mutex::default(),
            with_refs: Mutex::default(),
            ended: Notify::new(),
            spent: spent.unwrap_or_default(),
            counted: AtomicU64::new(0),
            started: clock::now(),
        });
        job.node.add(&job);
        job
    }

    /// Ends it early: through its driver, if it has one.
    pub(crate) fn cancel(self: &Arc<Self>, reason: TaskError) {
        if self.end.borrow().is_some() {
            return;
        }
        let driver = self
            .registry
            .get(1)
            .filter(|call| matches!(call.kind(), Kind::Main));
        match driver {
            Some(main) => super::cancel::stop(&main, reason),
            None if self.is_closing() => {}
            None => {
                let job = self.clone();
                self.node
                    .tokio
                    .spawn(async move { job.finish(1, Some(reason), 0).await });
            }
        }
    }

    /// Ends the job if it has used more processor time than it may; gives whether that, or what a task may use, is
    /// limited at all.
    pub(crate) fn stop_over_cpu_limit(self: &Arc<Self>) -> bool {
        let options = &self.options;
        if let Some(limit) = options.cpu_limit
            && self.spent() > limit
            && Guard::ProcessorTime.stands()
            && !self.is_closing()
        {
            let message =
                format!("the job used more than its limit of {limit:?} of processor time");
            self.cancel(TaskError::new(ErrorKind::Limit, message));
        }
        options.cpu_limit.is_some() || options.task_cpu_limit.is_some()
    }

    /// The processor time that counts against its limit.
    fn spent(&self) -> Duration {
        let own = u64::try_from(self.queue.cpu().as_nanos()).unwrap_or(u64::MAX);
        let before = self.counted.fetch_max(own, Ordering::Relaxed);
        let more = own.saturating_sub(before);
        let spent = self.spent.0.fetch_add(more, Ordering::Relaxed);
        Duration::from_nanos(spent.saturating_add(more))
    }

    /// The trace that it belongs to. One of its own is computed, not kept: few ask.
    pub(crate) fn trace_context(&self) -> Cow<'_, TraceContext> {
        match &self.options.trace_context {
            Some(context) => Cow::Borrowed(context),
            None => Cow::Owned(TraceContext::of_job(self.origin, false)),
        }
    }

    /// The id of the next call.
    pub(crate) fn next_call(&self) -> TaskId {
        TaskId::new(self.id, self.calls.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The id of the next object that no call made.
    pub(crate) fn next_object(&self) -> ObjectId {
        ObjectId::put(self.id, self.objects.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether it takes no more calls.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// A call has ended.
    pub(crate) fn forget(&self, call: &Call) {
        self.registry.remove(call.number());
        if self.is_closing() {
            self.ended.notify_waiters();
        }
    }

    /// Remembers an object that `by` made, if its value is large or refers to others.
    pub(crate) fn watch(&self, object: &ObjectRef, value: &Value, by: &Call) {
        if value.is_large() {
            self.large.lock().add(object, by, self.node.times.now());
        }
        self.watch_refs(object, value);
    }

    /// Remembers an object whose value refers to others.
    pub(crate) fn watch_refs(&self, object: &ObjectRef, value: &Value) {
        if value.ref_count() == 0 {
            return;
        }
        let mut with_refs = self.with_refs.lock();
        if with_refs.len() == with_refs.capacity() {
            with_refs.retain(|object| !object.is_gone());
            // Not again before as many have come.
            let living = with_refs.len();
            with_refs.reserve(living + 1);
        }
        with_refs.push(object.downgrade());
    }

    /// Whose detached actors are found by their names here.
    fn owner(&self) -> &TenantState {
        match Guard::ActorNames.stands() {
            true => &self.tenant,
            false => &self.node.tenant,
        }
    }

    /// Registers an actor's name, in the job or, for a detached one, in its tenant.
    ///
    /// Gives the actor that has the name when it is taken.
    pub(crate) fn register_name(
        &self,
        name: &str,
        handle: &Arc<ActorHandle>,
        detached: bool,
    ) -> Result<(), Arc<ActorHandle>> {
        let mut everywhere = self.owner().detached.lock();
        if let Some(taken) = everywhere.get(name).filter(|taken| taken.cell().is_alive()) {
            return Err(taken.clone());
        }
        let mut names = self.names.lock();
        let taken = names.get(name).and_then(Weak::upgrade);
        if let Some(taken) = taken.filter(|taken| taken.cell().is_alive()) {
            return Err(taken);
        }
        if detached {
            everywhere.insert(name.to_owned(), handle.clone());
        } else {
            names.insert(name.to_owned(), Arc::downgrade(handle));
        }
        Ok(())
    }

    /// The living actor with that name, of this job or detached.
    pub(crate) fn actor_by_name(&self, name: &str) -> Option<Arc<ActorHandle>> {
        let own = self.names.lock().get(name).and_then(Weak::upgrade);
        own.filter(|handle| handle.cell().is_alive())
            .or_else(|| self.owner().detached_by_name(name))
    }

    /// A job without a driver for one detached actor made in this one: it has the same module and
    /// grants, and its output goes where this job's goes, as long as that is read.
    pub(crate) fn detached_home(&self) -> Arc<Self> {
        let log = match &*self.log.lock() {
            LogSender::Listener(listener) => LogSender::Listener(listener.clone()),
            LogSender::Channel(here) => {
                let (log, mut lines) = mpsc::channel(64);
                let here = here.downgrade();
                self.node.tokio.spawn(async move {
                    while let Some(line) = lines.recv().await {
                        if let Some(here) = here.upgrade() {
                            // A closed one throws the line away.
                            let _ = here.send(line).await;
                        }
                    }
                });
                LogSender::Channel(log)
            }
        };
        let options = JobOptions {
            id: None,
            timeout: None,
            stdin: false,
            events: false,
            ..self.options.clone()
        };
        Self::new(NewJob {
            node: self.node.clone(),
            tenant: self.tenant.clone(),
            module: self.module.clone(),
            module_name: self.module_name.clone(),
            options,
            log: Some(log),
            // Nobody could ask for them.
            emitter: Emitter::new(false, None, self.node.tokio.clone()),
            origin: Some(self.origin),
            spent: Some(self.spent.clone()),
        })
    }

    /// Frees a dead actor's name and its own handle. The home of a detached actor ends with it.
    pub(crate) fn forget_actor(self: &Arc<Self>, cell: &ActorCell) {
        if let Some(name) = &cell.name {
            let mut names = self.names.lock();
            if names.get(name).is_some_and(|weak| {
                weak.upgrade()
                    .is_none_or(|handle| handle.cell().id == cell.id)
            }) {
                names.remove(name);
            }
        }
        if let Some(name) = &cell.name {
            let mut everywhere = self.owner().detached.lock();
            let gone = everywhere
                .get(name)
                .is_some_and(|handle| handle.cell().id == cell.id);
            let gone = gone.then(|| everywhere.remove(name));
            drop(everywhere);
            drop(gone);
        }
        let gone: Vec<_> = self
            .detached
            .lock()
            .extract_if(.., |handle| handle.cell().id == cell.id)
            .collect();
        if !gone.is_empty() && Guard::JobEnd.stands() {
            self.closing.store(true, Ordering::SeqCst);
            let job = self.clone();
            let reason = || TaskError::new(ErrorKind::Cancelled, "its detached actor is dead");
            self.node.tokio.spawn(async move {
                job.stop_all(reason, 0).await;
                // What it used last counts for those that come from it.
                job.spent();
            });
        }
        drop(gone);
    }

    /// Keeps a detached actor.
    pub(crate) fn keep_actor(&self, handle: Arc<ActorHandle>) {
        self.detached.lock().push(handle);
    }

    /// Ends the job: cancels what still runs, waits until it is gone, frees its objects, tells who waits.
    ///
    /// `own_fibers` of its fibers are the caller's: one when the driver calls it.
    pub(crate) async fn finish(
        self: &Arc<Self>,
        exit_code: i32,
        error: Option<TaskError>,
        own_fibers: usize,
    ) {
        // Who ends it first says how it ended, even if another is done with waiting before.
        let (exit_code, error) = self.ending.get_or_init(|| (exit_code, error)).clone();
        self.closing.store(true, Ordering::SeqCst);
        let reason = || match &error {
            Some(why)
                if matches!(
                    why.kind,
                    ErrorKind::Timeout | ErrorKind::Cancelled | ErrorKind::Limit
                ) =>
            {
                why.clone()
            }
            _ => TaskError::new(ErrorKind::Cancelled, "the job ended"),
        };
        if Guard::JobEnd.stands() {
            self.stop_all(reason, own_fibers).await;
        }
        drop(std::mem::take(&mut *self.detached.lock()));
        self.names.lock().clear();
        self.failed.clear();
        self.dead.clear();
        drop(std::mem::take(&mut *self.large.lock()));
        for object in std::mem::take(&mut *self.with_refs.lock()) {
            if let Some(Ok(value)) = object.upgrade().as_ref().and_then(ObjectRef::outcome) {
                value.forget_refs();
            }
        }
        *self.log.lock() = nowhere();
        self.emitter.tell();
        let end = JobEnd {
            exit_code,
            error: error.map(TaskError::unpaid),
            stats: self.stats(),
        };
        self.end.send_if_modified(|now| {
            let first = now.is_none();
            now.get_or_insert(end);
            first
        });
    }

    /// Cancels all its calls and waits until they are gone, but for so many fibers.
    async fn stop_all(&self, reason: impl Fn() -> TaskError, own_fibers: usize) {
        // There may be very many, and others wait for this thread.
        for (n, QueuedCall(call)) in self.queue.close().into_iter().enumerate() {
            super::cancel::stop(&call, reason());
            drop(call);
            if n % STOPPED_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
        loop {
            let gone = self.ended.notified();
            let alive = self.registry.select(|_| true);
            if alive.is_empty() {
                break;
            }
            for (n, call) in alive.into_iter().enumerate() {
                super::cancel::stop(&call, reason());
                drop(call);
                if n % STOPPED_AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
            }
            gone.await;
        }
        // A call has ended a moment before its fiber is gone with the last it held.
        while self.queue.stats().fibers > own_fibers {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    }

    /// Nanoseconds since it began.
    pub(crate) fn nanos(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The moment so many nanoseconds after it began.
    pub(crate) fn instant(&self, nanos: u64) -> Instant {
        self.started + Duration::from_nanos(nanos)
    }

    /// Nanoseconds since it began, if its trace or a listener wants to know.
    pub(crate) fn moment(&self) -> Option<u64> {
        (self.trace.is_some() || self.emitter.is_wanted()).then(|| self.nanos())
    }

    /// Its numbers now.
    pub(crate) fn stats(&self) -> JobStats {
        let counters = &self.counters;
        let queue = self.queue.stats();
        JobStats {
            submitted: counters.submitted.get(),
            finished: counters.finished.get(),
            failed: counters.failed.get(),
            retried: counters.retried.get(),
            queued: self.account.used(Resource::QueuedCalls),
            running: counters.running.get(),
            actors: counters.actors.get(),
            actors_hibernating: counters.hibernating.get(),
            sandboxes: counters.sandboxes.get(),
            sandboxes_outside_pool: counters.outside_pool.get(),
            object_bytes: self.account.used(Resource::ObjectBytes),
            object_bytes_peak: self.account.peak(Resource::ObjectBytes),
            spilled_bytes: self.account.used(Resource::SpilledBytes),
            spilled_bytes_peak: self.account.peak(Resource::SpilledBytes),
            sandbox_bytes_peak: self.account.peak(Resource::SandboxBytes),
            cpu_seconds: queue.cpu.as_secs_f64(),
            wall_seconds: clock::now().duration_since(self.started).as_secs_f64(),
        }
    }

    /// The WASI configuration of a call.
    pub(crate) fn wasi_for(&self, kind: &Kind) -> &WasiConfig {
        if matches!(kind, Kind::Main) {
            &self.main_wasi
        } else {
            &self.wasi
        }
    }
}
