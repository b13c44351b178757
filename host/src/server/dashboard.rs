//! The dashboard: pages in `assets/dashboard/`, which are part of the binary. They ask the API as any client does, with the token of
//! whoever signs in; what is here needs none and tells nothing.
//!
//! The pages show what strangers' guests print and name. They put it in as text, and the policy sent with each answer lets
//! nothing run, load or be sent anywhere that is not this server's own.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{App, problem::Refusal};

/// Where its files are; relative in the pages, which lie at `/`.
const FILES: &str = "/dashboard/{name}";

/// What a browser may do with any of it.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Asked for each time, so that another version of the server has its own pages at once; answered with 304 as a rule.
    (header::CACHE_CONTROL, "no-cache"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// A file with its name and its kind.
type Asset = (&'static str, &'static str, &'static [u8]);

macro_rules! assets {
    ($($name:literal is $kind:expr),+ $(,)?) => {
        [$(($name, $kind, include_bytes!(concat!("../../assets/dashboard/", $name)))),+]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The first is what stands at `/`.
const ASSETS: [Asset; 29] = assets![
    "index.html" is HTML,
    "style.css" is CSS,
    "icon.svg" is SVG,
    "main.js" is SCRIPT,
    "api.js" is SCRIPT,
    "charts.js" is SCRIPT,
    "dom.js" is SCRIPT,
    "error.js" is SCRIPT,
    "format.js" is SCRIPT,
    "graph.js" is SCRIPT,
    "job-errors.js" is SCRIPT,
    "job-graph.js" is SCRIPT,
    "job-logs.js" is SCRIPT,
    "job-summary.js" is SCRIPT,
    "job-timeline.js" is SCRIPT,
    "lines.js" is SCRIPT,
    "list.js" is SCRIPT,
    "live.js" is SCRIPT,
    "page-actors.js" is SCRIPT,
    "page-job.js" is SCRIPT,
    "page-jobs.js" is SCRIPT,
    "page-objects.js" is SCRIPT,
    "page-overview.js" is SCRIPT,
    "page-task.js" is SCRIPT,
    "page-tasks.js" is SCRIPT,
    "page-tenants.js" is SCRIPT,
    "router.js" is SCRIPT,
    "timeline.js" is SCRIPT,
    "trace.js" is SCRIPT,
];

/// What tells one version of each from another.
static TAGS: LazyLock<[String; ASSETS.len()]> = LazyLock::new(|| {
    ASSETS.map(|(_, _, bytes)| format!("\"{}\"", &blake3::hash(bytes).to_hex()[..32]))
});

/// The pages and their files.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/", get(index)).route(FILES, get(file))
}

async fn index(headers: HeaderMap) -> Response {
    answer(0, &headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().skip(1).position(|(own, _, _)| *own == name) {
        Some(at) => answer(at + 1, &headers),
        None => Refusal::not_found("the dashboard has no such file").into_response(),
    }
}

fn answer(at: usize, asked: &HeaderMap) -> Response {
    let ((_, kind, bytes), tag) = (ASSETS[at], &TAGS[at]);
    let known = asked
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|own| own.trim() == *tag));
    let tagged = [(header::ETAG, tag.as_str())];
    if is_known {
        return (StatusCode::NOT_MODIFIED, HEADERS, tagged).into_response();
    }
    let kind = [(header::CONTENT_TYPE, kind)];
    (HEADERS, tagged, kind, bytes).into_response()
}
