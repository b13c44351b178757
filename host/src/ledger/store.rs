//! The database: opened, checked, written in transactions, and opened again after it failed.
//!
//! Every commit is durable and in two phases (two flushes): what it holds is on the disk before the header points to
//! it. So the newest state is either whole or known to be damaged; the database never falls back to an older one by
//! itself, as it may with a single flush, where losing the last commit and its damage can't be told apart.
//!
//! After an error from the disk the database takes no more calls, so it is closed and opened again at once. Whether the
//! commit that failed was made nevertheless is told by its number, `batch`: then its operations did happen, and are
//! answered so. If it can't be opened, that is not known, and answered so too. While it can't be opened, every call gets the reason, and each that writes tries again.
//!
//! It does not know what is written.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::RwLock;
use redb::{Database, ReadableDatabase, StorageBackend, TransactionError, WriteTransaction};

use super::{
    Failure, OpenError,
    backend::{Backend, Peek},
    dir::{self, Folder, StateDir},
    tables::{Broken, META, Stop, VERSION},
    token::TokenBook,
    transaction::{Effects, Tx, View},
};

/// Pages that are kept in memory.
const CACHE: usize = 64 << 20;

/// The state directory and the database in it.
#[derive(Debug)]
pub(super) struct Store {
    // Dropped before the directory, which is unlocked then.
    database: RwLock<State>,
    pub(super) dir: StateDir,
    /// As of the last commit.
    pub(super) tokens: RwLock<TokenBook>,
    commits: AtomicU64,
    reserve: u64,
}

#[derive(Debug)]
enum State {
    Open(Database),
    Failed(Failure),
    Closed,
}

/// A transaction that failed, and its number if it may be there nevertheless.
struct Aborted {
    broken: Broken,
    batch: Option<u64>,
}

impl<T: Into<Broken>> From<T> for Aborted {
    fn from(broken: T) -> Self {
        Self {
            broken: broken.into(),
            batch: None,
        }
    }
}

impl Store {
    /// Opens the database of a state directory, or makes one in a directory that is empty. All of it is read and its
    /// checksums are compared.
    pub(super) fn open(dir: StateDir, reserve: u64) -> Result<Self, OpenError> {
        let path = dir.database();
        if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            create(&dir)?;
        }
        let damaged = |reason: String| OpenError::Damaged {
            path: path.clone(),
            reason,
        };
        match fs::metadata(&path) {
            Ok(meta) if !meta.is_file() => return Err(damaged("it is no file".to_owned())),
            Ok(meta) if meta.len() == 0 => return Err(damaged("it is empty".to_owned())),
            Ok(_) => {}
            Err(error) => return Err(dir::failure(&path, &error).into()),
        }
        let database = open(&path, true).map_err(|error| match failure(&path, error.into()) {
            Failure::Damaged { reason, .. } => damaged(reason),
            other => other.into(),
        })?;
        let version = version(&database)
            .map_err(|broken| damaged(failure_of(&path, broken).to_string()))?
            .ok_or_else(|| damaged("it is a database of something else".to_owned()))?;
        if version > VERSION {
            return Err(OpenError::Newer {
                path,
                found: version,
                known: VERSION,
            });
        }
        Ok(Self {
            dir,
            database: RwLock::new(State::Open(database)),
            tokens: RwLock::default(),
            commits: AtomicU64::new(0),
            reserve,
        })
    }

    /// Commits made since it was opened.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Whether so many bytes of something new leave the reserve alone.
    pub(super) fn has_room(&self, bytes: u64) -> Result<(), Failure> {
        self.dir.has_room(bytes, self.reserve)
    }

    /// Looks at the state as of the last commit.
    pub(super) fn read<T, E: From<Failure>>(
        &self,
        look: impl FnOnce(&View) -> Result<T, Stop<E>>,
    ) -> Result<T, E> {
        // Held until the end, so that the database is not opened again under it.
        let state = self.database.read();
        let database = match &*state {
            State::Open(database) => database,
            State::Failed(failure) => return Err(failure.clone().into()),
            State::Closed => return Err(Failure::Closed.into()),
        };
        let view = database
            .begin_read()
            .map_err(Broken::from)
            .and_then(|transaction| View::open(&transaction));
        let found = view.map_err(Stop::Broken).and_then(|view| look(&view));
        found.map_err(|stop| match stop {
            Stop::Refused(error) => error,
            Stop::Broken(broken) => self.failure(broken).into(),
        })
    }

    /// Does all that `act` does, durably, or nothing. Called by one thread at a time.
    pub(super) fn write<T>(
        &self,
        act: impl FnOnce(&mut Tx<'_>) -> Result<T, Broken>,
    ) -> Result<T, Failure> {
        let transaction = self.begin()?;
        let mut done = None;
        let Err(aborted) = self.transact(transaction, act, &mut done) else {
            let (value, effects, tokens) = done.expect("it is set before the commit");
            self.settle(&effects, tokens);
            return Ok(value);
        };
        let reopen = matches!(aborted.broken, Broken::Storage(_));
        let failure = self.failure(aborted.broken);
        if !reopen {
            return Err(failure);
        }
        self.reopen();
        let (Some(batch), Some((value, effects, tokens))) = (aborted.batch, done) else {
            return Err(failure);
        };
        if self.last_batch() == Some(batch) {
            self.settle(&effects, tokens);
            return Ok(value);
        }
        // Where the file says that it was, that may not be on the disk yet; where it says not, it never will be.
        let path = self.dir.database();
        let may_be = self.is_failed() && peek(&path).is_none_or(|last| last == batch);
        if may_be {
            let reason = failure.to_string();
            return Err(Failure::Unsure { path, reason });
        }
        Err(failure)
    }

    fn transact<T>(
        &self,
        mut transaction: WriteTransaction,
        act: impl FnOnce(&mut Tx<'_>) -> Result<T, Broken>,
        done: &mut Option<(T, Effects, Option<TokenBook>)>,
    ) -> Result<(), Aborted> {
        transaction.set_two_phase_commit(true);
        let mut tx = Tx::open(&transaction, &self.dir, self.reserve)?;
        let value = act(&mut tx)?;
        if tx.writes() == 0 {
            drop(tx);
            *done = Some((value, Effects::default(), None));
            transaction.abort()?;
            return Ok(());
        }
        let batch = tx.number("batch")? + 1;
        tx.meta.put("batch", batch)?;
        let tokens = if tx.effects.tokens {
            Some(tx.all_tokens()?)
        } else {
            None
        };
        let effects = std::mem::take(&mut tx.effects);
        drop(tx);
        for folder in [Folder::Modules, Folder::Logs] {
            if effects.flush.contains(&folder) {
                self.dir.sync(folder)?;
            }
        }
        *done = Some((value, effects, tokens));
        transaction.commit().map_err(|error| Aborted {
            broken: error.into(),
            batch: Some(batch),
        })?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// After a commit: what it made true outside the database.
    fn settle(&self, effects: &Effects, tokens: Option<TokenBook>) {
        if let Some(tokens) = tokens {
            *self.tokens.write() = tokens;
        }
        for path in &effects.unlink {
            // What stays is removed at the next start, as nothing names it.
            let _ = dir::remove(path);
        }
    }

    fn begin(&self) -> Result<WriteTransaction, Failure> {
        let begin = |state: &State| match state {
            State::Open(database) => database.begin_write().map_err(|error| self.begun(error)),
            State::Failed(failure) => Err(failure.clone()),
            State::Closed => Err(Failure::Closed),
        };
        match begin(&self.database.read()) {
            Err(Failure::Closed) => return Err(Failure::Closed),
            Err(_) => {}
            begun => return begun,
        }
        // Failed before, by a reader perhaps.
        self.reopen();
        begin(&self.database.read())
    }

    fn begun(&self, error: TransactionError) -> Failure {
        self.failure(error.into())
    }

    /// Closes the database and opens it again.
    fn reopen(&self) {
        let mut state = self.database.write();
        if matches!(*state, State::Closed) {
            return;
        }
        // The old one holds the file until it is gone.
        *state = State::Failed(Failure::Closed);
        let path = self.dir.database();
        *state = match open(&path, false) {
            Ok(database) => State::Open(database),
            Err(error) => State::Failed(failure(&path, error.into())),
        };
        drop(state);
        // What a commit changed that nobody could tell of counts all the same.
        if let Ok(tokens) = self.read::<_, Failure>(|view| Ok(view.all_tokens()?)) {
            *self.tokens.write() = tokens;
        }
    }

    fn is_failed(&self) -> bool {
        matches!(*self.database.read(), State::Failed(_))
    }

    /// The number of the last commit, if that can be read.
    fn last_batch(&self) -> Option<u64> {
        self.read::<_, Failure>(|view| Ok(view.batch()?)).ok()
    }

    /// Closes it for good.
    pub(super) fn close(&self) -> Result<(), Failure> {
        match std::mem::replace(&mut *self.database.write(), State::Closed) {
            State::Open(database) => database
                .close()
                .map_err(|error| failure(&self.dir.database(), error.into())),
            State::Failed(_) | State::Closed => Ok(()),
        }
    }

    pub(super) fn failure(&self, broken: Broken) -> Failure {
        failure_of(&self.dir.database(), broken)
    }
}

pub(super) fn failure_of(path: &Path, broken: Broken) -> Failure {
    match broken {
        Broken::Storage(error) => failure(path, error),
        Broken::Value(reason) => damaged(path, reason),
        Broken::Beside(failure) => failure,
    }
}

fn failure(path: &Path, error: redb::Error) -> Failure {
    match error {
        redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            damaged(path, "it ends too early".to_owned())
        }
        redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            damaged(path, error.to_string())
        }
        redb::Error::Io(error) => dir::failure(path, &error),
        redb::Error::PreviousIo => Failure::Io {
            path: path.to_owned(),
            reason: "an operation before this one failed".to_owned(),
        },
        redb::Error::DatabaseClosed => Failure::Closed,
        // All else says that the file is not what this program writes.
        other => damaged(path, other.to_string()),
    }
}

fn damaged(path: &Path, reason: String) -> Failure {
    Failure::Damaged {
        path: path.to_owned(),
        reason,
        cure: "stop the host and put a backup of the state directory in its place",
    }
}

fn open(path: &Path, check: bool) -> Result<Database, redb::DatabaseError> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).open(path)?;
    database(Backend::new(file)?, check)
}

/// The number of the last commit in a database that can't be opened for writing now.
fn peek(path: &Path) -> Option<u64> {
    let backend = Peek::new(fs::File::open(path).ok()?).ok()?;
    let database = database(backend, false).ok()?;
    let view = View::open(&database.begin_read().ok()?).ok()?;
    view.batch().ok()
}

fn database(backend: impl StorageBackend, check: bool) -> Result<Database, redb::DatabaseError> {
    Database::builder()
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(check)
        .create_with_backend(backend)
}

/// Makes an empty database: whole under its name, or not there.
fn create(dir: &StateDir) -> Result<(), OpenError> {
    for folder in [Folder::Modules, Folder::Logs] {
        if dir.holds_files(folder)? {
            return Err(OpenError::Missing {
                path: dir.database(),
                beside: dir.folder(folder),
            });
        }
    }
    let path = dir.folder(Folder::Tmp).join("ledger.redb");
    let made = || -> Result<(), Broken> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options
            .open(&path)
            .map_err(|error| dir::failure(&path, &error))?;
        let storage = |error: redb::DatabaseError| Broken::Storage(error.into());
        let database = Backend::new(file)
            .and_then(|backend| database(backend, false))
            .map_err(storage)?;
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(true);
        let mut tx = Tx::open(&transaction, dir, 0)?;
        tx.meta.put("version", u64::from(VERSION))?;
        tx.meta.put("clean", 1)?;
        drop(tx);
        transaction.commit()?;
        database.close().map_err(storage)
    };
    made().map_err(|broken| failure_of(&path, broken))?;
    fs::rename(&path, dir.database()).map_err(|error| dir::failure(&path, &error))?;
    dir.sync_root()?;
    Ok(())
}

/// The format's version; `None` when the database is not a ledger.
fn version(database: &Database) -> Result<Option<u32>, Broken> {
    let transaction = database.begin_read()?;
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let version = redb::ReadableTable::get(&meta, "version")?;
    // One that does not fit is newer than any.
    Ok(version.map(|version| u32::try_from(version.value()).unwrap_or(u32::MAX)))
}
