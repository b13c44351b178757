//! Builds every guest: each crate in `examples/` and in `tests/guests/`, all in one call of cargo, for `wasm32-wasip1`.
//!
//! A [`Guest`] is found by its folder; `host/build/guests.rs` builds them. The outcome is one Rust file, which
//! `src/lib.rs` includes: a constant with the path of each module, and for each group of guests a macro
//! `foreach_<group>!` that calls another macro with each guest's name, so that the group's tests can refuse to compile
//! while one of their guests has none.

#[path = "../host/build/guests.rs"]
mod builder;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use builder::{Settings, TARGET, variable};

/// For code that is built fast: there are many guests, and what they compute is checked, not timed.
const LINKING: &Settings = &[("LTO", "off"), ("CODEGEN_UNITS", "4")];

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
        "host/build/guests.rs",
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

    assert!(
        builder::add_target(),
        "the guests need the target {TARGET}, and `rustup target add {TARGET}` failed"
    );
    let built = guests.iter().filter(|guest| guest.group != "cases");
    assert!(
        builder::build(&root, LINKING, built.map(|guest| &*guest.package)),
        "the guests do not build; the compiler's messages stand above"
    );
    let text = generated(&guests);
    let file = PathBuf::from(variable("OUT_DIR")).join("guests.rs");
    fs::write(&file, text)
        .unwrap_or_else(|error| panic!("can't write {}: {error}", file.display()));
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

/// The constants and the macros.
fn generated(guests: &[Guest]) -> String {
    let mut text = String::from("/// The path of each guest's module.\npub mod guest {\n");
    let mut groups: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for guest in guests.iter().filter(|guest| guest.group != "cases") {
        let file = builder::module(&guest.file());
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
