//! The border in local mode: what `imports` is in a sandbox, with the same functions.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use wrun_abi::{CANCEL_KEEP_CHILDREN, CallKind, CallOptions, FailKind, StopMode};

use super::actor::Actor;
use super::call::{Call, Given, Outputs};
use super::current::{Frame, current};
use super::handles::{self, Held};
use super::object::{Object, Value};
use super::stream::Next;
use crate::call::{Call as Spec, Sent};
use crate::value::Source;
use crate::{Error, ErrorKind, Result};

/// Nothing to prepare: the thread that runs a call is ready.
pub(crate) fn enter() {}

fn value(bytes: &[u8], refs: &[u32]) -> Result<Arc<Value>> {
    let refs = refs
        .iter()
        .map(|handle| handles::find(*handle))
        .collect::<Result<_>>()?;
    Ok(Arc::new(Value {
        bytes: bytes.to_vec(),
        refs,
    }))
}

pub(crate) fn result_format() -> u8 {
    wrun_abi::format::BINCODE
}

pub(crate) fn result_write(index: usize, bytes: &[u8], refs: &[u32]) -> Result<()> {
    let value = value(bytes, refs)?;
    match current().results.borrow_mut().get_mut(index) {
        Some(result) => *result = Some(value),
        None => {
            return Err(Error::of(
                ErrorKind::BadArgument,
                format!("the call has no result {index}"),
            ));
        }
    }
    Ok(())
}

pub(crate) fn yield_write(bytes: &[u8], refs: &[u32]) -> Result<()> {
    let frame = current();
    let item = value(bytes, refs)?;
    let Some(Outputs::Stream(stream)) = frame.call.as_ref().map(|call| &call.outputs) else {
        return Err(Error::of(ErrorKind::BadArgument, "the call is no stream"));
    };
    frame.block(None, |signal| {
        stream.watch(signal);
        stream.has_room().then_some(())
    });
    stream.push(Ok(item));
    Ok(())
}

pub(crate) fn fail(kind: FailKind, message: &str) {
    current()
        .failure
        .borrow_mut()
        .get_or_insert_with(|| (kind, message.to_owned()));
}

pub(crate) fn spawn(specs: &[Spec]) -> Result<Vec<u32>> {
    let frame = current();
    frame.block(None, |signal| {
        (!frame.job.slots.is_full(frame.job.max_queued, signal)).then_some(())
    });
    let mut prepared = Vec::with_capacity(specs.len());
    for spec in specs {
        prepared.push(prepare(&frame, spec)?);
    }
    let held: Vec<_> = specs
        .iter()
        .zip(prepared)
        .flat_map(|(spec, (options, args))| start(&frame, spec, options, args))
        .collect();
    Ok(held.into_iter().map(handles::insert).collect())
}

/// Checks a call without starting it.
fn prepare(frame: &Frame, spec: &Spec) -> Result<(CallOptions, Vec<Given>)> {
    let options = spec.options.clone().or(&(spec.entry.defaults)().options);
    if options.memory.is_some() {
        return Err(Error::of(
            ErrorKind::BadArgument,
            "the option `memory` has no effect in local mode, where no memory is limited",
        ));
    }
    let (need, total) = (
        options.num_cpus.unwrap_or(wrun_abi::SLOT),
        frame.job.slots.total,
    );
    if need > total {
        let [need, total] = [need, total].map(|units| f64::from(units) / f64::from(wrun_abi::SLOT));
        return Err(Error::of(
            ErrorKind::Unschedulable,
            format!("asks for {need} slots, but there are only {total}"),
        ));
    }
    if spec.entry.kind == CallKind::Host {
        return Err(Error::of(
            ErrorKind::HttpRefused,
            "there is no HTTP in local mode: build the module and run it with `wrun submit --allow-http HOST`",
        ));
    }
    if spec.entry.kind == CallKind::Constructor
        && options.get_if_exists != Some(true)
        && let Some(name) = &options.name
        && frame.job.find(name).is_ok()
    {
        return Err(Error::of(
            ErrorKind::Exists,
            format!("an actor has the name `{name}` already"),
        ));
    }
    if spec.entry.kind == CallKind::Method && !handles::actor(spec.actor)?.actor().has_room(1) {
        return Err(Error::of(
            ErrorKind::Limit,
            "the actor has as many waiting calls as `max_pending_calls` allows",
        ));
    }
    let args = spec.args.iter().map(|arg| match arg {
        Sent::Value(encoded) => value(&encoded.bytes, &encoded.handles()).map(Given::Value),
        Sent::Object(raw) => handles::object(raw.handle()?).map(Given::Object),
    });
    Ok((options, args.collect::<Result<_>>()?))
}

fn start(frame: &Frame, spec: &Spec, options: CallOptions, args: Vec<Given>) -> Vec<Held> {
    match spec.entry.kind {
        CallKind::Task => {
            let call = Call::new(frame, spec.entry, options, args, None);
            let held = call.held();
            call.submit();
            held
        }
        CallKind::Constructor => vec![construct(frame, spec, options, args)],
        // Refused before.
        CallKind::Host => Vec::new(),
        CallKind::Method => {
            // It was found a moment ago, and the caller's handle holds it.
            let Ok(hold) = handles::actor(spec.actor) else {
                return Vec::new();
            };
            let call = Call::new(frame, spec.entry, options, args, Some(hold.actor().clone()));
            let held = call.held();
            hold.actor().enqueue(&call);
            held
        }
    }
}

fn construct(frame: &Frame, spec: &Spec, options: CallOptions, args: Vec<Given>) -> Held {
    let hold = Actor::held(&frame.job, spec.entry.name, &options);
    let detached = options.detached == Some(true);
    if let Some(existing) = frame.job.register(&hold, options.name.as_deref(), detached) {
        return Held::Actor(existing);
    }
    let call = Call::new(frame, spec.entry, options, args, Some(hold.actor().clone()));
    hold.actor().start(call);
    Held::Actor(hold)
}

pub(crate) fn put(bytes: &[u8], refs: &[u32]) -> Result<u32> {
    current().check();
    Ok(handles::insert(Held::Object(Object::settled(Ok(value(
        bytes, refs,
    )?)))))
}

pub(crate) fn get(list: &[u32], timeout: Option<Duration>) -> Result<()> {
    let objects = list
        .iter()
        .map(|handle| handles::object(*handle))
        .collect::<Result<Vec<_>>>()?;
    // Those before `first` are there and no errors.
    let (mut first, mut watched) = (0, false);
    let done = current().block(timeout, |signal| {
        if !std::mem::replace(&mut watched, true) {
            objects.iter().for_each(|object| object.watch(signal));
        }
        while objects
            .get(first)
            .is_some_and(|object| matches!(object.outcome(), Some(Ok(_))))
        {
            first += 1;
        }
        let error = objects[first..]
            .iter()
            .find_map(|object| object.outcome().and_then(Result::err));
        error
            .map(Err)
            .or_else(|| (first == objects.len()).then_some(Ok(())))
    });
    done.unwrap_or_else(|| Err(timed_out(timeout)))
}

fn timed_out(timeout: Option<Duration>) -> Error {
    Error::of(
        ErrorKind::Timeout,
        format!("not there after {:?}", timeout.unwrap_or_default()),
    )
}

fn find(of: Source) -> Result<Arc<Value>> {
    match of {
        Source::Object(handle) => handles::object(handle)?
            .outcome()
            .unwrap_or_else(|| Err(Error::of(ErrorKind::Other, "the object is not there yet"))),
        Source::Arg(i) => {
            let none = || Error::of(ErrorKind::BadArgument, "there is no such argument");
            current().args.get(i).cloned().ok_or_else(none)
        }
    }
}

/// Gives `then` all bytes of a value.
pub(crate) fn look<R>(of: Source, then: impl FnOnce(&[u8]) -> R) -> Result<R> {
    find(of).map(|value| then(&value.bytes))
}

/// Fresh handles for what a value refers to.
pub(crate) fn links(of: Source) -> Vec<u32> {
    let refs = find(of).map(|value| value.refs.clone());
    refs.unwrap_or_default()
        .into_iter()
        .map(handles::insert)
        .collect()
}

pub(crate) fn len(of: Source) -> Result<u64> {
    look(of, |bytes| bytes.len() as u64)
}

pub(crate) fn part(of: Source, offset: u64, into: &mut [u8]) -> Result<()> {
    let copied = look(of, |bytes| {
        let from = bytes
            .get(usize::try_from(offset).ok()?..)?
            .get(..into.len())?;
        into.copy_from_slice(from);
        Some(())
    })?;
    copied.ok_or_else(|| Error::of(ErrorKind::BadArgument, "the value ends too early"))
}

/// Nothing is mapped here: there is none of it.
#[derive(Debug)]
pub(crate) struct Mapped<T>(Infallible, PhantomData<T>);

impl<T> Deref for Mapped<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self.0 {}
    }
}

impl<T> DerefMut for Mapped<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self.0 {}
    }
}

/// `None`: views are copies here.
#[allow(clippy::unnecessary_wraps, reason = "in a sandbox it can fail")]
pub(crate) fn view<T>(_of: Source, _offset: u64, _count: usize) -> Result<Option<Mapped<T>>> {
    Ok(None)
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(1 + bytes.len());
    all.push(wrun_abi::format::PLAIN);
    all.extend_from_slice(bytes);
    all
}

pub(crate) fn put_plain(bytes: &[u8]) -> Result<u32> {
    put(&plain(bytes), &[])
}

pub(crate) fn result_plain(index: usize, bytes: &[u8]) -> Result<()> {
    result_write(index, &plain(bytes), &[])
}

pub(crate) fn yield_plain(bytes: &[u8]) -> Result<()> {
    yield_write(&plain(bytes), &[])
}

pub(crate) fn wait(
    list: &[u32],
    min: usize,
    max: usize,
    timeout: Option<Duration>,
) -> Result<Vec<bool>> {
    let held = list
        .iter()
        .map(|handle| handles::find(*handle))
        .collect::<Result<Vec<_>>>()?;
    let ready = |held: &Held| match held {
        Held::Object(object) => object.is_ready(),
        Held::Stream(reader) => reader.0.is_ready(),
        Held::Actor(_) => false,
    };
    if held.iter().any(|held| matches!(held, Held::Actor(_))) {
        return Err(Error::of(
            ErrorKind::BadHandle,
            "an actor is nothing to wait for",
        ));
    }
    let mut watched = false;
    current().block(timeout, |signal| {
        let first_time = !std::mem::replace(&mut watched, true);
        for held in &held {
            match held {
                Held::Object(object) if first_time => object.watch(signal),
                Held::Stream(reader) => reader.0.watch(signal),
                _ => {}
            }
        }
        (held.iter().filter(|held| ready(held)).count() >= min).then_some(())
    });
    let mut left = max;
    let answers = held.iter().map(|held| {
        let is_ready = left > 0 && ready(held);
        left -= usize::from(is_ready);
        is_ready
    });
    Ok(answers.collect())
}

pub(crate) fn release(list: &[u32]) {
    handles::release(list);
}

pub(crate) fn cancel(handle: u32, flags: u32) -> Result<()> {
    let maker = match handles::find(handle)? {
        Held::Object(object) => object.maker(),
        Held::Stream(reader) => reader.0.maker(),
        Held::Actor(_) => {
            return Err(Error::of(
                ErrorKind::BadHandle,
                "an actor is ended by `kill` or `terminate`",
            ));
        }
    };
    if let Some(call) = maker {
        call.cancel(
            &Error::of(ErrorKind::Cancelled, "was cancelled"),
            flags & CANCEL_KEEP_CHILDREN == 0,
        );
    }
    Ok(())
}

pub(crate) fn sleep(time: Duration) {
    current().sleep(time);
}

pub(crate) fn context() -> Vec<u8> {
    let frame = current();
    let call = frame.call.as_ref();
    let slots = f64::from(frame.job.slots.total) / f64::from(wrun_abi::SLOT);
    let id = |id: u64| format!("{id:032x}");
    let context = serde_json::json!({
        "job": id(frame.job.id),
        "task": id(call.map_or(0, |call| call.id)),
        "name": call.map_or("main", |call| &call.title),
        "actor": frame.actor.as_ref().map(|actor| id(actor.id)),
        "attempt": call.map_or(0, |call| call.attempt()),
        "node": "local",
        "slots": slots,
        "workers": std::thread::available_parallelism().map_or(1, usize::from),
        "slot": frame.slot(),
        "worker": frame.slot().unwrap_or(0),
        "pid": call.map_or(1, |call| call.number),
        "job_attempt": 0,
        "restarted": frame.actor.as_ref().is_some_and(|actor| actor.restarts() > 0),
    });
    context.to_string().into_bytes()
}

pub(crate) fn actor_self() -> Result<u32> {
    let frame = current();
    let Some(actor) = &frame.actor else {
        return Err(Error::of(
            ErrorKind::NotFound,
            "no constructor or method runs here",
        ));
    };
    Ok(handles::insert(Held::Actor(actor.hold()?)))
}

pub(crate) fn actor_get(name: &str) -> Result<u32> {
    current()
        .job
        .find(name)
        .map(|hold| handles::insert(Held::Actor(hold)))
}

pub(crate) fn actor_stop(handle: u32, mode: StopMode) -> Result<()> {
    let hold = handles::actor(handle)?;
    match mode {
        StopMode::Kill => hold.actor().kill("was killed", false),
        StopMode::KillAndRestart => hold.actor().kill("was killed", true),
        StopMode::Terminate => hold.actor().close(),
    }
    Ok(())
}

pub(crate) fn stream_next(handle: u32, timeout: Option<Duration>) -> Result<Option<u32>> {
    let reader = handles::stream(handle)?;
    let stream = &reader.0;
    let next = current().block(timeout, |signal| {
        stream.watch(signal);
        match stream.next() {
            Next::Item(item) => Some(Some(handles::insert(Held::Object(item)))),
            Next::Ended => Some(None),
            Next::NotYet => None,
        }
    });
    next.ok_or_else(|| timed_out(timeout))
}
