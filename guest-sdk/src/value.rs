//! What can be a value: [`ToValue`] on its way out, [`FromValue`] on its way in.
//!
//! All that serde can write and read is, and so are [`View`](crate::View)s, whose bytes are stored as they lie in memory.
//! [`Payload`] and [`Source`] are how the two say so to the rest of this crate.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{self, Encoded};
use crate::raw::Raw;
use crate::{Result, border};

/// Where a value is read from.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// The object that a handle names, which is there.
    Object(u32),
    /// An argument of this call.
    Arg(usize),
}

/// A value that is to be stored or sent.
#[derive(Debug)]
pub struct Payload<'a>(pub(crate) Content<'a>);

#[derive(Debug)]
pub(crate) enum Content<'a> {
    Encoded(Encoded),
    /// The bytes as they lie in memory.
    Plain(&'a [u8]),
}

/// Values that can be sent and stored: those with serde's `Serialize`, and [`View`](crate::View)s. It can't be
/// implemented otherwise.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` can't be sent or stored",
    label = "`serde::Serialize` is not implemented for it",
    note = "consider `#[derive(serde::Serialize)]`; a view can be a result or an argument, not a part of one"
)]
pub trait ToValue {
    /// The value in the format with this byte, or as plain data where that is not JSON.
    #[doc(hidden)]
    fn payload(&self, format: u8) -> Result<Payload<'_>>;
}

/// Values that can be received and read: those with serde's `Deserialize`, and [`View`](crate::View)s. It can't be
/// implemented otherwise.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` can't be received or read",
    label = "`serde::Deserialize` is not implemented for it",
    note = "consider `#[derive(serde::Deserialize)]`; a view can be a result or an argument, not a part of one"
)]
pub trait FromValue: Sized {
    /// Reads the value.
    #[doc(hidden)]
    fn load(source: Source) -> Result<Self>;
}

impl<T: Serialize + ?Sized> ToValue for T {
    fn payload(&self, format: u8) -> Result<Payload<'_>> {
        codec::encode(self, format).map(|encoded| Payload(Content::Encoded(encoded)))
    }
}

impl<T: DeserializeOwned> FromValue for T {
    fn load(source: Source) -> Result<Self> {
        border::look(source, |bytes| codec::decode(bytes, Some(source)))?
    }
}

impl Payload<'_> {
    /// Stores it.
    pub(crate) fn put(&self) -> Result<Raw> {
        match &self.0 {
            Content::Encoded(encoded) => border::put(&encoded.bytes, &encoded.handles()),
            Content::Plain(bytes) => border::put_plain(bytes),
        }
        .map(Raw::live)
    }

    /// Makes it a result of this call.
    pub(crate) fn set_result(&self, index: usize) -> Result<()> {
        match &self.0 {
            Content::Encoded(encoded) => {
                border::result_write(index, &encoded.bytes, &encoded.handles())
            }
            Content::Plain(bytes) => border::result_plain(index, bytes),
        }
    }

    /// Makes it the next item of this call.
    pub(crate) fn add_item(&self) -> Result<()> {
        match &self.0 {
            Content::Encoded(encoded) => border::yield_write(&encoded.bytes, &encoded.handles()),
            Content::Plain(bytes) => border::yield_plain(bytes),
        }
    }
}
