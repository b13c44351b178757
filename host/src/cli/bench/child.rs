//! `wrun` as a process of its own: this executable, started as a user would.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::{RowError, guests::guests};

/// How long a process may take to its next point.
const PATIENCE: Duration = Duration::from_secs(30);

/// The guests as files, and a place for compiled code that other runs have not seen. Gone when it is dropped.
#[derive(Debug)]
pub(super) struct Files {
    dir: TempDir,
}

impl Files {
    /// Writes the guests.
    pub(super) fn new() -> Result<Self, RowError> {
        let guests = guests()?;
        let write = || {
            let files = Self {
                dir: tempfile::tempdir()?,
            };
            fs::write(files.tasks(), guests.tasks)?;
            fs::write(files.command(), guests.command)?;
            fs::create_dir(files.cache())?;
            Ok(files)
        };
        write().map_err(RowError::io(
            "the guests can't be written to a temporary directory",
        ))
    }

    /// The module with the cases.
    pub(super) fn tasks(&self) -> PathBuf {
        self.dir.path().join("tasks.wasm")
    }

    /// The plain command.
    pub(super) fn command(&self) -> PathBuf {
        self.dir.path().join("command.wasm")
    }

    /// The cache that all runs but first ones share.
    pub(super) fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// An empty cache.
    pub(super) fn empty_cache(&self) -> Result<TempDir, RowError> {
        TempDir::new_in(self.dir.path()).map_err(RowError::io("no directory for compiled code"))
    }
}

/// `wrun submit [OPTIONS] MODULE -- ARGS`, with its compiled code in `cache`.
pub(super) fn submit(
    options: &[&str],
    module: &Path,
    args: &[&str],
    cache: &Path,
) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("submit").args(options).arg(module);
    if !args.is_empty() {
        command.arg("--").args(args);
    }
    command.env("XDG_CACHE_HOME", cache);
    Ok(command)
}

/// A process that stands still at points that it prints, until it is told to go on; killed when this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Held {
    /// Starts it.
    pub(super) fn start(mut command: Command) -> Result<Self, RowError> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(RowError::io("wrun does not start"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.ok_or_else(|| RowError::wrong("wrun has no standard output"))?;
        let (sender, lines) = mpsc::channel();
        // Ends with the process, or when nobody listens any more.
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.map(|line| sender.send(line)).find(Result::is_err)
        });
        Ok(Self {
            child,
            input,
            lines,
        })
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it prints the name of this point.
    pub(super) fn reaches(&mut self, point: &str) -> Result<(), RowError> {
        let line = self.lines.recv_timeout(PATIENCE).unwrap_or_default();
        // A task's line begins with the task's name.
        if line.ends_with(point) {
            return Ok(());
        }
        let mut errors = String::new();
        // Else there is no end of its errors to wait for.
        let killed = self.child.kill();
        if let (Ok(()), Some(stderr)) = (killed, &mut self.child.stderr) {
            // What there is will do.
            let _ = stderr.read_to_string(&mut errors);
        }
        Err(RowError::wrong(format!(
            "wrun did not come to `{point}`: {line}{errors}"
        )))
    }

    /// Lets it go on.
    pub(super) fn go_on(&mut self) -> Result<(), RowError> {
        let told = self
            .input
            .as_mut()
            .map_or(Ok(()), |input| input.write_all(b"\n"));
        told.map_err(RowError::io("the input of wrun"))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
