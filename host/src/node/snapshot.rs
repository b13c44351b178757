//! What lives in a node, for who looks from outside, a page at a time.
//!
//! A [`Query`] asks for a [`Page`] in the order of ids: by job, then by number, so pages miss nothing that lives on while
//! they are read. Nothing stops meanwhile, and no lock is held for more than some thousand entries.
//!
//! What is not here: calls that finished, which leave nothing but their job's numbers; small values that only handles name.
//! Of what failed or died each job keeps the last 1,000 ([`Kept`](crate::job::Kept)), until it ends; of large objects it keeps
//! weak references ([`LargeObjects`]). Calls that succeed with small values pay for none of it.

mod objects;
mod why;

use std::sync::{Arc, atomic::Ordering};

use smallvec::SmallVec;

use super::{
    actor::ActorCell,
    call::{Call, Kind, Outputs, Stage},
    state::{JobState, NodeState},
    tenant::TenantState,
    times::{Moment, NEVER, Time},
};
use crate::{
    store::{ObjectRef, WeakObject},
    types::{
        ActorId, ActorState, ActorView, ErrorKind, ErrorView, JobId, TaskError, TaskId, TaskKind,
        TaskState, TaskTotals, TaskView,
    },
};

pub(crate) use objects::LargeObjects;
pub(super) use objects::objects;
pub(super) use why::why;

/// So many entries are looked at for one page. One that found little until then goes on with the next page.
const LOOKS: usize = 100_000;
/// So many are copied at once under a lock.
const COPIES: usize = 1_024;

/// A place in the order of ids.
pub type Place = (JobId, u64);

/// What to look for.
#[derive(Debug, Clone)]
pub struct Query<S> {
    /// In this job only.
    pub job: Option<JobId>,
    /// In these states only; in any when there are none.
    pub states: Vec<S>,
    /// With this name only: a task's, an actor's or its class's, that of the task which made an object.
    pub name: Option<String>,
    /// Behind this place.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: usize,
}

impl<S> Default for Query<S> {
    fn default() -> Self {
        Self {
            job: None,
            states: Vec::new(),
            name: None,
            after: None,
            limit: 100,
        }
    }
}

impl<S: PartialEq> Query<S> {
    fn wants(&self, state: &S) -> bool {
        self.states.is_empty() || self.states.contains(state)
    }

    fn is_named(&self, names: &[Option<&str>]) -> bool {
        self.name.is_none() || names.contains(&self.name.as_deref())
    }

    /// The jobs to look at, in order, each with the number that it begins behind.
    fn jobs(
        &self,
        node: &NodeState,
        tenant: Option<&Arc<TenantState>>,
    ) -> Vec<(Arc<JobState>, u64)> {
        let mut jobs = jobs(node, tenant, self.job);
        jobs.sort_unstable_by_key(|job| job.id);
        let begin = |job: Arc<JobState>| match self.after {
            Some((last, _)) if job.id < last => None,
            Some((last, number)) if job.id == last => Some((job, number)),
            _ => Some((job, 0)),
        };
        jobs.into_iter().filter_map(begin).collect()
    }
}

fn jobs(
    node: &NodeState,
    tenant: Option<&Arc<TenantState>>,
    job: Option<JobId>,
) -> Vec<Arc<JobState>> {
    let mut jobs = node.jobs();
    jobs.retain(|one| {
        tenant.is_none_or(|tenant| Arc::ptr_eq(tenant, &one.tenant))
            && job.is_none_or(|job| one.origin == job)
    });
    jobs
}

/// Some of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<V> {
    /// What was found, in the order of ids.
    pub items: Vec<V>,
    /// Behind which place to go on; nothing at the end.
    pub next: Option<Place>,
    /// Not all was looked at, and what is missing stands on no other page.
    pub partial: bool,
}

/// A page that is being filled.
struct Filling<V> {
    page: Page<V>,
    /// Where the last of its items is.
    last: Option<Place>,
    limit: usize,
    looks: usize,
}

impl<V> Filling<V> {
    fn new(limit: usize) -> Self {
        Self {
            page: Page {
                items: Vec::new(),
                next: None,
                partial: false,
            },
            last: None,
            limit,
            looks: LOOKS,
        }
    }

    /// How many still fit, and one more, which tells that there are more.
    fn wanted(&self) -> usize {
        (self.limit - self.page.items.len()).saturating_add(1)
    }

    /// Counts a look; `false` when there were enough.
    fn look(&mut self) -> bool {
        self.looks = self.looks.saturating_sub(1);
        self.looks > 0
    }

    /// Adds what was found in a job, by number, of which nothing is missing up to `stopped`; `true` when the page is done.
    fn add(&mut self, job: JobId, mut found: Vec<(u64, V)>, stopped: Option<u64>) -> bool {
        found.retain(|(number, _)| stopped.is_none_or(|last| *number <= last));
        found.sort_by_key(|(number, _)| *number);
        let fits = self.limit - self.page.items.len();
        let is_over = found.len() > fits;
        found.truncate(fits);
        if let Some((number, _)) = found.last() {
            self.last = Some((job, *number));
        }
        if is_over {
            self.page.next = self.last;
        } else if let Some(last) = stopped {
            self.page.next = Some((job, last));
        }
        self.page
            .items
            .extend(found.into_iter().map(|(_, view)| view));
        self.page.next.is_some()
    }
}

/// The calls that live, and some that failed.
pub(super) fn tasks(
    node: &NodeState,
    tenant: Option<&Arc<TenantState>>,
    query: &Query<TaskState>,
) -> Page<TaskView> {
    let now = Moment::of(&node.times);
    let mut filling = Filling::new(query.limit);
    for (job, after) in query.jobs(node, tenant) {
        let (wanted, mut found, mut stopped) = (filling.wanted(), Vec::new(), None);
        for call in job.registry.walk(after) {
            if let Some(view) = live_task(&job, &call, query, now) {
                found.push((call.number(), view));
            }
            if !filling.look() || found.len() >= wanted {
                stopped = Some(call.number());
                break;
            }
        }
        found.extend(job.failed.pick(|failed| {
            let wanted = failed.id.number() > after
                && query.wants(&failed.state())
                && query.is_named(&[Some(&failed.name)]);
            wanted.then(|| (failed.id.number(), failed.view(&job, now)))
        }));
        // One that failed during the walk was found twice.
        found.sort_by_key(|(number, view)| (*number, view.error.is_some()));
        found.dedup_by_key(|(number, _)| *number);
        if filling.add(job.id, found, stopped) {
            break;
        }
    }
    filling.page
}

fn live_task(
    job: &JobState,
    call: &Call,
    query: &Query<TaskState>,
    now: Moment,
) -> Option<TaskView> {
    let (kind, actor) = kind_of(call);
    // An actor's constructor, once it has returned, is seen as the actor.
    if matches!(call.kind(), Kind::Constructor(cell) if cell.born.load(Ordering::Relaxed)) {
        return None;
    }
    let (state, blocked_on) = match call.stage() {
        Stage::Waiting => (TaskState::Waiting, None),
        Stage::Queued => (TaskState::Queued, None),
        Stage::Running => (TaskState::Running, None),
        Stage::Blocked(on) => (TaskState::Blocked, Some(on)),
        Stage::Ended => return None,
    };
    if !query.wants(&state) || !query.is_named(&[Some(call.name())]) {
        return None;
    }
    let (made, begun) = call.times();
    Some(TaskView {
        id: call.id,
        job: job.origin,
        tenant: job.tenant.name.to_string(),
        number: call.number(),
        name: call.name().to_string(),
        kind,
        actor,
        state,
        blocked_on,
        attempt: call.attempt(),
        parent: parent_of(call),
        after: call.after(),
        created_at: now.unix(made).unwrap_or_default(),
        started_at: now.unix(begun),
        ended_at: None,
        queued_ms: now.between(made, begun),
        run_ms: (begun != NEVER).then(|| now.between(begun, NEVER)),
        error: None,
    })
}

pub(super) fn kind_of(call: &Call) -> (TaskKind, Option<ActorId>) {
    match call.kind() {
        Kind::Main => (TaskKind::Main, None),
        Kind::Task => (TaskKind::Task, None),
        Kind::Request => (TaskKind::Request, None),
        Kind::Constructor(actor) => (TaskKind::ActorConstructor, Some(actor.id)),
        Kind::Method(actor, _) => (TaskKind::ActorMethod, Some(actor.id)),
    }
}

fn parent_of(call: &Call) -> Option<TaskId> {
    let parent = call.parent()?;
    Some(TaskId::new(call.id.job(), parent.number()))
}

/// A call that ended with an error.
#[derive(Debug)]
pub(crate) struct FailedCall {
    id: TaskId,
    name: Arc<str>,
    kind: TaskKind,
    actor: Option<ActorId>,
    parent: Option<TaskId>,
    attempt: u32,
    made: Time,
    begun: Time,
    ended: Time,
    error: TaskError,
    /// The call whose result was to be an argument, if the error came that way.
    via: Option<TaskId>,
    /// What has the error in its place.
    objects: SmallVec<[WeakObject; 1]>,
}

impl FailedCall {
    /// Of a call that ends with `error`, with the bytes that it takes beside its own size.
    pub(super) fn new(
        call: &Call,
        error: &TaskError,
        begun: Time,
        via: Option<TaskId>,
    ) -> (Self, usize) {
        let (kind, actor) = kind_of(call);
        let objects: SmallVec<_> = match &call.outputs {
            Outputs::Objects(objects) => objects.iter().map(ObjectRef::downgrade).collect(),
            Outputs::Stream(_) => SmallVec::new(),
        };
        let error = error.kept();
        let name = call.name().clone();
        // A function's name is shared, one of a call's own may be not.
        let bytes = texts(&error) + name.len() + objects.len() * ObjectRef::BYTES;
        let failed = Self {
            id: call.id,
            name,
            kind,
            actor,
            parent: parent_of(call),
            attempt: call.attempt(),
            made: call.common().made,
            begun,
            ended: call.job().node.times.now(),
            error,
            via,
            objects,
        };
        (failed, bytes)
    }

    fn state(&self) -> TaskState {
        match self.error.kind {
            ErrorKind::Cancelled => TaskState::Cancelled,
            _ => TaskState::Failed,
        }
    }

    fn view(&self, job: &JobState, now: Moment) -> TaskView {
        let ran = self.begun != NEVER;
        let stopped_waiting = if ran { self.begun } else { self.ended };
        TaskView {
            id: self.id,
            job: job.origin,
            tenant: job.tenant.name.to_string(),
            number: self.id.number(),
            name: self.name.to_string(),
            kind: self.kind,
            actor: self.actor,
            state: self.state(),
            blocked_on: None,
            attempt: self.attempt,
            parent: self.parent,
            after: Vec::new(),
            created_at: now.unix(self.made).unwrap_or_default(),
            started_at: now.unix(self.begun),
            ended_at: now.unix(self.ended),
            queued_ms: now.between(self.made, stopped_waiting),
            run_ms: ran.then(|| now.between(self.begun, self.ended)),
            error: Some(ErrorView::new(&self.error)),
        }
    }
}

/// Bytes of an error's texts.
fn texts(error: &TaskError) -> usize {
    let frames = error.backtrace.iter();
    let frames: usize = frames.map(|frame| size_of::<String>() + frame.len()).sum();
    error.message.len() + error.task.as_ref().map_or(0, |name| name.len()) + frames
}

/// The actors that live, and some that died.
pub(super) fn actors(
    node: &NodeState,
    tenant: Option<&Arc<TenantState>>,
    query: &Query<ActorState>,
) -> Page<ActorView> {
    let now = Moment::of(&node.times);
    let mut filling = Filling::new(query.limit);
    for (job, after) in query.jobs(node, tenant) {
        let (wanted, mut found, mut stopped) = (filling.wanted(), Vec::new(), None);
        for cell in living_actors(&job, after) {
            if let Some(view) = live_actor(&job, &cell, query, now) {
                found.push((cell.id.number(), view));
            }
            if !filling.look() || found.len() >= wanted {
                stopped = Some(cell.id.number());
                break;
            }
        }
        found.extend(job.dead.pick(|dead| {
            let number = dead.number(job.id);
            let wanted = number > after
                && query.wants(&ActorState::Dead)
                && query.is_named(&[dead.view.name.as_deref(), Some(&dead.view.class)]);
            wanted.then(|| (number, dead.view(now)))
        }));
        if filling.add(job.id, found, stopped) {
            break;
        }
    }
    filling.page
}

/// A job's actors with numbers above `after`, copied a part at a time.
fn living_actors(job: &JobState, mut after: u64) -> impl Iterator<Item = Arc<ActorCell>> + '_ {
    let parts = std::iter::from_fn(move || {
        let from = after.checked_add(1)?;
        let actors = job.actors.lock();
        let part: Vec<_> = actors.range(from..).take(COPIES).collect();
        after = *part.last()?.0;
        Some(
            part.into_iter()
                .map(|(_, cell)| cell.clone())
                .collect::<Vec<_>>(),
        )
    });
    parts.flatten()
}

fn live_actor(
    job: &JobState,
    cell: &ActorCell,
    query: &Query<ActorState>,
    now: Moment,
) -> Option<ActorView> {
    if !query.is_named(&[cell.name.as_deref(), Some(&cell.class)]) {
        return None;
    }
    // None any more: it is being buried.
    let creation = job.registry.get(cell.id.number())?;
    let cause = cell.cause();
    let up = cell.up.load(Ordering::Relaxed);
    let state = match (&cause, up) {
        (Some(_), _) if !cell.is_alive() => ActorState::Dead,
        (_, true) if cell.hibernates.load(Ordering::Relaxed) => ActorState::Hibernating,
        (_, true) => ActorState::Alive,
        (_, false) if creation.attempt() > 0 => ActorState::Restarting,
        (_, false) => ActorState::Pending,
    };
    let memory = cell.memory.load(Ordering::Relaxed);
    query.wants(&state).then(|| ActorView {
        state,
        memory_bytes: (up && memory > 0).then_some(memory),
        created_at: now.unix(creation.common().made).unwrap_or_default(),
        error: cause.as_ref().map(ErrorView::new),
        ..actor_view(job, cell, &creation)
    })
}

/// What does not depend on where it is in its life.
fn actor_view(job: &JobState, cell: &ActorCell, creation: &Call) -> ActorView {
    ActorView {
        id: cell.id,
        job: job.origin,
        tenant: job.tenant.name.to_string(),
        class: cell.class.to_string(),
        name: cell.name.clone(),
        detached: cell.detached,
        state: ActorState::Dead,
        restarts: creation.attempt(),
        queued_calls: cell.mailbox.len() as u64,
        memory_bytes: None,
        created_at: 0,
        ended_at: None,
        error: None,
    }
}

/// An actor that is dead for good.
#[derive(Debug)]
pub(crate) struct DeadActor {
    view: ActorView,
    made: Time,
    ended: Time,
}

impl DeadActor {
    /// Of an actor that dies, with the bytes that it takes beside its own size.
    pub(super) fn new(job: &JobState, cell: &ActorCell, creation: &Call) -> (Self, usize) {
        let view = ActorView {
            error: cell.cause().as_ref().map(ErrorView::new),
            ..actor_view(job, cell, creation)
        };
        let texts = [view.name.as_ref(), view.error.as_ref().map(|e| &e.message)];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let bytes = texts + view.class.len() + view.tenant.len();
        let dead = Self {
            view,
            made: creation.common().made,
            ended: job.node.times.now(),
        };
        (dead, bytes)
    }

    /// Where it stands among the actors of `job`: behind them, if it had a job of its own, as detached ones have.
    fn number(&self, job: JobId) -> u64 {
        let id = self.view.id;
        if id.job() == job {
            return id.number();
        }
        (1 << 63) | id.job().bits().wrapping_add(id.number() << 40)
    }

    fn view(&self, now: Moment) -> ActorView {
        ActorView {
            created_at: now.unix(self.made).unwrap_or_default(),
            ended_at: now.unix(self.ended),
            ..self.view.clone()
        }
    }
}

/// The numbers of the calls of all jobs, or of one.
pub(super) fn totals(
    node: &NodeState,
    tenant: Option<&Arc<TenantState>>,
    job: Option<JobId>,
) -> TaskTotals {
    let mut totals = TaskTotals::default();
    for job in jobs(node, tenant, job) {
        let stats = job.stats();
        totals.submitted += stats.submitted;
        totals.finished += stats.finished;
        totals.failed += stats.failed;
        totals.retried += stats.retried;
        totals.queued += stats.queued;
        totals.running += stats.running;
    }
    totals
}
