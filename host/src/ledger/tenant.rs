//! Tenants: who they are and what each may have at once. The ledger holds to the limits of what it keeps itself
//! (`jobs`, `module_bytes`, `log_bytes`, `result_bytes`, retention); the others it only records.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::TenantName;
use crate::types::TenantLimits;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Its name, which is its identity.
    pub name: TenantName,
    /// Its part of the processor time when others want it too.
    pub weight: NonZeroU32,
    /// What it may have.
    #[serde(default)]
    pub limits: TenantLimits,
    /// When it was made: milliseconds since 1970.
    pub created_at: u64,
}
