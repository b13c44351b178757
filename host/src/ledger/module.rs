//! Modules as they are recorded. Their bytes lie in files named by their hash, which tenants with the same bytes share
//! without knowing.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// The BLAKE3 hash of a module's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleHash([u8; 32]);

impl ModuleHash {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// As bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// A text is no hash of a module.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a module is named by the 64 hexadecimal digits of its hash")]
pub struct BadModuleHash;

impl FromStr for ModuleHash {
    type Err = BadModuleHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| BadModuleHash)?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl fmt::Display for ModuleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for ModuleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleHash({self})")
    }
}

impl Serialize for ModuleHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModuleHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A module of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleRecord {
    /// What it is.
    pub hash: ModuleHash,
    /// What it was called when it was pushed last.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// When it was pushed last: milliseconds since 1970.
    pub pushed_at: u64,
    /// When a job was submitted with it last, to the minute; when it was pushed, if none was.
    pub used_at: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_survive_as_text() {
        let hash = ModuleHash::of(b"module");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!("12".parse::<ModuleHash>(), Err(BadModuleHash));
        assert_eq!("é".repeat(32).parse::<ModuleHash>(), Err(BadModuleHash));
    }
}
