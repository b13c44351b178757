//! Failures of the host itself: what `Faults` makes on purpose, jobs and runtimes that end in the middle of work, many of
//! them at once and one after another.
//!
//! Each test has the process to itself ([`Alone`]), since some count its threads and its memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![forbid(unsafe_code)]

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use wrun_host::types::{CallOptions, EventKind, FOREVER};
use wrun_host::{
    CacheDir, ErrorKind, Fault, Faults, Job, JobOptions, Module, Pending, Runtime, RuntimeOptions,
    TaskError,
};

const FAULTS: [Fault; 3] = [Fault::HostBug, Fault::MemoryRefused, Fault::Restart];

/// Longer than anything here may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tasks that succeed, trap, sleep and spin; a driver that starts the actor `C`, which may restart once, and gets two of
/// its methods' results.
const GUEST: &str = r#"(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\01null")
  (data (i32.const 64) "\01" "\00\00\00\00" "\01\00C" "\06\00" "\06\04\01\00\00\00" "\00\00")
  (data (i32.const 128) "\02" "\00\00\00\00" "\01\00m" "\00\00" "\00\00" "\02" "\00\00\00\00" "\01\00m" "\00\00" "\00\00")
  (func $null (export "ok")
    (drop (call $result_write (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 0))))
  (func (export "trap") unreachable)
  (func (export "sleep") (call $sleep (i64.const 600000000000)))
  (func (export "spin") (loop br 0))
  (func (export "nap") (call $sleep (i64.const 20000000)) (call $null))
  (func (export "nothing"))
  (func (export "main")
    (if (i32.ne (call $spawn (i32.const 64) (i32.const 18) (i32.const 0) (i32.const 1)) (i32.const 1)) (then (unreachable)))
    (i32.store (i32.const 129) (i32.load (i32.const 0)))
    (i32.store (i32.const 141) (i32.load (i32.const 0)))
    (if (i32.ne (call $spawn (i32.const 128) (i32.const 24) (i32.const 4) (i32.const 2)) (i32.const 2)) (then (unreachable)))
    (if (call $get (i32.const 4) (i32.const 2) (i64.const -1)) (then (unreachable))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"main\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"ok\",\"export\":\"ok\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"trap\",\"export\":\"trap\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"sleep\",\"export\":\"sleep\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"spin\",\"export\":\"spin\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"C\",\"export\":\"nothing\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"C.m\",\"export\":\"ok\"}\n"))"#;

/// The right to run a test, which one has at a time, and the event loop it runs on.
struct Alone {
    _guard: MutexGuard<'static, ()>,
    tokio: tokio::runtime::Runtime,
}

fn alone() -> Alone {
    static LOCK: Mutex<()> = Mutex::new(());
    let _guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    compilers();
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    Alone { _guard, tokio }
}

impl Alone {
    fn run<T>(&self, test: impl Future<Output = T>) -> T {
        self.tokio.block_on(async {
            tokio::time::timeout(PATIENCE, test)
                .await
                .expect("it takes too long")
        })
    }
}

fn start(faults: Faults) -> Runtime {
    let mut options = RuntimeOptions::default();
    options.slots = 2.0;
    options.workers = 2;
    options.pool_size = 16;
    options.cache = CacheDir::At(std::env::temp_dir().join("wrun-tests-cache"));
    options.faults = faults;
    Runtime::start(options).unwrap()
}

/// Faults in the attempts from 0 on of the calls of that name, as many as given; counts all attempts.
fn plan(name: &'static str, fault: Fault, times: u32) -> (Faults, Arc<AtomicU32>) {
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = attempts.clone();
    let faults = Faults::new(move |call, _| {
        let strikes = call == name && counted.fetch_add(1, Ordering::SeqCst) < times;
        strikes.then_some(fault)
    });
    (faults, attempts)
}

async fn load(runtime: &Runtime) -> Module {
    runtime
        .load("guest.wat", GUEST.as_bytes().to_vec())
        .await
        .unwrap()
}

async fn open(runtime: &Runtime) -> Job {
    runtime
        .open(&load(runtime).await, JobOptions::default())
        .unwrap()
}

async fn call(job: &Job, task: &str, max_retries: Option<u32>) -> Pending {
    let options = CallOptions {
        max_retries,
        ..CallOptions::default()
    };
    job.call_json(task, Vec::new(), options).await.unwrap()
}

/// Waits for the call, whose result is `null`.
async fn result(pending: &Pending) -> Result<(), TaskError> {
    pending
        .json()
        .await
        .map(|value| assert!(value.is_null(), "{value}"))
}

/// Waits until nothing is held: whoever ended a job may still be on its way out.
async fn nothing_is_held(runtime: &Runtime) {
    let end = Instant::now() + Duration::from_secs(10);
    while !runtime.held().is_empty() {
        assert!(Instant::now() < end, "{:?}", runtime.held());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The threads in this process that have a name of a runtime's.
fn named() -> Vec<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let tasks = tasks.filter_map(|task| Some(task.ok()?.path()));
    let ours = |task: &PathBuf| {
        fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("wrun-"))
    };
    tasks.filter(ours).collect()
}

/// The compiler's threads, which stay for the next module and are called as the one that first compiled something.
fn compilers() -> &'static [PathBuf] {
    static COMPILERS: OnceLock<Vec<PathBuf>> = OnceLock::new();
    COMPILERS.get_or_init(|| {
        let mut options = RuntimeOptions::default();
        options.cache = CacheDir::Off;
        let runtime = Runtime::start(options).unwrap();
        let tokio = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        tokio.block_on(async {
            load(&runtime).await;
            runtime.shutdown().await;
        });
        // The runtime's own end within this.
        std::thread::sleep(Duration::from_millis(500));
        named()
    })
}

/// How many threads a runtime has in this process now.
fn threads() -> usize {
    let ours = |task: &PathBuf| !compilers().contains(task);
    named().into_iter().filter(ours).count()
}

/// Waits until no thread of a runtime is left.
fn no_thread_is_left() {
    let end = Instant::now() + Duration::from_secs(10);
    while threads() > 0 {
        assert!(Instant::now() < end, "{} threads are left", threads());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Bytes of memory that the process has now.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim()
        .strip_suffix("kB")
        .unwrap()
        .trim()
        .parse::<u64>()
        .unwrap()
        * 1024
}

#[test]
fn a_fault_is_retried() {
    let alone = alone();
    for fault in FAULTS {
        alone.run(async {
            let (faults, attempts) = plan("ok", fault, 2);
            let runtime = start(faults);
            let job = open(&runtime).await;
            assert_eq!(
                result(&call(&job, "ok", None).await).await,
                Ok(()),
                "{fault:?}"
            );
            let stats = job.close().await.stats;
            assert_eq!(attempts.load(Ordering::SeqCst), 3, "{fault:?}");
            assert_eq!(
                (stats.finished, stats.failed, stats.retried),
                (1, 0, 2),
                "{fault:?}"
            );
            drop(job);
            nothing_is_held(&runtime).await;
        });
    }
}

#[test]
fn but_not_more_often_than_asked() {
    let alone = alone();
    for fault in FAULTS {
        for max_retries in [0, 1, 5] {
            alone.run(async {
                let (faults, attempts) = plan("ok", fault, u32::MAX);
                let runtime = start(faults);
                let job = open(&runtime).await;
                let error = result(&call(&job, "ok", Some(max_retries)).await)
                    .await
                    .unwrap_err();
                assert_eq!(
                    (error.kind, error.attempt),
                    (ErrorKind::System, max_retries),
                    "{fault:?}"
                );
                assert_eq!(
                    attempts.load(Ordering::SeqCst),
                    max_retries + 1,
                    "{fault:?}"
                );
                let end = job.close().await;
                assert_eq!((end.stats.finished, end.stats.failed), (0, 1));
            });
        }
    }
}

#[test]
fn for_ever_when_asked() {
    let alone = alone();
    alone.run(async {
        let (faults, attempts) = plan("ok", Fault::Restart, 300);
        let runtime = start(faults);
        let job = open(&runtime).await;
        assert_eq!(result(&call(&job, "ok", Some(FOREVER)).await).await, Ok(()));
        assert_eq!(attempts.load(Ordering::SeqCst), 301);
    });
}

/// What the program did wrong is not retried unless asked.
#[test]
fn a_trap_is_no_fault() {
    let alone = alone();
    alone.run(async {
        let (faults, attempts) = plan("trap", Fault::Restart, 0);
        let runtime = start(faults);
        let job = open(&runtime).await;
        let error = result(&call(&job, "trap", Some(5)).await)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, attempts.load(Ordering::SeqCst)),
            (ErrorKind::Trap, 1)
        );
        let options = CallOptions {
            max_retries: Some(2),
            retry_errors: Some(true),
            ..CallOptions::default()
        };
        let pending = job.call_json("trap", Vec::new(), options).await.unwrap();
        let error = result(&pending).await.unwrap_err();
        assert_eq!(
            (error.kind, error.attempt, attempts.load(Ordering::SeqCst)),
            (ErrorKind::Trap, 2, 4)
        );
    });
}

/// One outcome for each call, whatever happened on the way.
#[test]
fn results_are_recorded_once() {
    let alone = alone();
    alone.run(async {
        let strikes = AtomicU32::new(0);
        let runtime = start(Faults::new(move |_, attempt| {
            let n = strikes.fetch_add(1, Ordering::SeqCst) as usize;
            (attempt < 3 && n % 4 != 3).then(|| FAULTS[n % 3])
        }));
        let mut options = JobOptions::default();
        options.events = true;
        let job = runtime.open(&load(&runtime).await, options).unwrap();
        let mut events = job.events().unwrap();
        let mut calls = Vec::new();
        for _ in 0..50 {
            calls.push(call(&job, "ok", None).await);
        }
        for pending in &calls {
            assert_eq!(result(pending).await, Ok(()));
            assert_eq!(result(pending).await, Ok(()), "it stays");
        }
        let end = job.close().await;
        assert_eq!((end.stats.finished, end.stats.failed), (50, 0));
        let (mut finished, mut running) = (0, 0);
        while let Some(event) = events.try_recv() {
            if let EventKind::Call { state, .. } = event.kind {
                finished += u64::from(state == wrun_host::types::CallState::Finished);
                running += u64::from(state == wrun_host::types::CallState::Running);
            }
        }
        assert_eq!((finished, running), (50, 50 + end.stats.retried));
    });
}

/// The driver runs once; a fault in it ends the job, which does not hang.
#[test]
fn a_fault_in_the_driver() {
    let alone = alone();
    for fault in FAULTS {
        alone.run(async {
            let (faults, attempts) = plan("main", fault, 1);
            let runtime = start(faults);
            let module = load(&runtime).await;
            let job = runtime.submit(&module, JobOptions::default()).unwrap();
            let end = tokio::time::timeout(Duration::from_secs(10), job.wait()).await;
            let end = end.unwrap_or_else(|_| panic!("{fault:?}: the job does not end"));
            assert_eq!(
                end.error.map(|error| error.kind),
                Some(ErrorKind::System),
                "{fault:?}"
            );
            assert_ne!(end.exit_code, 0, "{fault:?}");
            assert_eq!(attempts.load(Ordering::SeqCst), 1, "{fault:?}");
            drop(job);
            nothing_is_held(&runtime).await;
            let again = runtime.submit(&module, JobOptions::default()).unwrap();
            assert_eq!(again.wait().await.error, None, "the runtime lives on");
        });
    }
}

/// An actor whose constructor met a fault is made again, if it may restart; its calls wait for that.
#[test]
fn a_fault_in_a_constructor() {
    let alone = alone();
    for fault in FAULTS {
        alone.run(async {
            let (faults, attempts) = plan("C", fault, 1);
            let runtime = start(faults);
            let module = load(&runtime).await;
            let job = runtime.submit(&module, JobOptions::default()).unwrap();
            let end = job.wait().await;
            assert_eq!(end.error, None, "{fault:?}");
            assert_eq!(attempts.load(Ordering::SeqCst), 2, "{fault:?}");
            assert_eq!(end.stats.actors, 0, "{fault:?}");
            drop(job);
            nothing_is_held(&runtime).await;
        });
    }
}

/// An actor that has no life left fails its calls.
#[test]
fn too_many_faults_in_a_constructor() {
    let alone = alone();
    for fault in FAULTS {
        alone.run(async {
            let (faults, attempts) = plan("C", fault, u32::MAX);
            let runtime = start(faults);
            let module = load(&runtime).await;
            let job = runtime.submit(&module, JobOptions::default()).unwrap();
            let end = tokio::time::timeout(Duration::from_secs(10), job.wait()).await;
            let end = end.unwrap_or_else(|_| panic!("{fault:?}: the calls wait for ever"));
            assert_eq!(
                end.error.map(|error| error.kind),
                Some(ErrorKind::Trap),
                "{fault:?}"
            );
            assert_eq!(attempts.load(Ordering::SeqCst), 2, "{fault:?}");
            assert_eq!(end.stats.actors, 0, "{fault:?}");
            drop(job);
            nothing_is_held(&runtime).await;
        });
    }
}

/// A job that ends while its calls are retried without end.
#[test]
fn faults_while_the_job_ends() {
    let alone = alone();
    for fault in FAULTS {
        alone.run(async {
            let runtime = start(Faults::new(move |name, _| (name == "ok").then_some(fault)));
            let job = open(&runtime).await;
            let mut calls = Vec::new();
            for _ in 0..50 {
                calls.push(call(&job, "ok", Some(FOREVER)).await);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let end = tokio::time::timeout(Duration::from_secs(10), job.close()).await;
            assert_eq!(end.expect("it ends").error, None);
            for pending in calls {
                let error = result(&pending).await.unwrap_err();
                assert!(
                    [ErrorKind::Cancelled, ErrorKind::System].contains(&error.kind),
                    "{error}"
                );
            }
            drop(job);
            nothing_is_held(&runtime).await;
        });
    }
}

#[test]
fn many_jobs_at_once() {
    let alone = alone();
    alone.run(async {
        let runtime = start(Faults::new(|_, attempt| {
            (attempt == 0).then_some(Fault::MemoryRefused)
        }));
        let module = load(&runtime).await;
        let mut jobs = Vec::new();
        for _ in 0..20 {
            let job = runtime.open(&module, JobOptions::default()).unwrap();
            let mut calls = Vec::new();
            for number in 0..20 {
                calls.push(call(&job, if number % 5 == 0 { "nap" } else { "ok" }, None).await);
            }
            jobs.push((job, calls));
        }
        for (job, calls) in jobs {
            for pending in calls {
                assert_eq!(result(&pending).await, Ok(()));
            }
            assert_eq!(job.close().await.stats.retried, 20);
        }
        drop(module);
        nothing_is_held(&runtime).await;
    });
}

#[test]
fn two_runtimes_at_once() {
    let alone = alone();
    alone.run(async {
        let (faults, _) = plan("ok", Fault::HostBug, 1);
        let (one, two) = (start(faults), start(Faults::default()));
        let (in_one, in_two) = (open(&one).await, open(&two).await);
        assert_ne!(in_one.id(), in_two.id());
        let (a, b) = (
            call(&in_one, "ok", None).await,
            call(&in_two, "ok", None).await,
        );
        assert_eq!((result(&a).await, result(&b).await), (Ok(()), Ok(())));
        assert_eq!((in_one.stats().retried, in_two.stats().retried), (1, 0));
        let stuck = call(&in_one, "sleep", None).await;
        drop((a, in_one));
        one.shutdown().await;
        assert!(result(&stuck).await.is_err());
        let c = call(&in_two, "ok", None).await;
        assert_eq!(result(&c).await, Ok(()), "the other goes on");
        drop((b, c));
        in_two.close().await;
        drop(in_two);
        nothing_is_held(&two).await;
        two.shutdown().await;
    });
    no_thread_is_left();
}

/// Whatever its calls are doing, a dropped runtime takes its threads with it, and who waits is told.
#[test]
fn a_runtime_dropped_in_the_middle() {
    let alone = alone();
    for task in ["sleep", "spin", "nap"] {
        alone.run(async {
            let runtime = start(Faults::default());
            let job = open(&runtime).await;
            let mut calls = Vec::new();
            for _ in 0..10 {
                calls.push(call(&job, task, None).await);
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
            tokio::task::spawn_blocking(move || drop(runtime))
                .await
                .unwrap();
            for pending in calls {
                let outcome = tokio::time::timeout(Duration::from_secs(10), result(&pending)).await;
                let outcome = outcome.unwrap_or_else(|_| panic!("{task}: nobody is told"));
                assert!(task == "nap" || outcome.is_err(), "{task}");
            }
            let late = call(&job, "ok", None).await;
            let outcome = tokio::time::timeout(Duration::from_secs(10), result(&late)).await;
            assert!(outcome.expect("it is told, too").is_err(), "{task}");
        });
        no_thread_is_left();
    }
}

/// The same with a driver; its job ends too.
#[test]
fn a_runtime_dropped_under_a_driver() {
    let alone = alone();
    alone.run(async {
        let runtime = start(Faults::default());
        let text = GUEST.replace(
            "\\\"export\\\":\\\"main\\\"",
            "\\\"export\\\":\\\"sleep\\\"",
        );
        let module = runtime.load("sleep.wat", text.into_bytes()).await.unwrap();
        let job = runtime.submit(&module, JobOptions::default()).unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        drop(module);
        runtime.shutdown().await;
        let end = tokio::time::timeout(Duration::from_secs(10), job.wait()).await;
        assert!(end.expect("the job ends with its runtime").error.is_some());
    });
    no_thread_is_left();
}

/// A job whose last handle is dropped is cancelled, and what it held is free.
#[test]
fn a_job_dropped_in_the_middle() {
    let alone = alone();
    alone.run(async {
        let runtime = start(Faults::default());
        for task in ["sleep", "spin"] {
            let job = open(&runtime).await;
            for _ in 0..5 {
                drop(call(&job, task, None).await);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(!runtime.held().is_empty());
            drop(job);
            nothing_is_held(&runtime).await;
            let text = GUEST.replace(
                "\\\"export\\\":\\\"main\\\"",
                &format!("\\\"export\\\":\\\"{task}\\\""),
            );
            let module = runtime.load("stuck.wat", text.into_bytes()).await.unwrap();
            let job = runtime.submit(&module, JobOptions::default()).unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(!runtime.held().is_empty());
            drop(job);
            nothing_is_held(&runtime).await;
        }
        let job = open(&runtime).await;
        assert_eq!(
            result(&call(&job, "ok", None).await).await,
            Ok(()),
            "the runtime lives on"
        );
    });
}

/// The job's own limit of time, with and without a driver.
#[test]
fn a_job_over_its_time() {
    let alone = alone();
    alone.run(async {
        let runtime = start(Faults::default());
        let mut options = JobOptions::default();
        options.timeout = Some(Duration::from_millis(200));
        let job = runtime.open(&load(&runtime).await, options).unwrap();
        let pending = call(&job, "spin", None).await;
        let error = result(&pending).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
        let end = job.wait().await;
        assert_eq!(end.error.map(|error| error.kind), Some(ErrorKind::Timeout));
        drop((pending, job));
        nothing_is_held(&runtime).await;
    });
}

#[test]
fn a_hundred_jobs_leave_nothing() {
    let alone = alone();
    alone.run(async {
        let runtime = start(Faults::new(|name, attempt| {
            (name == "ok" && attempt == 0).then_some(Fault::Restart)
        }));
        let module = load(&runtime).await;
        let mut after_ten = 0;
        let running = threads();
        for number in 0..100 {
            let mut options = JobOptions::default();
            options.timeout = Some(Duration::from_secs(3_600));
            let job = if number % 2 == 0 {
                runtime.submit(&module, options).unwrap()
            } else {
                let job = runtime.open(&module, options).unwrap();
                for _ in 0..10 {
                    assert_eq!(result(&call(&job, "ok", None).await).await, Ok(()));
                }
                let _left_behind = call(&job, "sleep", None).await;
                job
            };
            let end = if number % 2 == 0 {
                job.wait().await
            } else {
                job.close().await
            };
            assert_eq!(end.error, None);
            drop(job);
            nothing_is_held(&runtime).await;
            if number == 10 {
                after_ten = memory();
            }
        }
        let grown = memory().saturating_sub(after_ten);
        assert!(grown < 32 << 20, "{} MiB", grown >> 20);
        assert!(threads() <= running + 2, "{} threads", threads());
        drop(module);
        runtime.shutdown().await;
    });
    no_thread_is_left();
}

/// Ten runtimes one after another.
#[test]
fn runtimes_leave_nothing() {
    let alone = alone();
    let mut after_three = 0;
    for number in 0..10 {
        alone.run(async {
            let runtime = start(Faults::default());
            let job = open(&runtime).await;
            assert_eq!(result(&call(&job, "ok", None).await).await, Ok(()));
            job.close().await;
            drop(job);
            nothing_is_held(&runtime).await;
            runtime.shutdown().await;
        });
        no_thread_is_left();
        if number == 3 {
            after_three = memory();
        }
    }
    let grown = memory().saturating_sub(after_three);
    assert!(grown < 32 << 20, "{} MiB", grown >> 20);
}
