//! Issuing tokens and taking them back.

use redb::ReadableTable;

use crate::{
    ledger::{
        Failure, NewToken, TenantName, TokenError, TokenRecord, TokenText,
        tables::{Broken, Records, Stop, decode, encode, find, refuse},
        token::StoredToken,
        transaction::{Tx, View},
    },
    rt::clock,
};

/// Valid tokens of a tenant at most, and records of tokens that are kept: those that are void make room, the oldest first.
const MOST: usize = 256;

/// Issues a token.
pub(in crate::ledger) fn issue(
    tx: &mut Tx<'_>,
    new: NewToken,
) -> Result<(TokenText, TokenRecord), Stop<TokenError>> {
    let own = of(tx, new.tenant.as_ref())?;
    add(tx, new, own, &[])
}

/// Issues a token, and takes back all others of its tenant and role.
pub(in crate::ledger) fn rotate(
    tx: &mut Tx<'_>,
    new: NewToken,
) -> Result<(TokenText, TokenRecord), Stop<TokenError>> {
    let mut own = of(tx, new.tenant.as_ref())?;
    let mut old = Vec::new();
    for token in &mut own {
        if token.record.role == new.role && !token.record.revoked {
            token.record.revoked = true;
            old.push(token.clone());
        }
    }
    add(tx, new, own, &old)
}

/// Writes a new token and those of its tenant that change with it. `own` is all that the tenant has, with the changes.
fn add(
    tx: &mut Tx<'_>,
    new: NewToken,
    mut own: Vec<StoredToken>,
    changed: &[StoredToken],
) -> Result<(TokenText, TokenRecord), Stop<TokenError>> {
    let now = clock::unix_millis();
    if let Some(tenant) = &new.tenant {
        if tx.tenant(tenant)?.is_none() {
            return refuse(TokenError::NoTenant(tenant.clone()));
        }
        let valid = own.iter().filter(|token| !token.record.is_void(now));
        let valid = valid.count();
        if valid >= MOST {
            return refuse(TokenError::TooMany {
                tenant: tenant.clone(),
                limit: MOST,
                valid,
            });
        }
    }
    let mut text = TokenText::random();
    while find::<_, StoredToken>(tx.tokens.table(), text.id(), "tokens")?.is_some() {
        text = TokenText::random();
    }
    let record = TokenRecord {
        id: text.id().to_owned(),
        tenant: new.tenant,
        role: new.role,
        label: new.label,
        created_at: now,
        revoked: false,
        expires_at: new.expires_at,
    };
    put(tx, &StoredToken::new(record.clone(), &text))?;
    for token in changed {
        put(tx, token)?;
    }
    let too_many = (own.len() + 1).saturating_sub(MOST);
    own.retain(|token| token.record.is_void(now));
    own.sort_by_key(|token| token.record.created_at);
    for token in own.iter().take(too_many) {
        tx.tokens.remove(&token.record.id)?;
    }
    Ok((text, record))
}

/// Takes a token back. One that was taken back stays so.
pub(in crate::ledger) fn revoke(
    tx: &mut Tx<'_>,
    id: String,
) -> Result<TokenRecord, Stop<TokenError>> {
    let Some(mut token) = find::<_, StoredToken>(tx.tokens.table(), &id, "tokens")? else {
        return refuse(TokenError::NotFound(id));
    };
    token.record.revoked = true;
    put(tx, &token)?;
    Ok(token.record)
}

/// All tokens, without their hashes.
pub(in crate::ledger) fn list(view: &View) -> Result<Vec<TokenRecord>, Stop<Failure>> {
    let tokens = all(&view.tokens)?.into_iter().map(|token| token.record);
    Ok(tokens.collect())
}

/// Those of a tenant, or the host's.
fn of(tx: &Tx<'_>, tenant: Option<&TenantName>) -> Result<Vec<StoredToken>, Broken> {
    let mut own = all(tx.tokens.table())?;
    own.retain(|token| token.record.tenant.as_ref() == tenant);
    Ok(own)
}

fn all(
    tokens: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Vec<StoredToken>, Broken> {
    let mut found = Vec::new();
    for entry in tokens.iter()? {
        found.push(decode(entry?.1.value(), "tokens")?);
    }
    Ok(found)
}

fn put(tx: &mut Tx<'_>, token: &StoredToken) -> Result<(), Broken> {
    tx.effects.tokens = true;
    tx.tokens.put(&token.record.id, &encode(token))
}
