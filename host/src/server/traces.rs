//! What the calls of a job did and when.

use std::sync::Arc;

use axum::{extract::State, response::Response};

use super::{
    App,
    auth::Caller,
    extract::Named,
    jobs,
    problem::{Refusal, Result},
};
use crate::{
    api::{JobSummary, Problem},
    types::JobTrace,
};

/// The timeline of a job, as far as it came; for an hour after its end, while the server runs.
#[utoipa::path(get, path = "/v1/jobs/{id}/trace", tag = "jobs", params(("id" = String, Path, description = "The job's id.")),
    responses((status = 200, body = JobTrace), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn trace(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Response> {
    let answer = caller.answer(&app).await?;
    let trace = find(&app, &caller, &id).await?;
    app.blocking(move || answer.list(&*trace)).await?
}

/// The numbers of each function that a job called: how many calls, how they ended, what they took.
#[utoipa::path(get, path = "/v1/jobs/{id}/summary", tag = "jobs", params(("id" = String, Path, description = "The job's id.")),
    responses((status = 200, body = JobSummary), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn summary(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Response> {
    let answer = caller.answer(&app).await?;
    let trace = find(&app, &caller, &id).await?;
    let functions = trace.functions.clone();
    answer.list(&JobSummary { functions })
}

async fn find(app: &App, caller: &Caller, id: &str) -> Result<Arc<JobTrace>> {
    let job = jobs::find(app, caller, id).await?;
    let daemon = app.daemon.clone();
    let trace = app.blocking(move || daemon.trace(job.id)).await?;
    trace.ok_or_else(|| {
        let why = if job.phase.is_ended() {
            "it ended more than an hour ago or before the server was started, or later jobs took its place"
        } else {
            "it has not begun to run"
        };
        let id = job.id;
        Refusal::not_found(format!("there is no timeline of job {id}: {why}"))
    })
}
