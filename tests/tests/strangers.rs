//! The hostile suite: each module of `tests/hostile` against a server that serves others meanwhile, and against one without
//! the guard that stops it, where it must do harm. `tests/hostile/README.md` says how a module tells what it tries.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::too_many_lines,
    reason = "what happens one after another stands in one piece"
)]
#![allow(clippy::print_stdout, reason = "how long each module took")]
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use wrun_host::{
    api::{CallView, JobRequest, JobState, JobView, TenantLimits},
    client::{Client, ClientError},
    rt::guard::Guard,
};
use wrun_tests::{
    guest::SERVE,
    server::{Place, Server, block_on, ended, output, refused, task, tenant},
    unguarded,
};

/// After so long a job whose limit is a second is one that no limit ends.
const LONG: Duration = Duration::from_secs(3);
/// What the files outside of what is granted say.
const SECRET: &str = "the host's own secret";
/// The actor of the neighbour that must not be found.
const TREASURE: &str = "treasure";

/// What must be seen.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    /// The job ends by itself, with exit code 0.
    Finishes,
    /// The job ends by itself, with this exit code.
    Exits(i32),
    /// It ends with an error or is refused, and that says all this.
    Fails(Vec<String>),
    /// It prints this.
    Prints(String),
    /// It is still there long after its time.
    RunsOn,
    /// A neighbour gets no answer while it runs.
    Starves,
    /// The server's process ends.
    Dies,
    /// The host says on its standard error that it panicked.
    Panics,
    /// The server's memory grows by so many MiB.
    Grows(u64),
    /// It has so many files open.
    Opens(usize),
    /// The tenant holds so much of something.
    Holds(String, u64),
    /// Long after its end its tenant still holds something.
    Lingers,
    /// What the neighbour does afterwards fails.
    Spoils,
    /// The granted file, opened without a sandbox, is the secret.
    Natively(String),
}

/// One module of the suite.
#[derive(Debug, Clone)]
struct Case {
    name: String,
    bytes: Vec<u8>,
    limits: TenantLimits,
    /// A tenant of the configuration file instead of one of its own.
    tenant: Option<String>,
    request: JobRequest,
    /// The neighbour runs the same module with these arguments before.
    before: Option<Vec<String>>,
    /// The neighbour's call afterwards, and its result.
    then: Option<(String, Vec<Json>, Json)>,
    must: Vec<Seen>,
    /// It may leave something that its tenant holds, such as detached actors.
    leaves: bool,
    without: Vec<(String, Seen)>,
}

/// What a run showed.
#[derive(Debug, Default)]
struct Run {
    job: Option<JobView>,
    message: String,
    printed: String,
    /// The most that was seen of each thing its tenant held.
    held: BTreeMap<String, u64>,
    files: usize,
    grown: u64,
    starved: bool,
    lingers: bool,
    spoilt: Option<String>,
    died: bool,
    panicked: bool,
}

fn texts(line: &str) -> Vec<String> {
    line.split('"')
        .skip(1)
        .step_by(2)
        .map(ToOwned::to_owned)
        .collect()
}

fn seen(text: &str) -> Seen {
    let (word, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    match word {
        "finishes" => Seen::Finishes,
        "exits" => Seen::Exits(rest.trim().parse().unwrap()),
        "fails" => Seen::Fails(texts(rest)),
        "prints" => Seen::Prints(texts(rest).remove(0)),
        "runs-on" => Seen::RunsOn,
        "starves" => Seen::Starves,
        "dies" => Seen::Dies,
        "panics" => Seen::Panics,
        "grows" => Seen::Grows(rest.trim().parse().unwrap()),
        "opens" => Seen::Opens(rest.trim().parse().unwrap()),
        "holds" => {
            let (what, n) = rest.trim().split_once(' ').unwrap();
            Seen::Holds(what.to_owned(), n.parse().unwrap())
        }
        "lingers" => Seen::Lingers,
        "spoils" => Seen::Spoils,
        "natively" => Seen::Natively(rest.trim().to_owned()),
        other => panic!("`{other}` is nothing that can be seen"),
    }
}

/// Lines of the form `;;* N text` stand for N copies of the text, with `{}` as their number.
fn expand(text: &str) -> String {
    let mut expanded = String::new();
    for line in text.lines() {
        match line
            .trim()
            .strip_prefix(";;* ")
            .and_then(|rest| rest.split_once(' '))
        {
            None => writeln!(expanded, "{line}").unwrap(),
            Some((n, text)) => {
                for i in 0..n.parse().unwrap() {
                    let i: u64 = i;
                    writeln!(expanded, "{}", text.replace("{}", &i.to_string())).unwrap();
                }
            }
        }
    }
    expanded
}

/// A custom section of so many bytes.
fn custom_section(mut n: usize) -> Vec<u8> {
    let mut section = vec![0];
    let name = b"\x04junk";
    n += name.len();
    while n >= 0x80 {
        section.push(u8::try_from(n & 0x7f).unwrap() | 0x80);
        n >>= 7;
    }
    section.push(u8::try_from(n).unwrap());
    section.extend_from_slice(name);
    section
}

fn read(path: &Path) -> Case {
    let text = fs::read_to_string(path).unwrap();
    let name = path
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .replace('_', "-");
    let mut case = Case {
        name,
        bytes: expand(&text).into_bytes(),
        limits: TenantLimits::default(),
        tenant: None,
        request: JobRequest {
            timeout_ms: Some(30_000),
            ..JobRequest::default()
        },
        before: None,
        then: None,
        must: Vec::new(),
        leaves: false,
        without: Vec::new(),
    };
    for line in text.lines().take_while(|line| line.starts_with(";;")) {
        let Some((key, rest)) = line[2..].trim().split_once(':') else {
            continue;
        };
        let rest = rest.trim();
        let words = || {
            rest.split_whitespace()
                .map(ToOwned::to_owned)
                .collect::<Vec<_>>()
        };
        match key {
            "limits" => {
                let pair = |word: String| {
                    let (key, n) = word.split_once('=').unwrap();
                    (key.to_owned(), json!(n.parse::<u64>().unwrap()))
                };
                let limits: serde_json::Map<_, _> = words().into_iter().map(pair).collect();
                case.limits = serde_json::from_value(Json::Object(limits)).unwrap();
            }
            "tenant" => case.tenant = Some(rest.to_owned()),
            "args" => case.request.args = words(),
            "task" => {
                let (name, args) = rest.split_once(' ').unwrap_or((rest, "[]"));
                let args = serde_json::from_str(args).unwrap();
                case.request.task = Some(CallView {
                    name: name.to_owned(),
                    args,
                });
            }
            "timeout-ms" => case.request.timeout_ms = Some(rest.parse().unwrap()),
            "before" => case.before = Some(words()),
            "then" => {
                let (call, result) = rest.split_once("=>").unwrap();
                let (name, args) = call.trim().split_once(' ').unwrap();
                let result = serde_json::from_str(result).unwrap();
                let args = serde_json::from_str(args).unwrap();
                case.then = Some((name.to_owned(), args, result));
            }
            "must" => case.must.push(seen(rest)),
            "leaves" => case.leaves = true,
            "custom-section" => {
                case.bytes = wat::parse_bytes(&case.bytes).unwrap().into_owned();
                let n: usize = rest.parse().unwrap();
                let section = custom_section(n);
                case.bytes.extend_from_slice(&section);
                case.bytes.resize(case.bytes.len() + n, 0);
            }
            key => {
                if let Some(guard) = key.strip_prefix("without ") {
                    case.without.push((guard.to_owned(), seen(rest)));
                }
            }
        }
    }
    assert!(!case.must.is_empty(), "{}: nothing must happen", case.name);
    assert!(!case.without.is_empty(), "{}: no guard stops it", case.name);
    case
}

/// All modules of the suite.
fn paths() -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile");
    for class in fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if class.is_dir() {
            paths.extend(
                fs::read_dir(class)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "wat"));
    paths.sort();
    paths
}

/// Those whose path holds what `WRUN_HOSTILE` says, if that is set.
fn cases() -> Vec<Case> {
    let only = std::env::var("WRUN_HOSTILE").unwrap_or_default();
    let mut paths = paths();
    paths.retain(|path| path.to_str().unwrap().contains(&only));
    paths.iter().map(|path| read(path)).collect()
}

/// A place with the tenant `files`, whose directories hold ways out, and the tenant `good`.
fn place() -> Place {
    let mut place = Place::with("");
    let path = |name: &str| place.path(name);
    for dir in ["files/free/sub", "files/fixed", "outside"] {
        fs::create_dir_all(path(dir)).unwrap();
    }
    fs::write(path("outside/secret"), SECRET).unwrap();
    fs::write(path("files/fixed/file"), SECRET).unwrap();
    fs::write(path("files/free/own"), "its own").unwrap();
    let link = |to: PathBuf, name: &str| std::os::unix::fs::symlink(to, path(name)).unwrap();
    link("../../outside/secret".into(), "files/free/link");
    link(path("outside"), "files/free/absolute");
    link("sub/../../../outside".into(), "files/free/winding");
    link("files/fixed".into(), "files/free/dangling");
    place.config = format!(
        "roots = [\"{root}\"]\n[host]\nnum_cpus = 2\nmemory_limit = \"1GiB\"\n[tenant.good]\n[tenant.files]\nopen_files = 2000\ndirs = [\"{root}/free::/free\", \"{root}/fixed::/fixed:ro\"]\n",
        root = path("files").display(),
    );
    place
}

/// What is outside of the grants, and what is granted for reading, is as it was.
fn nothing_escaped(place: &Place) -> bool {
    let names = |dir: &str| fs::read_dir(place.path(dir)).unwrap().count();
    fs::read_to_string(place.path("outside/secret")).is_ok_and(|text| text == SECRET)
        && fs::read_to_string(place.path("files/fixed/file")).is_ok_and(|text| text == SECRET)
        && names("outside") == 1
        && names("files/fixed") == 1
}

fn status(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// MiB that the process has at most had since [`forget_peak`].
fn peak(pid: u32) -> u64 {
    status(pid, "VmHWM") >> 10
}

fn forget_peak(pid: u32) {
    // Kernels without it tell a peak that is too high, which fails a test rather than passing it.
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// A server and those who use it.
struct Scene {
    place: Place,
    server: Server,
    good: String,
    serve: String,
}

impl Scene {
    fn new(mut place: Place) -> Self {
        let server = place.start();
        let (good, serve) = block_on(async {
            let admin = server.client(&place.token);
            let good = token_of(&admin, "good").await;
            let client = server.client(&good);
            let serve = client
                .push("serve.wasm", fs::read(SERVE).unwrap())
                .await
                .unwrap()
                .hash;
            let treasure = client
                .submit(&task(&serve, "shared", vec![json!(TREASURE)]), None)
                .await;
            client.result(&treasure.unwrap().id, 30).await.unwrap();
            (good, serve)
        });
        Self {
            place,
            server,
            good,
            serve,
        }
    }

    fn is_alive(&self) -> bool {
        // Who is dead, and not waited for yet, has no memory.
        status(self.server.child.id(), "VmRSS") > 0
    }

    /// Runs a case; `wait` says how long its job may take before it is cancelled.
    fn run(&self, case: &Case, wait: Duration, is_neighbour_needed: bool) -> Run {
        let pid = self.server.child.id();
        let admin = || self.server.client(&self.place.token);
        let token = block_on(async {
            match &case.tenant {
                Some(name) => token_of(&admin(), name).await,
                None => tenant(&admin(), &case.name, case.limits.clone()).await,
            }
        });
        let good = || self.server.client(&self.good);
        if let Some(args) = &case.before {
            block_on(async {
                let good = good();
                let module = good
                    .push(&case.name, case.bytes.clone())
                    .await
                    .unwrap()
                    .hash;
                let request = JobRequest {
                    module,
                    args: args.clone(),
                    ..JobRequest::default()
                };
                let job = good.submit(&request, None).await.unwrap();
                assert_eq!(
                    ended(&good, &job.id).await.exit_code,
                    Some(0),
                    "{}",
                    case.name
                );
            });
        }
        forget_peak(pid);
        let start = status(pid, "VmRSS") >> 10;
        let mut run = Run::default();
        let over = AtomicBool::new(false);
        let (held, files) = (Mutex::new(BTreeMap::new()), Mutex::new(0));
        thread::scope(|scope| {
            let watch = scope.spawn(|| {
                block_on_long(watch(
                    &admin(),
                    tenant_name(case),
                    pid,
                    &over,
                    &held,
                    &files,
                ));
            });
            let submitted = block_on_long(async {
                self.submit(case, &token, wait, is_neighbour_needed, &mut run)
                    .await
            });
            if let Err(error) = submitted {
                match error {
                    ClientError::Refused { .. } => run.message = refused(error).1,
                    error => run.message = error.to_string(),
                }
            }
            over.store(true, Ordering::SeqCst);
            let _ = watch.join();
        });
        run.held = held.into_inner().unwrap();
        run.files = files.into_inner().unwrap();
        thread::sleep(Duration::from_millis(20));
        run.died = !self.is_alive();
        run.grown = peak(pid).saturating_sub(start);
        run.panicked = self.server.errors.lock().unwrap().contains("panicked");
        if let (Some((name, args, wanted)), false) = (&case.then, run.died) {
            let good = good();
            run.spoilt = block_on(async {
                let request = task(&self.serve, name, args.clone());
                let job = good.submit(&request, None).await.unwrap();
                match good.result(&job.id, 20).await {
                    Ok(result) if result == *wanted => None,
                    other => Some(format!("{other:?}")),
                }
            });
        }
        run
    }

    /// From the push to the end of the job.
    async fn submit(
        &self,
        case: &Case,
        token: &str,
        wait: Duration,
        is_neighbour_needed: bool,
        run: &mut Run,
    ) -> Result<(), ClientError> {
        let client = self.server.client(token);
        let module = client.push(&case.name, case.bytes.clone()).await?.hash;
        let request = JobRequest {
            module,
            ..case.request.clone()
        };
        let job = client.submit(&request, None).await?;
        let neighbour = async {
            if is_neighbour_needed {
                // The hostile one is under way.
                tokio::time::sleep(Duration::from_millis(500)).await;
                let good = self.server.client(&self.good);
                let answer = async {
                    let job = good
                        .submit(&task(&self.serve, "many", vec![json!(20)]), None)
                        .await;
                    good.result(&job?.id, 30).await
                };
                run.starved = !matches!(tokio::time::timeout(LONG, answer).await, Ok(Ok(_)));
            }
        };
        let end = async { tokio::time::timeout(wait, ended_or_gone(&client, &job.id)).await };
        let (end, ()) = tokio::join!(end, neighbour);
        match end {
            Ok(end) => run.job = Some(end?),
            Err(_) => {
                run.job = Some(client.job(&job.id).await?);
                let _ = client.cancel(&job.id).await;
                return Ok(());
            }
        }
        let error = |job: &JobView| {
            let error = job
                .error
                .as_ref()
                .map(|error| format!("{} {error}", error.kind.code()));
            [error, job.reason.clone()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ")
        };
        run.message = run.job.as_ref().map(error).unwrap_or_default();
        run.printed = output(&client, &job.id).await;
        if run.job.as_ref().is_some_and(|job| job.has_result) {
            let result = client.result(&job.id, 0).await?;
            write!(run.printed, "{result}").unwrap();
        }
        Ok(())
    }

    /// What a tenant still holds.
    fn held_by(&self, name: &str) -> BTreeMap<String, u64> {
        block_on(async { held(&self.server.client(&self.place.token), name).await })
    }
}

fn block_on_long<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

async fn token_of(admin: &Client, name: &str) -> String {
    let request = wrun_tests::server::token(wrun_host::api::Role::Submit);
    admin.issue(name, &request).await.unwrap().token
}

fn tenant_name(case: &Case) -> &str {
    case.tenant.as_deref().unwrap_or(&case.name)
}

/// As [`ended`], when the server may die.
async fn ended_or_gone(client: &Client, id: &str) -> Result<JobView, ClientError> {
    loop {
        let job = client.job(id).await?;
        if job.state.is_ended() {
            return Ok(job);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn held(admin: &Client, name: &str) -> BTreeMap<String, u64> {
    let Ok(view) = admin.tenant(name).await else {
        return BTreeMap::new();
    };
    let used = serde_json::to_value(&view.used).unwrap();
    let used = used.as_object().unwrap().iter();
    used.filter_map(|(key, n)| Some((key.clone(), n.as_u64()?)))
        .collect()
}

/// Whether that is more than modules and kept output.
fn is_something(held: &BTreeMap<String, u64>) -> bool {
    let kept = ["module_bytes", "log_bytes", "retention_bytes"];
    held.iter()
        .any(|(name, n)| !kept.contains(&&**name) && *n > 0)
}

/// Looks again and again at what a tenant holds, and at the process.
async fn watch(
    admin: &Client,
    name: &str,
    pid: u32,
    over: &AtomicBool,
    most: &Mutex<BTreeMap<String, u64>>,
    files: &Mutex<usize>,
) {
    while !over.load(Ordering::SeqCst) {
        let asked = tokio::time::timeout(Duration::from_secs(1), held(admin, name)).await;
        for (what, n) in asked.unwrap_or_default() {
            let mut most = most.lock().unwrap();
            let known = most.entry(what).or_default();
            *known = n.max(*known);
        }
        {
            let mut files = files.lock().unwrap();
            *files = open_files(pid).max(*files);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether that was seen.
fn is_seen(what: &Seen, run: &Run, place: &Place) -> bool {
    let job = run.job.as_ref();
    match what {
        Seen::Finishes => job.is_some_and(|job| job.exit_code == Some(0)),
        Seen::Exits(code) => job.is_some_and(|job| job.exit_code == Some(*code)),
        Seen::Fails(texts) => {
            job.is_none_or(|job| job.state.is_ended() && job.exit_code != Some(0))
                && !run.message.is_empty()
                && texts.iter().all(|text| run.message.contains(text))
        }
        Seen::Prints(text) => run.printed.contains(text),
        Seen::RunsOn => job.is_some_and(|job| job.state == JobState::Running),
        Seen::Starves => run.starved,
        Seen::Dies => run.died,
        Seen::Panics => run.panicked || run.message.contains("a bug in wrun"),
        Seen::Grows(mib) => run.grown >= *mib,
        Seen::Opens(n) => run.files >= *n,
        Seen::Holds(what, n) => run.held.get(what).is_some_and(|held| held >= n),
        Seen::Lingers => run.lingers,
        Seen::Spoils => run.spoilt.is_some() || !nothing_escaped(place),
        Seen::Natively(path) => {
            let path = place.path("files/free").join(path);
            fs::read_to_string(path).is_ok_and(|text| text == SECRET)
        }
    }
}

/// A tenant who minds his own business: jobs of 20 tasks, one after another. Gives how long each took, in milliseconds.
fn neighbour(client: &Client, serve: &str, over: &AtomicBool) -> Vec<u128> {
    let mut times = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let start = Instant::now();
        block_on(async {
            let job = client
                .submit(&task(serve, "many", vec![json!(20)]), None)
                .await
                .unwrap();
            assert_eq!(client.result(&job.id, 30).await.unwrap(), json!(380));
        });
        times.push(start.elapsed().as_millis());
        thread::sleep(Duration::from_millis(20));
    }
    times
}

fn middle(times: &[u128]) -> u128 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

#[test]
fn strangers_do_no_harm() {
    let _alone = alone();
    let cases = cases();
    let scene = Scene::new(place());
    let over = Arc::new(AtomicBool::new(false));
    let start = |over: &Arc<AtomicBool>| {
        let (client, serve, over) = (
            scene.server.client(&scene.good),
            scene.serve.clone(),
            over.clone(),
        );
        thread::spawn(move || neighbour(&client, &serve, &over))
    };
    let memory = || status(scene.server.child.id(), "VmRSS") >> 10;
    let quiet = start(&over);
    thread::sleep(Duration::from_secs(2));
    over.store(true, Ordering::SeqCst);
    let quiet = quiet.join().unwrap();
    over.store(false, Ordering::SeqCst);
    let before = memory();
    let beside = start(&over);
    let mut wrong = String::new();
    for case in &cases {
        let begin = Instant::now();
        let run = scene.run(case, Duration::from_secs(50), false);
        println!("{}: {:.1} s", case.name, begin.elapsed().as_secs_f64());
        let mut tell = |what: &str| writeln!(wrong, "{}: {what}\n  {run:?}", case.name).unwrap();
        for must in case
            .must
            .iter()
            .filter(|must| !is_seen(must, &run, &scene.place))
        {
            tell(&format!("not seen: {must:?}"));
        }
        let harm = case.without.iter().map(|(_, harm)| harm);
        for harm in harm.filter(|harm| !matches!(harm, Seen::Natively(_) | Seen::Starves)) {
            if is_seen(harm, &run, &scene.place) {
                tell(&format!("harm: {harm:?}"));
            }
        }
        if run.died || run.panicked || !nothing_escaped(&scene.place) || run.spoilt.is_some() {
            tell("harm to all");
            break;
        }
        let end = Instant::now() + LONG;
        while !case.leaves && is_something(&scene.held_by(tenant_name(case))) {
            if Instant::now() > end {
                tell(&format!(
                    "it left something: {:?}",
                    scene.held_by(tenant_name(case))
                ));
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
    over.store(true, Ordering::SeqCst);
    let beside = beside.join().expect("the neighbour is served well");
    assert!(wrong.is_empty(), "{wrong}");
    let worst = beside.iter().max().unwrap();
    let grown = memory().saturating_sub(before);
    println!(
        "{} modules; a neighbour's job of 20 tasks: {} ms alone, {} ms beside them, at most {worst} ms; the server's memory: \
         {before} MiB before, {grown} MiB more afterwards",
        cases.len(),
        middle(&quiet),
        middle(&beside),
    );
    // A wide bound: two cores do all of this, and the tests' own work.
    assert!(middle(&beside) <= 10 * middle(&quiet) + 100);
    assert!(*worst < 3_000);
    // Compiled modules are kept, those of the last that came.
    assert!(grown < 512, "{grown} MiB");
    assert_eq!(scene.server.stop(), 143, "a stop in order");
}

/// What is done without guards takes all that the machine has; nobody else is to be measured meanwhile.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // Another that failed took nothing along.
    ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[test]
fn each_guard_has_a_module_and_each_class_two() {
    let mut classes: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for path in paths() {
        *classes
            .entry(path.parent().unwrap().to_owned())
            .or_default() += 1;
    }
    let lonely: Vec<_> = classes.iter().filter(|(_, n)| **n < 2).collect();
    assert!(lonely.is_empty(), "{lonely:?}");
    assert!(classes.values().sum::<usize>() >= 60);
    let cases: Vec<_> = paths().iter().map(|path| read(path)).collect();
    let guards = || cases.iter().flat_map(|case| &case.without);
    let is_shown = |name: &str| guards().any(|(names, _)| names.split(',').any(|one| one == name));
    let idle: Vec<_> = Guard::ALL
        .iter()
        .filter(|guard| !is_shown(guard.name()))
        .collect();
    assert!(
        idle.is_empty(),
        "no module shows what these are for: {idle:?}"
    );
}

/// One module without some guards: what is wrong with the harm that it should do, if anything.
fn without(case: &Case, guards: &str, harm: &Seen) -> Option<String> {
    let mut place = place();
    if let Seen::Natively(_) = harm {
        let is_there = is_seen(harm, &Run::default(), &place);
        return (!is_there).then(|| format!("{}: no harm: {harm:?}\n", case.name));
    }
    place.program = unguarded().to_owned();
    place
        .env
        .push(("WRUN_WITHOUT_GUARDS".to_owned(), guards.to_owned()));
    let scene = Scene::new(place);
    let begin = Instant::now();
    let run = scene.run(case, LONG, *harm == Seen::Starves);
    println!(
        "{} without {guards}: {:.1} s",
        case.name,
        begin.elapsed().as_secs_f64()
    );
    let mut run = run;
    run.lingers = *harm == Seen::Lingers && {
        thread::sleep(LONG);
        is_something(&scene.held_by(tenant_name(case)))
    };
    let is_there = is_seen(harm, &run, &scene.place);
    (!is_there).then(|| {
        format!(
            "{} without {guards}: no harm: {harm:?}\n  {run:?}\n",
            case.name
        )
    })
}

#[test]
fn each_guard_is_needed() {
    let _alone = alone();
    let cases = cases();
    let pairs = || {
        cases
            .iter()
            .flat_map(|case| case.without.iter().map(move |one| (case, one)))
    };
    let needs_quiet =
        |harm: &Seen| matches!(harm, Seen::Starves | Seen::Grows(_) | Seen::Holds(..));
    let wrong = Mutex::new(String::new());
    let look = |(case, (guards, harm)): (&Case, &(String, Seen))| {
        if let Some(problem) = without(case, guards, harm) {
            wrong.lock().unwrap().push_str(&problem);
        }
    };
    // Those that only have to go on, or to end otherwise, several at once.
    let together = Mutex::new(pairs().filter(|(_, (_, harm))| !needs_quiet(harm)));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = together.lock().unwrap().next();
                    let Some(pair) = next else { break };
                    look(pair);
                }
            });
        }
    });
    pairs()
        .filter(|(_, (_, harm))| needs_quiet(harm))
        .for_each(look);
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}
