//! Metrics as Prometheus reads them (OpenMetrics 1.0 text), with the conventions of
//! <https://prometheus.io/docs/practices/naming/>: base units, `_total` for what only grows.
//!
//! The host's admin sees the process, the requests and all tenants, a tenant's token that tenant's. So that labels stay few,
//! tenants beyond the first [`NAMED`], by when they were made, are summed as one.

use std::{collections::HashSet, fmt, time::Duration};

use axum::{extract::State, http::header, response::Response};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text::encode},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::{
    App,
    auth::Caller,
    problem::{Refusal, Result},
};
use crate::{
    api::{NodeUse, Overview, TenantActivity},
    daemon::Daemon,
};

/// Tenants with a label of their own.
const NAMED: usize = 256;
/// The label of all others; no tenant has that name.
const OTHERS: &str = "_others";

/// The process's metrics, and those of what the caller may see.
pub(super) async fn show(State(app): State<App>, caller: Caller) -> Result<Response> {
    let answer = caller.answer(&app).await?;
    let (payer, about) = (caller.payer(&app)?, caller.about().cloned());
    let (daemon, requests) = (app.daemon.clone(), app.requests.clone());
    let text = move || {
        let overview = daemon.overview(about.as_ref());
        let mut registry = Registry::default();
        if overview.node.is_some() {
            requests.register(&mut registry);
        }
        registry.register_collector(Box::new(Moment(few_tenants(&daemon, &overview))));
        let mut text = String::new();
        encode(&mut text, &registry).map(|()| text)
    };
    let text = app.blocking_for(payer, (), text).await?;
    let text = text.map_err(|error| Refusal::internal(error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut response = answer.json(text);
    let kind = header::HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// With so few tenants that each may have a label.
fn few_tenants(daemon: &Daemon, overview: &Overview) -> Overview {
    let mut overview = overview.clone();
    if overview.tenants.len() <= NAMED {
        return overview;
    }
    let mut oldest: Vec<_> = daemon.tenants().iter().map(|slot| slot.record()).collect();
    oldest.sort_by_key(|record| record.created_at);
    let named: HashSet<_> = oldest
        .iter()
        .take(NAMED)
        .map(|record| record.name.as_str())
        .collect();
    let (mut shown, others): (Vec<_>, Vec<_>) = overview
        .tenants
        .into_iter()
        .partition(|tenant| named.contains(tenant.name.as_str()));
    let mut sum = TenantActivity {
        name: OTHERS.to_owned(),
        ..TenantActivity::default()
    };
    others.iter().for_each(|tenant| sum.add(tenant));
    shown.push(sum);
    overview.tenants = shown;
    overview
}

/// Requests that were answered.
#[derive(Debug)]
pub(super) struct Requests {
    answered: Family<RequestLabels, Counter>,
    duration: Family<PathLabel, Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    /// The route, with its parameters' names.
    path: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PathLabel {
    path: String,
}

impl Default for Requests {
    fn default() -> Self {
        // From half a millisecond to eight seconds.
        let buckets = || Histogram::new(exponential_buckets(0.0005, 4.0, 8));
        Self {
            answered: Family::default(),
            duration: Family::new_with_constructor(buckets),
        }
    }
}

impl Requests {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "wrun_http_requests",
            "Requests that were answered",
            self.answered.clone(),
        );
        registry.register_with_unit(
            "wrun_http_request_duration",
            "Time until a request's answer began",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    /// One was answered; `route` is its path with the parameters' names.
    pub(super) fn count(
        &self,
        method: &'static str,
        route: Option<&str>,
        status: u16,
        took: Duration,
    ) {
        let path = route.unwrap_or("none").to_owned();
        let labels = RequestLabels {
            method,
            path: path.clone(),
            status,
        };
        self.answered.get_or_create(&labels).inc();
        let duration = self.duration.get_or_create(&PathLabel { path });
        duration.observe(took.as_secs_f64());
    }
}

/// The server at the moment of the request.
#[derive(Debug)]
struct Moment(Overview);

/// A metric: its name without the unit, what it tells, its unit, its value.
type Metric<T> = (&'static str, &'static str, Option<Unit>, fn(&T) -> f64);

impl Collector for Moment {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let now = &self.0;
        let build = encoder.encode_descriptor(
            "wrun_build",
            "The version that runs",
            None,
            MetricType::Info,
        )?;
        let version = [("version", now.version.as_str())];
        prometheus_client::metrics::info::Info::new(version).encode(build)?;
        for (name, help, unit, value) in SERVER {
            one(
                &mut encoder,
                name,
                help,
                unit.as_ref(),
                MetricType::Gauge,
                value(now),
            )?;
        }
        if let Some(node) = &now.node {
            for (name, help, unit, value) in NODE {
                one(
                    &mut encoder,
                    name,
                    help,
                    unit.as_ref(),
                    MetricType::Gauge,
                    value(node),
                )?;
            }
            for (name, help, unit, value) in NODE_TOTALS {
                one(
                    &mut encoder,
                    name,
                    help,
                    unit.as_ref(),
                    MetricType::Counter,
                    value(node),
                )?;
            }
        }
        for metric in TENANT {
            of_tenants(&mut encoder, metric, MetricType::Gauge, &now.tenants)?;
        }
        for metric in TENANT_TOTALS {
            of_tenants(&mut encoder, metric, MetricType::Counter, &now.tenants)?;
        }
        Ok(())
    }
}

fn one(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    kind: MetricType,
    value: f64,
) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, unit, kind)?;
    match kind {
        MetricType::Counter => ConstCounter::new(value).encode(metric),
        _ => ConstGauge::new(value).encode(metric),
    }
}

/// One metric of all tenants, with their names as labels.
fn of_tenants(
    encoder: &mut DescriptorEncoder,
    (name, help, unit, value): &Metric<TenantActivity>,
    kind: MetricType,
    tenants: &[TenantActivity],
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
    for tenant in tenants {
        let label = [("tenant", tenant.name.as_str())];
        let metric = metric.encode_family(&label)?;
        match kind {
            MetricType::Counter => ConstCounter::new(value(tenant)).encode(metric)?,
            _ => ConstGauge::new(value(tenant)).encode(metric)?,
        }
    }
    Ok(())
}

const SERVER: &[Metric<Overview>] = &[
    (
        "wrun_uptime",
        "Since the server started",
        Some(Unit::Seconds),
        |now| now.uptime_seconds,
    ),
    (
        "wrun_accepting",
        "1 while new jobs are taken",
        None,
        |now| f64::from(u8::from(now.accepting)),
    ),
    (
        "wrun_slots",
        "Slots, of which each tenant may have all",
        None,
        |now| now.slots,
    ),
    ("wrun_workers", "Worker threads", None, |now| {
        now.workers as f64
    }),
];

const NODE: &[Metric<NodeUse>] = &[
    (
        "wrun_workers_awake",
        "Workers that poll or look for something to poll",
        None,
        |node| node.workers_awake as f64,
    ),
    ("wrun_sandboxes", "Living sandboxes", None, |node| {
        node.sandboxes as f64
    }),
    (
        "wrun_sandboxes_limit",
        "As many sandboxes may live",
        None,
        |node| node.max_sandboxes as f64,
    ),
    (
        "wrun_sandbox_memory",
        "Memory of all sandboxes",
        Some(Unit::Bytes),
        |node| node.sandbox_bytes as f64,
    ),
    (
        "wrun_sandbox_memory_limit",
        "So much may it be",
        Some(Unit::Bytes),
        |node| node.total_memory as f64,
    ),
    (
        "wrun_object_memory",
        "Objects in memory",
        Some(Unit::Bytes),
        |node| node.object_bytes as f64,
    ),
    (
        "wrun_object_memory_limit",
        "So much may it be",
        Some(Unit::Bytes),
        |node| node.object_store_memory as f64,
    ),
    (
        "wrun_object_spilled",
        "Objects on disk",
        Some(Unit::Bytes),
        |node| node.spilled_bytes as f64,
    ),
    (
        "process_resident_memory",
        "Resident memory of the server's process",
        Some(Unit::Bytes),
        |node| node.resident_bytes as f64,
    ),
];

const NODE_TOTALS: &[Metric<NodeUse>] = &[(
    "process_cpu",
    "Processor time of the server's process",
    Some(Unit::Seconds),
    |node| node.process_cpu_seconds,
)];

const TENANT: &[Metric<TenantActivity>] = &[
    (
        "wrun_tenant_weight",
        "A tenant's part of the processor time when others want it too",
        None,
        |tenant| f64::from(tenant.weight),
    ),
    (
        "wrun_tenant_jobs",
        "Jobs that have not ended",
        None,
        |tenant| tenant.jobs as f64,
    ),
    (
        "wrun_tenant_tasks_queued",
        "Calls that wait for arguments or a slot",
        None,
        |tenant| tenant.tasks.queued as f64,
    ),
    (
        "wrun_tenant_tasks_running",
        "Calls that run or are suspended",
        None,
        |tenant| tenant.tasks.running as f64,
    ),
    (
        "wrun_tenant_slots_busy",
        "Slots that calls have",
        None,
        |tenant| tenant.slots_busy,
    ),
    ("wrun_tenant_actors", "Living actors", None, |tenant| {
        tenant.actors as f64
    }),
    (
        "wrun_tenant_sandboxes",
        "Living sandboxes",
        None,
        |tenant| tenant.sandboxes as f64,
    ),
    (
        "wrun_tenant_sandbox_memory",
        "Memory of sandboxes",
        Some(Unit::Bytes),
        |tenant| tenant.sandbox_bytes as f64,
    ),
    (
        "wrun_tenant_object_memory",
        "Objects in memory",
        Some(Unit::Bytes),
        |tenant| tenant.object_bytes as f64,
    ),
    (
        "wrun_tenant_object_spilled",
        "Objects on disk",
        Some(Unit::Bytes),
        |tenant| tenant.spilled_bytes as f64,
    ),
    (
        "wrun_tenant_queued",
        "Calls that wait",
        Some(Unit::Bytes),
        |tenant| tenant.queued_bytes as f64,
    ),
    (
        "wrun_tenant_output",
        "Kept output of jobs that have not ended",
        Some(Unit::Bytes),
        |tenant| tenant.log_bytes as f64,
    ),
];

const TENANT_TOTALS: &[Metric<TenantActivity>] = &[
    (
        "wrun_tenant_tasks_submitted",
        "Calls submitted",
        None,
        |tenant| tenant.tasks.submitted as f64,
    ),
    (
        "wrun_tenant_tasks_finished",
        "Calls that ended with their results",
        None,
        |tenant| tenant.tasks.finished as f64,
    ),
    (
        "wrun_tenant_tasks_failed",
        "Calls that ended with an error",
        None,
        |tenant| tenant.tasks.failed as f64,
    ),
    (
        "wrun_tenant_tasks_retried",
        "Attempts beyond the first",
        None,
        |tenant| tenant.tasks.retried as f64,
    ),
    (
        "wrun_tenant_sandboxes_made",
        "Sandboxes made",
        None,
        |tenant| tenant.sandboxes_made as f64,
    ),
    (
        "wrun_tenant_cpu",
        "Processor time, everything done for the tenant",
        Some(Unit::Seconds),
        |tenant| tenant.cpu_seconds,
    ),
    (
        "wrun_tenant_jobs_succeeded",
        "Jobs that ended well",
        None,
        |tenant| tenant.jobs_succeeded as f64,
    ),
    (
        "wrun_tenant_jobs_failed",
        "Jobs that ended with an error or another exit code than 0",
        None,
        |tenant| tenant.jobs_failed as f64,
    ),
    (
        "wrun_tenant_jobs_cancelled",
        "Jobs that were cancelled",
        None,
        |tenant| tenant.jobs_cancelled as f64,
    ),
];
