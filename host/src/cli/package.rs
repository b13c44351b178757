//! A guest crate as cargo describes it: what to build in it, and with how much stack.

use std::path::{Path, PathBuf};

use cargo_metadata::{
    CrateType, Metadata, MetadataCommand, Package, PackageId, Target, TargetKind,
};

use super::failure::{Failure, Result};
use crate::config::{error_text, parse_size};

/// What a guest's stack has by default: a small one starts several times faster, and its overflow traps.
const DEFAULT_STACK: u64 = 64 << 10;

const CDYLIB: &str = "add this to Cargo.toml:\n\n  [lib]\n  crate-type = [\"cdylib\", \"rlib\"]\n";

/// A guest crate.
#[derive(Debug)]
pub(super) struct Guest {
    /// Its directory.
    pub(super) dir: PathBuf,
    /// cargo's name for it.
    pub(super) id: PackageId,
    /// Its target that becomes the module.
    pub(super) target: String,
    /// The target is a library, not a binary.
    pub(super) is_lib: bool,
    /// Bytes of stack.
    pub(super) stack: u64,
    /// Directories whose files it is built from: its own and those of its path dependencies.
    pub(super) sources: Vec<PathBuf>,
}

impl Guest {
    /// Looks at the crate in `dir`.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let shown = dir.display();
        let dir = dir
            .canonicalize()
            .map_err(|error| Failure::usage(format!("`{shown}`: {}", error_text(&error))))?;
        let manifest = dir.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(Failure::usage(format!(
                "`{shown}` is no crate: there is no Cargo.toml in it"
            ))
            .help("make one with: wrun new NAME"));
        }
        let metadata = MetadataCommand::new()
            .manifest_path(&manifest)
            .current_dir(&dir)
            .no_deps()
            .exec();
        let metadata = metadata.map_err(|error| metadata_failure(&error))?;
        let package = metadata
            .packages
            .iter()
            .find(|package| package.manifest_path == manifest);
        let package = package.ok_or_else(|| no_package(&shown.to_string(), &metadata))?;
        let target = target_of(package)?;
        Ok(Self {
            id: package.id.clone(),
            target: target.name.clone(),
            is_lib: is_cdylib(target),
            stack: stack_of(package)?,
            sources: sources_of(package, &dir),
            dir,
        })
    }
}

fn metadata_failure(error: &cargo_metadata::Error) -> Failure {
    match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            let text = stderr.trim_end();
            Failure::new(
                super::Exit::Build,
                text.strip_prefix("error: ").unwrap_or(text),
            )
        }
        cargo_metadata::Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
            no_cargo()
        }
        other => Failure::new(
            super::Exit::Build,
            format!("cargo can't be asked about the crate: {other}"),
        ),
    }
}

pub(super) fn no_cargo() -> Failure {
    Failure::new(
        super::Exit::Build,
        "cargo was not found, and it builds the crate",
    )
    .help("install Rust from https://rustup.rs")
}

fn no_package(dir: &str, metadata: &Metadata) -> Failure {
    let mut failure = Failure::usage(format!("`{dir}` is a workspace and no crate itself"))
        .help("name one of its crates");
    for package in metadata
        .packages
        .iter()
        .filter(|package| package.targets.iter().any(is_cdylib))
    {
        failure = failure.detail(format!(
            "{} in {}",
            package.name,
            package.manifest_path.parent().map_or("", |p| p.as_str())
        ));
    }
    failure
}

fn is_cdylib(target: &Target) -> bool {
    target.crate_types.contains(&CrateType::CDyLib) && !target.kind.contains(&TargetKind::Example)
}

/// The library if it can be a module, else the one binary, which is a plain WASI command.
fn target_of(package: &Package) -> Result<&Target> {
    if let Some(lib) = package.targets.iter().find(|target| is_cdylib(target)) {
        return Ok(lib);
    }
    let name = &package.name;
    let uses_wrun = package
        .dependencies
        .iter()
        .any(|dependency| dependency.name == "wrun");
    let has_lib = package
        .targets
        .iter()
        .any(|target| target.kind.contains(&TargetKind::Lib));
    let mut bins = package
        .targets
        .iter()
        .filter(|target| target.kind.contains(&TargetKind::Bin));
    match (bins.next(), bins.next()) {
        (Some(_), _) if uses_wrun && has_lib => Err(Failure::usage(format!(
            "the library of the crate `{name}` is no `cdylib`, so it makes no module"
        ))
        .help(CDYLIB)),
        (Some(bin), None) => Ok(bin),
        (Some(_), Some(_)) => match &package.default_run {
            Some(default) => package
                .targets
                .iter()
                .find(|target| target.kind.contains(&TargetKind::Bin) && target.name == *default)
                .ok_or_else(|| {
                    Failure::usage(format!("the crate `{name}` has no binary `{default}`"))
                }),
            None => Err(
                Failure::usage(format!("the crate `{name}` has more than one binary")).help(
                    "say which one to run: default-run = \"NAME\" under [package] in Cargo.toml",
                ),
            ),
        },
        (None, _) => Err(Failure::usage(format!(
            "the crate `{name}` has neither a `cdylib` library nor a binary, so it makes no module"
        ))
        .help(CDYLIB)),
    }
}

/// `stack-size` under `[package.metadata.wrun]`, a multiple of 16.
fn stack_of(package: &Package) -> Result<u64> {
    let value = package
        .metadata
        .get("wrun")
        .and_then(|wrun| wrun.get("stack-size"));
    let size = match value {
        None => return Ok(DEFAULT_STACK),
        Some(serde_json::Value::String(text)) => {
            parse_size(text).map_err(|error| error.to_string())
        }
        Some(other) => parse_size(&other.to_string()).map_err(|error| error.to_string()),
    };
    match size {
        Ok(size) if (4096..=1 << 30).contains(&size) => Ok(size.next_multiple_of(16)),
        Ok(_) => Err("it must be from 4 KiB to 1 GiB".to_owned()),
        Err(error) => Err(error),
    }
    .map_err(|error| {
        Failure::usage(format!(
            "`stack-size` under [package.metadata.wrun] in `{}` can't be used: {error}",
            package.manifest_path
        ))
    })
}

fn sources_of(package: &Package, dir: &Path) -> Vec<PathBuf> {
    let paths = package
        .dependencies
        .iter()
        .filter_map(|dependency| dependency.path.as_ref());
    std::iter::once(dir.to_owned())
        .chain(paths.map(|path| path.clone().into_std_path_buf()))
        .collect()
}
