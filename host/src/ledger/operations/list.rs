//! Looking at jobs.

use redb::ReadableTable;

use crate::ledger::{
    Cursor, Failure, JobCounts, JobError, JobPage, JobPhase, JobRecord, TenantName,
    dir::{self, StateDir},
    tables::{Broken, EVERYBODY, JobRow, Records, Stop, refuse},
    transaction::View,
};
use crate::types::JobId;

/// Bytes of arguments and results after which a page ends, whatever was asked for.
const PAGE: usize = 16 << 20;

fn whose(tenant: Option<&TenantName>) -> &str {
    tenant.map_or(EVERYBODY, TenantName::as_str)
}

fn row(view: &View, tenant: Option<&TenantName>, id: JobId) -> Result<Option<JobRow>, Broken> {
    let row = view.row(id)?;
    Ok(row.filter(|row| tenant.is_none_or(|tenant| *tenant == row.tenant)))
}

/// A job, if it is this tenant's.
pub(in crate::ledger) fn job(
    view: &View,
    tenant: Option<&TenantName>,
    id: JobId,
) -> Result<Option<JobRecord>, Stop<Failure>> {
    match row(view, tenant, id)? {
        Some(row) => Ok(Some(view.record(row)?)),
        None => Ok(None),
    }
}

/// Jobs in these phases, newest first.
pub(in crate::ledger) fn jobs(
    view: &View,
    tenant: Option<&TenantName>,
    phases: &[JobPhase],
    before: Option<Cursor>,
    limit: usize,
) -> Result<JobPage, Stop<Failure>> {
    let whose = whose(tenant);
    let end = before.map_or(u64::MAX, |cursor| cursor.0);
    let mut numbers = Vec::new();
    for phase in JobPhase::ALL.iter().filter(|phase| phases.contains(phase)) {
        let phase = phase.number();
        let range = (whose, phase, 0)..(whose, phase, end);
        let range = view.phases.range(range).map_err(Broken::from)?;
        // One more than wanted tells whether there are more.
        for entry in range.rev().take(limit.saturating_add(1)) {
            numbers.push(entry.map_err(Broken::from)?.0.value().2);
        }
    }
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let mut page = JobPage::default();
    let mut bytes = 0;
    for number in numbers {
        if page.jobs.len() >= limit || bytes > PAGE {
            page.next = page.jobs.last().map(|job| job.cursor);
            break;
        }
        bytes += size(view, number)?;
        let row = view.row_at(number)?;
        page.jobs.push(view.record(row)?);
    }
    Ok(page)
}

fn size(view: &View, number: u64) -> Result<usize, Broken> {
    let spec = view.specs().get(number)?;
    let end = view.ends().get(number)?;
    Ok(spec.map_or(0, |spec| spec.value().len()) + end.map_or(0, |end| end.value().len()))
}

/// How many jobs are in each phase.
pub(in crate::ledger) fn counts(
    view: &View,
    tenant: Option<&TenantName>,
) -> Result<JobCounts, Stop<Failure>> {
    let mut counts = [0; JobPhase::ALL.len()];
    for (count, phase) in counts.iter_mut().zip(JobPhase::ALL) {
        *count = view.count(whose(tenant), phase)?;
    }
    Ok(JobCounts::of(counts))
}

/// What is kept of a job's output.
pub(in crate::ledger) fn logs(
    view: &View,
    dir: &StateDir,
    tenant: Option<&TenantName>,
    id: JobId,
) -> Result<Vec<u8>, Stop<JobError>> {
    let Some(row) = row(view, tenant, id)? else {
        return refuse(JobError::NotFound(id));
    };
    if !row.log_file {
        let logs = view.logs.get(row.number).map_err(Broken::from)?;
        return Ok(logs.map_or_else(Vec::new, |logs| logs.value().to_vec()));
    }
    let cure =
        "the job's output can be had from a backup of this file only; all else of it is there";
    dir::read(dir.log(id), row.log_hash.as_ref(), cure).or_else(|failure| refuse(failure.into()))
}
