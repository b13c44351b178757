//! What is done first after opening: jobs that the last stop interrupted, and files that it left.
//!
//! All of it is one transaction, which also records that the ledger is in use, so a stop in the middle of it counts
//! once. A job that only waited is never counted: it can't be what brought the host down.

use std::collections::HashSet;

use redb::ReadableTable;

use super::{
    End, Failure, JobPhase, JobRecord,
    dir::Folder,
    store::Store,
    tables::{Broken, EVERYBODY, JobRow, Records, encode},
    transaction::Tx,
};
use crate::{
    rt::clock,
    types::{JobId, JobStats},
};

/// Unclean stops under a job until it is quarantined.
const UNCLEAN_STOPS: u32 = 3;
/// The exit code of jobs that the host ended: "wrun itself failed".
const INTERNAL: i32 = 125;

/// What the last stop left.
#[derive(Debug, Default, PartialEq)]
pub struct Recovered {
    /// All jobs that are to run, oldest first: those that waited and those that run again.
    pub rerun: Vec<JobRecord>,
    /// Jobs that ran, and may not run again.
    pub lost: Vec<JobId>,
    /// Jobs that ran at too many unclean stops.
    pub quarantined: Vec<JobId>,
    /// Whether the last stop was clean, or there was none.
    pub clean: bool,
}

pub(super) fn recover(store: &Store) -> Result<Recovered, Failure> {
    let (recovered, files) = store.write(|tx| {
        let mut recovered = Recovered {
            clean: tx.number("clean")? == 1,
            ..Recovered::default()
        };
        for number in numbers(tx, JobPhase::Running)? {
            let row = tx.row_at(number)?;
            interrupted(tx, row, &mut recovered)?;
        }
        for number in numbers(tx, JobPhase::Queued)? {
            let row = tx.row_at(number)?;
            recovered.rerun.push(tx.record(row)?);
        }
        tx.meta.put("clean", 0)?;
        tx.effects.tokens = true;
        Ok((recovered, named_files(tx)?))
    })?;
    for (folder, named) in files {
        store.dir.keep_only(folder, |name| named.contains(name))?;
    }
    Ok(recovered)
}

/// The numbers of all jobs in a phase, oldest first.
fn numbers(tx: &Tx<'_>, phase: JobPhase) -> Result<Vec<u64>, Broken> {
    let phase = phase.number();
    let range = (EVERYBODY, phase, 0)..=(EVERYBODY, phase, u64::MAX);
    let mut numbers = Vec::new();
    for entry in tx.phases.table().range(range)? {
        numbers.push(entry?.0.value().2);
    }
    Ok(numbers)
}

fn interrupted(tx: &mut Tx<'_>, mut row: JobRow, recovered: &mut Recovered) -> Result<(), Broken> {
    let spec = tx.record(row.clone())?.spec;
    if !recovered.clean {
        row.unclean += 1;
    }
    if !spec.restart {
        recovered.lost.push(row.id);
        let how = if recovered.clean {
            "stopped"
        } else {
            "stopped uncleanly"
        };
        let reason = format!(
            "the host {how} while attempt {} ran, and the job was submitted not to run again",
            row.attempt
        );
        return end(tx, row, JobPhase::Lost, reason);
    }
    if row.unclean >= UNCLEAN_STOPS {
        recovered.quarantined.push(row.id);
        let reason = format!(
            "the host stopped uncleanly {} times while it ran, so it may be what stops it; an admin can restart it",
            row.unclean
        );
        return end(tx, row, JobPhase::Quarantined, reason);
    }
    row.phase = JobPhase::Queued;
    tx.save(&row, Some(JobPhase::Running))
}

fn end(tx: &mut Tx<'_>, mut row: JobRow, phase: JobPhase, reason: String) -> Result<(), Broken> {
    let end = End {
        exit_code: INTERNAL,
        error: None,
        result: None,
        reason: Some(reason),
        stats: JobStats::default(),
    };
    row.phase = phase;
    row.ended_at = Some(clock::unix_millis());
    tx.ends.put(row.number, &encode(&end))?;
    tx.save(&row, Some(JobPhase::Running))?;
    tx.keep(&row)
}

/// The files that something names, by their folders.
fn named_files(tx: &Tx<'_>) -> Result<Vec<(Folder, HashSet<String>)>, Broken> {
    let file_name = |path: std::path::PathBuf| {
        let name = path.file_name()?.to_str()?;
        Some(name.to_owned())
    };
    let (mut modules, mut logs) = (HashSet::new(), HashSet::new());
    for entry in tx.owners.table().iter()? {
        let hash = super::ModuleHash::from_bytes(*entry?.0.value().0);
        modules.extend(file_name(tx.dir.module(&hash)));
    }
    for entry in tx.jobs.table().iter()? {
        let row: JobRow = super::tables::decode(entry?.1.value(), "jobs")?;
        if row.log_file {
            logs.extend(file_name(tx.dir.log(row.id)));
        }
    }
    Ok(vec![(Folder::Modules, modules), (Folder::Logs, logs)])
}
