//! Names of tenants.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

const LONGEST: usize = 63;

/// A tenant's name: 1 to 63 of `a`-`z`, `0`-`9` and `-`, beginning with a letter. So it can stand in a path, a URL and a
/// label as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantName(Box<str>);

/// A text is no name of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a tenant's name: write 1 to 63 of a-z, 0-9 and `-`, beginning with a letter, such as `team-7`"
)]
pub struct BadTenantName(pub String);

impl TenantName {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantName {
    type Err = BadTenantName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let good = text.len() <= LONGEST
            && text.bytes().all(allowed)
            && text.starts_with(|c: char| c.is_ascii_lowercase());
        if good {
            return Ok(Self(text.into()));
        }
        // Whoever sent it may have sent a lot.
        Err(BadTenantName(text.chars().take(2 * LONGEST).collect()))
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TenantName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TenantName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let longest = "a".repeat(LONGEST);
        for good in ["a", "team-7", "a--", longest.as_str()] {
            assert_eq!(good.parse::<TenantName>().unwrap().as_str(), good);
        }
        let too_long = "a".repeat(LONGEST + 1);
        for bad in [
            "", "7a", "-a", "A", "a_b", "a.b", "a/b", "ä", "a b", &too_long,
        ] {
            assert!(bad.parse::<TenantName>().is_err(), "{bad}");
            assert!(serde_json::from_value::<TenantName>(bad.into()).is_err());
        }
    }
}
