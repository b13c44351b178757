//! Builds every guest: each crate in `examples/` and in `tests/guests/`, all in one call of cargo, for `wasm32-wasip1`.
//!
//! A [`Guest`] is found by its folder. They are built into `target/guests`, not into the outer target directory, whose
//! lock the outer cargo holds. The outcome is one Rust file, which `src/lib.rs` includes: a constant with the path of
//! each module, and for each group of guests a macro `foreach_<group>!` that calls another macro with each guest's name,
//! so that the group's tests can refuse to compile while one of their guests has none.
//!
//! The flags are those of `wrun build` where they matter (a small stack); whatever flags the outer build has stay out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "wasm32-wasip1";

/// A small stack makes a sandbox cheap: all that lies below the heap is made anew for each task.
const RUSTFLAGS: &str = "-Clink-arg=-zstack-size=65536";

/// Fast code, built fast; names stay, for backtraces.
const PROFILE: [(&str, &str); 7] = [
    ("OPT_LEVEL", "3"),
    ("LTO", "off"),
    ("CODEGEN_UNITS", "4"),
    ("PANIC", "abort"),
    ("DEBUG", "0"),
    ("STRIP", "debuginfo"),
    ("INCREMENTAL", "false"),
];

/// One crate to build.
struct Guest {
    /// The package's name, which is its folder's.
    package: String,
    /// The test file that has its tests.
    group: String,
    /// Whether it is a plain command with a `main`, and no `wrun` program.
    command: bool,
}

impl Guest {
    fn name(&self) -> String {
        self.package.replace('-', "_")
    }

    fn file(&self) -> String {
        let stem = if self.command {
            self.package.clone()
        } else {
            self.name()
        };
        format!("{stem}.wasm")
    }
}

fn main() {
    let tests = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let root = tests
        .parent()
        .expect("the crate lies in the workspace")
        .to_owned();
    for input in [
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
        "guest-sdk/Cargo.toml",
        "guest-sdk/src",
        "guest-sdk/abi/Cargo.toml",
        "guest-sdk/abi/src",
        "guest-sdk/macros/Cargo.toml",
        "guest-sdk/macros/src",
        "examples",
        "tests/guests",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }

    let mut guests = find(&root.join("examples"), |_| "example".to_owned());
    guests.extend(find(&tests.join("guests"), |package| {
        package.split('-').next().unwrap_or(package).to_owned()
    }));
    check_groups(&tests, &guests);

    let output = target_directory();
    add_target();
    build(&root, &output, &guests);
    let text = generated(&output.join(TARGET).join("release"), &guests);
    let file = PathBuf::from(variable("OUT_DIR")).join("guests.rs");
    fs::write(&file, text)
        .unwrap_or_else(|error| panic!("can't write {}: {error}", file.display()));
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("cargo sets {name} for build scripts: {error}"))
}

/// The crates in a folder.
fn find(folder: &Path, group: impl Fn(&str) -> String) -> Vec<Guest> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("can't list {}: {error}", folder.display()));
    let mut guests = Vec::new();
    for entry in entries {
        let path = entry.expect("the folder can be listed").path();
        if !path.join("Cargo.toml").is_file() {
            continue;
        }
        let package = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("crates have UTF-8 names")
            .to_owned();
        let command = path.join("src/main.rs").is_file();
        guests.push(Guest {
            group: group(&package),
            package,
            command,
        });
    }
    guests.sort_by(|a, b| a.package.cmp(&b.package));
    guests
}

/// Each group has a file of tests, which names all its guests. `cases` is what guests share.
fn check_groups(tests: &Path, guests: &[Guest]) {
    for guest in guests.iter().filter(|guest| guest.group != "cases") {
        let plural = [
            format!("{}.rs", guest.group),
            format!("{}s.rs", guest.group),
        ];
        assert!(
            plural
                .iter()
                .any(|file| tests.join("tests").join(file).is_file()),
            "the guest {} has no tests: they belong into tests/tests/{}",
            guest.package,
            plural[0],
        );
    }
}

/// `target/guests`: beside the directories of the profiles, and shared by them.
fn target_directory() -> PathBuf {
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

/// Adds the target with rustup when it is missing.
fn add_target() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let there = libraries.is_ok_and(|output| {
        output.status.success()
            && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    });
    if !there {
        let added = Command::new("rustup")
            .args(["target", "add", TARGET])
            .status();
        assert!(
            added.is_ok_and(|status| status.success()),
            "the guests need the target {TARGET}, and `rustup target add {TARGET}` failed"
        );
    }
}

fn build(root: &Path, output: &Path, guests: &[Guest]) {
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .current_dir(root)
        .args([
            "build",
            "--locked",
            "--release",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(output);
    for guest in guests.iter().filter(|guest| guest.group != "cases") {
        cargo.args(["--package", &guest.package]);
    }
    for leaked in [
        "RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_TARGET_DIR",
    ] {
        cargo.env_remove(leaked);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS);
    for (key, value) in PROFILE {
        cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    let status = cargo
        .status()
        .expect("cargo can be started, since it started this");
    assert!(
        status.success(),
        "the guests do not build; the compiler's messages stand above"
    );
}

/// The constants and the macros.
fn generated(modules: &Path, guests: &[Guest]) -> String {
    let mut text = String::from("/// The path of each guest's module.\npub mod guest {\n");
    let mut groups: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for guest in guests.iter().filter(|guest| guest.group != "cases") {
        let file = modules.join(guest.file());
        assert!(file.is_file(), "cargo built no {}", file.display());
        let (name, package) = (guest.name(), &guest.package);
        let line = writeln!(
            text,
            "    /// `{package}`.\n    pub const {}: &str = {file:?};",
            name.to_uppercase()
        );
        line.expect("writing to a string does not fail");
        groups.entry(&guest.group).or_default().insert(name);
    }
    text.push_str("}\n");
    for (group, names) in groups {
        let calls: String = names
            .iter()
            .map(|name| format!("        $mac!({name});\n"))
            .collect();
        let item = write!(
            text,
            "\n/// Calls a macro with the name of each guest of this group.\n#[macro_export]\n\
             macro_rules! foreach_{group} {{\n    ($mac:ident) => {{\n{calls}    }};\n}}\n"
        );
        item.expect("writing to a string does not fail");
    }
    text
}
