//! Building guests for `wasm32-wasip1` from a build script; `host/build.rs` and `tests/build.rs` share it, and so
//! nothing that both need is built twice.
//!
//! Guests go into `target/guests`, not into the outer target directory, whose lock the outer cargo holds. The flags are
//! those of `wrun build` where they matter (a small stack); whatever flags the outer build has stay out.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const TARGET: &str = "wasm32-wasip1";

/// As `wrun build`. A small stack makes a sandbox cheap: all that lies below the heap is made anew for each task. Several
/// numbers at once are what every wrun can compute.
const RUSTFLAGS: &str = "-Clink-arg=-zstack-size=65536\u{1f}-Ctarget-feature=+simd128";

/// Settings of the release profile, by the end of their variables' names.
pub(crate) type Settings = [(&'static str, &'static str)];

/// What all guests are built with; names stay, for backtraces.
const SETTINGS: &Settings = &[
    ("OPT_LEVEL", "3"),
    ("PANIC", "abort"),
    ("DEBUG", "0"),
    ("STRIP", "debuginfo"),
    ("INCREMENTAL", "false"),
];

/// What the outer build sets for itself.
const LEAKED: [&str; 5] = [
    "RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_TARGET_DIR",
];

/// What cargo sets for build scripts.
pub(crate) fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("cargo sets {name} for build scripts: {error}"))
}

/// `target/guests`: beside the directories of the profiles, and shared by them.
pub(crate) fn target_directory() -> PathBuf {
    let out = PathBuf::from(variable("OUT_DIR"));
    let target = out
        .ancestors()
        .find(|path| path.file_name().is_some_and(|name| name == "build"));
    let target = target
        .and_then(Path::parent)
        .and_then(Path::parent)
        .unwrap_or(&out);
    target.join("guests")
}

/// Where a guest's module is, once it is built.
pub(crate) fn module(file: &str) -> PathBuf {
    target_directory().join(TARGET).join("release").join(file)
}

/// Adds the target with rustup when it is missing; whether it is there now.
pub(crate) fn add_target() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let there = libraries.is_ok_and(|output| {
        output.status.success()
            && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    });
    let add = || {
        Command::new("rustup")
            .args(["target", "add", TARGET])
            .status()
    };
    there || add().is_ok_and(|status| status.success())
}

/// Builds these packages of the workspace, linked as `linking` says; whether they build.
pub(crate) fn build<'a>(
    root: &Path,
    linking: &Settings,
    packages: impl Iterator<Item = &'a str>,
) -> bool {
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .current_dir(root)
        .args(["build", "--locked", "--release", "--target", TARGET])
        .arg("--target-dir")
        .arg(target_directory());
    for package in packages {
        cargo.args(["--package", package]);
    }
    for name in LEAKED {
        cargo.env_remove(name);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS);
    for (key, value) in SETTINGS.iter().chain(linking) {
        cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    let status = cargo.status();
    status
        .expect("cargo can be started, since it started this")
        .success()
}
