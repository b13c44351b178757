//! Ids: 128 bits, a job's 64 random bits and a number inside it. They exist in the host, in HTTP and in logs; a guest
//! holds handles instead, so knowing an id opens nothing.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A job: 64 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(u64);

/// A node (one host process): 64 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u64);

macro_rules! short_id {
    ($name:ident) => {
        impl $name {
            /// A new random id.
            #[must_use]
            pub fn random() -> Self {
                Self(crate::rt::random::u64())
            }

            /// Its 64 bits, for keys of records.
            #[must_use]
            pub const fn bits(self) -> u64 {
                self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }
        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                u64::from_str_radix(text, 16).map(Self)
            }
        }
        text_id!($name);
    };
}

macro_rules! long_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name {
            job: JobId,
            number: u64,
        }
        impl $name {
            /// Number `number` in `job`.
            #[must_use]
            pub const fn new(job: JobId, number: u64) -> Self {
                Self { job, number }
            }
            /// The job it belongs to.
            #[must_use]
            pub const fn job(self) -> JobId {
                self.job
            }
            /// Its number in the job.
            #[must_use]
            pub const fn number(self) -> u64 {
                self.number
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{:016x}", self.job, self.number)
            }
        }
        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let both = u128::from_str_radix(text, 16)?.to_be_bytes();
                let half = |at: usize| {
                    let mut bytes = [0; 8];
                    bytes.copy_from_slice(&both[at..at + 8]);
                    u64::from_be_bytes(bytes)
                };
                Ok(Self { job: JobId(half(0)), number: half(8) })
            }
        }
        text_id!($name);
    };
}

macro_rules! text_id {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

impl JobId {
    /// The one with these bits.
    #[must_use]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

short_id!(JobId);
short_id!(NodeId);
long_id! {
    /// A call; its number is the `pid` that the guest sees, 1 for `main`.
    TaskId
}
long_id! {
    /// An actor; its number is that of its constructor's call.
    ActorId
}
long_id! {
    /// An object. Results are numbered by their call, values that were put have the highest bit set.
    ObjectId
}

impl ObjectId {
    /// Result `index` of a call.
    #[must_use]
    pub const fn result(task: TaskId, index: u32) -> Self {
        Self {
            job: task.job,
            number: (task.number << 20) | index as u64,
        }
    }

    /// The number of the call whose result it is; of a value that was put, one that no call has.
    #[must_use]
    pub const fn call_number(self) -> u64 {
        self.number >> 20
    }

    /// The call whose result it is; none of a value that was put.
    #[must_use]
    pub const fn maker(self) -> Option<TaskId> {
        if self.number >> 63 == 1 {
            return None;
        }
        Some(TaskId {
            job: self.job,
            number: self.call_number(),
        })
    }

    /// The `n`th value that was put in a job.
    #[must_use]
    pub const fn put(job: JobId, n: u64) -> Self {
        Self {
            job,
            number: n | (1 << 63),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_as_text() {
        let task = TaskId::new(JobId::random(), 17);
        assert_eq!(task.to_string().parse(), Ok(task));
        let json = serde_json::to_string(&task).expect("serializes");
        assert_eq!(serde_json::from_str::<TaskId>(&json).expect("parses"), task);
    }
}
