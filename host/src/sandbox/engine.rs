//! The engines, and how many sandboxes may live.
//!
//! [`Sandboxes`] owns them: `pool`, whose slots are reserved once and used again (fast, a fixed number), `large`, a
//! smaller pool for modules that start with much memory, and `on_demand` for what comes beyond, one mapping each (about
//! ten times slower to make). The same compiled code loads into all, since they differ in nothing but where instances
//! live and how they are put back ([`Pool`]). A full pool is an error in Wasmtime, so [`Permit`]s
//! stand in front of it. [`Sandboxes::tick`] is called from outside, every 10 ms while anything runs.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::Serialize;
use thiserror::Error;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, Linker, PoolingAllocationConfig,
};

use super::{
    CacheDir, EffortLimits, HostServices, LoadError, Module,
    cache::Cache,
    entry,
    fault::MAX_FRAMES,
    hostcall,
    instance::State,
    module::{self, Inner, Loaded},
    reset::{self, Image},
    wasi,
};
use crate::{
    rt::guard::Guard,
    tenant::{Account, Charge, Resource},
    types::{ErrorKind, TaskError},
};

/// The guest's share of a fiber's stack.
const WASM_STACK: usize = 512 << 10;
/// A fiber's stack: the guest's share and as much for host functions. Only what is used takes memory.
const FIBER_STACK: usize = 1 << 20;
/// What a slot's memory keeps when it is given back; less is rewritten, more is unmapped.
const KEEP_RESIDENT: usize = 2 << 20;
/// Modules with larger tables run outside the pool.
pub(super) const TABLE_ELEMENTS: usize = 20_000;
/// Modules that start with more memory use the pool for large ones: above that, finding the pages that were written costs
/// less than rewriting all (`benches/README.md`).
pub(super) const LARGE: u64 = 640 << 10;
/// Modules with larger tables can't: tables of a page are cleared by a plain fill, never by a page scan.
pub(super) const LARGE_TABLE_ELEMENTS: usize = 512;
/// More could not be counted.
const MAX_POOL: u32 = 1 << 23;
/// Slots of that pool. Each used one keeps its mappings, so there are fewer.
const LARGE_POOL: u32 = 250;

/// Settings of [`Sandboxes`].
#[derive(Debug, Clone)]
pub struct SandboxesOptions {
    /// How many sandboxes come from the pool; 0 switches it off.
    pub pool_size: u32,
    /// How many sandboxes may live at once, in the pool and outside. Each takes about six mappings, of which Linux
    /// gives a process 65,530.
    pub max_sandboxes: u64,
    /// The largest module in bytes.
    pub max_module_size: usize,
    /// Where compiled code is kept.
    pub cache: CacheDir,
    /// Modules that start with more bytes of memory use the pool for large ones, if this kernel can tell which pages
    /// were written.
    pub large_from: u64,
    /// How much compiling a module may take. Default: whatever it takes.
    pub effort: Option<EffortLimits>,
    /// A module is compiled by as many threads as there are cores. Default: yes.
    pub parallel: bool,
}

impl Default for SandboxesOptions {
    fn default() -> Self {
        Self {
            pool_size: 1_000,
            max_sandboxes: max_sandboxes(),
            max_module_size: 256 << 20,
            cache: CacheDir::User,
            large_from: LARGE,
            effort: None,
            parallel: true,
        }
    }
}

/// How many sandboxes this machine's kernel can hold: each takes up to seven mappings, the rest of the process some too.
#[must_use]
pub fn max_sandboxes() -> u64 {
    (max_mappings() / 8).clamp(64, 1_000_000)
}

/// How many mappings the kernel gives a process.
pub(super) fn max_mappings() -> u64 {
    const USUAL: u64 = 65_530;
    let mappings = std::fs::read_to_string("/proc/sys/vm/max_map_count");
    mappings
        .ok()
        .and_then(|n| n.trim().parse().ok())
        .unwrap_or(USUAL)
}

/// The engines can't be made.
#[derive(Debug, Error)]
#[error("the WebAssembly engine can't start: {0}")]
pub struct EngineError(String);

/// How instances are allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// From a pool, and on demand beyond it.
    Pool,
    /// On demand alone.
    OnDemand,
}

/// What the engines are, for `wrun info`.
#[derive(Debug, Clone, Serialize)]
pub struct EngineInfo {
    /// How instances are allocated.
    pub strategy: Strategy,
    /// Why so.
    pub why: String,
    /// Slots in the pool.
    pub pool_size: u32,
    /// How many sandboxes may live at once.
    pub max_sandboxes: u64,
    /// The largest module in bytes.
    pub max_module_size: usize,
    /// Slots in the pool for modules that start with much memory, of which only written pages are rewritten; 0 when such
    /// modules are as all others.
    pub large_pool_size: u32,
    /// Modules that start with more bytes of memory use it.
    pub large_from: u64,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub large_pool_off: Option<String>,
    /// Where compiled code is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// Why compiled code is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_off: Option<String>,
}

/// An engine with the host functions linked for it.
pub(super) struct Host<S: HostServices> {
    pub(super) engine: Engine,
    pub(super) linker: Linker<State<S>>,
}

impl<S: HostServices> Host<S> {
    fn new(engine: Engine) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker)?;
        hostcall::add_to_linker(&mut linker)?;
        Ok(Self { engine, linker })
    }
}

pub(super) struct Shared<S: HostServices> {
    pub(super) options: SandboxesOptions,
    pub(super) pool: Option<Host<S>>,
    /// For modules that start with much memory; made with the first of them, or the reason why there is none.
    large: Lazy<Host<S>>,
    pub(super) on_demand: Host<S>,
    why: String,
    pub(super) cache: Cache,
    /// Part of each cached file's name: another engine finds other files.
    pub(super) fingerprint: String,
    pub(super) modules: Mutex<FxHashMap<blake3::Hash, std::sync::Weak<Inner<S>>>>,
    counts: Counts,
}

/// How many sandboxes live, and how many of them in the pool: in one number, since each that comes or goes changes it.
#[derive(Debug, Default)]
struct Counts {
    /// All of them below [`IN_POOL`], those in the pool above it, those in the one for large modules above
    /// [`IN_LARGE_POOL`].
    live: AtomicU64,
    outside: AtomicU64,
}

const IN_POOL: u64 = 1 << 24;
const IN_LARGE_POOL: u64 = 1 << 48;

/// Where a sandbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    /// In a slot that is rewritten.
    Rewritten,
    /// In a slot of which written pages are rewritten: for modules that start with much memory.
    Scanned,
}

impl Pool {
    /// One in it, as [`Counts`] counts.
    fn one(self) -> u64 {
        match self {
            Self::Rewritten => IN_POOL,
            Self::Scanned => IN_LARGE_POOL,
        }
    }

    /// How many of `live` are in it.
    fn of(self, live: u64) -> u64 {
        match self {
            Self::Rewritten => live % IN_LARGE_POOL / IN_POOL,
            Self::Scanned => live / IN_LARGE_POOL,
        }
    }
}

impl Counts {
    fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed) % IN_POOL
    }

    fn in_pool(&self) -> u64 {
        Pool::Rewritten.of(self.live.load(Ordering::Relaxed))
    }
}

/// Makes sandboxes: engines, compiled modules and the pool. A cheap clone of one thing.
pub struct Sandboxes<S: HostServices>(pub(super) Arc<Shared<S>>);

impl<S: HostServices> Clone for Sandboxes<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: HostServices> fmt::Debug for Sandboxes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandboxes")
            .field("info", &self.info())
            .finish_non_exhaustive()
    }
}

impl<S: HostServices> Sandboxes<S> {
    /// Starts the engines; falls back to allocation on demand when the pool's address space can't be reserved.
    ///
    /// # Errors
    /// [`EngineError`] when this machine can't run WebAssembly at all.
    pub fn new(options: SandboxesOptions) -> Result<Self, EngineError> {
        let fail = |e: wasmtime::Error| EngineError(format!("{e:#}"));
        let on_demand =
            Host::new(Engine::new(&config(&options, None)).map_err(fail)?).map_err(fail)?;
        let (pool, why) = if options.pool_size == 0 {
            (None, "the pool is switched off".to_owned())
        } else {
            match Engine::new(&config(
                &options,
                Some((Pool::Rewritten, options.pool_size)),
            )) {
                Ok(engine) => (
                    Some(Host::new(engine).map_err(fail)?),
                    "the pool's address space is reserved".to_owned(),
                ),
                Err(e) => (
                    None,
                    format!("the pool's address space can't be reserved: {e:#}"),
                ),
            }
        };
        Ok(Self(Arc::new(Shared {
            cache: Cache::open(&options.cache),
            fingerprint: fingerprint(&on_demand.engine),
            options,
            pool,
            large: Lazy::new(),
            on_demand,
            why,
            modules: Mutex::default(),
            counts: Counts::default(),
        })))
    }

    /// Checks and compiles a module, or takes it from the cache. Blocks for as long as that takes, which
    /// [`SandboxesOptions::effort`] bounds, and does not look who compiles beside; `name` is for messages. Text is assembled.
    ///
    /// # Errors
    /// [`LoadError`] with one clear message.
    pub fn compile(&self, name: &str, bytes: &[u8]) -> Result<Module<S>, LoadError> {
        module::compile(&self.0, bytes).map_err(|problem| LoadError::from(problem).of(name))
    }

    /// Tells all running guests that time has passed: each then calls [`HostServices::tick`].
    pub fn tick(&self) {
        self.0.on_demand.engine.increment_epoch();
        let large = self.0.large.get().and_then(|large| large.as_ref().ok());
        for pool in self.0.pool.iter().chain(large) {
            pool.engine.increment_epoch();
        }
    }

    /// What the engines are.
    #[must_use]
    pub fn info(&self) -> EngineInfo {
        let shared = &self.0;
        let large_pool_off = shared.large_off();
        EngineInfo {
            strategy: if shared.pool.is_some() {
                Strategy::Pool
            } else {
                Strategy::OnDemand
            },
            why: shared.why.clone(),
            pool_size: shared.slots(Pool::Rewritten),
            large_pool_size: match &large_pool_off {
                None => shared.slots(Pool::Scanned),
                Some(_) => 0,
            },
            large_from: shared.options.large_from,
            large_pool_off,
            max_sandboxes: shared.options.max_sandboxes,
            max_module_size: shared.options.max_module_size,
            cache: shared.cache.path().map(|path| path.display().to_string()),
            cache_off: shared.cache.why_off().map(ToOwned::to_owned),
        }
    }

    /// How many sandboxes live now.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.0.counts.live()
    }

    /// How many of the pool's slots are free now.
    #[must_use]
    pub fn free_slots(&self) -> u32 {
        let taken = u32::try_from(self.0.counts.in_pool()).unwrap_or(u32::MAX);
        self.0.slots(Pool::Rewritten).saturating_sub(taken)
    }

    /// How many sandboxes were made outside the pool so far.
    #[must_use]
    pub fn made_outside_pool(&self) -> u64 {
        self.0.counts.outside.load(Ordering::Relaxed)
    }
}

impl<S: HostServices> Shared<S> {
    fn slots(&self, pool: Pool) -> u32 {
        let slots = match pool {
            Pool::Rewritten => self.options.pool_size.min(MAX_POOL),
            Pool::Scanned => self.options.pool_size.min(LARGE_POOL),
        };
        self.pool.as_ref().map_or(0, |_| slots)
    }

    /// Why modules that start with much memory are as all others.
    fn large_off(&self) -> Option<String> {
        match self.large.get() {
            Some(made) => made.as_ref().err().cloned(),
            None if self.pool.is_none() => Some(self.why.clone()),
            None => reset::check().err(),
        }
    }

    /// The pool for modules that start with much memory.
    pub(super) fn large(&self) -> Option<&Host<S>> {
        let make = || {
            if let Some(why) = self.large_off() {
                return Err(why);
            }
            let slots = self.slots(Pool::Scanned);
            let engine = Engine::new(&config(&self.options, Some((Pool::Scanned, slots))));
            engine
                .and_then(Host::new)
                .map_err(|e| format!("its address space can't be reserved: {e:#}"))
        };
        self.large.get_or_init(make).as_ref().ok()
    }
}

/// The right to one sandbox of a module, in the pool or outside; given back when it is dropped, which must be after the
/// instance.
#[derive(Debug)]
pub(super) struct Permit<S: HostServices> {
    pub(super) module: Module<S>,
    pub(super) pool: Option<Pool>,
    _charge: Charge,
}

impl<S: HostServices> Module<S> {
    /// The pool that its next sandbox can come from, when so many live.
    fn free_slot(&self, live: u64) -> Option<Pool> {
        let pool = self.0.pooled.as_ref()?.pool;
        (pool.of(live) < u64::from(self.0.shared.slots(pool))).then_some(pool)
    }
}

impl<S: HostServices> Permit<S> {
    /// Takes a slot of the pool if the module fits there and there is one.
    pub(super) fn take(module: Module<S>, account: &Account) -> Result<Self, TaskError> {
        let shared = &module.0.shared;
        let charge = account.charge(Resource::Sandboxes, 1).map_err(|over| {
            TaskError::new(
                ErrorKind::Limit,
                format!("{over}: too many calls wait inside each other"),
            )
        })?;
        let limit = shared.options.max_sandboxes;
        let one_more = |live: u64| {
            let one = 1 + module.free_slot(live).map_or(0, Pool::one);
            (live % IN_POOL < limit || !Guard::MaxSandboxes.stands()).then_some(live + one)
        };
        let live = &shared.counts.live;
        let before = live.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more);
        let before = before.map_err(|_| {
            TaskError::new(
                ErrorKind::Limit,
                format!(
                    "{limit} sandboxes live at once, which is the limit: calls wait inside each other too deeply; raise it with `--max-sandboxes` (and the kernel's `vm.max_map_count`)"
                ),
            )
        })?;
        let pool = module.free_slot(before);
        if pool.is_none() {
            shared.counts.outside.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Self {
            pool,
            _charge: charge,
            module,
        })
    }

    /// What the sandbox's memory is to be put back to before it is dropped, if that is not left to Wasmtime.
    pub(super) fn image(&self) -> Option<Arc<Image>> {
        match self.pool? {
            Pool::Rewritten => None,
            Pool::Scanned => self.module.0.image.clone(),
        }
    }

    /// The pool had no slot in spite of the permit; its owner goes outside.
    pub(super) fn leave_pool(&mut self) {
        if self.give_slot() {
            self.count_outside();
        }
    }

    /// Gives the slot back, if it has one: its owner has no instance for a while.
    pub(super) fn give_slot(&mut self) -> bool {
        let pool = self.pool.take();
        if let Some(pool) = pool {
            let counts = &self.module.0.shared.counts;
            counts.live.fetch_sub(pool.one(), Ordering::AcqRel);
        }
        pool.is_some()
    }

    /// Takes a slot again, if there is one; else its owner goes outside.
    pub(super) fn take_slot(&mut self) {
        debug_assert!(self.pool.is_none(), "it gave its slot back");
        let shared = &self.module.0.shared;
        let one_more = |live| self.module.free_slot(live).map(|pool| live + pool.one());
        let live = &shared.counts.live;
        let before = live.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more);
        self.pool = before.ok().and_then(|live| self.module.free_slot(live));
        if self.pool.is_none() {
            self.count_outside();
        }
    }

    fn count_outside(&self) {
        let counts = &self.module.0.shared.counts;
        counts.outside.fetch_add(1, Ordering::Relaxed);
    }

    /// The module as it is loaded where the sandbox is.
    pub(super) fn loaded(&self) -> Result<&Loaded<S>, TaskError> {
        match &self.module.0.pooled {
            Some(pooled) if self.pool.is_some() => Ok(&pooled.loaded),
            _ => self
                .module
                .0
                .outside()
                .map_err(|e| TaskError::new(ErrorKind::System, e)),
        }
    }
}

impl<S: HostServices> Drop for Permit<S> {
    fn drop(&mut self) {
        let one = 1 + self.pool.map_or(0, Pool::one);
        let counts = &self.module.0.shared.counts;
        counts.live.fetch_sub(one, Ordering::AcqRel);
    }
}

/// The settings of all engines; code compiled for one loads into the others.
fn config(options: &SandboxesOptions, pool: Option<(Pool, u32)>) -> Config {
    let features = super::inspect::features();
    let mut config = Config::new();
    config
        .wasm_features(wasmtime::WasmFeatures::all().difference(features), false)
        .wasm_features(features, true)
        .epoch_interruption(true)
        .parallel_compilation(options.parallel)
        .wasm_backtrace_max_frames(NonZeroUsize::new(MAX_FRAMES))
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable)
        .max_wasm_stack(match Guard::HostStack.stands() {
            true => WASM_STACK,
            false => FIBER_STACK,
        })
        .async_stack_size(FIBER_STACK);
    if let Some((kind, size)) = pool {
        let (elements, scan) = match kind {
            // Wasmtime's page scan passes over pages that are not present just then, which the next guest would see.
            Pool::Rewritten => (TABLE_ELEMENTS, Enabled::No),
            // `reset` has put them back before.
            Pool::Scanned => (LARGE_TABLE_ELEMENTS, Enabled::Yes),
        };
        let mut pool = PoolingAllocationConfig::default();
        pool.total_core_instances(size)
            .total_memories(size)
            .total_tables(size)
            .total_stacks(size)
            .max_memories_per_module(1)
            .max_tables_per_module(1)
            .linear_memory_keep_resident(KEEP_RESIDENT)
            .table_elements(elements)
            // Whole tables are rewritten, up to their size.
            .table_keep_resident(elements * size_of::<usize>())
            .pagemap_scan(scan);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// A hasher that feeds blake3, so that the fingerprint is the same in each process.
struct Fingerprint(blake3::Hasher);

impl std::hash::Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

fn fingerprint(engine: &Engine) -> String {
    use std::hash::Hash as _;
    let mut hasher = Fingerprint(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    entry::VERSION.hash(&mut hasher);
    hasher.0.finalize().to_hex()[..16].to_owned()
}

/// A value that is made on first use and may fail to be made.
pub(super) type Lazy<T> = OnceLock<Result<T, String>>;
