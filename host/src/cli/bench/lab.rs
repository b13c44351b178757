//! What measurements share.
//!
//! A [`Lab`] starts a runtime with the defaults of `wrun submit` (but for large sandboxes), and bare Wasmtime, when the first row asks for them. A
//! case of the guest runs as a job's `main` ([`Lab::case`]): it takes its own time and prints it.

use std::{cell::OnceCell, env, time::Duration};

use super::{RowError, bare::Bare, child::Files, guests::guests, sample::Sample};
use crate::{
    config::RuntimeSettings,
    job::JobOptions,
    node::{Job, Module, NodeInfo, Runtime},
    rt::{clock, process},
};

/// Memory that one sandbox may have: a view of a GiB counts in full, and its maker has the array, too.
const MEMORY: u64 = 3 << 30;

/// What measurements share.
pub(super) struct Lab {
    /// Waits for what the library gives; this thread is parked meanwhile.
    host: tokio::runtime::Runtime,
    node: OnceCell<Node>,
    bare: OnceCell<Bare>,
    files: OnceCell<Files>,
}

struct Node {
    runtime: Runtime,
    module: Module,
}

/// What a case printed, and what it took.
#[derive(Debug)]
pub(super) struct Case {
    numbers: Vec<u64>,
    /// Processor time of the whole process while it ran.
    pub(super) cpu: Duration,
}

impl Case {
    /// One of its numbers.
    pub(super) fn number(&self, at: usize) -> Result<u64, RowError> {
        let number = self.numbers.get(at).copied();
        number.ok_or_else(|| RowError::wrong(format!("only {} numbers", self.numbers.len())))
    }

    /// All of its numbers, as times.
    pub(super) fn times(&self) -> impl Iterator<Item = Duration> {
        self.numbers
            .iter()
            .map(|nanos| Duration::from_nanos(*nanos))
    }

    /// One of its numbers, as a time.
    pub(super) fn time(&self, at: usize) -> Result<Duration, RowError> {
        self.number(at).map(Duration::from_nanos)
    }

    /// So many operations, in the time that this number tells.
    pub(super) fn rate(&self, operations: usize, at: usize) -> Result<Sample, RowError> {
        Ok(Sample::rate(operations, self.time(at)?).cpu(operations, self.cpu))
    }
}

impl Lab {
    /// Checks that there are guests; starts nothing yet.
    pub(super) fn new() -> Result<Self, RowError> {
        guests()?;
        // As a service has it.
        let host = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Ok(Self {
            host: host.map_err(RowError::io("the host's thread"))?,
            node: OnceCell::new(),
            bare: OnceCell::new(),
            files: OnceCell::new(),
        })
    }

    /// Waits on this thread.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.host.block_on(future)
    }

    fn node(&self) -> Result<&Node, RowError> {
        once(&self.node, || {
            let settings = RuntimeSettings {
                memory_limit: Some(MEMORY),
                ..RuntimeSettings::default()
            };
            let options = settings.resolve(&|name| env::var_os(name));
            let options = options.map_err(|error| RowError::wrong(error.to_string()))?;
            let runtime = Runtime::start(options)?;
            let bytes = guests()?.tasks.to_vec();
            let module = self.block_on(runtime.load("bench-guest.wasm", bytes))?;
            Ok(Node { runtime, module })
        })
    }

    /// Bare Wasmtime.
    pub(super) fn bare(&self) -> Result<&Bare, RowError> {
        once(&self.bare, Bare::new)
    }

    /// The guests as files, and places for compiled code.
    pub(super) fn files(&self) -> Result<&Files, RowError> {
        once(&self.files, Files::new)
    }

    /// How the node makes sandboxes, and the rest of what it says of itself.
    pub(super) fn info(&self) -> Result<NodeInfo, RowError> {
        self.node().map(|node| node.runtime.info())
    }

    /// A job whose calls come from this thread.
    pub(super) fn open(&self) -> Result<Job, RowError> {
        let Node { runtime, module } = self.node()?;
        Ok(runtime.open(module, JobOptions::default())?)
    }

    /// Runs a case of this size as `main`.
    pub(super) fn case(&self, name: &str, size: usize) -> Result<Case, RowError> {
        self.case_with(name, size, JobOptions::default())
    }

    /// The same, with other options.
    pub(super) fn case_with(
        &self,
        name: &str,
        size: usize,
        options: JobOptions,
    ) -> Result<Case, RowError> {
        let Node { runtime, module } = self.node()?;
        let options = JobOptions {
            args: vec![name.to_owned(), size.to_string()],
            logs: true,
            ..options
        };
        let before = process::cpu();
        let job = runtime.submit(module, options)?;
        let mut lines = job.logs();
        let (text, end) = self.block_on(async {
            let mut text = String::new();
            while let Some(line) = match &mut lines {
                Some(lines) => lines.recv().await,
                None => None,
            } {
                text.push_str(&String::from_utf8_lossy(&line.text));
            }
            (text, job.wait().await)
        });
        let cpu = process::cpu().saturating_sub(before);
        if let Some(error) = end.error {
            return Err(error.into());
        }
        let numbers = text.split_whitespace().map(str::parse).collect();
        match numbers {
            Ok(numbers) if end.exit_code == 0 => Ok(Case { numbers, cpu }),
            _ => Err(RowError::wrong(format!(
                "the case `{name}` ended with {} and printed `{text}`",
                end.exit_code
            ))),
        }
    }
}

fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T, RowError>) -> Result<&T, RowError> {
    if cell.get().is_none() {
        // Nothing else sets it: there is one thread.
        let _ = cell.set(make()?);
    }
    cell.get()
        .ok_or_else(|| RowError::wrong("nothing was made"))
}

/// How long something takes.
pub(super) fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = clock::now();
    let value = run();
    (value, start.elapsed())
}
