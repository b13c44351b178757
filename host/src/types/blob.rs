//! Bytes that are cheap to keep when they are few.

use std::{fmt, ops::Deref};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Up to so many bytes lie in the [`Blob`] itself.
const FEW: usize = 23;

/// Immutable bytes, cheap to clone: few of them in place, more of them shared.
///
/// Most arguments and results are a number or two; on the heap each would cost an allocation, and a counter that two
/// workers fight for.
///
/// ```
/// use wrun_host::types::Blob;
/// let blob = Blob::copy_from_slice(b"few");
/// assert_eq!(&blob[..], b"few");
/// ```
#[derive(Clone)]
pub struct Blob(Repr);

#[derive(Clone)]
enum Repr {
    Few { len: u8, bytes: [u8; FEW] },
    Shared(Bytes),
}

impl Blob {
    /// A copy of these bytes.
    #[must_use]
    pub fn copy_from_slice(from: &[u8]) -> Self {
        match u8::try_from(from.len()) {
            Ok(len) if from.len() <= FEW => {
                let mut bytes = [0; FEW];
                bytes[..from.len()].copy_from_slice(from);
                Self(Repr::Few { len, bytes })
            }
            _ => Self(Repr::Shared(Bytes::copy_from_slice(from))),
        }
    }

    /// A format byte and what follows it.
    #[must_use]
    pub fn of(format: u8, payload: &[u8]) -> Self {
        let len = 1 + payload.len();
        if len > FEW {
            let mut bytes = Vec::with_capacity(len);
            bytes.push(format);
            bytes.extend_from_slice(payload);
            return bytes.into();
        }
        let mut few = [0; FEW];
        few[0] = format;
        few[1..len].copy_from_slice(payload);
        Self::copy_from_slice(&few[..len])
    }

    /// The same bytes as [`Bytes`]; few are copied.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Repr::Few { .. } => Bytes::copy_from_slice(self),
            Repr::Shared(bytes) => bytes.clone(),
        }
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Few { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl Default for Blob {
    fn default() -> Self {
        Self::copy_from_slice(&[])
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        if bytes.len() <= FEW {
            Self::copy_from_slice(&bytes)
        } else {
            Self(Repr::Shared(bytes))
        }
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static str> for Blob {
    fn from(text: &'static str) -> Self {
        Bytes::from(text).into()
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Blob {}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bytes::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_bytes_are_what_they_were() {
        assert_eq!(size_of::<Blob>(), size_of::<Bytes>());
        for n in [0, 1, FEW, FEW + 1, 10_000] {
            let bytes: Vec<u8> = (0..=255).cycle().take(n).collect();
            let blob = Blob::from(bytes.clone());
            assert_eq!(&blob[..], bytes);
            if let [format, payload @ ..] = &bytes[..] {
                assert_eq!(Blob::of(*format, payload), blob);
            }
            assert_eq!(
                (blob.clone(), blob.to_bytes()),
                (Blob::copy_from_slice(&bytes), bytes.into())
            );
        }
    }
}
