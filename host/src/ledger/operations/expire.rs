//! Retention: what ended jobs leave goes by age and by bytes, oldest first.
//!
//! A key must not make a second job for a day after its first one ended. So a younger job with a key loses what is
//! large (arguments, environment, result, output) and keeps its record until then.

use redb::ReadableTable;

use crate::ledger::{
    End, Expired, Failure, RETENTION_BYTES, TenantLimits, TenantName,
    tables::{Broken, JobRow, Records, Stop, encode, find},
    transaction::Tx,
};

/// Milliseconds for which a key stays after its job ended.
const KEY_LIFE_MS: u64 = 24 * 60 * 60 * 1000;
/// Jobs in one transaction at most, so that others need not wait long.
const STEP: usize = 500;

/// A place among a tenant's ended jobs: when one ended, and its number.
type Place = (u64, u64);

/// Removes some of what a tenant may not keep, from a place on; gives where to go on.
pub(in crate::ledger) fn expire(
    tx: &mut Tx<'_>,
    tenant: &TenantName,
    now: u64,
    from: Place,
) -> Result<(Expired, Option<Place>), Stop<Failure>> {
    let mut expired = Expired::default();
    let Some(record) = tx.tenant(tenant)? else {
        return Ok((expired, None));
    };
    let limits = record.limits;
    let step = step(tx, tenant, from)?;
    let more = step.len() == STEP;
    let mut last = None;
    for (at, number) in step {
        if !is_over(tx, tenant, &limits, now, at)? {
            return Ok((expired, None));
        }
        let row = tx.row_at(number)?;
        let bytes = remove(tx, row, now)?;
        if bytes > 0 {
            expired.jobs += 1;
            expired.bytes = expired.bytes.saturating_add(bytes);
        }
        last = Some((at, number + 1));
    }
    Ok((expired, last.filter(|_| more)))
}

/// The next ended jobs, oldest first.
fn step(tx: &Tx<'_>, tenant: &TenantName, (at, number): Place) -> Result<Vec<Place>, Broken> {
    let name = tenant.as_str();
    let range = (name, at, number)..=(name, u64::MAX, u64::MAX);
    let mut found = Vec::new();
    for entry in tx.ended.table().range(range)?.take(STEP) {
        let (_, at, number) = entry?.0.value();
        found.push((at, number));
    }
    Ok(found)
}

fn is_over(
    tx: &Tx<'_>,
    tenant: &TenantName,
    limits: &TenantLimits,
    now: u64,
    ended_at: u64,
) -> Result<bool, Broken> {
    let age = now.saturating_sub(ended_at);
    let too_old = limits
        .retention_seconds
        .is_some_and(|seconds| age > seconds.saturating_mul(1000));
    if too_old {
        return Ok(true);
    }
    let kept = tx.kept_bytes(tenant.as_str())?;
    Ok(kept > limits.retention_bytes.unwrap_or(RETENTION_BYTES))
}

/// Removes a job, or what is large of it; gives how many bytes that were.
fn remove(tx: &mut Tx<'_>, mut row: JobRow, now: u64) -> Result<u64, Broken> {
    let age = now.saturating_sub(row.ended_at.unwrap_or(now));
    let before = tx.ended_bytes(&row)?;
    if row.key.is_none() || age > KEY_LIFE_MS {
        tx.erase(&row)?;
        return Ok(before);
    }
    if row.expired {
        return Ok(0);
    }
    tx.unkeep(&row)?;
    tx.erase_bulk(&row)?;
    if let Some(mut end) = find::<_, End>(tx.ends.table(), row.number, "ends")? {
        end.result = None;
        tx.ends.put(row.number, &encode(&end))?;
    }
    row.expired = true;
    (row.log_file, row.log_hash) = (false, None);
    row.logs.bytes = 0;
    tx.save(&row, Some(row.phase))?;
    tx.keep(&row)?;
    Ok(before.saturating_sub(tx.ended_bytes(&row)?))
}
