//! Jobs: submitted, looked at, followed, cancelled.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    App,
    auth::Caller,
    extract::{Named, Params},
    follow::{Follow, Lines, Reader},
    modules,
    observe::Traced,
    problem::{Refusal, Result},
};
use crate::{
    api::{DroppedLogs, JobList, JobLogs, JobRequest, JobState, JobView, KEY_HEADER, Problem},
    daemon::{Daemon, LiveJob, LogBuffer, NewRequest, TenantSlot},
    ledger::{JobCall, JobPhase, JobRecord, JobSpec, JsonText, Submitted, TenantName},
    types::JobId,
};

/// How many jobs a list has at most.
const MAX_LIST: usize = 1_000;
/// How long a request for a result may wait.
const MAX_WAIT: u64 = 300;

/// Accepts a job. It is on disk when the answer comes, and runs; the same key again gives the same job.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", request_body = JobRequest,
    params(("idempotency-key" = Option<String>, Header, description = "However often a request comes with this key, it is one job."),
        ("traceparent" = Option<String>, Header, description = "The trace that the job belongs to, as in W3C Trace Context; one of its own if this is missing or malformed."),
        ("tracestate" = Option<String>, Header, description = "What goes with it.")),
    responses((status = 201, body = JobView), (status = 200, body = JobView, description = "The key's job, which was there already."),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem), (status = 507, body = Problem)))]
pub(super) async fn submit(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Traced(trace): Traced,
    request: std::result::Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<(StatusCode, Json<JobView>)> {
    caller.may_submit()?;
    let tenant = caller.tenant(&app)?;
    let request: JobRequest = super::read(request)?;
    let key = match headers.get(KEY_HEADER).map(|key| key.to_str()) {
        None => None,
        Some(Ok(key)) => Some(key.to_owned()),
        Some(Err(_)) => return Err(Refusal::bad_request("the idempotency key is no ASCII text")),
    };
    let request = NewRequest {
        module: modules::parse(&request.module)?,
        spec: spec(request)?,
        key,
        trace,
    };
    let submitted = app.daemon.submit(&tenant, request).await?;
    let status = match submitted {
        Submitted::New(_) => StatusCode::CREATED,
        Submitted::Existing(_) => StatusCode::OK,
    };
    Ok((status, Json(view(&app.daemon, submitted.job()))))
}

fn spec(request: JobRequest) -> Result<JobSpec> {
    if request.task.is_some() && !request.args.is_empty() {
        return Err(Refusal::bad_request(
            "`args` are the program's, for its `main`; give a task its own in `task.args`",
        ));
    }
    for name in request.env.keys() {
        if name.is_empty() || name.contains(['=', '\0']) {
            let name = name.escape_debug();
            return Err(Refusal::bad_request(format!(
                "`{name}` is no name of a variable"
            )));
        }
    }
    let most = i64::MAX.unsigned_abs();
    let times = [request.timeout_ms, request.cpu_limit_ms];
    if times.into_iter().flatten().any(|time| time > most) {
        return Err(Refusal::bad_request(format!("a time is at most {most} ms")));
    }
    let texts = request.args.iter().chain(request.env.values());
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err(Refusal::bad_request(
            "arguments and variables can't hold a zero byte",
        ));
    }
    let call = match request.task {
        None => JobCall::Main,
        Some(task) => JobCall::Task {
            args: task.args.iter().map(JsonText::new).collect(),
            name: task.name,
        },
    };
    Ok(JobSpec {
        call,
        args: request.args,
        env: request.env.into_iter().collect(),
        timeout_ms: request.timeout_ms,
        cpu_limit_ms: request.cpu_limit_ms,
        restart: !request.no_restart,
        events: request.events,
    })
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Jobs in these states only, with commas between them.
    #[serde(default)]
    #[param(pattern = "^(queued|running|finished|cancelled|lost|quarantined)$")]
    state: Option<String>,
    /// Where an earlier list ended: its `next`.
    #[serde(default)]
    #[param(pattern = "^[0-9]{1,18}$")]
    before: Option<String>,
    /// How many, at most 1,000.
    #[serde(default)]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The tenant's jobs, the newest first; all tenants' for the host's admin who names none.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(ListQuery),
    responses((status = 200, body = JobList), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<ListQuery>,
) -> Result<Response> {
    if let Some(name) = caller.about() {
        app.daemon.tenant(name)?;
    }
    let phases = query.state.as_deref();
    let phases = phases.map_or(Ok(JobPhase::ALL.to_vec()), phases_of)?;
    let before = query.before.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Refusal::bad_request("`before` is no `next` of a list"))?;
    let limit = query.limit.unwrap_or(100);
    if !(1..=MAX_LIST).contains(&limit) {
        return Err(Refusal::bad_request(format!(
            "`limit` is from 1 to {MAX_LIST}"
        )));
    }
    let answer = caller.answer(&app).await?;
    let (ledger, about) = (app.daemon.ledger().clone(), caller.about().cloned());
    let look = move || (ledger.jobs(about.as_ref(), &phases, before, limit), answer);
    let (page, answer) = app.blocking_for(caller.payer(&app)?, (), look).await?;
    let page = page?;
    answer.list(&JobList {
        jobs: page.jobs.iter().map(|job| view(&app.daemon, job)).collect(),
        next: page.next.map(|next| next.to_string()),
    })
}

fn phases_of(text: &str) -> Result<Vec<JobPhase>> {
    let one = |name: &str| {
        let known = JobPhase::ALL
            .into_iter()
            .find(|phase| phase.to_string() == name);
        known.ok_or_else(|| {
            let all = JobPhase::ALL.map(|phase| phase.to_string()).join(", ");
            let name = name.escape_debug();
            Refusal::bad_request(format!("`{name}` is no state of a job: these are {all}"))
        })
    };
    text.split(',').map(one).collect()
}

/// A job.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job's id.")),
    responses((status = 200, body = JobView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 429, body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Json<JobView>> {
    let job = find(&app, &caller, &id).await?;
    Ok(Json(view(&app.daemon, &job)))
}

/// The caller's job; what is no id is no job either.
pub(super) async fn find(app: &App, caller: &Caller, id: &str) -> Result<JobRecord> {
    find_of(app, caller.payer(app)?, caller.about().cloned(), id).await
}

/// A job of this tenant, or of any, for who pays.
pub(super) async fn find_of(
    app: &App,
    payer: Option<Arc<TenantSlot>>,
    about: Option<TenantName>,
    id: &str,
) -> Result<JobRecord> {
    let Ok(id) = id.parse::<JobId>() else {
        let id = id.escape_debug();
        return Err(Refusal::not_found(format!("there is no job `{id}`")));
    };
    let daemon = app.daemon.clone();
    let find = move || daemon.job(about.as_ref(), id);
    Ok(app.reading(payer, find).await??)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ResultQuery {
    /// Seconds to wait for the job's end, at most 300.
    #[serde(default)]
    #[param(minimum = 0, maximum = 300)]
    wait: u64,
}

/// What a job's task gave, as JSON. 409 while there is none.
#[utoipa::path(get, path = "/v1/jobs/{id}/result", tag = "jobs", params(("id" = String, Path, description = "The job's id."), ResultQuery),
    responses((status = 200, content_type = "application/json"), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn result(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
    Params(query): Params<ResultQuery>,
) -> Result<Response> {
    if query.wait > MAX_WAIT {
        return Err(Refusal::bad_request(format!(
            "`wait` is at most {MAX_WAIT} seconds"
        )));
    }
    if let Some(live) = live(&app, &caller, &id).await? {
        // Too late is told below.
        let _ = tokio::time::timeout(Duration::from_secs(query.wait), live.ended()).await;
    }
    let answer = caller.answer(&app).await?;
    // After that look, since it may have ended just before.
    let job = find(&app, &caller, &id).await?;
    let result = job.end.and_then(|end| end.result);
    match result {
        Some(text) => Ok(answer.json(text.into())),
        None if job.expired => Err(Refusal::not_found(format!(
            "the result of job {} is old and was removed",
            job.id
        ))),
        None => Err(Refusal::conflict(format!(
            "job {} is {} and has no result",
            job.id, job.phase
        ))),
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// The number of the first line that is wanted.
    #[serde(default)]
    from: u64,
    /// Goes on with what the job prints, to its end.
    #[serde(default)]
    follow: bool,
}

/// What a job prints: as server-sent events (`line`, `dropped`, and `end` with the job) when the client accepts those, else as
/// text.
#[utoipa::path(get, path = "/v1/jobs/{id}/logs", tag = "jobs", params(("id" = String, Path, description = "The job's id."), LogQuery),
    responses((status = 200, content((String = "text/plain"), (String = "text/event-stream"))), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn logs(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
    headers: HeaderMap,
    Params(query): Params<LogQuery>,
) -> Result<Response> {
    let (reader, answer) = match live(&app, &caller, &id).await? {
        Some(live) => (Reader::Live(live), None),
        None => {
            let answer = caller.answer(&app).await?;
            let ended = of_ended(&app, &caller, &id).await?;
            (Reader::Ended(Arc::new(ended)), Some(answer))
        }
    };
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let events = accepts.is_some_and(|accepts| accepts.contains("text/event-stream"));
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    let from = last.map_or(query.from, |last| last.saturating_add(1));
    let follow = Follow {
        payer: caller.payer(&app)?,
        app,
        about: caller.about().cloned(),
        id,
        reader,
        what: Lines,
        next: from,
        wait: query.follow,
        done: false,
        _place: caller.place(),
        _answer: answer,
    };
    if events {
        return Ok(follow.events().into_response());
    }
    let text = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((text, Body::from_stream(follow.text())).into_response())
}

/// What the ledger kept of the output of a job that ended.
pub(super) async fn of_ended(app: &App, caller: &Caller, id: &str) -> Result<LogBuffer> {
    let job = find(app, caller, id).await?;
    let (ledger, about) = (app.daemon.ledger().clone(), caller.about().cloned());
    let payer = caller.payer(app)?;
    let read = move || ledger.read_logs(about.as_ref(), job.id);
    let tail = app.reading(payer, read).await??;
    let dropped = DroppedLogs {
        lines: job.logs.dropped_lines,
        bytes: job.logs.dropped_bytes,
    };
    Ok(LogBuffer::of_ended(&tail, dropped))
}

pub(super) async fn live(app: &App, caller: &Caller, id: &str) -> Result<Option<Arc<LiveJob>>> {
    let job = find(app, caller, id).await?;
    Ok(app.daemon.live(job.id))
}

/// Cancels a job; it ends within a moment.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs", params(("id" = String, Path, description = "The job's id.")),
    responses((status = 202, body = JobView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<(StatusCode, Json<JobView>)> {
    let live = live(&app, &caller, &id).await?;
    caller.may_submit()?;
    let job = find(&app, &caller, &id).await?;
    match live {
        Some(live) => live.cancel("it was cancelled"),
        None => {
            let message = format!("job {} is {} already", job.id, job.phase);
            return Err(Refusal::conflict(message));
        }
    }
    Ok((StatusCode::ACCEPTED, Json(view(&app.daemon, &job))))
}

/// Runs a job again that is in quarantine. For the host's admin.
#[utoipa::path(post, path = "/v1/jobs/{id}/restart", tag = "jobs", params(("id" = String, Path, description = "The job's id.")),
    responses((status = 202, body = JobView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn restart(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<(StatusCode, Json<JobView>)> {
    let job = find(&app, &caller, &id).await?;
    caller.may_administer_host()?;
    let daemon = app.daemon.clone();
    let job = app.blocking(move || daemon.restart(job.id)).await??;
    Ok((StatusCode::ACCEPTED, Json(view(&app.daemon, &job))))
}

fn state(phase: JobPhase) -> JobState {
    match phase {
        JobPhase::Queued => JobState::Queued,
        JobPhase::Running => JobState::Running,
        JobPhase::Finished => JobState::Finished,
        JobPhase::Cancelled => JobState::Cancelled,
        JobPhase::Lost => JobState::Lost,
        JobPhase::Quarantined => JobState::Quarantined,
    }
}

pub(super) fn view(daemon: &Daemon, record: &JobRecord) -> JobView {
    let live = daemon.live(record.id);
    let logs = match &live {
        Some(live) => {
            let (bytes, dropped) = live.logs.kept();
            JobLogs {
                bytes,
                dropped_bytes: dropped.bytes,
                dropped_lines: dropped.lines,
            }
        }
        None => JobLogs {
            bytes: record.logs.bytes,
            dropped_bytes: record.logs.dropped_bytes,
            dropped_lines: record.logs.dropped_lines,
        },
    };
    let end = record.end.as_ref();
    let stats = live.and_then(|live| live.stats());
    JobView {
        id: record.id.to_string(),
        tenant: record.tenant.to_string(),
        module: record.module.to_string(),
        module_name: record.module_name.clone(),
        task: match &record.spec.call {
            JobCall::Main => None,
            JobCall::Task { name, .. } => Some(name.clone()),
        },
        state: state(record.phase),
        attempt: record.attempt,
        submitted_at: record.submitted_at,
        started_at: record.started_at,
        ended_at: record.ended_at,
        exit_code: end.map(|end| end.exit_code),
        error: end.and_then(|end| end.error.clone()),
        reason: end.and_then(|end| end.reason.clone()),
        has_result: end.is_some_and(|end| end.result.is_some()),
        logs,
        stats: stats.unwrap_or_else(|| end.map_or_else(Default::default, |end| end.stats.clone())),
    }
}
