//! Modules: checked, compiled, loaded into the pool's engine and, when first needed there, into the other.
//!
//! [`Module`] is a cheap clone of one `Inner`. Modules with the same bytes share it while any of them lives, so that the
//! pool finds its slots warm. All look-ups by name happen when a module is loaded; making a sandbox uses indices.

use std::{borrow::Cow, fmt, sync::Arc};

use wasmtime::{InstancePre, ModuleExport};

use super::{
    HostServices, LoadProblem, Manifest,
    engine::{Host, LARGE_TABLE_ELEMENTS, Lazy, Pool, Shared, TABLE_ELEMENTS},
    entry::Entries,
    inspect::{Scan, binary},
    instance::State,
    precompiled::Artifact,
    reset::Image,
};
use crate::rt::guard::Guard;

/// Longer text of strangers is not assembled: doing so takes a hundred times its memory.
const MAX_TEXT: usize = 4 << 20;

/// A module loaded into one engine.
pub(super) struct Loaded<S: HostServices> {
    module: wasmtime::Module,
    pub(super) pre: InstancePre<State<S>>,
    pub(super) memory: Option<ModuleExport>,
    /// The manifest's exports, by their index there.
    pub(super) exports: Vec<ModuleExport>,
    /// The same for a sandbox in which nothing has run yet.
    pub(super) entries: Vec<ModuleExport>,
    /// The mutable globals of a module whose instances can hibernate.
    pub(super) globals: Option<Vec<ModuleExport>>,
}

/// A module loaded into a pool.
pub(super) struct Pooled<S: HostServices> {
    pub(super) pool: Pool,
    pub(super) loaded: Loaded<S>,
}

pub(super) struct Inner<S: HostServices> {
    pub(super) shared: Arc<Shared<S>>,
    hash: blake3::Hash,
    size: usize,
    manifest: Manifest,
    is_command: bool,
    /// Bytes of memory and tables that each sandbox starts with.
    pub(super) initial_bytes: u64,
    /// What its memory starts with, if that is known beforehand.
    pub(super) image: Option<Arc<Image>>,
    entries: Option<Entries>,
    /// `None` when there is no pool, or the module doesn't fit into its slots.
    pub(super) pooled: Option<Pooled<S>>,
    outside: Lazy<Loaded<S>>,
}

/// A compiled guest program.
pub struct Module<S: HostServices>(pub(super) Arc<Inner<S>>);

impl<S: HostServices> Clone for Module<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: HostServices> fmt::Debug for Module<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("hash", &self.0.hash)
            .field("size", &self.0.size)
            .finish_non_exhaustive()
    }
}

impl<S: HostServices> Module<S> {
    /// blake3 of its bytes.
    #[must_use]
    pub fn hash(&self) -> blake3::Hash {
        self.0.hash
    }

    /// Its size in bytes, before compilation.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// Bytes of its compiled code with the data that it starts with.
    #[must_use]
    pub fn compiled_bytes(&self) -> usize {
        let loaded = self.0.pooled.as_ref().map(|pooled| &pooled.loaded);
        let loaded = loaded.or_else(|| {
            self.0
                .outside
                .get()
                .and_then(|outside| outside.as_ref().ok())
        });
        loaded.map_or(0, |loaded| {
            let image = loaded.module.image_range();
            image.end.addr() - image.start.addr()
        })
    }

    /// What it offers.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// Whether it is a plain WASI command.
    #[must_use]
    pub fn is_command(&self) -> bool {
        self.0.is_command
    }

    /// Bytes of memory and tables that each of its sandboxes starts with.
    #[must_use]
    pub fn initial_bytes(&self) -> u64 {
        self.0.initial_bytes
    }

    /// Whether its sandboxes can come from the pool.
    #[must_use]
    pub fn fits_pool(&self) -> bool {
        self.0.pooled.is_some()
    }
}

impl<S: HostServices> Inner<S> {
    /// The module for allocation on demand.
    pub(super) fn outside(&self) -> Result<&Loaded<S>, String> {
        let loaded = self.outside.get_or_init(|| {
            let pooled = self.pooled.as_ref().ok_or("the module is loaded nowhere")?;
            let artifact = Artifact::of(&pooled.loaded.module).map_err(|e| format!("{e:#}"))?;
            let entries = self.entries.as_ref();
            load(&self.shared.on_demand, &artifact, &self.manifest, entries)
                .map_err(|e| format!("{e:#}"))
        });
        loaded.as_ref().map_err(Clone::clone)
    }
}

/// Checks, compiles and loads.
pub(super) fn compile<S: HostServices>(
    shared: &Arc<Shared<S>>,
    bytes: &[u8],
) -> Result<Module<S>, LoadProblem> {
    let limit = shared.options.max_module_size;
    let too_big = |size: usize| {
        if size > limit && Guard::ModuleSize.stands() {
            Err(LoadProblem::TooBig { size, limit })
        } else {
            Ok(())
        }
    };
    too_big(bytes.len())?;
    if let Some(limit) = shared.options.effort.map(|_| MAX_TEXT)
        && !bytes.starts_with(b"\0asm")
        && bytes.len() > limit
    {
        let size = bytes.len();
        return Err(LoadProblem::LongText { size, limit });
    }
    let wasm = binary(bytes)?;
    too_big(wasm.len())?;
    let hash = blake3::hash(&wasm);
    let known = || {
        shared
            .modules
            .lock()
            .get(&hash)
            .and_then(std::sync::Weak::upgrade)
            .map(Module)
    };
    if let Some(module) = known() {
        return Ok(module);
    }
    let scan = Scan::new(&wasm)?;
    let manifest = scan.manifest()?;
    scan.check_exports(&manifest)?;
    scan.check_imports()?;
    if let Some(limits) = shared
        .options
        .effort
        .filter(|_| Guard::CompileEffort.stands())
    {
        scan.check_effort(&wasm, limits)?;
    }
    // Whoever compiles the same at the same time does so for nothing.
    let inner = build(shared, &wasm, hash, &scan, manifest)?;
    let mut modules = shared.modules.lock();
    if let Some(module) = modules.get(&hash).and_then(std::sync::Weak::upgrade) {
        return Ok(Module(module));
    }
    modules.retain(|_, module| module.strong_count() > 0);
    modules.insert(hash, Arc::downgrade(&inner));
    Ok(Module(inner))
}

fn build<S: HostServices>(
    shared: &Arc<Shared<S>>,
    wasm: &[u8],
    hash: blake3::Hash,
    scan: &Scan,
    manifest: Manifest,
) -> Result<Arc<Inner<S>>, LoadProblem> {
    let failed = |e: wasmtime::Error| LoadProblem::Compile(format!("{e:#}"));
    let key = format!("{}-{}", hash.to_hex(), shared.fingerprint);
    let cached = shared.cache.read(&key);
    let image = scan.image(wasm).map(Arc::new);
    let pool = pool_for(shared, scan, image.is_some());
    let entries = Entries::of(scan);
    let place = |artifact: &Artifact| {
        let from = |host| load(host, artifact, &manifest, entries.as_ref());
        let pooled = pool.map(|(host, pool)| from(host).map(|loaded| Pooled { pool, loaded }));
        place(pooled, || from(&shared.on_demand))
    };
    let from_cache = cached.as_ref().and_then(|artifact| place(artifact).ok());
    let (pooled, outside) = match from_cache {
        Some(placed) => placed,
        None => {
            let wasm = match &entries {
                Some(entries) => entries.add(wasm, manifest.exports(), scan)?.into(),
                None => Cow::Borrowed(wasm),
            };
            let artifact = Artifact::compile(&shared.on_demand.engine, &wasm).map_err(failed)?;
            shared.cache.write(&key, &artifact);
            place(&artifact).map_err(failed)?
        }
    };
    Ok(Arc::new(Inner {
        shared: shared.clone(),
        hash,
        size: wasm.len(),
        is_command: scan.is_command(),
        initial_bytes: scan
            .memory
            .map_or(0, |memory| memory.initial)
            .saturating_add(scan.table_bytes),
        image,
        manifest,
        entries,
        pooled,
        outside,
    }))
}

type Placed<S> = (Option<Pooled<S>>, Lazy<Loaded<S>>);

/// The pool that a module's sandboxes come from.
fn pool_for<'a, S: HostServices>(
    shared: &'a Shared<S>,
    scan: &Scan,
    has_image: bool,
) -> Option<(&'a Host<S>, Pool)> {
    let memory = scan.memory.as_ref();
    if memory.is_some_and(|memory| memory.initial > shared.options.large_from)
        && scan.table_most <= LARGE_TABLE_ELEMENTS as u64
        && scan.has_exported_memory()
        && has_image
        && let Some(host) = shared.large()
    {
        return Some((host, Pool::Scanned));
    }
    // A slot's table can't grow past the slot, so a module whose table may runs outside the pool.
    let fits = scan.table_most <= TABLE_ELEMENTS as u64;
    let host = shared.pool.as_ref().filter(|_| fits)?;
    Some((host, Pool::Rewritten))
}

/// Loaded into the pool's engine, or into the other one when there is no pool or the module doesn't fit into a slot.
fn place<S: HostServices>(
    pooled: Option<wasmtime::Result<Pooled<S>>>,
    outside: impl FnOnce() -> wasmtime::Result<Loaded<S>>,
) -> wasmtime::Result<Placed<S>> {
    match pooled {
        Some(Ok(loaded)) => Ok((Some(loaded), Lazy::new())),
        _ => Ok((None, Lazy::from(Ok(outside()?)))),
    }
}

fn load<S: HostServices>(
    host: &Host<S>,
    artifact: &Artifact,
    manifest: &Manifest,
    entries: Option<&Entries>,
) -> wasmtime::Result<Loaded<S>> {
    let module = artifact.load(&host.engine)?;
    let pre = host.linker.instantiate_pre(&module)?;
    let export = |name: &str| {
        let missing = || wasmtime::Error::msg(format!("the export `{name}` is missing"));
        module.get_export_index(name).ok_or_else(missing)
    };
    let names = manifest.exports().iter();
    let exports = names.clone().map(|name| export(name));
    let exports = exports.collect::<wasmtime::Result<Vec<_>>>()?;
    let globals = entries.and_then(|entries| {
        module.get_export_index(&entries.memory())?;
        let global = |n| module.get_export_index(&entries.global(n));
        Some((0..).map_while(global).collect())
    });
    let entries = match entries {
        None => exports.clone(),
        Some(entries) => names
            .map(|name| export(&entries.name(name)))
            .collect::<wasmtime::Result<_>>()?,
    };
    let is_memory = matches!(
        module.get_export("memory"),
        Some(wasmtime::ExternType::Memory(_))
    );
    let memory = export("memory").ok().filter(|_| is_memory);
    Ok(Loaded {
        memory,
        exports,
        entries,
        globals,
        pre,
        module,
    })
}
