//! What is told of each request: its numbers, a line of the log (level `debug`), and a span for the collector if there is one.
//!
//! A request that is part of a trace says so ([`TraceContext`]); a job that it asks for is part of it too. Nothing here looks
//! at tokens or bodies, and paths are told as the API has them, without what stands in them.

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, Method, request::Parts},
    middleware::Next,
    response::Response,
};

use super::{App, meter::Payer};
use crate::{
    otlp::RequestSpan,
    rt::clock,
    types::{SpanId, TRACEPARENT, TRACESTATE, TraceContext},
};

/// The trace that a request is part of, if it is of one: below its own span, when that is told.
#[derive(Debug, Clone, Default)]
pub(super) struct Traced(pub(super) Option<TraceContext>);

impl<S: Sync> FromRequestParts<S> for Traced {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Health is asked for all the time, and by anybody.
const UNTOLD: [&str; 2] = ["/healthz", "/readyz"];

/// Answers a request, and tells of it.
pub(super) async fn observed(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let exporter = app.daemon.exporter();
    let exporter = exporter.filter(|_| !UNTOLD.contains(&request.uri().path()));
    let (came_with, span) = (context(request.headers()), SpanId::random);
    let exported = exporter.map(|exporter| {
        let context = came_with.clone();
        let context = context.unwrap_or_else(|| TraceContext::random(true));
        (exporter, context, span())
    });
    let traced = match &exported {
        Some((_, context, span)) => Some(context.clone().below(*span)),
        None => came_with,
    };
    let payer = Payer::default();
    let (method, route) = (method(request.method()), request.extensions().get());
    let route = route.map(|path: &MatchedPath| path.as_str().to_owned());
    request.extensions_mut().insert(Traced(traced));
    request.extensions_mut().insert(payer.clone());
    let (begun, since) = (clock::system_time(), clock::now());
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), since.elapsed());
    app.requests.count(method, route.as_deref(), status, took);
    tracing::debug!(
        target: "wrun::http", method, path = route, status, ms = took.as_secs_f64() * 1e3,
        tenant = payer.name(), "request"
    );
    if let Some((exporter, context, span)) = exported {
        exporter.request(RequestSpan {
            context,
            span,
            method: method.to_owned(),
            route,
            status,
            begun,
            took,
            tenant: payer.name().map(ToOwned::to_owned),
        });
    }
    response
}

fn context(headers: &HeaderMap) -> Option<TraceContext> {
    // What is no text is malformed.
    let texts = |name| {
        let values = headers.get_all(name).into_iter();
        values.map(|value| value.to_str().unwrap_or("?"))
    };
    TraceContext::parse(texts(TRACEPARENT), texts(TRACESTATE))
}

/// As the conventions have it: others than the usual ones are one.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "CONNECT" => "CONNECT",
        _ => "_OTHER",
    }
}
