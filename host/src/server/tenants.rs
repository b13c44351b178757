//! Tenants and tokens.

use std::sync::Arc;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use serde_json::{Map, Value};

use super::{
    App, auth,
    auth::Caller,
    extract::Named,
    problem::{Refusal, Result},
};
use crate::{
    api::{
        IssuedToken, Problem, TenantLimits, TenantList, TenantRequest, TenantUse, TenantView,
        TokenList, TokenRequest, TokenView,
    },
    daemon::TenantSlot,
    ledger::{self, NewToken, TenantName, TokenRecord},
    rt::clock,
    tenant::Resource,
};

/// Seconds.
const YEAR: u64 = 365 * 86_400;
/// A token that ends by itself does so within this.
const MAX_VALID: u64 = 100 * YEAR;

/// The tenants: all for the host, its own for a tenant.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants",
    responses((status = 200, body = TenantList), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<TenantList>> {
    let slots = app.daemon.tenants().into_iter();
    let seen: Vec<_> = slots
        .filter(|slot| caller.sees_tenant(&slot.name).is_ok())
        .collect();
    let daemon = app.daemon.clone();
    let views = move || {
        seen.iter()
            .map(|slot| view(&daemon, slot))
            .collect::<Result<_>>()
    };
    let tenants = app.blocking(views).await??;
    Ok(Json(TenantList { tenants }))
}

/// A tenant's name; what is none is that of no tenant.
fn name(text: &str) -> Result<TenantName> {
    text.parse().map_err(|error: ledger::BadTenantName| {
        Refusal::not_found(format!("there is no such tenant: {error}"))
    })
}

/// A tenant.
#[utoipa::path(get, path = "/v1/tenants/{name}", tag = "tenants", params(("name" = String, Path, description = "The tenant's name.")),
    responses((status = 200, body = TenantView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Named(tenant): Named<String>,
) -> Result<Json<TenantView>> {
    let tenant = name(&tenant)?;
    caller.sees_tenant(&tenant)?;
    let slot = app.daemon.tenant(&tenant)?;
    let daemon = app.daemon.clone();
    Ok(Json(app.blocking(move || view(&daemon, &slot)).await??))
}

/// Makes a tenant, or changes what it is. For the host's admin.
#[utoipa::path(put, path = "/v1/tenants/{name}", tag = "tenants", request_body = TenantRequest,
    params(("name" = String, Path, description = "The tenant's name.")),
    responses((status = 200, body = TenantView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 429, body = Problem), (status = 507, body = Problem)))]
pub(super) async fn put(
    State(app): State<App>,
    caller: Caller,
    Named(tenant): Named<String>,
    request: std::result::Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Json<TenantView>> {
    let tenant = name(&tenant)?;
    caller.sees_tenant(&tenant)?;
    caller.may_administer_host()?;
    let request: TenantRequest = super::read(request)?;
    check(&request.limits)?;
    let daemon = app.daemon.clone();
    let put = move || {
        let slot = daemon.put_tenant(tenant, request.weight, request.limits)?;
        view(&daemon, &slot)
    };
    Ok(Json(app.blocking(put).await??))
}

/// No number is larger than other languages' integers.
fn check(limits: &TenantLimits) -> Result<()> {
    let most = i64::MAX.unsigned_abs();
    let limits = serde_json::to_value(limits).unwrap_or_default();
    let limits = limits.as_object().into_iter().flatten();
    let large = limits.filter(|(_, limit)| limit.as_u64().is_some_and(|limit| limit > most));
    match large.into_iter().next() {
        Some((name, _)) => Err(Refusal::bad_request(format!("`{name}` is at most {most}"))),
        None => Ok(()),
    }
}

/// Removes a tenant that has no unfinished jobs, with all that it has. For the host's admin.
#[utoipa::path(delete, path = "/v1/tenants/{name}", tag = "tenants", params(("name" = String, Path, description = "The tenant's name.")),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Named(tenant): Named<String>,
) -> Result<StatusCode> {
    let tenant = name(&tenant)?;
    caller.sees_tenant(&tenant)?;
    caller.may_administer_host()?;
    let daemon = app.daemon.clone();
    app.blocking(move || daemon.remove_tenant(&tenant))
        .await??;
    Ok(StatusCode::NO_CONTENT)
}

/// A tenant's tokens, without their texts. For its admin and the host's.
#[utoipa::path(get, path = "/v1/tenants/{name}/tokens", tag = "tenants", params(("name" = String, Path, description = "The tenant's name.")),
    responses((status = 200, body = TokenList), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn tokens(
    State(app): State<App>,
    caller: Caller,
    Named(tenant): Named<String>,
) -> Result<Json<TokenList>> {
    let tenant = name(&tenant)?;
    caller.may_administer_tenant(&tenant)?;
    app.daemon.tenant(&tenant)?;
    let tokens = own_tokens(&app, tenant).await?;
    Ok(Json(TokenList {
        tokens: tokens.iter().map(token_view).collect(),
    }))
}

async fn own_tokens(app: &App, tenant: TenantName) -> Result<Vec<TokenRecord>> {
    let ledger = app.daemon.ledger().clone();
    let mut tokens = app.blocking(move || ledger.tokens()).await??;
    tokens.retain(|token| token.tenant.as_ref() == Some(&tenant));
    Ok(tokens)
}

/// Issues a token for a tenant; its text is shown this once. For its admin and the host's.
#[utoipa::path(post, path = "/v1/tenants/{name}/tokens", tag = "tenants", request_body = TokenRequest,
    params(("name" = String, Path, description = "The tenant's name.")),
    responses((status = 201, body = IssuedToken), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 429, body = Problem), (status = 507, body = Problem)))]
pub(super) async fn issue(
    State(app): State<App>,
    caller: Caller,
    Named(tenant): Named<String>,
    request: std::result::Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<(StatusCode, Json<IssuedToken>)> {
    let tenant = name(&tenant)?;
    caller.may_administer_tenant(&tenant)?;
    let request: TokenRequest = super::read(request)?;
    if request
        .valid_seconds
        .is_some_and(|seconds| seconds > MAX_VALID)
    {
        let years = MAX_VALID / YEAR;
        return Err(Refusal::bad_request(format!(
            "a token is valid for at most {years} years"
        )));
    }
    let new = NewToken {
        tenant: Some(tenant),
        role: auth::ledger_role(request.role),
        label: request
            .label
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect(),
        expires_at: request
            .valid_seconds
            .map(|seconds| clock::unix_millis().saturating_add(seconds.saturating_mul(1_000))),
    };
    let ledger = app.daemon.ledger().clone();
    let issued = app.blocking(move || match request.rotate {
        true => ledger.rotate(new),
        false => ledger.issue(new),
    });
    let (text, record) = issued.await??;
    let tenant = record.tenant.as_ref().map(ToString::to_string);
    tracing::info!(target: "wrun::tenant", tenant, token = record.id, role = ?record.role, "token issued");
    let issued = IssuedToken {
        token: text.reveal().to_owned(),
        info: token_view(&record),
    };
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Revokes a token at once. For its tenant's admin and the host's.
#[utoipa::path(delete, path = "/v1/tenants/{name}/tokens/{id}", tag = "tenants",
    params(("name" = String, Path, description = "The tenant's name."), ("id" = String, Path, description = "The token's id.")),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Named((tenant, id)): Named<(String, String)>,
) -> Result<StatusCode> {
    let tenant = name(&tenant)?;
    caller.may_administer_tenant(&tenant)?;
    let ledger = app.daemon.ledger().clone();
    let own = own_tokens(&app, tenant.clone()).await?;
    if !own.iter().any(|token| token.id == id) {
        let id = id.escape_debug();
        return Err(Refusal::not_found(format!("there is no token `{id}`")));
    }
    let revoked = id.clone();
    app.blocking(move || ledger.revoke(&id)).await??;
    tracing::info!(target: "wrun::tenant", tenant = %tenant, token = revoked, "token revoked");
    Ok(StatusCode::NO_CONTENT)
}

fn token_view(record: &TokenRecord) -> TokenView {
    TokenView {
        id: record.id.clone(),
        tenant: record.tenant.as_ref().map(ToString::to_string),
        role: auth::role(record.role),
        label: record.label.clone(),
        created_at: record.created_at,
        expires_at: record.expires_at,
        revoked: record.revoked,
    }
}

fn view(daemon: &crate::daemon::Daemon, slot: &Arc<TenantSlot>) -> Result<TenantView> {
    let (record, name) = (slot.record(), &slot.name);
    let modules = daemon.ledger().modules(name)?;
    let counts = daemon.ledger().counts(Some(name))?;
    let used = |resource| slot.node.used(resource);
    Ok(TenantView {
        name: name.to_string(),
        weight: record.weight,
        limits: record.limits,
        used: TenantUse {
            memory: used(Resource::SandboxBytes),
            object_bytes: used(Resource::ObjectBytes),
            spilled_bytes: used(Resource::SpilledBytes),
            sandboxes: used(Resource::Sandboxes),
            queued_tasks: used(Resource::QueuedCalls),
            queued_bytes: used(Resource::QueuedBytes),
            actors: used(Resource::Actors),
            open_files: used(Resource::OpenFiles),
            handles: used(Resource::Handles),
            log_bytes: daemon.log_bytes(name),
            module_bytes: modules.iter().map(|module| module.size).sum(),
            concurrent_compilations: slot.node.compiling() as u64,
            jobs: counts.queued + counts.running,
            retention_bytes: daemon.ledger().kept_bytes(name)?,
            cpu_seconds: slot.node.cpu().as_secs_f64(),
        },
        http: slot
            .grants()
            .http
            .allow
            .iter()
            .map(ToString::to_string)
            .collect(),
        from_config: slot.is_from_config(),
        created_at: record.created_at,
    })
}
