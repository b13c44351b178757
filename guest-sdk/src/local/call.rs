//! [`Call`]: one call, from `spawn` to its results.
//!
//! It waits until the objects among its arguments are there, then (a task) for slots, then runs in a thread of its own;
//! methods and constructors run in their actor's thread instead. Its results are settled once: by its code, by the error
//! of an argument, or by whoever cancels it.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use wrun_abi::{CallKind, CallOptions};

use super::actor::Actor;
use super::cancel::Cancel;
use super::current::{self, Ended, Frame};
use super::handles::Held;
use super::job::{Job, fresh_id};
use super::object::{Object, Value};
use super::signal::lock;
use super::slots::Units;
use super::stream::Stream;
use crate::call::Entry;
use crate::{Error, ErrorKind};

/// How often a call is tried again when it asks for retries of errors without a number, as in Ray.
const DEFAULT_RETRIES: u32 = 3;

/// An argument as it was given.
#[derive(Debug, Clone)]
pub(super) enum Given {
    Value(Arc<Value>),
    Object(Arc<Object>),
}

/// Where results go.
#[derive(Debug)]
pub(super) enum Outputs {
    Objects(Vec<Arc<Object>>),
    Stream(Arc<Stream>),
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: u64,
    /// Its number in the job.
    pub(super) number: u64,
    pub(super) job: Arc<Job>,
    pub(super) entry: &'static Entry,
    /// What errors call it.
    pub(super) title: String,
    pub(super) options: CallOptions,
    /// How many calls stand between it and the driver.
    pub(super) depth: u32,
    /// Whose order it keeps, for a method.
    pub(super) caller: u64,
    /// Whose method or constructor it is.
    pub(super) actor: Option<Arc<Actor>>,
    pub(super) cancel: Cancel,
    pub(super) outputs: Outputs,
    args: Mutex<Vec<Given>>,
    /// Objects that are not there yet, and one for the call itself until all are asked.
    missing: AtomicUsize,
    attempt: AtomicU32,
    settled: AtomicBool,
}

impl Call {
    /// A call that the frame makes.
    pub(super) fn new(
        frame: &Frame,
        entry: &'static Entry,
        options: CallOptions,
        args: Vec<Given>,
        actor: Option<Arc<Actor>>,
    ) -> Arc<Self> {
        let outputs = match entry.kind {
            CallKind::Constructor => Outputs::Objects(Vec::new()),
            _ if entry.stream => Outputs::Stream(Arc::default()),
            _ => Outputs::Objects((0..entry.returns).map(|_| Arc::default()).collect()),
        };
        let title = match (&actor, entry.kind) {
            (Some(actor), CallKind::Method) => format!("{}.{}", actor.class, entry.name),
            _ => entry.name.to_owned(),
        };
        let call = Arc::new(Self {
            id: fresh_id(),
            number: frame.job.next_call(),
            job: frame.job.clone(),
            entry,
            title,
            options,
            depth: frame.call.as_ref().map_or(0, |call| call.depth + 1),
            caller: frame.caller(),
            actor,
            cancel: Cancel::default(),
            outputs,
            args: Mutex::new(args),
            missing: AtomicUsize::new(1),
            attempt: AtomicU32::new(0),
            settled: AtomicBool::new(false),
        });
        match &call.outputs {
            Outputs::Objects(objects) => objects
                .iter()
                .for_each(|object| object.made_by(Arc::downgrade(&call))),
            Outputs::Stream(stream) => stream.made_by(Arc::downgrade(&call)),
        }
        // An actor outlives the call that made it, as long as it has handles.
        if entry.kind != CallKind::Constructor {
            frame
                .call
                .as_ref()
                .map_or(&frame.job.cancel, |parent| &parent.cancel)
                .add_child(&call);
        }
        call
    }

    /// What the caller gets.
    pub(super) fn held(&self) -> Vec<Held> {
        match &self.outputs {
            Outputs::Objects(objects) => objects.iter().cloned().map(Held::Object).collect(),
            Outputs::Stream(stream) => vec![Held::Stream(Arc::new(super::stream::Reader(
                stream.clone(),
            )))],
        }
    }

    /// Lets it go as soon as its arguments are there.
    pub(super) fn submit(self: &Arc<Self>) {
        let objects: Vec<_> = lock(&self.args)
            .iter()
            .filter_map(|given| match given {
                Given::Object(object) => Some(object.clone()),
                Given::Value(_) => None,
            })
            .collect();
        self.missing.fetch_add(objects.len(), Ordering::AcqRel);
        for object in objects {
            object.depend(self);
        }
        self.dependency_ready();
    }

    /// One more argument is there.
    pub(super) fn dependency_ready(self: &Arc<Self>) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        match &self.actor {
            Some(actor) => actor.pump(self.caller),
            None => self.queue(),
        }
    }

    /// Whether its arguments are there.
    pub(super) fn is_ready(&self) -> bool {
        self.missing.load(Ordering::Acquire) == 0
    }

    /// Whether its results are there.
    pub(super) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// The slots it needs.
    pub(super) fn need(&self) -> Units {
        self.options.num_cpus.unwrap_or(wrun_abi::SLOT)
    }

    /// Which attempt runs.
    pub(super) fn attempt(&self) -> u32 {
        self.attempt.load(Ordering::Relaxed)
    }

    fn queue(self: &Arc<Self>) {
        let call = self.clone();
        self.job.slots.ask(
            self.need(),
            false,
            self.depth,
            Box::new(move |slot| call.start(slot)),
        );
    }

    /// Starts a task's thread; false when there is nothing to run any more.
    fn start(self: Arc<Self>, slot: usize) -> bool {
        if self.is_settled() {
            return false;
        }
        let call = self.clone();
        let thread = std::thread::Builder::new().name(self.title.clone());
        match thread.spawn(move || call.run_task(slot)) {
            Ok(_) => true,
            Err(error) => {
                self.settle(Err(Error::of(
                    ErrorKind::System,
                    format!("no thread for the call: {error}"),
                )));
                false
            }
        }
    }

    fn run_task(self: &Arc<Self>, slot: usize) {
        let frame = match self.values() {
            Ok(args) => Frame::of(self, args, None, self.need(), slot),
            Err(error) => {
                self.job.slots.release(self.need(), slot);
                // The same error, with the name of the call that failed first.
                return self.settle_as(Err(error));
            }
        };
        let ended = current::run(&frame, self.entry.run);
        let retry = self.conclude(&frame, ended);
        frame.give_back();
        if retry.is_err() {
            self.queue();
        }
    }

    /// The arguments' values, or the first error among them.
    pub(super) fn values(&self) -> Result<Vec<Arc<Value>>, Error> {
        let args = lock(&self.args).clone();
        let values = args.iter().map(|given| match given {
            Given::Value(value) => Ok(value.clone()),
            Given::Object(object) => object
                .outcome()
                .unwrap_or_else(|| Err(Error::of(ErrorKind::System, "an argument is not there"))),
        });
        values.collect()
    }

    /// Settles the results after the code has ended, unless it is to run again: then gives its error.
    pub(super) fn conclude(&self, frame: &Rc<Frame>, ended: Ended) -> Result<(), Error> {
        let Some(error) = self.error_of(ended) else {
            return self.returned(frame);
        };
        if self.tries_again(&error) {
            self.attempt.fetch_add(1, Ordering::Relaxed);
            return Err(error);
        }
        self.settle(Err(error));
        Ok(())
    }

    /// Settles the results of a method that its actor died under.
    pub(super) fn fail(&self, ended: Ended) {
        if let Some(error) = self.error_of(ended) {
            self.settle(Err(error));
        }
    }

    fn error_of(&self, ended: Ended) -> Option<Error> {
        match ended {
            Ended::Returned => None,
            Ended::Failed(error) => Some(error),
            Ended::TimedOut => {
                let limit = self.options.timeout.unwrap_or_default();
                Some(Error::of(
                    ErrorKind::Timeout,
                    format!("took longer than its limit of {limit:?}"),
                ))
            }
            Ended::Interrupted => Some(
                self.cancel
                    .reason()
                    .unwrap_or_else(|| Error::of(ErrorKind::Cancelled, "was cancelled")),
            ),
        }
    }

    fn returned(&self, frame: &Rc<Frame>) -> Result<(), Error> {
        let results = frame.results.take().into_iter().map(|result| {
            result.ok_or_else(|| Error::of(ErrorKind::BadResult, "returned without a result"))
        });
        let results = if matches!(self.outputs, Outputs::Stream(_)) {
            Ok(Vec::new())
        } else {
            results.collect()
        };
        self.settle(results);
        Ok(())
    }

    fn tries_again(&self, error: &Error) -> bool {
        // What a program passes on is the program's error, whatever it was elsewhere.
        let program = error.is_application()
            || error.kind() == ErrorKind::Timeout
            || error.task_id().is_some();
        self.options.retry_errors == Some(true)
            && program
            && !self.is_settled()
            && matches!(self.outputs, Outputs::Objects(_))
            && self.attempt() < self.retries()
    }

    /// How often it may be tried again. A method is not known to be harmless when it runs twice: unless asked for, it
    /// does not.
    fn retries(&self) -> u32 {
        let asked = self.entry.kind != CallKind::Method || self.options.retry_errors == Some(true);
        let usual = if asked { DEFAULT_RETRIES } else { 0 };
        self.options.max_retries.unwrap_or(usual)
    }

    /// Whether a method is to run again, or still, after its actor died and is restarted.
    pub(super) fn survives_its_actor(&self) -> bool {
        !self.is_settled() && self.attempt() < self.retries()
    }

    /// Makes it ready for its actor's next life.
    pub(super) fn begin_again(&self) {
        self.attempt.fetch_add(1, Ordering::Relaxed);
        self.cancel.clear();
    }

    /// Sets the results, or this call's failure in their place. The first time counts.
    pub(super) fn settle(&self, results: Result<Vec<Arc<Value>>, Error>) {
        self.settle_as(results.map_err(|error| {
            error.in_task(&self.title, format!("{:032x}", self.id), self.attempt())
        }));
    }

    /// As [`settle`](Self::settle), with an error that stays as it is.
    pub(super) fn settle_as(&self, results: Result<Vec<Arc<Value>>, Error>) {
        if self.settled.swap(true, Ordering::AcqRel) {
            return;
        }
        let args = std::mem::take(&mut *lock(&self.args));
        match (&self.outputs, results) {
            (Outputs::Objects(objects), Ok(values)) => {
                objects
                    .iter()
                    .zip(values)
                    .for_each(|(object, value)| object.settle(Ok(value)));
            }
            (Outputs::Objects(objects), Err(error)) => {
                objects
                    .iter()
                    .for_each(|object| object.settle(Err(error.clone())));
            }
            (Outputs::Stream(stream), results) => stream.end(results.err()),
        }
        drop(args);
    }

    /// Tells it to end, and with `children` what it called too. A method that runs already goes on: to end it would end
    /// the actor.
    pub(super) fn cancel(&self, reason: &Error, children: bool) {
        if self.is_settled() || (self.entry.kind == CallKind::Method && self.attempt_runs()) {
            return;
        }
        self.interrupt(reason);
        if let Some(actor) = &self.actor {
            actor.pump(self.caller);
        }
        if children {
            for child in self.cancel.children() {
                child.cancel(reason, true);
            }
        }
    }

    fn attempt_runs(&self) -> bool {
        self.actor.as_ref().is_some_and(|actor| actor.runs(self.id))
    }

    /// Makes the error its result and lets it unwind.
    pub(super) fn interrupt(&self, reason: &Error) {
        self.cancel.request(reason.clone());
        self.settle(Err(reason.clone()));
    }
}
