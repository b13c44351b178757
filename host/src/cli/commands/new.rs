//! `wrun new`: makes a guest crate that runs and has a test.

use std::{fs, path::Path};

use crate::{
    cli::{
        Exit,
        args::NewArgs,
        failure::{Failure, Result},
        output,
    },
    config::error_text,
};

/// The files of a new crate; `{name}` and `{wrun}` are filled in.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../templates/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../templates/lib.rs.in")),
    ("README.md", include_str!("../templates/README.md.in")),
    (".gitignore", "/target\n"),
];

/// What no crate can be called: words of the language, and names that other crates need.
const RESERVED: [&str; 46] = [
    "as", "async", "await", "box", "break", "const", "continue", "crate", "dyn", "else", "enum",
    "extern", "false", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod",
    "move", "mut", "pub", "ref", "return", "self", "static", "struct", "super", "test", "trait",
    "true", "try", "type", "unsafe", "use", "where", "while", "yield", "core", "std", "alloc",
    "wrun",
];

pub(super) fn run(args: &NewArgs) -> Result<Exit> {
    let path = &args.path;
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    check_name(name)?;
    if path.symlink_metadata().is_ok() {
        return Err(
            Failure::usage(format!("`{}` exists already", path.display()))
                .help("choose another name"),
        );
    }
    let wrun = dependency();
    for (file, template) in FILES {
        write(
            &path.join(file),
            &template.replace("{name}", name).replace("{wrun}", &wrun),
        )?;
    }
    output::note(&format!(
        "made the crate `{name}`; run it: wrun submit {}",
        path.display()
    ));
    Ok(Exit::Success)
}

fn check_name(name: &str) -> Result<()> {
    let fail = |why: &str| {
        Err(
            Failure::usage(format!("`{name}` can't be a crate's name: {why}"))
                .help("use letters, digits, - and _, beginning with a letter, such as word-count"),
        )
    };
    let mut letters = name.chars();
    match letters.next() {
        None => return fail("it is empty"),
        Some(first) if !first.is_ascii_alphabetic() => return fail("it must begin with a letter"),
        Some(_) => {}
    }
    if let Some(bad) = letters.find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
        return fail(&format!("`{}` is not allowed in it", bad.escape_debug()));
    }
    if name.len() > 64 {
        return fail("it is longer than 64 letters");
    }
    if RESERVED.contains(&name) {
        return fail("the word is taken");
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    let fail = |error: std::io::Error| {
        Failure::usage(format!(
            "`{}` can't be written: {}",
            path.display(),
            error_text(&error)
        ))
    };
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .map_err(fail)?;
    fs::write(path, text).map_err(fail)
}

/// The SDK: in the checkout that this wrun was built from, while it is there, else by its version.
fn dependency() -> String {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk");
    match sdk.canonicalize() {
        Ok(sdk) if sdk.join("Cargo.toml").is_file() => {
            // Debug's escapes of a path are those of a TOML string for all that paths contain in practice.
            format!("{{ path = {:?} }}", sdk.display().to_string())
        }
        _ => format!("{:?}", env!("CARGO_PKG_VERSION")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["hello", "word-count", "a1_b"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "1a", "-a", "a b", "ä", "fn", "wrun", "a\n"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn makes_a_crate_once() {
        let dir = tempfile::tempdir().unwrap();
        let args = NewArgs {
            path: dir.path().join("hello"),
        };
        assert_eq!(run(&args).unwrap(), Exit::Success);
        let manifest = fs::read_to_string(args.path.join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains("name = \"hello\"") && !manifest.contains("{wrun}"),
            "{manifest}"
        );
        assert!(args.path.join("src/lib.rs").is_file());
        assert_eq!(run(&args).unwrap_err().exit, Exit::Usage);
    }
}
