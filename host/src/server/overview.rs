//! The server at one moment, or at each second from now on.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::stream::{self, Stream};
use serde::Deserialize;

use super::{App, auth::Caller, extract::Params, follow::event, problem::Result};
use crate::{
    api::{Overview, Problem},
    daemon::TenantSlot,
    ledger::TenantName,
};

/// How often who follows is told.
const PERIOD: Duration = Duration::from_secs(1);

/// What is busy, what waits, and who has what: of all tenants for the host's admin who names none, else of one. A moment ago,
/// a quarter of a second at most.
#[utoipa::path(get, path = "/v1/overview", tag = "server",
    responses((status = 200, body = Overview), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn show(State(app): State<App>, caller: Caller) -> Result<Json<Arc<Overview>>> {
    let look = Look::new(app, caller)?;
    Ok(Json(look.now().await?))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FollowQuery {
    /// Goes on, once a second, until the server stops.
    #[serde(default)]
    follow: bool,
}

/// The same as a server-sent event, `overview`, or as one in each second.
#[utoipa::path(get, path = "/v1/overview/events", tag = "server", params(FollowQuery),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn follow(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<FollowQuery>,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    let look = Look::new(app, caller)?;
    let mut every = tokio::time::interval(PERIOD);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let moments = stream::unfold(
        (0, look, every),
        move |(told, look, mut every)| async move {
            every.tick().await;
            if told > 0 && !(query.follow && look.may_go_on()) {
                return None;
            }
            // It ends when the server does.
            let event = event("overview", &*look.now().await.ok()?);
            Some((Ok(event), (told + 1, look, every)))
        },
    );
    Ok(Sse::new(moments).keep_alive(KeepAlive::new()))
}

/// Somebody's right to look.
struct Look {
    app: App,
    of: Option<TenantName>,
    payer: Option<Arc<TenantSlot>>,
    /// Holds the request's place among those of its tenant.
    caller: Caller,
}

impl Look {
    fn new(app: App, caller: Caller) -> Result<Self> {
        let of = caller.about().cloned();
        if let Some(name) = &of {
            app.daemon.tenant(name)?;
        }
        Ok(Self {
            of,
            payer: caller.payer(&app)?,
            caller,
            app,
        })
    }

    /// On a thread that may block: there may be very many jobs to look at.
    async fn now(&self) -> Result<Arc<Overview>> {
        let (daemon, of) = (self.app.daemon.clone(), self.of.clone());
        let look = move || daemon.overview(of.as_ref());
        self.app.blocking_for(self.payer.clone(), (), look).await
    }

    /// Whether the tenant and the token are there yet, and the server is not about to stop.
    fn may_go_on(&self) -> bool {
        let is_there = |name: &TenantName| self.app.daemon.tenant(name).is_ok();
        self.app.daemon.is_accepting()
            && self.caller.is_valid(&self.app)
            && self.of.as_ref().is_none_or(is_there)
    }
}
