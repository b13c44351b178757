//! Hibernation: a sandbox that is not used for a while, without its instance.
//!
//! An instance takes about 30 KiB of the host beyond what its guest wrote: a slot, a stack, page tables, Wasmtime's own
//! records. Between two calls, all that makes it differ from a fresh one are its memory, its mutable globals and its
//! tables, so it can be made again from those: [`Saved`] holds them, as far as they differ. Handles, limits, open files
//! and unfinished output are not the instance's (`State`) and stay where they are.
//!
//! Which modules can ([`globals`], [`Image`]): what their memory starts with is known beforehand, no code changes a table
//! or drops a segment, and no mutable global holds a reference. That is what compilers of Rust, C and Go make. Others
//! stay awake, as do sandboxes with much memory or with memory that the host added for views.

use wasmparser::{Operator, Parser, Payload, ValType};
use wasmtime::{AsContextMut, Extern, Instance, Memory, ModuleExport, Val};

use super::{hostcall::large, reset::Image};

/// Sandboxes with more memory stay awake: what they take beyond it is little then, and it would have to be looked through.
const MAX_MEMORY: usize = 4 << 20;
/// Bytes are compared and kept in pieces of so many: smaller ones take more to describe than they save.
const PIECE: usize = 128;
/// As many bytes of the image are made at once.
const PAGE: usize = 4096;

/// The indices of a module's mutable globals, if its instances can be made again from those and their memory.
///
/// # Errors
/// When the module can't be read.
pub(super) fn globals(wasm: &[u8]) -> wasmparser::Result<Option<Vec<u32>>> {
    let (mut globals, mut has_memory) = (Vec::new(), false);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::MemorySection(memories) => has_memory = memories.count() == 1,
            Payload::GlobalSection(section) => {
                for (index, global) in (0..).zip(section) {
                    let ty = global?.ty;
                    if ty.mutable && matches!(ty.content_type, ValType::Ref(_)) {
                        return Ok(None);
                    }
                    if ty.mutable {
                        globals.push(index);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()? {
                    if changes_more(&operator?) {
                        return Ok(None);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(has_memory.then_some(globals))
}

/// Whether it changes what is neither memory nor a global.
fn changes_more(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::DataDrop { .. }
    )
}

/// What an instance differs in from a fresh one of its module.
#[derive(Debug)]
pub(super) struct Saved {
    globals: Box<[Val]>,
    /// Bytes of its memory.
    size: usize,
    written: Written,
}

/// What a memory differs in from what it started with.
#[derive(Debug)]
struct Written {
    /// Where in memory, and how many of `bytes`.
    pieces: Box<[(u32, u32)]>,
    bytes: Box<[u8]>,
}

impl Saved {
    /// Reads an instance between two calls; `None` when it has too much memory.
    pub(super) fn of(
        mut store: impl AsContextMut,
        instance: &Instance,
        memory: Memory,
        globals: &[ModuleExport],
        image: &Image,
    ) -> Option<Self> {
        let size = memory.data_size(&store);
        if size > MAX_MEMORY {
            return None;
        }
        let globals = globals.iter().map(|export| {
            let global = global(&mut store, instance, export)?;
            Some(global.get(&mut store))
        });
        let globals = globals.collect::<Option<_>>()?;
        let written = Written::of(memory.data(store.as_context()), image);
        Some(Self {
            globals,
            size,
            written,
        })
    }

    /// Makes a fresh instance, in which no code has run, what the saved one was.
    ///
    /// # Errors
    /// When its memory can't grow to what it was.
    pub(super) async fn restore<T: Send + 'static>(
        &self,
        mut store: impl AsContextMut<Data = T>,
        instance: &Instance,
        memory: Memory,
        globals: &[ModuleExport],
    ) -> wasmtime::Result<()> {
        let missing = || wasmtime::Error::msg("another module's instance (a host bug)");
        for (export, value) in globals.iter().zip(&self.globals) {
            let global = global(&mut store, instance, export).ok_or_else(missing)?;
            global.set(&mut store, *value)?;
        }
        let more = self.size.saturating_sub(memory.data_size(&store)) as u64;
        if more > 0 {
            let pages = more / memory.page_size(&store);
            memory.grow_async(&mut store, pages).await?;
        }
        let memory = memory.data_mut(store.as_context_mut());
        self.written.put_back(memory).ok_or_else(missing)
    }
}

fn global(
    store: impl AsContextMut,
    instance: &Instance,
    export: &ModuleExport,
) -> Option<wasmtime::Global> {
    instance
        .get_module_export(store, export)
        .and_then(Extern::into_global)
}

impl Written {
    fn of(memory: &[u8], image: &Image) -> Self {
        let mut pieces: Vec<(u32, u32)> = Vec::new();
        let mut bytes = Vec::new();
        let mut first = [0; PAGE];
        for (page, at) in memory.chunks(PAGE).zip((0..).step_by(PAGE)) {
            let first = &mut first[..page.len()];
            image.write(at, first);
            if page == first {
                continue;
            }
            let parts = page.chunks(PIECE).zip(first.chunks(PIECE));
            for ((part, first), at) in parts.zip((at..).step_by(PIECE)) {
                if part == first {
                    continue;
                }
                let number = |n: usize| u32::try_from(n).expect("a 32-bit memory");
                match pieces.last_mut() {
                    Some((start, len)) if *start + *len == number(at) => *len += number(part.len()),
                    _ => pieces.push((number(at), number(part.len()))),
                }
                bytes.extend_from_slice(part);
            }
        }
        Self {
            pieces: pieces.into(),
            bytes: bytes.into(),
        }
    }

    /// Writes it into a memory that is as it started, as large as the other was; `None` if it is smaller.
    fn put_back(&self, memory: &mut [u8]) -> Option<()> {
        let mut bytes = &self.bytes[..];
        for &(at, len) in &self.pieces {
            let (at, len) = (large(at), large(len));
            let (piece, rest) = bytes.split_at_checked(len)?;
            memory.get_mut(at..at + len)?.copy_from_slice(piece);
            bytes = rest;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_kept() {
        let image = Image::of([(5_000, &[7; 300][..])]).expect("one piece");
        let mut memory = vec![0; 65_536];
        image.write(0, &mut memory);
        assert_eq!(Written::of(&memory, &image).bytes.len(), 0);
        memory[3] = 1;
        // Next to each other, over the end of a page.
        memory[4_095..4_300].fill(2);
        memory[5_100] = 0;
        memory[65_535] = 9;
        let written = Written::of(&memory, &image);
        let mut again = vec![0; 65_536];
        image.write(0, &mut again);
        written.put_back(&mut again).expect("as large");
        assert!(again == memory);
        assert_eq!(written.put_back(&mut again[..65_000]), None);
        let Written { pieces, bytes } = written;
        assert_eq!(
            *pieces,
            [(0, 128), (3_968, 384), (4_992, 128), (65_408, 128)]
        );
        assert_eq!(bytes.len(), 128 + 384 + 128 + 128);
        assert_eq!((bytes[3], bytes[128 + 127]), (1, 2));
    }

    #[test]
    fn modules_that_change_more_than_memory_and_numbers_are_told_apart() {
        for (fields, expected) in [
            ("(memory 1) (global i32 (i32.const 1))", Some(vec![])),
            (
                "(memory 1) (global i32 (i32.const 1)) (global (mut f64) (f64.const 1))
                (table 4 funcref) (elem (i32.const 0) $f)
                (func $f (call_indirect (i32.const 0)))",
                Some(vec![1]),
            ),
            ("(func)", None),
            ("(memory 1) (global (mut funcref) (ref.null func))", None),
            (
                "(memory 1) (table 4 funcref) (func (table.set (i32.const 0) (ref.null func)))",
                None,
            ),
            (
                "(memory 1) (table 4 funcref)
                (func (drop (table.grow (ref.null func) (i32.const 1))))",
                None,
            ),
            (
                "(memory 1) (table 4 funcref)
                (func (table.fill (i32.const 0) (ref.null func) (i32.const 1)))",
                None,
            ),
            (
                "(memory 1) (table 4 funcref)
                (func (table.copy (i32.const 0) (i32.const 1) (i32.const 1)))",
                None,
            ),
            (
                "(memory 1) (table 4 funcref) (elem $e func)
                (func (table.init $e (i32.const 0) (i32.const 0) (i32.const 0)))",
                None,
            ),
            ("(memory 1) (elem $e func) (func (elem.drop $e))", None),
            ("(memory 1) (data $d \"a\") (func (data.drop $d))", None),
            (
                "(memory 1) (data $d \"a\")
                (func (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)))",
                Some(vec![]),
            ),
        ] {
            let wasm = wat::parse_str(format!("(module {fields})")).expect(fields);
            assert_eq!(globals(&wasm).expect(fields), expected, "{fields}");
        }
    }
}
