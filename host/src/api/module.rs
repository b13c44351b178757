//! Modules as the API shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A module that a tenant has pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModuleView {
    /// blake3 of its bytes, in hexadecimal: its name in requests.
    pub hash: String,
    /// What it was called when it was pushed.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was pushed: milliseconds since 1970.
    pub pushed_at: u64,
    /// When a job was submitted with it last, to the minute; when it was pushed, if none was.
    pub used_at: u64,
}

/// A tenant's modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModuleList {
    /// By their names.
    pub modules: Vec<ModuleView>,
}
