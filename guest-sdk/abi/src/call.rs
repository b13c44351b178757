//! The calls in a `spawn` buffer.
//!
//! [`CallWriter`] builds one call on the guest's side; [`Calls`] reads a buffer on the host's, borrowing from it, so that
//! nothing is copied before it was checked. An iterator that gave an error gives nothing more.

use crate::{CallKind, CallOptions, MAX_NAME_BYTES, OptionError};

/// One argument of a call, as it stands in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg<'a> {
    /// A value: its bytes, and its handles as 4 bytes each.
    Value {
        /// The value's bytes, format byte first.
        bytes: &'a [u8],
        /// The handles it refers to, 4 little-endian bytes each.
        refs: &'a [u8],
    },
    /// An object's handle: its value is passed when it is there.
    Object(u32),
}

/// One call, as it stands in the buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    /// Task, constructor or method.
    pub kind: CallKind,
    /// The actor's handle for a method, else 0.
    pub actor: u32,
    /// The task's, class's or method's name.
    pub name: &'a str,
    /// What the caller set.
    pub options: CallOptions,
    /// The arguments, in order.
    pub args: Vec<Arg<'a>>,
}

/// Why a `spawn` buffer does not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// A field is longer than what is left.
    Truncated,
    /// No kind of call has this number.
    UnknownKind(u8),
    /// No kind of argument has this number.
    UnknownArg(u8),
    /// The name is empty, too long or not UTF-8.
    BadName,
    /// The options don't decode.
    Options(OptionError),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("the buffer ends in the middle of a call"),
            Self::UnknownKind(kind) => write!(f, "no kind of call has the number {kind}"),
            Self::UnknownArg(kind) => write!(f, "no kind of argument has the number {kind}"),
            Self::BadName => write!(f, "a name must be 1 to {MAX_NAME_BYTES} bytes of UTF-8"),
            Self::Options(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for CallError {}

/// The handles of a value's `refs` bytes.
pub fn handles(refs: &[u8]) -> impl ExactSizeIterator<Item = u32> + '_ {
    refs.as_chunks::<4>()
        .0
        .iter()
        .map(|b| u32::from_le_bytes(*b))
}

/// Reads the calls of a buffer one by one.
#[derive(Debug, Clone)]
pub struct Calls<'a> {
    rest: &'a [u8],
}

impl<'a> Calls<'a> {
    /// Reads from the start of `buffer`.
    #[must_use]
    pub fn new(buffer: &'a [u8]) -> Self {
        Self { rest: buffer }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], CallError> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(CallError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    fn u8(&mut self) -> Result<u8, CallError> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<usize, CallError> {
        let b = self.take(2)?;
        Ok(usize::from(u16::from_le_bytes([b[0], b[1]])))
    }

    fn u32(&mut self) -> Result<u32, CallError> {
        let b = self.take(4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn length(&mut self) -> Result<usize, CallError> {
        usize::try_from(self.u32()?).map_err(|_| CallError::Truncated)
    }

    fn call(&mut self) -> Result<Call<'a>, CallError> {
        let kind = match self.u8()? {
            0 => CallKind::Task,
            1 => CallKind::Constructor,
            2 => CallKind::Method,
            3 => CallKind::Host,
            other => return Err(CallError::UnknownKind(other)),
        };
        let actor = self.u32()?;
        let n = self.u16()?;
        let name = std::str::from_utf8(self.take(n)?).map_err(|_| CallError::BadName)?;
        if name.is_empty() || n > MAX_NAME_BYTES {
            return Err(CallError::BadName);
        }
        let n = self.u16()?;
        let options = CallOptions::decode(self.take(n)?).map_err(CallError::Options)?;
        let count = self.u16()?;
        // Each argument takes at least five bytes, so a count that lies reserves no more than the buffer's own size.
        let mut args = Vec::with_capacity(count.min(self.rest.len() / 5));
        for _ in 0..count {
            args.push(self.arg()?);
        }
        Ok(Call {
            kind,
            actor,
            name,
            options,
            args,
        })
    }

    fn arg(&mut self) -> Result<Arg<'a>, CallError> {
        match self.u8()? {
            0 => {
                let len = self.length()?;
                let refs = self.length()?.checked_mul(4).ok_or(CallError::Truncated)?;
                Ok(Arg::Value {
                    bytes: self.take(len)?,
                    refs: self.take(refs)?,
                })
            }
            1 => Ok(Arg::Object(self.u32()?)),
            other => Err(CallError::UnknownArg(other)),
        }
    }
}

impl<'a> Iterator for Calls<'a> {
    type Item = Result<Call<'a>, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let call = self.call();
        if call.is_err() {
            self.rest = &[];
        }
        Some(call)
    }
}

/// Builds one call at the end of a buffer.
///
/// ```
/// use wrun_abi::{CallKind, CallOptions, call::{Arg, CallWriter, Calls}};
///
/// let mut buffer = Vec::new();
/// let mut call = CallWriter::new(&mut buffer, CallKind::Task, 0, "add", &CallOptions::default());
/// call.value(&[0, 2], &[]);
/// call.object(7);
/// let read = Calls::new(&buffer).next().unwrap().unwrap();
/// assert_eq!(read.name, "add");
/// assert_eq!(read.args, [Arg::Value { bytes: &[0, 2], refs: &[] }, Arg::Object(7)]);
/// ```
#[derive(Debug)]
pub struct CallWriter<'b> {
    buffer: &'b mut Vec<u8>,
    count_at: usize,
    count: u16,
}

impl<'b> CallWriter<'b> {
    /// Starts a call; `actor` is 0 but for a method.
    ///
    /// # Panics
    /// When `name` is longer than 65,535 bytes (the host refuses more than 200).
    #[must_use]
    pub fn new(
        buffer: &'b mut Vec<u8>,
        kind: CallKind,
        actor: u32,
        name: &str,
        options: &CallOptions,
    ) -> Self {
        buffer.push(kind.code());
        buffer.extend_from_slice(&actor.to_le_bytes());
        let len = u16::try_from(name.len()).expect("names are at most 200 bytes");
        buffer.extend_from_slice(&len.to_le_bytes());
        buffer.extend_from_slice(name.as_bytes());
        let options_at = buffer.len();
        buffer.extend_from_slice(&[0, 0]);
        options.encode(buffer);
        let len = u16::try_from(buffer.len() - options_at - 2)
            .expect("ten options of at most 257 bytes each");
        buffer[options_at..options_at + 2].copy_from_slice(&len.to_le_bytes());
        let count_at = buffer.len();
        buffer.extend_from_slice(&[0, 0]);
        Self {
            buffer,
            count_at,
            count: 0,
        }
    }

    fn counted(&mut self) {
        self.count = self
            .count
            .checked_add(1)
            .expect("a call has at most 65,535 arguments");
        self.buffer[self.count_at..self.count_at + 2].copy_from_slice(&self.count.to_le_bytes());
    }

    /// Adds a value.
    ///
    /// # Panics
    /// When it is 4 GiB or more, or the 65,536th argument.
    pub fn value(&mut self, bytes: &[u8], refs: &[u32]) {
        self.counted();
        self.buffer.push(0);
        for len in [bytes.len(), refs.len()] {
            let len = u32::try_from(len).expect("a value is smaller than 4 GiB");
            self.buffer.extend_from_slice(&len.to_le_bytes());
        }
        self.buffer.extend_from_slice(bytes);
        for handle in refs {
            self.buffer.extend_from_slice(&handle.to_le_bytes());
        }
    }

    /// Adds an object by its handle.
    ///
    /// # Panics
    /// When it is the 65,536th argument.
    pub fn object(&mut self, handle: u32) {
        self.counted();
        self.buffer.push(1);
        self.buffer.extend_from_slice(&handle.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut buffer = Vec::new();
        let options = CallOptions {
            max_retries: Some(2),
            ..CallOptions::default()
        };
        let mut call = CallWriter::new(&mut buffer, CallKind::Method, 9, "inc", &options);
        call.value(b"\0abc", &[3, 4]);
        call.object(5);
        CallWriter::new(&mut buffer, CallKind::Task, 0, "t", &CallOptions::default())
            .value(&[], &[]);
        buffer
    }

    #[test]
    fn a_batch_survives_the_border() {
        let buffer = sample();
        let calls: Result<Vec<_>, _> = Calls::new(&buffer).collect();
        let calls = calls.expect("decodes");
        assert_eq!(calls.len(), 2);
        assert_eq!(
            (calls[0].kind, calls[0].actor, calls[0].name),
            (CallKind::Method, 9, "inc")
        );
        assert_eq!(calls[0].options.max_retries, Some(2));
        let Arg::Value { bytes, refs } = calls[0].args[0] else {
            panic!("a value")
        };
        assert_eq!(
            (bytes, handles(refs).collect::<Vec<_>>()),
            (&b"\0abc"[..], vec![3, 4])
        );
        assert_eq!(calls[0].args[1], Arg::Object(5));
    }

    #[test]
    fn every_truncation_is_an_error_or_a_shorter_batch() {
        let buffer = sample();
        for end in 0..buffer.len() {
            let _ = Calls::new(&buffer[..end]).collect::<Vec<_>>();
        }
        assert_eq!(
            Calls::new(&buffer[..buffer.len() - 1]).last(),
            Some(Err(CallError::Truncated))
        );
    }

    #[test]
    fn a_count_that_lies_reserves_nothing_much() {
        let mut buffer = Vec::new();
        let _ = CallWriter::new(&mut buffer, CallKind::Task, 0, "t", &CallOptions::default());
        let at = buffer.len() - 2;
        buffer[at..].copy_from_slice(&u16::MAX.to_le_bytes());
        assert_eq!(Calls::new(&buffer).next(), Some(Err(CallError::Truncated)));
    }
}
