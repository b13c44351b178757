//! Issuing tokens and taking them back.

use redb::ReadableTable;

use crate::{
    ledger::{
        Failure, NewToken, TokenError, TokenRecord, TokenText,
        tables::{Broken, Records, Stop, decode, encode, find, refuse},
        token::StoredToken,
        transaction::{Tx, View},
    },
    rt::clock,
};

/// Issues a token.
pub(in crate::ledger) fn issue(
    tx: &mut Tx<'_>,
    new: NewToken,
) -> Result<(TokenText, TokenRecord), Stop<TokenError>> {
    if let Some(tenant) = &new.tenant
        && tx.tenant(tenant)?.is_none()
    {
        return refuse(TokenError::NoTenant(tenant.clone()));
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
        created_at: clock::unix_millis(),
        revoked: false,
        expires_at: new.expires_at,
    };
    put(tx, &StoredToken::new(record.clone(), &text))?;
    Ok((text, record))
}

/// Issues a token, and takes back all others of its tenant and role.
pub(in crate::ledger) fn rotate(
    tx: &mut Tx<'_>,
    new: NewToken,
) -> Result<(TokenText, TokenRecord), Stop<TokenError>> {
    let old = all(tx.tokens.table())?.into_iter().filter(|token| {
        let record = &token.record;
        record.tenant == new.tenant && record.role == new.role && !record.revoked
    });
    let old: Vec<_> = old.collect();
    let issued = issue(tx, new)?;
    for mut token in old {
        token.record.revoked = true;
        put(tx, &token)?;
    }
    Ok(issued)
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
