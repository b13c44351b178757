//! The daemon without a door: what its own failures come to.

use std::time::Duration;

use super::*;
use crate::{
    CacheDir,
    ledger::{JobSpec, ModuleHash},
    node::{Fault, Faults, RuntimeOptions, SpillTo},
};

const BY_HAND: &str = include_str!("../../../tests/abi/by_hand.wat");

fn runtime(faults: Faults) -> Runtime {
    Runtime::start(RuntimeOptions {
        workers: 2,
        pool_size: 4,
        cache: CacheDir::Off,
        spill: SpillTo::Nowhere,
        faults,
        ..RuntimeOptions::default()
    })
    .expect("starts")
}

/// A daemon with the tenant `one`.
fn daemon(dir: &tempfile::TempDir, faults: Faults) -> (Daemon, Arc<TenantSlot>) {
    let (ledger, recovered) = Ledger::open(&dir.path().join("data")).unwrap();
    let name: TenantName = "one".parse().unwrap();
    let (weight, limits) = (std::num::NonZeroU32::MIN, TenantLimits::default());
    ledger.put_tenant(name.clone(), weight, limits).unwrap();
    let config = ServeConfig::default();
    let daemon = Daemon::start(runtime(faults), ledger, recovered, &config, None).unwrap();
    let tenant = daemon.tenant(&name).unwrap();
    (daemon, tenant)
}

async fn submit(daemon: &Daemon, tenant: &Arc<TenantSlot>, module: ModuleHash) -> JobId {
    let request = NewRequest {
        module,
        spec: JobSpec::default(),
        key: None,
        trace: None,
    };
    daemon.submit(tenant, request).await.unwrap().job().id
}

async fn ended(daemon: &Daemon, id: JobId) -> JobRecord {
    let ended = async {
        while let Some(live) = daemon.live(id) {
            live.ended().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
    ended.expect("it is not left running");
    daemon.job(None, id).unwrap()
}

/// A job that its supervisor left is not left running.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_supervisor_panics_ends_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let struck = std::sync::atomic::AtomicBool::new(false);
    let faults = Faults::new(move |name, _| {
        let first = name == "supervisor" && !struck.swap(true, Ordering::SeqCst);
        first.then_some(Fault::HostBug)
    });
    let (daemon, tenant) = daemon(&dir, faults);
    let module = daemon.push(&tenant, "m.wat", BY_HAND.into()).await.unwrap();
    let failed = submit(&daemon, &tenant, module.hash).await;
    let failed = ended(&daemon, failed).await;
    let end = failed.end.expect("its end is recorded");
    let message = end.error.expect("why").message;
    assert_eq!((failed.phase, end.exit_code), (JobPhase::Finished, 125));
    assert!(
        message.contains("internal error") && message.contains("a fault made on purpose"),
        "{message}"
    );
    let next = submit(&daemon, &tenant, module.hash).await;
    let next = ended(&daemon, next).await;
    assert_eq!(next.end.map(|end| end.exit_code), Some(0));
    daemon.stop(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_to_be_compiled_can_be_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let (daemon, tenant) = daemon(&dir, Faults::default());
    // Not through the daemon, which would have it compiled.
    let module = daemon
        .ledger()
        .put_module(&tenant.name, "m", BY_HAND.as_bytes());
    let module = module.unwrap().hash;
    // Of two lanes a tenant has one at once.
    let other = tenant.compiler().await;
    let id = submit(&daemon, &tenant, module).await;
    let live = daemon.live(id).expect("it waits");
    live.cancel("nobody needs it");
    let job = ended(&daemon, id).await;
    let reason = job.end.unwrap().reason;
    assert_eq!(
        (job.phase, reason.as_deref()),
        (JobPhase::Cancelled, Some("nobody needs it"))
    );
    drop(other);
    let next = submit(&daemon, &tenant, module).await;
    assert_eq!(ended(&daemon, next).await.phase, JobPhase::Finished);
    daemon.stop(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_waits_for_the_room_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let (daemon, tenant) = daemon(&dir, Faults::default());
    let (large, small) = (tenant.result(1 << 30).await, tenant.result(1));
    let waits = tokio::time::timeout(Duration::from_millis(50), small).await;
    assert!(waits.is_err(), "the large one has all");
    drop(large);
    drop(tenant.result(1).await);
    daemon.stop(Duration::ZERO).await;
}
