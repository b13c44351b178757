//! The checks that stand between a guest and the host, by name, so that each can be shown to be needed.
//!
//! [`Guard::stands`] is `true` and costs nothing. Only in a build with the feature `guard-switch`, which is made for the
//! hostile suite (`tests/hostile`) and is no product, and there only in the command `wrun-unguarded`, can guards be taken
//! out (`take_out`). Not here: what Wasmtime checks by itself, which can't be.

use std::fmt;

#[cfg(feature = "guard-switch")]
static OUT: std::sync::OnceLock<Vec<Guard>> = std::sync::OnceLock::new();

/// Takes out the guards that the environment variable `WRUN_WITHOUT_GUARDS` names, separated by commas.
///
/// # Errors
/// A name that is none.
#[cfg(feature = "guard-switch")]
pub fn take_out() -> Result<(), String> {
    let names = std::env::var("WRUN_WITHOUT_GUARDS").unwrap_or_default();
    let named = |name: &str| {
        let mut all = Guard::ALL.iter().copied();
        all.find(|guard| guard.name() == name)
            .ok_or_else(|| format!("there is no guard `{name}`"))
    };
    let names = names.split(',').filter(|name| !name.is_empty());
    let out = names.map(named).collect::<Result<_, _>>()?;
    OUT.get_or_init(|| out);
    Ok(())
}

/// How far the wall clock is to be off, in milliseconds: what the file says that `WRUN_CLOCK_OFFSET` names, for tests of
/// a clock that jumps.
#[cfg(feature = "guard-switch")]
pub(super) fn clock_offset() -> i64 {
    static PATH: std::sync::OnceLock<Option<std::ffi::OsString>> = std::sync::OnceLock::new();
    let path = PATH.get_or_init(|| std::env::var_os("WRUN_CLOCK_OFFSET"));
    let text = path
        .as_ref()
        .and_then(|path| std::fs::read_to_string(path).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

macro_rules! guards {
    ($($(#[doc = $doc:literal])* $guard:ident = $name:literal,)*) => {
        /// A check between a guest and the host.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Guard {
            $($(#[doc = $doc])* $guard,)*
        }

        impl Guard {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$guard),*];

            /// How the suite names it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$guard => $name,)*
                }
            }
        }
    };
}

guards! {
    /// Running guests are interrupted at every tick: they yield, and end when they are to.
    Interrupts = "interrupts",
    /// Limits of processor time, of a job and of a task.
    ProcessorTime = "processor-time",
    /// A job's limit of time.
    WallTime = "wall-time",
    /// What ended jobs still run is cancelled.
    JobEnd = "job-end",
    /// Tenants take turns by what they have had.
    FairShare = "fair-share",
    /// Tenants have slots of their own.
    OwnSlots = "own-slots",
    /// A sandbox's own limit of memory.
    MemoryLimit = "memory-limit",
    /// Part of a fiber's stack is the host's.
    HostStack = "host-stack",
    /// A task's sandbox is thrown away after it.
    FreshSandbox = "fresh-sandbox",
    /// How many sandboxes the host holds.
    MaxSandboxes = "max-sandboxes",
    /// Limit of an account: memory of sandboxes.
    SandboxBytes = "sandbox-bytes",
    /// Limit of an account: sandboxes.
    Sandboxes = "sandboxes",
    /// Limit of an account: objects.
    ObjectBytes = "object-bytes",
    /// Limit of an account: queued calls.
    QueuedCalls = "queued-calls",
    /// Limit of an account: bytes of queued calls.
    QueuedBytes = "queued-bytes",
    /// Limit of an account: objects on disk.
    SpilledBytes = "spilled-bytes",
    /// Limit of an account: views.
    ViewBytes = "view-bytes",
    /// Limit of an account: actors.
    Actors = "actors",
    /// Limit of an account: handles.
    Handles = "handles",
    /// A released handle's number names nothing.
    HandleGeneration = "handle-generation",
    /// A handle is of one sandbox.
    OwnHandles = "own-handles",
    /// A result has a number that the call has.
    ResultIndex = "result-index",
    /// A call that leaves out a result has failed.
    AllResults = "all-results",
    /// What a guest points at is inside its memory.
    PointerRange = "pointer-range",
    /// Names of actors are the tenant's own.
    ActorNames = "actor-names",
    /// Reads and writes are of a bounded size, whatever the guest's buffer.
    TransferSize = "transfer-size",
    /// How many random bytes a guest gets at once.
    RandomSize = "random-size",
    /// How many files a sandbox has open.
    OpenFiles = "open-files",
    /// What is granted for reading is not written.
    ReadOnly = "read-only",
    /// Long lines of output are cut into pieces.
    LinePieces = "line-pieces",
    /// The end of a job's output is kept, not all.
    LogTail = "log-tail",
    /// An error's message is of a bounded length.
    MessageLength = "message-length",
    /// How large a job's result may be.
    ResultSize = "result-size",
    /// A producer waits when nobody reads its stream.
    StreamRoom = "stream-room",
    /// How large modules may be, one and all of a tenant's.
    ModuleSize = "module-size",
    /// What compiling a module may take.
    CompileEffort = "compile-effort",
    /// How large a manifest may be.
    ManifestSize = "manifest-size",
    /// It is of the version that this host speaks.
    AbiVersion = "abi-version",
    /// A manifest's functions are there and take nothing.
    ManifestExports = "manifest-exports",
}

impl Guard {
    /// Whether it is in place.
    #[cfg(not(feature = "guard-switch"))]
    #[inline]
    #[must_use]
    pub const fn stands(self) -> bool {
        true
    }

    /// Whether it is in place.
    #[cfg(feature = "guard-switch")]
    #[must_use]
    pub fn stands(self) -> bool {
        OUT.get().is_none_or(|out| !out.contains(&self))
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
