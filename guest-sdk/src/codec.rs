//! Values as bytes: a format byte, then bincode or JSON.
//!
//! Plain data, the third format, is what a [`View`](crate::View) reads: [`open`] and [`count`].
//!
//! The only file that names bincode. [`encode`] gives the bytes and the refs inside; [`decode`] reads either format and
//! refuses bytes that are left over, which is how a wrong type mostly shows.

use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wrun_abi::format;

use crate::raw::Raw;
use crate::value::{FromValue as _, Source};
use crate::view::{Data, Plain};
use crate::{Error, ErrorKind, Result, border, links};

/// An encoded value and what it refers to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) refs: Vec<Raw>,
}

impl Encoded {
    /// The handles of the refs. None of them is broken: those don't encode.
    pub(crate) fn handles(&self) -> Vec<u32> {
        self.refs
            .iter()
            .filter_map(|raw| raw.handle().ok())
            .collect()
    }
}

/// Room for most values, so that they need no more.
const SMALL: usize = 32;

/// Encodes in the format with this byte; an unknown one counts as bincode.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, format: u8) -> Result<Encoded> {
    let (bytes, refs) = links::outgoing(|| match format {
        format::JSON => {
            let mut bytes = vec![format::JSON];
            serde_json::to_writer(&mut bytes, value)
                .map(|()| bytes)
                .map_err(|error| error.to_string())
        }
        _ => {
            let mut bytes = Vec::with_capacity(SMALL);
            bytes.push(format::BINCODE);
            bincode::serde::encode_into_std_write(value, &mut bytes, bincode::config::standard())
                .map(|_| bytes)
                .map_err(|error| plain(&error.to_string()))
        }
    });
    match bytes {
        Ok(bytes) => Ok(Encoded { bytes, refs }),
        Err(error) => Err(Error::of(
            ErrorKind::BadArgument,
            format!("the value does not encode: {error}"),
        )),
    }
}

/// Decodes a value, whose refs are those of `source`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], source: Option<Source>) -> Result<T> {
    let decoded = links::incoming(source, || match bytes {
        [format::JSON, json @ ..] => {
            serde_json::from_slice(json).map_err(|error| error.to_string())
        }
        [format::BINCODE, rest @ ..] => {
            match bincode::serde::decode_from_slice(rest, bincode::config::standard()) {
                Ok((value, used)) if used == rest.len() => Ok(value),
                Ok((_, used)) => Err(format!("{} bytes are left over", rest.len() - used)),
                Err(error) => Err(plain(&error.to_string())),
            }
        }
        [format::PLAIN, ..] => Err("it is plain data, which a `wrun::View` reads".to_owned()),
        [] => Err("it has no format byte".to_owned()),
        [other, ..] => Err(format!(
            "its format byte is {other}, and only 0, 1 and 2 are known"
        )),
    });
    decoded.map_err(|error| {
        let ty = short_type_name::<T>();
        Error::of(
            ErrorKind::BadArgument,
            format!("the value does not decode as `{ty}`: {error}"),
        )
    })
}

/// How many elements the value has.
pub(crate) fn count<T: Plain>(source: Source) -> Result<u64> {
    match plain_count::<T>(source)? {
        Some(count) => Ok(count),
        None => Ok(Vec::<T>::load(source)?.len() as u64),
    }
}

/// How many elements a value of plain data has; `None` for one in another format.
fn plain_count<T: Plain>(source: Source) -> Result<Option<u64>> {
    let mut format = [0];
    border::part(source, 0, &mut format)?;
    if format != [format::PLAIN] {
        return Ok(None);
    }
    let (bytes, size) = (border::len(source)? - 1, size_of::<T>() as u64);
    if bytes.checked_rem(size) != Some(0) {
        let ty = short_type_name::<T>();
        return Err(bad(format!(
            "the value has {bytes} bytes, which are no whole number of `{ty}`s of {size} bytes"
        )));
    }
    Ok(Some(bytes / size))
}

fn bad(message: String) -> Error {
    Error::of(ErrorKind::BadArgument, message)
}

/// The elements of a value, or those in a range: seen where they are if the border can show them, else copied. An array in
/// another format is decoded.
pub(crate) fn open<T: Plain>(source: Source, range: Option<Range<u64>>) -> Result<Data<T>> {
    let check = |count: u64| {
        let range = range.clone().unwrap_or(0..count);
        if range.start > range.end || range.end > count {
            return Err(bad(format!(
                "the elements {} to {} of an array that has {count}",
                range.start, range.end
            )));
        }
        Ok(range)
    };
    let Some(count) = plain_count::<T>(source)? else {
        let mut all = Vec::<T>::load(source)?;
        let Range { start, end } = check(all.len() as u64)?;
        // Both are at most the length.
        all.truncate(usize::try_from(end).unwrap_or(usize::MAX));
        all.drain(..usize::try_from(start).unwrap_or(usize::MAX));
        return Ok(Data::Owned(all));
    };
    let range = check(count)?;
    let size = size_of::<T>();
    let items = usize::try_from(range.end - range.start)
        .ok()
        .filter(|items| {
            items
                .checked_mul(size)
                .is_some_and(|n| isize::try_from(n).is_ok())
        })
        .ok_or_else(|| bad("so many elements fit in no memory: view a part of them".to_owned()))?;
    let offset = range.start * size as u64;
    if let Some(mapped) = border::view(source, offset, items)? {
        return Ok(Data::Mapped(mapped));
    }
    let mut copy = Vec::new();
    copy.try_reserve_exact(items).map_err(|_| {
        let message = format!("there is no memory for a copy of {} bytes", items * size);
        Error::of(ErrorKind::MemoryLimit, message)
    })?;
    copy.resize(items, T::zeroed());
    border::part(source, 1 + offset, bytemuck::cast_slice_mut(&mut copy))?;
    Ok(Data::Owned(copy))
}

/// bincode shows its errors as Rust shows enums: `OtherString("…")`. Takes the text out where that is all.
fn plain(error: &str) -> String {
    let text = error
        .strip_prefix("OtherString(\"")
        .and_then(|rest| rest.strip_suffix("\")"));
    text.unwrap_or(error).to_owned()
}

/// `Vec<String>` for `alloc::vec::Vec<alloc::string::String>`.
pub(crate) fn short_type_name<T: ?Sized>() -> String {
    let full = std::any::type_name::<T>();
    let mut short = String::with_capacity(full.len());
    let mut word_start = 0;
    let mut rest = full.chars().peekable();
    while let Some(c) = rest.next() {
        if c == ':' && rest.peek() == Some(&':') {
            rest.next();
            short.truncate(word_start);
        } else {
            short.push(c);
            if !(c.is_alphanumeric() || c == '_') {
                word_start = short.len();
            }
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read() {
        let value = vec![Some("a".to_owned()), None];
        for format in [format::BINCODE, format::JSON] {
            let encoded = encode(&value, format).unwrap();
            assert_eq!(encoded.bytes[0], format);
            assert_eq!(
                decode::<Vec<Option<String>>>(&encoded.bytes, None).unwrap(),
                value
            );
        }
        assert_eq!(encode(&(), format::BINCODE).unwrap().bytes, [0]);
        assert_eq!(encode(&(), format::JSON).unwrap().bytes, b"\x01null");
    }

    #[test]
    fn a_wrong_type_is_told() {
        let bytes = encode(&(1_i64, 2_i64), format::BINCODE).unwrap().bytes;
        let error = decode::<i64>(&bytes, None).unwrap_err();
        assert_eq!(
            error.message(),
            "the value does not decode as `i64`: 1 bytes are left over"
        );
        let error = decode::<Vec<String>>(b"\x01[1]", None).unwrap_err();
        assert!(
            error
                .message()
                .starts_with("the value does not decode as `Vec<String>`: invalid type"),
            "{error}"
        );
    }

    #[test]
    fn unknown_formats_and_no_bytes_are_errors() {
        assert!(decode::<i64>(&[], None).is_err());
        assert!(
            decode::<i64>(&[9, 1], None)
                .unwrap_err()
                .message()
                .contains("format byte is 9")
        );
    }
}
