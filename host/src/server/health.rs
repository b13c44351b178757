//! Whether the server is well, and what it is.

use axum::{Json, extract::State, http::StatusCode};

use super::{App, auth::Caller, problem::Result};
use crate::api::{Problem, ServerInfo};

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "server", security(()), responses((status = 200, body = String)))]
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// It takes new work.
#[utoipa::path(get, path = "/readyz", tag = "server", security(()),
    responses((status = 200, body = String), (status = 503, body = String)))]
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match app.daemon.is_accepting() {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
    }
}

/// What the server is, and who asks.
#[utoipa::path(get, path = "/v1/info", tag = "server",
    responses((status = 200, body = ServerInfo), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn info(State(app): State<App>, caller: Caller) -> Result<Json<ServerInfo>> {
    let node = app.daemon.info();
    let sandboxes = serde_json::to_value(node.engine.strategy).ok();
    Ok(Json(ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_seconds: app.daemon.uptime().as_secs(),
        accepting: app.daemon.is_accepting(),
        slots: node.slots,
        workers: node.workers,
        memory_limit: node.memory_limit,
        total_memory: node.total_memory,
        object_store_memory: node.object_store_memory,
        max_module_size: node.engine.max_module_size as u64,
        sandboxes: sandboxes
            .as_ref()
            .and_then(serde_json::Value::as_str)
            .unwrap_or("unknown")
            .to_owned(),
        walls: app.walls.to_vec(),
        tenant: caller.about().map(ToString::to_string),
        role: caller.role(),
    }))
}
