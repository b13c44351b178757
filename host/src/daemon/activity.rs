//! What is busy, what waits, and who has what, at one moment.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::Daemon;
use crate::{
    api::{NodeUse, Overview, TenantActivity},
    ledger::TenantName,
    rt::{clock, process},
    tenant::Resource,
};

/// Who looks again within this sees the same: many may look.
const FRESH: Duration = Duration::from_millis(250);

/// What was seen last.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Option<(Instant, Arc<Overview>)>>);

impl Daemon {
    /// The server at this moment, or a moment ago: of one tenant and without the node's part, or of all.
    #[must_use]
    pub fn overview(&self, of: Option<&TenantName>) -> Arc<Overview> {
        let all = self.look();
        let Some(name) = of else { return all };
        let is_own = |tenant: &&TenantActivity| tenant.name == name.as_str();
        let tenants = all.tenants.iter().filter(is_own).cloned().collect();
        Arc::new(Overview {
            node: None,
            tenants,
            version: all.version.clone(),
            ..*all
        })
    }

    fn look(&self) -> Arc<Overview> {
        // Who comes meanwhile waits, and sees what is seen here.
        let mut seen = self.0.seen.0.lock();
        if let Some((at, overview)) = &*seen
            && at.elapsed() < FRESH
        {
            return overview.clone();
        }
        let overview = Arc::new(self.look_again());
        *seen = Some((clock::now(), overview.clone()));
        overview
    }

    fn look_again(&self) -> Overview {
        let (runtime, info) = (&self.0.runtime, self.0.runtime.info());
        Overview {
            at: clock::unix_millis(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.uptime().as_secs_f64(),
            accepting: self.is_accepting(),
            slots: info.slots,
            workers: info.workers,
            node: Some(NodeUse {
                workers_awake: runtime.workers_awake(),
                sandboxes: runtime.used(Resource::Sandboxes),
                max_sandboxes: info.max_sandboxes,
                sandbox_bytes: runtime.used(Resource::SandboxBytes),
                total_memory: info.total_memory,
                object_bytes: runtime.used(Resource::ObjectBytes),
                object_store_memory: info.object_store_memory,
                spilled_bytes: runtime.used(Resource::SpilledBytes),
                resident_bytes: process::resident_bytes(),
                process_cpu_seconds: process::cpu().as_secs_f64(),
            }),
            tenants: self.tenant_activity(),
        }
    }

    fn tenant_activity(&self) -> Vec<TenantActivity> {
        let slots = self.tenants();
        let nodes: Vec<_> = slots.iter().map(|slot| &slot.node).collect();
        let activity = self.0.runtime.activity(&nodes);
        // Jobs, and bytes of their output.
        let mut jobs: HashMap<TenantName, (u64, u64)> = HashMap::new();
        for job in self.0.live.lock().values() {
            let (n, bytes) = jobs.entry(job.tenant.clone()).or_default();
            *n += 1;
            *bytes += job.logs.kept().0;
        }
        let of_one = slots.iter().zip(activity).map(|(slot, activity)| {
            let used = |resource| slot.node.used(resource);
            let (jobs, log_bytes) = jobs.get(&slot.name).copied().unwrap_or_default();
            let ended = *slot.ended.lock();
            TenantActivity {
                name: slot.name.to_string(),
                weight: slot.record().weight.get(),
                jobs,
                jobs_succeeded: ended.succeeded,
                jobs_failed: ended.failed,
                jobs_cancelled: ended.cancelled,
                tasks: activity.tasks,
                slots_busy: activity.slots_busy,
                sandboxes_made: activity.sandboxes_made,
                cpu_seconds: slot.node.cpu().as_secs_f64(),
                actors: used(Resource::Actors),
                sandboxes: used(Resource::Sandboxes),
                sandbox_bytes: used(Resource::SandboxBytes),
                object_bytes: used(Resource::ObjectBytes),
                spilled_bytes: used(Resource::SpilledBytes),
                queued_bytes: used(Resource::QueuedBytes),
                log_bytes,
            }
        });
        of_one.collect()
    }
}
