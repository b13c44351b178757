//! Guests in text against services that keep a record; no scheduler.

#![allow(clippy::too_many_lines, reason = "tables of cases are long")]

mod effort;
mod handles;
mod hibernate;
mod hostcalls;
mod lifecycle;
mod limits;
mod loading;
mod reset;
mod views;
mod wasi;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use wrun_abi::StopMode;

use super::*;
use crate::{
    store::{
        Contents, MemFiles, ObjectRef, Place, Resource, Stream, StreamReader, StreamRef, Value,
        Waiting,
    },
    tenant::{self, Account, Charge, Limits},
    types::{CallSpec, ErrorKind, JobId, LogLine, ObjectId, Target, TaskError, TaskId},
};

/// What the guests did, and what they get.
#[derive(Default)]
pub(super) struct Record {
    pub(super) submitted: Mutex<Vec<CallSpec<Resource>>>,
    /// Objects that `spawn` gave.
    pub(super) spawned: Mutex<VecDeque<ObjectRef>>,
    pub(super) items: Mutex<Vec<Value>>,
    pub(super) cancelled: Mutex<Vec<bool>>,
    pub(super) stopped: Mutex<Vec<StopMode>>,
    pub(super) actors: Mutex<HashMap<String, Resource>>,
    pub(super) is_actor: AtomicBool,
    pub(super) ticks: AtomicU64,
    pub(super) alive: AtomicU64,
    pub(super) files: MemFiles,
    /// `context` panics.
    pub(super) panics: AtomicBool,
    next: AtomicU64,
}

impl Record {
    pub(super) fn id(&self) -> ObjectId {
        ObjectId::result(
            TaskId::new(job(), self.next.fetch_add(1, Ordering::Relaxed)),
            0,
        )
    }

    pub(super) fn actor() -> Resource {
        Resource::Actor(Arc::new("actor"))
    }

    pub(super) fn stream(&self) -> StreamRef {
        StreamReader::new(Stream::new(self.id(), 4))
    }
}

fn job() -> JobId {
    "0000000000000001".parse().unwrap()
}

pub(super) struct TestServices {
    account: Arc<Account>,
    record: Arc<Record>,
    wasi: WasiConfig,
    log: mpsc::Sender<LogLine>,
}

impl Drop for TestServices {
    fn drop(&mut self) {
        self.record.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl HostServices for TestServices {
    fn holds(&self, _: usize, _: Option<&Resource>) {}

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
            sender: LogSender::Channel(self.log.clone()),
        }
    }

    async fn submit(
        &mut self,
        calls: Vec<CallSpec<Resource>>,
        room: usize,
    ) -> Result<Vec<Resource>, TaskError> {
        tokio::task::yield_now().await;
        let mut made = Vec::new();
        for call in &calls {
            match &call.target {
                Target::Task(name) if &**name == "missing" => {
                    return Err(TaskError::new(ErrorKind::NotFound, "no task `missing`"));
                }
                Target::Task(name) if &**name == "stream" => {
                    made.push(Resource::Stream(self.record.stream()))
                }
                Target::Constructor(_) => made.push(Record::actor()),
                Target::Task(_) | Target::Method(..) | Target::Host(_) => {
                    let object = ObjectRef::pending(self.record.id());
                    self.record.spawned.lock().push_back(object.clone());
                    made.push(Resource::Object(object));
                }
            }
        }
        if made.len() > room {
            return Err(TaskError::new(
                ErrorKind::BadArgument,
                "no room for the handles",
            ));
        }
        self.record.submitted.lock().extend(calls);
        Ok(made)
    }

    fn room_now(&mut self, bytes: usize, _refs: usize) -> Result<Option<Charge>, TaskError> {
        let charge = self
            .account
            .charge(tenant::Resource::ObjectBytes, bytes as u64);
        charge
            .map(Some)
            .map_err(|over| TaskError::new(ErrorKind::Limit, over.to_string()))
    }

    async fn room(&mut self, bytes: usize, refs: usize) -> Result<Charge, TaskError> {
        Ok(self.room_now(bytes, refs)?.expect("at once or never"))
    }

    fn files(&self) -> &MemFiles {
        &self.record.files
    }

    async fn read(&mut self, value: &Value, _: u64, _: usize) -> Result<Place, TaskError> {
        Ok(Place::Memory(value.resident().expect("no disk here")))
    }

    async fn bring_back(&mut self, value: &Value) -> Result<Option<Contents>, TaskError> {
        Ok(value.resident())
    }

    fn put(&mut self, value: Value) -> Result<ObjectRef, TaskError> {
        Ok(ObjectRef::ready(self.record.id(), Ok(value)))
    }

    async fn yield_item(&mut self, value: Value) -> Result<(), TaskError> {
        self.record.items.lock().push(value);
        Ok(())
    }

    async fn wait(&mut self, waiting: Waiting, timeout: Option<Duration>) -> bool {
        match timeout {
            Some(time) => tokio::time::timeout(time, waiting).await.is_ok(),
            None => {
                waiting.await;
                true
            }
        }
    }

    async fn sleep(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn cancel(&mut self, _of: &Resource, keep_children: bool) {
        self.record.cancelled.lock().push(keep_children);
    }

    fn context(&mut self) -> Vec<u8> {
        assert!(!self.record.panics.load(Ordering::Relaxed), "asked to");
        b"{\"slots\":4.0}".to_vec()
    }

    fn actor_self(&self) -> Option<Resource> {
        self.record
            .is_actor
            .load(Ordering::Relaxed)
            .then(Record::actor)
    }

    fn actor_get(&self, name: &str) -> Option<Resource> {
        self.record.actors.lock().get(name).cloned()
    }

    fn actor_stop(&mut self, _actor: &Resource, mode: StopMode) -> Result<(), TaskError> {
        self.record.stopped.lock().push(mode);
        Ok(())
    }

    fn tick(&mut self) -> Tick {
        self.record.ticks.fetch_add(1, Ordering::Relaxed);
        Tick::Yield
    }
}

/// Everything a test needs.
pub(super) struct Bench {
    pub(super) sandboxes: Sandboxes<TestServices>,
    pub(super) account: Arc<Account>,
    pub(super) record: Arc<Record>,
    pub(super) memory_limit: u64,
    pub(super) wasi: WasiConfig,
    log: mpsc::Sender<LogLine>,
    pub(super) lines: mpsc::Receiver<LogLine>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(4, Limits::default())
    }

    pub(super) fn with(pool_size: u32, limits: Limits) -> Self {
        let options = SandboxesOptions {
            pool_size,
            cache: CacheDir::Off,
            ..SandboxesOptions::default()
        };
        Self::of(Sandboxes::new(options).unwrap(), limits)
    }

    pub(super) fn of(sandboxes: Sandboxes<TestServices>, limits: Limits) -> Self {
        let (log, lines) = mpsc::channel(1_000);
        let account = Account::new("test", limits, None);
        let (record, wasi) = (Arc::default(), WasiConfig::default());
        Self {
            sandboxes,
            account,
            record,
            memory_limit: 16 << 20,
            wasi,
            log,
            lines,
        }
    }

    pub(super) fn module(&self, text: &str) -> Module<TestServices> {
        self.sandboxes
            .compile("test.wat", text.as_bytes())
            .unwrap_or_else(|e| panic!("{e}\n{text}"))
    }

    pub(super) fn services(&self) -> TestServices {
        self.record.alive.fetch_add(1, Ordering::SeqCst);
        TestServices {
            account: self.account.clone(),
            record: self.record.clone(),
            wasi: self.wasi.clone(),
            log: self.log.clone(),
        }
    }

    pub(super) async fn sandbox(
        &self,
        module: &Module<TestServices>,
    ) -> Result<Sandbox<TestServices>, TaskError> {
        module.instantiate(self.services(), self.memory_limit).await
    }

    /// Runs task `run` of a module in a fresh sandbox.
    pub(super) async fn run(&self, text: &str, args: Vec<Value>) -> CallEnd {
        let module = self.module(text);
        match self.sandbox(&module).await {
            Ok(mut sandbox) => call(&mut sandbox, args).await,
            Err(error) => CallEnd {
                outcome: Err(error),
                exit_code: None,
                dead: true,
            },
        }
    }

    /// Runs the body of a task that emits numbers, and gives them.
    pub(super) async fn ints(&self, body: &str, args: Vec<Value>) -> Vec<i32> {
        let end = self.run(&guest(body), args).await;
        ints(&end)
    }

    /// Runs the body of a task that must fail.
    pub(super) async fn error(&self, body: &str) -> TaskError {
        self.run(&guest(body), Vec::new())
            .await
            .outcome
            .expect_err("the guest must fail")
    }

    /// Nothing is held any more.
    pub(super) fn assert_clean(&self) {
        assert_eq!(
            self.account.held().collect::<Vec<_>>(),
            [],
            "charges are given back"
        );
        assert_eq!(
            (
                self.sandboxes.live(),
                self.record.alive.load(Ordering::SeqCst)
            ),
            (0, 0)
        );
        assert_eq!(self.sandboxes.free_slots(), self.sandboxes.info().pool_size);
    }
}

pub(super) async fn call(sandbox: &mut Sandbox<TestServices>, args: Vec<Value>) -> CallEnd {
    let module = sandbox.module().clone();
    let function = module
        .manifest()
        .task("run")
        .or(module.manifest().main())
        .unwrap();
    let frame = CallFrame {
        args,
        result_format: 0,
        num_returns: function.num_returns,
    };
    sandbox.call(function, frame).await
}

pub(super) fn ints(end: &CallEnd) -> Vec<i32> {
    let results = end
        .outcome
        .as_ref()
        .unwrap_or_else(|e| panic!("{e} {:?}", e.backtrace));
    let bytes = &results[0].to_bytes_blocking().expect("in memory")[1..];
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| i32::from_le_bytes(*b))
        .collect()
}

pub(super) fn value(bytes: &'static [u8]) -> Value {
    Value::new(Bytes::from_static(bytes), Vec::new(), None)
}

pub(super) const MANIFEST: &str =
    r#"{\"abi\":1,\"kind\":\"task\",\"name\":\"run\",\"export\":\"run\"}\0a"#;

/// All host functions as imports, by their names.
pub(super) fn imports() -> String {
    let ty = |letters: &str| {
        letters
            .chars()
            .map(|c| if c == 'i' { " i32" } else { " i64" })
            .collect::<String>()
    };
    let one = |module: &str, (name, params, result): &(&str, &str, &str)| {
        let (params, result) = (ty(params), ty(result));
        format!(
            "(import \"{module}\" \"{name}\" (func ${name} (param{params}) (result{result})))\n"
        )
    };
    let wrun = hostcall::signatures::WRUN.iter().map(|s| one("wrun", s));
    let wasi = hostcall::signatures::WASI
        .iter()
        .map(|s| one(hostcall::signatures::WASI_MODULE, s));
    wrun.chain(wasi).collect()
}

/// A task `run` with that body. `$emit` adds a number to its result; data is at will below 40,000.
pub(super) fn guest(body: &str) -> String {
    guest_with(body, "")
}

pub(super) fn guest_with(body: &str, fields: &str) -> String {
    format!(
        r#"(module {imports}
        (memory (export "memory") 1)
        (global $at (mut i32) (i32.const 40001))
        (func $emit (param i32)
            (i32.store (global.get $at) (local.get 0))
            (global.set $at (i32.add (global.get $at) (i32.const 4))))
        (func (export "run") (local $a i32) (local $b i32) (local $c i32)
            {body}
            (drop (call $result_write (i32.const 0) (i32.const 40000)
                (i32.sub (global.get $at) (i32.const 40000)) (i32.const 0) (i32.const 0))))
        {fields}
        (@custom "wrun.manifest" "{MANIFEST}"))"#,
        imports = imports()
    )
}
