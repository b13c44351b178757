//! What can be done: a file for each noun. They are functions of a transaction; [`Ledger`](super::Ledger) runs them.

pub(super) mod expire;
pub(super) mod jobs;
pub(super) mod list;
pub(super) mod modules;
pub(super) mod submit;
pub(super) mod tenants;
pub(super) mod tokens;
