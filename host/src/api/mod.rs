//! What the server and its clients send each other: plain data that serializes to JSON.
//!
//! Every type is part of the OpenAPI document (`GET /v1/openapi.json`). Fields may be added later, so clients ignore those
//! that they don't know; requests with unknown fields are refused, since a misspelt limit must not mean no limit.

mod job;
mod module;
mod overview;
mod state;
mod tenant;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned},
};
use utoipa::ToSchema;

pub use job::{
    CallView, DroppedLogs, JobList, JobLogs, JobRequest, JobState, JobSummary, JobView, LogEntry,
};
pub use module::{ModuleList, ModuleView};
pub use overview::{NodeUse, Overview, TenantActivity};
pub use state::{ActorList, ObjectList, TaskList};
pub use tenant::{
    IssuedToken, Role, TenantList, TenantRequest, TenantUse, TenantView, TokenList, TokenRequest,
    TokenView,
};

pub use crate::types::TenantLimits;

/// Where the API is below a server's address; part of each path.
pub const PREFIX: &str = "/v1";

/// The header by which a host's admin says for which tenant a request is.
pub const TENANT_HEADER: &str = "wrun-tenant";

/// The tenant that a new server has, and whose the host's admin's requests are that name none.
pub const DEFAULT_TENANT: &str = "default";

/// The header with a key under which a request makes one job, however often it is sent.
pub const KEY_HEADER: &str = "idempotency-key";

/// Reads a field that has to be an object: by themselves, structures are read from arrays too, by the order of their fields.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let fields = serde_json::Map::deserialize(deserializer)?;
    T::deserialize(serde_json::Value::Object(fields)).map_err(de::Error::custom)
}

/// The same for one that may be `null`.
fn maybe_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let fields = Option::<serde_json::Map<_, _>>::deserialize(deserializer)?;
    let read = |fields| T::deserialize(serde_json::Value::Object(fields));
    fields.map(read).transpose().map_err(de::Error::custom)
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The error.
    pub error: ProblemBody,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// A word for programs, such as `not_found`.
    pub code: String,
    /// What is wrong, for people.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// What a server is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServerInfo {
    /// The version of `wrun`.
    pub version: String,
    /// How long it has run, in seconds.
    pub uptime_seconds: u64,
    /// Whether it still takes new jobs.
    pub accepting: bool,
    /// Slots.
    pub slots: f64,
    /// Worker threads.
    pub workers: usize,
    /// Bytes of memory that a sandbox may have.
    pub memory_limit: u64,
    /// Bytes of memory that all sandboxes may have.
    pub total_memory: u64,
    /// Bytes of objects in memory.
    pub object_store_memory: u64,
    /// The largest module in bytes.
    pub max_module_size: u64,
    /// How sandboxes are allocated: `pool` or `on-demand`.
    pub sandboxes: String,
    /// What the process has given up: a name and what stands, or why not.
    pub walls: Vec<WallView>,
    /// Who asks: the tenant, or nothing for the host's admin.
    pub tenant: Option<String>,
    /// What the token may do.
    pub role: Role,
}

/// One of the walls around the server's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WallView {
    /// Its name.
    pub name: String,
    /// Whether it stands.
    pub stands: bool,
    /// How, or why not.
    pub detail: String,
}
