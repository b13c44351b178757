//! Why something is not done: what the ledger, the runtime and the daemon itself say, sorted by what a caller can do about it.

use std::fmt;

use thiserror::Error;

use crate::ledger::{self, Failure};

/// Why something is not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// There is no such thing for the caller.
    #[error("{0}")]
    NotFound(String),
    /// It is not possible as things stand.
    #[error("{0}")]
    Conflict(String),
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// The module can't be used.
    #[error("{0}")]
    BadModule(String),
    /// A limit of the tenant.
    #[error("{0}")]
    OverLimit(String),
    /// The disk is full.
    #[error("{0}")]
    DiskFull(String),
    /// The daemon takes nothing new any more.
    #[error("the server stops and takes no more work: send it again to the one that follows")]
    Stopping,
    /// The host failed.
    #[error("{0}")]
    Internal(String),
}

impl DaemonError {
    pub(super) fn bad_request(error: impl fmt::Display) -> Self {
        Self::BadRequest(error.to_string())
    }
}

impl From<Failure> for DaemonError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full { .. } => Self::DiskFull(failure.to_string()),
            Failure::Closed => Self::Stopping,
            _ => Self::Internal(failure.to_string()),
        }
    }
}

impl From<ledger::SubmitError> for DaemonError {
    fn from(error: ledger::SubmitError) -> Self {
        use ledger::SubmitError as E;
        let message = error.to_string();
        match error {
            E::NoTenant(_) | E::NoModule { .. } => Self::NotFound(message),
            E::Conflict { .. } => Self::Conflict(message),
            E::TooMany { .. } | E::TooMuch { .. } => Self::OverLimit(message),
            E::Failed(failure) => failure.into(),
            E::BadKey(_) | E::TooLarge { .. } => Self::BadRequest(message),
        }
    }
}

impl From<ledger::ModuleError> for DaemonError {
    fn from(error: ledger::ModuleError) -> Self {
        use ledger::ModuleError as E;
        let message = error.to_string();
        match error {
            E::NoTenant(_) | E::NotFound { .. } => Self::NotFound(message),
            E::InUse { .. } => Self::Conflict(message),
            E::TooLarge { .. } => Self::OverLimit(message),
            E::Failed(failure) => failure.into(),
        }
    }
}

impl From<ledger::JobError> for DaemonError {
    fn from(error: ledger::JobError) -> Self {
        use ledger::JobError as E;
        let message = error.to_string();
        match error {
            E::NotFound(_) => Self::NotFound(message),
            E::WrongPhase { .. } | E::NotAnEnd(_) | E::NoModule { .. } => Self::Conflict(message),
            E::Failed(failure) => failure.into(),
        }
    }
}

impl From<ledger::TenantError> for DaemonError {
    fn from(error: ledger::TenantError) -> Self {
        use ledger::TenantError as E;
        let message = error.to_string();
        match error {
            E::NotFound(_) => Self::NotFound(message),
            E::Unfinished { .. } => Self::Conflict(message),
            E::Failed(failure) => failure.into(),
        }
    }
}

impl From<ledger::TokenError> for DaemonError {
    fn from(error: ledger::TokenError) -> Self {
        use ledger::TokenError as E;
        let message = error.to_string();
        match error {
            E::NoTenant(_) | E::NotFound(_) => Self::NotFound(message),
            // Waiting makes no room.
            E::TooMany { .. } => Self::Conflict(message),
            E::Failed(failure) => failure.into(),
        }
    }
}
