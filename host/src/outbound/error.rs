//! Why a request has no response.
//!
//! Messages name what the guest named and what an operator can do. They don't say which address a name has, nor whether a
//! name without an address that may be reached is there at all.

use thiserror::Error;

use crate::types::{ErrorKind, TaskError};

/// Why a request has no response.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// No host is allowed.
    #[error(
        "outbound HTTP is off: no host is allowed (`--allow-http HOST`, or `allow` in the tenant's `http` on a server)"
    )]
    Off,
    /// The host is not allowed.
    #[error(
        "{scheme} to `{target}` is not allowed: none of the allowed hosts is it (`--allow-http {target}`, or `allow` in the tenant's `http` on a server)"
    )]
    NotAllowed {
        /// `http` or `https`.
        scheme: &'static str,
        /// Host and, if it is not the scheme's, port.
        target: String,
    },
    /// A redirect leads from https to http.
    #[error(
        "`{from}` redirects from https to http, which is not followed; `redirects(0)` gives the redirect itself"
    )]
    Downgrade {
        /// The host.
        from: String,
    },
    /// The host has no address that may be reached.
    #[error(
        "`{host}` has no address that may be reached: there is none, or none that is public (`--allow-http-network`, or `networks` in the tenant's `http` on a server, allows others)"
    )]
    NoAddress {
        /// The host.
        host: String,
    },
    /// The request itself makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Something is larger than it may be.
    #[error("{what} has more than {limit} bytes, which is the limit")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How many it may have.
        limit: u64,
    },
    /// There was no connection, or it failed.
    #[error("the request to `{host}` failed: {why}")]
    Failed {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// There is no room for the response.
    #[error("{0}")]
    Room(TaskError),
}

impl From<OutboundError> for TaskError {
    fn from(error: OutboundError) -> Self {
        let kind = match &error {
            OutboundError::Off
            | OutboundError::NotAllowed { .. }
            | OutboundError::Downgrade { .. } => ErrorKind::HttpRefused,
            OutboundError::NoAddress { .. } => ErrorKind::HttpAddress,
            OutboundError::Invalid(_) => ErrorKind::BadArgument,
            OutboundError::TooLarge { .. } => ErrorKind::HttpTooLarge,
            OutboundError::Failed { .. } => ErrorKind::HttpFailed,
            OutboundError::Room(error) => return error.clone(),
        };
        Self::new(kind, error.to_string())
    }
}
