//! A node behind the walls: everything that it does for guests, started after they were raised.

use std::{fs, path::Path, time::Duration};

use wrun_host::{
    CacheDir, DirGrant, ErrorKind, JobEnd, JobOptions, Module, Runtime, RuntimeOptions, SpillTo,
    walls::WallsOptions,
};
use wrun_tests::guest;

use super::{Case, Place, entries, raise};

pub(crate) const CASES: &[Case] = &[
    ("tasks_actors_and_errors", calls),
    ("views_over_memory_files", views),
    ("values_are_spilled", spill),
    ("many_of_everything", stress),
    ("large_guests_are_reset_by_their_pages", large),
    ("modules_are_compiled_and_cached", compile),
    ("a_command_reads_what_it_was_granted", command),
    ("guests_that_misbehave_end_alone", hostile),
    ("requests_are_made_if_that_was_planned", requests),
    ("requests_are_not_made_otherwise", no_requests),
];

const MIB: u64 = 1 << 20;

/// A node that keeps its files inside.
fn options(place: &Place) -> RuntimeOptions {
    let mut options = RuntimeOptions::default();
    options.cache = CacheDir::At(place.path("inside/cache"));
    options.spill = SpillTo::Dir(place.path("inside"));
    options.slots = 2.0;
    options.workers = 2;
    options.pool_size = 16;
    options
}

/// Raises the walls, then starts a node.
fn walled<T>(place: &Place, options: RuntimeOptions, run: impl AsyncFnOnce(&Runtime) -> T) -> T {
    walled_by(place.options(), options, run)
}

/// The same with other walls.
fn walled_by<T>(
    mut walls: WallsOptions,
    options: RuntimeOptions,
    run: impl AsyncFnOnce(&Runtime) -> T,
) -> T {
    walls
        .readable
        .push(Path::new(guest::VIEWS).parent().unwrap().to_owned());
    raise(walls);
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio.block_on(async {
        let runtime = Runtime::start(options).unwrap();
        let result = run(&runtime).await;
        let mut waits = 0;
        while !runtime.held().is_empty() && waits < 500 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            waits += 1;
        }
        assert_eq!(runtime.held(), [], "something is left");
        runtime.shutdown().await;
        result
    })
}

async fn load(runtime: &Runtime, path: &str) -> Module {
    let bytes = fs::read(path).unwrap();
    runtime.load(path, bytes).await.unwrap()
}

async fn submit(runtime: &Runtime, module: &Module, args: &[&str]) -> JobEnd {
    let mut options = JobOptions::default();
    options.args = args.iter().map(ToString::to_string).collect();
    options.timeout = Some(Duration::from_secs(120));
    runtime.submit(module, options).unwrap().wait().await
}

fn well(end: &JobEnd, name: &str) {
    assert_eq!((end.exit_code, &end.error), (0, &None), "{name}");
}

fn calls(place: &Place) {
    walled(place, options(place), async |runtime| {
        for path in [
            guest::COUNTER_ACTOR,
            guest::NESTED_TASKS,
            guest::AGGREGATE_CHAIN_AND_TREE,
            guest::WAIT_FIRST_THREE,
        ] {
            let module = load(runtime, path).await;
            well(&submit(runtime, &module, &[]).await, path);
        }
    });
}

/// The guest itself checks that its views are mapped and not copies.
fn views(place: &Place) {
    let mut options = options(place);
    options.memory_limit = 700 * MIB;
    walled(place, options, async |runtime| {
        let module = load(runtime, guest::VIEWS).await;
        for name in [
            "shared",
            "many_at_once",
            "chunks",
            "in_an_actor",
            "mistakes",
        ] {
            let end = submit(runtime, &module, &[name]).await;
            well(&end, name);
        }
    });
}

fn spill(place: &Place) {
    let mut options = options(place);
    options.object_store_memory = 64 * MIB;
    let end = walled(place, options, async |runtime| {
        let module = load(runtime, guest::STRESS).await;
        submit(runtime, &module, &["tiers::puts_beyond_memory", "256"]).await
    });
    well(&end, "spilling");
    assert!(end.stats.spilled_bytes_peak > 64 * MIB, "{:?}", end.stats);
}

fn stress(place: &Place) {
    let mut options = options(place);
    options.pool_size = 1_000;
    walled(place, options, async |runtime| {
        let module = load(runtime, guest::STRESS).await;
        for (name, size) in [
            ("many::queued", "100000"),
            ("many::nesting", "2000"),
            ("many::living_actors", "500"),
        ] {
            well(&submit(runtime, &module, &[name, size]).await, name);
        }
    });
}

fn large(place: &Place) {
    walled(place, options(place), async |runtime| {
        // It starts with the 1,088 KiB that Rust's own linker settings give.
        let module = load(runtime, guest::WASI_COMMAND).await;
        for round in 0..50 {
            let end = submit(runtime, &module, &["0"]).await;
            well(&end, &format!("round {round}"));
        }
        let engine = runtime.info().engine;
        assert_eq!(engine.large_pool_off.is_some(), !pages_are_told());
    });
}

/// Whether this kernel can tell which pages were written, as Linux can from 6.7 on.
fn pages_are_told() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|part| part.trim().parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(7))
}

/// Text, so that the assembler runs behind the walls too; each module is new.
fn compile(place: &Place) {
    walled(place, options(place), async |runtime| {
        for number in 0..20 {
            let text = format!(
                "(module (memory (export \"memory\") 1) (func (export \"_start\") \
                 (i32.store (i32.const 0) (i32.const {number}))))"
            );
            let module = runtime.load("text", text.into_bytes()).await.unwrap();
            well(&submit(runtime, &module, &[]).await, "text");
        }
        assert_eq!(runtime.info().engine.cache_off, None);
    });
    assert_eq!(entries(&place.path("inside/cache")).len(), 20);
}

fn command(place: &Place) {
    for dir in ["read", "outside"] {
        fs::write(place.path(dir).join("hello.txt"), "from a file").unwrap();
    }
    walled(place, options(place), async |runtime| {
        let module = load(runtime, guest::WASI_COMMAND).await;
        let grant = |name: &str| DirGrant {
            host: place.path(name),
            guest: "/data".to_owned(),
            read_only: true,
        };
        for (dir, expected) in [("read", true), ("outside", false)] {
            let mut options = JobOptions::default();
            options.args = vec!["0".to_owned()];
            options.dirs = vec![grant(dir)];
            options.logs = true;
            let job = runtime.submit(&module, options).unwrap();
            let mut logs = job.logs().expect("asked for");
            let mut text = String::new();
            while let Some(line) = logs.recv().await {
                text += &String::from_utf8_lossy(&line.text);
                text += "\n";
            }
            job.wait().await;
            assert_eq!(text.contains("from a file"), expected, "{dir}: {text}");
        }
    });
}

fn hostile(place: &Place) {
    let mut options = options(place);
    options.memory_limit = 64 * MIB;
    walled(place, options, async |runtime| {
        let module = load(runtime, guest::HOSTILE).await;
        let job = runtime.open(&module, JobOptions::default()).unwrap();
        let recursed = job.call("recurse", (0_u64,)).await.unwrap();
        let error = recursed.get::<u64>().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Trap, "{error}");
        let panicked = job.call("boom", ("over",)).await.unwrap();
        panicked.get::<()>().await.unwrap_err();
        job.call("hoard", ())
            .await
            .unwrap()
            .json()
            .await
            .unwrap_err();
        let sum = job.call("add", (1_i64, 2_i64)).await.unwrap();
        assert_eq!(sum.get::<i64>().await.unwrap(), 3);
        job.close().await;
    });
}

/// How a request by name to the parent ends, which takes connections and does not answer.
fn request(place: &Place, outbound: bool) -> String {
    let mut walls = place.options();
    walls.outbound = outbound;
    let name = format!("localhost:{}", place.port);
    let mut options = options(place);
    options.http.allow = vec![name.parse().unwrap()];
    options.http.networks = vec!["127.0.0.0/8".parse().unwrap()];
    options.http.limits.timeout = Duration::from_millis(300);
    walled_by(walls, options, async |runtime| {
        let module = load(runtime, guest::HTTP).await;
        let job = runtime.open(&module, JobOptions::default()).unwrap();
        let call = (
            "GET",
            format!("http://{name}/"),
            Vec::<(String, String)>::new(),
        );
        let told: [String; 3] = job
            .call("error_of", call)
            .await
            .unwrap()
            .get()
            .await
            .unwrap();
        job.close().await;
        let [kind, _, message] = told;
        format!("{kind}: {message}")
    })
}

/// The name is looked up and connected to; then nobody answers.
fn requests(place: &Place) {
    let end = request(place, true);
    assert!(end.starts_with("Timeout"), "{end}");
}

fn no_requests(place: &Place) {
    let end = request(place, false);
    assert!(end.starts_with("Http"), "{end}");
}
