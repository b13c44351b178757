//! HTTP requests: calls of the host's function `http`, which run in no sandbox.
//!
//! A request is a call as any other, with a place in the queue, an object that it makes, events, a registry entry and a
//! way to be cancelled; its fiber holds no slot. It stays QUEUED, with its place charged, until the tenant may make one
//! more request. While it runs, what it keeps of the response is charged as an object's bytes, and then is the object.

use std::{
    pin::pin,
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use wrun_abi::http::NAME;

use super::{
    call::{Call, Settings},
    run::{HostBug, interruptible},
    services::{CallServices, OBJECT_BYTES},
};
use crate::{
    outbound::{OutboundError, Permit, Room},
    sandbox::{FunctionInfo, HostServices as _, ParamInfo},
    scheduler::Turn,
    store::{Contents, INLINE_MAX, Value},
    tenant::{Charge, Resource},
    types::{Blob, CallOptions, ErrorKind, TaskError},
};

/// What a request takes while it waits to begin, about: its fiber and its place in line.
pub(super) const FIBER_BYTES: usize = 4 << 10;

static FUNCTION: LazyLock<Arc<FunctionInfo>> = LazyLock::new(|| {
    Arc::new(FunctionInfo {
        name: NAME.into(),
        export: 0,
        params: vec![ParamInfo {
            name: "request".to_owned(),
            ty: "Request".to_owned(),
        }],
        returns: Some("Response".to_owned()),
        num_returns: 1,
        stream: false,
        doc: None,
        options: CallOptions::default(),
    })
});

/// The host's function of that name.
pub(super) fn function(name: &str) -> Option<&'static Arc<FunctionInfo>> {
    (name == NAME).then(|| &*FUNCTION)
}

/// Of a request: it takes no slot and is never retried.
pub(super) fn settings(options: &CallOptions) -> Settings {
    Settings {
        timeout: options.timeout,
        ..Settings::default()
    }
}

/// Runs a request to its end.
pub(super) async fn run(call: Arc<Call>, turn: Turn) {
    let tenant = call.job().tenant.clone();
    let permit = {
        let enter = pin!(tenant.http.enter());
        interruptible(&call, None, enter).await
    };
    let permit = match permit {
        Ok(permit) => permit,
        // Whoever cancelled it has ended it, since it did not run.
        Err(reason) => return fail(&call, reason),
    };
    if !call.begin() {
        return;
    }
    let guard = HostBug::of(&call);
    let ended = match permit {
        Ok(permit) => {
            // On the heap, and only from here on: most of what waits is requests that did not begin.
            let work = Box::pin(within(&call, turn, &permit));
            interruptible(&call, None, pin!(work))
                .await
                .and_then(|end| end)
        }
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(value) => {
            call.end(Ok(vec![value]));
        }
        Err(error) => fail(&call, error),
    }
    guard.defuse();
}

fn fail(call: &Call, error: TaskError) {
    call.end(Err(call.error(error)));
}

/// The request within its time.
async fn within(call: &Arc<Call>, turn: Turn, permit: &Permit) -> Result<Value, TaskError> {
    let most = permit.timeout();
    let limit = call
        .settings()
        .timeout
        .map_or(most, |asked| asked.min(most));
    match tokio::time::timeout(limit, respond(call, turn, permit)).await {
        Ok(end) => end,
        Err(_) => Err(out_of_time(limit)),
    }
}

fn out_of_time(limit: Duration) -> TaskError {
    let message = format!("the HTTP request took longer than its limit of {limit:?}");
    TaskError::new(ErrorKind::Timeout, message)
}

async fn respond(call: &Arc<Call>, turn: Turn, permit: &Permit) -> Result<Value, TaskError> {
    let mut services = CallServices::new(call.clone(), turn);
    let (request, _copy) = request(call, &mut services, permit).await?;
    let mut kept = Kept::new(services).await?;
    let bytes = permit.exchange(&request, &mut kept).await;
    kept.store(bytes.map_err(TaskError::from)?)
}

/// The call's argument on the heap, and what pays for a copy of it.
async fn request(
    call: &Call,
    services: &mut CallServices,
    permit: &Permit,
) -> Result<(Bytes, Option<Charge>), TaskError> {
    let bad = |what: &str| TaskError::new(ErrorKind::BadArgument, what);
    let args = call.arguments().map_err(|error| (*error).clone())?;
    let [value] = &args[..] else {
        return Err(bad("`http` takes one argument"));
    };
    if value.ref_count() > 0 {
        return Err(bad("a request can't refer to objects"));
    }
    if value.len() > permit.request_bytes() {
        let (what, limit) = ("the request", permit.request_bytes());
        return Err(OutboundError::TooLarge { what, limit }.into());
    }
    let copy = match value.is_large() {
        true => Some(services.charge(Resource::ObjectBytes, value.len()).await?),
        false => None,
    };
    let bytes = value.to_bytes().await;
    let bytes = bytes.map_err(|error| {
        let message = format!("the request can't be read back: {error}");
        TaskError::new(ErrorKind::System, message)
    })?;
    Ok((bytes, copy))
}

/// What is kept of a response, and its room in the store.
struct Kept {
    services: CallServices,
    charge: Charge,
}

impl Kept {
    async fn new(mut services: CallServices) -> Result<Self, TaskError> {
        let n = OBJECT_BYTES as u64;
        let charge = services.charge(Resource::ObjectBytes, n).await?;
        Ok(Self { services, charge })
    }

    /// Makes the whole response a value.
    fn store(mut self, bytes: Vec<u8>) -> Result<Value, TaskError> {
        let held = self.charge.amount();
        self.charge
            .shrink(held.saturating_sub((OBJECT_BYTES + bytes.len()) as u64));
        let contents = match bytes.split_first() {
            Some((format, payload)) if bytes.len() > INLINE_MAX => {
                let file = self.services.files().store(payload);
                let file = file.map_err(|error| {
                    let message = format!("the object store failed: {error}");
                    TaskError::new(ErrorKind::System, message)
                })?;
                Contents::File(*format, file)
            }
            _ => Contents::Inline(Blob::copy_from_slice(&bytes)),
        };
        Ok(Value::with(contents, Vec::new(), Some(self.charge)))
    }
}

impl Room for Kept {
    async fn make(&mut self, total: usize) -> Result<(), TaskError> {
        let needed = (OBJECT_BYTES + total) as u64;
        let more = needed.saturating_sub(self.charge.amount());
        if more > 0 && self.charge.grow(more).is_err() {
            let more = self.services.charge(Resource::ObjectBytes, more).await?;
            self.charge.absorb(more);
        }
        Ok(())
    }
}
