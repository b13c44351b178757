//! What is told as a span, and how it is called: OpenTelemetry's semantic conventions where they have a name, `wrun.…` for
//! the rest.

use std::{
    borrow::Cow,
    collections::HashMap,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::{JobSpans, RequestSpan};
use crate::types::{self, ErrorKind, TaskKind, TaskSpan, TraceContext};

/// More of an error's text is not sent.
const MESSAGE: usize = 1 << 10;

/// What all spans have.
struct Span<'a> {
    context: &'a TraceContext,
    id: types::SpanId,
    parent: Option<types::SpanId>,
    name: Cow<'static, str>,
    begun: SystemTime,
    ended: SystemTime,
}

impl Span<'_> {
    fn data(self, kind: SpanKind, attributes: Vec<KeyValue>, status: Status) -> SpanData {
        let context = self.context;
        let state = context.state().and_then(|state| state.parse().ok());
        let is_remote = self.parent.is_some() && self.parent == context.parent();
        SpanData {
            span_context: SpanContext::new(
                TraceId::from(context.trace_id()),
                SpanId::from(self.id.bits()),
                TraceFlags::SAMPLED,
                false,
                state.unwrap_or(TraceState::NONE),
            ),
            parent_span_id: self
                .parent
                .map_or(SpanId::INVALID, |id| SpanId::from(id.bits())),
            parent_span_is_remote: is_remote,
            span_kind: kind,
            name: self.name,
            start_time: self.begun,
            end_time: self.ended.max(self.begun),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: InstrumentationScope::builder("wrun").build(),
        }
    }
}

fn text(key: &'static str, value: impl Into<String>) -> KeyValue {
    KeyValue::new(key, value.into())
}

fn number(key: &'static str, value: u64) -> KeyValue {
    KeyValue::new(key, Value::I64(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// A request.
pub(super) fn request(request: RequestSpan) -> SpanData {
    let RequestSpan {
        context,
        span,
        method,
        route,
        status,
        begun,
        took,
        tenant,
    } = request;
    let mut attributes = vec![number("http.response.status_code", status.into())];
    // A name of few values, as the conventions want it: paths are told without what stands in them.
    let name = match &route {
        Some(route) => format!("{method} {route}"),
        None => method.clone(),
    };
    attributes.push(text("http.request.method", method));
    attributes.extend(route.map(|route| text("http.route", route)));
    attributes.extend(tenant.map(|tenant| text("wrun.tenant", tenant)));
    let failed = status >= 500;
    if failed {
        attributes.push(text("error.type", status.to_string()));
    }
    let span = Span {
        context: &context,
        id: span,
        parent: context.parent(),
        name: name.into(),
        begun,
        ended: begun + took,
    };
    let status = if failed {
        Status::error("")
    } else {
        Status::Unset
    };
    span.data(SpanKind::Server, attributes, status)
}

/// An attempt of a job.
pub(super) fn job(job: &JobSpans) -> SpanData {
    let mut attributes = vec![
        text("wrun.job.id", job.job.to_string()),
        number("wrun.job.attempt", job.attempt.into()),
        text("wrun.module.name", job.module.clone()),
    ];
    attributes.extend(job.tenant.iter().map(|tenant| text("wrun.tenant", tenant)));
    let (mut begun, mut ended) = (job.begun, job.begun + job.took);
    if let Some(trace) = &job.trace {
        attributes.push(number("wrun.trace.one_of", trace.one_of));
        attributes.push(number("wrun.trace.left_out", trace.left_out));
        // When its calls began is known to the millisecond only.
        let calls = trace.spans.iter().map(|call| call.ended_ns).max();
        begun = begun.min(start(job));
        ended = ended.max(start(job) + Duration::from_nanos(calls.unwrap_or(0)));
    }
    let error = job
        .error
        .as_ref()
        .map(|(kind, message)| (*kind, &**message));
    let status = failure(error, &mut attributes);
    let span = Span {
        context: &job.context,
        id: types::SpanId::of_job(job.job, job.attempt),
        parent: job.context.parent(),
        name: "job".into(),
        begun,
        ended,
    };
    span.data(SpanKind::Internal, attributes, status)
}

/// From when the times of a job's calls count.
fn start(job: &JobSpans) -> SystemTime {
    let began_at = job.trace.as_ref().map_or(0, |trace| trace.began_at);
    SystemTime::UNIX_EPOCH + Duration::from_millis(began_at)
}

fn failure(error: Option<(ErrorKind, &str)>, attributes: &mut Vec<KeyValue>) -> Status {
    let Some((kind, message)) = error else {
        return Status::Unset;
    };
    attributes.push(text("error.type", kind.code()));
    Status::error(message[..message.floor_char_boundary(MESSAGE)].to_owned())
}

/// Which attempt of a call made another call.
pub(super) struct Calls {
    /// Of calls that were tried again: when each further attempt began.
    again: HashMap<u64, Vec<(u64, u32)>>,
}

impl Calls {
    pub(super) fn new(job: &JobSpans) -> Self {
        let mut again: HashMap<u64, Vec<(u64, u32)>> = HashMap::new();
        let calls = job.trace.iter().flat_map(|trace| &trace.spans);
        for call in calls.filter(|call| call.attempt > 0) {
            let attempts = again.entry(call.number).or_default();
            attempts.push((call.begun_ns, call.attempt));
        }
        Self { again }
    }

    fn parent(&self, job: &JobSpans, call: &TaskSpan) -> types::SpanId {
        if call.parent == 0 {
            return types::SpanId::of_job(job.job, job.attempt);
        }
        let attempts = self.again.get(&call.parent).into_iter().flatten();
        let before = attempts.filter(|(begun, _)| *begun <= call.queued_ns);
        let attempt = before.map(|(_, attempt)| *attempt).max().unwrap_or(0);
        types::SpanId::of_call(job.job, job.attempt, call.parent, attempt)
    }

    /// An attempt of a call.
    pub(super) fn span(&self, job: &JobSpans, call: &TaskSpan) -> SpanData {
        let name = if call.name.is_empty() {
            "main".to_owned()
        } else {
            call.name.to_string()
        };
        let mut attributes = vec![
            text("code.function.name", name.clone()),
            text("wrun.call.kind", kind(call.kind)),
            number("wrun.call.number", call.number),
            number("wrun.call.attempt", call.attempt.into()),
            number(
                "wrun.call.queued_ns",
                call.begun_ns.saturating_sub(call.queued_ns),
            ),
            number("wrun.call.blocked_ns", call.blocked_ns),
            number("wrun.call.cpu_ns", call.cpu_ns),
            number("wrun.call.memory_bytes", call.memory_bytes),
        ];
        let places = [("wrun.worker", call.worker), ("wrun.slot", call.slot)];
        let places = places
            .into_iter()
            .filter_map(|(key, place)| Some((key, place?)));
        attributes.extend(places.map(|(key, place)| number(key, place.into())));
        let status = failure(call.error.map(|kind| (kind, "")), &mut attributes);
        let at = |ns| start(job) + Duration::from_nanos(ns);
        let span = Span {
            context: &job.context,
            id: types::SpanId::of_call(job.job, job.attempt, call.number, call.attempt),
            parent: Some(self.parent(job, call)),
            name: name.into(),
            begun: at(call.begun_ns),
            ended: at(call.ended_ns),
        };
        span.data(SpanKind::Internal, attributes, status)
    }
}

fn kind(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Main => "main",
        TaskKind::Task => "task",
        TaskKind::ActorConstructor => "constructor",
        TaskKind::ActorMethod => "method",
        TaskKind::Request => "request",
    }
}
