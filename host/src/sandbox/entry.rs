//! Entries: what a fresh sandbox runs, `_initialize` and the call in one.
//!
//! Calling into a guest twice costs a fiber, a look-up and a trap guard twice. So each module whose manifest names
//! functions gets, before it is compiled, one more export for each of them: a function that calls `_initialize` and then
//! leaves its frame to the named one, so that backtraces show what they showed before.

use std::borrow::Cow;

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, Module,
    RawSection,
};
use wasmparser::{Parser, Payload};

use super::{
    LoadProblem,
    inspect::{INITIALIZE, Scan},
};

/// The entries of one module.
#[derive(Debug)]
pub(super) struct Entries {
    /// What comes before a function's own name in the name of its entry; no other export begins so.
    prefix: String,
    initialize: u32,
    ty: u32,
    /// How many functions the module had.
    functions: u32,
}

impl Entries {
    /// The entries that a module needs; none when it has no `_initialize`, or is a plain command.
    pub(super) fn of(scan: &Scan) -> Option<Self> {
        if scan.is_command() {
            return None;
        }
        let (initialize, ty) = scan.exported_function(INITIALIZE)?;
        let mut prefix = "wrun.entry.".to_owned();
        while scan.export_names().any(|name| name.starts_with(&prefix)) {
            prefix.push('.');
        }
        Some(Self {
            prefix,
            initialize,
            ty,
            functions: scan.function_count(),
        })
    }

    /// The entry of the function that is exported under this name.
    pub(super) fn name(&self, export: &str) -> String {
        format!("{}{export}", self.prefix)
    }

    /// The module with an entry for each of these exports.
    ///
    /// # Errors
    /// When the module can't be read again, which was valid before.
    pub(super) fn add<'a>(
        &self,
        wasm: &'a [u8],
        exports: &[Box<str>],
        scan: &Scan,
    ) -> Result<Cow<'a, [u8]>, LoadProblem> {
        let targets: Vec<_> = exports
            .iter()
            .filter_map(|name| Some((self.name(name), scan.exported_function(name)?.0)))
            .collect();
        if targets.is_empty() {
            return Ok(wasm.into());
        }
        let module = self.rewrite(wasm, &targets);
        let module = module.map_err(|e| LoadProblem::Compile(format!("{e:#}")))?;
        Ok(module.finish().into())
    }

    fn rewrite(&self, wasm: &[u8], targets: &[(String, u32)]) -> wasmparser::Result<Module> {
        let (mut module, mut code, mut bodies) = (Module::new(), CodeSection::new(), 0);
        for payload in Parser::new(0).parse_all(wasm) {
            match &payload? {
                Payload::FunctionSection(reader) => {
                    let mut section = FunctionSection::new();
                    for ty in reader.clone() {
                        section.function(ty?);
                    }
                    for _ in targets {
                        section.function(self.ty);
                    }
                    module.section(&section);
                }
                Payload::ExportSection(reader) => {
                    let mut section = ExportSection::new();
                    for export in reader.clone() {
                        let export = export?;
                        section.export(export.name, export.kind.into(), export.index);
                    }
                    for (index, (name, _)) in (self.functions..).zip(targets) {
                        section.export(name, ExportKind::Func, index);
                    }
                    module.section(&section);
                }
                Payload::CodeSectionStart { count, .. } => bodies = *count,
                Payload::CodeSectionEntry(body) => {
                    code.raw(&wasm[body.range()]);
                    if code.len() == bodies {
                        for (_, target) in targets {
                            code.function(&self.entry(*target));
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

    fn entry(&self, target: u32) -> Function {
        let mut function = Function::new([]);
        function
            .instruction(&Instruction::Call(self.initialize))
            .instruction(&Instruction::ReturnCall(target))
            .instruction(&Instruction::End);
        function
    }
}
