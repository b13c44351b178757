//! Accepting jobs.

use crate::{
    ledger::{
        JOBS, JobPhase, ModuleHash, ModuleRecord, NewJob, SubmitError, Submitted, TenantRecord,
        tables::{JobRow, Records, Stop, encode, find, refuse},
        transaction::Tx,
    },
    rt::clock,
    types::JobId,
};

/// Bytes of a key at most.
const KEY: usize = 255;
/// Bytes of arguments and environment at most: they are read again for each attempt and each look at the job.
const SPEC: usize = 64 << 20;
/// Bytes of them of all unfinished jobs of a tenant.
const PENDING: u64 = 1 << 30;
/// How much a module's time of use lags behind at most, so that not every job writes it.
const USE_LAG_MS: u64 = 60_000;
/// Bytes of a job beside its arguments, with its places in lists: what it costs on disk is about that.
const OVERHEAD: u64 = 4096;

/// A new job with what can be computed on the caller's thread.
pub(in crate::ledger) struct Prepared {
    new: NewJob,
    spec: Vec<u8>,
    digest: ModuleHash,
}

impl Prepared {
    pub(in crate::ledger) fn new(new: NewJob) -> Result<Self, SubmitError> {
        if let Some(key) = &new.key
            && (key.is_empty() || key.len() > KEY)
        {
            return Err(SubmitError::BadKey(key.len()));
        }
        let spec = encode(&new.spec);
        if spec.len() > SPEC {
            let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
            return Err(SubmitError::TooLarge {
                size: bytes(spec.len()),
                limit: bytes(SPEC),
            });
        }
        // A field that is added to a spec must not be written when it has its default, or the same request would get
        // another digest from a newer release.
        let mut same = new.spec.clone();
        // It is the same job, whether its events are told or not.
        same.events = false;
        let digest = ModuleHash::of(&[&new.module.as_bytes()[..], &encode(&same)].concat());
        Ok(Self { new, spec, digest })
    }
}

pub(in crate::ledger) fn submit(
    tx: &mut Tx<'_>,
    Prepared { new, spec, digest }: Prepared,
) -> Result<Submitted, Stop<SubmitError>> {
    let tenant = new.tenant.as_str();
    let Some(record) = tx.tenant(&new.tenant)? else {
        return refuse(SubmitError::NoTenant(new.tenant));
    };
    if let Some(known) = known(tx, &new, &digest)? {
        return Ok(known);
    }
    let module = (tenant, new.module.as_bytes());
    let Some(module) = find::<_, ModuleRecord>(tx.modules.table(), module, "modules")? else {
        return refuse(SubmitError::NoModule {
            tenant: new.tenant,
            module: new.module,
        });
    };
    let size = u64::try_from(spec.len()).unwrap_or(u64::MAX);
    may_have(tx, &record, size)?;
    if let Err(full) = tx.take_room(size.saturating_add(OVERHEAD)) {
        return refuse(full.into());
    }
    let mut id = JobId::random();
    while tx.row(id)?.is_some() {
        id = JobId::random();
    }
    let row = JobRow {
        id,
        number: tx.number("jobs")? + 1,
        module: new.module,
        module_name: module.name.clone(),
        key: new.key,
        trace: new.trace,
        digest,
        phase: JobPhase::Queued,
        attempt: 0,
        unclean: 0,
        submitted_at: clock::unix_millis(),
        started_at: None,
        ended_at: None,
        spent_cpu_ms: 0,
        spent_wall_ms: 0,
        logs: Default::default(),
        log_file: false,
        log_hash: None,
        expired: false,
        tenant: new.tenant,
    };
    write(tx, &row, &spec, module)?;
    Ok(Submitted::New(row.into_record(new.spec, None)))
}

/// Whether a tenant may have one more job, of so many bytes.
fn may_have(tx: &Tx<'_>, tenant: &TenantRecord, size: u64) -> Result<(), Stop<SubmitError>> {
    let unfinished = tx.unfinished(&tenant.name)?;
    let limit = tenant.limits.jobs.unwrap_or(JOBS);
    if unfinished >= limit {
        return refuse(SubmitError::TooMany {
            tenant: tenant.name.clone(),
            limit,
            unfinished,
        });
    }
    let used = tx.pending_bytes(tenant.name.as_str())?;
    if used.saturating_add(size) > PENDING {
        return refuse(SubmitError::TooMuch {
            tenant: tenant.name.clone(),
            limit: PENDING,
            used,
            size,
        });
    }
    Ok(())
}

/// The job that this key stands for.
fn known(
    tx: &Tx<'_>,
    new: &NewJob,
    digest: &ModuleHash,
) -> Result<Option<Submitted>, Stop<SubmitError>> {
    let Some(key) = &new.key else { return Ok(None) };
    let keys = tx.keys.table();
    let number = redb::ReadableTable::get(keys, (new.tenant.as_str(), key.as_str()))
        .map_err(crate::ledger::tables::Broken::from)?
        .map(|number| number.value());
    let Some(number) = number else {
        return Ok(None);
    };
    let row = tx.row_at(number)?;
    if row.digest != *digest {
        return refuse(SubmitError::Conflict {
            key: key.clone(),
            job: row.id,
        });
    }
    Ok(Some(Submitted::Existing(tx.record(row)?)))
}

fn write(
    tx: &mut Tx<'_>,
    row: &JobRow,
    spec: &[u8],
    mut module: ModuleRecord,
) -> Result<(), Stop<SubmitError>> {
    tx.meta.put("jobs", row.number)?;
    tx.ids.put(row.id.bits(), row.number)?;
    tx.specs.put(row.number, spec)?;
    tx.save(row, None)?;
    if let Some(key) = &row.key {
        tx.keys.put((row.tenant.as_str(), key), row.number)?;
    }
    if module.used_at.saturating_add(USE_LAG_MS) < row.submitted_at {
        module.used_at = row.submitted_at;
        let key = (row.tenant.as_str(), row.module.as_bytes());
        tx.modules.put(key, &encode(&module))?;
    }
    Ok(())
}
