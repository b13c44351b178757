//! What a tenant may have, as its record, the API and the command line name it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a tenant may have. Of what is missing, it may have as much as the server allows one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TenantLimits {
    /// Bytes of memory of all its sandboxes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Bytes of objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_bytes: Option<u64>,
    /// Bytes of objects on disk, where they go when there is no room in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spilled_bytes: Option<u64>,
    /// Living sandboxes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandboxes: Option<u64>,
    /// Calls that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_tasks: Option<u64>,
    /// Bytes of calls that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_bytes: Option<u64>,
    /// Living actors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actors: Option<u64>,
    /// Files and directories that its sandboxes have open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Handles that its sandboxes hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handles: Option<u64>,
    /// Bytes of output that are kept of one job: the end of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u64>,
    /// Bytes of all its modules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module_bytes: Option<u64>,
    /// Modules being compiled at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_compilations: Option<u64>,
    /// Seconds that one compilation may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compile_seconds: Option<u64>,
    /// Seconds of processor time of one task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds_per_task: Option<u64>,
    /// Seconds of processor time of one job, over all its attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds_per_job: Option<u64>,
    /// Seconds from a job's start to its end, over all its attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_seconds_per_job: Option<u64>,
    /// Bytes of a job's result, as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_bytes: Option<u64>,
    /// Requests in one second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u64>,
    /// Unfinished jobs at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<u64>,
    /// Seconds that an ended job is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_seconds: Option<u64>,
    /// Bytes of ended jobs that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_bytes: Option<u64>,
}

impl TenantLimits {
    /// The same, with what is missing from `defaults`.
    #[must_use]
    pub fn or(self, defaults: &Self) -> Self {
        macro_rules! or {
            ($($field:ident),* $(,)?) => {
                Self { $($field: self.$field.or(defaults.$field)),* }
            };
        }
        or!(
            memory,
            object_bytes,
            spilled_bytes,
            sandboxes,
            queued_tasks,
            queued_bytes,
            actors,
            open_files,
            handles,
            log_bytes,
            module_bytes,
            concurrent_compilations,
            compile_seconds,
            cpu_seconds_per_task,
            cpu_seconds_per_job,
            wall_seconds_per_job,
            result_bytes,
            requests_per_second,
            jobs,
            retention_seconds,
            retention_bytes,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_taken_over() {
        let some = |jobs, actors| TenantLimits {
            jobs,
            actors,
            ..TenantLimits::default()
        };
        let both = some(Some(3), None).or(&some(Some(5), Some(7)));
        assert_eq!(both, some(Some(3), Some(7)));
    }

    #[test]
    fn unknown_limits_are_refused_and_missing_ones_are_none() {
        let limits: TenantLimits = serde_json::from_str(r#"{"jobs": 3}"#).expect("a limit");
        let expected = TenantLimits {
            jobs: Some(3),
            ..TenantLimits::default()
        };
        assert_eq!(limits, expected);
        let error = serde_json::from_str::<TenantLimits>(r#"{"job": 3}"#).expect_err("misspelt");
        assert!(error.to_string().contains("`job`"), "{error}");
    }
}
