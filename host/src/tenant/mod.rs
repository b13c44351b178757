//! Who pays: accounts with limits, for everything a guest can make the host hold.
//!
//! An [`Account`] counts what is held of each [`Resource`] against a limit; accounts form a chain (job, then tenant,
//! then node), and a [`Charge`] is counted in each account of the chain until it is dropped. Pure arithmetic and
//! wake-ups: nothing here knows what is being held. Charging never blocks: it says what limit is in the way, and
//! [`Account::on_room`] tells when to try again.

mod account;

pub use account::{Account, Charge, Limits, OverLimit, Resource, Waiter};
