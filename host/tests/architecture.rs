//! The layers of the host, as `ARCHITECTURE.md` draws them: a module may name modules of lower layers, never of its own
//! or of higher ones. Reads each file's `crate::module` paths.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// From the top down; modules in one line don't know each other.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["server", "client"],
    &["daemon"],
    &["api", "config", "ledger", "otlp", "walls"],
    &["node"],
    &["actor", "job"],
    &["scheduler", "sandbox", "outbound"],
    &["store"],
    &["tenant"],
    &["types"],
    &["rt"],
];

/// The only files that may hold unsafe code.
const UNSAFE: &[&str] = &[
    "rt/heap.rs",
    "sandbox/precompiled.rs",
    "sandbox/reset.rs",
    "sandbox/views.rs",
    "store/memfile.rs",
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the folder is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// The modules named in `crate::…` paths, `use crate::{a::…, b::…}` lists included.
fn named(text: &str) -> BTreeSet<String> {
    let text: String = code(text).collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    for (at, path) in text.match_indices("crate::") {
        let rest = &text[at + path.len()..];
        // `$crate::` and `wrun_crate::` are other crates.
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let ident = |text: &str| {
            text.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect::<String>()
        };
        if let Some(list) = rest.strip_prefix('{') {
            let (mut depth, mut start) = (0, true);
            for (at, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && depth == 0 && !c.is_whitespace() => {
                        names.insert(ident(&list[at..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            names.insert(ident(rest));
        }
    }
    names
}

#[test]
fn arrows_go_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the sources are found");
    let mut wrong = BTreeMap::new();
    for file in files {
        let relative = file.strip_prefix(&root).expect("below the root");
        let module = relative
            .iter()
            .next()
            .expect("a name")
            .to_string_lossy()
            .replace(".rs", "");
        if module == "lib" || module == "bin" {
            continue;
        }
        let layer = layer_of(&module).unwrap_or_else(|| {
            panic!("`{module}` has no layer: add it to LAYERS and ARCHITECTURE.md")
        });
        let text = fs::read_to_string(&file).expect("the file is readable");
        for name in named(&text) {
            let allowed = name == module || layer_of(&name).is_none_or(|other| other > layer);
            if !allowed {
                wrong
                    .entry(relative.to_path_buf())
                    .or_insert_with(Vec::new)
                    .push(name);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these files name modules of their own layer or a higher one: {wrong:#?}"
    );
}

#[test]
fn unsafe_code_stays_in_its_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let relative = file
            .strip_prefix(&root)
            .expect("below the root")
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&file).expect("the file is readable");
        let holds = code(&text).any(|line| {
            line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl")
        });
        assert!(
            !holds || UNSAFE.contains(&relative.as_str()),
            "{relative} holds unsafe code"
        );
    }
}

#[test]
fn paths_are_found() {
    let text = "use crate::{\n    a::{b, c},\n    d,\n};\nlet x = crate::e::f();\n// crate::comment\n$crate::not";
    assert_eq!(named(text).into_iter().collect::<Vec<_>>(), ["a", "d", "e"]);
}
