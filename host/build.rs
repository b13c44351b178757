//! Builds the guests of `wrun bench` and puts them into the library, so that the command has them wherever it is.
//!
//! They are built from `benches/`, which a checkout has and a package from a registry has not; where that, or the target
//! `wasm32-wasip1`, is missing, nothing is put in, and `wrun bench` says what to do.

#[path = "build/guests.rs"]
mod guests;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use guests::{Settings, variable};

const PACKAGES: [&str; 2] = ["bench-guest", "bench-bare-guest"];

/// As the `Cargo.toml` says that `wrun new` writes: what is measured is what users get.
const LINKING: &Settings = &[("LTO", "fat"), ("CODEGEN_UNITS", "1")];

/// The fields of `bench::guests::Guests`, and the file of each.
const MODULES: [(&str, &str); 3] = [
    ("tasks", "bench_guest.wasm"),
    ("bare", "bench_bare_guest.wasm"),
    ("command", "bench-command.wasm"),
];

fn main() {
    let host = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let embedded = match workspace(&host) {
        Some(root) => build(&root),
        None => Err("this source tree has no benches/guest".to_owned()),
    };
    let out = PathBuf::from(variable("OUT_DIR"));
    let text = match embedded {
        Ok(()) => embed(&out),
        Err(why) => format!("Err({why:?})"),
    };
    fs::write(out.join("bench_guests.rs"), text).expect("cargo's output directory is writable");
}

/// The workspace's root, if the guests are there.
fn workspace(host: &Path) -> Option<PathBuf> {
    let there = host.join("benches/guest/Cargo.toml").is_file();
    host.parent().filter(|_| there).map(Path::to_owned)
}

fn build(root: &Path) -> Result<(), String> {
    for input in [
        "Cargo.lock",
        "rust-toolchain.toml",
        "guest-sdk/Cargo.toml",
        "guest-sdk/src",
        "guest-sdk/abi/Cargo.toml",
        "guest-sdk/abi/src",
        "guest-sdk/macros/Cargo.toml",
        "guest-sdk/macros/src",
        "host/benches/guest",
        "host/benches/bare-guest",
        "host/src/cli/bench/sum.rs",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    if !guests::add_target() {
        return Err(format!("the target {} was missing", guests::TARGET));
    }
    if !guests::build(root, LINKING, PACKAGES.into_iter()) {
        println!("cargo::warning=the guests of `wrun bench` do not build");
        return Err("its guests did not build".to_owned());
    }
    Ok(())
}

/// The value of `bench::guests::GUESTS`. The modules are copied: another build may change those in `target/guests`.
fn embed(out: &Path) -> String {
    let mut text = String::from("Ok(Guests {");
    for (field, file) in MODULES {
        let (from, to) = (guests::module(file), out.join(file));
        let copied = fs::copy(&from, &to);
        copied.unwrap_or_else(|error| panic!("can't copy {}: {error}", from.display()));
        write!(text, "{field}: include_bytes!({to:?}), ")
            .expect("writing to a string does not fail");
    }
    text + "})"
}
