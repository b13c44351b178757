//! Which call runs in a thread: [`Frame`].
//!
//! A thread that runs no call is a driver, and has a job of its own from its first use of the SDK to its end. Waiting is
//! done here, since it is where a call gives back its slot, and where it learns that it has to end.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use wrun_abi::FailKind;

use super::actor::Actor;
use super::call::Call;
use super::cancel::Interrupted;
use super::job::Job;
use super::object::Value;
use super::signal::{Signal, deadline, earlier, now};
use super::slots::Units;
use crate::{Error, ErrorKind};

thread_local! {
    static FRAME: RefCell<Option<Rc<Frame>>> = const { RefCell::new(None) };
    static DRIVER: Driver = Driver(enter(Job::new(&super::Options::default())));
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The job of a thread that was none; it ends with the thread.
struct Driver(#[allow(dead_code, reason = "held for its end")] Entered);

/// What runs in a thread.
pub(super) struct Frame {
    pub(super) job: Arc<Job>,
    /// None for a driver.
    pub(super) call: Option<Arc<Call>>,
    /// Whose constructor or method it is.
    pub(super) actor: Option<Arc<Actor>>,
    pub(super) args: Vec<Arc<Value>>,
    pub(super) results: RefCell<Vec<Option<Arc<Value>>>>,
    pub(super) failure: RefCell<Option<(FailKind, String)>>,
    /// The slots it holds now, and how many it needs.
    slot: Cell<Option<usize>>,
    need: Units,
    deadline: Option<Instant>,
    timed_out: Cell<bool>,
}

/// How a call's code ended.
pub(super) enum Ended {
    /// It returned; what it pushed is in the frame.
    Returned,
    /// It said that it failed, or panicked.
    Failed(Error),
    /// It was told to end, or its time was over.
    Interrupted,
    /// Its time was over.
    TimedOut,
}

/// Makes a job the current one of this thread; its end ends the job.
pub(super) struct Entered {
    job: Arc<Job>,
    previous: Option<Rc<Frame>>,
}

pub(super) fn enter(job: Arc<Job>) -> Entered {
    let previous = FRAME.replace(Some(Rc::new(Frame::driver(job.clone()))));
    Entered { job, previous }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // At a thread's end the frame may be gone already.
        let previous = self.previous.take();
        let _ = FRAME.try_with(|frame| frame.replace(previous));
        self.job.end();
    }
}

/// The frame of this thread.
pub(super) fn current() -> Rc<Frame> {
    if let Some(frame) = FRAME.with_borrow(Clone::clone) {
        return frame;
    }
    DRIVER.with(|_| ());
    FRAME
        .with_borrow(Clone::clone)
        .unwrap_or_else(|| Rc::new(Frame::driver(Job::new(&super::Options::default()))))
}

/// Runs a call's code in a frame.
pub(super) fn run(frame: &Rc<Frame>, code: fn()) -> Ended {
    hook();
    let previous = FRAME.replace(Some(frame.clone()));
    let outcome = catch_unwind(AssertUnwindSafe(code));
    FRAME.set(previous);
    match outcome {
        Err(payload) if payload.is::<Interrupted>() => {
            if frame.timed_out.get() {
                Ended::TimedOut
            } else {
                Ended::Interrupted
            }
        }
        Err(_) => Ended::Failed(Error::of(
            ErrorKind::Panic,
            PANIC.take().unwrap_or_default(),
        )),
        Ok(()) => match frame.failure.take() {
            None if frame.deadline.is_some_and(|deadline| deadline <= now()) => Ended::TimedOut,
            None => Ended::Returned,
            Some((FailKind::Relayed, json)) => Ended::Failed(Error::from_host(0, json.as_bytes())),
            Some((kind, message)) => Ended::Failed(Error::of(kind_of(kind), message)),
        },
    }
}

fn kind_of(kind: FailKind) -> ErrorKind {
    match kind {
        FailKind::Panic => ErrorKind::Panic,
        FailKind::BadArgument => ErrorKind::BadArgument,
        FailKind::BadResult => ErrorKind::BadResult,
        _ => ErrorKind::Application,
    }
}

/// Keeps the text of a call's panic instead of printing it; other threads' panics go where they went before.
fn hook() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let in_call = FRAME.try_with(|frame| {
                frame
                    .try_borrow()
                    .is_ok_and(|f| f.as_ref().is_some_and(|f| f.call.is_some()))
            });
            if in_call != Ok(true) {
                return before(info);
            }
            let text = info.payload_as_str().unwrap_or("a value that is no text");
            let place = info
                .location()
                .map(|place| format!(", at {}:{}:{}", place.file(), place.line(), place.column()));
            PANIC.set(Some(format!("{text}{}", place.unwrap_or_default())));
        }));
    });
}

impl Frame {
    fn driver(job: Arc<Job>) -> Self {
        Self {
            job,
            call: None,
            actor: None,
            args: Vec::new(),
            results: RefCell::default(),
            failure: RefCell::default(),
            slot: Cell::new(None),
            need: 0,
            deadline: None,
            timed_out: Cell::new(false),
        }
    }

    /// A frame for one attempt of a call, which holds its slots.
    pub(super) fn of(
        call: &Arc<Call>,
        args: Vec<Arc<Value>>,
        actor: Option<Arc<Actor>>,
        need: Units,
        slot: usize,
    ) -> Rc<Self> {
        // An actor may be called from another thread's job, but runs in its own.
        let job = actor.as_ref().map_or(&call.job, |actor| &actor.job).clone();
        Rc::new(Self {
            args,
            actor,
            results: RefCell::new(vec![None; call.entry.returns]),
            slot: Cell::new(Some(slot)),
            need,
            deadline: deadline(call.options.timeout),
            call: Some(call.clone()),
            ..Self::driver(job)
        })
    }

    /// The number of its slot, while it holds one.
    pub(super) fn slot(&self) -> Option<usize> {
        self.slot.get()
    }

    /// Gives back the slots it holds.
    pub(super) fn give_back(&self) {
        if let Some(slot) = self.slot.take() {
            self.job.slots.release(self.need, slot);
        }
    }

    fn take_again(&self) {
        if let Some(call) = &self.call {
            self.slot
                .set(Some(self.job.slots.acquire(self.need, true, call.depth)));
        }
    }

    /// Who calls actors, as far as their order is concerned: an actor is one caller in all its methods.
    pub(super) fn caller(&self) -> u64 {
        match (&self.actor, &self.call) {
            (Some(actor), _) => actor.id,
            (None, Some(call)) => call.id,
            (None, None) => self.job.id,
        }
    }

    fn interrupted(&self) -> bool {
        let Some(call) = &self.call else { return false };
        let timed_out = self.deadline.is_some_and(|deadline| deadline <= now());
        self.timed_out.set(timed_out);
        timed_out || call.cancel.reason().is_some()
    }

    /// Unwinds the call if it has to end.
    pub(super) fn check(&self) {
        // While it unwinds already, what is dropped may still call.
        if self.interrupted() && !std::thread::panicking() {
            resume_unwind(Box::new(Interrupted));
        }
    }

    /// Waits without its slots until `look` finds something or the time is over. It looks again each time that the signal
    /// is raised, which it hands on to whatever it waits for.
    pub(super) fn block<R>(
        &self,
        timeout: Option<Duration>,
        mut look: impl FnMut(&Arc<Signal>) -> Option<R>,
    ) -> Option<R> {
        self.check();
        let signal = Arc::new(Signal::default());
        if let Some(found) = look(&signal) {
            return Some(found);
        }
        if timeout == Some(Duration::ZERO) {
            return None;
        }
        let until = deadline(timeout);
        self.give_back();
        let found = self.wait(&signal, until, &mut look);
        self.check();
        self.take_again();
        found
    }

    /// Sleeps with its slots.
    pub(super) fn sleep(&self, time: Duration) {
        self.check();
        self.wait(&Arc::default(), deadline(Some(time)), &mut |_| None::<()>);
        self.check();
    }

    fn wait<R>(
        &self,
        signal: &Arc<Signal>,
        until: Option<Instant>,
        look: &mut dyn FnMut(&Arc<Signal>) -> Option<R>,
    ) -> Option<R> {
        if let Some(call) = &self.call {
            call.cancel.watch(signal);
        }
        let wake = earlier(until, self.deadline);
        loop {
            if let Some(found) = look(signal) {
                return Some(found);
            }
            if self.interrupted() || until.is_some_and(|until| until <= now()) {
                return None;
            }
            signal.wait(wake);
        }
    }
}
