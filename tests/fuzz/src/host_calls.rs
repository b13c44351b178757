//! Host calls from a live sandbox: a guest that imports every function replays calls that the fuzzer chose, with handles,
//! pointers, lengths and data of its choice.
//!
//! Whatever it does, the host does not panic, no error is the host's own (`System`), and when the sandbox is gone nothing
//! is held: no memory, no handle, no object, no place in the pool.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use tokio::sync::mpsc;
use wrun_abi::StopMode;
use wrun_host::sandbox::{
    CacheDir, CallFrame, HostServices, LogSource, Module, Sandboxes, SandboxesOptions, Tick,
    WasiConfig,
};
use wrun_host::store::{
    Contents, MemFiles, ObjectRef, Place, Resource, Stream, StreamReader, Value, Waiting,
};
use wrun_host::tenant::{self, Account, Charge, Limits};
use wrun_host::types::{CallSpec, ErrorKind, JobId, LogLine, ObjectId, Target, TaskError, TaskId};

const ABI: &str = include_str!("../../../guest-sdk/abi/ABI.md");
const WASI: &str = include_str!("../../wasi_preview1.txt");

/// The fuzzer's data is at 0 in the guest's memory, the results of the latest calls are at [`RESULTS`], the calls at
/// [`STEPS`].
const RESULTS: u32 = 3_072;
const STEPS: usize = 4_096;
const MAX_STEPS: usize = 48;
/// A step is the function's number and the arguments, 8 bytes each.
const MAX_ARGUMENTS: usize = 9;
const STEP_BYTES: usize = 8 * (1 + MAX_ARGUMENTS);
const MEMORY: u32 = 2 * 65_536;

/// A host function: the module, the name, `i` or `I` for each parameter, the result likewise.
type Function = (&'static str, &'static str, String, &'static str);

fn functions() -> &'static [Function] {
    static FUNCTIONS: OnceLock<Vec<Function>> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        let letter = |ty: &str| if ty == "i64" { 'I' } else { 'i' };
        let own = ABI.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.trim_end_matches('`');
            let (params, result) = cells.next()?.strip_prefix("`(")?.split_once(')')?;
            let params = params
                .split(", ")
                .filter_map(|param| param.split_once(": "));
            let result = if result.contains("i64") {
                "I"
            } else if result.contains("i32") {
                "i"
            } else {
                ""
            };
            Some((
                "wrun",
                name,
                params.map(|(_, ty)| letter(ty)).collect(),
                result,
            ))
        });
        let wasi = WASI
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (name, params) = line.split_once(' ').unwrap_or((line, ""));
                ("wasi_snapshot_preview1", name, params.to_owned(), "i")
            });
        own.chain(wasi).collect()
    })
}

/// The guest: its one task `run` reads data and calls from its argument and makes the calls one after another.
fn guest() -> String {
    let ty = |letter| if letter == 'i' { "i32" } else { "i64" };
    let types = |letters: &str| letters.chars().map(ty).collect::<Vec<_>>().join(" ");
    let (mut imports, mut steps) = (String::new(), String::new());
    for (module, name, params, result) in functions() {
        let result_types = types(result);
        let _ = writeln!(
            imports,
            "(import \"{module}\" \"{name}\" (func ${name} (param {}) (result {result_types})))",
            types(params)
        );
        let loads = params.chars().enumerate().map(|(position, letter)| {
            format!(
                "({}.load offset={} (local.get $at))",
                ty(letter),
                8 * (1 + position)
            )
        });
        let call = format!("(call ${name} {})", loads.collect::<String>());
        let call = match *result {
            "" => format!("{call} (i32.const 0)"),
            "I" => format!("(i32.wrap_i64 {call})"),
            _ => call,
        };
        let _ = writeln!(
            steps,
            "(func $step_{name} (type $step) (param $at i32) (result i32) {call})"
        );
    }
    let names: String = functions()
        .iter()
        .map(|(_, name, ..)| format!("$step_{name} "))
        .collect();
    format!(
        r#"(module {imports}
        (memory (export "memory") 2)
        (type $step (func (param i32) (result i32)))
        (table funcref (elem {names}))
        {steps}
        (func (export "run") (local $at i32) (local $end i32) (local $n i32)
          (drop (call $arg_read (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 60000)))
          (local.set $end (call $arg_len (i32.const 0)))
          (local.set $at (i32.const {STEPS}))
          (loop $next
            (if (i32.lt_u (i32.add (local.get $at) (i32.const {STEP_BYTES})) (local.get $end)) (then
              (i32.store
                (i32.add (i32.const {RESULTS}) (i32.and (i32.shl (local.get $n) (i32.const 2)) (i32.const 127)))
                (call_indirect (type $step) (local.get $at)
                  (i32.rem_u (i32.load (local.get $at)) (i32.const {count}))))
              (local.set $n (i32.add (local.get $n) (i32.const 1)))
              (local.set $at (i32.add (local.get $at) (i32.const {STEP_BYTES})))
              (br $next)))))
        (@custom "wrun.manifest" "{{\"abi\":1,\"kind\":\"task\",\"name\":\"run\",\"export\":\"run\",\"num_returns\":2,\"params\":[{{\"name\":\"x\"}},{{\"name\":\"y\"}}]}}\n"))"#,
        count = functions().len(),
    )
}

/// What the fuzzer's bytes mean.
#[derive(Debug, Arbitrary)]
struct Program {
    format: bool,
    data: Vec<Datum>,
    steps: Vec<Step>,
}

#[derive(Debug, Arbitrary)]
enum Datum {
    Byte(u8),
    Text(u8),
    Handle(Handle),
    Word(u32),
    /// A call that decodes: kind, whose arguments are a value with a reference, and an object.
    Call(u8, Handle, Handle),
}

#[derive(Debug, Arbitrary)]
struct Step {
    function: u8,
    arguments: [Argument; MAX_ARGUMENTS],
}

/// A handle that there probably is: an early place, an early generation.
#[derive(Debug, Clone, Copy, Arbitrary)]
struct Handle(u8);

impl Handle {
    fn number(self) -> u32 {
        (u32::from(self.0 >> 6) + 1) << 22 | u32::from(self.0 & 0x1f)
    }
}

#[derive(Debug, Arbitrary)]
enum Argument {
    Small(u8),
    Data(u8),
    Results(u8),
    Handle(Handle),
    NearEnd(u8),
    Negative(u8),
    Any32(u32),
    Any64(u64),
}

impl Argument {
    fn number(&self) -> u64 {
        match *self {
            Self::Small(n) => u64::from(n % 20),
            Self::Data(n) => u64::from(n) * 4,
            Self::Results(n) => u64::from(RESULTS) + u64::from(n % 32) * 4,
            Self::Handle(handle) => u64::from(handle.number()),
            Self::NearEnd(n) => u64::from(MEMORY) + 16 - u64::from(n % 64),
            Self::Negative(n) => u64::MAX - u64::from(n),
            Self::Any32(n) => u64::from(n),
            Self::Any64(n) => n,
        }
    }
}

impl Datum {
    fn write(&self, bytes: &mut Vec<u8>) {
        match *self {
            Self::Byte(byte) => bytes.push(byte),
            Self::Text(n) => bytes.extend_from_slice(
                [&b"name"[..], b"\0", b"\x01null", b"run", b"C"][usize::from(n % 5)],
            ),
            Self::Handle(handle) => bytes.extend_from_slice(&handle.number().to_le_bytes()),
            Self::Word(word) => bytes.extend_from_slice(&word.to_le_bytes()),
            Self::Call(kind, first, second) => {
                bytes.push(kind % 4);
                bytes.extend_from_slice(&first.number().to_le_bytes());
                bytes.extend_from_slice(b"\x03\0run\0\0\x02\0\0\x01\0\0\0\x01\0\0\0\0");
                bytes.extend_from_slice(&first.number().to_le_bytes());
                bytes.push(1);
                bytes.extend_from_slice(&second.number().to_le_bytes());
            }
        }
    }
}

impl Program {
    /// The task's first argument.
    fn argument(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(STEPS + MAX_STEPS * STEP_BYTES);
        for datum in &self.data {
            datum.write(&mut bytes);
        }
        bytes.resize(STEPS, 0);
        for step in self.steps.iter().take(MAX_STEPS) {
            bytes.extend_from_slice(&u64::from(step.function).to_le_bytes());
            for argument in &step.arguments {
                bytes.extend_from_slice(&argument.number().to_le_bytes());
            }
        }
        bytes.insert(0, 0);
        bytes
    }
}

/// Services that answer at once: every other thing is there, never comes, or is an error.
struct Services {
    account: Arc<Account>,
    next: u64,
    kept: Vec<Resource>,
    files: MemFiles,
    wasi: WasiConfig,
    log: mpsc::Sender<LogLine>,
}

impl Services {
    fn id(&mut self) -> ObjectId {
        self.next += 1;
        ObjectId::result(TaskId::new(job(), self.next), 0)
    }

    fn object(&mut self) -> ObjectRef {
        let id = self.id();
        match self.next % 4 {
            0 => ObjectRef::pending(id),
            1 => ObjectRef::ready(
                id,
                Err(Arc::new(TaskError::new(ErrorKind::Panic, "it failed"))),
            ),
            2 => ObjectRef::ready(
                id,
                Ok(Value::new(Bytes::from_static(b"\0\x07"), Vec::new(), None)),
            ),
            _ => {
                let other = Resource::Object(ObjectRef::pending(id));
                let refs = vec![other.clone(), other, Resource::Actor(Arc::new(()))];
                ObjectRef::ready(
                    id,
                    Ok(Value::new(Bytes::from_static(b"\0three"), refs, None)),
                )
            }
        }
    }

    fn stream(&mut self) -> Resource {
        let stream = Stream::new(self.id(), 4);
        if self.next.is_multiple_of(2) {
            let _room = stream.push(self.object(), std::task::Waker::noop());
            stream.end(None);
        }
        Resource::Stream(StreamReader::new(stream))
    }
}

fn job() -> JobId {
    "0000000000000001".parse().expect("16 digits")
}

impl HostServices for Services {
    fn account(&self) -> &Arc<Account> {
        &self.account
    }

    fn wasi(&self) -> &WasiConfig {
        &self.wasi
    }

    fn log(&self) -> LogSource {
        LogSource {
            task: TaskId::new(job(), 7),
            name: "run".into(),
            sender: self.log.clone(),
        }
    }

    async fn submit(
        &mut self,
        calls: Vec<CallSpec<Resource>>,
        room: usize,
    ) -> Result<Vec<Resource>, TaskError> {
        let mut made = Vec::new();
        for call in &calls {
            made.push(match &call.target {
                Target::Constructor(_) => Resource::Actor(Arc::new(())),
                Target::Task(_) if self.next.is_multiple_of(3) => self.stream(),
                Target::Task(_) | Target::Method(..) | Target::Host(_) => {
                    Resource::Object(self.object())
                }
            });
        }
        if made.len() > room {
            return Err(TaskError::new(
                ErrorKind::BadArgument,
                "there is no room for the handles",
            ));
        }
        if self.next.is_multiple_of(7) {
            return Err(TaskError::new(ErrorKind::Limit, "there is no room"));
        }
        self.kept.extend(made.iter().cloned());
        Ok(made)
    }

    fn room_now(&mut self, bytes: usize, _refs: usize) -> Result<Option<Charge>, TaskError> {
        let size = u64::try_from(bytes).expect("64 bits");
        let charge = self.account.charge(tenant::Resource::ObjectBytes, size);
        let charge = charge.map_err(|over| TaskError::new(ErrorKind::Limit, over.to_string()))?;
        Ok(Some(charge))
    }

    async fn room(&mut self, bytes: usize, refs: usize) -> Result<Charge, TaskError> {
        Ok(self.room_now(bytes, refs)?.expect("at once or never"))
    }

    fn files(&self) -> &MemFiles {
        &self.files
    }

    async fn read(&mut self, value: &Value, _: u64, _: usize) -> Result<Place, TaskError> {
        Ok(Place::Memory(value.resident().expect("no disk here")))
    }

    async fn bring_back(&mut self, value: &Value) -> Result<Option<Contents>, TaskError> {
        Ok(value.resident())
    }

    fn put(&mut self, value: Value) -> Result<ObjectRef, TaskError> {
        Ok(ObjectRef::ready(self.id(), Ok(value)))
    }

    async fn yield_item(&mut self, _value: Value) -> Result<(), TaskError> {
        Err(TaskError::new(
            ErrorKind::BadArgument,
            "only a streaming call yields items",
        ))
    }

    async fn wait(&mut self, waiting: Waiting, _timeout: Option<Duration>) -> bool {
        waiting.is_done()
    }

    async fn sleep(&mut self, _time: Duration) {}

    fn cancel(&mut self, _of: &Resource, _keep_children: bool) {}

    fn context(&mut self) -> Vec<u8> {
        br#"{"slots":4.0}"#.to_vec()
    }

    fn actor_self(&self) -> Option<Resource> {
        self.next
            .is_multiple_of(2)
            .then(|| Resource::Actor(Arc::new(())))
    }

    fn actor_get(&self, name: &str) -> Option<Resource> {
        (name == "name").then(|| Resource::Actor(Arc::new(())))
    }

    fn actor_stop(&mut self, _actor: &Resource, _mode: StopMode) -> Result<(), TaskError> {
        Ok(())
    }

    fn tick(&mut self) -> Tick {
        Tick::Yield
    }
}

/// What all runs share.
struct Bench {
    tokio: tokio::runtime::Runtime,
    sandboxes: Sandboxes<Services>,
    module: Module<Services>,
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("an event loop");
        let options = SandboxesOptions {
            pool_size: 2,
            cache: CacheDir::Off,
            ..SandboxesOptions::default()
        };
        let sandboxes = Sandboxes::new(options).expect("this machine runs WebAssembly");
        let module = sandboxes
            .compile("fuzz.wat", guest().as_bytes())
            .unwrap_or_else(|error| panic!("{error}"));
        Bench {
            tokio,
            sandboxes,
            module,
        }
    })
}

/// Runs the calls that the bytes stand for.
pub fn check(bytes: &[u8]) {
    let Ok(program) = Program::arbitrary(&mut Unstructured::new(bytes)) else {
        return;
    };
    let bench = bench();
    let limits = Limits::default()
        .with(tenant::Resource::ObjectBytes, 1 << 20)
        .with(tenant::Resource::Handles, 4_096);
    let account = Account::new("fuzz", limits, None);
    bench.tokio.block_on(run(bench, &account, &program));
    assert_eq!(
        account.held().collect::<Vec<_>>(),
        [],
        "everything is given back"
    );
    assert_eq!(
        (bench.sandboxes.live(), bench.sandboxes.free_slots()),
        (0, 2)
    );
}

async fn run(bench: &Bench, account: &Arc<Account>, program: &Program) {
    let (sender, _lines) = mpsc::channel::<LogLine>(10_000);
    let mut services = Services {
        account: account.clone(),
        next: 0,
        kept: Vec::new(),
        files: MemFiles::default(),
        wasi: WasiConfig {
            args: vec!["fuzz".to_owned(), "argument".to_owned()],
            env: vec![("NAME".to_owned(), "value".to_owned())],
            ..WasiConfig::default()
        },
        log: sender,
    };
    let refs = (0..4)
        .map(|_| Resource::Object(services.object()))
        .collect();
    let args = vec![
        Value::new(program.argument(), refs, None),
        Value::new(Bytes::from_static(b"\x01[1,2]"), Vec::new(), None),
    ];
    let sandbox = bench.module.instantiate(services, 1 << 20).await;
    let mut sandbox = sandbox.unwrap_or_else(|error| panic!("there is room: {error}"));
    let function = bench
        .module
        .manifest()
        .task("run")
        .expect("the guest has it");
    let frame = CallFrame {
        args,
        result_format: u8::from(program.format),
        num_returns: function.num_returns,
    };
    // Only WASI's own sleeping and polling can wait here.
    let end = tokio::time::timeout(Duration::from_millis(50), sandbox.call(function, frame)).await;
    if let Ok(end) = end
        && let Err(error) = end.outcome
    {
        assert_ne!(error.kind, ErrorKind::System, "{error}");
        assert!(
            error.message.len() <= 3 << 16,
            "{} bytes of message",
            error.message.len()
        );
    }
}
