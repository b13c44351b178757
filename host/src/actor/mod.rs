//! Actors without their sandboxes: who may call, in which order, and when it is over. `README.md` has the rules.
//!
//! A [`Mailbox`] holds the calls of one actor, generic over what a call is. It runs nothing and knows no sandbox.

mod mailbox;

pub use mailbox::{CallerId, Mailbox, Next, Refused};
