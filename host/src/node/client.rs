//! A job from the outside: the handle that the command line drives now and a server later.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;
use tokio::sync::mpsc;
use wrun_abi::{CallOptions, format};

use super::{
    result::Ready,
    services::Room,
    state::{JobEnd, JobState},
    submit::{self, Origin},
};
use crate::{
    job::{Events, TaskRecord},
    store::Resource,
    types::{
        Arg, CallSpec, ErrorKind, Event, FunctionSummary, JobId, JobStats, JobTrace, LogLine,
        Target, TaskError, ValueData,
    },
};

/// A running job. Dropping the last clone cancels it.
#[derive(Debug, Clone)]
pub struct Job(Arc<Owner>);

#[derive(Debug)]
struct Owner {
    state: Arc<JobState>,
    logs: parking_lot::Mutex<Option<mpsc::Receiver<LogLine>>>,
    /// Whether a driver ends the job; else its handle does.
    driven: bool,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.state.cancel(TaskError::new(
            ErrorKind::Cancelled,
            "the job's handle was dropped",
        ));
    }
}

impl Job {
    pub(crate) fn new(
        state: Arc<JobState>,
        logs: Option<mpsc::Receiver<LogLine>>,
        driven: bool,
    ) -> Self {
        Self(Arc::new(Owner {
            state,
            logs: parking_lot::Mutex::new(logs),
            driven,
        }))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.0.state.id
    }

    /// Calls a task with arguments that serialize to a sequence: a tuple, an array, a `Vec`.
    ///
    /// Waits only while the queue is full; the task's own end is the [`Pending`]'s.
    ///
    /// # Errors
    /// `NotFound` for an unknown task, `BadArgument` for arguments that are no sequence or of the wrong number; `Limit`
    /// and `WouldDeadlock` when there is no room for the call.
    pub async fn call(&self, task: &str, args: impl Serialize) -> Result<Pending, TaskError> {
        let target = Target::Task(task.into());
        self.submit(CallSpec {
            target,
            args: arguments(args)?,
            options: CallOptions::default(),
        })
        .await
    }

    /// Calls a task with JSON arguments and options.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_json(
        &self,
        task: &str,
        args: Vec<Json>,
        options: CallOptions,
    ) -> Result<Pending, TaskError> {
        let target = Target::Task(task.into());
        self.submit(CallSpec {
            target,
            args: args.iter().map(json_arg).collect(),
            options,
        })
        .await
    }

    /// Makes an actor: its constructor runs with these arguments.
    ///
    /// # Errors
    /// As [`call`](Self::call), and `Exists` when its name is taken.
    pub async fn actor(
        &self,
        class: &str,
        args: impl Serialize,
        options: CallOptions,
    ) -> Result<Actor, TaskError> {
        let spec = CallSpec {
            target: Target::Constructor(class.into()),
            args: arguments(args)?,
            options,
        };
        let handle = self.submit(spec).await?.results.pop();
        Ok(Actor {
            handle: handle.expect("a constructor gives its actor"),
            job: self.clone(),
        })
    }

    /// The living actor registered under `name`, of this job or detached.
    #[must_use]
    pub fn get_actor(&self, name: &str) -> Option<Actor> {
        let handle = Resource::Actor(self.0.state.actor_by_name(name)?);
        Some(Actor {
            handle,
            job: self.clone(),
        })
    }

    /// Runs a recorded task again from its recorded inputs, in this job.
    ///
    /// # Errors
    /// As [`call`](Self::call), and `BadArgument` when its inputs lead to actors or to objects that were not there.
    pub async fn replay(&self, record: &TaskRecord) -> Result<Pending, TaskError> {
        let args = super::record::arguments(&self.0.state, record)?;
        let options = CallOptions {
            memory: Some(record.memory),
            max_retries: Some(0),
            ..CallOptions::default()
        };
        self.submit(CallSpec {
            target: Target::Task(record.task.as_str().into()),
            args,
            options,
        })
        .await
    }

    async fn submit(&self, spec: CallSpec<Resource>) -> Result<Pending, TaskError> {
        let state = &self.0.state;
        let origin = Origin {
            caller: state.host,
            parent: None,
            result_format: format::JSON,
        };
        // Nothing else may run that would have done it.
        state.node.times.renew();
        let calls = submit::check(state, vec![spec])?;
        let mut charges = Vec::new();
        for (of, n) in submit::needs(&calls) {
            charges.push(Room::new(&state.account, &state.tenant.queue, of, n).await?);
        }
        Ok(Pending {
            results: submit::start_all(state, calls, &origin, charges)?,
            job: self.clone(),
        })
    }

    /// What its guests print, line by line, if [`JobOptions::logs`](crate::JobOptions) asked for it and nobody took it
    /// yet. It ends with the job.
    #[must_use]
    pub fn logs(&self) -> Option<mpsc::Receiver<LogLine>> {
        self.0.logs.lock().take()
    }

    /// What happens in it, if [`JobOptions::events`](crate::JobOptions) asked for it: the first to ask hears it from the
    /// job's beginning, others from now on. A reader that is too slow loses the oldest and is told how many.
    #[must_use]
    pub fn events(&self) -> Option<Events> {
        self.0.state.emitter.subscribe()
    }

    /// From now on its listener hears of its events, if it has one.
    pub fn tell_events(&self) {
        self.0.state.emitter.start();
    }

    /// [`logs`](Self::logs) as a stream.
    #[must_use]
    pub fn log_stream(&self) -> Option<impl Stream<Item = LogLine> + Send + Unpin + use<>> {
        let mut lines = self.logs()?;
        Some(stream::poll_fn(move |cx| lines.poll_recv(cx)))
    }

    /// [`events`](Self::events) as a stream.
    #[must_use]
    pub fn event_stream(&self) -> Option<impl Stream<Item = Event> + Send + use<>> {
        let events = self.events()?;
        let next = |mut events: Events| async move { Some((events.recv().await?, events)) };
        Some(stream::unfold(events, next))
    }

    /// Waits for its end. Output that nobody took is discarded from now on.
    ///
    /// A job without a `main` ends with [`close`](Self::close), [`cancel`](Self::cancel) or its timeout.
    pub async fn wait(&self) -> JobEnd {
        drop(self.0.logs.lock().take());
        let mut end = self.0.state.end.subscribe();
        let end = end
            .wait_for(Option::is_some)
            .await
            .expect("the job's state holds the sender");
        end.clone().expect("waited for one")
    }

    /// Ends a job that has no `main`: cancels what still runs.
    pub async fn close(&self) -> JobEnd {
        if !self.0.driven {
            self.0.state.finish(0, None, 0).await;
        }
        self.wait().await
    }

    /// Cancels it, for this reason. It ends within a tick; [`wait`](Self::wait) tells when.
    pub fn cancel(&self, kind: ErrorKind, message: &str) {
        self.0.state.cancel(TaskError::new(kind, message));
    }

    /// What its calls did and when, if [`JobOptions::trace`](crate::JobOptions) asked for it.
    #[must_use]
    pub fn trace(&self) -> Option<JobTrace> {
        self.0.state.trace.as_ref().map(|trace| trace.view())
    }

    /// The numbers of each function that it called, as [`trace`](Self::trace) has them.
    #[must_use]
    pub fn functions(&self) -> Option<Vec<FunctionSummary>> {
        let trace = self.0.state.trace.as_ref();
        trace.map(|trace| trace.functions())
    }

    /// Its numbers so far.
    #[must_use]
    pub fn stats(&self) -> JobStats {
        self.0.state.stats()
    }
}

fn json_arg(json: &Json) -> Arg<Resource> {
    let mut bytes = vec![format::JSON];
    serde_json::to_writer(&mut bytes, json).expect("JSON values serialize into memory");
    Arg::Value(ValueData::plain(Bytes::from(bytes)))
}

/// The elements of something that serializes to a sequence.
fn arguments(args: impl Serialize) -> Result<Vec<Arg<Resource>>, TaskError> {
    let bad = |what: String| TaskError::new(ErrorKind::BadArgument, what);
    match serde_json::to_value(args)
        .map_err(|e| bad(format!("the arguments don't serialize: {e}")))?
    {
        Json::Array(args) => Ok(args.iter().map(json_arg).collect()),
        Json::Null => Ok(Vec::new()),
        other => Err(bad(format!(
            "the arguments must be a sequence, such as a tuple, not {other}"
        ))),
    }
}

/// A handle of an actor. When the last one is gone, here and in guests, the actor ends after its pending calls.
#[derive(Debug, Clone)]
pub struct Actor {
    handle: Resource,
    job: Job,
}

impl Actor {
    /// Calls a method with arguments that serialize to a sequence. Calls from the host run in the order they are made.
    ///
    /// # Errors
    /// As [`Job::call`].
    pub async fn call(&self, method: &str, args: impl Serialize) -> Result<Pending, TaskError> {
        let target = Target::Method(self.handle.clone(), method.into());
        self.job
            .submit(CallSpec {
                target,
                args: arguments(args)?,
                options: CallOptions::default(),
            })
            .await
    }

    /// Kills it at once: pending calls fail with `ActorDied`.
    pub fn kill(&self) {
        self.stop(wrun_abi::StopMode::Kill);
    }

    /// Lets it end after its pending calls.
    pub fn terminate(&self) {
        self.stop(wrun_abi::StopMode::Terminate);
    }

    fn stop(&self, mode: wrun_abi::StopMode) {
        if let Ok(handle) = super::actor::ActorHandle::of(&self.handle) {
            super::actor::stop(handle.cell(), mode);
        }
    }
}

/// The results of a call that may not be there yet.
#[derive(Debug, Clone)]
pub struct Pending {
    results: Vec<Resource>,
    job: Job,
}

impl Pending {
    /// Waits for the result and reads it.
    ///
    /// # Errors
    /// The call's own error, or `BadResult` when the result is no `T`.
    pub async fn get<T: DeserializeOwned>(&self) -> Result<T, TaskError> {
        let text = self.ready(u64::MAX).await?.json(u64::MAX).await?;
        serde_json::from_str(&text)
            .map_err(|e| TaskError::new(ErrorKind::BadResult, format!("the result: {e}")))
    }

    /// Waits for the result: one value, or an array when the call has several or streams them.
    ///
    /// # Errors
    /// The call's own error.
    pub async fn json(&self) -> Result<Json, TaskError> {
        self.get().await
    }

    /// Waits for the result, as long as it has at most `limit` bytes.
    ///
    /// # Errors
    /// The call's own error, or `Limit`.
    pub async fn ready(&self, limit: u64) -> Result<Ready, TaskError> {
        Ready::wait(&self.results, limit).await
    }

    /// Cancels the call and those it made.
    pub fn cancel(&self) {
        let id = match self.results.first() {
            Some(Resource::Object(object)) => object.id(),
            Some(Resource::Stream(stream)) => stream.id(),
            Some(Resource::Actor(_)) | None => return,
        };
        super::cancel::cancel(&self.job.0.state, id, false);
    }
}
