//! Who compiles next.
//!
//! Compiling blocks a thread for seconds and can't be interrupted, so it happens off the workers, in [`Lane`]s, of which
//! there are as many as workers and at least two. The rules are those of the workers' (`scheduler/README.md`): compiling is
//! charged while it goes on, to the tenant; of those that wait for a lane the one comes first that has had the least processor
//! time for its weight, whatever it was spent on, and within a tenant who came first.
//!
//! - A tenant that has had more than another that workers work for, or could, waits until it has not: an endless stream of
//!   modules takes no more than its tenant's share, and what compiling took is made up for by its tasks too.
//! - The last free lane is for a tenant that compiles nothing: so none can take all of them, and the first submission of
//!   one waits for another's module only while as many others compile as there are lanes.
//! - A tenant has at most so many lanes as it says itself.
//!
//! What one compilation takes at most is bounded before it begins ([`EffortLimits`](crate::sandbox::EffortLimits)).
//! Who gives up waiting gives up the place; a compilation that has begun goes on to its end, with its lane.
//!
//! All that waits is looked at when one comes or ends, and every 10 ms while any is there, which is when what runs is charged.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::oneshot};

use super::{runtime::Module, state::NodeState, tenant::TenantState, tick::TICK};
use crate::{
    rt::{clock, heap},
    sandbox::{LoadError, LoadProblem},
};

/// What a compilation took is given back to the system after one that took longer.
const LONG: Duration = Duration::from_millis(300);
/// But not again before so long.
const TRIM: Duration = Duration::from_secs(1);

/// Who compiles, and who waits for it.
#[derive(Debug)]
pub(crate) struct Compilers {
    lanes: usize,
    tokio: Handle,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Vec<Running>,
    waiting: Vec<Waiting>,
    /// Number of the next lane.
    next: u64,
    /// Somebody looks every tick.
    is_watched: bool,
    /// When memory was given back last.
    trimmed: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    number: u64,
    tenant: Arc<TenantState>,
    /// It is charged up to here.
    charged: Instant,
}

#[derive(Debug)]
struct Waiting {
    tenant: Arc<TenantState>,
    most: usize,
    turn: oneshot::Sender<Lane>,
}

/// The right to compile one module; given back when it is dropped, with what is left to charge.
#[derive(Debug)]
pub(crate) struct Lane {
    compilers: Arc<Compilers>,
    number: u64,
}

impl Compilers {
    pub(crate) fn new(workers: usize, tokio: Handle) -> Arc<Self> {
        Arc::new(Self {
            lanes: workers.max(2),
            tokio,
            state: Mutex::default(),
        })
    }

    /// Waits for a lane.
    pub(crate) async fn enter(self: &Arc<Self>, tenant: &Arc<TenantState>, most: usize) -> Lane {
        let (turn, granted) = oneshot::channel();
        {
            let mut state = self.state.lock();
            // Before it counts itself, so that one that was idle starts where the others are.
            state.raise_floor(tenant);
            state.waiting.push(Waiting {
                tenant: tenant.clone(),
                most: most.max(1),
                turn,
            });
            if !std::mem::replace(&mut state.is_watched, true) {
                self.tokio.spawn(self.clone().watch());
            }
        }
        self.grant();
        granted
            .await
            .expect("who waits is granted a lane or gone itself")
    }

    /// Gives the memory of a long compilation back to the system. That stops others who allocate for a moment, so not often.
    fn trim(&self) {
        let now = clock::now();
        let mut state = self.state.lock();
        let is_due = state.trimmed.is_none_or(|last| now - last >= TRIM);
        if is_due {
            state.trimmed = Some(now);
            drop(state);
            heap::trim();
        }
    }

    /// How many modules are compiled for a tenant.
    pub(crate) fn running(&self, tenant: &Arc<TenantState>) -> usize {
        self.state.lock().running_of(tenant)
    }

    /// Looks at all every tick, until there is nothing.
    async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TICK).await;
            {
                let mut state = self.state.lock();
                if state.running.is_empty() && state.waiting.is_empty() {
                    state.is_watched = false;
                    return;
                }
                state.charge();
                let any = state.running.first().map(|one| one.tenant.clone());
                let any = any.or_else(|| state.waiting.first().map(|one| one.tenant.clone()));
                if let Some(tenant) = any {
                    state.raise_floor(&tenant);
                }
            }
            self.grant();
        }
    }

    /// Gives free lanes to those whose turn it is.
    fn grant(self: &Arc<Self>) {
        loop {
            let mut state = self.state.lock();
            let Some(chosen) = state.choose(self.lanes) else {
                return;
            };
            let waiting = state.waiting.remove(chosen);
            state.next += 1;
            let number = state.next;
            state.running.push(Running {
                number,
                tenant: waiting.tenant,
                charged: clock::now(),
            });
            drop(state);
            let compilers = self.clone();
            // One that is gone just now drops the lane, which takes the lock.
            let _ = waiting.turn.send(Lane { compilers, number });
        }
    }
}

impl State {
    fn running_of(&self, tenant: &Arc<TenantState>) -> usize {
        let own = |one: &&Running| Arc::ptr_eq(&one.tenant, tenant);
        self.running.iter().filter(own).count()
    }

    /// Charges what runs, up to now.
    fn charge(&mut self) {
        let now = clock::now();
        for one in &mut self.running {
            one.charge(now);
        }
    }

    /// The least of all that have work, here or for workers, is where others start; `any` is one of the scheduler's tenants.
    fn raise_floor(&self, any: &TenantState) {
        let running = self.running.iter().map(|one| &one.tenant);
        let here = running.chain(self.waiting.iter().map(|one| &one.tenant));
        let here = here.map(|tenant| tenant.queue.standing()).min();
        let least = here.into_iter().chain(any.queue.least_at_work(false));
        if let Some(least) = least.min() {
            any.queue.raise_floor(least);
        }
    }

    /// Who of those that wait is next, if any may go now.
    fn choose(&mut self, lanes: usize) -> Option<usize> {
        self.waiting.retain(|one| !one.turn.is_closed());
        let free = lanes.saturating_sub(self.running.len());
        let may = |one: &Waiting| {
            let own = self.running_of(&one.tenant);
            own < one.most && (own == 0 && free > 0 || free > 1)
        };
        let waiting = self.waiting.iter().enumerate().filter(|(_, one)| may(one));
        // Of equals the first.
        let (place, least) = waiting.min_by_key(|(_, one)| one.tenant.queue.standing())?;
        let queue = &least.tenant.queue;
        let rival = queue.least_at_work(true);
        let is_ahead = rival.is_some_and(|rival| queue.standing().is_ahead_of(rival));
        (!is_ahead).then_some(place)
    }
}

impl Running {
    fn charge(&mut self, now: Instant) {
        let spent = now.saturating_duration_since(self.charged);
        self.charged = now;
        self.tenant.queue.charge(spent);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut state = self.compilers.state.lock();
        let own = state
            .running
            .iter()
            .position(|one| one.number == self.number);
        let ended = own.map(|place| state.running.swap_remove(place));
        drop(state);
        if let Some(mut ended) = ended {
            ended.charge(clock::now());
        }
        self.compilers.grant();
    }
}

/// The right to compile one module for a tenant, now.
#[derive(Debug)]
pub struct Compiler {
    node: Arc<NodeState>,
    lane: Lane,
}

impl Compiler {
    pub(super) fn new(node: Arc<NodeState>, lane: Lane) -> Self {
        Self { node, lane }
    }

    /// Checks and compiles a module; also tells how long that took. `name` is what messages and the guest's first argument
    /// call it.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong with it, where, and what to do.
    ///
    /// # Cancel safety
    /// Dropped, it goes on: the next to compile the same has it sooner.
    pub async fn load(
        self,
        name: &str,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> (Result<Module, LoadError>, Duration) {
        let Self { node, lane } = self;
        let (sandboxes, owned) = (node.sandboxes.clone(), name.to_owned());
        let compile = move || {
            let lane = lane;
            let start = clock::now();
            let compiled = sandboxes.compile(&owned, bytes.as_ref());
            let took = start.elapsed();
            if took > LONG {
                lane.compilers.trim();
            }
            (compiled, took)
        };
        match node.tokio.spawn_blocking(compile).await {
            Ok((compiled, took)) => (compiled.map(|inner| Module::new(name, inner)), took),
            Err(end) => {
                let what = if end.is_panic() {
                    "the compiler panicked, which is a bug: please report it with the module"
                } else {
                    "the runtime was shut down meanwhile"
                };
                let problem = LoadProblem::Compile(what.to_owned());
                (Err(problem.into()), Duration::ZERO)
            }
        }
    }
}
