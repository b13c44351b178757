//! What a running call's host functions may do: the node's side of [`HostServices`].

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use serde_json::json;
use wrun_abi::{StopMode, format};

use super::{
    actor::{self, ActorHandle},
    call::{Awaits, Call, Kind, Outputs},
    submit::{self, Origin},
};
use crate::{
    rt::guard::Guard,
    sandbox::{HostServices, LogSource, Tick, WasiConfig},
    scheduler::{Stalled, Tenant, Turn, Wait},
    store::{Contents, Full, MemFiles, ObjectRef, Place, Resource, RestoreError, Value, Waiting},
    tenant::{self, Account, Charge, OverLimit, Waiter},
    types::{BlockedOn, CallSpec, ErrorKind, SLOT, TaskError},
};

/// What an object takes in the host besides its value, about: many small ones are not free.
pub(super) const OBJECT_BYTES: usize = 256;

/// A guest that nobody waits for is suspended at each of so many ticks, so that the time it takes is charged.
const COUNTED: u32 = 8;

/// Services for one sandbox: a task's, or an actor's for one method after another.
#[derive(Debug)]
pub(crate) struct CallServices {
    call: Arc<Call>,
    turn: Turn,
    /// The actor's constructor call; the task itself for a task. Names the sandbox as a caller.
    sandbox: Arc<Call>,
    ticks: u32,
}

impl Drop for CallServices {
    /// With its sandbox: another attempt has another.
    fn drop(&mut self) {
        self.sandbox.holds_nothing();
    }
}

impl CallServices {
    pub(crate) fn new(call: Arc<Call>, turn: Turn) -> Self {
        Self {
            sandbox: call.clone(),
            call,
            turn,
            ticks: 0,
        }
    }

    /// An actor's sandbox turns to this method.
    pub(crate) fn begin(&mut self, method: Arc<Call>) {
        self.call = method;
    }

    /// Its hold on slots.
    pub(crate) fn turn(&mut self) -> &mut Turn {
        &mut self.turn
    }

    fn is_abandoned(&self) -> bool {
        matches!(&self.call.outputs, Outputs::Stream(stream) if stream.is_abandoned())
    }

    pub(super) async fn charge(
        &mut self,
        resource: tenant::Resource,
        n: u64,
    ) -> Result<Charge, TaskError> {
        match self.call.job().account.charge(resource, n) {
            Ok(charge) => Ok(charge),
            Err(over) if over.is_hopeless() => Err(over_limit(&over)),
            Err(_) if resource == tenant::Resource::ObjectBytes => self.object_room(n).await,
            Err(_) => {
                let room = Room::new(
                    &self.call.job().account,
                    &self.call.job().tenant.queue,
                    resource,
                    n,
                );
                let awaits = Awaits::Room(resource, n);
                let _blocked = self.call.blocked_for(BlockedOn::Room, awaits);
                self.turn.block(Wait::Forever, room).await
            }
        }
    }

    /// Room in the store: spills values; when none can be, waits until that changes or others give room back.
    async fn object_room(&mut self, n: u64) -> Result<Charge, TaskError> {
        let job = self.call.job().clone();
        let (account, files) = (&job.account, &job.node.files);
        loop {
            let seen = files.changes();
            let full = match self.make_room(n).await {
                Ok(Some(charge)) => return Ok(charge),
                Ok(None) => continue,
                Err(full) => full,
            };
            let resource = tenant::Resource::ObjectBytes;
            let mut room = pin!(Room::new(account, &job.tenant.queue, resource, n));
            let wait = poll_fn(|cx| match files.poll_changed(seen, cx) {
                true => Poll::Ready(Ok(None)),
                false => room.as_mut().poll(cx).map_ok(Some),
            });
            let awaits = Awaits::Room(resource, n);
            let _blocked = self.call.blocked_for(BlockedOn::Room, awaits);
            match self.turn.block(Wait::Forever, wait).await {
                Ok(Some(charge)) => return Ok(charge),
                Ok(None) => {}
                Err(error) => return Err(with_reason(error, &full)),
            }
        }
    }

    /// Has values spilled, unless there is room by now.
    async fn make_room(&mut self, n: u64) -> Result<Option<Charge>, Full> {
        let job = self.call.job().clone();
        let charge = || job.account.charge(tenant::Resource::ObjectBytes, n);
        let made = job.node.files.make_room(n, charge);
        let _blocked = self.call.blocked(BlockedOn::Disk);
        self.turn.block(Wait::Bounded, made).await
    }

    /// As [`bring_back`](HostServices::bring_back); others are spilled for it only if `spill`.
    async fn fetch(&mut self, value: &Value, spill: bool) -> Result<Option<Contents>, TaskError> {
        loop {
            if let Some(contents) = value.resident() {
                return Ok(Some(contents));
            }
            let Some(spilled) = value.spilled() else {
                continue;
            };
            let n = spilled.room();
            let account = &self.call.job().account;
            let charge = match account.charge(tenant::Resource::ObjectBytes, n) {
                Ok(charge) => charge,
                Err(over) if !spill || over.is_hopeless() => return Ok(None),
                Err(_) => match self.make_room(n).await {
                    Ok(Some(charge)) => charge,
                    Ok(None) => continue,
                    Err(_) => return Ok(None),
                },
            };
            let _blocked = self.call.blocked(BlockedOn::Disk);
            let restored = self
                .turn
                .block(Wait::Bounded, spilled.restore(charge))
                .await;
            return restored.map(Some).map_err(|error| unreadable(&error));
        }
    }
}

fn unreadable(error: &RestoreError) -> TaskError {
    TaskError::new(ErrorKind::System, error.to_string())
}

fn with_reason(error: TaskError, full: &Full) -> TaskError {
    let message = format!("{}; {full}", error.message);
    TaskError { message, ..error }
}

/// What a value is charged.
fn size_of_value(bytes: usize, refs: usize) -> u64 {
    (OBJECT_BYTES + bytes + refs * size_of::<Resource>()) as u64
}

fn over_limit(over: &OverLimit) -> TaskError {
    TaskError::new(ErrorKind::Limit, over.to_string())
}

/// Waits for room in an account; when nobody could ever make room it takes from the reserve, or fails.
pub(crate) struct Room<'a> {
    account: &'a Arc<Account>,
    resource: tenant::Resource,
    n: u64,
    who: Waiter,
    stalled: Pin<Box<Stalled>>,
}

impl<'a> Room<'a> {
    pub(crate) fn new(
        account: &'a Arc<Account>,
        tenant: &Tenant<super::run::QueuedCall>,
        resource: tenant::Resource,
        n: u64,
    ) -> Self {
        Self {
            account,
            resource,
            n,
            who: Waiter::new(),
            stalled: Box::pin(tenant.stalled()),
        }
    }
}

impl Future for Room<'_> {
    type Output = Result<Charge, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Ok(charge) = self.account.charge(self.resource, self.n) {
            return Poll::Ready(Ok(charge));
        }
        self.account.on_room(self.resource, &self.who, cx.waker());
        match self.account.charge(self.resource, self.n) {
            Ok(charge) => return Poll::Ready(Ok(charge)),
            Err(over) if over.is_hopeless() => return Poll::Ready(Err(over_limit(&over))),
            Err(_) => {}
        }
        if self.stalled.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(
            self.account
                .charge_reserve(self.resource, self.n)
                .map_err(|over| {
                    let message =
                        format!("{over}; everything else waits too, so there will never be room");
                    TaskError::new(ErrorKind::WouldDeadlock, message)
                }),
        )
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.account.forget_room(self.resource, &self.who);
    }
}

impl HostServices for CallServices {
    fn holds(&self, place: usize, resource: Option<&Resource>) {
        let object = match resource {
            Some(Resource::Object(object)) => Some(object.id()),
            _ => None,
        };
        self.sandbox.holds(place, object);
    }

    fn account(&self) -> &Arc<Account> {
        &self.sandbox.job().account
    }

    fn wasi(&self) -> &WasiConfig {
        self.sandbox.job().wasi_for(self.sandbox.kind())
    }

    fn log(&self) -> LogSource {
        let sandbox = &self.sandbox;
        let name = match sandbox.kind() {
            Kind::Main => "".into(),
            _ => sandbox.name().clone(),
        };
        let sender = sandbox.job().log.lock().clone();
        LogSource {
            task: sandbox.id,
            name,
            sender,
        }
    }

    async fn submit(
        &mut self,
        calls: Vec<CallSpec<Resource>>,
        room: usize,
    ) -> Result<Vec<Resource>, TaskError> {
        let job = self.call.job().clone();
        let origin = Origin {
            caller: self.sandbox.order,
            parent: Some(self.call.lineage()),
            result_format: format::BINCODE,
        };
        let calls = submit::check(&job, calls)?;
        let handles: usize = calls.iter().map(submit::Checked::handles).sum();
        if handles > room {
            let message = format!("the calls give {handles} handles and there is room for {room}");
            return Err(TaskError::new(ErrorKind::BadArgument, message));
        }
        let mut charges = Vec::new();
        for (of, n) in submit::needs(&calls) {
            charges.push(self.charge(of, n).await?);
        }
        submit::start_all(&job, calls, &origin, charges)
    }

    fn room_now(&mut self, bytes: usize, refs: usize) -> Result<Option<Charge>, TaskError> {
        let account = &self.call.job().account;
        match account.charge(tenant::Resource::ObjectBytes, size_of_value(bytes, refs)) {
            Ok(charge) => Ok(Some(charge)),
            Err(over) if over.is_hopeless() => Err(over_limit(&over)),
            Err(_) => Ok(None),
        }
    }

    async fn room(&mut self, bytes: usize, refs: usize) -> Result<Charge, TaskError> {
        self.charge(tenant::Resource::ObjectBytes, size_of_value(bytes, refs))
            .await
    }

    fn files(&self) -> &MemFiles {
        &self.call.job().node.files
    }

    async fn read(&mut self, value: &Value, offset: u64, len: usize) -> Result<Place, TaskError> {
        loop {
            if let Some(contents) = self.fetch(value, false).await? {
                return Ok(Place::Memory(contents));
            }
            if let Some(spilled) = value.spilled() {
                let _blocked = self.call.blocked(BlockedOn::Disk);
                let piece = self.turn.block(Wait::Bounded, spilled.read(offset, len));
                return piece.await.map(Place::Disk).map_err(|e| unreadable(&e));
            }
        }
    }

    async fn bring_back(&mut self, value: &Value) -> Result<Option<Contents>, TaskError> {
        self.fetch(value, true).await
    }

    fn put(&mut self, value: Value) -> Result<ObjectRef, TaskError> {
        let object = ObjectRef::ready(self.call.job().next_object(), Ok(value.clone()));
        self.call.job().watch(&object, &value, &self.call);
        Ok(object)
    }

    async fn yield_item(&mut self, value: Value) -> Result<(), TaskError> {
        let Outputs::Stream(stream) = &self.call.outputs else {
            return Err(TaskError::new(
                ErrorKind::BadArgument,
                "only a streaming call yields items",
            ));
        };
        let (stream, job) = (stream.clone(), self.call.job().clone());
        let object = ObjectRef::ready(job.next_object(), Ok(value.clone()));
        job.watch(&object, &value, &self.call);
        let mut item = Some(object);
        let push = std::future::poll_fn(|cx| match item.take() {
            None => Poll::Ready(()),
            Some(object) => match stream.push(object, cx.waker()) {
                Ok(()) => Poll::Ready(()),
                Err(object) => {
                    item = Some(object);
                    Poll::Pending
                }
            },
        });
        let blocked = self.call.blocked(BlockedOn::Reader);
        self.turn.block(Wait::Forever, push).await;
        drop(blocked);
        if self.is_abandoned() {
            let message = "nobody reads the stream any more";
            return Err(TaskError::new(ErrorKind::Cancelled, message));
        }
        Ok(())
    }

    async fn wait(&mut self, waiting: Waiting, timeout: Option<Duration>) -> bool {
        if waiting.is_done() {
            return true;
        }
        let awaits = Awaits::Objects(waiting.awaited());
        let _blocked = self.call.blocked_for(BlockedOn::Objects, awaits);
        match timeout {
            None => {
                self.turn.block(Wait::Forever, waiting).await;
                true
            }
            Some(Duration::ZERO) => false,
            Some(limit) => self
                .turn
                .block(Wait::Bounded, tokio::time::timeout(limit, waiting))
                .await
                .is_ok(),
        }
    }

    async fn sleep(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn cancel(&mut self, of: &Resource, keep_children: bool) {
        let id = match of {
            Resource::Object(object) if object.outcome().is_none() => object.id(),
            Resource::Stream(stream) => stream.id(),
            Resource::Object(_) | Resource::Actor(_) => return,
        };
        super::cancel::cancel(self.call.job(), id, keep_children);
    }

    fn context(&mut self) -> Vec<u8> {
        let job = self.call.job();
        let node = &job.node;
        let (span, trace) = (self.call.span(), job.trace_context());
        let actor = match self.sandbox.kind() {
            Kind::Constructor(cell) => Some(cell),
            Kind::Main | Kind::Task | Kind::Method(..) | Kind::Request => None,
        };
        let context = json!({
            "job": job.id,
            "task": self.call.id,
            "name": self.call.name(),
            "actor": actor.map(|cell| cell.id),
            "attempt": self.call.attempt(),
            "job_attempt": job.options.attempt,
            "node": node.id,
            "slots": f64::from(node.slots) / f64::from(SLOT),
            "workers": node.workers,
            "slot": self.turn.slot_index(),
            "worker": self.turn.worker(),
            "pid": self.call.number(),
            "restarted": actor.is_some_and(|cell| cell.restarted.load(Ordering::Relaxed)),
            "traceparent": trace.traceparent(span),
            "tracestate": trace.state(),
            "dashboard_url": node.dashboard_url,
        });
        context.to_string().into_bytes()
    }

    fn actor_self(&self) -> Option<Resource> {
        let Kind::Constructor(cell) = self.sandbox.kind() else {
            return None;
        };
        Some(Resource::Actor(cell.self_handle()?))
    }

    fn actor_get(&self, name: &str) -> Option<Resource> {
        Some(Resource::Actor(self.call.job().actor_by_name(name)?))
    }

    fn actor_stop(&mut self, actor: &Resource, mode: StopMode) -> Result<(), TaskError> {
        actor::stop(ActorHandle::of(actor)?.cell(), mode);
        Ok(())
    }

    fn tick(&mut self) -> Tick {
        let job = self.call.job();
        let has_cpu_limit = job.stop_over_cpu_limit();
        if let Some(limit) = job.options.task_cpu_limit
            && self.turn.cpu() > limit
            && Guard::ProcessorTime.stands()
        {
            let message = format!(
                "it used more than {limit:?} of processor time, which is the limit of a task"
            );
            self.sandbox
                .cancel
                .request(TaskError::new(ErrorKind::Limit, message));
        }
        let interrupted = self.call.cancel.is_set() || self.sandbox.cancel.is_set();
        let limited =
            self.call.settings().timeout.is_some() || matches!(self.call.kind(), Kind::Main);
        // What it used is counted when it is suspended.
        let limited = limited || has_cpu_limit;
        self.ticks = self.ticks.wrapping_add(1);
        let limited = limited || self.ticks.is_multiple_of(COUNTED);
        if interrupted || limited || self.turn.should_yield() {
            Tick::Yield
        } else {
            Tick::Continue
        }
    }
}
