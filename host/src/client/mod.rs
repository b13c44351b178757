//! The API from the other side: what the command line uses to talk to a server.
//!
//! A [`Client`] has an address and a token; each method is one request. Failures are a [`ClientError`]: the server's own words
//! where there are any. It prints nothing and keeps nothing.

mod events;

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use http_body_util::{BodyExt as _, Full, StreamBody};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

pub use events::{Events, JobEvent};

use crate::{
    api::{
        ActorList, IssuedToken, JobList, JobRequest, JobSummary, JobView, KEY_HEADER, ModuleList,
        ModuleView, ObjectList, Overview, Problem, ProblemBody, ServerInfo, TENANT_HEADER,
        TaskList, TenantList, TenantRequest, TenantView, TokenList, TokenRequest,
    },
    rt::error,
    types::{JobTrace, TRACEPARENT, TRACESTATE, TaskWhy, TraceContext},
};

/// A connection has so long to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// A module goes out in pieces of so many bytes, where that is told.
const PIECE: usize = 64 << 10;

/// Why a request was not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is none.
    #[error("`{address}` is not a server's address: write http://HOST:PORT or https://HOST:PORT")]
    Address {
        /// What was given.
        address: String,
    },
    /// Nobody answers.
    #[error("the server at {address} can't be reached: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        reason: String,
    },
    /// The server says no.
    #[error("{}", body.message)]
    Refused {
        /// The answer's status.
        status: u16,
        /// The server's words.
        body: ProblemBody,
    },
    /// The answer makes no sense.
    #[error("the server at {address} answered what is no answer: {reason}")]
    Nonsense {
        /// Where.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ClientError {
    /// The server's code, such as `not_found`, if it refused.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { body, .. } => Some(&body.code),
            _ => None,
        }
    }
}

type Result<T> = std::result::Result<T, ClientError>;

/// Which tasks, actors or objects to list; all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ListFilter {
    /// Of this job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// In these states, with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// With this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Behind an earlier page: its `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Talks to a server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    address: Url,
    token: Option<String>,
    tenant: Option<String>,
    trace: Option<TraceContext>,
}

impl fmt::Debug for Client {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.address.as_str())
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// For the server at this address, with this token, about this tenant (which only the host's admin names).
    ///
    /// # Errors
    /// [`ClientError::Address`] for an address that is none.
    pub fn new(address: &str, token: Option<String>, tenant: Option<String>) -> Result<Self> {
        Self::trusting(address, token, tenant, None)
    }

    /// The same, and it trusts the certificates of `roots` (PEM) too.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`ClientError::Nonsense`] for what are no certificates.
    pub fn trusting(
        address: &str,
        token: Option<String>,
        tenant: Option<String>,
        roots: Option<&[u8]>,
    ) -> Result<Self> {
        let wrong = || ClientError::Address {
            address: address.to_owned(),
        };
        let url = Url::parse(address).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong());
        }
        // Whoever was first has chosen the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = roots.map_or(Ok(Vec::new()), reqwest::Certificate::from_pem_bundle);
        let roots = roots.map_err(|error| ClientError::Nonsense {
            address: "the file of certificates".to_owned(),
            reason: error::chain(&error),
        })?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .user_agent(concat!("wrun/", env!("CARGO_PKG_VERSION")))
            .tls_certs_merge(roots)
            .build();
        let http = http.map_err(|error| ClientError::Unreachable {
            address: address.to_owned(),
            reason: error::chain(&error),
        })?;
        Ok(Self {
            http,
            address: url,
            token,
            tenant,
            trace: None,
        })
    }

    /// Jobs that it submits belong to this trace.
    #[must_use]
    pub fn with_trace(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.address.clone();
        // An address with a host has a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(tenant) = &self.tenant {
            request = request.header(TENANT_HEADER, tenant);
        }
        request
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| self.lost(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let body = match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => problem.error,
            Err(_) => ProblemBody {
                code: "unknown".to_owned(),
                message: format!("the server answered {status}"),
                help: (status == StatusCode::NOT_FOUND)
                    .then(|| "is there a wrun server at this address?".to_owned()),
            },
        };
        Err(ClientError::Refused {
            status: status.as_u16(),
            body,
        })
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = self.send(request).await?;
        let bytes = response.bytes().await.map_err(|error| self.lost(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| self.nonsense(&error))
    }

    fn lost(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable {
            address: self.address.to_string(),
            reason: error::chain(error),
        }
    }

    fn nonsense(&self, error: &dyn std::error::Error) -> ClientError {
        ClientError::Nonsense {
            address: self.address.to_string(),
            reason: error.to_string(),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T> {
        self.json(self.request(Method::GET, path)).await
    }

    async fn give<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T> {
        self.json(self.request(method, path).json(body)).await
    }

    async fn delete(&self, path: &[&str]) -> Result<()> {
        self.send(self.request(Method::DELETE, path))
            .await
            .map(drop)
    }

    /// What the server is.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn info(&self) -> Result<ServerInfo> {
        self.get(&["info"]).await
    }

    /// What is busy, what waits, and who has what now.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn overview(&self) -> Result<Overview> {
        self.get(&["overview"]).await
    }

    /// Sends a module.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn push(&self, name: &str, bytes: Vec<u8>) -> Result<ModuleView> {
        let request = self
            .request(Method::POST, &["modules"])
            .query(&[("name", name)]);
        let request = request.header(header::CONTENT_TYPE, "application/wasm");
        self.json(request.body(bytes)).await
    }

    /// The same, piece by piece; `sent` hears of the bytes of each as it goes out.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn push_in_pieces(
        &self,
        name: &str,
        bytes: Vec<u8>,
        sent: impl Fn(usize) + Send + Sync + 'static,
    ) -> Result<ModuleView> {
        let (size, bytes) = (bytes.len(), Bytes::from(bytes));
        let pieces = (0..size).step_by(PIECE).filter_map(move |at| {
            let piece = bytes.slice(at..size.min(at + PIECE));
            sent(piece.len());
            // It has just this one frame, and that is there.
            Full::new(piece).frame().now_or_never().flatten()
        });
        let body = StreamBody::new(stream::iter(pieces));
        let request = self
            .request(Method::POST, &["modules"])
            .query(&[("name", name)])
            .header(header::CONTENT_TYPE, "application/wasm")
            .header(header::CONTENT_LENGTH, size);
        self.json(request.body(reqwest::Body::wrap(body))).await
    }

    /// A module that the server has.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn module(&self, hash: &str) -> Result<ModuleView> {
        self.get(&["modules", hash]).await
    }

    /// The tenant's modules.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn modules(&self) -> Result<ModuleList> {
        self.get(&["modules"]).await
    }

    /// Removes a module.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn remove_module(&self, hash: &str) -> Result<()> {
        self.delete(&["modules", hash]).await
    }

    /// Submits a job.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn submit(&self, job: &JobRequest, key: Option<&str>) -> Result<JobView> {
        let mut request = self.request(Method::POST, &["jobs"]).json(job);
        if let Some(key) = key {
            request = request.header(KEY_HEADER, key);
        }
        if let Some(trace) = &self.trace
            && let Some(parent) = trace.parent()
        {
            request = request.header(TRACEPARENT, trace.traceparent(parent));
            if let Some(state) = trace.state() {
                request = request.header(TRACESTATE, state);
            }
        }
        self.json(request).await
    }

    /// A job.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn job(&self, id: &str) -> Result<JobView> {
        self.get(&["jobs", id]).await
    }

    /// Jobs, the newest first: in these states (all if there are none), from `before` on.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn jobs(
        &self,
        states: &[String],
        before: Option<&str>,
        limit: usize,
    ) -> Result<JobList> {
        let mut request = self
            .request(Method::GET, &["jobs"])
            .query(&[("limit", limit)]);
        if !states.is_empty() {
            request = request.query(&[("state", states.join(","))]);
        }
        if let Some(before) = before {
            request = request.query(&[("before", before)]);
        }
        self.json(request).await
    }

    /// A job's result, waiting for it for so many seconds.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn result(&self, id: &str, wait: u64) -> Result<serde_json::Value> {
        let request = self.request(Method::GET, &["jobs", id, "result"]);
        self.json(request.query(&[("wait", wait)])).await
    }

    /// What a job prints, from a line on; with `follow` to its end.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn logs(&self, id: &str, from: u64, follow: bool) -> Result<Events> {
        let request = self.request(Method::GET, &["jobs", id, "logs"]);
        let request = request
            .query(&[("from", from.to_string()), ("follow", follow.to_string())])
            .header(header::ACCEPT, "text/event-stream");
        Ok(Events::new(self.send(request).await?))
    }

    /// What happens in a job, behind the event of this id, or from its beginning; with `follow` to its end.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn events(&self, id: &str, last: &str, follow: bool) -> Result<Events> {
        let request = self.request(Method::GET, &["jobs", id, "events"]);
        let mut request = request.query(&[("follow", follow)]);
        if !last.is_empty() {
            request = request.header("last-event-id", last);
        }
        Ok(Events::new(self.send(request).await?))
    }

    /// Tasks that have not ended, and some that failed.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn tasks(&self, filter: &ListFilter) -> Result<TaskList> {
        self.json(self.request(Method::GET, &["tasks"]).query(filter))
            .await
    }

    /// Why a task is where it is.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests; not found for one of which nothing is known.
    pub async fn why(&self, id: &str) -> Result<TaskWhy> {
        self.get(&["tasks", id]).await
    }

    /// Actors that live, and some that died.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn actors(&self, filter: &ListFilter) -> Result<ActorList> {
        self.json(self.request(Method::GET, &["actors"]).query(filter))
            .await
    }

    /// Objects.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn objects(&self, filter: &ListFilter) -> Result<ObjectList> {
        self.json(self.request(Method::GET, &["objects"]).query(filter))
            .await
    }

    /// What the calls of a job did and when.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests; not found for a job that ended long ago.
    pub async fn trace(&self, id: &str) -> Result<JobTrace> {
        self.get(&["jobs", id, "trace"]).await
    }

    /// What the calls of a job took, by function.
    ///
    /// # Errors
    /// As [`trace`](Self::trace).
    pub async fn summary(&self, id: &str) -> Result<JobSummary> {
        self.get(&["jobs", id, "summary"]).await
    }

    /// Cancels a job.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn cancel(&self, id: &str) -> Result<JobView> {
        self.json(self.request(Method::POST, &["jobs", id, "cancel"]))
            .await
    }

    /// Runs a job again that is in quarantine.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn restart(&self, id: &str) -> Result<JobView> {
        self.json(self.request(Method::POST, &["jobs", id, "restart"]))
            .await
    }

    /// The tenants.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn tenants(&self) -> Result<TenantList> {
        self.get(&["tenants"]).await
    }

    /// Makes or changes a tenant.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn put_tenant(&self, name: &str, tenant: &TenantRequest) -> Result<TenantView> {
        self.give(Method::PUT, &["tenants", name], tenant).await
    }

    /// A tenant.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn tenant(&self, name: &str) -> Result<TenantView> {
        self.get(&["tenants", name]).await
    }

    /// Removes a tenant.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn remove_tenant(&self, name: &str) -> Result<()> {
        self.delete(&["tenants", name]).await
    }

    /// A tenant's tokens.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn tokens(&self, tenant: &str) -> Result<TokenList> {
        self.get(&["tenants", tenant, "tokens"]).await
    }

    /// Issues a token.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn issue(&self, tenant: &str, token: &TokenRequest) -> Result<IssuedToken> {
        self.give(Method::POST, &["tenants", tenant, "tokens"], token)
            .await
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// [`ClientError`], as for all requests.
    pub async fn revoke(&self, tenant: &str, id: &str) -> Result<()> {
        self.delete(&["tenants", tenant, "tokens", id]).await
    }
}
