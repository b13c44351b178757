//! The options of one call, as `spawn` carries them: tagged fields, each optional.

use std::time::Duration;

/// `max_retries` and `max_restarts` without end.
pub const FOREVER: u32 = u32::MAX;

/// One slot, in the unit of [`CallOptions::num_cpus`].
pub const SLOT: u32 = 10_000;

/// Options of a task, constructor or method; what is `None` keeps the manifest's or the host's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// Runs again this often after system failures; [`FOREVER`] without end.
    pub max_retries: Option<u32>,
    /// Retries also after the program's own errors.
    pub retry_errors: Option<bool>,
    /// Limit of one attempt's time.
    pub timeout: Option<Duration>,
    /// Slots held while running, in 1/10,000 of one ([`SLOT`]).
    pub num_cpus: Option<u32>,
    /// Shown for a task; registers an actor under this name.
    pub name: Option<String>,
    /// The constructor runs again this often after the actor's death.
    pub max_restarts: Option<u32>,
    /// The actor outlives its last handle.
    pub detached: Option<bool>,
    /// The sandbox's memory limit in bytes.
    pub memory: Option<u64>,
    /// A taken actor name gives the actor that has it.
    pub get_if_exists: Option<bool>,
    /// More waiting calls than that are refused.
    pub max_pending_calls: Option<u32>,
}

/// Why option bytes don't decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionError {
    /// A field is longer than what is left.
    Truncated,
    /// No option has this tag.
    UnknownTag(u8),
    /// The payload of this tag has the wrong length or value.
    BadPayload(u8),
}

impl std::fmt::Display for OptionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("the options end in the middle of a field"),
            Self::UnknownTag(tag) => write!(f, "no option has the tag {tag}"),
            Self::BadPayload(tag) => write!(f, "the option with the tag {tag} has a bad payload"),
        }
    }
}

impl std::error::Error for OptionError {}

impl CallOptions {
    /// No option set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each option that is set here, and `base`'s where it is not.
    #[must_use]
    pub fn or(self, base: &Self) -> Self {
        Self {
            max_retries: self.max_retries.or(base.max_retries),
            retry_errors: self.retry_errors.or(base.retry_errors),
            timeout: self.timeout.or(base.timeout),
            num_cpus: self.num_cpus.or(base.num_cpus),
            name: self.name.or_else(|| base.name.clone()),
            max_restarts: self.max_restarts.or(base.max_restarts),
            detached: self.detached.or(base.detached),
            memory: self.memory.or(base.memory),
            get_if_exists: self.get_if_exists.or(base.get_if_exists),
            max_pending_calls: self.max_pending_calls.or(base.max_pending_calls),
        }
    }

    /// Appends the fields that are set. A name longer than 200 bytes is cut at a character's end.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut field = |tag: u8, payload: &[u8]| {
            if let Ok(len) = u8::try_from(payload.len()) {
                out.extend_from_slice(&[tag, len]);
                out.extend_from_slice(payload);
            }
        };
        if let Some(n) = self.max_retries {
            field(1, &n.to_le_bytes());
        }
        if let Some(b) = self.retry_errors {
            field(2, &[u8::from(b)]);
        }
        if let Some(d) = self.timeout {
            field(
                3,
                &u64::try_from(d.as_nanos())
                    .unwrap_or(u64::MAX)
                    .to_le_bytes(),
            );
        }
        if let Some(n) = self.num_cpus {
            field(4, &n.to_le_bytes());
        }
        if let Some(name) = &self.name {
            field(
                5,
                &name.as_bytes()[..name.floor_char_boundary(crate::MAX_NAME_BYTES)],
            );
        }
        if let Some(n) = self.max_restarts {
            field(6, &n.to_le_bytes());
        }
        if let Some(b) = self.detached {
            field(7, &[u8::from(b)]);
        }
        if let Some(n) = self.memory {
            field(8, &n.to_le_bytes());
        }
        if let Some(b) = self.get_if_exists {
            field(9, &[u8::from(b)]);
        }
        if let Some(n) = self.max_pending_calls {
            field(10, &n.to_le_bytes());
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`OptionError`] for a truncated field, an unknown tag or a payload that does not fit its tag.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, OptionError> {
        let mut options = Self::default();
        while let [tag, len, rest @ ..] = bytes {
            let (payload, rest) = rest
                .split_at_checked(usize::from(*len))
                .ok_or(OptionError::Truncated)?;
            options.set(*tag, payload)?;
            bytes = rest;
        }
        if bytes.is_empty() {
            Ok(options)
        } else {
            Err(OptionError::Truncated)
        }
    }

    fn set(&mut self, tag: u8, payload: &[u8]) -> Result<(), OptionError> {
        let bad = OptionError::BadPayload(tag);
        let four = || payload.try_into().map(u32::from_le_bytes).map_err(|_| bad);
        let eight = || payload.try_into().map(u64::from_le_bytes).map_err(|_| bad);
        let flag = || match payload {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(bad),
        };
        match tag {
            1 => self.max_retries = Some(four()?),
            2 => self.retry_errors = Some(flag()?),
            3 => self.timeout = Some(Duration::from_nanos(eight()?)),
            4 => self.num_cpus = Some(four()?),
            5 => {
                let name = std::str::from_utf8(payload).map_err(|_| bad)?;
                if name.is_empty() || name.len() > crate::MAX_NAME_BYTES {
                    return Err(bad);
                }
                self.name = Some(name.to_owned());
            }
            6 => self.max_restarts = Some(four()?),
            7 => self.detached = Some(flag()?),
            8 => self.memory = Some(eight()?),
            9 => self.get_if_exists = Some(flag()?),
            10 => self.max_pending_calls = Some(four()?),
            _ => return Err(OptionError::UnknownTag(tag)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_survives_the_border() {
        let options = CallOptions {
            max_retries: Some(FOREVER),
            retry_errors: Some(true),
            timeout: Some(Duration::from_millis(1500)),
            num_cpus: Some(SLOT / 2),
            name: Some("größer".into()),
            max_restarts: Some(3),
            detached: Some(false),
            memory: Some(1 << 33),
            get_if_exists: Some(true),
            max_pending_calls: Some(7),
        };
        let mut bytes = Vec::new();
        options.encode(&mut bytes);
        assert_eq!(CallOptions::decode(&bytes), Ok(options));
    }

    #[test]
    fn bad_bytes_are_told_apart() {
        assert_eq!(CallOptions::decode(&[1]), Err(OptionError::Truncated));
        assert_eq!(CallOptions::decode(&[1, 4, 0]), Err(OptionError::Truncated));
        assert_eq!(
            CallOptions::decode(&[1, 1, 0]),
            Err(OptionError::BadPayload(1))
        );
        assert_eq!(
            CallOptions::decode(&[2, 1, 2]),
            Err(OptionError::BadPayload(2))
        );
        assert_eq!(
            CallOptions::decode(&[99, 0]),
            Err(OptionError::UnknownTag(99))
        );
    }
}
