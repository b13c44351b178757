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

/// A job that its supervisor left is not left running.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_supervisor_panics_ends_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, recovered) = Ledger::open(&dir.path().join("data")).unwrap();
    let name: TenantName = "one".parse().unwrap();
    ledger
        .put_tenant(
            name.clone(),
            std::num::NonZeroU32::MIN,
            TenantLimits::default(),
        )
        .unwrap();
    let struck = std::sync::atomic::AtomicBool::new(false);
    let faults = Faults::new(move |name, _| {
        let first = name == "supervisor" && !struck.swap(true, Ordering::SeqCst);
        first.then_some(Fault::HostBug)
    });
    let config = ServeConfig::default();
    let daemon = Daemon::start(runtime(faults), ledger, recovered, &config).unwrap();
    let tenant = daemon.tenant(&name).unwrap();
    let module = daemon.push(&tenant, "m.wat", BY_HAND.into()).await.unwrap();
    let submit = async |module: ModuleHash| {
        let request = NewRequest {
            module,
            spec: JobSpec::default(),
            key: None,
        };
        let id = daemon.submit(&tenant, request).await.unwrap().job().id;
        let ended = async {
            while let Some(live) = daemon.live(id) {
                live.ended().await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
        ended.expect("it is not left running");
        daemon.job(None, id).unwrap()
    };
    let failed = submit(module.hash).await;
    let end = failed.end.expect("its end is recorded");
    let message = end.error.expect("why").message;
    assert_eq!((failed.phase, end.exit_code), (JobPhase::Finished, 125));
    assert!(
        message.contains("internal error") && message.contains("a fault made on purpose"),
        "{message}"
    );
    let next = submit(module.hash).await;
    assert_eq!(next.end.map(|end| end.exit_code), Some(0));
    daemon.stop(Duration::ZERO).await;
}
