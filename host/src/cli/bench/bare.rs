//! Bare Wasmtime: what a fresh instance for each call costs when there is nothing else, no scheduler, queue or store.
//!
//! A pool whose slots keep 2 MiB resident, epoch interruption on, calls on fibers, and one thread for each core that
//! instantiates, calls and drops: the best settings that are safe. It is the only user of raw Wasmtime outside
//! `sandbox`, since the sandbox is what it is compared with.

use std::{num::NonZeroUsize, thread, time::Duration};

use futures_util::FutureExt as _;
use wasmtime::{
    Caller, Config, Engine, Extern, InstanceAllocationStrategy, InstancePre, Linker, Memory,
    Module, PoolingAllocationConfig, Store,
};
use wasmtime_wasi::p1::{self, WasiP1Ctx};

use super::{RowError, guests::guests, lab::timed, sample::Sample};
use crate::rt::{clock, process};

/// What the task gets, and what it gives for it.
pub(super) const INPUT: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
pub(super) const OUTPUT: &str = "36";

/// Calls of each thread in one measurement.
const CALLS: usize = 20_000;
/// What a slot's memory keeps when it is given back.
const KEEP_RESIDENT: usize = 2 << 20;
/// Instances, memories, tables and stacks in the pool.
const POOL: u32 = 1_000;
/// Cores that were idle are slow at first, on a virtual machine by half: they are kept busy for so long.
const WARM_UP: Duration = Duration::from_millis(500);
/// Never reached: nothing counts epochs here.
const EPOCHS: u64 = 1 << 40;

/// What the guest's imports see.
#[derive(Default)]
struct Task {
    output: Vec<u8>,
    /// The guest links WASI and never calls it.
    wasi: Option<WasiP1Ctx>,
}

/// An engine with the small task in it.
pub(super) struct Bare {
    engine: Engine,
    task: InstancePre<Task>,
    threads: usize,
}

impl Bare {
    /// Compiles the guest, and warms up.
    pub(super) fn new() -> Result<Self, RowError> {
        let engine = Engine::new(&config())?;
        let module = Module::new(&engine, guests()?.bare)?;
        let task = linker(&engine)?.instantiate_pre(&module)?;
        let bare = Self {
            engine,
            task,
            threads: thread::available_parallelism().map_or(1, NonZeroUsize::get),
        };
        let begun = clock::now();
        while begun.elapsed() < WARM_UP {
            bare.all()?;
        }
        Ok(bare)
    }

    /// Calls a second, on all cores.
    pub(super) fn rate(&self) -> Result<Sample, RowError> {
        let before = process::cpu();
        let (done, time) = timed(|| self.all());
        done?;
        let calls = self.threads * CALLS;
        let cpu = process::cpu().saturating_sub(before);
        Ok(Sample::rate(calls, time).cpu(calls, cpu))
    }

    fn all(&self) -> Result<(), RowError> {
        thread::scope(|scope| {
            let start = |_| scope.spawn(|| (0..CALLS).try_for_each(|_| self.one()));
            let threads: Vec<_> = (0..self.threads).map(start).collect();
            threads.into_iter().try_for_each(|thread| {
                let panicked = |_| Err(RowError::wrong("a thread panicked"));
                thread.join().unwrap_or_else(panicked)
            })
        })
    }

    /// One call in an instance of its own.
    fn one(&self) -> Result<(), RowError> {
        let mut store = Store::new(&self.engine, Task::default());
        store.set_epoch_deadline(EPOCHS);
        let call = async {
            let instance = self.task.instantiate_async(&mut store).await?;
            let small = instance.get_typed_func::<(), ()>(&mut store, "small")?;
            small.call_async(&mut store, ()).await
        };
        // Nothing in it waits.
        let called = call.now_or_never();
        called.ok_or_else(|| RowError::wrong("the call was suspended"))??;
        if store.data().output == OUTPUT.as_bytes() {
            Ok(())
        } else {
            Err(RowError::wrong("bare Wasmtime gave another result"))
        }
    }
}

fn config() -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_core_instances(POOL)
        .total_memories(POOL)
        .total_tables(POOL)
        .total_stacks(POOL)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        // A page of a table: it is cleared by a plain fill.
        .table_elements(512)
        .table_keep_resident(4096);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<Task>> {
    let mut linker = Linker::new(engine);
    p1::add_to_linker_async(&mut linker, |task: &mut Task| {
        task.wasi.as_mut().expect("the guest never calls WASI")
    })?;
    linker.func_wrap("bench", "input_len", || {
        u32::try_from(INPUT.len()).ok().unwrap_or(0)
    })?;
    linker.func_wrap(
        "bench",
        "input_read",
        |mut guest: Caller<'_, Task>, at: u32| {
            memory(&mut guest)?.write(&mut guest, address(at), &INPUT)?;
            Ok(())
        },
    )?;
    linker.func_wrap(
        "bench",
        "output_write",
        |mut guest: Caller<'_, Task>, at: u32, len: u32| {
            let (bytes, task) = memory(&mut guest)?.data_and_store_mut(&mut guest);
            let end = address(at).saturating_add(address(len));
            let output = bytes.get(address(at)..end);
            task.output = output
                .ok_or_else(|| wasmtime::Error::msg("out of bounds"))?
                .to_vec();
            Ok(())
        },
    )?;
    Ok(linker)
}

fn memory(guest: &mut Caller<'_, Task>) -> wasmtime::Result<Memory> {
    let memory = guest.get_export("memory").and_then(Extern::into_memory);
    memory.ok_or_else(|| wasmtime::Error::msg("the guest has no memory"))
}

fn address(at: u32) -> usize {
    // Never smaller than 32 bits where Wasmtime runs.
    usize::try_from(at).unwrap_or(usize::MAX)
}
