//! Building a guest crate: `cargo rustc` for `wasm32-wasip1`, with a small stack.
//!
//! `cargo rustc` and not `cargo build`: its extra argument reaches the linker beside whatever `RUSTFLAGS` and cargo's
//! configuration say, where flags of ours in either place would replace the user's. A stack size among the user's own
//! flags comes later on the command line and wins. cargo's diagnostics go to standard error as they are; with progress, what
//! it says that it does is one line on the terminal, below them.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use cargo_metadata::Message;
use tokio::sync::oneshot;

use super::{
    Exit,
    failure::{Failure, Result, one_line},
    output,
    package::{Guest, no_cargo},
    stop::{Reason, Stop},
};

const TARGET: &str = "wasm32-wasip1";

/// How to build.
#[derive(Debug, Clone, Copy)]
pub(super) struct BuildOptions<'a> {
    /// cargo's profile.
    pub(super) profile: &'a str,
    /// What is seen of it.
    pub(super) show: Show,
}

/// What is seen of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// What cargo says.
    Cargo,
    /// Problems, and nothing of what it does.
    Problems,
    /// Problems, and on the terminal what it does.
    Progress,
}

/// How a build ended.
#[derive(Debug)]
pub(super) enum Built {
    /// The module.
    Module(PathBuf),
    /// It was stopped.
    Stopped(Reason),
}

/// Builds the crate; a reason to stop ends cargo.
pub(super) async fn build(
    guest: &Guest,
    options: BuildOptions<'_>,
    stop: &mut Stop,
) -> Result<Built> {
    add_target(&guest.dir)?;
    let mut child = Running(start(guest, options)?);
    let progress = child.0.stderr.take().map(|said| Progress::of(guest, said));
    let progress = progress.transpose()?;
    let stdout = child
        .0
        .stdout
        .take()
        .ok_or_else(|| Failure::internal("cargo has no standard output"))?;
    let artifact = tokio::select! {
        artifact = read(stdout, guest)? => artifact,
        reason = stop.next() => return Ok(Built::Stopped(reason)),
    };
    let status = child
        .0
        .wait()
        .map_err(|error| Failure::internal(format!("cargo can't be waited for: {error}")))?;
    if let Some(progress) = progress {
        progress.ended().await;
    }
    match artifact {
        // cargo has said why.
        _ if !status.success() => Err(Failure::new(
            Exit::Build,
            format!("the crate in `{}` did not build", guest.dir.display()),
        )),
        Ok(Some(module)) => Ok(Built::Module(module)),
        _ => Err(Failure::new(
            Exit::Build,
            format!(
                "cargo built no .wasm file for the target `{}`",
                guest.target
            ),
        )),
    }
}

/// A child that does not outlive its handle.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(guest: &Guest, options: BuildOptions<'_>) -> Result<Child> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&guest.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    cargo.args([
        "rustc",
        "--message-format=json-render-diagnostics",
        "--target",
        TARGET,
        "--profile",
        options.profile,
    ]);
    cargo
        .arg("--manifest-path")
        .arg(guest.dir.join("Cargo.toml"));
    if guest.is_lib {
        cargo.arg("--lib");
    } else {
        cargo.args(["--bin", &guest.target]);
    }
    match options.show {
        Show::Cargo => {}
        Show::Problems => {
            cargo.arg("--quiet");
        }
        Show::Progress => {
            cargo.stderr(Stdio::piped());
            // It sees no terminal, and there is one.
            if std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()) {
                cargo.arg("--color=always");
            }
        }
    }
    cargo.args([
        "--",
        "-C",
        &format!("link-arg=-zstack-size={}", guest.stack),
        // Every wrun runs it, and loops over numbers are up to twice as fast.
        "-C",
        "target-feature=+simd128",
    ]);
    cargo.spawn().map_err(|error| not_started(&error))
}

fn not_started(error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::NotFound => no_cargo(),
        _ => Failure::internal(format!("cargo can't be started: {error}")),
    }
}

/// What cargo says that it does, on the terminal, until this is dropped.
struct Progress {
    shown: output::Waiting,
    read: oneshot::Receiver<()>,
}

impl Progress {
    /// Reads what cargo says on a thread: what it does is shown, all else is printed above that.
    fn of(guest: &Guest, said: ChildStderr) -> Result<Self> {
        let name = one_line(&guest.target);
        let shown = output::Waiting::new(format!("building {name}"));
        let (done, read) = oneshot::channel();
        let line = shown.clone();
        let work = move || {
            let mut said = BufReader::new(said);
            let mut text = Vec::new();
            while matches!(said.read_until(b'\n', &mut text), Ok(1..)) {
                match activity(&String::from_utf8_lossy(&text)) {
                    Some(activity) => line.say(format!("building {name}: {activity}")),
                    None => line.above(&text),
                }
                text.clear();
            }
            // Nobody waits any more when the build was stopped.
            let _ = done.send(());
        };
        thread::Builder::new()
            .name("wrun-cargo".to_owned())
            .spawn(work)
            .map_err(|error| {
                Failure::internal(format!("no thread for what cargo says: {error}"))
            })?;
        Ok(Self { shown, read })
    }

    /// cargo has ended: waits until all that it said is printed. What it left running may say more, and is not waited for.
    async fn ended(mut self) {
        let _ = tokio::time::timeout(AFTER_CARGO, &mut self.read).await;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shown.end();
    }
}

/// So long is waited for what cargo said, once it has ended.
const AFTER_CARGO: Duration = Duration::from_secs(2);

/// What cargo says that it does, as `Compiling serde v1.0.228`; nothing of other lines.
fn activity(line: &str) -> Option<String> {
    const VERBS: [&str; 16] = [
        "Adding",
        "Blocking",
        "Building",
        "Checking",
        "Compiling",
        "Dirty",
        "Downgrading",
        "Downloaded",
        "Downloading",
        "Finished",
        "Fresh",
        "Installing",
        "Locking",
        "Unpacking",
        "Updating",
        "Upgrading",
    ];
    let plain = without_colours(line);
    let text = plain.trim_end();
    // It sets them right, twelve characters wide.
    let verb = text.get(..12)?.trim_start();
    (VERBS.contains(&verb) && text.get(12..).is_some_and(|rest| rest.starts_with(' ')))
        .then(|| one_line(text.trim_start()))
}

/// Text without what sets colours: `ESC [ ... m`.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, colour)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = colour.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        rest = rest.strip_prefix('m').unwrap_or(rest);
    }
    plain + rest
}

/// Reads cargo's messages to their end on a thread; gives the module's path.
fn read(stdout: ChildStdout, guest: &Guest) -> Result<oneshot::Receiver<Option<PathBuf>>> {
    let (sender, receiver) = oneshot::channel();
    let (id, target, is_lib) = (guest.id.clone(), guest.target.clone(), guest.is_lib);
    let work = move || {
        let mut module = None;
        for message in
            Message::parse_stream(BufReader::new(stdout)).map_while(std::result::Result::ok)
        {
            if let Message::CompilerArtifact(artifact) = message
                && artifact.package_id == id
                && artifact.target.name == target
                && artifact.target.is_bin() != is_lib
            {
                module = artifact
                    .filenames
                    .into_iter()
                    .find(|file| file.extension() == Some("wasm"));
            }
        }
        // Nobody waits any more when the build was stopped.
        let _ = sender.send(module.map(cargo_metadata::camino::Utf8PathBuf::into_std_path_buf));
    };
    let thread = thread::Builder::new()
        .name("wrun-build".to_owned())
        .spawn(work);
    thread
        .map(|_| receiver)
        .map_err(|error| Failure::internal(format!("no thread for cargo's messages: {error}")))
}

/// Adds the compilation target where the crate's toolchain lacks it.
fn add_target(dir: &Path) -> Result<()> {
    if has_target(dir)? {
        return Ok(());
    }
    output::note(&format!("adding the Rust target {TARGET} with rustup"));
    let fail = |message: String| Failure::new(Exit::Build, message);
    let status = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() && has_target(dir)? => Ok(()),
        Ok(_) => Err(fail(format!(
            "the Rust target {TARGET} is missing and rustup could not add it; it says why above"
        ))
        .help(format!(
            "rustup needs the network for it; run when there is one: rustup target add {TARGET}"
        ))),
        Err(_) => Err(fail(format!(
            "the Rust target {TARGET} is missing, and rustup, which could add it, was not found"
        ))
        .help(
            "install Rust from https://rustup.rs, or the target from where your Rust comes from",
        )),
    }
}

fn has_target(dir: &Path) -> Result<bool> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let asked = rustc
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(dir)
        .stdin(Stdio::null())
        .output();
    let asked = asked.map_err(|error| not_started(&error))?;
    if !asked.status.success() {
        let why = String::from_utf8_lossy(&asked.stderr).trim_end().to_owned();
        return Err(Failure::new(
            Exit::Build,
            format!("rustc does not say where the target {TARGET} is: {why}"),
        ));
    }
    Ok(Path::new(String::from_utf8_lossy(&asked.stdout).trim_end()).is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_does_is_told_from_what_it_found() {
        for (line, expected) in [
            (
                "   Compiling serde v1.0.228\n",
                Some("Compiling serde v1.0.228"),
            ),
            (
                "\u{1b}[1m\u{1b}[92m   Compiling\u{1b}[0m guest v0.1.0 (/a)\n",
                Some("Compiling guest v0.1.0 (/a)"),
            ),
            (
                "    Blocking waiting for file lock on build directory\n",
                Some("Blocking waiting for file lock on build directory"),
            ),
            ("warning: unused variable: `x`\n", None),
            ("  --> src/main.rs:3:9\n", None),
            ("error: could not compile `guest`\n", None),
            ("   Compiling\n", None),
            ("grüße, mein Programm\n", None),
            ("\n", None),
        ] {
            assert_eq!(activity(line).as_deref(), expected, "{line:?}");
        }
    }
}
