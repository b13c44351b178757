//! Tenants and tokens as the API shows them.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::types::TenantLimits;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, for a host's admin; for a tenant's own, what `submit` may, and to list, issue and revoke that tenant's tokens.
    Admin,
    /// Push modules, submit and cancel jobs, and read.
    Submit,
    /// Read.
    Read,
}

/// A tenant that is to be made, or what it is to be from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantRequest {
    /// Its part of the processor time when others want it too.
    #[serde(default = "one")]
    #[schema(value_type = u64, minimum = 1, maximum = 4294967295_u64)]
    pub weight: NonZeroU32,
    /// What it may have.
    #[serde(default, deserialize_with = "super::object")]
    pub limits: TenantLimits,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantView {
    /// Its name.
    pub name: String,
    /// Its part of the processor time when others want it too.
    #[schema(value_type = u64, minimum = 1, maximum = 4294967295_u64)]
    pub weight: NonZeroU32,
    /// What it may have.
    pub limits: TenantLimits,
    /// What it has.
    pub used: TenantUse,
    /// The hosts that its tasks may ask over HTTP.
    #[serde(default)]
    pub http: Vec<String>,
    /// Whether the configuration file says what it is, so that requests can't change it.
    pub from_config: bool,
    /// When it was made: milliseconds since 1970.
    pub created_at: u64,
}

/// What a tenant has now; the names are those of its limits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantUse {
    /// Bytes of memory of its sandboxes.
    pub memory: u64,
    /// Bytes of objects.
    pub object_bytes: u64,
    /// Bytes of objects on disk.
    #[serde(default)]
    pub spilled_bytes: u64,
    /// Living sandboxes.
    #[serde(default)]
    pub sandboxes: u64,
    /// Calls that wait.
    pub queued_tasks: u64,
    /// Bytes of calls that wait.
    pub queued_bytes: u64,
    /// Living actors.
    pub actors: u64,
    /// Files and directories that its sandboxes have open.
    #[serde(default)]
    pub open_files: u64,
    /// Handles that its sandboxes hold.
    pub handles: u64,
    /// Bytes of output kept of jobs that run.
    pub log_bytes: u64,
    /// Bytes of its modules.
    pub module_bytes: u64,
    /// Modules being compiled.
    pub concurrent_compilations: u64,
    /// Jobs that have not ended.
    pub jobs: u64,
    /// Bytes of ended jobs that are kept.
    #[serde(default)]
    pub retention_bytes: u64,
    /// Seconds of processor time since the server started.
    pub cpu_seconds: f64,
}

/// All tenants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantList {
    /// By their names.
    pub tenants: Vec<TenantView>,
}

/// A token that is to be issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it may do.
    pub role: Role,
    /// What it is for, for people.
    #[serde(default)]
    pub label: String,
    /// Seconds until it is not valid any more; for ever if that is missing.
    #[serde(default)]
    #[schema(maximum = 3153600000_u64)]
    pub valid_seconds: Option<u64>,
    /// Revokes the tenant's other tokens of this role.
    #[serde(default)]
    pub rotate: bool,
}

/// A new token: the one time that its text is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedToken {
    /// What to send as `Authorization: Bearer …`.
    pub token: String,
    /// What it is.
    pub info: TokenView,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

/// A token, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its id, which is the middle part of its text.
    pub id: String,
    /// Whose it is; nothing for the host's admin.
    pub tenant: Option<String>,
    /// What it may do.
    pub role: Role,
    /// What it is for.
    pub label: String,
    /// When it was issued: milliseconds since 1970.
    pub created_at: u64,
    /// When it ends by itself.
    pub expires_at: Option<u64>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// A tenant's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The newest first.
    pub tokens: Vec<TokenView>,
}
