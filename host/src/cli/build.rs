//! Building a guest crate: `cargo rustc` for `wasm32-wasip1`, with a small stack.
//!
//! `cargo rustc` and not `cargo build`: its extra argument reaches the linker beside whatever `RUSTFLAGS` and cargo's
//! configuration say, where flags of ours in either place would replace the user's. A stack size among the user's own
//! flags comes later on the command line and wins. cargo's diagnostics go to standard error as they are.

use std::{
    io::BufReader,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
};

use cargo_metadata::Message;
use tokio::sync::oneshot;

use super::{
    Exit,
    failure::{Failure, Result},
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
    /// cargo tells only of problems, not what it does.
    pub(super) quiet: bool,
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
    if options.quiet {
        cargo.arg("--quiet");
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
