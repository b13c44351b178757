//! What a guest becomes when it is built for WebAssembly: its exports, imports and manifest are those of the ABI.
//!
//! Builds `semantics/`, which forbids unsafe code: the attributes that the macros emit pass. Needs the target
//! `wasm32-wasip1`; without it there is nothing to look at, and the test says so and passes.

#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the module, unless the target is missing.
fn module() -> Option<Vec<u8>> {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", "wasm32-wasip1"])
        .output()
        .expect("rustc runs");
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if !libraries.is_dir() {
        println!("skipped: the target wasm32-wasip1 is not installed");
        return None;
    }
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--target", "wasm32-wasip1"])
        .current_dir(manifest_dir.join("tests/semantics"))
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("RUSTFLAGS", "-D warnings -C link-arg=-zstack-size=65536")
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the guest does not build");
    let wasm = target_dir.join("wasm32-wasip1/debug/wrun_semantics.wasm");
    Some(std::fs::read(wasm).expect("cargo built it"))
}

/// Just enough of the binary format.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> usize {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = self.take(1)[0];
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }

    fn take(&mut self, n: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(n);
        self.0 = rest;
        head
    }

    fn text(&mut self) -> &'a str {
        let n = self.number();
        std::str::from_utf8(self.take(n)).expect("UTF-8")
    }
}

#[derive(Default)]
struct Module {
    imports: BTreeSet<(String, String)>,
    exports: BTreeSet<String>,
    manifest: String,
}

impl Module {
    fn parse(wasm: &[u8]) -> Self {
        let mut module = Self::default();
        let mut reader = Reader(&wasm[8..]);
        while !reader.0.is_empty() {
            let id = reader.take(1)[0];
            let n = reader.number();
            let mut section = Reader(reader.take(n));
            match id {
                0 if section.text() == "wrun.manifest" => {
                    module.manifest += std::str::from_utf8(section.0).expect("UTF-8");
                }
                2 => {
                    for _ in 0..section.number() {
                        let names = (section.text().to_owned(), section.text().to_owned());
                        assert_eq!(section.take(1), [0], "only functions are imported");
                        section.number();
                        module.imports.insert(names);
                    }
                }
                7 => {
                    for _ in 0..section.number() {
                        module.exports.insert(section.text().to_owned());
                        section.take(1);
                        section.number();
                    }
                }
                _ => {}
            }
        }
        module
    }
}

#[test]
fn a_guest_is_a_module_of_the_abi() {
    let Some(wasm) = module() else { return };
    let module = Module::parse(&wasm);
    let specification = include_str!("../abi/ABI.md");
    for (from, name) in &module.imports {
        let known = from == "wasi_snapshot_preview1"
            || from == "wrun" && specification.contains(&format!("| `{name}` | `("));
        assert!(known, "the ABI has no function `{name}` in `{from}`");
    }
    for needed in [
        "memory",
        "_initialize",
        "wrun.main",
        "wrun.task.add",
        "wrun.method.Diary.write",
    ] {
        assert!(module.exports.contains(needed), "no export `{needed}`");
    }
    check_manifest(&module);
}

fn check_manifest(module: &Module) {
    assert!(module.manifest.ends_with('\n'));
    let mut described = BTreeMap::new();
    for line in module.manifest.lines() {
        let record: serde_json::Value = serde_json::from_str(line).expect(line);
        assert_eq!(record["abi"], 1, "{line}");
        let kind = record["kind"].as_str().expect(line).to_owned();
        let name = record["name"].as_str().unwrap_or_default().to_owned();
        if let Some(export) = record["export"].as_str() {
            assert!(module.exports.contains(export), "{line}");
        }
        assert!(
            described.insert((kind, name), record).is_none(),
            "twice: {line}"
        );
    }
    let record = |kind: &str, name: &str| &described[&(kind.to_owned(), name.to_owned())];
    assert_eq!(record("main", "")["export"], "wrun.main");
    let add = record("task", "add");
    assert_eq!(add["doc"], "Adds.");
    assert_eq!(add["returns"], "i64");
    let params = serde_json::json!([{"name": "x", "type": "i64"}, {"name": "y", "type": "i64"}]);
    assert_eq!(add["params"], params);
    let defaults = serde_json::json!({"max_retries": 1, "num_cpus": 0.5, "timeout": 60});
    assert_eq!(record("task", "with_defaults")["options"], defaults);
    assert_eq!(record("task", "split")["num_returns"], 3);
    assert_eq!(record("task", "divide")["returns"], "(u64, u64)");
    assert_eq!(record("task", "squares")["stream"], true);
    assert_eq!(record("task", "until")["returns"], "u32");
    assert_eq!(record("actor", "Counter")["doc"], "Counts.");
    assert_eq!(
        record("constructor", "Phoenix")["options"]["max_restarts"],
        1
    );
    assert_eq!(record("method", "Diary.first_and_last")["num_returns"], 2);
    assert!(!described.contains_key(&("method".to_owned(), "Diary.count".to_owned())));
}
