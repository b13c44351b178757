//! Running calls: one attempt of a task, the driver, and what follows when an attempt ends.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use super::{
    actor,
    call::{Call, Kind},
    faults::Fault,
    request,
    services::CallServices,
};
use crate::{
    rt::guard::Guard,
    sandbox::{CallEnd, CallFrame, Sandbox},
    scheduler::{Execute, Turn},
    store::Value,
    types::{ErrorKind, TaskError},
};

/// A call in the scheduler's queue.
#[derive(Debug)]
pub(crate) struct QueuedCall(pub(crate) Arc<Call>);

impl Execute for QueuedCall {
    fn slots(&self) -> u32 {
        self.0.settings().slots
    }

    fn execute(self, turn: Turn) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // Each is as large as it must be: there may be many of both.
        match self.0.kind() {
            Kind::Constructor(cell) => Box::pin(run_actor(cell.clone(), self.0, turn)),
            Kind::Request => Box::pin(request::run(self.0, turn)),
            Kind::Main | Kind::Task | Kind::Method(..) => Box::pin(run_task(self.0, turn)),
        }
    }
}

async fn run_task(call: Arc<Call>, mut turn: Turn) {
    if !call.begin() {
        return;
    }
    let guard = HostBug::of(&call);
    let placed = call.placed(&mut turn);
    let end = {
        let attempt = pin!(attempt(&call, turn));
        interruptible(&call, call.settings().timeout, attempt).await
    };
    call.spent(placed);
    settle(&call, end.and_then(|end| end.outcome));
    guard.defuse();
}

async fn run_actor(cell: Arc<actor::ActorCell>, call: Arc<Call>, turn: Turn) {
    if !call.begin() {
        return;
    }
    let guard = HostBug::of(&call);
    actor::live(&call, &cell, turn).await;
    guard.defuse();
}

/// Runs a job's `main` to its end and the job with it. It holds no slot: `turn` has none.
pub(crate) async fn drive(call: Arc<Call>, mut turn: Turn) {
    let job = call.job().clone();
    let limit = job.options.timeout;
    let guard = HostBug::of(&call);
    let end = if call.queue() && call.begin() {
        let placed = call.placed(&mut turn);
        let attempt = pin!(attempt(&call, turn));
        let end = interruptible(&call, limit, attempt).await;
        call.spent(placed);
        end
    } else {
        Err(call
            .cancel
            .reason()
            .unwrap_or_else(|| TaskError::new(ErrorKind::Cancelled, "the job was cancelled")))
    };
    let (exit_code, error) = match end {
        // Who calls `proc_exit` has said what there was to say.
        Ok(CallEnd {
            exit_code: Some(code),
            ..
        }) => (code, None),
        Ok(end) => (i32::from(end.outcome.is_err()), end.outcome.err()),
        Err(error) => (1, Some(error)),
    };
    let error = error.map(|error| error.of(call.name(), call.id, 0));
    call.end(match &error {
        None => Ok(Vec::new()),
        Some(error) => Err(Arc::new(error.clone())),
    });
    guard.defuse();
    job.finish(exit_code, error, 1).await;
}

/// Runs `future` until it is done, the call is cancelled, or its time is over; the caller drops it then.
///
/// Taken by reference, since a future that is moved into another takes its room there twice.
pub(crate) async fn interruptible<F: Future>(
    call: &Call,
    limit: Option<Duration>,
    mut future: Pin<&mut F>,
) -> Result<F::Output, TaskError> {
    let mut deadline = pin!(limit.map(tokio::time::sleep));
    poll_fn(|cx| {
        if let Some(reason) = call.cancel.poll(cx) {
            return Poll::Ready(Err(reason));
        }
        if let Some(sleep) = deadline.as_mut().as_pin_mut()
            && sleep.poll(cx).is_ready()
            && Guard::WallTime.stands()
        {
            let limit = limit.unwrap_or_default();
            let message = if matches!(call.kind(), Kind::Main) {
                format!("the job took longer than its limit of {limit:?} (`--timeout`)")
            } else {
                format!("it took longer than its limit of {limit:?} (the call option `timeout`)")
            };
            return Poll::Ready(Err(TaskError::new(ErrorKind::Timeout, message)));
        }
        future.as_mut().poll(cx).map(Ok)
    })
    .await
}

/// One attempt of a task or of `main`, in a fresh sandbox.
async fn attempt(call: &Arc<Call>, turn: Turn) -> CallEnd {
    let args = match call.arguments() {
        Ok(args) => args,
        Err(error) => return failed((*error).clone()),
    };
    match sandbox(call, turn).await {
        Ok(mut sandbox) => {
            let end = sandbox.call(call.function(), frame(call, args)).await;
            call.has_memory(|| sandbox.memory_bytes());
            #[cfg(feature = "guard-switch")]
            super::reuse::keep(sandbox);
            end
        }
        Err(error) => failed(error),
    }
}

fn failed(error: TaskError) -> CallEnd {
    CallEnd {
        outcome: Err(error),
        exit_code: None,
        dead: true,
    }
}

/// A fresh sandbox for a call, which holds `turn`.
pub(crate) async fn sandbox(
    call: &Arc<Call>,
    turn: Turn,
) -> Result<Sandbox<CallServices>, TaskError> {
    match call.job().node.faults.strike(call.name(), call.attempt()) {
        None => {}
        Some(Fault::HostBug) => panic!("a fault made on purpose"),
        Some(Fault::MemoryRefused) => {
            return Err(TaskError::new(
                ErrorKind::System,
                "the operating system refused memory for the sandbox",
            ));
        }
        Some(Fault::Restart) => {
            return Err(TaskError::new(ErrorKind::System, "the node restarted"));
        }
    }
    let job = call.job();
    // Calls that are too short to be interrupted count too.
    job.stop_over_cpu_limit();
    let services = CallServices::new(call.clone(), turn);
    #[cfg(feature = "guard-switch")]
    let services = match super::reuse::take(&job.module, services) {
        Ok(sandbox) => return Ok(sandbox),
        Err(services) => services,
    };
    let sandbox = job
        .module
        .instantiate(services, call.settings().memory)
        .await?;
    job.counters.sandboxes.add();
    if !sandbox.in_pool() {
        job.counters.outside_pool.add();
    }
    Ok(sandbox)
}

/// What the sandbox is told of a call.
pub(crate) fn frame(call: &Call, args: Vec<Value>) -> CallFrame {
    CallFrame {
        args,
        result_format: call.result_format(),
        num_returns: call.function().num_returns,
    }
}

/// An attempt of a task has ended: another one, or its results.
fn settle(call: &Arc<Call>, outcome: Result<Vec<Value>, TaskError>) {
    match outcome {
        Ok(values) => {
            call.end(Ok(values));
        }
        Err(error)
            if call.wants_retry(&error)
                && !call.job().is_closing()
                && call.begin_again(error.kind) =>
        {
            // Who cancelled it just before saw it run and left the rest to this.
            match call.cancel.reason() {
                Some(reason) => {
                    call.end(Err(call.error(reason)));
                }
                None => super::submit::enqueue(call),
            }
        }
        Err(error) => {
            let mut error = error.of(call.name(), call.id, call.attempt());
            super::record::record(call, &mut error);
            call.end(Err(call.error(error)));
        }
    }
}

/// Ends a call whose fiber is dropped before it ended the call: the host panicked.
pub(super) struct HostBug(Option<Arc<Call>>);

impl HostBug {
    pub(super) fn of(call: &Arc<Call>) -> Self {
        Self(Some(call.clone()))
    }

    pub(super) fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for HostBug {
    fn drop(&mut self) {
        let Some(call) = self.0.take() else { return };
        tracing::error!(
            target: "wrun::bug", job = %call.job().id, call = call.number(), name = &**call.name(),
            "the host failed while it ran a call; this is a bug in wrun"
        );
        let error = TaskError::new(
            ErrorKind::System,
            "the host failed while it ran this call; this is a bug in wrun",
        );
        match call.kind() {
            Kind::Constructor(cell) => actor::crashed(&call, cell, error),
            Kind::Main => {
                let error = call.error(error);
                call.end(Err(error.clone()));
                let job = call.job().clone();
                let tokio = job.node.tokio.clone();
                tokio.spawn(async move { job.finish(1, Some((*error).clone()), 0).await });
            }
            Kind::Request => {
                call.end(Err(call.error(error)));
            }
            Kind::Task | Kind::Method(..) => settle(&call, Err(error)),
        }
    }
}
