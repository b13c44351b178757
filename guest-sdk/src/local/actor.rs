//! [`Actor`]: a thread that keeps a value and runs its methods one at a time.
//!
//! Calls wait in one queue for each caller, so that a call that waits for its argument holds back only the later ones of
//! the same caller; those that can run stand in `ready`, in the order in which they could. An actor is *open* while it
//! takes calls, *closing* from `terminate` or the drop of its last handle until those it has are done, and *dead* after
//! that, or at once by `kill` or a panic. A restart leads from a death back to open, in the same thread; calls with
//! retries left go along, first the one that the actor died under. A constructor that panics is run again, with all calls
//! still waiting.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use wrun_abi::{CallKind, FOREVER};

use super::call::Call;
use super::current::{self, Ended, Frame};
use super::job::{Job, fresh_id};
use super::signal::{Signal, lock};
use super::slots::Units;
use crate::{Error, ErrorKind, Result, serve};

/// Holds an actor for its callers. When the last is dropped, the actor ends after the calls that it has.
#[derive(Debug)]
pub(super) struct Hold(Arc<Actor>);

impl Hold {
    /// The actor.
    pub(super) fn actor(&self) -> &Arc<Actor> {
        &self.0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[derive(Debug)]
pub(super) struct Actor {
    pub(super) id: u64,
    pub(super) class: &'static str,
    pub(super) job: Arc<Job>,
    need: Units,
    max_pending: Option<u32>,
    /// None once it is dead, since the call knows its actor.
    constructor: Mutex<Option<Arc<Call>>>,
    hold: OnceLock<Weak<Hold>>,
    state: Mutex<State>,
    /// Raised when its thread has something to do.
    news: Signal,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    queues: HashMap<u64, VecDeque<Arc<Call>>>,
    ready: VecDeque<Arc<Call>>,
    pending: usize,
    running: Option<Arc<Call>>,
    /// The method that it died under, if that is to run again in the next life.
    interrupted: Option<Arc<Call>>,
    restarts_left: u32,
    restarts: u32,
    /// Was told to die and start again.
    restart: bool,
}

#[derive(Debug, Clone)]
enum Phase {
    Open,
    Closing,
    Dead(Error),
}

/// What its thread does next.
enum Next {
    Run(Arc<Call>),
    Restart,
    End,
}

/// Why a life ended, unless it was to end.
enum Death {
    /// Its constructor failed, or an argument of that: there is no other life.
    NotBorn(String),
    /// Its constructor panicked or took too long. Who waits for the actor waits for the next attempt.
    Crashed(String),
    /// A method's panic or timeout, or a kill.
    Died(String),
}

impl Death {
    fn why(&self) -> &str {
        match self {
            Self::NotBorn(why) | Self::Crashed(why) | Self::Died(why) => why,
        }
    }
}

impl State {
    /// Whether a death now is followed by another life. Who was told to end, or whom nobody can call any more, needs none.
    fn lives_again(&self) -> bool {
        matches!(self.phase, Phase::Open) && self.restarts_left > 0
    }

    /// Moves on the calls of one caller that can run, and gives those that were settled meanwhile.
    fn advance(&mut self, caller: u64) -> Vec<Arc<Call>> {
        let mut settled = Vec::new();
        let Some(queue) = self.queues.get_mut(&caller) else {
            return settled;
        };
        while let Some(call) = queue.pop_front_if(|call| call.is_ready() || call.is_settled()) {
            if call.is_settled() {
                self.pending -= 1;
                settled.push(call);
            } else {
                self.ready.push_back(call);
            }
        }
        if queue.is_empty() {
            self.queues.remove(&caller);
        }
        settled
    }

    /// Takes out what waits, but with `keep` not what wants to be run by the next life.
    fn take_pending(&mut self, keep: bool) -> Vec<Arc<Call>> {
        let mut lost = Vec::new();
        let mut sift = |calls: &mut VecDeque<Arc<Call>>| {
            calls.retain(|call| {
                let kept = keep && call.survives_its_actor();
                if !kept {
                    lost.push(call.clone());
                }
                kept
            });
            calls.len()
        };
        let mut left = sift(&mut self.ready);
        self.queues.retain(|_, queue| {
            let kept = sift(queue);
            left += kept;
            kept > 0
        });
        if !keep {
            lost.extend(self.interrupted.take());
        }
        self.pending = left + usize::from(self.interrupted.is_some());
        // What is left may have waited for what is gone.
        let callers: Vec<_> = self.queues.keys().copied().collect();
        for caller in callers {
            lost.extend(self.advance(caller));
        }
        lost
    }
}

impl Actor {
    /// An actor that was asked for but has no thread yet.
    pub(super) fn held(
        job: &Arc<Job>,
        class: &'static str,
        options: &wrun_abi::CallOptions,
    ) -> Arc<Hold> {
        let state = State {
            phase: Phase::Open,
            queues: HashMap::new(),
            ready: VecDeque::new(),
            pending: 0,
            running: None,
            interrupted: None,
            restarts_left: options.max_restarts.unwrap_or(0),
            restarts: 0,
            restart: false,
        };
        let actor = Arc::new(Self {
            id: fresh_id(),
            class,
            job: job.clone(),
            need: options.num_cpus.unwrap_or(wrun_abi::SLOT),
            max_pending: options.max_pending_calls,
            constructor: Mutex::new(None),
            hold: OnceLock::new(),
            state: Mutex::new(state),
            news: Signal::default(),
        });
        let hold = Arc::new(Hold(actor));
        let _ = hold.0.hold.set(Arc::downgrade(&hold));
        hold
    }

    /// Starts its thread, which waits for the constructor's arguments.
    pub(super) fn start(self: &Arc<Self>, constructor: Arc<Call>) {
        *lock(&self.constructor) = Some(constructor.clone());
        let actor = self.clone();
        let thread = std::thread::Builder::new().name(self.class.to_owned());
        match thread.spawn(move || actor.live()) {
            Ok(_) => constructor.submit(),
            Err(error) => self.die(&format!("no thread for it: {error}")),
        }
    }

    /// Another holder, for the actor itself to give away.
    pub(super) fn hold(&self) -> Result<Arc<Hold>> {
        let hold = self.hold.get().and_then(Weak::upgrade);
        hold.ok_or_else(|| {
            Error::of(
                ErrorKind::NotFound,
                "the actor has no handle left and is ending",
            )
        })
    }

    /// Whether it takes calls.
    pub(super) fn is_open(&self) -> bool {
        matches!(lock(&self.state).phase, Phase::Open)
    }

    /// Whether it runs this call.
    pub(super) fn runs(&self, call: u64) -> bool {
        lock(&self.state)
            .running
            .as_ref()
            .is_some_and(|running| running.id == call)
    }

    /// How often it was restarted.
    pub(super) fn restarts(&self) -> u32 {
        lock(&self.state).restarts
    }

    /// Whether it may take that many calls more.
    pub(super) fn has_room(&self, calls: usize) -> bool {
        let pending = lock(&self.state).pending + calls;
        self.max_pending
            .is_none_or(|max| u32::try_from(pending).is_ok_and(|pending| pending <= max))
    }

    /// Takes a call, or fails it when it is not open.
    pub(super) fn enqueue(&self, call: &Arc<Call>) {
        let mut state = lock(&self.state);
        let error = match &state.phase {
            Phase::Open => {
                state
                    .queues
                    .entry(call.caller)
                    .or_default()
                    .push_back(call.clone());
                state.pending += 1;
                drop(state);
                return call.submit();
            }
            Phase::Closing => self.died("was terminated"),
            Phase::Dead(error) => error.clone(),
        };
        drop(state);
        call.settle(Err(error));
    }

    /// Moves on the calls of one caller that can run.
    pub(super) fn pump(&self, caller: u64) {
        let settled = lock(&self.state).advance(caller);
        drop(settled);
        self.news.raise();
    }

    /// Takes no more calls, and ends after those it has.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Closing;
        }
        drop(state);
        self.news.raise();
    }

    /// Ends at once; `restart` lets it start again as if it had died by itself.
    pub(super) fn kill(&self, why: &str, restart: bool) {
        let error = self.died(why);
        let (running, lost) = {
            let mut state = lock(&self.state);
            if matches!(state.phase, Phase::Dead(_)) {
                return;
            }
            let again = restart && state.lives_again();
            if restart {
                state.restart = true;
            } else {
                state.phase = Phase::Dead(error.clone());
            }
            // A constructor that runs is what a restart would lead to.
            let mut running = state
                .running
                .clone()
                .filter(|call| !restart || call.entry.kind == CallKind::Method);
            if again && let Some(call) = running.take_if(|call| call.survives_its_actor()) {
                // Under the lock, so that it is this life's attempt that hears it.
                call.cancel.request(error.clone());
            }
            (running, state.take_pending(again))
        };
        if let Some(call) = running {
            call.interrupt(&error);
        }
        fail(lost, &error);
        self.news.raise();
    }

    fn died(&self, why: &str) -> Error {
        Error::of(
            ErrorKind::ActorDied,
            format!("the actor `{}` {why}", self.class),
        )
    }

    fn die(&self, why: &str) {
        let error = self.died(why);
        let lost = {
            let mut state = lock(&self.state);
            if !matches!(state.phase, Phase::Dead(_)) {
                state.phase = Phase::Dead(error.clone());
            }
            state.take_pending(false)
        };
        fail(lost, &error);
    }

    fn live(self: &Arc<Self>) {
        loop {
            match self.life() {
                Ok(()) => self.die("was terminated"),
                Err(death) if self.restarts_after(&death) => continue,
                Err(death) => self.die(death.why()),
            }
            // What they refer to goes with the value and the arguments.
            drop(serve::forget_actor());
            let constructor = lock(&self.constructor).take();
            drop(constructor);
            return;
        }
    }

    /// Constructs and serves. Gives why it died, or nothing when it ended as it should.
    fn life(self: &Arc<Self>) -> Result<(), Death> {
        drop(serve::forget_actor());
        let Some(constructor) = lock(&self.constructor).clone() else {
            return Ok(());
        };
        while !constructor.is_ready() {
            if matches!(lock(&self.state).phase, Phase::Dead(_)) {
                return Ok(());
            }
            self.news.wait(None);
        }
        let args = constructor
            .values()
            .map_err(|error| Death::NotBorn(format!("was not constructed: {error}")))?;
        let (ended, frame) = self.run(&constructor, args);
        drop(frame);
        match ended {
            Ended::Returned => {}
            Ended::Failed(error) => {
                let why = error.message();
                return Err(if is_panic(&error) {
                    Death::Crashed(format!("died: its constructor panicked: {why}"))
                } else {
                    Death::NotBorn(format!("died: its constructor failed: {why}"))
                });
            }
            Ended::TimedOut => {
                return Err(Death::Crashed(
                    "died: its constructor took too long".to_owned(),
                ));
            }
            Ended::Interrupted => return Err(Death::Died("was killed".to_owned())),
        }
        loop {
            match self.next() {
                Next::Run(call) => self.serve(&call).map_err(Death::Died)?,
                Next::Restart => return Err(Death::Died("was killed".to_owned())),
                Next::End => return Ok(()),
            }
        }
    }

    fn next(&self) -> Next {
        loop {
            {
                let mut state = lock(&self.state);
                if std::mem::take(&mut state.restart) {
                    return Next::Restart;
                }
                if matches!(state.phase, Phase::Dead(_)) {
                    return Next::End;
                }
                if let Some(call) = state.ready.pop_front() {
                    state.pending = state.pending.saturating_sub(1);
                    return Next::Run(call);
                }
                if matches!(state.phase, Phase::Closing) && state.queues.is_empty() {
                    return Next::End;
                }
            }
            self.news.wait(None);
        }
    }

    /// Runs a method until it needs no further attempt in this life, before any later call. Gives why the actor died of it.
    fn serve(self: &Arc<Self>, call: &Arc<Call>) -> Result<(), String> {
        loop {
            if call.is_settled() {
                return Ok(());
            }
            let args = match call.values() {
                Ok(args) => args,
                Err(error) => {
                    call.settle_as(Err(error));
                    return Ok(());
                }
            };
            let (ended, frame) = self.run(call, args);
            let died = match &ended {
                Ended::Returned => None,
                Ended::Failed(error) if !is_panic(error) => None,
                Ended::Failed(error) => Some(format!(
                    "died: `{}` panicked: {}",
                    call.title,
                    error.message()
                )),
                Ended::TimedOut => Some(format!("died: `{}` took too long", call.title)),
                Ended::Interrupted => Some("was killed".to_owned()),
            };
            match died {
                Some(why) => {
                    if !self.keep_for_restart(call) {
                        call.fail(ended);
                    }
                    return Err(why);
                }
                None if call.conclude(&frame, ended).is_ok() => return Ok(()),
                None => {}
            }
        }
    }

    /// Keeps a method that it died under for its next life, if there is to be one and the call wants it.
    fn keep_for_restart(&self, call: &Arc<Call>) -> bool {
        let mut state = lock(&self.state);
        let kept = state.lives_again() && call.survives_its_actor();
        if kept {
            call.begin_again();
            state.interrupted = Some(call.clone());
            state.pending += 1;
        }
        kept
    }

    fn run(
        self: &Arc<Self>,
        call: &Arc<Call>,
        args: Vec<Arc<super::object::Value>>,
    ) -> (Ended, std::rc::Rc<Frame>) {
        let slot = self.job.slots.acquire(self.need, false, call.depth);
        let frame = Frame::of(call, args, Some(self.clone()), self.need, slot);
        lock(&self.state).running = Some(call.clone());
        let ended = current::run(&frame, call.entry.run);
        frame.give_back();
        lock(&self.state).running = None;
        (ended, frame)
    }

    /// Whether it starts again after a death.
    fn restarts_after(&self, death: &Death) -> bool {
        let mut state = lock(&self.state);
        state.restart = false;
        let again = match death {
            Death::NotBorn(_) => false,
            Death::Crashed(_) => !matches!(state.phase, Phase::Dead(_)) && state.restarts_left > 0,
            Death::Died(_) => state.lives_again(),
        };
        if !again {
            return false;
        }
        if state.restarts_left != FOREVER {
            state.restarts_left -= 1;
        }
        if matches!(death, Death::Crashed(_)) {
            return true;
        }
        state.restarts += 1;
        let lost = state.take_pending(true);
        if let Some(call) = state.interrupted.take() {
            state.ready.push_front(call);
        }
        drop(state);
        fail(lost, &self.died(death.why()));
        true
    }
}

fn fail(calls: Vec<Arc<Call>>, error: &Error) {
    for call in calls {
        call.settle(Err(error.clone()));
    }
}

/// Whether the code panicked, and did not just pass on that another call did.
fn is_panic(error: &Error) -> bool {
    error.kind() == ErrorKind::Panic && error.task_id().is_none()
}
