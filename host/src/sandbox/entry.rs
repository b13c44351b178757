//! What each module gets before it is compiled: entries, and exports of what an instance can be made again from.
//!
//! An entry is what a fresh sandbox runs, `_initialize` and the call in one: calling into a guest twice costs a fiber, a
//! look-up and a trap guard twice. So each module whose manifest names functions gets one more export for each of them: a
//! function that calls `_initialize` and then leaves its frame to the named one, so that backtraces show what they showed
//! before.
//!
//! A module whose instances can hibernate ([`hibernate::globals`]) exports its memory and its mutable globals to the host,
//! under names of the host's own.

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, Module,
    RawSection,
};
use wasmparser::{Parser, Payload};

use super::{
    LoadProblem, hibernate,
    inspect::{INITIALIZE, Scan},
};

/// Part of each cached file's name: to be changed with what is added to modules.
pub(super) const VERSION: u32 = 2;

/// What is added to one module.
#[derive(Debug)]
pub(super) struct Entries {
    /// What the names of all that is added begin with; no other export begins so.
    prefix: String,
    /// The indices of `_initialize` and of its type.
    initialize: Option<(u32, u32)>,
    /// How many functions the module had.
    functions: u32,
}

impl Entries {
    /// What is added to a module: nothing to a plain command.
    pub(super) fn of(scan: &Scan) -> Option<Self> {
        if scan.is_command() {
            return None;
        }
        let mut prefix = "wrun.added.".to_owned();
        while scan.export_names().any(|name| name.starts_with(&prefix)) {
            prefix.push('.');
        }
        Some(Self {
            prefix,
            initialize: scan.exported_function(INITIALIZE),
            functions: scan.function_count(),
        })
    }

    /// The entry of the function that is exported under this name: itself, if the module has no `_initialize`.
    pub(super) fn name(&self, export: &str) -> String {
        match self.initialize {
            Some(_) => format!("{}entry.{export}", self.prefix),
            None => export.to_owned(),
        }
    }

    /// The name under which the host reaches the memory of a module whose instances can hibernate.
    pub(super) fn memory(&self) -> String {
        format!("{}memory", self.prefix)
    }

    /// The same for a mutable global: its `n`th.
    pub(super) fn global(&self, n: usize) -> String {
        format!("{}global.{n}", self.prefix)
    }

    /// The module with an entry for each of these exports, and what its instances need to hibernate.
    ///
    /// # Errors
    /// When the module can't be read again, which was valid before.
    pub(super) fn add(
        &self,
        wasm: &[u8],
        exports: &[Box<str>],
        scan: &Scan,
    ) -> Result<Vec<u8>, LoadProblem> {
        let entry = |name: &str| {
            let ((initialize, ty), (target, _)) =
                self.initialize.zip(scan.exported_function(name))?;
            let name = self.name(name);
            Some(Entry {
                name,
                ty,
                code: code(initialize, target),
            })
        };
        let entries: Vec<_> = exports.iter().filter_map(|name| entry(name)).collect();
        let module =
            hibernate::globals(wasm).and_then(|globals| self.rewrite(wasm, &entries, globals));
        let module = module.map_err(|e| LoadProblem::Compile(format!("{e:#}")))?;
        Ok(module.finish())
    }

    fn rewrite(
        &self,
        wasm: &[u8],
        entries: &[Entry],
        globals: Option<Vec<u32>>,
    ) -> wasmparser::Result<Module> {
        let (mut module, mut code, mut bodies) = (Module::new(), CodeSection::new(), 0);
        for payload in Parser::new(0).parse_all(wasm) {
            match &payload? {
                Payload::FunctionSection(reader) => {
                    let mut section = FunctionSection::new();
                    for ty in reader.clone() {
                        section.function(ty?);
                    }
                    for entry in entries {
                        section.function(entry.ty);
                    }
                    module.section(&section);
                }
                Payload::ExportSection(reader) => {
                    let mut section = ExportSection::new();
                    for export in reader.clone() {
                        let export = export?;
                        section.export(export.name, export.kind.into(), export.index);
                    }
                    for (index, entry) in (self.functions..).zip(entries) {
                        section.export(&entry.name, ExportKind::Func, index);
                    }
                    if let Some(globals) = &globals {
                        section.export(&self.memory(), ExportKind::Memory, 0);
                        for (n, index) in globals.iter().enumerate() {
                            section.export(&self.global(n), ExportKind::Global, *index);
                        }
                    }
                    module.section(&section);
                }
                Payload::CodeSectionStart { count, .. } => bodies = *count,
                Payload::CodeSectionEntry(body) => {
                    code.raw(&wasm[body.range()]);
                    if code.len() == bodies {
                        for entry in entries {
                            code.function(&entry.code);
                        }
                        module.section(&code);
                    }
                }
                other => {
                    if let Some((id, range)) = other.as_section() {
                        let data = &wasm[range];
                        module.section(&RawSection { id, data });
                    }
                }
            }
        }
        Ok(module)
    }
}

/// A function that is added.
struct Entry {
    name: String,
    ty: u32,
    code: Function,
}

fn code(initialize: u32, target: u32) -> Function {
    let mut function = Function::new([]);
    function
        .instruction(&Instruction::Call(initialize))
        .instruction(&Instruction::ReturnCall(target))
        .instruction(&Instruction::End);
    function
}
