//! Modules of tenants and their files.
//!
//! A file is there before a record names it, and goes after the last record that does. It is put under its name by the
//! thread that writes, which also removes it, so the two can't cross.

use redb::ReadableTable;
use tempfile::NamedTempFile;

use crate::{
    ledger::{
        Failure, JobPhase, MODULE_BYTES, ModuleError, ModuleHash, ModuleRecord, TenantName,
        dir::{self, Folder, StateDir},
        tables::{Broken, Records, Stop, decode, encode, find, refuse},
        transaction::{Tx, View},
    },
    rt::clock,
    rt::guard::Guard,
};

/// Looks whether a tenant may have so many bytes more; before they are written, and again when they are recorded.
pub(in crate::ledger) fn check(
    view: &View,
    tenant: &TenantName,
    hash: &ModuleHash,
    size: u64,
) -> Result<(), Stop<ModuleError>> {
    may_have(view, &view.modules, tenant, hash, size)
}

fn may_have(
    records: &impl Records,
    modules: &impl ReadableTable<(&'static str, &'static [u8; 32]), &'static [u8]>,
    tenant: &TenantName,
    hash: &ModuleHash,
    size: u64,
) -> Result<(), Stop<ModuleError>> {
    let Some(record) = records.tenant(tenant)? else {
        return refuse(ModuleError::NoTenant(tenant.clone()));
    };
    if !Guard::ModuleSize.stands() {
        return Ok(());
    }
    let limit = record.limits.module_bytes.unwrap_or(MODULE_BYTES);
    let mut used = 0_u64;
    for module in all(modules, tenant)? {
        if module.hash != *hash {
            used = used.saturating_add(module.size);
        }
    }
    if used.saturating_add(size) <= limit {
        return Ok(());
    }
    refuse(ModuleError::TooLarge {
        tenant: tenant.clone(),
        limit,
        used,
        size,
    })
}

/// Records a module whose bytes are in `file`.
pub(in crate::ledger) fn put(
    tx: &mut Tx<'_>,
    tenant: &TenantName,
    name: String,
    (hash, size): (ModuleHash, u64),
    file: NamedTempFile,
) -> Result<ModuleRecord, Stop<ModuleError>> {
    may_have(tx, tx.modules.table(), tenant, &hash, size)?;
    // The bytes themselves are on the disk already.
    if let Err(full) = tx.take_room(0) {
        return refuse(full.into());
    }
    let key = (tenant.as_str(), hash.as_bytes());
    let known: Option<ModuleRecord> = find(tx.modules.table(), key, "modules")?;
    // Also when another tenant has it: that heals a damaged file.
    let path = tx.dir.module(&hash);
    if let Err(error) = file.persist(&path) {
        return refuse(dir::failure(&path, &error.error).into());
    }
    tx.effects.flush.push(Folder::Modules);
    let now = clock::unix_millis();
    let record = ModuleRecord {
        hash,
        name,
        size,
        pushed_at: now,
        used_at: known.map_or(now, |known| known.used_at),
    };
    tx.modules.put(key, &encode(&record))?;
    tx.owners.put((hash.as_bytes(), tenant.as_str()), ())?;
    Ok(record)
}

/// A tenant's module.
pub(in crate::ledger) fn get(
    view: &View,
    tenant: &TenantName,
    hash: &ModuleHash,
) -> Result<Option<ModuleRecord>, Stop<Failure>> {
    let key = (tenant.as_str(), hash.as_bytes());
    Ok(find(&view.modules, key, "modules")?)
}

/// The bytes of a file that a record names.
pub(in crate::ledger) fn read(dir: &StateDir, hash: &ModuleHash) -> Result<Vec<u8>, Failure> {
    dir::read(
        dir.module(hash),
        Some(hash),
        "push the module again, which puts it back",
    )
}

/// All modules of a tenant, by hash.
pub(in crate::ledger) fn list(
    view: &View,
    tenant: &TenantName,
) -> Result<Vec<ModuleRecord>, Stop<Failure>> {
    Ok(all(&view.modules, tenant)?)
}

pub(super) fn all(
    modules: &impl ReadableTable<(&'static str, &'static [u8; 32]), &'static [u8]>,
    tenant: &TenantName,
) -> Result<Vec<ModuleRecord>, Broken> {
    let (first, last) = ([0; 32], [u8::MAX; 32]);
    let range = (tenant.as_str(), &first)..=(tenant.as_str(), &last);
    let mut found = Vec::new();
    for entry in modules.range(range)? {
        found.push(decode(entry?.1.value(), "modules")?);
    }
    Ok(found)
}

/// Removes a module that no unfinished job needs.
pub(in crate::ledger) fn remove(
    tx: &mut Tx<'_>,
    tenant: &TenantName,
    hash: &ModuleHash,
) -> Result<(), Stop<ModuleError>> {
    let key = (tenant.as_str(), hash.as_bytes());
    if find::<_, ModuleRecord>(tx.modules.table(), key, "modules")?.is_none() {
        return refuse(ModuleError::NotFound {
            tenant: tenant.clone(),
            module: *hash,
        });
    }
    for phase in [JobPhase::Queued, JobPhase::Running] {
        let phase = phase.number();
        let range = (tenant.as_str(), phase, 0)..=(tenant.as_str(), phase, u64::MAX);
        for entry in tx.phases.table().range(range).map_err(Broken::from)? {
            let number = entry.map_err(Broken::from)?.0.value().2;
            let row = tx.row_at(number)?;
            if row.module == *hash {
                return refuse(ModuleError::InUse {
                    module: *hash,
                    job: row.id,
                });
            }
        }
    }
    Ok(erase(tx, tenant, hash)?)
}

/// Removes a tenant's module, and its file when it was the last's.
pub(super) fn erase(tx: &mut Tx<'_>, tenant: &TenantName, hash: &ModuleHash) -> Result<(), Broken> {
    tx.modules.remove((tenant.as_str(), hash.as_bytes()))?;
    tx.owners.remove((hash.as_bytes(), tenant.as_str()))?;
    // A name is longer than nothing, so the hash's own range begins there.
    let others = tx.owners.table().range((hash.as_bytes(), "")..)?.next();
    let owned = match others {
        Some(entry) => entry?.0.value().0 == hash.as_bytes(),
        None => false,
    };
    if !owned {
        let path = tx.dir.module(hash);
        tx.effects.unlink.push(path);
    }
    Ok(())
}
