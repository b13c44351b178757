//! Stopping calls.

use std::sync::Arc;

use super::{
    call::{Call, Kind},
    state::JobState,
};
use crate::{
    job::Lineage,
    types::{ErrorKind, TaskError},
};

/// Stops a call: one that waits ends at once, one that runs within a tick.
///
/// A method that runs goes on: to interrupt it would kill the actor, and others may need that; an actor's own call is
/// its constructor's, and stopping that kills the actor.
pub(crate) fn stop(call: &Arc<Call>, reason: TaskError) {
    match &call.kind {
        Kind::Method(actor, caller) => {
            let number = call.number();
            let waited = actor.mailbox.remove(*caller, number, |held| held.number() == number);
            // At the end of its job nobody waits for it any more, even if the actor, a detached
            // one, goes on with it.
            if waited.is_some() || !call.is_running() || call.job.is_closing() {
                call.end(Err(call.error(reason)));
            }
        }
        Kind::Constructor(actor) => {
            let error = TaskError::new(
                ErrorKind::ActorDied,
                format!("the actor was stopped: {}", reason.message),
            );
            super::actor::kill(actor, call, error);
        }
        Kind::Main | Kind::Task => {
            call.cancel.request(reason.clone());
            if !call.is_running() {
                call.end(Err(call.error(reason)));
            }
        }
    }
}

/// Cancels call `number` of a job and, unless they are to be kept, the calls that it made and those that they made.
pub(crate) fn cancel(job: &JobState, number: u64, keep_children: bool) {
    let reason = || TaskError::new(ErrorKind::Cancelled, "the task was cancelled");
    let call = job.registry.get(number);
    if !keep_children {
        let made_by = |lineage: &Arc<Lineage>| lineage.descends_from(number);
        for child in job
            .registry
            .select(|child| child.parent.as_ref().is_some_and(made_by))
        {
            // Actors outlive the calls that made them.
            if !matches!(child.kind, Kind::Constructor(_)) {
                stop(&child, reason());
            }
        }
    }
    if let Some(call) = call {
        stop(&call, reason());
    }
}
