//! The door: HTTP with JSON in front of a [`Daemon`]. Decodes, asks, encodes.
//!
//! [`Server::bind`] takes an address, [`Server::serve`] answers until it is told to stop. HTTP/1.1 and 2, with TLS if there is a
//! certificate. Who asks is in `auth.rs`, errors are in `problem.rs`, what
//! stands in an address in `extract.rs`, what is told of requests in `observe.rs`, who follows a job in `follow.rs`, who pays in `meter.rs`; each other file is a part of the API. The OpenAPI document
//! is made from the handlers ([`document`]).
//!
//! Invariants: nothing is answered before the token was looked at, but for health, the document and the files of the dashboard; a request's body has a
//! bound; nothing blocks the event loop.

mod auth;
mod dashboard;
mod events;
mod extract;
mod follow;
mod health;
mod jobs;
mod listen;
mod meter;
mod metrics;
mod modules;
mod observe;
mod overview;
mod problem;
mod state;
mod task;
mod tenants;
mod traces;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, rejection::JsonRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

pub use listen::{Server, ServerError, Tls};
use problem::{Refusal, Result};

use crate::{
    api::WallView,
    daemon::{Daemon, TenantSlot},
    rt::clock,
};

/// A request of JSON may have so many bytes.
const MAX_JSON: usize = 8 << 20;

/// A request whose body pauses for so long is refused.
const BODY_PAUSE: Duration = Duration::from_secs(30);

/// What the handlers share.
#[derive(Debug, Clone)]
struct App {
    daemon: Daemon,
    walls: Arc<[WallView]>,
    requests: Arc<metrics::Requests>,
}

impl App {
    /// Reads a record for a tenant, which pays for it and reads only so many at once.
    async fn reading<T: Send + 'static>(
        &self,
        tenant: Option<Arc<TenantSlot>>,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let turn = match &tenant {
            Some(tenant) => Some(tenant.read().await),
            None => None,
        };
        self.blocking_for(tenant, turn, read).await
    }

    /// Does something that waits for the disk for a tenant, which pays for it; what is `held` is given back when it is done, whether anybody waits for it or not.
    async fn blocking_for<T: Send + 'static>(
        &self,
        tenant: Option<Arc<TenantSlot>>,
        held: impl Send + 'static,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        self.blocking(move || {
            let _held = held;
            let start = clock::now();
            let done = work();
            if let Some(tenant) = tenant {
                tenant.node.charge(start.elapsed());
            }
            done
        })
        .await
    }

    /// Does something that waits for the disk, on a thread for that.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Refusal::internal(format!("the server failed at it: {error}")))
    }
}

/// The handlers at their paths.
fn router(app: App) -> Router {
    let api = Router::new()
        .route("/info", get(health::info))
        .route("/overview", get(overview::show))
        .route("/overview/events", get(overview::follow))
        .route(
            "/modules",
            get(modules::list)
                .post(modules::push)
                .layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/modules/{hash}",
            get(modules::show).delete(modules::remove),
        )
        .route("/jobs", get(jobs::list).post(jobs::submit))
        .route("/jobs/{id}", get(jobs::show))
        .route("/jobs/{id}/result", get(jobs::result))
        .route("/jobs/{id}/logs", get(jobs::logs))
        .route("/jobs/{id}/events", get(events::follow))
        .route("/jobs/{id}/trace", get(traces::trace))
        .route("/jobs/{id}/summary", get(traces::summary))
        .route("/jobs/{id}/cancel", post(jobs::cancel))
        .route("/jobs/{id}/restart", post(jobs::restart))
        .route("/tasks", get(state::tasks))
        .route("/tasks/{id}", get(task::show))
        .route("/actors", get(state::actors))
        .route("/objects", get(state::objects))
        .route("/tenants", get(tenants::list))
        .route(
            "/tenants/{name}",
            put(tenants::put).get(tenants::show).delete(tenants::remove),
        )
        .route(
            "/tenants/{name}/tokens",
            get(tenants::tokens).post(tenants::issue),
        )
        .route(
            "/tenants/{name}/tokens/{id}",
            axum::routing::delete(tenants::revoke),
        );
    Router::new()
        .route("/metrics", get(metrics::show))
        .route("/healthz", get(health::health))
        .route("/readyz", get(health::ready))
        .route("/v1/openapi.json", get(openapi))
        .nest("/v1", api.layer(axum::middleware::from_fn(meter::metered)))
        // Pages for people: no part of the API, so not in its document.
        .merge(dashboard::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_JSON))
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE))
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            observe::observed,
        ))
        .with_state(app)
}

async fn nowhere() -> Refusal {
    Refusal::not_found("there is nothing at this path; `/v1/openapi.json` has all there are")
}

async fn wrong_method() -> Refusal {
    Refusal::wrong_method()
}

/// The API as an OpenAPI document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "server", security(()), responses((status = 200, content_type = "application/json")))]
async fn openapi() -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    // Plain data serializes.
    (json, document().unwrap_or_default()).into_response()
}

/// The OpenAPI document, as JSON.
///
/// # Errors
/// When it does not serialize, which a test rules out.
pub fn document() -> serde_json::Result<String> {
    Document::openapi().to_pretty_json()
}

#[derive(OpenApi)]
#[openapi(
    info(title = "wrun", description = "Jobs of tasks, actors and futures, each call in a sandbox of its own."),
    paths(
        health::health, health::ready, health::info, overview::show, overview::follow, openapi,
        modules::push, modules::list, modules::show, modules::remove,
        jobs::submit, jobs::list, jobs::show, jobs::result, jobs::logs, events::follow,
        traces::trace, traces::summary, jobs::cancel, jobs::restart,
        state::tasks, task::show, state::actors, state::objects,
        tenants::list, tenants::show, tenants::put, tenants::remove, tenants::tokens, tenants::issue, tenants::revoke,
    ),
    modifiers(&Bearer),
    security(("token" = [])),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// What a request holds.
fn read<T: DeserializeOwned>(
    body: std::result::Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<T> {
    let Json(fields) = body.map_err(bad_json)?;
    T::deserialize(Value::Object(fields)).map_err(|error| Refusal::bad_request(error.to_string()))
}

/// A body that is not the JSON that was expected.
fn bad_json(rejection: JsonRejection) -> Refusal {
    let text = rejection.body_text();
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Refusal::too_large(format!("a request has at most {MAX_JSON} bytes"))
        }
        _ => Refusal::bad_request(text),
    }
}
