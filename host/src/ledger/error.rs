//! What can go wrong, an enum for each kind of operation, and [`Failure`], which can happen to any of them.

use std::path::PathBuf;

use thiserror::Error;

use super::{JobPhase, ModuleHash, TenantName};
use crate::types::JobId;

/// The ledger itself failed. Nothing of the operation was recorded, but for [`Unsure`](Self::Unsure).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// There is no room for it on the disk; it works again when there is.
    #[error("the disk is full: {reason}; free some space on the file system of `{path}`")]
    Full {
        /// What was to be written.
        path: PathBuf,
        /// What the system says, or how much is left.
        reason: String,
    },
    /// The operating system refused.
    #[error("`{path}` can't be read or written: {reason}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A file does not hold what was written to it.
    #[error("`{path}` is damaged: {reason}; {cure}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        cure: &'static str,
    },
    /// The disk failed at the last step of recording it, and can't be asked since. When it works again,
    /// [`Ledger::jobs`](super::Ledger::jobs) tells what is there, and the same submission with the same key is exact.
    #[error(
        "`{path}` failed while this was being recorded, and whether it was is not known yet ({reason}): look again when the disk works, or send the same request with the same key"
    )]
    Unsure {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The ledger was closed.
    #[error("the ledger is closed, since the host stops")]
    Closed,
}

/// The state directory can't be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the state directory `{path}` is used by process {process}: stop that one first, or choose another directory"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The number in its lock file, or that there is none.
        process: String,
    },
    /// It is no directory, or not one for secrets.
    #[error("the state directory `{path}` can't be used: {reason}")]
    Dir {
        /// The directory, or what is in it.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The database is not what was written.
    #[error(
        "the ledger `{path}` is damaged: {reason}; put a backup of the whole state directory in its place, or move the directory away to begin with no tenants and no jobs"
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The database is gone, and what it names is there.
    #[error(
        "the ledger `{path}` is missing, but `{beside}` holds files that it names: put a backup of the whole state directory in its place, or empty the directory to begin with no tenants and no jobs"
    )]
    Missing {
        /// The database.
        path: PathBuf,
        /// Where files are.
        beside: PathBuf,
    },
    /// A newer release wrote it.
    #[error(
        "the ledger `{path}` has format {found} and this release knows formats up to {known}: use the release that wrote it, or a newer one"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// See [`Failure`].
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A job was not accepted.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum SubmitError {
    /// No such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(TenantName),
    /// The tenant has no such module.
    #[error("tenant `{tenant}` has no module `{module}`: push it first")]
    NoModule {
        /// The tenant.
        tenant: TenantName,
        /// What it asked for.
        module: ModuleHash,
    },
    /// The key stands for another request.
    #[error(
        "the key `{key}` belongs to job {job}, whose request was another one: send the same request again, or choose a new key"
    )]
    Conflict {
        /// The key.
        key: String,
        /// Its job.
        job: JobId,
    },
    /// The key is empty or too long.
    #[error("the key has {0} bytes: write 1 to 255")]
    BadKey(usize),
    /// Too many unfinished jobs.
    #[error(
        "tenant `{tenant}` may have {limit} unfinished jobs and has {unfinished}: wait until one ends"
    )]
    TooMany {
        /// The tenant.
        tenant: TenantName,
        /// How many it may have.
        limit: u64,
        /// How many it has.
        unfinished: u64,
    },
    /// Arguments and environment of its unfinished jobs take too much.
    #[error(
        "the unfinished jobs of tenant `{tenant}` may have {limit} bytes of arguments and environment, have {used}, and this one brings {size}: wait until one ends, or put what is large into the module or a file"
    )]
    TooMuch {
        /// The tenant.
        tenant: TenantName,
        /// Bytes that they may have.
        limit: u64,
        /// Bytes that they have.
        used: u64,
        /// Bytes of the new one.
        size: u64,
    },
    /// Arguments and environment are too large to keep.
    #[error("the job's arguments and environment take {size} bytes, and {limit} are the most")]
    TooLarge {
        /// Bytes that they take.
        size: u64,
        /// Bytes that they may take.
        limit: u64,
    },
    /// See [`Failure`].
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Something can't be done with a job.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum JobError {
    /// No such job, or not of this tenant.
    #[error("there is no job {0}: it never was, or it was removed when it was old")]
    NotFound(JobId),
    /// Not in this phase.
    #[error("job {job} is {phase}, and only one that is {wanted} can be {done}")]
    WrongPhase {
        /// The job.
        job: JobId,
        /// Its phase.
        phase: JobPhase,
        /// The phase that it would have to be in.
        wanted: JobPhase,
        /// What was asked for.
        done: &'static str,
    },
    /// The phase is none that a job ends in by itself.
    #[error("a job can end as finished, cancelled or lost, not as {0}")]
    NotAnEnd(JobPhase),
    /// What it needs is gone.
    #[error("job {job} needs the module `{module}`, which was removed: push it again")]
    NoModule {
        /// The job.
        job: JobId,
        /// Its module.
        module: ModuleHash,
    },
    /// See [`Failure`].
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Something can't be done with a tenant.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum TenantError {
    /// No such tenant.
    #[error("there is no tenant `{0}`")]
    NotFound(TenantName),
    /// It still has work.
    #[error(
        "tenant `{tenant}` has {unfinished} unfinished jobs: cancel them or wait for them before it is removed"
    )]
    Unfinished {
        /// The tenant.
        tenant: TenantName,
        /// How many.
        unfinished: u64,
    },
    /// See [`Failure`].
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Something can't be done with a token.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum TokenError {
    /// No such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(TenantName),
    /// No such token.
    #[error("there is no token `{0}`")]
    NotFound(String),
    /// Too many valid ones.
    #[error(
        "tenant `{tenant}` has {valid} valid tokens, and {limit} are the most: revoke one that nobody needs first"
    )]
    TooMany {
        /// The tenant.
        tenant: TenantName,
        /// How many it may have.
        limit: usize,
        /// How many it has.
        valid: usize,
    },
    /// See [`Failure`].
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Something can't be done with a module.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ModuleError {
    /// No such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(TenantName),
    /// The tenant has no such module.
    #[error("tenant `{tenant}` has no module `{module}`")]
    NotFound {
        /// The tenant.
        tenant: TenantName,
        /// What it asked for.
        module: ModuleHash,
    },
    /// All its modules would be larger than they may.
    #[error(
        "tenant `{tenant}` may have {limit} bytes of modules, has {used}, and this one has {size}: remove one first"
    )]
    TooLarge {
        /// The tenant.
        tenant: TenantName,
        /// Bytes that it may have.
        limit: u64,
        /// Bytes that it has.
        used: u64,
        /// Bytes of this one.
        size: u64,
    },
    /// An unfinished job runs it.
    #[error(
        "job {job}, which is unfinished, needs the module `{module}`: cancel it or wait for it"
    )]
    InUse {
        /// The module.
        module: ModuleHash,
        /// One of the jobs.
        job: JobId,
    },
    /// See [`Failure`].
    #[error(transparent)]
    Failed(#[from] Failure),
}
