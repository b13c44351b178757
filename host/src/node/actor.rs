//! Living actors: their cells, handles, and the fiber that runs their methods.
//!
//! An [`ActorCell`] is the actor as the host sees it; its number is that of its constructor's call, which lives in the
//! job's registry as long as the actor. An [`ActorHandle`] is counted: when the last one is dropped the mailbox drains.
//! The rules of order, turns and states are in `actor/README.md`.

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    task::Poll,
};

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use wrun_abi::StopMode;

use super::{
    call::{Call, Kind},
    idle::Idle,
    run,
    services::CallServices,
    snapshot::DeadActor,
    state::{JobState, NodeState},
};
use crate::{
    actor::{Mailbox, Next},
    job::Counter,
    sandbox::{CallEnd, Sandbox},
    scheduler::Turn,
    store::Resource,
    tenant::Charge,
    types::{ActorId, CallOptions, CallState, ErrorKind, FOREVER, JobId, TaskError, TaskId},
};

/// An actor as the host sees it.
pub(crate) struct ActorCell {
    pub(crate) id: ActorId,
    pub(crate) class: Arc<str>,
    /// The job that it lives in.
    job: Weak<JobState>,
    /// The name that it is registered under.
    pub(crate) name: Option<String>,
    pub(crate) detached: bool,
    pub(crate) mailbox: Mailbox<Arc<Call>>,
    pub(crate) idle: Idle,
    max_pending: Option<u32>,
    /// Lives left after this one.
    restarts: AtomicU32,
    /// It was killed for good, and no life follows even if one was just about to begin.
    killed: AtomicBool,
    /// Between two lives: it has died, and will be found again under its name.
    restarting: AtomicBool,
    /// Whether this is not its first life.
    pub(crate) restarted: AtomicBool,
    /// Whether its constructor has returned, in any life: its call has finished then, though it lives on.
    pub(crate) born: AtomicBool,
    /// Whether its constructor has returned in this life.
    pub(crate) up: AtomicBool,
    pub(crate) hibernates: AtomicBool,
    running: Running,
    /// Bytes of its sandbox's memory when it last began to wait for a call; 0 before that.
    pub(crate) memory: AtomicU64,
    /// Why it is dead.
    death: Mutex<Option<TaskError>>,
    charge: Mutex<Option<Charge>>,
    handle: Mutex<Weak<ActorHandle>>,
    /// Methods that it died under and that want to run again.
    interrupted: Mutex<Vec<Arc<Call>>>,
}

impl fmt::Debug for ActorCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.class, self.id)
    }
}

/// The method that an actor runs, or is to run next, for who looks from outside: its job and its number there. They are two
/// words, so who reads them makes sure that there is such a call.
#[derive(Debug, Default)]
struct Running {
    job: AtomicU64,
    number: AtomicU64,
}

impl Running {
    fn set(&self, method: TaskId) {
        self.job.store(method.job().bits(), Ordering::Relaxed);
        self.number.store(method.number(), Ordering::Relaxed);
    }

    fn clear(&self) {
        self.number.store(0, Ordering::Relaxed);
    }

    fn get(&self) -> Option<TaskId> {
        let job = JobId::from_bits(self.job.load(Ordering::Relaxed));
        let number = self.number.load(Ordering::Relaxed);
        (number > 0).then(|| TaskId::new(job, number))
    }
}

/// So much of what an actor died of is told to each call that waited for it.
const MAX_DEATH: usize = 1_000;

/// How many waiting calls an actor may have.
pub(crate) struct MailboxLimit;

impl MailboxLimit {
    pub(crate) fn of(actor: &ActorCell) -> usize {
        actor
            .max_pending
            .map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
    }
}

impl ActorCell {
    pub(crate) fn new(
        id: TaskId,
        class: Arc<str>,
        job: &Arc<JobState>,
        options: &CallOptions,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: ActorId::new(id.job(), id.number()),
            class,
            job: Arc::downgrade(job),
            name: options.name.clone(),
            detached: options.detached == Some(true),
            mailbox: Mailbox::default(),
            idle: Idle::default(),
            max_pending: options.max_pending_calls,
            restarts: AtomicU32::new(options.max_restarts.unwrap_or(0)),
            killed: AtomicBool::new(false),
            restarting: AtomicBool::new(false),
            restarted: AtomicBool::new(false),
            born: AtomicBool::new(false),
            up: AtomicBool::new(false),
            hibernates: AtomicBool::new(false),
            running: Running::default(),
            memory: AtomicU64::new(0),
            death: Mutex::default(),
            charge: Mutex::default(),
            handle: Mutex::default(),
            interrupted: Mutex::default(),
        })
    }

    /// Its handle, while anyone holds one.
    pub(crate) fn self_handle(&self) -> Option<Arc<ActorHandle>> {
        self.handle.lock().upgrade()
    }

    /// Whether it takes calls, or will again.
    pub(crate) fn is_alive(&self) -> bool {
        self.restarting.load(Ordering::SeqCst) || self.death.lock().is_none()
    }

    /// The method that it runs, or is to run as soon as it has its slots.
    pub(crate) fn runs(self: &Arc<Self>, node: &NodeState) -> Option<Arc<Call>> {
        let method = self.running.get()?;
        let call = node.job(method.job())?.registry.get(method.number())?;
        let is_its = matches!(call.kind(), Kind::Method(actor, _) if Arc::ptr_eq(actor, self));
        is_its.then_some(call)
    }

    /// Why it is dead, or about to be.
    pub(crate) fn cause(&self) -> Option<TaskError> {
        self.death.lock().clone()
    }

    /// Holds its place in the account of actors until it is dead.
    pub(crate) fn hold(&self, charge: Charge) {
        *self.charge.lock() = Some(charge);
    }

    /// The error of a call that it can't run any more.
    pub(crate) fn death(&self, call: &Call) -> Arc<TaskError> {
        // Cut, since many calls may have to be told.
        let cut = |error: &TaskError| error.to_string().chars().take(MAX_DEATH).collect();
        let why: String = self
            .death
            .lock()
            .as_ref()
            .map_or_else(|| "it has ended".to_owned(), cut);
        let message = format!(
            "the actor `{}#{}` is dead: {why}",
            self.class,
            self.id.number()
        );
        call.error(TaskError::new(ErrorKind::ActorDied, message))
    }

    /// Takes one of the lives it has left.
    fn another_life(&self) -> bool {
        let taken = self
            .restarts
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| match n {
                0 => None,
                FOREVER => Some(FOREVER),
                n => Some(n - 1),
            });
        taken.is_ok()
    }

    /// Fails what waits for it.
    fn fail_pending(&self) {
        let none = self.take_pending(false);
        debug_assert!(none.is_empty(), "all have failed");
    }

    /// Closes the mailbox and fails what waits in it, but gives those that want to be run by its next life, if there is
    /// one: first those that it died under.
    fn take_pending(&self, keep: bool) -> Vec<Arc<Call>> {
        let (mut kept, mut lost) = (std::mem::take(&mut *self.interrupted.lock()), Vec::new());
        for call in self.mailbox.close() {
            if call.survives_its_actor() {
                kept.push(call)
            } else {
                lost.push(call)
            }
        }
        if !keep {
            lost.append(&mut kept);
        }
        for call in lost {
            call.end(Err(self.death(&call)));
        }
        kept
    }

    /// Puts a call of an earlier life into the mailbox.
    fn take_again(&self, call: Arc<Call>) {
        let Kind::Method(_, caller) = call.kind() else {
            return;
        };
        let (number, ready) = (call.order, !call.is_waiting());
        let taken = self
            .mailbox
            .push(*caller, number, call.clone(), ready, usize::MAX);
        if taken.is_err() {
            call.end(Err(self.death(&call)));
        }
    }
}

/// A counted handle of an actor.
#[derive(Debug)]
pub(crate) struct ActorHandle(Arc<ActorCell>);

impl ActorHandle {
    pub(crate) fn new(cell: Arc<ActorCell>) -> Arc<Self> {
        let handle = Arc::new(Self(cell));
        *handle.0.handle.lock() = Arc::downgrade(&handle);
        handle
    }

    /// The actor.
    pub(crate) fn cell(&self) -> &Arc<ActorCell> {
        &self.0
    }

    /// The actor handle that a resource is.
    pub(crate) fn of(resource: &Resource) -> Result<Arc<Self>, TaskError> {
        let Resource::Actor(held) = resource else {
            return Err(TaskError::new(
                ErrorKind::BadHandle,
                "this handle is no actor's",
            ));
        };
        held.clone()
            .downcast()
            .map_err(|_| TaskError::new(ErrorKind::System, "an actor of another host (a host bug)"))
    }
}

impl Drop for ActorHandle {
    fn drop(&mut self) {
        self.0.mailbox.drain();
    }
}

/// Stops an actor as a guest or client asks for it.
pub(crate) fn stop(actor: &Arc<ActorCell>, mode: StopMode) {
    let creation = actor
        .job
        .upgrade()
        .and_then(|job| job.registry.get(actor.id.number()));
    match (mode, creation) {
        (StopMode::Terminate, _) => actor.mailbox.drain(),
        (StopMode::Kill, Some(call)) => {
            kill(
                actor,
                &call,
                TaskError::new(ErrorKind::ActorDied, "it was killed"),
            );
        }
        (StopMode::KillAndRestart, Some(call)) => {
            call.cancel
                .request(TaskError::new(ErrorKind::ActorDied, "it was killed"));
        }
        // It has ended already.
        (_, None) => {}
    }
}

/// Kills an actor for good: pending calls fail now, its sandbox goes at its next suspension.
pub(crate) fn kill(actor: &Arc<ActorCell>, creation: &Arc<Call>, error: TaskError) {
    actor.killed.store(true, Ordering::SeqCst);
    actor.restarts.store(0, Ordering::SeqCst);
    actor.death.lock().get_or_insert_with(|| error.clone());
    actor.fail_pending();
    creation.cancel.request(error.clone());
    if !creation.is_running() {
        buried(actor, creation, Err(creation.error(error)));
    }
}

/// Why a life ended.
enum LifeEnd {
    /// The mailbox was drained or closed.
    Drained,
    /// The constructor failed.
    NotBorn(TaskError),
    /// The constructor gave back an error that it got from another call: its own decision.
    Refused(TaskError),
    /// A method's trap, exit or timeout, or a kill.
    Died(TaskError),
}

/// Runs one life of an actor, from its constructor on; called with its constructor's slots held.
pub(crate) async fn live(call: &Arc<Call>, actor: &Arc<ActorCell>, turn: Turn) {
    call.job().counters.actors.add();
    let end = {
        let life = pin!(life(call, actor, turn));
        run::interruptible(call, None, life).await
    };
    ended(call, actor, end.unwrap_or_else(LifeEnd::Died));
}

/// The host failed in the middle of a life.
pub(crate) fn crashed(call: &Arc<Call>, actor: &Arc<ActorCell>, error: TaskError) {
    let end = if actor.born.load(Ordering::Relaxed) {
        LifeEnd::Died(error)
    } else {
        LifeEnd::NotBorn(error)
    };
    ended(call, actor, end);
}

/// What follows a life: another one, or the end.
fn ended(call: &Arc<Call>, actor: &Arc<ActorCell>, end: LifeEnd) {
    call.job().counters.actors.sub();
    actor.up.store(false, Ordering::Relaxed);
    let again = |call: &Arc<Call>| !call.job().is_closing() && actor.another_life();
    let error = match end {
        LifeEnd::Drained => return buried(actor, call, Ok(())),
        // The host's own failure, or a crash: who waits for the actor waits for the next attempt.
        LifeEnd::NotBorn(error) if crashed_in_constructor(&error) => {
            return match again(call) && call.begin_again(error.kind) {
                true => super::submit::enqueue(call),
                false => buried_with(actor, call, error),
            };
        }
        LifeEnd::NotBorn(error) | LifeEnd::Refused(error) => {
            return buried_with(actor, call, error);
        }
        LifeEnd::Died(error) => error,
    };
    // Who was told to end, or whom nobody can call any more, needs no other life.
    let again = !actor.mailbox.is_drained() && again(call) && call.begin_again(error.kind);
    actor.restarting.store(again, Ordering::SeqCst);
    actor.death.lock().get_or_insert_with(|| error.clone());
    let kept = actor.take_pending(again);
    if again {
        call.cancel.clear();
        actor.restarted.store(true, Ordering::Relaxed);
        *actor.death.lock() = None;
        actor.restarting.store(false, Ordering::SeqCst);
        actor.mailbox.reopen();
        for method in kept {
            actor.take_again(method);
        }
        if actor.killed.load(Ordering::SeqCst) {
            // Who killed it just before saw it run, and left the rest to this.
            return kill(actor, call, error);
        }
        super::submit::enqueue(call);
    } else {
        buried(actor, call, Err(call.error(error)));
    }
}

/// Whether a constructor that failed so is run again: after what it did not decide itself.
fn crashed_in_constructor(error: &TaskError) -> bool {
    error.kind.is_system() || (error.kind.is_program() && error.kind != ErrorKind::Application)
}

/// The actor is dead for good, of this.
fn buried_with(actor: &Arc<ActorCell>, creation: &Arc<Call>, error: TaskError) {
    actor.death.lock().get_or_insert_with(|| error.clone());
    buried(actor, creation, Err(creation.error(error)));
}

/// The actor is dead for good.
fn buried(actor: &Arc<ActorCell>, creation: &Arc<Call>, outcome: Result<(), Arc<TaskError>>) {
    forget(actor, creation, "it has ended");
    creation.end(outcome.map(|()| Vec::new()));
}

/// A call that was made and will never start. If it would have made an actor, that one was never alive: its name is
/// free, and who found it under its name is told.
pub(crate) fn never_started(call: &Arc<Call>) {
    if let Kind::Constructor(actor) = call.kind() {
        forget(actor, call, "it was never started");
    }
}

fn forget(actor: &Arc<ActorCell>, creation: &Arc<Call>, why: &str) {
    actor
        .death
        .lock()
        .get_or_insert_with(|| TaskError::new(ErrorKind::ActorDied, why));
    actor.fail_pending();
    let charge = actor.charge.lock().take();
    drop(charge);
    let job = creation.job();
    if job.actors.lock().remove(&actor.id.number()).is_some() {
        keep_death(job, actor, creation);
    }
    job.forget_actor(actor);
}

/// So that who looks sees what it died of, unless the job that made it ends too.
fn keep_death(job: &Arc<JobState>, actor: &ActorCell, creation: &Call) {
    let other = (job.origin != job.id).then(|| job.node.job(job.origin));
    let maker = other.as_ref().map_or(Some(job), Option::as_ref);
    if let Some(maker) = maker.filter(|maker| !maker.is_closing()) {
        let (dead, bytes) = DeadActor::new(job, actor, creation);
        maker.dead.push(&maker.account, dead, bytes);
    }
}

async fn life(call: &Arc<Call>, actor: &Arc<ActorCell>, mut turn: Turn) -> LifeEnd {
    let placed = call.placed(&mut turn);
    let mut sandbox = match run::sandbox(call, turn).await {
        Ok(sandbox) => sandbox,
        Err(error) => return LifeEnd::NotBorn(error),
    };
    let args = match call.arguments() {
        Ok(args) => args,
        Err(error) => return LifeEnd::NotBorn((*error).clone()),
    };
    let born = sandbox.call(call.function(), run::frame(call, args)).await;
    if let Err(error) = born.outcome {
        let passed_on = error.is_relayed();
        let message = format!("its constructor failed: {}", error.message);
        let error = TaskError { message, ..error }.of(call.name(), call.id, call.attempt());
        return if passed_on {
            LifeEnd::Refused(error)
        } else {
            LifeEnd::NotBorn(error)
        };
    }
    actor.up.store(true, Ordering::Relaxed);
    if !actor.born.swap(true, Ordering::Relaxed) {
        call.job().counters.finished.add();
        call.has_memory(|| sandbox.memory_bytes());
        call.spent(placed);
        call.trace_birth();
        call.tell(call.job().moment(), CallState::Finished, None);
    }
    loop {
        match next(call, actor, &mut sandbox).await {
            Next::End => return LifeEnd::Drained,
            Next::Call(method) => {
                // Who killed it and then calls it is not served by this life any more.
                if let Some(reason) = call.cancel.reason() {
                    if !keep_for_restart(&method) {
                        method.end(Err(method.error(reason.clone())));
                    }
                    return LifeEnd::Died(reason);
                }
                actor.running.set(method.id);
                let died_of = run_method(&method, &mut sandbox, call.settings().slots).await;
                actor.running.clear();
                if let Some(error) = died_of {
                    return LifeEnd::Died(error);
                }
            }
        }
    }
}

/// The next call; the actor's slots are given back while there is none, and after a while its instance.
async fn next(
    call: &Arc<Call>,
    actor: &Arc<ActorCell>,
    sandbox: &mut Sandbox<CallServices>,
) -> Next<Arc<Call>> {
    let poll = || std::future::poll_fn(|cx| actor.mailbox.poll_next(cx));
    if let Some(next) = poll().now_or_never() {
        return next;
    }
    let node = &call.job().node;
    actor
        .memory
        .store(sandbox.memory_bytes(), Ordering::Relaxed);
    if actor.idle.begin() {
        node.living.idle.add(actor, node);
    }
    let next_or_asked = std::future::poll_fn(|cx| match actor.mailbox.poll_next(cx) {
        Poll::Pending if actor.idle.is_asked() => Poll::Ready(None),
        next => next.map(Some),
    });
    let next = sandbox.services_mut().turn().idle(next_or_asked).await;
    let next = match next {
        Some(next) => next,
        None => {
            let hibernates = sandbox.hibernate();
            let _one = hibernates.then(|| Hibernating::count(call, actor));
            sandbox.services_mut().turn().idle(poll()).await
        }
    };
    actor.idle.end();
    next
}

/// Counts an actor among its job's hibernating ones while it exists.
struct Hibernating<'a>(&'a Counter, &'a ActorCell);

impl<'a> Hibernating<'a> {
    fn count(call: &'a Call, actor: &'a ActorCell) -> Self {
        let counter = &call.job().counters.hibernating;
        counter.add();
        actor.hibernates.store(true, Ordering::Relaxed);
        Self(counter, actor)
    }
}

impl Drop for Hibernating<'_> {
    fn drop(&mut self) {
        self.1.hibernates.store(false, Ordering::Relaxed);
        self.0.sub();
    }
}

/// Runs one method, with the actor's slots held; gives the error that the actor died of, if it did.
async fn run_method(
    method: &Arc<Call>,
    sandbox: &mut Sandbox<CallServices>,
    slots: u32,
) -> Option<TaskError> {
    // From here on: it has left the mailbox, so nobody else would end it.
    let mut unfinished = Unfinished(Some(method));
    sandbox.services_mut().turn().acquire(slots).await;
    let died_of = loop {
        if !method.begin() {
            break None;
        }
        match attempt_method(method, sandbox).await {
            // Its actor is well, and the call wants another try, before any later call.
            Attempt::Failed(error)
                if method.wants_retry(&error) && method.begin_again(error.kind) => {}
            Attempt::Failed(error) => {
                method.end(Err(method.error(error)));
                break None;
            }
            Attempt::Died(error) => break Some(error),
            Attempt::Ended => break None,
        }
    };
    unfinished.0 = None;
    died_of
}

/// How one attempt of a method went.
enum Attempt {
    /// The call has its results, or an error that no attempt can mend.
    Ended,
    /// It failed, and the actor lives.
    Failed(TaskError),
    /// The actor died of it.
    Died(TaskError),
}

async fn attempt_method(method: &Arc<Call>, sandbox: &mut Sandbox<CallServices>) -> Attempt {
    let args = match method.arguments() {
        Ok(args) => args,
        Err(error) => {
            method.end(Err(error));
            return Attempt::Ended;
        }
    };
    sandbox.services_mut().begin(method.clone());
    let frame = run::frame(method, args);
    let placed = method.placed(sandbox.services_mut().turn());
    let end = {
        let call = pin!(sandbox.call(method.function(), frame));
        run::interruptible(method, method.settings().timeout, call).await
    };
    method.has_memory(|| sandbox.memory_bytes());
    method.spent(placed);
    let (outcome, dead) = match end {
        Ok(CallEnd { outcome, dead, .. }) => (outcome, dead),
        Err(interrupted) => (Err(interrupted), true),
    };
    match outcome {
        Err(error) if dead => {
            if !keep_for_restart(method) {
                method.end(Err(method.error(error.clone())));
            }
            Attempt::Died(error)
        }
        Err(error) => Attempt::Failed(error),
        Ok(values) => {
            method.end(Ok(values));
            match dead {
                true => Attempt::Died(TaskError::new(ErrorKind::ActorDied, "it exited")),
                false => Attempt::Ended,
            }
        }
    }
}

/// Keeps a method that its actor died under for the actor's next life, if there is to be one and the call wants it.
fn keep_for_restart(method: &Arc<Call>) -> bool {
    let Kind::Method(actor, _) = method.kind() else {
        return false;
    };
    let lives = actor.restarts.load(Ordering::SeqCst) > 0 && !actor.mailbox.is_drained();
    // One that had not begun yet has lost no attempt.
    let kept = lives
        && method.survives_its_actor()
        && (!method.is_running() || method.begin_again(ErrorKind::ActorDied));
    if kept {
        actor.interrupted.lock().push(method.clone());
    }
    kept
}

/// Ends a method that left the mailbox when its actor's fiber is dropped in the middle of it, or before (the actor was
/// killed), or keeps it for the actor's next life.
struct Unfinished<'a>(Option<&'a Arc<Call>>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let Some(method) = self.0.take() else { return };
        if let Kind::Method(actor, _) = method.kind()
            && !method.has_ended()
            && !keep_for_restart(method)
        {
            method.end(Err(actor.death(method)));
        }
    }
}
