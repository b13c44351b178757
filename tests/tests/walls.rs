//! The walls that a serving process raises: what is behind them, and that a node lives there.
//!
//! Walls can't be taken down and have to be raised before threads start, so each case runs in a process of its own, whose
//! main thread is the only one. That is why this test has no harness: it runs itself again for each case, with the case's
//! name in the environment, and prints as others do. Arguments choose cases by parts of their names.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one prints its results itself"
)]

#[path = "walls/files.rs"]
mod files;
#[path = "walls/node.rs"]
mod node;
#[path = "walls/process.rs"]
mod process;
#[path = "walls/sockets.rs"]
mod sockets;

use std::{
    env, fs,
    io::ErrorKind,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use wrun_host::walls::{Standing, Wall, Walls, WallsOptions};

/// As in the command: what an allocator asks of the system is behind the walls too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The case that this process is to run.
const CASE: &str = "WRUN_WALLS_CASE";
/// Its directory: `inside`, `read` and `outside`, each with a file `file`.
const DIR: &str = "WRUN_WALLS_DIR";
/// A port on loopback on which the parent answers.
const PORT: &str = "WRUN_WALLS_PORT";

/// The case that tells whether this kernel has the walls.
const PROBE: &str = "probe";

type Case = (&'static str, fn(&Place));

const CASES: &[&[Case]] = &[
    &[(PROBE, probe)],
    files::CASES,
    process::CASES,
    sockets::CASES,
    node::CASES,
];

/// Where a case runs.
struct Place {
    dir: PathBuf,
    port: u16,
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Walls that leave `inside` to write and `read` to read.
    fn options(&self) -> WallsOptions {
        WallsOptions {
            writable: vec![self.path("inside")],
            readable: vec![self.path("read")],
            required: true,
            ..WallsOptions::default()
        }
    }

    /// Raises them.
    fn wall(&self) -> Standing {
        raise(self.options())
    }
}

/// Raises all walls.
fn raise(options: WallsOptions) -> Standing {
    let standing = Walls::plan(options).unwrap().raise().unwrap();
    for wall in [
        &standing.landlock,
        &standing.seccomp,
        &standing.no_new_privileges,
    ] {
        assert!(wall.stands(), "{standing:?}");
    }
    standing
}

/// Fails, and says why, on a kernel on which the other cases could not pass: one without a wall, or whose Landlock does
/// not know TCP ports.
fn probe(place: &Place) {
    let mut options = place.options();
    options.required = false;
    let standing = Walls::plan(options).unwrap().raise().unwrap();
    for wall in [standing.landlock, standing.seccomp] {
        match wall {
            Wall::Stands { detail } if !detail.contains("TCP ports are not") => {}
            Wall::Stands { detail: why } | Wall::Down { why } => panic!("{why}"),
        }
    }
}

/// That something was refused, and did not fail in another way.
#[track_caller]
fn refused<T>(result: std::io::Result<T>) {
    let error = result.err().expect("it is refused");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}

/// That the filter of calls refused it, not Landlock, which has an error of its own.
#[track_caller]
fn filtered<T>(result: std::io::Result<T>) {
    let error = result.err().expect("it is refused");
    assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{error}");
}

fn main() -> ExitCode {
    let cases = CASES.iter().copied().flatten();
    if let Some(name) = env::var_os(CASE) {
        let (_, case) = cases
            .into_iter()
            .find(|(case, _)| name == *case)
            .expect("a case of that name");
        case(&Place {
            dir: env::var_os(DIR).expect("its directory").into(),
            port: env::var(PORT).unwrap().parse().unwrap(),
        });
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<String> = env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part));
    let list = env::args().any(|argument| argument == "--list");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    if !list && let Err(why) = run(PROBE, port) {
        println!("skipped: this kernel does not have the walls: {why}");
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0, 0);
    for (name, _) in cases.filter(|(name, _)| chosen(name)) {
        if list {
            println!("{name}: test");
        } else if let Err(output) = run(name, port) {
            println!("test {name} ... FAILED\n{output}");
            failed += 1;
        } else {
            println!("test {name} ... ok");
            passed += 1;
        }
    }
    if !list {
        println!("\nwalls: {passed} passed; {failed} failed\n");
    }
    ExitCode::from(u8::from(failed > 0))
}

/// Runs one case in a process of its own; what it said when it failed.
fn run(name: &str, port: u16) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["inside", "read", "outside"] {
        let folder = dir.path().join(folder);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("file"), "contents").unwrap();
    }
    let output = Command::new(env::current_exe().unwrap())
        .envs([(CASE, name.as_ref()), (DIR, dir.path().as_os_str())])
        .env(PORT, port.to_string())
        // A node that is told nothing else keeps its files in the case's directory.
        .env("TMPDIR", dir.path().join("inside"))
        .env("XDG_CACHE_HOME", dir.path().join("inside"))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    ))
}

/// The files of a directory.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
