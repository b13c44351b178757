//! A call's life: waiting for its arguments, queued, running, ended.
//!
//! ```text
//! WAITING ─▶ QUEUED ─▶ RUNNING ─▶ ENDED
//!    └─────────┴──────────┴────────▲       a retry goes back from RUNNING to QUEUED
//! ```
//!
//! [`Call`] is shared by whoever may end it; only the transitions here change its state, and the one that reaches ENDED
//! alone completes its outputs, so that a result is recorded once whatever races. A call that ended holds no arguments,
//! no room in the queue and no place in its job's registry.

use std::fmt;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::{
    actor::ActorCell,
    snapshot::FailedCall,
    state::JobState,
    times::{NEVER, Time},
};
use crate::{
    actor::CallerId,
    job::{Attempt, Lineage},
    sandbox::FunctionInfo,
    scheduler::{Meter, Turn},
    store::{self, ObjectRef, Resource, Stream, Value, Waiting},
    tenant,
    types::{
        Arg, Block, BlockedOn, CallState, ErrorKind, ObjectId, Paid, SpanId, TaskError, TaskId,
        TaskSpan,
    },
};

const WAITING: u8 = 0;
const QUEUED: u8 = 1;
const RUNNING: u8 = 2;
const ENDED: u8 = 3;

/// What kind of call it is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// The job's `main`, or a command's `_start`.
    Main,
    /// A task.
    Task,
    /// The constructor of this actor; the call lives as long as the actor.
    Constructor(Arc<ActorCell>),
    /// A method of this actor, in this caller's order.
    Method(Arc<ActorCell>, CallerId),
    /// A function of the host, which takes no sandbox: an HTTP request.
    Request,
}

/// Options with every default filled in. The default is that of a call that will never run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settings {
    pub(crate) max_retries: u32,
    pub(crate) retry_errors: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) slots: u32,
    pub(crate) memory: u64,
}

/// What calls of one function that are made together have in common. There is one for all of them: references to a job
/// or a function that each call counted would be counted by all workers at once.
pub(crate) struct Common {
    pub(crate) job: Arc<JobState>,
    /// What people see the calls under, if that is not their function's name.
    pub(crate) own_name: Option<Arc<str>>,
    pub(crate) kind: Kind,
    pub(crate) function: Arc<FunctionInfo>,
    pub(crate) settings: Settings,
    pub(crate) result_format: u8,
    pub(crate) parent: Option<Arc<Lineage>>,
    /// When they were made.
    pub(crate) made: Time,
}

/// Where the results go.
#[derive(Debug)]
pub(crate) enum Outputs {
    /// To these objects, in order; none for `main` and constructors.
    Objects(SmallVec<[ObjectRef; 1]>),
    /// To this stream.
    Stream(Arc<Stream>),
}

/// What a call holds until it ends.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) args: Vec<Arg<Resource>>,
    /// Its place in the queue, until it first runs: so many queued calls of its job's account.
    pub(crate) place: u32,
    /// When its last attempt began.
    pub(crate) begun: Time,
    /// What it and its arguments take: so many queued bytes of that account.
    pub(crate) bytes: u64,
    at: Progress,
}

/// What an attempt holds for where it is, in one place, since queued calls are many. Times are those of its job's trace, if there is
/// one.
#[derive(Debug, Default)]
enum Progress {
    #[default]
    Nothing,
    /// The wait for its arguments.
    Waiting(Waiting),
    /// Since when it could run.
    Queued(u64),
    /// It began, and there is something to say of it.
    Running(Box<Running>),
}

/// What who looks from outside is told of a call that runs, or of a sandbox that lives.
#[derive(Debug, Default)]
struct Running {
    /// If that is traced.
    timing: Option<Timing>,
    awaits: Option<Awaits>,
    /// The numbers of the objects of its job that its sandbox has handles of, by the place of each; 0 where there is none.
    held: Vec<u64>,
}

impl Progress {
    /// Of an attempt that is over.
    fn into_timing(self) -> Option<Timing> {
        match self {
            Self::Running(running) => running.timing,
            Self::Nothing | Self::Waiting(_) | Self::Queued(_) => None,
        }
    }
}

/// What a call waits for while it runs, for who looks from outside.
#[derive(Debug)]
pub(crate) enum Awaits {
    /// Objects, or items of streams.
    Objects(store::Awaited),
    /// So much more of this.
    Room(tenant::Resource, u64),
}

/// An attempt that began.
#[derive(Debug, Default)]
struct Timing {
    queued: u64,
    begun: u64,
    worker: Option<usize>,
    slot: Option<usize>,
    blocked: u64,
    blocks: Vec<Block>,
    cpu: u64,
    /// When it had all that.
    over: Option<u64>,
    memory: u64,
}

impl Inputs {
    fn timing(&mut self) -> Option<&mut Timing> {
        match &mut self.at {
            Progress::Running(running) => running.timing.as_mut(),
            Progress::Nothing | Progress::Waiting(_) | Progress::Queued(_) => None,
        }
    }

    /// Of a call that has begun; none of one that has not.
    fn running(&mut self) -> Option<&mut Running> {
        if let Progress::Nothing = self.at {
            self.at = Progress::Running(Box::default());
        }
        match &mut self.at {
            Progress::Running(running) => Some(running),
            Progress::Nothing | Progress::Waiting(_) | Progress::Queued(_) => None,
        }
    }

    fn seen_running(&self) -> Option<&Running> {
        match &self.at {
            Progress::Running(running) => Some(running),
            Progress::Nothing | Progress::Waiting(_) | Progress::Queued(_) => None,
        }
    }

    /// What it waits for while it runs.
    pub(crate) fn awaits(&self) -> Option<&Awaits> {
        self.seen_running()?.awaits.as_ref()
    }

    /// The wait for its arguments, if they are not there.
    pub(crate) fn waiting(&self) -> Option<&Waiting> {
        match &self.at {
            Progress::Waiting(waiting) => Some(waiting),
            _ => None,
        }
    }
}

/// So many of an attempt's blocks, and of what it was called with, are told one by one.
const DETAILS: usize = 8;

/// One call.
pub(crate) struct Call {
    pub(crate) id: TaskId,
    /// Tells it from all other calls of its node, and which of two was made first.
    pub(crate) order: u64,
    common: Arc<Common>,
    pub(crate) outputs: Outputs,
    pub(crate) inputs: Mutex<Inputs>,
    pub(crate) cancel: Cancel,
    lineage: OnceLock<Arc<Lineage>>,
    state: AtomicU8,
    /// What it waits for while it runs: one of [`BLOCKED`] counted from 1, or 0. Only who runs it writes it.
    blocked: AtomicU8,
    attempt: AtomicU32,
}

/// What a call can be blocked on, by number.
const BLOCKED: [BlockedOn; 4] = [
    BlockedOn::Objects,
    BlockedOn::Room,
    BlockedOn::Reader,
    BlockedOn::Disk,
];

/// While it exists, a call is seen as blocked.
pub(crate) struct Blocked<'a> {
    call: &'a Call,
    on: BlockedOn,
    /// Its inputs say for what exactly.
    told: bool,
    /// Since when, if that is traced.
    from: Option<u64>,
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        let Self {
            call,
            on,
            told,
            from,
        } = *self;
        call.blocked.store(0, Ordering::Relaxed);
        if told {
            let awaits = call
                .inputs
                .lock()
                .running()
                .map(|running| running.awaits.take());
            drop(awaits);
        }
        if let Some(from_ns) = from {
            let to_ns = call.job().nanos();
            if let Some(timing) = call.inputs.lock().timing() {
                timing.blocked += to_ns.saturating_sub(from_ns);
                if timing.blocks.len() < DETAILS {
                    timing.blocks.push(Block { on, from_ns, to_ns });
                }
            }
        }
    }
}

/// The call whose result an argument is.
fn maker(arg: &Arg<Resource>) -> Option<TaskId> {
    match arg {
        Arg::Object(Resource::Object(object)) => object.id().maker(),
        Arg::Object(_) | Arg::Value(_) => None,
    }
}

/// Where and since when a call runs.
pub(crate) struct Placed {
    meter: Meter,
    before: Duration,
}

/// Where a call is in its life, for who looks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Waiting,
    Queued,
    Running,
    Blocked(BlockedOn),
    Ended,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({}#{})", self.name(), self.id.number())
    }
}

impl Call {
    pub(crate) fn new(
        id: TaskId,
        common: Arc<Common>,
        outputs: Outputs,
        args: Vec<Arg<Resource>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            order: common.job.node.next_order(),
            id,
            common,
            outputs,
            inputs: Mutex::new(Inputs {
                args,
                ..Inputs::default()
            }),
            cancel: Cancel::default(),
            lineage: OnceLock::new(),
            state: AtomicU8::new(WAITING),
            blocked: AtomicU8::new(0),
            attempt: AtomicU32::new(0),
        })
    }

    /// What it shares with calls that were made together with it.
    pub(crate) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    /// The job that it belongs to.
    pub(crate) fn job(&self) -> &Arc<JobState> {
        &self.common.job
    }

    /// What kind of call it is.
    pub(crate) fn kind(&self) -> &Kind {
        &self.common.kind
    }

    /// What is called.
    pub(crate) fn function(&self) -> &FunctionInfo {
        &self.common.function
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.common.settings
    }

    /// The format byte in which its results are wanted.
    pub(crate) fn result_format(&self) -> u8 {
        self.common.result_format
    }

    /// The call that made it.
    pub(crate) fn parent(&self) -> Option<&Arc<Lineage>> {
        self.common.parent.as_ref()
    }

    /// What people see it under.
    pub(crate) fn name(&self) -> &Arc<str> {
        let common = &self.common;
        common.own_name.as_ref().unwrap_or(&common.function.name)
    }

    /// Its number in the job, the guest's `pid`.
    pub(crate) fn number(&self) -> u64 {
        self.id.number()
    }

    /// Which attempt it is at, from 0.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt.load(Ordering::Relaxed)
    }

    /// Its attempt as a span of a trace.
    pub(crate) fn span(&self) -> SpanId {
        let job = self.job();
        SpanId::of_call(job.id, job.options.attempt, self.number(), self.attempt())
    }

    /// As an ancestor of the calls that it makes.
    pub(crate) fn lineage(&self) -> Arc<Lineage> {
        let lineage = self
            .lineage
            .get_or_init(|| Lineage::new(self.number(), self.common.parent.clone()));
        if self.has_ended() {
            lineage.end();
        }
        lineage.clone()
    }

    fn transition(&self, from: u8, to: u8) -> bool {
        self.state
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    /// WAITING → QUEUED: its arguments are there. `false` when it is past that.
    #[must_use]
    pub(crate) fn queue(&self) -> bool {
        let queued = self.transition(WAITING, QUEUED);
        if queued {
            let now = self.job().moment();
            let queued = self.could_run(now);
            let before = std::mem::replace(&mut self.inputs.lock().at, queued);
            drop(before);
            self.tell(now, CallState::Queued, None);
        }
        queued
    }

    /// QUEUED → RUNNING, which gives back its place in the queue. `false` when it was ended meanwhile.
    #[must_use]
    pub(crate) fn begin(&self) -> bool {
        // Counted first: whoever ends it takes it out of the count.
        self.job().counters.running.add();
        let begun = self.transition(QUEUED, RUNNING);
        if begun {
            let job = self.job();
            let now = job.moment();
            let mut inputs = self.inputs.lock();
            inputs.begun = job.node.times.now();
            if let (Progress::Queued(queued), Some(begun)) = (&inputs.at, now) {
                let timing = Timing {
                    queued: *queued,
                    begun,
                    ..Timing::default()
                };
                inputs.at = Progress::Running(Box::new(Running {
                    timing: Some(timing),
                    ..Running::default()
                }));
            }
            let place = std::mem::take(&mut inputs.place);
            drop(inputs);
            self.job()
                .account
                .release(tenant::Resource::QueuedCalls, place.into());
            self.tell(now, CallState::Running, None);
        } else {
            self.job().counters.running.sub();
        }
        begun
    }

    /// A new attempt can run from now on.
    fn could_run(&self, now: Option<u64>) -> Progress {
        let traced = now.filter(|_| self.job().trace.is_some());
        traced.map_or(Progress::Nothing, Progress::Queued)
    }

    /// It waits for its arguments, unless it is past that already.
    pub(crate) fn wait_with(&self, waiting: Waiting) {
        let mut inputs = self.inputs.lock();
        if let Progress::Nothing = inputs.at {
            inputs.at = Progress::Waiting(waiting);
        }
    }

    /// It does not wait for its arguments any more.
    pub(crate) fn stop_waiting(&self) {
        let mut inputs = self.inputs.lock();
        if let Progress::Waiting(_) = inputs.at {
            let waiting = std::mem::take(&mut inputs.at);
            drop(inputs);
            drop(waiting);
        }
    }

    /// It begins in this turn: nothing, unless that is traced.
    pub(crate) fn placed(&self, turn: &mut Turn) -> Option<Placed> {
        self.job().trace.as_ref()?;
        let (worker, slot) = (turn.worker(), turn.slot_index());
        let begun = {
            let mut inputs = self.inputs.lock();
            let timing = inputs.timing()?;
            (timing.worker, timing.slot) = (worker, slot);
            timing.begun
        };
        let meter = turn.meter();
        let before = meter.cpu(self.job().instant(begun));
        Some(Placed { meter, before })
    }

    /// What a place among its sandbox's handles names from now on.
    pub(crate) fn holds(&self, place: usize, object: Option<ObjectId>) {
        let own = object.filter(|object| object.job() == self.id.job());
        let number = own.map_or(0, ObjectId::number);
        let mut inputs = self.inputs.lock();
        let Some(held) = inputs.running().map(|running| &mut running.held) else {
            return;
        };
        match held.get_mut(place) {
            Some(at) => *at = number,
            None if number == 0 => {}
            None => {
                held.resize(place, 0);
                held.push(number);
            }
        }
    }

    /// Its sandbox is gone.
    pub(crate) fn holds_nothing(&self) {
        let mut inputs = self.inputs.lock();
        if let Progress::Running(running) = &mut inputs.at {
            let held = std::mem::take(&mut running.held);
            drop(inputs);
            drop(held);
        }
    }

    /// The numbers of objects that its sandbox has handles of, from one place on, some of them; behind which place to go on.
    pub(crate) fn held(&self, from: usize) -> (SmallVec<[u64; 64]>, Option<usize>) {
        let inputs = self.inputs.lock();
        let held = inputs.seen_running().map(|running| &running.held[..]);
        let rest = held.and_then(|held| held.get(from..)).unwrap_or_default();
        let some = &rest[..rest.len().min(64)];
        let next = (some.len() < rest.len()).then_some(from + some.len());
        (
            some.iter().copied().filter(|number| *number != 0).collect(),
            next,
        )
    }

    /// What it used since it was placed.
    pub(crate) fn spent(&self, placed: Option<Placed>) {
        let Some(Placed { meter, before }) = placed else {
            return;
        };
        let over = self.job().nanos();
        let cpu = meter.cpu(self.job().instant(over));
        let cpu = cpu.saturating_sub(before).as_nanos();
        if let Some(timing) = self.inputs.lock().timing() {
            timing.cpu = u64::try_from(cpu).unwrap_or(u64::MAX);
            timing.over = Some(over);
        }
    }

    /// How much memory its sandbox has.
    pub(crate) fn has_memory(&self, bytes: impl FnOnce() -> u64) {
        if self.job().trace.is_some()
            && let Some(timing) = self.inputs.lock().timing()
        {
            timing.memory = bytes();
        }
    }

    /// Tells its job's trace of an attempt that has ended.
    fn trace(
        &self,
        now: Option<u64>,
        timing: Option<Timing>,
        args: &[Arg<Resource>],
        error: Option<ErrorKind>,
    ) {
        let job = self.job();
        let (Some(trace), Some(now), Some(timing)) = (&job.trace, now, timing) else {
            return;
        };
        let attempt = Attempt {
            number: self.number(),
            name: self.name(),
            has_failed: error.is_some(),
            queued_ns: timing.queued,
            begun_ns: timing.begun,
            ended_ns: now,
            blocked_ns: timing.blocked,
            cpu_ns: timing.cpu,
            memory_bytes: timing.memory,
        };
        trace.add(&job.account, &attempt, |name| {
            let number = |n: usize| u32::try_from(n).ok();
            TaskSpan {
                number: attempt.number,
                name,
                kind: super::snapshot::kind_of(self).0,
                attempt: self.attempt(),
                parent: self.parent().map_or(0, |parent| parent.number()),
                after: self.made_by(args),
                worker: timing.worker.and_then(number),
                slot: timing.slot.and_then(number),
                queued_ns: attempt.queued_ns,
                begun_ns: attempt.begun_ns,
                ended_ns: attempt.ended_ns,
                blocked_ns: attempt.blocked_ns,
                cpu_ns: attempt.cpu_ns,
                memory_bytes: attempt.memory_bytes,
                blocks: timing.blocks,
                error,
            }
        });
    }

    /// The numbers of the calls whose results are its arguments, the first few of them.
    pub(crate) fn after(&self) -> Vec<u64> {
        self.made_by(&self.inputs.lock().args)
    }

    fn made_by(&self, args: &[Arg<Resource>]) -> Vec<u64> {
        let own = args.iter().filter_map(maker);
        let own = own.filter(|id| id.job() == self.id.job());
        own.map(|id| id.number()).take(DETAILS).collect()
    }

    /// An actor's constructor has returned: what follows is the actor's life.
    pub(crate) fn trace_birth(&self) {
        let mut inputs = self.inputs.lock();
        let timing = inputs.running().and_then(|running| running.timing.take());
        self.trace(self.job().moment(), timing, &inputs.args, None);
    }

    /// RUNNING → QUEUED for another attempt after this error. `false` when it was ended meanwhile.
    #[must_use]
    pub(crate) fn begin_again(&self, after: ErrorKind) -> bool {
        let again = self.transition(RUNNING, QUEUED);
        if again {
            let now = self.job().moment();
            let queued = self.could_run(now);
            let before = std::mem::replace(&mut self.inputs.lock().at, queued);
            self.trace(now, before.into_timing(), &[], Some(after));
            self.attempt.fetch_add(1, Ordering::Relaxed);
            self.job().counters.running.sub();
            self.job().counters.retried.add();
            self.tell(now, CallState::Queued, None);
        }
        again
    }

    /// Ends it: completes its outputs, unless it has ended before (`false`).
    pub(crate) fn end(&self, outcome: Result<Vec<Value>, Arc<TaskError>>) -> bool {
        let before = self.state.swap(ENDED, Ordering::SeqCst);
        if before == ENDED {
            return false;
        }
        if let Some(lineage) = self.lineage.get() {
            lineage.end();
        }
        let counters = &self.job().counters;
        if before == RUNNING {
            counters.running.sub();
        }
        let mut inputs = std::mem::take(&mut *self.inputs.lock());
        let begun = inputs.begun;
        let (state, error) = match &outcome {
            Ok(_) => (CallState::Finished, None),
            Err(error) => (CallState::Failed, Some(error.kind)),
        };
        let told =
            matches!(self.kind(), Kind::Constructor(actor) if actor.born.load(Ordering::Relaxed));
        let timing = std::mem::take(&mut inputs.at).into_timing();
        let over = timing.as_ref().and_then(|timing| timing.over);
        let now = over.or_else(|| self.job().moment());
        if !told {
            self.trace(now, timing, &inputs.args, error);
        }
        let via = match &outcome {
            Err(error) => failed_among(&inputs.args, error),
            Ok(_) => None,
        };
        self.let_go(inputs);
        if !told {
            let ended = match error {
                None => &counters.finished,
                Some(_) => &counters.failed,
            };
            ended.add();
            self.tell(now, state, error);
            if let Err(error) = &outcome {
                self.keep_failure(error, begun, via);
            }
        }
        self.complete(outcome);
        self.job().forget(self);
        true
    }

    /// So that who looks sees how it ended, unless its job ends too.
    #[cold]
    fn keep_failure(&self, error: &TaskError, begun: Time, via: Option<TaskId>) {
        let job = self.job();
        if !job.is_closing() {
            let is_own = error.task_id == Some(self.id) && error.kind != ErrorKind::Cancelled;
            if let Some(trace) = job.trace.as_ref().filter(|_| is_own) {
                trace.fail(&job.account, error);
            }
            let (failed, bytes) = FailedCall::new(self, error, begun, via);
            job.failed.push(&job.account, failed, bytes);
        }
    }

    /// It waits for something, as long as what this gives is held.
    pub(crate) fn blocked(&self, on: BlockedOn) -> Blocked<'_> {
        let number = BLOCKED.iter().position(|one| *one == on);
        let number = number.and_then(|n| u8::try_from(n + 1).ok()).unwrap_or(0);
        self.blocked.store(number, Ordering::Relaxed);
        let job = self.job();
        let from = job.trace.as_ref().map(|_| job.nanos());
        Blocked {
            call: self,
            on,
            told: false,
            from,
        }
    }

    /// The same, and what exactly it waits for.
    pub(crate) fn blocked_for(&self, on: BlockedOn, awaits: Awaits) -> Blocked<'_> {
        let mut inputs = self.inputs.lock();
        let before = inputs
            .running()
            .map(|running| running.awaits.replace(awaits));
        drop(inputs);
        drop(before);
        let mut blocked = self.blocked(on);
        blocked.told = true;
        blocked
    }

    /// Where it is in its life.
    pub(crate) fn stage(&self) -> Stage {
        match self.state.load(Ordering::Acquire) {
            WAITING => Stage::Waiting,
            QUEUED => Stage::Queued,
            RUNNING => {
                let on = usize::from(self.blocked.load(Ordering::Relaxed)).checked_sub(1);
                let on = on.and_then(|n| BLOCKED.get(n));
                on.map_or(Stage::Running, |on| Stage::Blocked(*on))
            }
            _ => Stage::Ended,
        }
    }

    /// When it was made, and when its last attempt began.
    pub(crate) fn times(&self) -> (Time, Time) {
        let begun = match self.state.load(Ordering::Acquire) {
            RUNNING => self.inputs.lock().begun,
            _ => NEVER,
        };
        (self.common.made, begun)
    }

    fn let_go(&self, inputs: Inputs) {
        let account = &self.job().account;
        account.release(tenant::Resource::QueuedCalls, inputs.place.into());
        account.release(tenant::Resource::QueuedBytes, inputs.bytes);
    }

    fn complete(&self, outcome: Result<Vec<Value>, Arc<TaskError>>) {
        match (&self.outputs, outcome) {
            (Outputs::Objects(objects), Ok(values)) => {
                for (object, value) in objects.iter().zip(values) {
                    self.job().watch(object, &value, self);
                    object.complete(Ok(value));
                }
            }
            (Outputs::Objects(objects), Err(error)) => {
                for object in objects {
                    object.complete(Err(error.clone()));
                }
            }
            (Outputs::Stream(stream), Ok(_)) => stream.end(None),
            (Outputs::Stream(stream), Err(error)) => {
                stream.end(Some(ObjectRef::ready(self.job().next_object(), Err(error))));
            }
        }
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.load(Ordering::SeqCst) == ENDED
    }

    /// Whether it runs.
    pub(crate) fn is_running(&self) -> bool {
        self.state.load(Ordering::SeqCst) == RUNNING
    }

    /// An error of this call, charged to the job like an object; one that there is no room for is cut.
    pub(crate) fn error(&self, error: TaskError) -> Arc<TaskError> {
        let mut error = error.of(self.name(), self.id, self.attempt());
        match self
            .job()
            .account
            .charge(tenant::Resource::ObjectBytes, error.size())
        {
            Ok(charge) => error.paid = Paid::by(charge),
            Err(_) => error = error.shortened(),
        }
        Arc::new(error)
    }

    /// Ends it with an error of its own.
    pub(crate) fn fail(&self, kind: ErrorKind, message: impl Into<String>) -> bool {
        self.end(Err(self.error(TaskError::new(kind, message))))
    }

    /// Tells the job's listeners of a change at this [moment](JobState::moment).
    pub(crate) fn tell(&self, at: Option<u64>, state: CallState, error: Option<ErrorKind>) {
        if let Some(at) = at {
            let emitter = &self.job().emitter;
            emitter.call(at, (self.id, self.name(), self.attempt()), state, error);
        }
    }

    /// The error of the first of its arguments that failed.
    pub(crate) fn failed_argument(&self) -> Option<Arc<TaskError>> {
        let failed = |arg: &Arg<Resource>| match arg {
            Arg::Object(Resource::Object(object)) => object.outcome()?.as_ref().err().cloned(),
            Arg::Object(_) | Arg::Value(_) => None,
        };
        self.inputs.lock().args.iter().find_map(failed)
    }

    /// The values of its arguments, or the error of the first that failed. All of them must be settled.
    pub(crate) fn arguments(&self) -> Result<Vec<Value>, Arc<TaskError>> {
        let inputs = self.inputs.lock();
        let value = |arg: &Arg<Resource>| match arg {
            Arg::Value(data) => Ok(Value::new(data.bytes.clone(), data.refs.clone(), None)),
            Arg::Object(Resource::Object(object)) => match object.outcome() {
                Some(Ok(value)) => Ok(value.clone()),
                Some(Err(error)) => Err(error.clone()),
                None => Err(self.error(TaskError::new(
                    ErrorKind::System,
                    "an argument is not there (a host bug)",
                ))),
            },
            Arg::Object(_) => Err(self.error(TaskError::new(
                ErrorKind::System,
                "an argument is no object (a host bug)",
            ))),
        };
        inputs.args.iter().map(value).collect()
    }

    /// Whether it waits for its arguments.
    pub(crate) fn is_waiting(&self) -> bool {
        self.state.load(Ordering::Acquire) == WAITING
    }

    /// Whether a method is to run again after its actor died under it and is restarted.
    pub(crate) fn survives_its_actor(&self) -> bool {
        !self.cancel.is_set() && self.attempt() < self.settings().max_retries
    }

    /// Whether an attempt that failed so is followed by another.
    pub(crate) fn wants_retry(&self, error: &TaskError) -> bool {
        // What a program passes on is the program's error, whatever it was elsewhere.
        let (system, program) = match error.is_relayed() {
            true => (false, true),
            false => (error.kind.is_system(), error.kind.is_program()),
        };
        let wanted = system || (self.settings().retry_errors && program);
        let streamed = matches!(self.outputs, Outputs::Stream(_));
        wanted && !streamed && !self.cancel.is_set() && self.attempt() < self.settings().max_retries
    }
}

impl Drop for Call {
    /// It may never have started.
    fn drop(&mut self) {
        let inputs = std::mem::take(self.inputs.get_mut());
        self.let_go(inputs);
    }
}

impl Wake for Call {
    /// Its last argument is there, or one of them failed.
    fn wake(self: Arc<Self>) {
        super::submit::arguments_settled(&self);
    }
}

/// Whether a call is to stop, and why.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    set: AtomicBool,
    reason: Mutex<Option<Box<TaskError>>>,
    waker: AtomicWaker,
}

impl Cancel {
    /// Asks for it; the first reason counts.
    pub(crate) fn request(&self, reason: TaskError) {
        let mut first = self.reason.lock();
        first.get_or_insert_with(|| Box::new(reason));
        self.set.store(true, Ordering::SeqCst);
        drop(first);
        self.waker.wake();
    }

    /// Whether it was asked for. Cheap.
    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::SeqCst)
    }

    /// The reason, if it was asked for.
    pub(crate) fn reason(&self) -> Option<TaskError> {
        if !self.is_set() {
            return None;
        }
        self.reason.lock().as_deref().cloned()
    }

    /// The reason, or to be woken when there is one.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Option<TaskError> {
        self.waker.register(cx.waker());
        if self.set.load(Ordering::SeqCst) {
            self.reason()
        } else {
            None
        }
    }

    /// Forgets it: an actor begins another life.
    pub(crate) fn clear(&self) {
        let mut reason = self.reason.lock();
        self.set.store(false, Ordering::SeqCst);
        *reason = None;
    }
}

/// The call whose error, which was to be an argument, a call ends with.
#[cold]
fn failed_among(args: &[Arg<Resource>], error: &TaskError) -> Option<TaskId> {
    args.iter().find_map(|arg| match arg {
        Arg::Object(Resource::Object(object)) => {
            let failed = object.outcome()?.as_ref().err()?;
            let is_it = failed.task_id.is_some() && failed.task_id == error.task_id;
            is_it.then(|| object.id().maker())?
        }
        Arg::Object(_) | Arg::Value(_) => None,
    })
}

/// The waker that a call's wait for its arguments wakes.
pub(crate) fn arguments_waker(call: &Arc<Call>) -> Waker {
    Waker::from(call.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million calls may wait, so a call should stay small.
    #[test]
    fn a_call_is_small() {
        let (call, arg, object) = (
            size_of::<Call>(),
            size_of::<Arg<Resource>>(),
            size_of::<ObjectRef>(),
        );
        let (common, inputs) = (size_of::<Common>(), size_of::<Inputs>());
        assert!(
            call <= 216 && arg <= 64 && object == 8 && common <= 112 && inputs <= 56,
            "{call} {arg} {object} {common} {inputs}"
        );
    }
}
