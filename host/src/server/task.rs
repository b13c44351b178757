//! One task: why it is where it is.

use axum::{extract::State, response::Response};

use super::{
    App,
    auth::Caller,
    extract::Named,
    jobs,
    problem::{Refusal, Result},
    state::{On, looking},
};
use crate::{
    api::Problem,
    ledger::JobPhase,
    types::{JobId, TaskId, TaskSpan, TaskWhy},
};

/// Why a task is where it is: what it waits for, down to what really runs or is stuck, or what it failed with, down to the first
/// cause. Of one that has ended well, what its job's timeline has of it.
#[utoipa::path(get, path = "/v1/tasks/{id}", tag = "state",
    params(("id" = String, Path, description = "The task's id, as `GET /v1/tasks` has it.")),
    responses((status = 200, body = TaskWhy), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Named(text): Named<String>,
) -> Result<Response> {
    let answer = caller.answer(&app).await?;
    let Some(id) = id_of(&text) else {
        let text = text.escape_debug();
        return Err(Refusal::not_found(format!("there is no task `{text}`"))
            .help("a task's id has 32 digits; `wrun list tasks` shows those that there are"));
    };
    let about = caller.about().cloned();
    let look = move |on: On<'_>| match on {
        On::Tenant(tenant) => tenant.why(id),
        On::All(node) => node.why(id),
    };
    if let Some(why) = looking(&app, about, look).await? {
        return answer.list(&why);
    }
    let span = ended(&app, &caller, id).await?;
    answer.list(&TaskWhy {
        ended: Some(span),
        ..TaskWhy::default()
    })
}

fn id_of(text: &str) -> Option<TaskId> {
    let is_one = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| text.parse().ok()).flatten()
}

/// The last attempt of a task that has ended, from its job's timeline.
async fn ended(app: &App, caller: &Caller, id: TaskId) -> Result<TaskSpan> {
    let job = jobs::find(app, caller, &id.job().to_string()).await?;
    let daemon = app.daemon.clone();
    let look = move || {
        let trace = daemon.trace(job.id)?;
        let own = trace.spans.iter().filter(|span| span.number == id.number());
        own.max_by_key(|span| span.attempt).cloned()
    };
    let span = app.reading(caller.payer(app)?, look).await?;
    span.ok_or_else(|| not_known(id, job.id, job.phase))
}

fn not_known(id: TaskId, job: JobId, phase: JobPhase) -> Refusal {
    let number = id.number();
    let why = if phase.is_ended() {
        "its timeline, which is kept for an hour and while the server runs, has no such task"
    } else {
        "no task of that number waits or runs, none is kept as failed, and its timeline has none so far"
    };
    Refusal::not_found(format!(
        "nothing is known of task {number} of job {job}, which is {phase}: {why}"
    ))
}
