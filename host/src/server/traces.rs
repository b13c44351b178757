//! What the calls of a job did and when.

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
    daemon::Daemon,
    types::{JobId, JobTrace},
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
    let write = |daemon: &Daemon, id| daemon.trace(id).map(|trace| answer.list(&*trace));
    find(&app, &caller, &id, write).await?
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
    let write = |daemon: &Daemon, id| {
        let functions = daemon.functions(id)?;
        Some(answer.list(&JobSummary { functions }))
    };
    find(&app, &caller, &id, write).await?
}

/// What somebody sees of what a job's calls did.
async fn find<T: Send + 'static>(
    app: &App,
    caller: &Caller,
    id: &str,
    look: impl FnOnce(&Daemon, JobId) -> Option<T> + Send + 'static,
) -> Result<T> {
    let job = jobs::find(app, caller, id).await?;
    let (daemon, id) = (app.daemon.clone(), job.id);
    let found = app.reading(caller.payer(app)?, move || look(&daemon, id));
    found.await?.ok_or_else(|| {
        let why = if job.phase.is_ended() {
            "it ended more than an hour ago or before the server was started, or later jobs took its place"
        } else {
            "it has not begun to run"
        };
        Refusal::not_found(format!("there is no timeline of job {id}: {why}"))
    })
}
