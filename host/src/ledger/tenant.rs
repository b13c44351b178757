//! Tenants: who they are and what each may have at once. The ledger holds to the limits of what it keeps itself
//! (`jobs`, `module_bytes`, `log_bytes`, `result_bytes`, retention); the others it only records.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::TenantName;
use crate::types::TenantLimits;

/// Unfinished jobs of a tenant that has no limit of its own.
pub const JOBS: u64 = 100_000;
/// Bytes of modules of a tenant that has no limit of its own.
pub const MODULE_BYTES: u64 = 4 << 30;
/// Bytes of a job's result that are kept where the tenant has no limit of its own.
pub const RESULT_BYTES: u64 = 16 << 20;
/// Bytes that are kept of ended jobs of a tenant that has no limit of its own.
pub const RETENTION_BYTES: u64 = 4 << 30;

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
