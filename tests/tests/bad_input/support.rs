//! Running the command on bad input and judging what it says.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than any case may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// At most so much of an output stream is kept; the rest is counted.
const KEPT: usize = 1 << 20;

/// A guest without imports: a memory, these fields and this manifest.
pub(crate) fn module(fields: &str, manifest: &[&str]) -> String {
    guest("", fields, manifest)
}

/// A guest: imports, a memory of one page, these fields and this manifest.
pub(crate) fn guest(imports: &str, fields: &str, manifest: &[&str]) -> String {
    let lines: String = manifest
        .iter()
        .map(|line| format!("    \"{}\\n\"\n", escaped(line)))
        .collect();
    format!(
        "(module\n  {imports}\n  (memory (export \"memory\") 1)\n  {fields}\n  (@custom \"wrun.manifest\"\n{lines}))\n"
    )
}

/// Text as a WebAssembly text string.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'"' && byte != b'\\' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("\\{byte:02x}")),
        }
    }
    escaped
}

/// The manifest line of a `main` that is the export `m`.
pub(crate) const MAIN: &str = r#"{"abi":1,"kind":"main","export":"m"}"#;
/// The manifest line of a task `t` without parameters that is the export `m`.
pub(crate) const TASK: &str = r#"{"abi":1,"kind":"task","name":"t","export":"m"}"#;

/// A directory of its own for one case: the file, the compiled code, and what a command might leave behind.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("tmp")).unwrap();
        Self(directory)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The command, which finds no other directory to write to than this.
    pub(crate) fn wrun<I: Into<OsString>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Command {
        let mut command = Command::new(wrun_tests::wrun());
        command
            .args(arguments.into_iter().map(Into::into))
            .current_dir(self.0.path())
            .env("TMPDIR", self.path("tmp"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("RUST_BACKTRACE", "full")
            .stdin(Stdio::null());
        command
    }

    /// Starts it, with both outputs read.
    pub(crate) fn start(&self, mut command: Command) -> Running {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Running {
            child,
            stdout,
            stderr,
            peak: 0,
        }
    }

    /// Runs `wrun submit` on a file with these options, to its end.
    pub(crate) fn submit(&self, file: &Path, options: &[&str]) -> Outcome {
        let mut arguments: Vec<OsString> = vec!["submit".into(), file.into()];
        arguments.extend(options.iter().map(OsString::from));
        let running = self.start(self.wrun(arguments));
        let outcome = running.wait();
        self.assert_nothing_left();
        outcome
    }

    /// No temporary file, and in the cache whole files only.
    pub(crate) fn assert_nothing_left(&self) {
        let names = |path: PathBuf| -> Vec<String> {
            let entries = fs::read_dir(path).into_iter().flatten();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        assert_eq!(names(self.path("tmp")), [""; 0], "temporary files");
        let unfinished = names(self.path("cache/wrun"))
            .into_iter()
            .filter(|name| name.starts_with('.'));
        assert_eq!(
            unfinished.collect::<Vec<_>>(),
            [""; 0],
            "unfinished files in the cache"
        );
    }
}

/// Runs a guest in text form with these options.
pub(crate) fn submit(text: &str, options: &[&str]) -> Outcome {
    let scratch = Scratch::new();
    let file = scratch.file("bad.wat", text);
    scratch.submit(&file, options)
}

/// A command under way.
pub(crate) struct Running {
    child: Child,
    stdout: JoinHandle<Output>,
    stderr: JoinHandle<Output>,
    peak: u64,
}

/// The beginning of an output stream, and how long it was.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) bytes: u64,
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Output> {
    thread::spawn(move || {
        let (mut kept, mut bytes, mut buffer) = (Vec::new(), 0, vec![0; 1 << 16]);
        loop {
            match pipe.read(&mut buffer).unwrap() {
                0 => break,
                n => {
                    bytes += u64::try_from(n).unwrap();
                    kept.extend_from_slice(&buffer[..n.min(KEPT - kept.len())]);
                }
            }
        }
        Output {
            text: String::from_utf8_lossy(&kept).into_owned(),
            bytes,
        }
    })
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Output,
    pub(crate) stderr: String,
    pub(crate) time: Duration,
    /// The most memory it held at once, in bytes.
    pub(crate) peak: u64,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has held more than this much memory, or is over.
    pub(crate) fn wait_for_start(&mut self) {
        thread::sleep(Duration::from_millis(700));
        assert!(
            self.child.try_wait().unwrap().is_none(),
            "it has ended already"
        );
    }

    pub(crate) fn wait(mut self) -> Outcome {
        let start = Instant::now();
        let status = loop {
            self.peak = peak(self.child.id()).unwrap_or(0).max(self.peak);
            match self.child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if start.elapsed() > PATIENCE => break None,
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        let time = start.elapsed();
        if status.is_none() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
        let (stdout, stderr) = (self.stdout.join().unwrap(), self.stderr.join().unwrap());
        assert!(
            status.is_some(),
            "it took more than {PATIENCE:?}: {}\n{}",
            stdout.text,
            stderr.text
        );
        Outcome {
            code: status.as_ref().and_then(ExitStatus::code),
            stdout,
            stderr: stderr.text,
            time,
            peak: self.peak,
        }
    }
}

/// The most memory that a process has held.
pub(crate) fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Sends a signal, such as `INT`.
pub(crate) fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(process.to_string())
        .status();
    assert!(status.unwrap().success());
}

impl Outcome {
    /// Checks that it failed with this code and one message that says all of `wanted`.
    #[track_caller]
    pub(crate) fn assert_error(&self, code: i32, wanted: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        let errors = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error"))
            .count();
        assert_eq!(
            errors, 1,
            "there must be exactly one message:\n{}",
            self.stderr
        );
        for part in wanted {
            assert!(
                self.stderr.contains(part),
                "`{part}` is not in the message:\n{}",
                self.stderr
            );
        }
        self.assert_no_panic();
    }

    /// Checks that no word of Rust's own panics came out, and nothing that names this machine's build.
    #[track_caller]
    pub(crate) fn assert_no_panic(&self) {
        for word in [
            "panicked",
            "RUST_BACKTRACE",
            "stack backtrace",
            "/rustc/",
            "src/",
        ] {
            assert!(
                !self.stderr.contains(word),
                "`{word}` came out:\n{}",
                self.stderr
            );
        }
        let lines = self.stderr.lines().count();
        assert!(
            lines <= 40,
            "{lines} lines are no clear message:\n{}",
            self.stderr
        );
        let longest = self.stderr.lines().map(str::len).max().unwrap_or(0);
        assert!(
            longest <= 2_000,
            "a line of {longest} bytes is no clear message:\n{}",
            self.stderr
        );
        let shown = |c: char| !c.is_control() || c == '\n' || c == '\t';
        assert!(
            self.stderr.chars().all(shown),
            "control characters: {:?}",
            self.stderr
        );
    }
}
