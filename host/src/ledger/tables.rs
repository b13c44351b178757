//! What the database holds, and how values become bytes.
//!
//! Jobs are numbered in the order of submission, and their tables go by that number, so that new ones are written next
//! to each other and lists are in order. What changes often (`jobs`) is apart from what is large (`specs`, `ends`,
//! `logs`). Values are JSON, but for numbers and output.

use redb::{Key, ReadableTable, StorageError, Table, TableDefinition, Value};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Cursor, End, Failure, JobPhase, JobRecord, JobSpec, LogInfo, ModuleHash, TenantName,
    TenantRecord,
};
use crate::types::{JobId, TraceContext};

/// The format of all this. A change that older releases can't read counts it up.
pub(super) const VERSION: u32 = 1;

type Bytes = &'static [u8];
type Text = &'static str;
type Hash = &'static [u8; 32];

/// `version`, `clean`, `batch`: numbers.
pub(super) const META: TableDefinition<'_, Text, u64> = TableDefinition::new("meta");
/// Name to [`TenantRecord`].
pub(super) const TENANTS: TableDefinition<'_, Text, Bytes> = TableDefinition::new("tenants");
/// Id to stored token.
pub(super) const TOKENS: TableDefinition<'_, Text, Bytes> = TableDefinition::new("tokens");
/// Tenant and hash to [`ModuleRecord`](super::ModuleRecord).
pub(super) const MODULES: TableDefinition<'_, (Text, Hash), Bytes> =
    TableDefinition::new("modules");
/// Hash and tenant: who has a file.
pub(super) const OWNERS: TableDefinition<'_, (Hash, Text), ()> = TableDefinition::new("owners");
/// A job's id to its number.
pub(super) const IDS: TableDefinition<'_, u64, u64> = TableDefinition::new("ids");
/// Number to [`JobRow`].
pub(super) const JOBS: TableDefinition<'_, u64, Bytes> = TableDefinition::new("jobs");
/// Number to [`JobSpec`].
pub(super) const SPECS: TableDefinition<'_, u64, Bytes> = TableDefinition::new("specs");
/// Number to [`End`].
pub(super) const ENDS: TableDefinition<'_, u64, Bytes> = TableDefinition::new("ends");
/// Number to output, when that is small.
pub(super) const LOGS: TableDefinition<'_, u64, Bytes> = TableDefinition::new("logs");
/// Tenant and key to number.
pub(super) const KEYS: TableDefinition<'_, (Text, Text), u64> = TableDefinition::new("keys");
/// Tenant, phase and number: for lists. The tenant [`EVERYBODY`] has all.
pub(super) const PHASES: TableDefinition<'_, (Text, u8, u64), ()> = TableDefinition::new("phases");
/// Tenant and phase to how many; of [`EVERYBODY`] too.
pub(super) const COUNTS: TableDefinition<'_, (Text, u8), u64> = TableDefinition::new("counts");
/// Tenant, time of the end and number to bytes: what retention goes through.
pub(super) const ENDED: TableDefinition<'_, (Text, u64, u64), u64> = TableDefinition::new("ended");
/// Tenant to the sum of its bytes in [`ENDED`].
pub(super) const KEPT: TableDefinition<'_, Text, u64> = TableDefinition::new("kept");

/// Tenant to the bytes of what its unfinished jobs were asked to do.
pub(super) const PENDING: TableDefinition<'_, Text, u64> = TableDefinition::new("pending");

/// No tenant's name.
pub(super) const EVERYBODY: &str = "";

/// A job, but for what was asked and how it ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct JobRow {
    pub(super) id: JobId,
    pub(super) number: u64,
    pub(super) tenant: TenantName,
    pub(super) module: ModuleHash,
    pub(super) module_name: String,
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<TraceContext>,
    /// A hash as well, and written like one.
    pub(super) digest: ModuleHash,
    pub(super) phase: JobPhase,
    pub(super) attempt: u32,
    pub(super) unclean: u32,
    pub(super) submitted_at: u64,
    #[serde(default)]
    pub(super) started_at: Option<u64>,
    #[serde(default)]
    pub(super) ended_at: Option<u64>,
    #[serde(default)]
    pub(super) spent_cpu_ms: u64,
    #[serde(default)]
    pub(super) spent_wall_ms: u64,
    #[serde(default)]
    pub(super) logs: LogInfo,
    /// The output has a file of its own.
    #[serde(default)]
    pub(super) log_file: bool,
    /// Of that file's bytes; earlier releases did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) log_hash: Option<ModuleHash>,
    #[serde(default)]
    pub(super) expired: bool,
}

impl JobRow {
    pub(super) fn into_record(self, spec: JobSpec, end: Option<End>) -> JobRecord {
        JobRecord {
            id: self.id,
            tenant: self.tenant,
            module: self.module,
            module_name: self.module_name,
            spec,
            key: self.key,
            trace: self.trace,
            digest: *self.digest.as_bytes(),
            phase: self.phase,
            attempt: self.attempt,
            unclean: self.unclean,
            submitted_at: self.submitted_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            spent_cpu_ms: self.spent_cpu_ms,
            spent_wall_ms: self.spent_wall_ms,
            logs: self.logs,
            end,
            expired: self.expired,
            cursor: Cursor(self.number),
        }
    }
}

/// Why a transaction can't go on.
#[derive(Debug)]
pub(super) enum Broken {
    /// The database failed.
    Storage(redb::Error),
    /// A value is not what it should be.
    Value(String),
    /// Something beside the database failed.
    Beside(Failure),
}

impl From<StorageError> for Broken {
    fn from(error: StorageError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<redb::TableError> for Broken {
    fn from(error: redb::TableError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<redb::TransactionError> for Broken {
    fn from(error: redb::TransactionError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<redb::CommitError> for Broken {
    fn from(error: redb::CommitError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Beside(failure)
    }
}

/// Why an operation did nothing: it was refused, or its transaction can't go on.
#[derive(Debug)]
pub(super) enum Stop<E> {
    Refused(E),
    Broken(Broken),
}

impl<E> From<Broken> for Stop<E> {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// Nothing was written, and the caller is told why.
pub(super) fn refuse<T, E>(error: E) -> Result<T, Stop<E>> {
    Err(Stop::Refused(error))
}

pub(super) fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("records are strings, numbers and lists of them")
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Broken> {
    serde_json::from_slice(bytes)
        .map_err(|error| Broken::Value(format!("a value in `{what}` can't be read ({error})")))
}

/// A value that is JSON.
pub(super) fn find<'k, K: Key + 'static, T: DeserializeOwned>(
    table: &impl ReadableTable<K, Bytes>,
    key: K::SelfType<'k>,
    what: &str,
) -> Result<Option<T>, Broken> {
    match table.get(key)? {
        Some(bytes) => decode(bytes.value(), what).map(Some),
        None => Ok(None),
    }
}

/// A table in a writing transaction, which counts what was written to it.
pub(super) struct Writable<'t, K: Key + 'static, V: Value + 'static> {
    table: Table<'t, K, V>,
    writes: u64,
}

impl<'t, K: Key + 'static, V: Value + 'static> Writable<'t, K, V> {
    pub(super) fn open(
        transaction: &'t redb::WriteTransaction,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<Self, Broken> {
        Ok(Self {
            table: transaction.open_table(definition)?,
            writes: 0,
        })
    }

    /// For reading.
    pub(super) fn table(&self) -> &Table<'t, K, V> {
        &self.table
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes
    }

    pub(super) fn put<'k, 'v>(
        &mut self,
        key: K::SelfType<'k>,
        value: V::SelfType<'v>,
    ) -> Result<(), Broken> {
        self.writes += 1;
        self.table.insert(key, value)?;
        Ok(())
    }

    pub(super) fn remove<'k>(&mut self, key: K::SelfType<'k>) -> Result<(), Broken> {
        self.writes += 1;
        self.table.remove(key)?;
        Ok(())
    }
}

/// Jobs and tenants, in transactions that read and in those that write.
pub(super) trait Records {
    fn tenants(&self) -> &impl ReadableTable<Text, Bytes>;
    fn ids(&self) -> &impl ReadableTable<u64, u64>;
    fn jobs(&self) -> &impl ReadableTable<u64, Bytes>;
    fn specs(&self) -> &impl ReadableTable<u64, Bytes>;
    fn ends(&self) -> &impl ReadableTable<u64, Bytes>;
    fn counts(&self) -> &impl ReadableTable<(Text, u8), u64>;
    fn kept(&self) -> &impl ReadableTable<Text, u64>;

    fn tenant(&self, name: &TenantName) -> Result<Option<TenantRecord>, Broken> {
        find(self.tenants(), name.as_str(), "tenants")
    }

    fn row(&self, id: JobId) -> Result<Option<JobRow>, Broken> {
        let number = self.ids().get(id.bits())?.map(|number| number.value());
        number.map(|number| self.row_at(number)).transpose()
    }

    /// The job with a number that another table names.
    fn row_at(&self, number: u64) -> Result<JobRow, Broken> {
        let row = find(self.jobs(), number, "jobs")?;
        row.ok_or_else(|| Broken::Value(format!("job number {number} is named and not there")))
    }

    fn record(&self, row: JobRow) -> Result<JobRecord, Broken> {
        let spec = find(self.specs(), row.number, "specs")?.unwrap_or_default();
        let end = find(self.ends(), row.number, "ends")?;
        Ok(row.into_record(spec, end))
    }

    fn count(&self, whose: &str, phase: JobPhase) -> Result<u64, Broken> {
        let count = self.counts().get((whose, phase.number()))?;
        Ok(count.map_or(0, |count| count.value()))
    }

    /// Bytes of a tenant's ended jobs.
    fn kept_bytes(&self, tenant: &str) -> Result<u64, Broken> {
        let kept = self.kept().get(tenant)?;
        Ok(kept.map_or(0, |kept| kept.value()))
    }

    fn unfinished(&self, tenant: &TenantName) -> Result<u64, Broken> {
        let queued = self.count(tenant.as_str(), JobPhase::Queued)?;
        Ok(queued + self.count(tenant.as_str(), JobPhase::Running)?)
    }
}
