//! A transaction that writes ([`Tx`]), and one that reads ([`View`]).
//!
//! An operation looks first and writes then: what it refuses, it refuses before its first write, since others share its
//! transaction. What must happen on disk before the commit or may happen only after it stands in [`Effects`].

use std::path::PathBuf;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::{
    Failure, JobPhase,
    dir::{Folder, StateDir},
    tables::{self, Broken, EVERYBODY, JobRow, Records, Writable, decode, encode},
    token::{StoredToken, TokenBook},
};

type Bytes = &'static [u8];
type Text = &'static str;
type Hash = &'static [u8; 32];

/// What goes with a commit.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Folders that got files: flushed before the commit.
    pub(super) flush: Vec<Folder>,
    /// Files that nothing names after the commit: removed then.
    pub(super) unlink: Vec<PathBuf>,
    /// Tokens changed.
    pub(super) tokens: bool,
}

/// A writing transaction with its tables.
pub(super) struct Tx<'t> {
    pub(super) dir: &'t StateDir,
    /// Bytes that are to stay free on the disk.
    reserve: u64,
    /// Bytes that are free beyond that, once somebody asked.
    room: Option<u64>,
    pub(super) effects: Effects,
    pub(super) meta: Writable<'t, Text, u64>,
    pub(super) tenants: Writable<'t, Text, Bytes>,
    pub(super) tokens: Writable<'t, Text, Bytes>,
    pub(super) modules: Writable<'t, (Text, Hash), Bytes>,
    pub(super) owners: Writable<'t, (Hash, Text), ()>,
    pub(super) ids: Writable<'t, u64, u64>,
    pub(super) jobs: Writable<'t, u64, Bytes>,
    pub(super) specs: Writable<'t, u64, Bytes>,
    pub(super) ends: Writable<'t, u64, Bytes>,
    pub(super) logs: Writable<'t, u64, Bytes>,
    pub(super) keys: Writable<'t, (Text, Text), u64>,
    pub(super) phases: Writable<'t, (Text, u8, u64), ()>,
    pub(super) counts: Writable<'t, (Text, u8), u64>,
    pub(super) ended: Writable<'t, (Text, u64, u64), u64>,
    pub(super) kept: Writable<'t, Text, u64>,
    pub(super) pending: Writable<'t, Text, u64>,
}

impl<'t> Tx<'t> {
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        dir: &'t StateDir,
        reserve: u64,
    ) -> Result<Self, Broken> {
        Ok(Self {
            dir,
            reserve,
            room: None,
            effects: Effects::default(),
            meta: Writable::open(transaction, tables::META)?,
            tenants: Writable::open(transaction, tables::TENANTS)?,
            tokens: Writable::open(transaction, tables::TOKENS)?,
            modules: Writable::open(transaction, tables::MODULES)?,
            owners: Writable::open(transaction, tables::OWNERS)?,
            ids: Writable::open(transaction, tables::IDS)?,
            jobs: Writable::open(transaction, tables::JOBS)?,
            specs: Writable::open(transaction, tables::SPECS)?,
            ends: Writable::open(transaction, tables::ENDS)?,
            logs: Writable::open(transaction, tables::LOGS)?,
            keys: Writable::open(transaction, tables::KEYS)?,
            phases: Writable::open(transaction, tables::PHASES)?,
            counts: Writable::open(transaction, tables::COUNTS)?,
            ended: Writable::open(transaction, tables::ENDED)?,
            kept: Writable::open(transaction, tables::KEPT)?,
            pending: Writable::open(transaction, tables::PENDING)?,
        })
    }

    /// How much was written so far.
    pub(super) fn writes(&self) -> u64 {
        [
            self.meta.writes(),
            self.tenants.writes(),
            self.tokens.writes(),
            self.modules.writes(),
            self.owners.writes(),
            self.ids.writes(),
            self.jobs.writes(),
            self.specs.writes(),
            self.ends.writes(),
            self.logs.writes(),
            self.keys.writes(),
            self.phases.writes(),
            self.counts.writes(),
            self.ended.writes(),
            self.kept.writes(),
            self.pending.writes(),
        ]
        .iter()
        .sum()
    }

    /// Takes room for so many bytes of something new, and fails when that would go into the reserve.
    pub(super) fn take_room(&mut self, bytes: u64) -> Result<(), Failure> {
        let free = match self.room {
            Some(free) => free,
            None => self.dir.free()?,
        };
        let left = free.checked_sub(bytes).filter(|left| *left >= self.reserve);
        self.room = Some(left.unwrap_or(free));
        if left.is_some() {
            return Ok(());
        }
        Err(self.dir.no_room(free, self.reserve))
    }

    pub(super) fn failure(&self, broken: Broken) -> Failure {
        super::store::failure_of(&self.dir.database(), broken)
    }

    /// A number in `meta`.
    pub(super) fn number(&self, name: &str) -> Result<u64, Broken> {
        let number = self.meta.table().get(name)?;
        Ok(number.map_or(0, |number| number.value()))
    }

    pub(super) fn all_tokens(&self) -> Result<TokenBook, Broken> {
        all_tokens(self.tokens.table())
    }

    /// Writes a job that has this phase from now on, which it is listed and counted under; `before` is what it had.
    pub(super) fn save(&mut self, row: &JobRow, before: Option<JobPhase>) -> Result<(), Broken> {
        self.jobs.put(row.number, &encode(row))?;
        if before == Some(row.phase) {
            return Ok(());
        }
        if let Some(before) = before {
            self.unlist(row, before)?;
        }
        for whose in [EVERYBODY, row.tenant.as_str()] {
            self.phases
                .put((whose, row.phase.number(), row.number), ())?;
            let count = self.count(whose, row.phase)?;
            self.counts.put((whose, row.phase.number()), count + 1)?;
        }
        self.count_pending(row, before)
    }

    /// Counts the bytes of an unfinished job's specification as long as it is one.
    fn count_pending(&mut self, row: &JobRow, before: Option<JobPhase>) -> Result<(), Broken> {
        let was = before.is_some_and(|phase| !phase.is_ended());
        let is = !row.phase.is_ended();
        if was == is {
            return Ok(());
        }
        let spec = self.specs.table().get(row.number)?;
        let size = spec.map_or(0, |spec| spec.value().len());
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        let tenant = row.tenant.as_str();
        let bytes = self.pending_bytes(tenant)?;
        let bytes = if is {
            bytes.saturating_add(size)
        } else {
            bytes.saturating_sub(size)
        };
        self.pending.put(tenant, bytes)
    }

    pub(super) fn pending_bytes(&self, tenant: &str) -> Result<u64, Broken> {
        let bytes = self.pending.table().get(tenant)?;
        Ok(bytes.map_or(0, |bytes| bytes.value()))
    }

    fn unlist(&mut self, row: &JobRow, phase: JobPhase) -> Result<(), Broken> {
        for whose in [EVERYBODY, row.tenant.as_str()] {
            self.phases.remove((whose, phase.number(), row.number))?;
            let count = self.count(whose, phase)?.saturating_sub(1);
            self.counts.put((whose, phase.number()), count)?;
        }
        Ok(())
    }

    /// Removes an ended job with all that is its own.
    pub(super) fn erase(&mut self, row: &JobRow) -> Result<(), Broken> {
        self.unlist(row, row.phase)?;
        self.erase_bulk(row)?;
        self.unkeep(row)?;
        self.ids.remove(row.id.bits())?;
        self.jobs.remove(row.number)?;
        self.ends.remove(row.number)?;
        if let Some(key) = &row.key {
            self.keys.remove((row.tenant.as_str(), key))?;
        }
        Ok(())
    }

    /// Removes what a job was given and what it printed.
    pub(super) fn erase_bulk(&mut self, row: &JobRow) -> Result<(), Broken> {
        self.specs.remove(row.number)?;
        self.logs.remove(row.number)?;
        if row.log_file {
            self.effects.unlink.push(self.dir.log(row.id));
        }
        Ok(())
    }

    /// Counts an ended job's bytes, for retention.
    pub(super) fn keep(&mut self, row: &JobRow) -> Result<(), Broken> {
        let Some(at) = row.ended_at else {
            return Ok(());
        };
        let mut bytes = row.logs.bytes;
        for table in [self.jobs.table(), self.specs.table(), self.ends.table()] {
            let size = table
                .get(row.number)?
                .map_or(0, |value| value.value().len());
            bytes = bytes.saturating_add(u64::try_from(size).unwrap_or(u64::MAX));
        }
        let tenant = row.tenant.as_str();
        self.ended.put((tenant, at, row.number), bytes)?;
        let kept = self.kept_bytes(tenant)?.saturating_add(bytes);
        self.kept.put(tenant, kept)
    }

    /// Takes back what [`keep`](Self::keep) counted.
    pub(super) fn unkeep(&mut self, row: &JobRow) -> Result<(), Broken> {
        let Some(at) = row.ended_at else {
            return Ok(());
        };
        let bytes = self.ended_bytes(row)?;
        let tenant = row.tenant.as_str();
        self.ended.remove((tenant, at, row.number))?;
        let kept = self.kept_bytes(tenant)?.saturating_sub(bytes);
        self.kept.put(tenant, kept)
    }

    /// What [`keep`](Self::keep) counted for a job.
    pub(super) fn ended_bytes(&self, row: &JobRow) -> Result<u64, Broken> {
        let key = (row.tenant.as_str(), row.ended_at.unwrap_or(0), row.number);
        Ok(self
            .ended
            .table()
            .get(key)?
            .map_or(0, |bytes| bytes.value()))
    }
}

impl Records for Tx<'_> {
    fn tenants(&self) -> &impl ReadableTable<Text, Bytes> {
        self.tenants.table()
    }
    fn ids(&self) -> &impl ReadableTable<u64, u64> {
        self.ids.table()
    }
    fn jobs(&self) -> &impl ReadableTable<u64, Bytes> {
        self.jobs.table()
    }
    fn specs(&self) -> &impl ReadableTable<u64, Bytes> {
        self.specs.table()
    }
    fn ends(&self) -> &impl ReadableTable<u64, Bytes> {
        self.ends.table()
    }
    fn counts(&self) -> &impl ReadableTable<(Text, u8), u64> {
        self.counts.table()
    }
    fn kept(&self) -> &impl ReadableTable<Text, u64> {
        self.kept.table()
    }
}

/// A reading transaction with its tables: all as of one commit.
pub(super) struct View {
    meta: ReadOnlyTable<Text, u64>,
    pub(super) tenants: ReadOnlyTable<Text, Bytes>,
    pub(super) tokens: ReadOnlyTable<Text, Bytes>,
    pub(super) modules: ReadOnlyTable<(Text, Hash), Bytes>,
    ids: ReadOnlyTable<u64, u64>,
    jobs: ReadOnlyTable<u64, Bytes>,
    specs: ReadOnlyTable<u64, Bytes>,
    ends: ReadOnlyTable<u64, Bytes>,
    pub(super) logs: ReadOnlyTable<u64, Bytes>,
    pub(super) phases: ReadOnlyTable<(Text, u8, u64), ()>,
    counts: ReadOnlyTable<(Text, u8), u64>,
    kept: ReadOnlyTable<Text, u64>,
}

impl View {
    pub(super) fn open(transaction: &ReadTransaction) -> Result<Self, Broken> {
        fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
            transaction: &ReadTransaction,
            definition: TableDefinition<'_, K, V>,
        ) -> Result<ReadOnlyTable<K, V>, Broken> {
            Ok(transaction.open_table(definition)?)
        }
        Ok(Self {
            meta: table(transaction, tables::META)?,
            tenants: table(transaction, tables::TENANTS)?,
            tokens: table(transaction, tables::TOKENS)?,
            modules: table(transaction, tables::MODULES)?,
            ids: table(transaction, tables::IDS)?,
            jobs: table(transaction, tables::JOBS)?,
            specs: table(transaction, tables::SPECS)?,
            ends: table(transaction, tables::ENDS)?,
            logs: table(transaction, tables::LOGS)?,
            phases: table(transaction, tables::PHASES)?,
            counts: table(transaction, tables::COUNTS)?,
            kept: table(transaction, tables::KEPT)?,
        })
    }
}

impl View {
    /// The number of the last commit.
    pub(super) fn batch(&self) -> Result<u64, Broken> {
        Ok(self.meta.get("batch")?.map_or(0, |batch| batch.value()))
    }

    pub(super) fn all_tokens(&self) -> Result<TokenBook, Broken> {
        all_tokens(&self.tokens)
    }
}

fn all_tokens(tokens: &impl ReadableTable<Text, Bytes>) -> Result<TokenBook, Broken> {
    let mut stored = Vec::<StoredToken>::new();
    for entry in tokens.iter()? {
        stored.push(decode(entry?.1.value(), "tokens")?);
    }
    Ok(TokenBook::new(stored))
}

impl Records for View {
    fn tenants(&self) -> &impl ReadableTable<Text, Bytes> {
        &self.tenants
    }
    fn ids(&self) -> &impl ReadableTable<u64, u64> {
        &self.ids
    }
    fn jobs(&self) -> &impl ReadableTable<u64, Bytes> {
        &self.jobs
    }
    fn specs(&self) -> &impl ReadableTable<u64, Bytes> {
        &self.specs
    }
    fn ends(&self) -> &impl ReadableTable<u64, Bytes> {
        &self.ends
    }
    fn counts(&self) -> &impl ReadableTable<(Text, u8), u64> {
        &self.counts
    }
    fn kept(&self) -> &impl ReadableTable<Text, u64> {
        &self.kept
    }
}
