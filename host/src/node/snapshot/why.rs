//! Why a task is where it is: what it waits for, down to what really runs or is stuck, or what it failed with, down to the first
//! cause.
//!
//! From the task on, what it waits for is looked at level by level: the call that makes an object, what an actor runs. Each call is
//! told once, so the chain is a graph; [`ring`] finds where it leads back to itself. All of it has bounds, and what is behind
//! them is counted. What is told of different calls is not of one moment.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use super::{
    super::{
        actor::ActorCell,
        call::{Awaits, Call, Kind, Outputs, Stage},
        state::{JobState, NodeState},
        tenant::TenantState,
        times::{Moment, NEVER},
    },
    FailedCall, LOOKS, Query, jobs, live_task,
};
use crate::{
    store::{Missing, Waitable},
    types::{
        ActorState, BlockedOn, Cause, CauseBy, ErrorKind, ObjectId, SLOT, TaskError, TaskId,
        TaskKind, TaskView, TaskWhy, Wait, WaitingTask,
    },
};

/// How far a chain is followed.
const DEPTH: usize = 32;
/// So many things that one task waits for are told.
const BREADTH: usize = 16;
/// So many tasks are told in all.
const TASKS: usize = 256;

/// Why a task is where it is, if it lives or is kept as failed, and is this tenant's.
pub(in crate::node) fn why(
    node: &NodeState,
    tenant: Option<&Arc<TenantState>>,
    id: TaskId,
) -> Option<TaskWhy> {
    let job = node.job(id.job())?;
    if tenant.is_some_and(|tenant| !Arc::ptr_eq(tenant, &job.tenant)) {
        return None;
    }
    let looking = Looking::new(node, &job);
    if let Some(call) = job.registry.get(id.number())
        && let Some(why) = looking.chain(call)
    {
        return Some(why);
    }
    // It may have failed just now.
    looking.failure(&job, id)
}

/// What a look needs all the time.
struct Looking<'a> {
    node: &'a NodeState,
    tenant: &'a Arc<TenantState>,
    now: Moment,
}

/// A call that is to be told, and how far down the chain.
struct Step {
    call: Arc<Call>,
    depth: usize,
}

/// What one task waits for.
#[derive(Default)]
struct Waits {
    on: Vec<Wait>,
    left_out: u64,
    enough: Option<u64>,
    /// Those that have to do something first.
    next: Vec<Arc<Call>>,
}

impl Waits {
    fn one(wait: Wait, next: Option<Arc<Call>>) -> Self {
        Self {
            on: vec![wait],
            next: next.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl<'a> Looking<'a> {
    fn new(node: &'a NodeState, job: &'a Arc<JobState>) -> Self {
        Self {
            node,
            tenant: &job.tenant,
            now: Moment::of(&node.times),
        }
    }

    /// A call that lives, and those that it waits for; nothing when it has ended meanwhile, or is seen as an actor.
    fn chain(&self, first: Arc<Call>) -> Option<TaskWhy> {
        let mut looks = LOOKS;
        let mut queued = None;
        let (mut tasks, mut seen) = (Vec::new(), HashSet::from([first.id]));
        let mut todo = VecDeque::from([Step {
            call: first,
            depth: 0,
        }]);
        while let Some(Step { call, depth }) = todo.pop_front() {
            let view = live_task(call.job(), &call, &Query::default(), self.now);
            let Some(task) = view else {
                if tasks.is_empty() {
                    return None;
                }
                continue;
            };
            let waits = self.waits(&call, &mut looks, &mut queued);
            let mut deeper = false;
            for next in waits.next {
                if seen.contains(&next.id) {
                    continue;
                }
                if depth >= DEPTH || seen.len() >= TASKS {
                    deeper = true;
                    continue;
                }
                seen.insert(next.id);
                let depth = depth + 1;
                todo.push_back(Step { call: next, depth });
            }
            tasks.push(WaitingTask {
                task,
                waits: waits.on,
                left_out: waits.left_out,
                enough: waits.enough,
                deeper,
            });
        }
        Some(TaskWhy {
            cycle: ring(&tasks),
            tasks,
            ..TaskWhy::default()
        })
    }

    fn waits(&self, call: &Arc<Call>, looks: &mut usize, queued: &mut Option<u64>) -> Waits {
        match call.stage() {
            Stage::Waiting => {
                let awaited = match call.inputs.lock().waiting() {
                    Some(waiting) => waiting.awaited(),
                    None => return Waits::default(),
                };
                // It goes on with all of them.
                self.objects(awaited.missing(BREADTH, looks), false)
            }
            Stage::Queued => self.queue(call, queued),
            Stage::Blocked(on) => self.blocked(call, on, looks, queued),
            Stage::Running | Stage::Ended => Waits::default(),
        }
    }

    fn blocked(
        &self,
        call: &Arc<Call>,
        on: BlockedOn,
        looks: &mut usize,
        queued: &mut Option<u64>,
    ) -> Waits {
        match on {
            BlockedOn::Objects => {
                let awaited = match call.inputs.lock().awaits() {
                    Some(Awaits::Objects(awaited)) => awaited.clone(),
                    _ => return Waits::default(),
                };
                let missing = awaited.missing(BREADTH, looks);
                match missing.enough {
                    // They are there, and its slots are not.
                    0 => Waits::one(self.slot(call, queued), None),
                    _ => self.objects(missing, true),
                }
            }
            BlockedOn::Room => {
                let (resource, asked) = match call.inputs.lock().awaits() {
                    Some(Awaits::Room(resource, n)) => (*resource, *n),
                    _ => return Waits::default(),
                };
                let over = call.job().account.obstacle(resource, asked);
                let wait = Wait::Room {
                    resource: resource.name().to_owned(),
                    asked,
                    limit: over.as_ref().map(|over| over.limit),
                    used: over.as_ref().map(|over| over.used),
                    message: over.as_ref().map(ToString::to_string),
                    account: over.map(|over| over.account.to_string()),
                };
                Waits::one(wait, None)
            }
            BlockedOn::Reader => match &call.outputs {
                Outputs::Stream(stream) => {
                    let wait = Wait::Reader {
                        stream: stream.id(),
                        unread: stream.unread() as u64,
                    };
                    Waits::one(wait, None)
                }
                Outputs::Objects(_) => Waits::default(),
            },
            BlockedOn::Disk => Waits::one(Wait::Disk, None),
        }
    }

    /// What is not there of what it waits for, with the calls that make it.
    fn objects(&self, missing: Missing, may_be_some: bool) -> Waits {
        let told = missing.some.len() as u64;
        // Of very many, not all were looked at.
        let left_out = missing.others.max(missing.enough.saturating_sub(told));
        let all = told + left_out;
        let mut waits = Waits {
            left_out,
            enough: Some(missing.enough).filter(|enough| may_be_some && *enough < all),
            ..Waits::default()
        };
        for waitable in missing.some {
            let (id, is_object) = match &waitable {
                Waitable::Object(object) => (object.id(), true),
                Waitable::Stream(stream) => (stream.id(), false),
            };
            let maker = self.maker(id);
            let task = id.maker();
            waits.on.push(match is_object {
                true => Wait::Object { object: id, task },
                false => Wait::Stream { stream: id, task },
            });
            waits.next.extend(maker);
        }
        waits
    }

    /// The call that makes an object, while it lives.
    fn maker(&self, object: ObjectId) -> Option<Arc<Call>> {
        let task = object.maker()?;
        let job = self.node.job(task.job())?;
        // What is another tenant's is not there.
        Arc::ptr_eq(&job.tenant, self.tenant)
            .then(|| job.registry.get(task.number()))
            .flatten()
    }

    fn queue(&self, call: &Arc<Call>, queued: &mut Option<u64>) -> Waits {
        match call.kind() {
            Kind::Main | Kind::Task | Kind::Constructor(_) => {
                Waits::one(self.slot(call, queued), None)
            }
            Kind::Request => Waits::one(Wait::Request, None),
            Kind::Method(actor, caller) => {
                if let Some(first) = actor.mailbox.held_by(*caller, call.order) {
                    return Waits::one(Wait::Before { task: first.id }, Some(first));
                }
                self.mailbox(call, actor, queued)
            }
        }
    }

    /// A method that its actor could run.
    fn mailbox(&self, call: &Arc<Call>, actor: &Arc<ActorCell>, queued: &mut Option<u64>) -> Waits {
        let home = self.node.job(actor.id.job());
        let creation = home.and_then(|home| home.registry.get(actor.id.number()));
        let up = actor.up.load(Ordering::Relaxed);
        let now = match up {
            true => actor.runs(self.node),
            false => creation.clone(),
        };
        if up && now.as_ref().is_some_and(|now| now.id == call.id) {
            // It is its turn, and the actor takes its slots.
            let of = creation.as_ref().unwrap_or(call);
            return Waits::one(self.slot(of, queued), None);
        }
        let state = match up {
            true => ActorState::Alive,
            false if actor.restarted.load(Ordering::Relaxed) => ActorState::Restarting,
            false => ActorState::Pending,
        };
        let wait = Wait::Actor {
            actor: actor.id,
            class: actor.class.to_string(),
            name: actor.name.clone(),
            state,
            queued_calls: actor.mailbox.len() as u64,
            task: now.as_ref().map(|now| now.id),
        };
        Waits::one(wait, now)
    }

    fn slot(&self, call: &Call, queued: &mut Option<u64>) -> Wait {
        let slots = |units: u32| f64::from(units) / f64::from(SLOT);
        let of_tenant = queued.get_or_insert_with(|| {
            let jobs = jobs(self.node, Some(self.tenant), None).into_iter();
            jobs.map(|job| job.queue.stats().queued as u64).sum()
        });
        Wait::Slot {
            needs: slots(call.settings().slots),
            slots: slots(self.node.slots),
            free: slots(
                self.node
                    .slots
                    .saturating_sub(self.tenant.queue.slots_busy()),
            ),
            queued_in_job: call.job().queue.stats().queued as u64,
            queued_in_tenant: *of_tenant,
        }
    }

    /// A call that failed, and what its error came from.
    fn failure(&self, job: &JobState, id: TaskId) -> Option<TaskWhy> {
        let first = self.failed(job, |failed| failed.id == id)?;
        let mut causes: Vec<Cause> = Vec::new();
        let mut at = first.clone();
        while causes.len() < DEPTH
            && let Some((by, next)) = self.cause(job, &at)
        {
            let Next { id, name, failed } = next;
            let is_new = id != first.view.id && causes.iter().all(|cause| cause.id != id);
            if !is_new {
                break;
            }
            let (task, error) = match &failed {
                Some(failed) => (Some(failed.view.clone()), Some(failed.error.clone())),
                None => (None, None),
            };
            causes.push(Cause {
                by,
                id,
                name,
                task,
                error,
            });
            match failed {
                Some(failed) => at = failed,
                None => break,
            }
        }
        let task = WaitingTask {
            task: first.view,
            waits: Vec::new(),
            left_out: 0,
            enough: None,
            deeper: false,
        };
        Some(TaskWhy {
            tasks: vec![task],
            error: Some(first.error),
            causes,
            ..TaskWhy::default()
        })
    }

    /// The last of the job's failed calls that is so.
    fn failed(&self, job: &JobState, is_it: impl Fn(&FailedCall) -> bool) -> Option<Failed> {
        let mut found = job.failed.pick(|failed| {
            is_it(failed).then(|| Failed {
                view: failed.view(job, self.now),
                error: failed.error.clone(),
                via: failed.via,
            })
        });
        found.pop()
    }

    /// What a failed call has its error from, if that is not its own.
    fn cause(&self, job: &JobState, at: &Failed) -> Option<(CauseBy, Next)> {
        let own = at.view.id;
        if at.error.kind == ErrorKind::ActorDied && at.error.task_id == Some(own) {
            let actor = at.view.actor?;
            // What it broke in has an error of its own.
            let broke = |failed: &FailedCall| {
                let ends_it = match failed.error.kind {
                    ErrorKind::ActorDied | ErrorKind::Cancelled => false,
                    // One that a method returns is no end.
                    ErrorKind::Application => failed.kind == TaskKind::ActorConstructor,
                    _ => true,
                };
                failed.actor == Some(actor) && failed.begun != NEVER && ends_it
            };
            let broke = self.failed(job, broke)?;
            return Some((CauseBy::Actor, Next::kept(broke)));
        }
        let root = at.error.task_id.filter(|root| *root != own)?;
        if let Some(via) = at.via {
            let next = self.failed(job, |failed| failed.id == via);
            return Some((CauseBy::Argument, Next::of(next, root, &at.error)));
        }
        // Those that it made and that passed on the same error: it has it from one of them, or from the first itself.
        let passed = |failed: &FailedCall| {
            failed.id != own && failed.parent == Some(own) && failed.error.task_id == Some(root)
        };
        let next = self.failed(job, passed);
        let next = next.or_else(|| self.failed(job, |failed| failed.id == root));
        Some((CauseBy::Call, Next::of(next, root, &at.error)))
    }
}

/// A failed call as it is kept.
#[derive(Clone)]
struct Failed {
    view: TaskView,
    error: TaskError,
    via: Option<TaskId>,
}

/// The next step towards the first cause.
struct Next {
    id: TaskId,
    name: String,
    failed: Option<Failed>,
}

impl Next {
    fn kept(failed: Failed) -> Self {
        Self {
            id: failed.view.id,
            name: failed.view.name.clone(),
            failed: Some(failed),
        }
    }

    /// The step to a call that is kept, or else to the first cause, of which the error itself tells.
    fn of(failed: Option<Failed>, root: TaskId, error: &TaskError) -> Self {
        failed.map_or_else(
            || Self {
                id: root,
                name: error.task.as_deref().unwrap_or_default().to_owned(),
                failed: None,
            },
            Self::kept,
        )
    }
}

/// Tasks that wait for each other in a ring, if the first leads to one: along what they can't go on without.
fn ring(tasks: &[WaitingTask]) -> Vec<TaskId> {
    let places: HashMap<TaskId, usize> = tasks
        .iter()
        .enumerate()
        .map(|(at, waiting)| (waiting.task.id, at))
        .collect();
    let next = |at: usize| -> Vec<usize> {
        let Some(waiting) = tasks.get(at).filter(|waiting| waiting.enough.is_none()) else {
            return Vec::new();
        };
        let ids = waiting.waits.iter().filter_map(Wait::task);
        ids.filter_map(|id| places.get(&id).copied()).collect()
    };
    // Depth first: the path to where it is, each with what is still to be tried from there.
    let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut seen = vec![false; tasks.len()];
    if !tasks.is_empty() {
        seen[0] = true;
        path.push((0, next(0)));
    }
    while let Some((_, rest)) = path.last_mut() {
        let Some(to) = rest.pop() else {
            path.pop();
            continue;
        };
        if let Some(begin) = path.iter().position(|(at, _)| *at == to) {
            let ring = path[begin..].iter();
            return ring.map(|(at, _)| tasks[*at].task.id).collect();
        }
        if !std::mem::replace(&mut seen[to], true) {
            path.push((to, next(to)));
        }
    }
    Vec::new()
}
