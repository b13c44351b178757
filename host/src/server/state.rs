//! What lives on the server: tasks, actors and objects, a page at a time.
//!
//! Who looks pays: the time goes to its tenant's account, and of a tenant's requests one at a time looks.

use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{
    App,
    auth::Caller,
    extract::Params,
    jobs,
    problem::{Refusal, Result},
};
use crate::{
    api::{ActorList, ObjectList, Problem, TaskList},
    daemon::Daemon,
    ledger::TenantName,
    node::{Place, Query, Runtime, Tenant},
    rt::clock,
    types::{ActorState, ObjectState, TaskId, TaskState},
};

/// A page has at most so many.
const MAX_PAGE: usize = 10_000;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StateQuery {
    /// Of this job only.
    #[serde(default)]
    job: Option<String>,
    /// In these states only, with commas between them.
    #[serde(default)]
    state: Option<String>,
    /// With this name only: a task's, an actor's or its class's, that of the task which made an object.
    #[serde(default)]
    name: Option<String>,
    /// Where an earlier page ended: its `next`.
    #[serde(default)]
    #[param(pattern = "^[0-9a-f]{32}$")]
    after: Option<String>,
    /// How many, at most 10,000.
    #[serde(default)]
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
    /// For the host's admin: of this tenant only.
    #[serde(default)]
    tenant: Option<String>,
}

/// The tasks that have not ended, and some that failed, by their ids; all tenants' for the host's admin who names none.
#[utoipa::path(get, path = "/v1/tasks", tag = "state", params(StateQuery),
    responses((status = 200, body = TaskList), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn tasks(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<StateQuery>,
) -> Result<Response> {
    let answer = caller.answer(&app).await?;
    let states = (TaskState::ALL, "a task");
    let look = |on: On<'_>, query: &Query<TaskState>| match on {
        On::Tenant(tenant) => (tenant.tasks(query), tenant.totals(query.job)),
        On::All(node) => (node.tasks(query), node.totals(query.job)),
    };
    let (page, totals) = list(&app, &caller, query, states, look).await?;
    answer.list(&TaskList {
        tasks: page.items,
        next: page.next.map(text_of),
        totals,
    })
}

/// The actors that live, and some that died, by their ids; all tenants' for the host's admin who names none.
#[utoipa::path(get, path = "/v1/actors", tag = "state", params(StateQuery),
    responses((status = 200, body = ActorList), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn actors(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<StateQuery>,
) -> Result<Response> {
    let answer = caller.answer(&app).await?;
    let states = (ActorState::ALL, "an actor");
    let look = |on: On<'_>, query: &Query<ActorState>| match on {
        On::Tenant(tenant) => tenant.actors(query),
        On::All(node) => node.actors(query),
    };
    let page = list(&app, &caller, query, states, look).await?;
    answer.list(&ActorList {
        actors: page.items,
        next: page.next.map(text_of),
    })
}

/// The large objects, the arguments of tasks that have not ended, and errors that somebody holds, by their ids; all tenants'
/// for the host's admin who names none.
#[utoipa::path(get, path = "/v1/objects", tag = "state", params(StateQuery),
    responses((status = 200, body = ObjectList), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn objects(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<StateQuery>,
) -> Result<Response> {
    let answer = caller.answer(&app).await?;
    let states = (ObjectState::ALL, "an object");
    let look = |on: On<'_>, query: &Query<ObjectState>| match on {
        On::Tenant(tenant) => tenant.objects(query),
        On::All(node) => node.objects(query),
    };
    let page = list(&app, &caller, query, states, look).await?;
    answer.list(&ObjectList {
        objects: page.items,
        partial: page.partial,
        next: page.next.map(text_of),
    })
}

/// Whose there are to see.
pub(super) enum On<'a> {
    Tenant(&'a Tenant),
    All(&'a Runtime),
}

/// Looks as the caller may, on a thread for that.
async fn list<S, T>(
    app: &App,
    caller: &Caller,
    query: StateQuery,
    (all, what): (&'static [S], &str),
    look: impl FnOnce(On<'_>, &Query<S>) -> T + Send + 'static,
) -> Result<T>
where
    S: Copy + ToString + Send + 'static,
    T: Send + 'static,
{
    let about = about(&app.daemon, caller, query.tenant.as_deref())?;
    let limit = query.limit.unwrap_or(100);
    if !(1..=MAX_PAGE).contains(&limit) {
        let message = format!("`limit` is from 1 to {MAX_PAGE}");
        return Err(Refusal::bad_request(message));
    }
    let states = query.state.as_deref();
    let states = states.map_or(Ok(Vec::new()), |text| states_of(text, all, what))?;
    let after = query.after.as_deref().map(place_of).transpose()?;
    let job = match &query.job {
        None => None,
        // Another tenant's is not there.
        Some(id) => Some(
            jobs::find_of(app, caller.payer(app)?, about.clone(), id)
                .await?
                .id,
        ),
    };
    let query = Query {
        job,
        states,
        name: query.name,
        after,
        limit,
    };
    looking(app, about, move |on| look(on, &query)).await
}

/// Looks at what one tenant has, or all have, on a thread for that. A tenant pays, and is looked at by one at a time.
pub(super) async fn looking<T: Send + 'static>(
    app: &App,
    about: Option<TenantName>,
    look: impl FnOnce(On<'_>) -> T + Send + 'static,
) -> Result<T> {
    let slot = about.map(|name| app.daemon.tenant(&name)).transpose()?;
    let one_at_a_time = match &slot {
        Some(slot) => slot.look().await,
        None => None,
    };
    let daemon = app.daemon.clone();
    let work = move || {
        let _one_at_a_time = one_at_a_time;
        let Some(slot) = slot else {
            return look(On::All(daemon.runtime()));
        };
        let start = clock::now();
        let seen = look(On::Tenant(&slot.node));
        slot.node.charge(start.elapsed());
        seen
    };
    app.blocking(work).await
}

/// Which tenant's: the caller's own, or the one that the host's admin names, if it does.
fn about(daemon: &Daemon, caller: &Caller, named: Option<&str>) -> Result<Option<TenantName>> {
    let Some(text) = named else {
        if let Some(name) = caller.about() {
            daemon.tenant(name)?;
        }
        return Ok(caller.about().cloned());
    };
    let name = text.parse::<TenantName>();
    let name = name.map_err(|error| Refusal::bad_request(error.to_string()))?;
    caller.sees_tenant(&name)?;
    daemon.tenant(&name)?;
    if caller.about().is_some_and(|other| *other != name) {
        return Err(Refusal::bad_request(
            "the request names two tenants, in `tenant` and in its header",
        ));
    }
    Ok(Some(name))
}

fn states_of<S: Copy + ToString>(text: &str, all: &[S], what: &str) -> Result<Vec<S>> {
    let one = |name: &str| {
        let known = all.iter().find(|state| state.to_string() == name);
        known.copied().ok_or_else(|| {
            let all: Vec<_> = all.iter().map(ToString::to_string).collect();
            let (name, all) = (name.escape_debug(), all.join(", "));
            Refusal::bad_request(format!(
                "`{name}` is no state that is shown of {what}: these are {all}"
            ))
        })
    };
    text.split(',').map(one).collect()
}

/// A page's `next`.
fn text_of((job, number): Place) -> String {
    TaskId::new(job, number).to_string()
}

fn place_of(text: &str) -> Result<Place> {
    let is_one = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let id = is_one.then(|| text.parse::<TaskId>().ok()).flatten();
    let id = id.ok_or_else(|| Refusal::bad_request("`after` is no `next` of a list"))?;
    Ok((id.job(), id.number()))
}
