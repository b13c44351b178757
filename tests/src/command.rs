//! Running the command `wrun`.

use std::env;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any test may take; then the command is killed and the test fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// The command's path: what `WRUN_BIN` names, else the one that cargo builds beside the tests, brought up to date at the
/// first use.
pub fn wrun() -> &'static Path {
    static PATH: OnceLock<Option<PathBuf>> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        env::var_os("WRUN_BIN")
            .map(PathBuf::from)
            .or_else(|| beside_the_tests("wrun", &[]))
    });
    path.as_deref().expect("the command builds")
}

/// The command with guards that can be left out, for the hostile suite: what `WRUN_UNGUARDED_BIN` names, else built at the
/// first use.
pub fn unguarded() -> &'static Path {
    static PATH: OnceLock<Option<PathBuf>> = OnceLock::new();
    let features = ["--features", "wrun-host/guard-switch"];
    let path = PATH.get_or_init(|| {
        env::var_os("WRUN_UNGUARDED_BIN")
            .map(PathBuf::from)
            .or_else(|| beside_the_tests("wrun-unguarded", &features))
    });
    path.as_deref().expect("the command without guards builds")
}

/// A test of one package can't ask cargo for the binary of another, so it is built here, with the profile that the tests
/// were built with. (Cargo holds no lock while tests run.) `None` when it does not build.
fn beside_the_tests(name: &str, features: &[&str]) -> Option<PathBuf> {
    let test = env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let profile = if deps.ends_with("deps") {
        deps.parent().unwrap()
    } else {
        deps
    };
    let profile_name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        // Of all default members, as the tests were: with one package alone, dependencies have other features, and
        // Wasmtime is built once more.
        .args(["build", "--quiet", "--locked", "--bin", name])
        .args(["--profile", profile_name, "--target-dir"])
        .arg(profile.parent().unwrap())
        .args(features)
        .status();
    let path = profile
        .join(name)
        .with_extension(env::consts::EXE_EXTENSION);
    (status.unwrap().success() && path.is_file()).then_some(path)
}

/// Starts to describe `wrun submit MODULE`.
pub fn submit(module: impl Into<PathBuf>) -> Submit {
    Submit {
        module: module.into(),
        options: Vec::new(),
        arguments: Vec::new(),
    }
}

/// One `wrun submit`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Submit {
    module: PathBuf,
    options: Vec<OsString>,
    arguments: Vec<OsString>,
}

impl Submit {
    /// Sets `--num-cpus`.
    pub fn cpus(self, slots: u32) -> Self {
        self.option("--num-cpus", slots.to_string())
    }

    /// Sets an option with a value.
    pub fn option(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.options.extend([name.into(), value.into()]);
        self
    }

    /// Sets an option without a value.
    pub fn flag(mut self, name: &str) -> Self {
        self.options.push(name.into());
        self
    }

    /// Adds an argument of the program itself.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Runs it to its end.
    pub fn run(&self) -> Run {
        let mut command = Command::new(wrun());
        command.arg("submit").args(&self.options).arg(&self.module);
        if !self.arguments.is_empty() {
            command.arg("--").args(&self.arguments);
        }
        run(command)
    }
}

/// What came of a command.
#[derive(Debug)]
pub struct Run {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
    /// How long it took, from start to end.
    pub time: Duration,
    /// The most memory that it held at once, in bytes, as seen every few milliseconds; 0 where that is not told.
    pub peak_memory: u64,
}

impl Run {
    /// Checks that it ended well, and gives its lines.
    pub fn lines(&self) -> Vec<&str> {
        self.expect_code(0);
        self.stdout.lines().collect()
    }

    /// Checks the exit code.
    pub fn expect_code(&self, code: i32) {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
    }
}

fn run(mut command: Command) -> Run {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("can't start {command:?}: {error}"));
    let stdout = reader(child.stdout.take().unwrap());
    let stderr = reader(child.stderr.take().unwrap());
    let mut peak_memory = 0;
    let code = wait(&mut child, start, &mut peak_memory);
    let time = start.elapsed();
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    let Some(code) = code else {
        panic!("{command:?} took more than {PATIENCE:?}; stdout:\n{stdout}\nstderr:\n{stderr}");
    };
    Run {
        code,
        stdout,
        stderr,
        time,
        peak_memory,
    }
}

/// The exit code, or `None` when it had to be killed.
fn wait(child: &mut Child, start: Instant, peak_memory: &mut u64) -> Option<i32> {
    loop {
        *peak_memory = memory(child.id()).unwrap_or(0).max(*peak_memory);
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The most memory that a process has held.
fn memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

fn reader(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
