//! The durable records of `wrun serve`: tenants, tokens, modules and jobs, on disk before they are acknowledged.
//!
//! A [`Ledger`] is one state directory. Its [`TenantRecord`]s own all else: [`TokenRecord`]s, [`ModuleRecord`]s, and
//! [`JobRecord`]s, which go from `Queued` over `Running` to an end. At the start [`Recovered`] tells what the last stop
//! interrupted. One thread writes, many operations to a commit; everybody reads.
//!
//! - What was acknowledged is there after any stop, and what was refused is not.
//! - The same tenant and key never make two jobs, and a job ends once.
//! - A file is on the disk before a record names it, and goes after the last record that does.
//! - A full disk refuses what is new and damages nothing; a damaged file is refused by name.
//!
//! `README.md` tells what is durable when, in which order things are written, and what each crash leaves. The ledger
//! records and decides; it runs nothing, asks nobody for a token and knows no HTTP.

mod backend;
mod dir;
mod error;
mod handle;
mod job;
mod module;
mod operations;
mod recover;
mod store;
mod tables;
mod tenant;
#[cfg(test)]
mod tests;
mod token;
mod transaction;
mod wait;
mod writer;

pub use crate::types::{BadTenantName, TenantLimits, TenantName};
pub use error::{Failure, JobError, ModuleError, OpenError, SubmitError, TenantError, TokenError};
pub use handle::{Ledger, LedgerOptions};
pub use job::{
    Cursor, End, Expired, Finish, JobCall, JobCounts, JobPage, JobPhase, JobRecord, JobSpec,
    JsonText, LogInfo, Logs, NewJob, Submitted,
};
pub use module::{BadModuleHash, ModuleHash, ModuleRecord};
pub use recover::Recovered;
pub use tenant::{JOBS, MODULE_BYTES, RESULT_BYTES, RETENTION_BYTES, TenantRecord};
pub use token::{NewToken, Role, TokenRecord, TokenText};
