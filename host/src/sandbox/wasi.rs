//! WASI preview 1: Wasmtime's implementation with nothing granted but arguments, variables, directories and output.
//!
//! The context is built on the first call that needs it. What nearly every guest calls (writing to standard output,
//! sleeping, a few random bytes) is answered here without one. Reads and writes of more than [`MAX_IO`] become short
//! ones, since Wasmtime's copies them through a host buffer of the guest's length.
//!
//! Open files are counted and charged: how many a process has is limited, and all guests share that.
//!
//! A directory that can't be opened any more is missing in the guest, and the call's end tells (`Wasi::take_problem`).

use std::time::Duration;

use rustc_hash::FxHashSet;
use wasmtime::{Caller, Linker};
use wasmtime_wasi::{
    FsPerms, WasiCtxBuilder, WasiView,
    p1::{
        WasiP1Ctx, add_to_linker_async,
        wasi_snapshot_preview1::{self as wasi, WasiSnapshotPreview1},
    },
};
use wiggle::GuestMemory;

use super::{
    HostServices,
    fault::Exit,
    hostcall::{Answer, memory_and_state, now, range, small},
    instance::State,
};
use crate::{
    rt::guard::Guard,
    tenant::{Account, Charge, Resource},
    types::{DirGrant, LogStream},
};

/// Longest read or write of a file, and most bytes that the host copies for one WASI call.
const MAX_IO: u32 = 1 << 20;
const HOSTCALL_FUEL: usize = 4 << 20;
const MAX_RESOURCES: usize = 1_000;
/// Files and directories that a sandbox may open beside those that it was granted.
const MAX_FILES: usize = 900;
const MAX_VECTORS: u32 = 1_024;
/// Up to so many random bytes need no context.
const FEW_RANDOM: u32 = 64;
const MODULE: &str = "wasi_snapshot_preview1";

const SUCCESS: i32 = 0;
const EINVAL: i32 = 28;
const EMFILE: i32 = 33;
const ENOTSUP: i32 = 58;

/// What a job's guests get through WASI.
#[derive(Debug, Clone, Default)]
pub struct WasiConfig {
    /// The arguments, the program's name first.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// Directories.
    pub dirs: Vec<DirGrant>,
    /// Standard input is the process's instead of empty.
    pub inherit_stdin: bool,
}

impl WasiConfig {
    /// Checks that each granted directory is there.
    ///
    /// # Errors
    /// A message that names the first that is not.
    pub fn check(&self) -> Result<(), String> {
        for dir in &self.dirs {
            let meta = std::fs::metadata(&dir.host).map_err(|e| cannot_open(dir, &e))?;
            if !meta.is_dir() {
                return Err(cannot_open(dir, &"it is not a directory"));
            }
        }
        Ok(())
    }
}

fn cannot_open(dir: &DirGrant, why: &dyn std::fmt::Display) -> String {
    format!(
        "the directory `{}`, granted as `{}`, can't be opened: {why}",
        dir.host.display(),
        dir.guest
    )
}

/// A sandbox's WASI state.
#[derive(Default)]
pub(super) struct Wasi {
    context: Option<Box<WasiP1Ctx>>,
    /// Standard output and error were closed or replaced by the guest: descriptors 1 and 2 are Wasmtime's.
    moved: [bool; 2],
    /// The descriptors that it opened, and what they are charged.
    opened: FxHashSet<u32>,
    charge: Option<Charge>,
    problem: Option<String>,
}

impl Wasi {
    fn context(&mut self, config: &WasiConfig) -> &mut WasiP1Ctx {
        let problem = &mut self.problem;
        let context = self
            .context
            .get_or_insert_with(|| Box::new(build(config, problem)));
        context.set_hostcall_fuel(match Guard::TransferSize.stands() {
            true => HOSTCALL_FUEL,
            false => usize::MAX,
        });
        context
    }

    /// What was wrong with the grants when the context was built.
    pub(super) fn take_problem(&mut self) -> Option<String> {
        self.problem.take()
    }

    /// The output stream that this descriptor still is.
    fn output(&self, fd: i32) -> Option<LogStream> {
        match fd {
            1 if !self.moved[0] => Some(LogStream::Stdout),
            2 if !self.moved[1] => Some(LogStream::Stderr),
            _ => None,
        }
    }

    /// Takes room for one more open file; `false` when this sandbox or its account may have no more.
    fn take_file(&mut self, account: &Account) -> bool {
        if !Guard::OpenFiles.stands() {
            return true;
        }
        if self.opened.len() >= MAX_FILES {
            return false;
        }
        match &mut self.charge {
            Some(charge) => charge.grow(1).is_ok(),
            None => {
                self.charge = account.charge(Resource::OpenFiles, 1).ok();
                self.charge.is_some()
            }
        }
    }

    fn give_file(&mut self) {
        if let Some(charge) = &mut self.charge {
            charge.shrink(1);
        }
    }

    fn closed(&mut self, fd: i32) {
        if self.opened.remove(&fd.cast_unsigned()) {
            self.give_file();
        }
    }

    fn forget_output(&mut self, fd: i32) {
        match fd {
            1 => self.moved[0] = true,
            2 => self.moved[1] = true,
            _ => {}
        }
    }
}

impl<S: HostServices> State<S> {
    fn context(&mut self) -> &mut WasiP1Ctx {
        self.wasi.context(self.services.wasi())
    }
}

fn build(config: &WasiConfig, problem: &mut Option<String>) -> WasiP1Ctx {
    let mut builder = WasiCtxBuilder::new();
    builder
        .args(&config.args)
        .envs(&config.env)
        .max_random_size(match Guard::RandomSize.stands() {
            true => u64::from(MAX_IO),
            false => u64::MAX,
        });
    if config.inherit_stdin {
        builder.inherit_stdin();
    }
    for dir in &config.dirs {
        let perms = if dir.read_only && Guard::ReadOnly.stands() {
            FsPerms::ReadOnly
        } else {
            FsPerms::ReadWrite
        };
        if let Err(e) = builder.preopened_dir(&dir.host, &dir.guest, perms) {
            problem.get_or_insert_with(|| cannot_open(dir, &e));
        }
    }
    let mut context = builder.build_p1();
    if Guard::OpenFiles.stands() {
        context.ctx().table.set_max_capacity(MAX_RESOURCES);
    }
    context
}

/// Adds all of preview 1 to the linker.
pub(super) fn add_to_linker<S: HostServices>(
    linker: &mut Linker<State<S>>,
) -> wasmtime::Result<()> {
    add_to_linker_async(linker, State::context)?;
    linker.allow_shadowing(true);
    add_files(linker)?;
    linker.func_wrap_async(
        MODULE,
        "poll_oneoff",
        |caller, (subs, events, n, out): (u32, u32, u32, u32)| {
            Box::new(poll_oneoff(caller, subs, events, n, out))
        },
    )?;
    linker.func_wrap(MODULE, "random_get", random_get::<S>)?;
    linker.func_wrap(MODULE, "proc_exit", |code: i32| -> wasmtime::Result<()> {
        Err(wasmtime::Error::new(Exit(code)))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What differs from Wasmtime's own for files and output.
fn add_files<S: HostServices>(linker: &mut Linker<State<S>>) -> wasmtime::Result<()> {
    linker.func_wrap_async(MODULE, "fd_write", |caller, at: (i32, u32, u32, u32)| {
        fd_write(caller, at)
    })?;
    linker.func_wrap_async(MODULE, "fd_read", |caller, at: (i32, u32, u32, u32)| {
        Box::new(transfer(caller, Transfer::new(File::Read, at)))
    })?;
    linker.func_wrap_async(
        MODULE,
        "fd_pread",
        |caller, (fd, iovs, n, offset, out): (i32, u32, u32, i64, u32)| {
            let transfer = Transfer::new(File::ReadAt(offset), (fd, iovs, n, out));
            Box::new(self::transfer(caller, transfer))
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_pwrite",
        |caller, (fd, iovs, n, offset, out): (i32, u32, u32, i64, u32)| {
            let transfer = Transfer::new(File::WriteAt(offset), (fd, iovs, n, out));
            Box::new(self::transfer(caller, transfer))
        },
    )?;
    linker.func_wrap_async(MODULE, "path_open", |caller, at: PathOpen| {
        Box::new(path_open(caller, at))
    })?;
    linker.func_wrap_async(MODULE, "fd_close", |caller, (fd,): (i32,)| {
        Box::new(fd_close(caller, fd))
    })?;
    linker.func_wrap_async(MODULE, "fd_renumber", |caller, (from, to): (i32, i32)| {
        Box::new(fd_renumber(caller, from, to))
    })?;
    Ok(())
}

/// The bits of a `u32` as Wasmtime's functions take them.
fn raw(n: u32) -> i32 {
    n.cast_signed()
}

fn read_u32(memory: &[u8], function: &'static str, at: u32) -> wasmtime::Result<u32> {
    let at = range(memory, function, at, 4)?;
    Ok(u32::from_le_bytes(memory[at].try_into().expect("4 bytes")))
}

/// Lengths and places of the guest's buffers; `None` when there are too many.
fn vectors(
    memory: &[u8],
    function: &'static str,
    iovs: u32,
    n: u32,
) -> wasmtime::Result<Option<Vec<(u32, u32)>>> {
    if n > MAX_VECTORS {
        return Ok(None);
    }
    let at = range(memory, function, iovs, n * 8)?;
    let word = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    Ok(Some(
        memory[at]
            .chunks_exact(8)
            .map(|b| (word(b), word(&b[4..])))
            .collect(),
    ))
}

fn fd_write<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    at: (i32, u32, u32, u32),
) -> Answer<'_, i32> {
    let (fd, iovs, n, out) = at;
    let Some(stream) = caller.data().wasi.output(fd) else {
        return Box::new(transfer(caller, Transfer::new(File::Write, at)));
    };
    match print(&mut caller, stream, iovs, n, out) {
        Ok(SUCCESS) if caller.data().output.must_flush() => Box::new(async move {
            caller.data_mut().output.flush().await;
            Ok(SUCCESS)
        }),
        answer => now(answer),
    }
}

/// Takes at most [`MAX_IO`] bytes of a write to standard output or error.
fn print<S: HostServices>(
    caller: &mut Caller<'_, State<S>>,
    stream: LogStream,
    iovs: u32,
    n: u32,
    out: u32,
) -> wasmtime::Result<i32> {
    const NAME: &str = "fd_write";
    let (memory, state) = memory_and_state(caller, NAME)?;
    if n > MAX_VECTORS {
        return Ok(EINVAL);
    }
    range(memory, NAME, iovs, n * 8)?;
    range(memory, NAME, out, 4)?;
    let mut written = 0;
    for i in 0..n {
        let ptr = read_u32(memory, NAME, iovs + i * 8)?;
        let len = read_u32(memory, NAME, iovs + i * 8 + 4)?;
        let buffer = range(memory, NAME, ptr, len)?;
        let taken = len.min(MAX_IO - written);
        let end = buffer.start + usize::try_from(taken).expect("64-bit host");
        let done = small(print_to(state, stream, &memory[buffer.start..end]));
        written += done;
        if done < len {
            break;
        }
    }
    let out = range(memory, NAME, out, 4)?;
    memory[out].copy_from_slice(&written.to_le_bytes());
    Ok(SUCCESS)
}

fn print_to<S: HostServices>(state: &mut State<S>, stream: LogStream, text: &[u8]) -> usize {
    let services = &state.services;
    state.output.write(stream, text, || services.log())
}

#[derive(Clone, Copy)]
enum File {
    Read,
    ReadAt(i64),
    Write,
    WriteAt(i64),
}

struct Transfer {
    what: File,
    fd: i32,
    iovs: u32,
    n: u32,
    out: u32,
}

impl Transfer {
    fn new(what: File, (fd, iovs, n, out): (i32, u32, u32, u32)) -> Self {
        Self {
            what,
            fd,
            iovs,
            n,
            out,
        }
    }
}

impl File {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "fd_read",
            Self::ReadAt(_) => "fd_pread",
            Self::Write => "fd_write",
            Self::WriteAt(_) => "fd_pwrite",
        }
    }

    async fn run(
        self,
        context: &mut WasiP1Ctx,
        memory: &mut [u8],
        at: &Transfer,
    ) -> wasmtime::Result<i32> {
        let (fd, iovs, n, out) = (at.fd, raw(at.iovs), raw(at.n), raw(at.out));
        let memory = &mut GuestMemory::Unshared(memory);
        match self {
            Self::Read => wasi::fd_read(context, memory, fd, iovs, n, out).await,
            Self::ReadAt(offset) => wasi::fd_pread(context, memory, fd, iovs, n, offset, out).await,
            Self::Write => wasi::fd_write(context, memory, fd, iovs, n, out).await,
            Self::WriteAt(offset) => {
                wasi::fd_pwrite(context, memory, fd, iovs, n, offset, out).await
            }
        }
    }
}

/// A read or write of a file: as it is when it is short, else of the first [`MAX_IO`] bytes through a memory of its own.
async fn transfer<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    transfer: Transfer,
) -> wasmtime::Result<i32> {
    let Transfer {
        what,
        fd,
        iovs,
        n,
        out,
    } = transfer;
    let (memory, state) = memory_and_state(&mut caller, what.name())?;
    let Some(vectors) = vectors(memory, what.name(), iovs, n)? else {
        return Ok(EINVAL);
    };
    if matches!(what, File::Read) {
        // A question is to be seen before the guest waits for the answer.
        state.output.try_flush();
    }
    // Wasmtime uses the first buffer that is not empty, and so does this.
    let first = vectors.into_iter().find(|(_, len)| *len > 0);
    let is_long = |len: u32| len > MAX_IO && Guard::TransferSize.stands();
    let Some((ptr, len)) = first.filter(|(_, len)| is_long(*len)) else {
        return what.run(state.context(), memory, &transfer).await;
    };
    let buffer = range(memory, what.name(), ptr, len)?;
    let size = usize::try_from(MAX_IO).expect("64-bit host");
    let buffer = buffer.start..buffer.start + size;
    // One vector at 0, the answer at 8, the bytes from 16 on.
    let mut scratch = vec![0; 16 + size];
    scratch[..4].copy_from_slice(&16u32.to_le_bytes());
    scratch[4..8].copy_from_slice(&MAX_IO.to_le_bytes());
    if matches!(what, File::Write | File::WriteAt(_)) {
        scratch[16..].copy_from_slice(&memory[buffer.clone()]);
    }
    let inner = Transfer {
        what,
        fd,
        iovs: 0,
        n: 1,
        out: 8,
    };
    let errno = what.run(state.context(), &mut scratch, &inner).await?;
    if errno == SUCCESS {
        let done = read_u32(&scratch, what.name(), 8)?;
        let bytes = usize::try_from(done).expect("64-bit host").min(size);
        if matches!(what, File::Read | File::ReadAt(_)) {
            memory[buffer.start..buffer.start + bytes].copy_from_slice(&scratch[16..16 + bytes]);
        }
        let out = range(memory, what.name(), out, 4)?;
        memory[out].copy_from_slice(&done.to_le_bytes());
    }
    Ok(errno)
}

/// The arguments of `path_open`, in its order.
type PathOpen = (i32, i32, u32, u32, i32, i64, i64, i32, u32);

/// Open files are charged, since the process has only so many.
async fn path_open<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    at: PathOpen,
) -> wasmtime::Result<i32> {
    const NAME: &str = "path_open";
    let (fd, lookup, path, len, open, base, inheriting, flags, out) = at;
    let (memory, state) = memory_and_state(&mut caller, NAME)?;
    let account = state.services.account().clone();
    if !state.wasi.take_file(&account) {
        return Ok(EMFILE);
    }
    let (path, len, place) = (raw(path), raw(len), raw(out));
    let guest = &mut GuestMemory::Unshared(memory);
    let context = state.context();
    let opened = wasi::path_open(
        context, guest, fd, lookup, path, len, open, base, inheriting, flags, place,
    );
    let errno = opened.await;
    if !matches!(errno, Ok(SUCCESS)) {
        state.wasi.give_file();
        return errno;
    }
    let new = read_u32(memory, NAME, out)?;
    state.wasi.opened.insert(new);
    Ok(SUCCESS)
}

async fn fd_close<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    fd: i32,
) -> wasmtime::Result<i32> {
    let (memory, state) = memory_and_state(&mut caller, "fd_close")?;
    state.wasi.forget_output(fd);
    let errno = wasi::fd_close(state.context(), &mut GuestMemory::Unshared(memory), fd).await?;
    if errno == SUCCESS {
        state.wasi.closed(fd);
    }
    Ok(errno)
}

async fn fd_renumber<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    from: i32,
    to: i32,
) -> wasmtime::Result<i32> {
    let (memory, state) = memory_and_state(&mut caller, "fd_renumber")?;
    if state.wasi.output(from).is_some() {
        // Output has a path of its own, which can't be moved to another number.
        return Ok(if from == to { SUCCESS } else { ENOTSUP });
    }
    let errno = wasi::fd_renumber(
        state.context(),
        &mut GuestMemory::Unshared(memory),
        from,
        to,
    )
    .await?;
    if errno == SUCCESS && from != to {
        state.wasi.forget_output(to);
        state.wasi.closed(to);
        if state.wasi.opened.remove(&from.cast_unsigned()) {
            state.wasi.opened.insert(to.cast_unsigned());
        }
    }
    Ok(errno)
}

async fn poll_oneoff<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    subs: u32,
    events: u32,
    n: u32,
    out: u32,
) -> wasmtime::Result<i32> {
    const NAME: &str = "poll_oneoff";
    let (memory, state) = memory_and_state(&mut caller, NAME)?;
    state.output.try_flush();
    if n != 1 {
        let memory = &mut GuestMemory::Unshared(memory);
        return wasi::poll_oneoff(
            state.context(),
            memory,
            raw(subs),
            raw(events),
            raw(n),
            raw(out),
        )
        .await;
    }
    // A plain sleep: one relative clock subscription.
    let sub: [u8; 48] = memory[range(memory, NAME, subs, 48)?]
        .try_into()
        .expect("48 bytes");
    let relative_clock = sub[8] == 0 && matches!(sub[16..20], [0 | 1, 0, 0, 0]) && sub[40] & 1 == 0;
    if !relative_clock {
        let memory = &mut GuestMemory::Unshared(memory);
        return wasi::poll_oneoff(
            state.context(),
            memory,
            raw(subs),
            raw(events),
            raw(n),
            raw(out),
        )
        .await;
    }
    range(memory, NAME, events, 32)?;
    range(memory, NAME, out, 4)?;
    let ns = u64::from_le_bytes(sub[24..32].try_into().expect("8 bytes"));
    state.services.sleep(Duration::from_nanos(ns)).await;
    let mut event = [0; 32];
    event[..8].copy_from_slice(&sub[..8]);
    let at = range(memory, NAME, events, 32)?;
    memory[at].copy_from_slice(&event);
    let out = range(memory, NAME, out, 4)?;
    memory[out].copy_from_slice(&1u32.to_le_bytes());
    Ok(SUCCESS)
}

fn random_get<S: HostServices>(
    mut caller: Caller<'_, State<S>>,
    ptr: u32,
    len: u32,
) -> wasmtime::Result<i32> {
    let (memory, state) = memory_and_state(&mut caller, "random_get")?;
    let at = range(memory, "random_get", ptr, len)?;
    if len > MAX_IO && Guard::RandomSize.stands() {
        return Ok(EINVAL);
    }
    if len > FEW_RANDOM {
        let memory = &mut GuestMemory::Unshared(memory);
        return wasi::random_get(state.context(), memory, raw(ptr), raw(len));
    }
    for chunk in memory[at].chunks_mut(8) {
        let random = crate::rt::random::u64().to_le_bytes();
        chunk.copy_from_slice(&random[..chunk.len()]);
    }
    Ok(SUCCESS)
}
