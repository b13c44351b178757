//! Who asks, and what they may.
//!
//! A token is a tenant's or the host's. The host's admin acts for a tenant that it names in a header. What belongs to another
//! tenant is answered as what is not there.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, Method, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    App, MAX_JSON,
    meter::Payer,
    problem::{Refusal, Result},
};
use crate::{
    api::{self, DEFAULT_TENANT, TENANT_HEADER},
    daemon::TenantSlot,
    ledger::{Role, TenantName, TokenRecord},
};

/// The right of a tenant's request to be answered. What goes on after the handler holds it too.
pub(super) type Place = Arc<OwnedSemaphorePermit>;

/// Whoever sent a valid token, within its tenant's rate of requests.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    token: TokenRecord,
    /// The tenant that the request is about: the token's, or the one that the host's admin names.
    about: Option<TenantName>,
    /// One of the requests that its tenant may have here at once, and its part of their bytes.
    place: Option<Place>,
    _body: Option<Arc<OwnedSemaphorePermit>>,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let text = bearer(&parts.headers).ok_or_else(Refusal::unauthorized)?;
        let token = app.daemon.ledger().verify(text);
        let token = token.ok_or_else(Refusal::unauthorized)?;
        let named = match parts.headers.get(TENANT_HEADER).map(|name| name.to_str()) {
            None => None,
            Some(Ok(name)) => Some(name.parse::<TenantName>()),
            Some(Err(_)) => return Err(Refusal::bad_request("the tenant's name is no text")),
        };
        let named = named.transpose();
        let named = named.map_err(|error| Refusal::bad_request(error.to_string()))?;
        let about = match (&token.tenant, named) {
            (None, named) => named,
            (Some(own), None) => Some(own.clone()),
            (Some(own), Some(named)) if *own == named => Some(named),
            (Some(_), Some(named)) => {
                return Err(Refusal::not_found(format!("there is no tenant `{named}`")));
            }
        };
        let mut caller = Self {
            token,
            about,
            place: None,
            _body: None,
        };
        if let Some(own) = &caller.token.tenant {
            let slot = app.daemon.tenant(own)?;
            if let Some(payer) = parts.extensions.get::<Payer>() {
                payer.set(&slot);
            }
            slot.request().map_err(|again| {
                Refusal::too_many(format!("tenant `{own}` sends too many requests"), again)
            })?;
            caller.place = Some(Arc::new(slot.place()?));
            // Nothing of the body was read yet.
            let body = body_kib(parts);
            if body > 0 {
                caller._body = Some(Arc::new(in_time(slot.body(body)).await?));
            }
        }
        Ok(caller)
    }
}

/// How long a request waits for others of its tenant.
const PATIENCE: Duration = Duration::from_secs(20);

async fn in_time<T>(right: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(PATIENCE, right).await.map_err(|_| {
        let message = "others of the tenant's requests take all that it may have at once: end some, or read their answers";
        Refusal::too_many(message, Duration::from_secs(1))
    })
}

/// The right to an answer of any length.
pub(super) struct Answer {
    _right: Option<OwnedSemaphorePermit>,
}

impl Answer {
    /// The answer, which holds the right until it is sent.
    pub(super) fn json(self, text: String) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json")];
        let held = Bytes::from_owner(Held {
            text,
            _answer: self,
        });
        (json, Body::from(held)).into_response()
    }

    /// As [`json`](Self::json), of plain data.
    pub(super) fn list(self, list: &impl Serialize) -> Result<Response> {
        let text = serde_json::to_string(list);
        let text = text.map_err(|error| Refusal::internal(error.to_string()))?;
        Ok(self.json(text))
    }
}

struct Held {
    text: String,
    _answer: Answer,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// How many KiB of JSON a request may have: what it says, and as much as any may have when it does not say. Modules are
/// counted where they are taken.
fn body_kib(parts: &Parts) -> u32 {
    let most = MAX_JSON.div_ceil(1 << 10);
    let is_module =
        parts.method == Method::POST && matches!(parts.uri.path(), "/v1/modules" | "/modules");
    let path = parts.uri.path();
    let is_bare = ["/cancel", "/restart"]
        .iter()
        .any(|end| path.ends_with(end));
    let is_without = is_module || is_bare || matches!(parts.method, Method::GET | Method::DELETE);
    let said = match parts.headers.get(header::CONTENT_LENGTH) {
        _ if is_without => Some(0),
        Some(length) => length.to_str().ok().and_then(|n| n.parse::<usize>().ok()),
        None => None,
    };
    let kib = said.map_or(most, |bytes| bytes.div_ceil(1 << 10).min(most));
    u32::try_from(kib).unwrap_or(u32::MAX)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Caller {
    /// What whoever is answered for a while holds on to.
    pub(super) fn place(&self) -> Option<Place> {
        self.place.clone()
    }

    /// The right to an answer of any length, for whoever is a tenant's.
    pub(super) async fn answer(&self, app: &App) -> Result<Answer> {
        let _right = match self.payer(app)? {
            Some(own) => Some(in_time(own.answer()).await?),
            None => None,
        };
        Ok(Answer { _right })
    }

    /// Whose token it is, and who pays for what is done for it; nobody for the host's.
    pub(super) fn payer(&self, app: &App) -> Result<Option<Arc<TenantSlot>>> {
        let own = self.token.tenant.as_ref();
        Ok(own.map(|own| app.daemon.tenant(own)).transpose()?)
    }

    /// Whether the token was not taken back since, and has not expired.
    pub(super) fn is_valid(&self, app: &App) -> bool {
        app.daemon.ledger().is_valid(&self.token.id)
    }

    /// What the token may do.
    pub(super) fn role(&self) -> api::Role {
        role(self.token.role)
    }

    /// The tenant that the request is about, if any.
    pub(super) fn about(&self) -> Option<&TenantName> {
        self.about.as_ref()
    }

    /// The tenant that the request is about; the usual one for the host's admin who names none.
    pub(super) fn tenant(&self, app: &App) -> Result<Arc<TenantSlot>> {
        if let Some(name) = &self.about {
            return Ok(app.daemon.tenant(name)?);
        }
        let usual = DEFAULT_TENANT.parse().ok();
        let usual = usual.and_then(|name| app.daemon.tenant(&name).ok());
        usual.ok_or_else(|| {
            Refusal::not_found(format!(
                "the host's admin has to name a tenant in the header `{TENANT_HEADER}`, since there is no tenant `{DEFAULT_TENANT}`"
            ))
        })
    }

    /// Whether it may change what its tenant has.
    pub(super) fn may_submit(&self) -> Result<()> {
        match self.token.role {
            Role::Admin | Role::Submit => Ok(()),
            Role::Read => Err(Refusal::forbidden("submit or change anything")),
        }
    }

    /// Whether it is an admin, of the tenant or of the host.
    pub(super) fn may_administer(&self) -> Result<()> {
        match self.token.role {
            Role::Admin => Ok(()),
            Role::Submit | Role::Read => Err(Refusal::forbidden("administer")),
        }
    }

    /// Whether it is the host's admin.
    pub(super) fn may_administer_host(&self) -> Result<()> {
        match (&self.token.tenant, self.token.role) {
            (None, Role::Admin) => Ok(()),
            _ => Err(Refusal::forbidden("administer the host")),
        }
    }

    /// Whether it may administer this tenant; another one's is not there.
    pub(super) fn may_administer_tenant(&self, name: &TenantName) -> Result<()> {
        self.sees_tenant(name)?;
        self.may_administer()
    }

    /// Whether this tenant is there for it.
    pub(super) fn sees_tenant(&self, name: &TenantName) -> Result<()> {
        match &self.token.tenant {
            Some(own) if own != name => {
                Err(Refusal::not_found(format!("there is no tenant `{name}`")))
            }
            _ => Ok(()),
        }
    }
}

/// A role as the API has it.
pub(super) fn role(role: Role) -> api::Role {
    match role {
        Role::Admin => api::Role::Admin,
        Role::Submit => api::Role::Submit,
        Role::Read => api::Role::Read,
    }
}

/// A role as the ledger has it.
pub(super) fn ledger_role(role: api::Role) -> Role {
    match role {
        api::Role::Admin => Role::Admin,
        api::Role::Submit => Role::Submit,
        api::Role::Read => Role::Read,
    }
}
