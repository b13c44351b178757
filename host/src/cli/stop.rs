//! What ends a running job from outside: signals, and for `wrun dev` changed files.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    Exit,
    failure::{Failure, Result},
};

/// Files that change together are one change when no more follow for this long.
const SETTLE: Duration = Duration::from_millis(150);

/// Why to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A signal; the process is to end so.
    Signal(Exit),
    /// A watched file changed.
    Changed,
}

/// The source of reasons. From its making on, signals no longer end the process by themselves.
#[derive(Debug)]
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
    changes: Option<Changes>,
}

impl Stop {
    /// Only signals. Must be called inside a tokio runtime.
    pub(super) fn new() -> Result<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::internal(format!("signals can't be handled: {error}")))
        };
        let (interrupt, terminate) = (
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
        );
        Ok(Self {
            interrupt,
            terminate,
            changes: None,
        })
    }

    /// Watches these directories too, from now on and instead of earlier ones.
    pub(super) fn watch(&mut self, dirs: &[PathBuf]) -> Result<()> {
        if self.changes.is_none() {
            self.changes = Some(Changes::new()?);
        }
        match &mut self.changes {
            Some(changes) => dirs.iter().try_for_each(|dir| changes.watch(dir)),
            None => Ok(()),
        }
    }

    /// The next reason. May be dropped and called again without losing one.
    pub(super) async fn next(&mut self) -> Reason {
        let changed = async {
            match &mut self.changes {
                Some(changes) => changes.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Reason::Signal(Exit::Interrupted),
            _ = self.terminate.recv() => Reason::Signal(Exit::Terminated),
            () = changed => Reason::Changed,
        }
    }
}

/// Watched directories.
#[derive(Debug)]
struct Changes {
    watcher: RecommendedWatcher,
    changed: Arc<Notify>,
    /// When the change that was seen counts as settled, if nothing more follows.
    settles: Option<Instant>,
}

impl Changes {
    fn new() -> Result<Self> {
        let changed = Arc::new(Notify::new());
        let notify = changed.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_change(&event)) {
                notify.notify_one();
            }
        });
        let watcher = watcher
            .map_err(|error| Failure::internal(format!("files can't be watched: {error}")))?;
        Ok(Self {
            watcher,
            changed,
            settles: None,
        })
    }

    /// Watches a crate's directory without what cargo and git write there. Watching twice is once.
    fn watch(&mut self, dir: &Path) -> Result<()> {
        let fail = |what: &Path, error: &dyn std::fmt::Display| {
            Failure::internal(format!("`{}` can't be watched: {error}", what.display()))
                .help("if there are too many files, raise the limit: sysctl fs.inotify.max_user_watches=524288")
        };
        self.watcher
            .watch(dir, RecursiveMode::NonRecursive)
            .map_err(|error| fail(dir, &error))?;
        let entries = std::fs::read_dir(dir).map_err(|error| fail(dir, &error))?;
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_source(&path) {
                self.watcher
                    .watch(&path, RecursiveMode::Recursive)
                    .map_err(|error| fail(&path, &error))?;
            }
        }
        Ok(())
    }

    /// The deadline outlives the future, so that a caller who asks anew all the time gets its answer too.
    async fn next(&mut self) {
        loop {
            let settles = self.settles;
            let settled = async {
                match settles {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => self.settles = Some(Instant::now() + SETTLE),
                () = settled => break,
            }
        }
        self.settles = None;
    }
}

fn is_change(event: &notify::Event) -> bool {
    let kind = match event.kind {
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    };
    kind && event.paths.iter().any(|path| is_source(path))
}

/// Whether a build may depend on it: not what cargo, git or an editor writes beside the sources.
fn is_source(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return true;
    };
    let hidden = name.starts_with('.') && name != ".cargo";
    !(hidden || name.ends_with('~') || matches!(name, "target" | "Cargo.lock" | "4913"))
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn only_sources_count() {
        for name in ["src", "a/src/lib.rs", "Cargo.toml", ".cargo", "data.json"] {
            assert!(is_source(Path::new(name)), "{name}");
        }
        for name in [
            "target",
            ".git",
            "src/.lib.rs.swp",
            "src/lib.rs~",
            "Cargo.lock",
        ] {
            assert!(!is_source(Path::new(name)), "{name}");
        }
    }

    #[tokio::test]
    async fn many_writes_are_one_change() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("src")).unwrap();
        std::fs::create_dir_all(dir.path().join("target")).unwrap();
        let mut stop = Stop::new().unwrap();
        stop.watch(&[dir.path().to_owned()]).unwrap();
        for n in 0..5 {
            std::fs::write(dir.path().join("src/lib.rs"), n.to_string()).unwrap();
        }
        // Asked anew more often than a change needs to settle.
        let mut asked = 0;
        while timeout(SETTLE / 2, stop.next()).await != Ok(Reason::Changed) {
            asked += 1;
            assert!(asked < 100, "the change is not told");
        }
        std::fs::write(dir.path().join("target/x"), "").unwrap();
        assert!(timeout(SETTLE * 3, stop.next()).await.is_err());
    }
}
