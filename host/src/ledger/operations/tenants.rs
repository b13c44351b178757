//! Tenants.

use std::num::NonZeroU32;

use redb::ReadableTable;

use super::modules;
use crate::{
    ledger::{
        Failure, TenantError, TenantLimits, TenantName, TenantRecord,
        tables::{Broken, Records, Stop, decode, encode, refuse},
        token::StoredToken,
        transaction::{Tx, View},
    },
    rt::clock,
};

/// Makes a tenant, or gives one another weight and other limits.
pub(in crate::ledger) fn put(
    tx: &mut Tx<'_>,
    name: TenantName,
    weight: NonZeroU32,
    limits: TenantLimits,
) -> Result<TenantRecord, Stop<Failure>> {
    let created_at = match tx.tenant(&name)? {
        Some(known) => known.created_at,
        None => clock::unix_millis(),
    };
    let record = TenantRecord {
        name,
        weight,
        limits,
        created_at,
    };
    tx.tenants.put(record.name.as_str(), &encode(&record))?;
    Ok(record)
}

/// All tenants, by name.
pub(in crate::ledger) fn list(view: &View) -> Result<Vec<TenantRecord>, Stop<Failure>> {
    let mut found = Vec::new();
    for entry in view.tenants.iter().map_err(Broken::from)? {
        let entry = entry.map_err(Broken::from)?;
        found.push(decode(entry.1.value(), "tenants")?);
    }
    Ok(found)
}

/// Removes a tenant without unfinished jobs, and all that it has.
pub(in crate::ledger) fn remove(
    tx: &mut Tx<'_>,
    name: &TenantName,
) -> Result<(), Stop<TenantError>> {
    if tx.tenant(name)?.is_none() {
        return refuse(TenantError::NotFound(name.clone()));
    }
    let unfinished = tx.unfinished(name)?;
    if unfinished > 0 {
        return refuse(TenantError::Unfinished {
            tenant: name.clone(),
            unfinished,
        });
    }
    for number in ended(tx, name)? {
        let row = tx.row_at(number)?;
        tx.erase(&row)?;
    }
    for module in modules::all(tx.modules.table(), name)? {
        modules::erase(tx, name, &module.hash)?;
    }
    for id in token_ids(tx, name)? {
        tx.tokens.remove(&id)?;
    }
    tx.effects.tokens = true;
    tx.kept.remove(name.as_str())?;
    tx.pending.remove(name.as_str())?;
    for phase in crate::ledger::JobPhase::ALL {
        tx.counts.remove((name.as_str(), phase.number()))?;
    }
    Ok(tx.tenants.remove(name.as_str())?)
}

fn ended(tx: &Tx<'_>, name: &TenantName) -> Result<Vec<u64>, Broken> {
    let range = (name.as_str(), 0, 0)..=(name.as_str(), u64::MAX, u64::MAX);
    let mut numbers = Vec::new();
    for entry in tx.ended.table().range(range)? {
        numbers.push(entry?.0.value().2);
    }
    Ok(numbers)
}

fn token_ids(tx: &Tx<'_>, name: &TenantName) -> Result<Vec<String>, Broken> {
    let mut ids = Vec::new();
    for entry in tx.tokens.table().iter()? {
        let token: StoredToken = decode(entry?.1.value(), "tokens")?;
        if token.record.tenant.as_ref() == Some(name) {
            ids.push(token.record.id);
        }
    }
    Ok(ids)
}
