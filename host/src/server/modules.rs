//! Modules: pushed, listed, removed.

use axum::{Json, body::Body, extract::State, http::StatusCode, response::Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde::Deserialize;

use super::{
    App,
    auth::Caller,
    extract::{Named, Params},
    problem::{Refusal, Result},
};
use crate::{
    api::{ModuleList, ModuleView, Problem},
    daemon::{DaemonError, TenantSlot},
    ledger::{ModuleHash, ModuleRecord},
    rt::guard::Guard,
    tenant::Charge,
};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PushQuery {
    /// What to call it.
    #[serde(default)]
    #[param(min_length = 1, max_length = 50, pattern = "^[A-Za-z0-9._-]+$")]
    name: Option<String>,
}

/// Room for a module is made from so many bytes on.
const SMALL: usize = 64 << 10;
/// A module's name has at most so many bytes.
const MAX_NAME: usize = 200;

/// Checks, compiles and keeps a module; the same bytes again are the same module.
#[utoipa::path(post, path = "/v1/modules", tag = "modules", params(PushQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = ModuleView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem),
        (status = 422, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem), (status = 507, body = Problem)))]
pub(super) async fn push(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<PushQuery>,
    body: Body,
) -> Result<(StatusCode, Json<ModuleView>)> {
    caller.may_submit()?;
    let tenant = caller.tenant(&app)?;
    let name = query.name.unwrap_or_else(|| "module.wasm".to_owned());
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Refusal::bad_request(format!(
            "a module's name has 1 to {MAX_NAME} bytes and no control characters"
        )));
    }
    let limit = app.daemon.info().engine.max_module_size;
    let _right = tenant.upload().await?;
    let bytes = read(body, limit, &tenant).await?;
    let record = app.daemon.push(&tenant, &name, bytes).await?;
    Ok((StatusCode::CREATED, Json(view(&record))))
}

/// Reads a body piece by piece, up to the limit of all modules and what the tenant may have at all.
///
/// A body of more than the latter is read to its end and thrown away, since a client that still sends does not listen.
/// What is kept of it is charged to the tenant for as long as it is in memory.
async fn read(mut body: Body, limit: usize, tenant: &TenantSlot) -> Result<Bytes> {
    let own = tenant.record().limits.module_bytes;
    let own = own.filter(|_| Guard::ModuleSize.stands());
    let (mut held, mut size) = (Held::default(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Refusal::bad_request(format!("the module did not arrive whole: {error}"))
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        size += data.len();
        if size > limit {
            return Err(Refusal::too_large(format!(
                "the module has more than {limit} bytes, which is the limit"
            )));
        }
        if own.is_none_or(|own| size as u64 <= own) {
            held.add(&data, tenant)?;
        } else {
            held = Held::default();
        }
    }
    match own.filter(|own| size as u64 > *own) {
        None => Ok(Bytes::from_owner(held)),
        Some(own) => Err(DaemonError::OverLimit(format!(
            "tenant `{}` may have {own} bytes of modules, and this one alone has {size}",
            tenant.name
        ))
        .into()),
    }
}

/// Bytes of a module, with their charges.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    charges: Vec<Charge>,
}

impl Held {
    fn add(&mut self, data: &[u8], tenant: &TenantSlot) -> Result<()> {
        let (needed, room) = (self.bytes.len() + data.len(), self.bytes.capacity());
        if needed > room {
            let more = needed.max(2 * room).max(SMALL) - room;
            let charge = tenant.node.hold(more as u64).map_err(|over| {
                DaemonError::OverLimit(format!(
                    "no memory for the module until it is stored: {over}"
                ))
            })?;
            self.charges.push(charge);
            self.bytes.reserve_exact(room + more - self.bytes.len());
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The tenant's modules.
#[utoipa::path(get, path = "/v1/modules", tag = "modules",
    responses((status = 200, body = ModuleList), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Response> {
    let answer = caller.answer(&app).await?;
    let tenant = caller.tenant(&app)?;
    let ledger = app.daemon.ledger().clone();
    let payer = caller.payer(&app)?;
    let look = move || (ledger.modules(&tenant.name), answer);
    let (modules, answer) = app.blocking_for(payer, (), look).await?;
    let modules = modules?;
    answer.list(&ModuleList {
        modules: modules.iter().map(view).collect(),
    })
}

/// One of the tenant's modules.
#[utoipa::path(get, path = "/v1/modules/{hash}", tag = "modules", params(("hash" = String, Path, description = "The module's hash.")),
    responses((status = 200, body = ModuleView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Named(hash): Named<String>,
) -> Result<Json<ModuleView>> {
    let tenant = caller.tenant(&app)?;
    let hash = parse(&hash)?;
    let ledger = app.daemon.ledger().clone();
    let module = app
        .blocking(move || ledger.module(&tenant.name, &hash))
        .await??;
    let module = module.ok_or_else(|| no_module(&hash))?;
    Ok(Json(view(&module)))
}

/// Removes a module that no unfinished job needs.
#[utoipa::path(delete, path = "/v1/modules/{hash}", tag = "modules", params(("hash" = String, Path, description = "The module's hash.")),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Named(hash): Named<String>,
) -> Result<StatusCode> {
    let tenant = caller.tenant(&app)?;
    caller.may_submit()?;
    let hash = parse(&hash)?;
    let ledger = app.daemon.ledger().clone();
    app.blocking(move || ledger.remove_module(&tenant.name, hash))
        .await??;
    Ok(StatusCode::NO_CONTENT)
}

/// A module that is not there for the caller.
fn no_module(hash: &ModuleHash) -> Refusal {
    Refusal::not_found(format!("there is no module `{hash}`: push it first"))
}

/// A module's hash; what is none is that of no module.
pub(super) fn parse(hash: &str) -> Result<ModuleHash> {
    hash.parse().map_err(|error| {
        let hash = hash.escape_debug();
        Refusal::not_found(format!("there is no module `{hash}`: {error}"))
    })
}

fn view(record: &ModuleRecord) -> ModuleView {
    ModuleView {
        hash: record.hash.to_string(),
        name: record.name.clone(),
        size: record.size,
        pushed_at: record.pushed_at,
        used_at: record.used_at,
    }
}
