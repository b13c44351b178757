//! Errors as answers.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    api::{Problem, ProblemBody},
    daemon::DaemonError,
    ledger,
};

/// Why a request is not done, with the answer's status.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    help: Option<String>,
    retry_after: Option<Duration>,
}

pub(super) type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            help: None,
            retry_after: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }

    /// No token, or none that is valid.
    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the request has no valid token",
        )
        .help("send `Authorization: Bearer TOKEN`; on the command line, set WRUN_TOKEN")
    }

    /// A token that may not do this.
    pub(super) fn forbidden(what: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("this token may not {what}"),
        )
        .help("use a token with another role")
    }

    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", what)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn wrong_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "bad_request",
            "this path does not take this method; `/v1/openapi.json` has those that it takes",
        )
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// A limit of how much may come at once.
    pub(super) fn too_many(message: impl Into<String>, again: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message).after(again)
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            .after(Duration::from_secs(1))
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl From<DaemonError> for Refusal {
    fn from(error: DaemonError) -> Self {
        let message = error.to_string();
        match error {
            DaemonError::NotFound(_) => Self::not_found(message),
            DaemonError::Conflict(_) => Self::conflict(message),
            DaemonError::BadRequest(_) => Self::bad_request(message),
            DaemonError::BadModule(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_module", message)
            }
            DaemonError::OverLimit(_) => Self::too_many(message, Duration::from_secs(1)),
            DaemonError::DiskFull(_) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", message)
                    .after(Duration::from_secs(10))
            }
            DaemonError::Stopping => Self::unavailable(message),
            DaemonError::Internal(_) => Self::internal(message),
        }
    }
}

/// What the ledger refuses is sorted by the daemon.
macro_rules! by_the_daemon {
    ($($error:ident),*) => {
        $(impl From<ledger::$error> for Refusal {
            fn from(error: ledger::$error) -> Self {
                DaemonError::from(error).into()
            }
        })*
    };
}

by_the_daemon!(Failure, JobError, ModuleError, TokenError);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self.status {
            StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(target: "wrun::http", error = self.message, "a request failed");
            }
            StatusCode::INSUFFICIENT_STORAGE => {
                tracing::warn!(target: "wrun::ledger", error = self.message, "a request was refused: the disk is full");
            }
            _ => {}
        }
        let error = ProblemBody {
            code: self.code.to_owned(),
            message: self.message,
            help: self.help,
        };
        let mut response = (self.status, Json(Problem { error })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs_f64().ceil().max(1.0);
            // Digits are valid in a header.
            if let Ok(value) = HeaderValue::from_str(&format!("{seconds:.0}")) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
        }
        response
    }
}
