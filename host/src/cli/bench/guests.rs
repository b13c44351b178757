//! The guests that `build.rs` put into this executable.

use super::RowError;

/// Modules, as bytes.
#[derive(Debug)]
pub(super) struct Guests {
    /// `benches/guest`: the cases.
    pub(super) tasks: &'static [u8],
    /// `benches/bare-guest`: the small task without the SDK.
    pub(super) bare: &'static [u8],
    /// The plain command in `benches/bare-guest`.
    pub(super) command: &'static [u8],
}

/// The guests, or why there are none.
const GUESTS: Result<Guests, &str> = include!(concat!(env!("OUT_DIR"), "/bench_guests.rs"));

/// The guests.
pub(super) fn guests() -> Result<&'static Guests, RowError> {
    static FOUND: Result<Guests, &str> = GUESTS;
    FOUND.as_ref().map_err(|why| RowError::NoGuests(why))
}
