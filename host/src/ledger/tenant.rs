//! Tenants: who they are and what each may have at once. The ledger holds to the limits of what it keeps itself
//! (`jobs`, `module_bytes`, `log_bytes`, `result_bytes`, retention); the others it only records.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::TenantName;

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

/// What a tenant may have. `None` is no limit of the tenant's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantLimits {
    /// Bytes of sandbox memory.
    pub memory: Option<u64>,
    /// Bytes of objects.
    pub object_bytes: Option<u64>,
    /// Calls that wait.
    pub queued_tasks: Option<u64>,
    /// Bytes of calls that wait.
    pub queued_bytes: Option<u64>,
    /// Living actors.
    pub actors: Option<u64>,
    /// Open files and directories of a sandbox.
    pub handles: Option<u64>,
    /// Bytes of output that are kept of one job; the end of it is.
    pub log_bytes: Option<u64>,
    /// Bytes of all its modules.
    pub module_bytes: Option<u64>,
    /// Modules being compiled at once.
    pub concurrent_compilations: Option<u64>,
    /// Seconds that one compilation may take.
    pub compile_seconds: Option<u64>,
    /// Seconds of processor time of one task.
    pub cpu_seconds_per_task: Option<u64>,
    /// Seconds of processor time of one job, over all its attempts.
    pub cpu_seconds_per_job: Option<u64>,
    /// Seconds from a job's start to its end, over all its attempts.
    pub wall_seconds_per_job: Option<u64>,
    /// Bytes of a job's result, as JSON text.
    pub result_bytes: Option<u64>,
    /// Requests in one second.
    pub requests_per_second: Option<u64>,
    /// Unfinished jobs at once.
    pub jobs: Option<u64>,
    /// Seconds that an ended job is kept.
    pub retention_seconds: Option<u64>,
    /// Bytes of ended jobs that are kept: records, arguments, results and output.
    pub retention_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_limits_are_refused_and_missing_ones_are_none() {
        let limits: TenantLimits = serde_json::from_str(r#"{"jobs": 3}"#).unwrap();
        let expected = TenantLimits {
            jobs: Some(3),
            ..TenantLimits::default()
        };
        assert_eq!(limits, expected);
        let error = serde_json::from_str::<TenantLimits>(r#"{"job": 3}"#).unwrap_err();
        assert!(error.to_string().contains("`job`"), "{error}");
    }
}
