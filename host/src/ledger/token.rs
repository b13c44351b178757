//! Tokens: what a client shows to be let in.
//!
//! A token's text is `wrun_`, its id, `_` and 32 random bytes as base64url. Only a hash of the text is kept, and only in
//! memory and in the database: whoever reads that gets in nowhere. The secret has 256 random bits, so a plain hash is
//! as good as a slow one. It is looked up by its id, which is no secret, and the hashes are compared in constant time;
//! an unknown id is compared with something too.

use std::{collections::HashMap, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::TenantName;
use crate::rt::random;

const PREFIX: &str = "wrun_";
const ID_LEN: usize = 8;
const SECRET_LEN: usize = 43;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything that its tenant, or the host, has.
    Admin,
    /// To push modules, submit jobs and cancel them.
    Submit,
    /// To look.
    Read,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Its id, which is a part of its text.
    pub id: String,
    /// Whose it is; `None` is the host's own.
    pub tenant: Option<TenantName>,
    /// What it allows.
    pub role: Role,
    /// What people call it.
    pub label: String,
    /// When it was made: milliseconds since 1970.
    pub created_at: u64,
    /// Whether it was taken back.
    #[serde(default)]
    pub revoked: bool,
    /// From when on it is void: milliseconds since 1970.
    #[serde(default)]
    pub expires_at: Option<u64>,
}

impl TokenRecord {
    /// Whether it lets nobody in at this time: it was taken back, or its time is over.
    #[must_use]
    pub fn is_void(&self, now: u64) -> bool {
        self.revoked || self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A token that is to be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Whose it is; `None` is the host's own.
    pub tenant: Option<TenantName>,
    /// What it allows.
    pub role: Role,
    /// What people call it.
    pub label: String,
    /// From when on it is void: milliseconds since 1970.
    pub expires_at: Option<u64>,
}

/// A token's text, to be shown once. It is not kept, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(String);

impl TokenText {
    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A new one, with a new id.
    pub(super) fn random() -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let id = random::u64().to_le_bytes();
        let id: String = id
            .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
            .iter()
            .collect();
        let secret = [(); 4].map(|()| random::u64().to_le_bytes());
        let secret = URL_SAFE_NO_PAD.encode(secret.concat());
        Self(format!("{PREFIX}{id}_{secret}"))
    }

    pub(super) fn id(&self) -> &str {
        id(&self.0).expect("it was made with an id")
    }

    pub(super) fn hash(&self) -> blake3::Hash {
        blake3::hash(self.0.as_bytes())
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenText({PREFIX}{}_…)", self.id())
    }
}

/// The id in a text that has the form of a token.
fn id(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(PREFIX)?;
    let (id, secret) = rest.split_at_checked(ID_LEN)?;
    (secret.len() == 1 + SECRET_LEN && secret.starts_with('_')).then_some(id)
}

/// A token as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredToken {
    #[serde(flatten)]
    pub(super) record: TokenRecord,
    hash: String,
}

impl StoredToken {
    pub(super) fn new(record: TokenRecord, text: &TokenText) -> Self {
        Self {
            record,
            hash: text.hash().to_hex().to_string(),
        }
    }
}

/// All tokens, in memory, as of the last commit.
#[derive(Default)]
pub(super) struct TokenBook(HashMap<String, (blake3::Hash, TokenRecord)>);

impl TokenBook {
    /// A stored hash that is none makes the token void.
    pub(super) fn new(stored: Vec<StoredToken>) -> Self {
        let entry = |token: StoredToken| {
            let hash = blake3::Hash::from_hex(&token.hash).ok()?;
            Some((token.record.id.clone(), (hash, token.record)))
        };
        Self(stored.into_iter().filter_map(entry).collect())
    }

    /// The token with this text, unless it is void at that time.
    pub(super) fn verify(&self, text: &str, now: u64) -> Option<TokenRecord> {
        let nobody = (blake3::Hash::from_bytes([0; 32]), None);
        let known = id(text).and_then(|id| self.0.get(id));
        let (hash, record) = known.map_or(nobody, |(hash, record)| (*hash, Some(record)));
        // `Hash`'s own comparison takes the same time wherever they differ.
        let same = blake3::hash(text.as_bytes()) == hash;
        let record = record.filter(|record| same && !record.is_void(now));
        record.cloned()
    }

    /// Whether there is a token with this id that is not void at that time.
    pub(super) fn is_valid(&self, id: &str, now: u64) -> bool {
        let known = self.0.get(id);
        known.is_some_and(|(_, record)| !record.is_void(now))
    }
}

impl fmt::Debug for TokenBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenBook({} tokens)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &TokenText, change: impl FnOnce(&mut TokenRecord)) -> StoredToken {
        let mut record = TokenRecord {
            id: text.id().to_owned(),
            tenant: None,
            role: Role::Admin,
            label: "test".to_owned(),
            created_at: 1,
            revoked: false,
            expires_at: None,
        };
        change(&mut record);
        StoredToken::new(record, text)
    }

    #[test]
    fn only_the_whole_text_gets_in() {
        let text = TokenText::random();
        assert_eq!(text.reveal().len(), "wrun_".len() + 8 + 1 + 43);
        let book = TokenBook::new(vec![stored(&text, |_| {})]);
        assert_eq!(book.verify(text.reveal(), 0).unwrap().id, text.id());
        let mut wrong = text.reveal().to_owned();
        let last = if wrong.pop() == Some('A') { 'B' } else { 'A' };
        wrong.push(last);
        let unknown = TokenText::random();
        for no in [
            "",
            "wrun_",
            &wrong,
            unknown.reveal(),
            "wrun_äääääääääääää",
            &text.reveal()[1..],
        ] {
            assert_eq!(book.verify(no, 0), None, "{no}");
        }
    }

    #[test]
    fn revoked_and_expired_ones_are_void() {
        let (revoked, expiring) = (TokenText::random(), TokenText::random());
        let book = TokenBook::new(vec![
            stored(&revoked, |record| record.revoked = true),
            stored(&expiring, |record| record.expires_at = Some(10)),
        ]);
        assert_eq!(book.verify(revoked.reveal(), 0), None);
        assert!(book.verify(expiring.reveal(), 9).is_some());
        assert_eq!(book.verify(expiring.reveal(), 10), None);
    }

    #[test]
    fn what_is_stored_or_printed_is_not_the_secret() {
        let text = TokenText::random();
        let secret = &text.reveal()["wrun_12345678_".len()..];
        let json = serde_json::to_string(&stored(&text, |_| {})).unwrap();
        for shown in [format!("{text:?}"), json] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
