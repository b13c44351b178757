//! From a call that a guest or client asks for to one that waits in a queue.
//!
//! [`check`] looks at what is asked for, [`needs`] tells how much room that takes, and [`start_all`] makes and starts it:
//! `prepare` starts nothing, so that a batch is all or nothing, and `start` can't fail: what goes wrong from there on
//! becomes the call's outputs.

use std::{cell::RefCell, sync::Arc};

use smallvec::SmallVec;

use super::{
    actor::{ActorCell, ActorHandle, MailboxLimit},
    call::{Call, Common, Kind, Outputs, Settings, arguments_waker},
    request,
    run::QueuedCall,
    state::JobState,
};
use crate::{
    actor::{CallerId, Refused},
    job::Lineage,
    rt::unnest,
    sandbox::{FunctionInfo, Manifest},
    store::{ObjectRef, Resource, Stream, StreamReader, Waitable, Waiting},
    tenant::{self, Charge},
    types::{
        Arg, CallOptions, CallSpec, CallState, ErrorKind, FOREVER, ObjectId, SLOT, Target,
        TaskError, TaskId,
    },
};

/// The number of the driver's call.
const MAIN: u64 = 1;

/// What a call needs room for before it may start.
const NEEDED: [tenant::Resource; 3] = [
    tenant::Resource::QueuedCalls,
    tenant::Resource::QueuedBytes,
    tenant::Resource::Actors,
];

/// How many items of a stream may be unread before its producer waits.
const STREAM_ROOM: usize = 128;

/// Who asks for a call.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) caller: CallerId,
    pub(crate) parent: Option<Arc<Lineage>>,
    pub(crate) result_format: u8,
}

/// A call of a function that the module has, with as many arguments as that takes.
#[derive(Debug)]
pub(crate) struct Checked {
    spec: CallSpec<Resource>,
    function: Arc<FunctionInfo>,
    /// It differs from the one before it in nothing but its arguments.
    like_the_last: bool,
}

impl Checked {
    /// How many handles it gives.
    pub(crate) fn handles(&self) -> usize {
        let one = self.function.stream || matches!(self.spec.target, Target::Constructor(_));
        if one { 1 } else { self.function.num_returns }
    }

    /// How much of a resource it needs before it may start.
    fn needs(&self, of: tenant::Resource) -> u64 {
        match of {
            tenant::Resource::QueuedCalls => 1,
            tenant::Resource::QueuedBytes => {
                let common = if self.like_the_last {
                    0
                } else {
                    size_of::<Common>()
                };
                bytes(&self.spec, &self.function) + common as u64
            }
            tenant::Resource::Actors => {
                u64::from(matches!(self.spec.target, Target::Constructor(_)))
            }
            _ => 0,
        }
    }
}

/// What calls need room for before they may start, all together: who waits for room holds none meanwhile.
pub(crate) fn needs(calls: &[Checked]) -> Vec<(tenant::Resource, u64)> {
    let sum = |of| (of, calls.iter().map(|call| call.needs(of)).sum());
    NEEDED
        .into_iter()
        .map(sum)
        .filter(|(_, n)| *n > 0)
        .collect()
}

/// Makes and starts calls, all or none, with the room that they [`needs`]; gives what their handles name.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn start_all(
    job: &Arc<JobState>,
    calls: Vec<Checked>,
    origin: &Origin,
    mut room: Vec<Charge>,
) -> Result<Vec<Resource>, TaskError> {
    let mut prepared = Vec::with_capacity(calls.len());
    let mut handles = Vec::with_capacity(calls.iter().map(Checked::handles).sum());
    for call in calls {
        let needs = NEEDED.map(|of| call.needs(of));
        let one = prepare(job, call, origin, prepared.last(), &mut handles)?;
        for (of, n) in NEEDED.into_iter().zip(needs) {
            if let Some(charge) = room.iter_mut().find(|charge| charge.resource() == of) {
                one.hold(job, charge, n);
            }
        }
        prepared.push(one);
    }
    enter(job, &prepared);
    let mut tasks = Vec::with_capacity(prepared.len());
    for call in prepared.into_iter().filter_map(Prepared::into_call) {
        if is_plain_task(&call) {
            tasks.push(call);
        } else {
            // In the order in which they were made.
            start_tasks(std::mem::take(&mut tasks));
            start(&call);
        }
    }
    start_tasks(tasks);
    Ok(handles)
}

/// Makes calls known to their jobs. Before they start: who ends a job ends those that it finds there.
fn enter(job: &Arc<JobState>, calls: &[Prepared]) {
    let calls = || calls.iter().filter_map(|prepared| prepared.call.as_ref());
    let is_own = |call: &&Arc<Call>| Arc::ptr_eq(call.job(), job);
    let numbered = |call: &Arc<Call>| (call.number(), call.clone());
    job.registry
        .insert_all(calls().filter(is_own).map(numbered));
    for call in calls().filter(|call| !is_own(call)) {
        call.job().registry.insert(call.number(), call.clone());
    }
    for call in calls() {
        if let Kind::Constructor(actor) = call.kind() {
            let mut actors = call.job().actors.lock();
            actors.insert(call.number(), actor.clone());
        }
        call.job().counters.submitted.add();
    }
}

/// A call that can start; none if there is an actor of that name already. One that is dropped before it started leaves
/// nothing behind.
#[derive(Debug)]
struct Prepared {
    call: Option<Arc<Call>>,
}

impl Prepared {
    /// Gives the call its part of the room that `job` was charged.
    fn hold(&self, job: &Arc<JobState>, room: &mut Charge, n: u64) {
        let (Some(call), of) = (&self.call, room.resource()) else {
            return;
        };
        if let (Kind::Constructor(actor), tenant::Resource::Actors) = (call.kind(), of) {
            return actor.hold(room.split(n));
        }
        let n = if Arc::ptr_eq(call.job(), job) {
            room.take(n)
        } else {
            // A detached actor is of a job of its own, which pays by itself.
            let own = call.job().account.charge(of, n);
            own.map_or(0, |mut own| own.take(n))
        };
        let mut inputs = call.inputs.lock();
        match of {
            // One.
            tenant::Resource::QueuedCalls => inputs.place = u32::try_from(n).unwrap_or(u32::MAX),
            tenant::Resource::QueuedBytes => inputs.bytes = n,
            _ => {}
        }
    }

    fn into_call(mut self) -> Option<Arc<Call>> {
        self.call.take()
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            super::actor::never_started(&call);
        }
    }
}

/// Bytes that a call is charged until it ends.
fn bytes(spec: &CallSpec<Resource>, function: &FunctionInfo) -> u64 {
    let arg = |arg: &Arg<Resource>| match arg {
        Arg::Value(data) => data.bytes.len() + data.refs.len() * size_of::<Resource>(),
        Arg::Object(_) => 0,
    };
    let bytes: usize = spec
        .args
        .iter()
        .map(|a| size_of::<Arg<Resource>>() + arg(a))
        .sum();
    let name = spec.options.name.as_ref().map_or(0, String::len);
    let results = function.num_returns * ObjectRef::BYTES;
    let fiber = match spec.target {
        Target::Host(_) => request::FIBER_BYTES,
        _ => 0,
    };
    (bytes + name + results + size_of::<Call>() + fiber) as u64
}

/// The names there are, for a message about one that is not among them.
fn listed<'a>(known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    if known.is_empty() {
        return "the module has none".into();
    }
    let more = known.len().saturating_sub(20);
    known.truncate(20);
    let list = known
        .iter()
        .map(|n| format!("`{n}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("there are {list}{more}")
}

fn find<'m>(
    manifest: &'m Manifest,
    target: &Target<Resource>,
) -> Result<&'m Arc<FunctionInfo>, TaskError> {
    let missing = |what: &str, name: &str, known: String| {
        Err(TaskError::new(
            ErrorKind::NotFound,
            format!("no {what} `{name}` in this module: {known}"),
        ))
    };
    match target {
        Target::Task(name) => match manifest.task(name) {
            Some(function) => Ok(function),
            None => missing(
                "task",
                name,
                listed(manifest.tasks().iter().map(|f| f.name.as_ref())),
            ),
        },
        Target::Constructor(class) => match manifest.constructor(class) {
            Some(function) => Ok(function),
            None => missing(
                "actor class",
                class,
                listed(manifest.constructors().iter().map(|f| f.name.as_ref())),
            ),
        },
        Target::Host(name) => request::function(name)
            .ok_or(())
            .or_else(|()| missing("function of the host", name, "there is `http`".to_owned())),
        Target::Method(actor, method) => {
            let class = ActorHandle::of(actor)?.cell().class.clone();
            match manifest.method(&class, method) {
                Some(function) => Ok(function),
                None => {
                    let prefix = format!("{class}.");
                    let known = manifest
                        .methods()
                        .iter()
                        .filter_map(|f| f.name.strip_prefix(&*prefix));
                    missing("method", &format!("{class}.{method}"), listed(known))
                }
            }
        }
    }
}

fn settings(
    job: &JobState,
    options: &CallOptions,
    target: &Target<Resource>,
) -> Result<Settings, TaskError> {
    if matches!(target, Target::Host(_)) {
        return Ok(request::settings(options));
    }
    let is_method = matches!(target, Target::Method(..));
    let slots = options.num_cpus.unwrap_or(SLOT);
    let most = job.tenant.memory_limit();
    let memory = options.memory.unwrap_or(most);
    let never = |what: String| Err(TaskError::new(ErrorKind::Unschedulable, what));
    if slots > job.node.slots {
        let (asked, all) = (
            f64::from(slots) / f64::from(SLOT),
            f64::from(job.node.slots) / f64::from(SLOT),
        );
        return never(format!(
            "the call asks for {asked} of this host's {all} slots: it can never run (`--num-cpus`)"
        ));
    }
    if memory > most {
        return never(format!(
            "the call asks for {memory} bytes of memory and a sandbox may have {most}: it can never run (`--memory-limit`)"
        ));
    }
    let retry_errors = options.retry_errors.unwrap_or(false);
    // A method is not known to be harmless when it runs twice: unless asked for, it does not.
    let usual = if is_method && !retry_errors { 0 } else { 3 };
    let max_retries = options.max_retries.unwrap_or(usual);
    Ok(Settings {
        max_retries: if max_retries == FOREVER {
            u32::MAX
        } else {
            max_retries
        },
        retry_errors,
        timeout: options.timeout,
        slots,
        memory,
    })
}

/// A function with its parameters, cut where a guest lists or names them at length.
fn signature(function: &FunctionInfo) -> String {
    const PARAMS: usize = 12;
    const CHARS: usize = 40;
    let cut = |text: &str| text.chars().take(CHARS).collect::<String>();
    let mut params: Vec<_> = function
        .params
        .iter()
        .take(PARAMS)
        .map(|p| format!("{}: {}", cut(&p.name), cut(&p.ty)))
        .collect();
    if function.params.len() > PARAMS {
        params.push("…".into());
    }
    format!("{}({})", function.name, params.join(", "))
}

/// Checks calls and makes nothing yet.
///
/// # Errors
/// For what is the caller's mistake: an unknown name, a wrong number of arguments.
pub(crate) fn check(
    job: &JobState,
    calls: Vec<CallSpec<Resource>>,
) -> Result<Vec<Checked>, TaskError> {
    let mut checked: Vec<Checked> = Vec::with_capacity(calls.len());
    for spec in calls {
        checked.push(check_one(job, spec, checked.last())?);
    }
    Ok(checked)
}

fn check_one(
    job: &JobState,
    spec: CallSpec<Resource>,
    last: Option<&Checked>,
) -> Result<Checked, TaskError> {
    // Many calls of one function come with one name.
    let same = last.filter(|last| is_same(&last.spec.target, &spec.target));
    let function = match same {
        Some(last) => last.function.clone(),
        None => find(job.module.manifest(), &spec.target)?.clone(),
    };
    check_arguments(&function, &spec.args)?;
    let like_the_last = same.is_some_and(|last| last.spec.options == spec.options);
    Ok(Checked {
        spec,
        function,
        like_the_last,
    })
}

/// Whether two calls are of one task, or of one method of one actor, as far as a glance tells.
fn is_same(one: &Target<Resource>, other: &Target<Resource>) -> bool {
    match (one, other) {
        (Target::Task(one), Target::Task(other)) => Arc::ptr_eq(one, other),
        (
            Target::Method(Resource::Actor(one), method),
            Target::Method(Resource::Actor(other), name),
        ) => Arc::ptr_eq(one, other) && Arc::ptr_eq(method, name),
        _ => false,
    }
}

/// Makes a call, and adds what its handles name to `handles`.
///
/// # Errors
/// For what is the caller's mistake: a taken actor name. A call that can never run for want of slots or memory is no such
/// error: its results are.
fn prepare(
    job: &Arc<JobState>,
    Checked {
        spec,
        function,
        like_the_last,
    }: Checked,
    origin: &Origin,
    last: Option<&Prepared>,
    handles: &mut Vec<Resource>,
) -> Result<Prepared, TaskError> {
    let last = last.and_then(|last| last.call.as_ref());
    if let Some(last) = last.filter(|_| like_the_last) {
        let id = last.job().next_call();
        let outputs = outputs(last.function(), id, handles);
        let call = Call::new(id, last.common().clone(), outputs, spec.args);
        if let Some(never) = last.cancel.reason() {
            call.cancel.request(never);
        }
        return Ok(Prepared { call: Some(call) });
    }
    let options = spec.options.or(&function.options);
    let detached = matches!(spec.target, Target::Constructor(_)) && options.detached == Some(true);
    let home = if detached {
        job.detached_home()
    } else {
        job.clone()
    };
    let id = home.next_call();
    let (kind, outputs) = match &spec.target {
        Target::Constructor(class) => match new_actor(job, &home, id, class, &options)? {
            Ok(handle) => {
                let kind = Kind::Constructor(handle.cell().clone());
                handles.push(Resource::Actor(handle));
                (kind, Outputs::Objects(SmallVec::new()))
            }
            Err(existing) => {
                handles.push(Resource::Actor(existing));
                return Ok(Prepared { call: None });
            }
        },
        Target::Method(actor, _) => {
            let cell = ActorHandle::of(actor)?.cell().clone();
            let kind = Kind::Method(cell, origin.caller);
            (kind, outputs(&function, id, handles))
        }
        Target::Task(_) => (Kind::Task, outputs(&function, id, handles)),
        Target::Host(_) => (Kind::Request, outputs(&function, id, handles)),
    };
    let (settings, never) = match settings(job, &options, &spec.target) {
        Ok(settings) => (settings, None),
        Err(never) => (Settings::default(), Some(never)),
    };
    let common = Common {
        job: home,
        own_name: own_name(&spec.target, &options),
        kind,
        function,
        settings,
        result_format: origin.result_format,
        parent: origin.parent.clone().filter(|_| !detached),
        made: job.node.times.now(),
    };
    let call = Call::new(id, Arc::new(common), outputs, spec.args);
    if let Some(never) = never {
        call.cancel.request(never);
    }
    Ok(Prepared { call: Some(call) })
}

/// What people see a call under, if that is not its function's name.
fn own_name(target: &Target<Resource>, options: &CallOptions) -> Option<Arc<str>> {
    match (target, &options.name) {
        (Target::Task(_) | Target::Host(_), Some(name)) => Some(Arc::from(name.as_str())),
        _ => None,
    }
}

fn check_arguments(function: &FunctionInfo, args: &[Arg<Resource>]) -> Result<(), TaskError> {
    let (wanted, given) = (function.params.len(), args.len());
    if given != wanted {
        let signature = signature(function);
        let message = format!("`{signature}` takes {wanted} arguments and was given {given}");
        return Err(TaskError::new(ErrorKind::BadArgument, message));
    }
    let no_object =
        |arg: &Arg<Resource>| matches!(arg, Arg::Object(Resource::Actor(_) | Resource::Stream(_)));
    if args.iter().any(no_object) {
        let message = "only an object can be an argument by its handle";
        return Err(TaskError::new(ErrorKind::BadHandle, message));
    }
    Ok(())
}

/// Where the results of a task or method go; what their handles name is added to `handles`.
fn outputs(function: &FunctionInfo, id: TaskId, handles: &mut Vec<Resource>) -> Outputs {
    if function.stream {
        let stream = Stream::new(ObjectId::result(id, 0), STREAM_ROOM);
        handles.push(Resource::Stream(StreamReader::new(stream.clone())));
        return Outputs::Stream(stream);
    }
    let result = |n| ObjectRef::pending(ObjectId::result(id, n));
    let objects: SmallVec<_> = (0u32..).take(function.num_returns).map(result).collect();
    handles.extend(objects.iter().cloned().map(Resource::Object));
    Outputs::Objects(objects)
}

/// A new actor; or, as `Err`, the one that has its name already.
fn new_actor(
    job: &Arc<JobState>,
    home: &Arc<JobState>,
    id: TaskId,
    class: &Arc<str>,
    options: &CallOptions,
) -> Result<Result<Arc<ActorHandle>, Arc<ActorHandle>>, TaskError> {
    let detached = options.detached == Some(true);
    let cell = ActorCell::new(id, class.clone(), home, options);
    let handle = ActorHandle::new(cell);
    if let Some(name) = &options.name
        && let Err(taken) = job.register_name(name, &handle, detached)
    {
        return taken_name(name, taken, options, class).map(Err);
    }
    if detached {
        home.keep_actor(handle.clone());
    }
    Ok(Ok(handle))
}

fn taken_name(
    name: &str,
    taken: Arc<ActorHandle>,
    options: &CallOptions,
    class: &str,
) -> Result<Arc<ActorHandle>, TaskError> {
    let cell = taken.cell();
    if options.get_if_exists == Some(true) && *cell.class == *class {
        return Ok(taken);
    }
    let message = format!("the actor name `{name}` is taken by a `{}`", cell.class);
    Err(TaskError::new(ErrorKind::Exists, message))
}

/// Whether a call is a task that waits for nothing but a slot.
fn is_plain_task(call: &Call) -> bool {
    let is_value = |arg: &Arg<Resource>| matches!(arg, Arg::Value(_));
    matches!(call.kind(), Kind::Task)
        && !call.cancel.is_set()
        && call.inputs.lock().args.iter().all(is_value)
}

/// Starts tasks that wait for nothing but a slot.
fn start_tasks(calls: Vec<Arc<Call>>) {
    let Some(first) = calls.first().cloned() else {
        return;
    };
    if first.job().is_closing() {
        return calls.iter().for_each(refuse_at_the_end);
    }
    let queued = calls
        .into_iter()
        .filter(|call| call.queue())
        .map(QueuedCall);
    let (queue, in_order) = (&first.job().queue, !is_by_task(&first));
    for QueuedCall(call) in queue.push_all(queued.collect(), in_order) {
        refuse_at_the_end(&call);
    }
}

fn refuse_at_the_end(call: &Arc<Call>) {
    refuse(
        call,
        TaskError::new(ErrorKind::Cancelled, "the job is ending"),
    );
}

/// Starts a call: it runs when its arguments are there and a slot is free.
fn start(call: &Arc<Call>) {
    if call.job().is_closing() {
        return refuse_at_the_end(call);
    }
    if let Some(never) = call.cancel.reason() {
        refuse(call, never);
        return;
    }
    let pending: Vec<_> = {
        let inputs = call.inputs.lock();
        let object = |arg: &Arg<Resource>| match arg {
            Arg::Object(Resource::Object(object)) => Some(Waitable::Object(object.clone())),
            _ => None,
        };
        inputs.args.iter().filter_map(object).collect()
    };
    let waiting = Waiting::for_all(&pending);
    let settled = waiting.is_done();
    if !settled {
        call.tell(call.job().moment(), CallState::Waiting, None);
    }
    if let Kind::Method(actor, caller) = call.kind() {
        let limit = MailboxLimit::of(actor);
        let ok = settled && call.failed_argument().is_none();
        if ok {
            // Before the mailbox may give it to the actor.
            let _ = call.queue();
        }
        if let Err((call, why)) = actor
            .mailbox
            .push(*caller, call.order, call.clone(), ok, limit)
        {
            return not_taken(&call, actor, why);
        }
        if ok {
            return;
        }
    }
    if settled {
        return arguments_settled(call);
    }
    let done = waiting.wake(&arguments_waker(call));
    call.wait_with(waiting);
    if call.has_ended() {
        // Just before: what ends a call did not see that it waits, which would keep it.
        call.stop_waiting();
        if let Kind::Method(actor, caller) = call.kind() {
            let _ended = actor.mailbox.settle(*caller, call.order, false);
        }
    } else if done {
        arguments_settled(call);
    }
}

fn refuse(call: &Arc<Call>, never: TaskError) {
    if let Kind::Constructor(actor) = call.kind() {
        super::actor::kill(actor, call, never);
    } else {
        call.end(Err(call.error(never)));
    }
}

fn not_taken(call: &Arc<Call>, actor: &ActorCell, why: Refused) {
    match why {
        Refused::Closed => {
            call.end(Err(actor.death(call)));
        }
        Refused::Full => {
            let message = format!(
                "`{}` has as many waiting calls as it may (`max_pending_calls`)",
                actor.class
            );
            call.fail(ErrorKind::Limit, message);
        }
    }
}

thread_local! {
    /// Calls whose arguments are settled, while one of them is looked at on this thread.
    static SETTLED: unnest::Pending<Arc<Call>> = const { RefCell::new(None) };
}

/// All arguments of a call are there, or one of them failed: it joins its queue, or fails the same way without running.
///
/// A call that fails settles those that wait for it, and so on.
pub(crate) fn arguments_settled(call: &Arc<Call>) {
    unnest::one_by_one(&SETTLED, vec![call.clone()], |call| settle(&call));
}

fn settle(call: &Arc<Call>) {
    let failed = call.failed_argument();
    match call.kind() {
        Kind::Method(actor, caller) => {
            if failed.is_none() {
                // Before the mailbox may give it to the actor.
                let _ = call.queue();
            }
            let _out = actor.mailbox.settle(*caller, call.order, failed.is_none());
            if let Some(error) = failed {
                call.end(Err(error));
            }
        }
        Kind::Main | Kind::Task | Kind::Request | Kind::Constructor(_) => {
            if let Some(error) = failed {
                return refuse(call, (*error).clone());
            }
            if call.queue() {
                enqueue(call);
            }
        }
    }
}

/// Puts a call that is QUEUED into its job's queue: the driver's and the host's calls start in the order in which they
/// were made, those of tasks newest first, which bounds how many of a recursion are suspended at once.
pub(crate) fn enqueue(call: &Arc<Call>) {
    let (queue, item) = (&call.job().queue, QueuedCall(call.clone()));
    let pushed = match is_by_task(call) {
        true => queue.push(item),
        false => queue.push_in_order(item),
    };
    if pushed.is_err() {
        refuse_at_the_end(call);
    }
}

/// Whether a task made it.
fn is_by_task(call: &Call) -> bool {
    call.parent().is_some_and(|parent| parent.number() != MAIN)
}
