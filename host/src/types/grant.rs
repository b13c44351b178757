//! What a job is given beyond its arguments.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A directory of the host that a job may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirGrant {
    /// The directory on the host.
    pub host: PathBuf,
    /// What the guest calls it.
    pub guest: String,
    /// Files in it can't be changed.
    pub read_only: bool,
}
