//! The ledger as a whole. Each file tests one promise of `README.md`.

mod basics;
mod crash;
mod damage;
mod failures;
mod fixture;
mod model;
mod speed;

use std::{num::NonZeroU32, path::Path};

use super::*;
use crate::types::JobStats;

/// A ledger that asks for no free space, whatever the machine has.
fn open(dir: &Path) -> (Ledger, Recovered) {
    Ledger::open_with(dir, LedgerOptions { reserve: 0 }).unwrap()
}

fn name(text: &str) -> TenantName {
    text.parse().unwrap()
}

/// Makes a tenant with a module, and gives a job of it.
fn tenant(ledger: &Ledger, text: &str, limits: TenantLimits) -> NewJob {
    let tenant = name(text);
    ledger
        .put_tenant(tenant.clone(), NonZeroU32::MIN, limits)
        .unwrap();
    let module = ledger.put_module(&tenant, "m", b"module bytes").unwrap();
    NewJob {
        tenant,
        module: module.hash,
        spec: JobSpec::default(),
        key: None,
        trace: None,
    }
}

fn keyed(job: &NewJob, key: &str) -> NewJob {
    NewJob {
        key: Some(key.to_owned()),
        ..job.clone()
    }
}

fn end(phase: JobPhase) -> Finish {
    Finish {
        phase,
        end: End {
            exit_code: 0,
            error: None,
            result: Some(JsonText::parse("42").unwrap()),
            reason: None,
            stats: JobStats::default(),
        },
        logs: Logs::default(),
        spent_cpu_ms: 0,
        spent_wall_ms: 0,
    }
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
