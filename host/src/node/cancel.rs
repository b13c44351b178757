//! Stopping calls.

use std::sync::Arc;

use super::{
    call::{Call, Kind},
    state::JobState,
};
use crate::{
    job::Lineage,
    types::{ErrorKind, ObjectId, TaskError},
};

/// Stops a call: one that waits ends at once, one that runs within a tick.
///
/// A method that runs goes on: to interrupt it would kill the actor, and others may need that; an actor's own call is
/// its constructor's, and stopping that kills the actor.
pub(crate) fn stop(call: &Arc<Call>, reason: TaskError) {
    match call.kind() {
        Kind::Method(actor, caller) => {
            let waited = actor.mailbox.remove(*caller, call.order);
            // At the end of its job nobody waits for it any more, even if the actor, a detached
            // one, goes on with it.
            if waited.is_some() || !call.is_running() || call.job().is_closing() {
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
        Kind::Main | Kind::Task | Kind::Request => {
            call.cancel.request(reason.clone());
            if !call.is_running() {
                call.end(Err(call.error(reason)));
            }
        }
    }
}

/// Cancels the call that makes `object`, named by somebody in `job`, and, unless they are to be kept, the calls that it
/// made and those that they made. A call that has ended has none that could be cancelled through it.
pub(crate) fn cancel(job: &Arc<JobState>, object: ObjectId, keep_children: bool) {
    let (reason, number) = (
        || TaskError::new(ErrorKind::Cancelled, "the task was cancelled"),
        object.call_number(),
    );
    // What a detached actor gives may be another job's.
    let other = if object.job() == job.id {
        Some(job.clone())
    } else {
        job.node.job(object.job())
    };
    let Some(job) = other else { return };
    let Some(call) = job.registry.get(number) else {
        return;
    };
    if !keep_children {
        let made_by = |lineage: &Arc<Lineage>| lineage.descends_from(number);
        for child in job
            .registry
            .select(|child| child.parent().is_some_and(made_by))
        {
            // Actors outlive the calls that made them.
            if !matches!(child.kind(), Kind::Constructor(_)) {
                stop(&child, reason());
            }
        }
    }
    stop(&call, reason());
}
