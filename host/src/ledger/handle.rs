//! The ledger as others see it.

use std::{num::NonZeroU32, path::Path, sync::Arc, thread};

use tokio::sync::{mpsc, oneshot};

use super::{
    Cursor, Expired, Failure, Finish, JobCounts, JobError, JobPage, JobPhase, JobRecord,
    ModuleError, ModuleHash, ModuleRecord, NewJob, NewToken, OpenError, Recovered, SubmitError,
    Submitted, TenantError, TenantLimits, TenantName, TenantRecord, TokenError, TokenRecord,
    TokenText,
    dir::{self, StateDir},
    operations::{expire, jobs, list, modules, submit, tenants, tokens},
    recover,
    store::Store,
    tables::{Records, Stop, refuse},
    transaction::{Tx, View},
    wait::block_on,
    writer::{self, Call, Message},
};
use crate::{rt::clock, types::JobId};

/// How a ledger is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerOptions {
    /// Bytes of the file system that new jobs and modules leave free, so that accepted ones can end.
    pub reserve: u64,
}

impl Default for LedgerOptions {
    /// 64 MiB.
    fn default() -> Self {
        Self { reserve: 64 << 20 }
    }
}

/// The durable records of one state directory. Clones are the same ledger.
///
/// What changes something returns when it is on the disk. Such functions block their thread, also on a runtime; those
/// named `_async` wait instead. A future that is dropped may or may not have had its effect. When the last clone is
/// dropped without [`close`](Self::close), that counts as an unclean stop.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    /// Both are there until this is dropped.
    sender: Option<mpsc::Sender<Message>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told to whoever waited for it.
            let _ = thread.join();
        }
    }
}

impl Ledger {
    /// Opens a state directory, which is made if need be, and settles what the last stop interrupted.
    ///
    /// The whole database is read and checked.
    ///
    /// # Errors
    /// When another process has it, it can't be used, is damaged, or is a newer release's.
    pub fn open(dir: &Path) -> Result<(Self, Recovered), OpenError> {
        Self::open_with(dir, LedgerOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(dir: &Path, options: LedgerOptions) -> Result<(Self, Recovered), OpenError> {
        let store = Arc::new(Store::open(StateDir::open(dir)?, options.reserve)?);
        let recovered = recover::recover(&store)?;
        let (sender, thread) =
            writer::start(store.clone()).map_err(|error| dir::failure(dir, &error))?;
        let inner = Inner {
            store,
            sender: Some(sender),
            thread: Some(thread),
        };
        Ok((Self(Arc::new(inner)), recovered))
    }

    /// Records a clean stop and closes the database; other calls fail from then on. Jobs that are still running run
    /// again at the next start, without being counted.
    ///
    /// # Errors
    /// When that can't be recorded: the stop counts as unclean then.
    pub fn close(&self) -> Result<(), Failure> {
        block_on(async {
            let (reply, answer) = oneshot::channel();
            self.send(Message::Close(reply)).await?;
            answer.await.unwrap_or(Err(Failure::Closed))
        })
    }

    /// Transactions committed since it was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.0.store.commits()
    }

    async fn send(&self, message: Message) -> Result<(), Failure> {
        let sender = self.0.sender.as_ref().ok_or(Failure::Closed)?;
        sender.send(message).await.map_err(|_| Failure::Closed)
    }

    pub(super) async fn apply<T, E>(
        &self,
        act: impl FnOnce(&mut Tx<'_>) -> Result<T, Stop<E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let call = Call {
            act: Some(act),
            outcome: None,
            reply,
        };
        self.send(Message::Apply(Box::new(call))).await?;
        answer.await.unwrap_or_else(|_| Err(Failure::Closed.into()))
    }

    fn read<T, E: From<Failure>>(
        &self,
        look: impl FnOnce(&View) -> Result<T, Stop<E>>,
    ) -> Result<T, E> {
        self.0.store.read(look)
    }
}

/// Tenants.
impl Ledger {
    /// Makes a tenant, or gives the one of that name another weight and other limits.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn put_tenant(
        &self,
        name: TenantName,
        weight: NonZeroU32,
        limits: TenantLimits,
    ) -> Result<TenantRecord, Failure> {
        block_on(self.apply(move |tx| tenants::put(tx, name, weight, limits)))
    }

    /// A tenant.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn tenant(&self, name: &TenantName) -> Result<Option<TenantRecord>, Failure> {
        self.read(|view| Ok(view.tenant(name)?))
    }

    /// All tenants, by name.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn tenants(&self) -> Result<Vec<TenantRecord>, Failure> {
        self.read(tenants::list)
    }

    /// Removes a tenant without unfinished jobs, with its tokens, jobs and modules.
    ///
    /// # Errors
    /// When there is none, or it has unfinished jobs.
    pub fn remove_tenant(&self, name: TenantName) -> Result<(), TenantError> {
        block_on(self.apply(move |tx| tenants::remove(tx, &name)))
    }
}

/// Tokens.
impl Ledger {
    /// Issues a token. Its text is given this once.
    ///
    /// # Errors
    /// When there is no such tenant, or it has too many valid tokens.
    pub fn issue(&self, new: NewToken) -> Result<(TokenText, TokenRecord), TokenError> {
        block_on(self.apply(move |tx| tokens::issue(tx, new)))
    }

    /// Issues a token and takes back all others of its tenant and role, in one step.
    ///
    /// # Errors
    /// As [`issue`](Self::issue).
    pub fn rotate(&self, new: NewToken) -> Result<(TokenText, TokenRecord), TokenError> {
        block_on(self.apply(move |tx| tokens::rotate(tx, new)))
    }

    /// Takes a token back, for good.
    ///
    /// # Errors
    /// When there is no such token.
    pub fn revoke(&self, id: &str) -> Result<TokenRecord, TokenError> {
        let id = id.to_owned();
        block_on(self.apply(move |tx| tokens::revoke(tx, id)))
    }

    /// The token with this text, unless it is unknown, taken back or expired. Reads nothing from the disk.
    #[must_use]
    pub fn verify(&self, text: &str) -> Option<TokenRecord> {
        let tokens = self.0.store.tokens.read();
        tokens.verify(text, clock::unix_millis())
    }

    /// Whether the token with this id is there, not taken back and not expired. Reads nothing from the disk.
    #[must_use]
    pub fn is_valid(&self, id: &str) -> bool {
        let tokens = self.0.store.tokens.read();
        tokens.is_valid(id, clock::unix_millis())
    }

    /// All tokens.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn tokens(&self) -> Result<Vec<TokenRecord>, Failure> {
        self.read(tokens::list)
    }
}

/// Modules.
impl Ledger {
    /// Stores a module for a tenant, or gives the one that it has another name.
    ///
    /// # Errors
    /// When there is no such tenant, or all its modules would be larger than they may.
    pub fn put_module(
        &self,
        tenant: &TenantName,
        name: &str,
        bytes: &[u8],
    ) -> Result<ModuleRecord, ModuleError> {
        let hash = ModuleHash::of(bytes);
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.may_put_module(tenant, &hash, size)?;
        let file = self.0.store.dir.write(bytes)?;
        let (tenant, name) = (tenant.clone(), name.to_owned());
        block_on(self.apply(move |tx| modules::put(tx, &tenant, name, (hash, size), file)))
    }

    /// Looks whether there is room for a module of so many bytes.
    ///
    /// # Errors
    /// As [`put_module`](Self::put_module).
    pub fn may_put_module(
        &self,
        tenant: &TenantName,
        hash: &ModuleHash,
        size: u64,
    ) -> Result<(), ModuleError> {
        self.read(|view| modules::check(view, tenant, hash, size))?;
        Ok(self.0.store.has_room(size)?)
    }

    /// A tenant's module.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn module(
        &self,
        tenant: &TenantName,
        hash: &ModuleHash,
    ) -> Result<Option<ModuleRecord>, Failure> {
        self.read(|view| modules::get(view, tenant, hash))
    }

    /// The bytes of a tenant's module, which are compared with its hash.
    ///
    /// # Errors
    /// When the tenant has no such module, or its file is damaged.
    pub fn read_module(
        &self,
        tenant: &TenantName,
        hash: &ModuleHash,
    ) -> Result<Vec<u8>, ModuleError> {
        if self.module(tenant, hash)?.is_none() {
            return Err(ModuleError::NotFound {
                tenant: tenant.clone(),
                module: *hash,
            });
        }
        Ok(modules::read(&self.0.store.dir, hash)?)
    }

    /// All modules of a tenant, by hash.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn modules(&self, tenant: &TenantName) -> Result<Vec<ModuleRecord>, Failure> {
        self.read(|view| modules::list(view, tenant))
    }

    /// Removes a tenant's module.
    ///
    /// # Errors
    /// When the tenant has no such module, or an unfinished job needs it.
    pub fn remove_module(&self, tenant: &TenantName, hash: ModuleHash) -> Result<(), ModuleError> {
        let tenant = tenant.clone();
        block_on(self.apply(move |tx| modules::remove(tx, &tenant, &hash)))
    }
}

/// Jobs.
impl Ledger {
    /// Accepts a job, or gives the one that was accepted with the same key and request.
    ///
    /// # Errors
    /// When there is no such tenant or module, the key stands for another request, the tenant has too many unfinished
    /// jobs, or the disk has no room to spare.
    pub fn submit(&self, new: NewJob) -> Result<Submitted, SubmitError> {
        block_on(self.submit_async(new))
    }

    /// As [`submit`](Self::submit).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub async fn submit_async(&self, new: NewJob) -> Result<Submitted, SubmitError> {
        let prepared = submit::Prepared::new(new)?;
        self.apply(move |tx| submit::submit(tx, prepared)).await
    }

    /// Begins an attempt of a queued job.
    ///
    /// # Errors
    /// When there is no such job, or it is not queued.
    pub fn start(&self, id: JobId) -> Result<JobRecord, JobError> {
        block_on(self.start_async(id))
    }

    /// As [`start`](Self::start).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_async(&self, id: JobId) -> Result<JobRecord, JobError> {
        self.apply(move |tx| jobs::start(tx, id)).await
    }

    /// Records milliseconds of processor time and of time that running jobs have spent, each over all attempts. They
    /// never go down; jobs that don't run are passed over.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn checkpoint(&self, spent: &[(JobId, u64, u64)]) -> Result<(), Failure> {
        let spent = spent.to_owned();
        block_on(self.apply(move |tx| jobs::checkpoint(tx, &spent)))
    }

    /// Ends a queued or running job. One that ended keeps its first end.
    ///
    /// A result over the tenant's `result_bytes` becomes an error that says so; of the output the last `log_bytes` stay.
    /// Gives whether this was the end, and the job as it is recorded.
    ///
    /// # Errors
    /// When there is no such job, or it can't end in this phase.
    pub fn finish(&self, id: JobId, finish: Finish) -> Result<(bool, JobRecord), JobError> {
        let prepared = self.prepare_end(id, finish)?;
        block_on(self.apply(move |tx| jobs::finish(tx, id, prepared)))
    }

    /// As [`finish`](Self::finish). Needs a runtime, one of whose blocking threads writes large output.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub async fn finish_async(
        &self,
        id: JobId,
        finish: Finish,
    ) -> Result<(bool, JobRecord), JobError> {
        let ledger = self.clone();
        let prepared = tokio::task::spawn_blocking(move || ledger.prepare_end(id, finish)).await;
        // The runtime ends, and so does the host.
        let prepared = prepared.unwrap_or_else(|_| Err(Failure::Closed.into()))?;
        self.apply(move |tx| jobs::finish(tx, id, prepared)).await
    }

    fn prepare_end(&self, id: JobId, finish: Finish) -> Result<jobs::PreparedEnd, JobError> {
        let limits = self.read(|view| {
            let Some(row) = view.row(id)? else {
                return refuse(JobError::NotFound(id));
            };
            let tenant = view.tenant(&row.tenant)?;
            Ok(tenant.map(|tenant| tenant.limits).unwrap_or_default())
        })?;
        jobs::PreparedEnd::new(&self.0.store.dir, &limits, finish)
    }

    /// Lets a quarantined job run again: it is queued, and its unclean stops are forgotten. What it spent is not.
    ///
    /// # Errors
    /// When there is no such job, it is not quarantined, or its module was removed.
    pub fn requeue(&self, id: JobId) -> Result<JobRecord, JobError> {
        block_on(self.apply(move |tx| jobs::requeue(tx, id)))
    }

    /// A job; with a tenant only if it is that one's.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn job(
        &self,
        tenant: Option<&TenantName>,
        id: JobId,
    ) -> Result<Option<JobRecord>, Failure> {
        self.read(|view| list::job(view, tenant, id))
    }

    /// At most `limit` jobs in these phases, newest first, of one tenant or all; from `before` on, which a page before
    /// gave. A page may be shorter when its jobs are large.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn jobs(
        &self,
        tenant: Option<&TenantName>,
        phases: &[JobPhase],
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<JobPage, Failure> {
        self.read(|view| list::jobs(view, tenant, phases, before, limit))
    }

    /// How many jobs are in each phase, of one tenant or all.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn counts(&self, tenant: Option<&TenantName>) -> Result<JobCounts, Failure> {
        self.read(|view| list::counts(view, tenant))
    }

    /// Bytes of a tenant's ended jobs, which its retention bounds.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn kept_bytes(&self, tenant: &TenantName) -> Result<u64, Failure> {
        self.read(|view| Ok(view.kept_bytes(tenant.as_str())?))
    }

    /// What is kept of a job's output; with a tenant only if it is that one's. Nothing before it ended.
    ///
    /// # Errors
    /// When there is no such job, or its file can't be read.
    pub fn read_logs(&self, tenant: Option<&TenantName>, id: JobId) -> Result<Vec<u8>, JobError> {
        self.read(|view| list::logs(view, &self.0.store.dir, tenant, id))
    }

    /// Removes what the tenants' retention does not keep, as of `now` (milliseconds since 1970), oldest first. A job
    /// with a key is removed a day after its end at the earliest; what is large of it goes in time.
    ///
    /// # Errors
    /// When the ledger fails; what was removed before stays so.
    pub fn expire(&self, now: u64) -> Result<Expired, Failure> {
        let mut all = Expired::default();
        for tenant in self.tenants()? {
            let mut from = Some((0, 0));
            while let Some(next) = from {
                let name = tenant.name.clone();
                let step = self.apply(move |tx| expire::expire(tx, &name, now, next));
                let (expired, more) = block_on(step)?;
                all.jobs += expired.jobs;
                all.bytes = all.bytes.saturating_add(expired.bytes);
                from = more;
            }
        }
        Ok(all)
    }
}
