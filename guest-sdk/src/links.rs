//! Refs and handles inside values.
//!
//! While a value is encoded, each ref in it adds its handle to a list and writes its position there ([`outgoing`],
//! [`record`]); while one is decoded, positions are looked up in the list that came with the bytes ([`incoming`],
//! [`resolve`]), which is fetched when the first ref is met. The lists live in the thread for the time of one value:
//! outside, refs can't be serialized, since a handle means nothing elsewhere. Knows nothing of formats.

use std::cell::RefCell;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::border;
use crate::raw::Raw;
use crate::value::Source;

thread_local! {
    static OUTGOING: RefCell<Option<Vec<Raw>>> = const { RefCell::new(None) };
    static INCOMING: RefCell<Incoming> = const { RefCell::new(Incoming::None) };
}

/// The refs of the value that is decoded.
#[derive(Default)]
enum Incoming {
    /// None is.
    #[default]
    None,
    /// Those of this value, if it has any; no handles are made before one is met.
    Of(Option<Source>),
    /// These.
    All(Vec<Raw>),
}

impl Incoming {
    fn all(&mut self) -> Option<&[Raw]> {
        if let Self::Of(source) = self {
            let handles = source.map(border::links).unwrap_or_default();
            *self = Self::All(handles.into_iter().map(Raw::live).collect());
        }
        match self {
            Self::All(refs) => Some(refs),
            Self::None | Self::Of(_) => None,
        }
    }
}

/// Runs an encoder; gives its result and the refs that were met.
pub(crate) fn outgoing<R>(encode: impl FnOnce() -> R) -> (R, Vec<Raw>) {
    // A `Serialize` may itself start a call: then the outer list waits here.
    let outer = OUTGOING.replace(Some(Vec::new()));
    let result = encode();
    (result, OUTGOING.replace(outer).unwrap_or_default())
}

/// Runs a decoder that may meet the refs of a value.
pub(crate) fn incoming<R>(source: Option<Source>, decode: impl FnOnce() -> R) -> R {
    let outer = INCOMING.replace(Incoming::Of(source));
    let result = decode();
    INCOMING.set(outer);
    result
}

/// How JSON shows a position.
#[derive(serde::Serialize, serde::Deserialize)]
struct Position {
    #[serde(rename = "$ref")]
    position: u32,
}

/// Serializes a ref as its position.
pub(crate) fn record<S: Serializer>(raw: &Raw, serializer: S) -> Result<S::Ok, S::Error> {
    if let Some(error) = raw.error() {
        return Err(S::Error::custom(format!("a ref in it has failed: {error}")));
    }
    let position = OUTGOING.with_borrow_mut(|list| {
        let list = list.as_mut()?;
        list.push(raw.clone());
        u32::try_from(list.len() - 1).ok()
    });
    let Some(position) = position else {
        return Err(S::Error::custom(
            "refs and handles are serialized in arguments, results and `wrun::put` only: they mean nothing elsewhere",
        ));
    };
    if serializer.is_human_readable() {
        Position { position }.serialize(serializer)
    } else {
        position.serialize(serializer)
    }
}

/// Finds the ref whose position comes next.
pub(crate) fn resolve<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
    let position = if deserializer.is_human_readable() {
        Position::deserialize(deserializer)?.position
    } else {
        u32::deserialize(deserializer)?
    };
    INCOMING.with_borrow_mut(|incoming| match incoming.all() {
        None => Err(D::Error::custom(
            "refs and handles are read in arguments and results only: they mean nothing elsewhere",
        )),
        Some(list) => usize::try_from(position)
            .ok()
            .and_then(|position| list.get(position))
            .cloned()
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "the value has {} refs, so none at position {position}",
                    list.len()
                ))
            }),
    })
}
