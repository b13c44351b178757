//! Looking at a module without compiling or running it: what it is, needs and offers.
//!
//! [`inspect`] is what `wrun inspect` shows; loading a module starts with the same look (`Scan`) and then checks what
//! only matters for running it: features, imports and the manifest's exports.

use std::ops::Range;

use serde::Serialize;
use wasmparser::{
    BinaryReaderError, CompositeInnerType, Data, DataKind, DataSectionReader, ExternalKind,
    FuncType, Operator, Parser, Payload, TypeRef, Validator, WasmFeatures,
};
use wrun_abi::{ABI_VERSION, IMPORT_MODULE, MANIFEST_SECTION};

use super::{
    LoadError, LoadProblem, Manifest,
    effort::{self, EffortLimits, Types},
    hostcall::{
        large,
        signatures::{self, Lookup},
    },
    limits::TABLE_ELEMENTS,
    reset::Image,
};
use crate::rt::guard::Guard;

const PAGE: u64 = 65_536;
/// What a reactor runs first in each sandbox.
pub(super) const INITIALIZE: &str = "_initialize";
/// More imports or exports are refused: the description of each takes more memory than the module itself.
const MAX_IMPORTS: usize = 1_000;
const MAX_EXPORTS: usize = 50_000;
/// Types of more parameters and results are not spelled out.
const MAX_SPELLED: usize = 16;

/// What a module is.
#[derive(Debug, Clone, Serialize)]
pub struct ModuleInfo {
    /// blake3 of the module's bytes, in hexadecimal.
    pub hash: String,
    /// The file's bytes (for text the module's after assembling).
    pub size: usize,
    /// Bytes of code.
    pub code_size: usize,
    /// Bytes of initial data.
    pub data_size: usize,
    /// The version of the guest ABI; nothing for a plain WASI command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abi: Option<u32>,
    /// A plain WASI command without tasks or actors.
    pub is_command: bool,
    /// What it offers.
    pub manifest: Manifest,
    /// Its memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryInfo>,
    /// What it imports.
    pub imports: Vec<ImportInfo>,
    /// What it exports.
    pub exports: Vec<ExportInfo>,
}

/// A module's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryInfo {
    /// Bytes at the start.
    pub initial: u64,
    /// Bytes that it never grows beyond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<u64>,
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportInfo {
    /// The module that it is from.
    pub module: String,
    /// Its name.
    pub name: String,
    /// Its type, as in `(i32, i64) -> i32`.
    #[serde(rename = "type")]
    pub ty: String,
}

/// An export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportInfo {
    /// Its name.
    pub name: String,
    /// Its type, as in `() -> ()` or `memory`.
    #[serde(rename = "type")]
    pub ty: String,
}

/// Looks at a module (binary or text) and runs and compiles nothing.
///
/// # Errors
/// [`LoadError`] when it is no module, is damaged, or its manifest does not hold. Imports are listed and not checked.
pub fn inspect(bytes: &[u8]) -> Result<ModuleInfo, LoadError> {
    let wasm = binary(bytes)?;
    let scan = Scan::new(&wasm)?;
    let manifest = scan.manifest()?;
    scan.check_exports(&manifest)?;
    let is_command = scan.manifest_text.is_none();
    Ok(ModuleInfo {
        hash: blake3::hash(&wasm).to_hex().to_string(),
        size: wasm.len(),
        code_size: scan.code_size,
        data_size: scan.data_size,
        abi: (!is_command).then_some(ABI_VERSION),
        is_command,
        manifest,
        memory: scan.memory,
        imports: scan.imports,
        exports: scan.exports,
    })
}

/// The module's bytes: as they are, or assembled from text.
pub(super) fn binary(bytes: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, LoadProblem> {
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes.into());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.trim_start().starts_with("(") || text.trim_start().starts_with(";;") => {
            let assembled =
                wat::parse_bytes(bytes).map_err(|e| LoadProblem::BadText(e.to_string()))?;
            if assembled.starts_with(b"\0asm") {
                Ok(assembled)
            } else {
                Err(LoadProblem::BadText("no module".into()))
            }
        }
        _ => Err(not_wasm(bytes)),
    }
}

fn not_wasm(bytes: &[u8]) -> LoadProblem {
    const BUILD: &str = "build it with `wrun build` or for the target wasm32-wasip1";
    let start = bytes.trim_ascii_start();
    let lower = start.get(..9).unwrap_or(start).to_ascii_lowercase();
    let (found, advice) = if bytes.is_empty() {
        ("the file is empty", BUILD)
    } else if bytes.len() < 8 && b"\0asm\x01\0\0\0".starts_with(bytes) {
        (
            "the file ends inside the header",
            "it is truncated, so copy or build it again",
        )
    } else if bytes.starts_with(b"\x7fELF") {
        if bytes.windows(9).take(1 << 16).any(|w| w == b".wasmtime") {
            (
                "it is compiled code of Wasmtime (.cwasm), which is never loaded",
                "give the .wasm file that it was made from",
            )
        } else {
            ("it is a native program or library (ELF)", BUILD)
        }
    } else if bytes.starts_with(b"MZ") {
        ("it is a Windows program", BUILD)
    } else if bytes.starts_with(b"\xcf\xfa\xed\xfe") || bytes.starts_with(b"\xca\xfe\xba\xbe") {
        ("it is a macOS program or a Java class", BUILD)
    } else if lower.starts_with(b"<!doctype") || lower.starts_with(b"<html") {
        ("it is a web page", "download the file itself")
    } else if bytes.starts_with(b"\x1f\x8b") || bytes.starts_with(b"PK\x03\x04") {
        ("it is a compressed archive", "unpack it first")
    } else if bytes.starts_with(b"#!") {
        ("it is a script", BUILD)
    } else if std::str::from_utf8(bytes).is_ok() {
        ("it is text", BUILD)
    } else {
        ("it does not begin with `\\0asm`", BUILD)
    };
    LoadProblem::NotWasm {
        found: found.to_owned(),
        advice,
    }
}

fn invalid(error: &BinaryReaderError) -> LoadProblem {
    LoadProblem::Invalid {
        message: error.message().to_owned(),
        offset: error.offset(),
    }
}

fn unsupported(message: impl Into<String>) -> LoadProblem {
    LoadProblem::Unsupported(message.into())
}

/// What is on with both engines; the same features are switched on in `engine::config`.
pub(super) fn features() -> WasmFeatures {
    // GC_TYPES: references to host objects (`externref`), which no guest gets.
    WasmFeatures::WASM2
        .union(WasmFeatures::TAIL_CALL)
        .union(WasmFeatures::EXTENDED_CONST)
        .difference(WasmFeatures::GC_TYPES)
}

/// A module's sections, read once.
#[derive(Debug, Default)]
pub(super) struct Scan {
    types: Vec<Option<FuncType>>,
    /// Types of functions, imported ones first.
    functions: Vec<u32>,
    pub(super) memory: Option<MemoryInfo>,
    memories: usize,
    /// Bytes of all tables at the start, as the host counts them.
    pub(super) table_bytes: u64,
    /// Elements of the largest of them at the start.
    table_initial: u64,
    /// The most elements that a table may ever have.
    pub(super) table_most: u64,
    imports: Vec<ImportInfo>,
    bad_imports: Vec<String>,
    exports: Vec<ExportInfo>,
    /// Exported functions by their names.
    exported: rustc_hash::FxHashMap<String, u32>,
    manifest_text: Option<Vec<u8>>,
    code_size: usize,
    data_size: usize,
    /// Data that is there from the start: where in memory, and where in the module.
    data: Vec<(u32, Range<usize>)>,
    /// What is in memory at the start is not in `data` alone.
    starts_otherwise: bool,
}

impl Scan {
    /// Reads and validates.
    pub(super) fn new(wasm: &[u8]) -> Result<Self, LoadProblem> {
        if wasm.get(4..8) == Some(&[0x0d, 0, 1, 0]) {
            return Err(unsupported(
                "it is a component, and components aren't supported yet; build a core module for wasm32-wasip1",
            ));
        }
        let mut scan = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            scan.payload(payload.map_err(|e| invalid(&e))?)?;
        }
        scan.check_memories()?;
        Validator::new_with_features(features())
            .validate_all(wasm)
            .map_err(|e| invalid(&e))?;
        Ok(scan)
    }

    /// Not more imports and exports than can be described.
    fn check_counts(&self, payload: &Payload<'_>) -> Result<(), LoadProblem> {
        let (what, count, limit) = match payload {
            Payload::ImportSection(imports) => {
                let count = self.imports.len() + large(imports.count());
                ("imports", count, MAX_IMPORTS)
            }
            Payload::ExportSection(exports) => {
                let count = self.exports.len() + large(exports.count());
                ("exports", count, MAX_EXPORTS)
            }
            _ => return Ok(()),
        };
        if count > limit {
            let message = format!("it has {count} {what}, and at most {limit} are allowed");
            return Err(unsupported(message));
        }
        Ok(())
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), LoadProblem> {
        self.check_counts(&payload)?;
        let result = match payload {
            Payload::TypeSection(types) => types.into_iter().try_for_each(|group| {
                self.types
                    .extend(group?.into_types().map(|ty| match ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => Some(ty),
                        _ => None,
                    }));
                Ok(())
            }),
            Payload::ImportSection(imports) => imports.into_imports().try_for_each(|import| {
                let import = import?;
                self.import(import.module, import.name, import.ty);
                Ok(())
            }),
            Payload::FunctionSection(functions) => functions.into_iter().try_for_each(|ty| {
                self.functions.push(ty?);
                Ok(())
            }),
            Payload::TableSection(tables) => tables.into_iter().try_for_each(|table| {
                let ty = table?.ty;
                self.table_initial = self.table_initial.max(ty.initial);
                self.table_bytes = self
                    .table_bytes
                    .saturating_add(ty.initial.saturating_mul(8));
                self.table_most = self.table_most.max(ty.maximum.unwrap_or(u64::MAX));
                Ok(())
            }),
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.add_memory(&memory.map_err(|e| invalid(&e))?)?;
                }
                Ok(())
            }
            Payload::ExportSection(exports) => exports.into_iter().try_for_each(|export| {
                let export = export?;
                self.export(export.name, export.kind, export.index);
                Ok(())
            }),
            Payload::CodeSectionStart { size, .. } => {
                self.code_size = usize::try_from(size).unwrap_or(usize::MAX);
                Ok(())
            }
            Payload::StartSection { .. } => {
                self.starts_otherwise = true;
                Ok(())
            }
            Payload::DataSection(data) => self.data_section(data),
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                self.manifest_text
                    .get_or_insert_default()
                    .extend_from_slice(section.data());
                Ok(())
            }
            _ => Ok(()),
        };
        result.map_err(|e: BinaryReaderError| invalid(&e))
    }

    fn data_section(&mut self, data: DataSectionReader<'_>) -> Result<(), BinaryReaderError> {
        self.data_size = data.range().len();
        data.into_iter().try_for_each(|segment| {
            self.segment(&segment?);
            Ok(())
        })
    }

    fn segment(&mut self, segment: &Data<'_>) {
        let DataKind::Active { offset_expr, .. } = &segment.kind else {
            return;
        };
        let mut operators = offset_expr.get_operators_reader();
        match (operators.read(), operators.read()) {
            (Ok(Operator::I32Const { value }), Ok(Operator::End)) => {
                let bytes = segment.range.end - segment.data.len()..segment.range.end;
                self.data.push((value.cast_unsigned(), bytes));
            }
            _ => self.starts_otherwise = true,
        }
    }

    /// What the memory holds before any of the module's code has run, if that can be told from its text, `wasm`.
    pub(super) fn image(&self, wasm: &[u8]) -> Option<Image> {
        let piece =
            |(at, bytes): &(u32, Range<usize>)| Some((large(*at), wasm.get(bytes.clone())?));
        let pieces = self.data.iter().map(piece).collect::<Option<Vec<_>>>()?;
        if self.starts_otherwise {
            None
        } else {
            Image::of(pieces)
        }
    }

    fn import(&mut self, module: &str, name: &str, ty: TypeRef) {
        let text = match ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                self.signature(index)
            }
            TypeRef::Memory(_) => "memory".to_owned(),
            TypeRef::Table(_) => "table".to_owned(),
            TypeRef::Global(_) => "global".to_owned(),
            TypeRef::Tag(_) => "tag".to_owned(),
        };
        let (module, name) = (printable(module), printable(name));
        if let Some(problem) = import_problem(&module, &name, &text) {
            self.bad_imports.push(problem);
        }
        self.imports.push(ImportInfo {
            module,
            name,
            ty: text,
        });
    }

    fn add_memory(&mut self, memory: &wasmparser::MemoryType) -> Result<(), LoadProblem> {
        if memory.memory64 {
            return Err(unsupported(
                "its memory is 64-bit, and guests must have 32-bit ones; build it for wasm32-wasip1",
            ));
        }
        if memory.shared {
            return Err(unsupported(
                "its memory is shared, and guests have no threads; build it for wasm32-wasip1, not wasm32-wasip1-threads",
            ));
        }
        self.memories += 1;
        let bytes = |pages: u64| pages.saturating_mul(PAGE);
        self.memory = Some(MemoryInfo {
            initial: bytes(memory.initial),
            maximum: memory.maximum.map(bytes),
        });
        Ok(())
    }

    fn check_memories(&self) -> Result<(), LoadProblem> {
        let (elements, most) = (self.table_initial, TABLE_ELEMENTS as u64);
        if elements > most && Guard::MemoryLimit.stands() {
            return Err(unsupported(format!(
                "it has a table of {elements} elements, and a table has at most {most}"
            )));
        }
        if self.memories > 1 {
            return Err(unsupported(format!(
                "it has {} memories, and guests may have one",
                self.memories
            )));
        }
        Ok(())
    }

    fn export(&mut self, name: &str, kind: ExternalKind, index: u32) {
        let ty = match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                self.exported.insert(name.to_owned(), index);
                let ty = usize::try_from(index)
                    .ok()
                    .and_then(|at| self.functions.get(at))
                    .copied();
                ty.map_or_else(|| "function".to_owned(), |ty| self.signature(ty))
            }
            ExternalKind::Table => "table".to_owned(),
            ExternalKind::Memory => "memory".to_owned(),
            ExternalKind::Global => "global".to_owned(),
            ExternalKind::Tag => "tag".to_owned(),
        };
        self.exports.push(ExportInfo {
            name: name.to_owned(),
            ty,
        });
    }

    fn signature(&self, ty: u32) -> String {
        let ty = usize::try_from(ty)
            .ok()
            .and_then(|at| self.types.get(at)?.as_ref());
        let list = |types: &[wasmparser::ValType]| {
            types
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        ty.map_or_else(
            || "function".to_owned(),
            |ty| match ty.results() {
                results if ty.params().len() + results.len() > MAX_SPELLED => {
                    format!(
                        "function of {} parameters and {} results",
                        ty.params().len(),
                        results.len()
                    )
                }
                [one] => format!("({}) -> {one}", list(ty.params())),
                results => format!("({}) -> ({})", list(ty.params()), list(results)),
            },
        )
    }

    /// The manifest, or that of a plain command.
    pub(super) fn manifest(&self) -> Result<Manifest, LoadProblem> {
        self.manifest_text
            .as_deref()
            .map_or_else(|| Ok(Manifest::command()), Manifest::parse)
    }

    pub(super) fn is_command(&self) -> bool {
        self.manifest_text.is_none()
    }

    /// Whether there is an export of that name and type.
    pub(super) fn has_export(&self, name: &str, ty: &str) -> bool {
        self.exports
            .iter()
            .any(|export| export.name == name && export.ty == ty)
    }

    /// Checks that what the manifest names is there.
    pub(super) fn check_exports(&self, manifest: &Manifest) -> Result<(), LoadProblem> {
        let known: rustc_hash::FxHashMap<_, _> = self
            .exports
            .iter()
            .map(|e| (e.name.as_str(), e.ty.as_str()))
            .collect();
        if let Some(ty) = known.get(INITIALIZE).filter(|ty| **ty != "() -> ()") {
            return Err(unsupported(format!(
                "its export `{INITIALIZE}` is `{ty}` and must be `() -> ()`"
            )));
        }
        for name in manifest.exports() {
            if !Guard::ManifestExports.stands() {
                break;
            }
            let message = match known.get(&**name) {
                Some(&"() -> ()") => continue,
                None if self.is_command() => {
                    return Err(unsupported(
                        "it has neither a manifest (section `wrun.manifest`) nor an export `_start`, so there is nothing to run; use the macros of the `wrun` crate, or build a program with a `main`",
                    ));
                }
                None => format!(
                    "it names the export `{}`, which the module does not have",
                    printable(name)
                ),
                Some(ty) => format!(
                    "it names the export `{}`, which is `{ty}` and must be `() -> ()`",
                    printable(name)
                ),
            };
            return Err(LoadProblem::Manifest { line: 0, message });
        }
        Ok(())
    }

    /// Whether the host can reach its memory.
    pub(super) fn has_exported_memory(&self) -> bool {
        let memory = |export: &ExportInfo| export.name == "memory" && export.ty == "memory";
        self.exports.iter().any(memory)
    }

    /// Steps that compiling it takes, for tests.
    #[cfg(test)]
    pub(super) fn effort(&self, wasm: &[u8]) -> Result<u64, LoadProblem> {
        let none = EffortLimits {
            function: u64::MAX,
            module: 0,
        };
        match self.check_effort(wasm, none) {
            Err(LoadProblem::TooHard { steps, .. }) => Ok(steps),
            other => other.map(|()| 0),
        }
    }

    /// Checks that compiling it takes no longer than it may. It has been validated.
    pub(super) fn check_effort(
        &self,
        wasm: &[u8],
        limits: EffortLimits,
    ) -> Result<(), LoadProblem> {
        let (mut all, mut bodies) = (effort::of_types(self.types.iter().flatten()), 0);
        let mut start = 0_u64;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|e| invalid(&e))?;
            let initial = effort::of_initial(&payload).map_err(|e| invalid(&e))?;
            start = start.saturating_add(initial);
            match payload {
                Payload::CodeSectionStart { count, .. } => bodies = large(count),
                Payload::CodeSectionEntry(body) => {
                    // Imported functions come first.
                    let number = self.functions.len().saturating_sub(bodies);
                    bodies -= bodies.min(1);
                    let ty = self.functions.get(number).and_then(|ty| self.ty(*ty));
                    let effort = effort::of(self, ty, &body).map_err(|e| invalid(&e))?;
                    let steps = effort.steps();
                    if steps > limits.function {
                        return Err(LoadProblem::TooHard {
                            what: format!("its function {number} ({effort})"),
                            steps,
                            limit: limits.function,
                        });
                    }
                    all = all.saturating_add(steps);
                }
                _ => {}
            }
        }
        // It is made into one function.
        if start > limits.function {
            return Err(LoadProblem::TooHard {
                what: "what its globals and tables hold at the start".to_owned(),
                steps: start,
                limit: limits.function,
            });
        }
        all = all.saturating_add(start);
        if all > limits.module {
            return Err(LoadProblem::TooHard {
                what: format!(
                    "it ({} functions, {} types, {} bytes of code)",
                    self.functions.len(),
                    self.types.len(),
                    self.code_size
                ),
                steps: all,
                limit: limits.module,
            });
        }
        Ok(())
    }

    /// The index of an exported function, and that of its type.
    pub(super) fn exported_function(&self, name: &str) -> Option<(u32, u32)> {
        let index = *self.exported.get(name)?;
        let ty = self.functions.get(usize::try_from(index).ok()?)?;
        Some((index, *ty))
    }

    /// The names of its exports.
    pub(super) fn export_names(&self) -> impl Iterator<Item = &str> {
        self.exports.iter().map(|export| export.name.as_str())
    }

    /// How many functions it has, imported ones included.
    pub(super) fn function_count(&self) -> u32 {
        u32::try_from(self.functions.len()).unwrap_or(u32::MAX)
    }

    /// Checks that there is what host functions need.
    pub(super) fn check_imports(&self) -> Result<(), LoadProblem> {
        if !self.bad_imports.is_empty() {
            return Err(LoadProblem::Imports(list_some(&self.bad_imports)));
        }
        if !self.imports.is_empty() && !self.has_export("memory", "memory") {
            return Err(unsupported(
                "it does not export its memory as `memory`, which host functions need",
            ));
        }
        if self
            .exports
            .iter()
            .any(|e| e.name == "_initialize" && e.ty != "() -> ()")
        {
            return Err(unsupported("its export `_initialize` must be `() -> ()`"));
        }
        Ok(())
    }
}

impl Types for Scan {
    fn ty(&self, index: u32) -> Option<&FuncType> {
        self.types.get(usize::try_from(index).ok()?)?.as_ref()
    }

    fn function(&self, index: u32) -> Option<&FuncType> {
        self.ty(*self.functions.get(usize::try_from(index).ok()?)?)
    }
}

fn list_some(problems: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text = problems[..problems.len().min(SHOWN)].join("; ");
    if problems.len() > SHOWN {
        text.push_str(&format!("; and {} more", problems.len() - SHOWN));
    }
    text
}

/// A name from the module, without what could disturb a terminal.
fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn import_problem(module: &str, name: &str, ty: &str) -> Option<String> {
    let hint = match signatures::look_up(module, name, ty) {
        Lookup::Right => return None,
        Lookup::WrongType(expected) => {
            return Some(format!(
                "`{module}` `{name}` is `{expected}` here, not `{ty}`"
            ));
        }
        Lookup::UnknownName if module == IMPORT_MODULE => {
            "not a function of this version; build the guest with a matching `wrun` crate"
        }
        Lookup::UnknownName => "not a function of WASI preview 1",
        Lookup::UnknownModule => match module {
            "wasi_unstable" => "an older WASI; build it for wasm32-wasip1 with a current toolchain",
            "env" => "a function that was left undefined, or another host's; link it statically",
            "__wbindgen_placeholder__" | "wbg" => {
                "made for JavaScript hosts; build it for wasm32-wasip1"
            }
            "wasi" => "WASI threads, which guests don't have",
            _ => "guests may import from `wrun` and `wasi_snapshot_preview1` only",
        },
    };
    Some(format!("`{module}` `{name}` ({hint})"))
}
