//! A process that submits and finishes under load is killed, again and again. After each time all that it was told is
//! there, in a legal state.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::*;
use crate::types::JobId;

const DIR: &str = "WRUN_TEST_LEDGER_CRASH";
const ROUND: &str = "WRUN_TEST_LEDGER_ROUND";
const ROUNDS: usize = 30;
const LOGS: usize = 70_000;

/// What the children were told.
#[derive(Default)]
struct Told {
    /// By key.
    jobs: HashMap<String, JobId>,
    finished: HashSet<JobId>,
    modules: HashSet<ModuleHash>,
}

impl Told {
    fn hear(&mut self, line: &str) {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("submitted"), Some(key), Some(id)) => {
                let id = id.parse().unwrap();
                let before = self.jobs.insert(key.to_owned(), id);
                assert!(
                    before.is_none_or(|before| before == id),
                    "{key} has two jobs"
                );
            }
            (Some("finished"), Some(id), None) => drop(self.finished.insert(id.parse().unwrap())),
            (Some("pushed"), Some(hash), None) => drop(self.modules.insert(hash.parse().unwrap())),
            // The test harness's own lines.
            _ => {}
        }
    }

    /// `was_open` if whoever was killed had it open; one that only began to open it may have changed nothing.
    fn check(&self, dir: &Path, was_open: bool) {
        let (ledger, recovered) = open(dir);
        assert!(!(was_open && recovered.clean));
        let page = ledger
            .jobs(None, &JobPhase::ALL, None, usize::MAX - 1)
            .unwrap();
        let jobs: HashMap<_, _> = page.jobs.iter().map(|job| (job.id, job)).collect();
        let mut keys = HashSet::new();
        for job in &page.jobs {
            assert!(keys.insert(job.key.clone()), "{:?} has two jobs", job.key);
            assert_ne!(job.phase, JobPhase::Running);
            assert_eq!(job.phase.is_ended(), job.end.is_some());
            if job.phase == JobPhase::Finished {
                let logs = ledger.read_logs(None, job.id).unwrap();
                let expected = if job.logs.bytes == 0 { 0 } else { LOGS };
                assert_eq!(logs, vec![b'x'; expected]);
            }
        }
        for (key, id) in &self.jobs {
            let job = jobs.get(id).unwrap_or_else(|| panic!("{key} {id} is gone"));
            assert_eq!(job.key.as_ref(), Some(key));
        }
        for id in &self.finished {
            assert_eq!(jobs[id].phase, JobPhase::Finished);
        }
        let named = ledger.modules(&name("a")).unwrap();
        for module in &named {
            ledger.read_module(&name("a"), &module.hash).unwrap();
        }
        let named: HashSet<_> = named.iter().map(|module| module.hash).collect();
        assert!(self.modules.is_subset(&named));
        assert_eq!(files(&dir.join("modules")).len(), named.len());
        let large = page.jobs.iter().filter(|job| job.logs.bytes > 0).count();
        assert_eq!(files(&dir.join("logs")).len(), large);
        assert_eq!(files(&dir.join("tmp")), Vec::<String>::new());
    }
}

#[test]
fn whatever_was_told_is_there_after_a_kill() {
    let temp = tempfile::tempdir().unwrap();
    let seed = crate::rt::random::u64();
    println!("seed {seed}");
    let mut random = model::Random(seed);
    let mut told = Told::default();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "ledger::tests::crash::killed_child",
                "--ignored",
                "--nocapture",
            ])
            .env(DIR, temp.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        // Some are killed while they open, most under load.
        if round % 5 > 0 {
            let mut line = String::new();
            while !line.contains("ready") {
                line.clear();
                assert!(out.read_line(&mut line).unwrap() > 0, "the child ended");
            }
        }
        std::thread::sleep(Duration::from_micros(random.next() % 150_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut lines = out.lines().map_while(Result::ok).peekable();
        while let Some(line) = lines.next() {
            // The last one may be cut.
            if lines.peek().is_some() {
                told.hear(&line);
            }
        }
        told.check(temp.path(), round % 5 > 0);
    }
    println!("{} jobs, {} finished", told.jobs.len(), told.finished.len());
    assert!(told.jobs.len() > 100 && told.finished.len() > 10);
}

#[test]
#[ignore = "the child of another test"]
fn killed_child() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else {
        return;
    };
    let round = std::env::var(ROUND).unwrap();
    let (ledger, recovered) = open(&dir);
    let new = tenant(&ledger, "a", TenantLimits::default());
    let tell = |line: String| {
        let mut out = std::io::stdout().lock();
        let told = writeln!(out, "{line}").and_then(|()| out.flush());
        told.expect("the parent listens");
    };
    tell("ready".to_owned());
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (ledger, new, next, round, tell) = (&ledger, &new, &next, &round, &tell);
            let old = recovered.rerun.iter().skip(thread).step_by(8);
            scope.spawn(move || {
                for job in old {
                    run(ledger, job.id, false, tell);
                }
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    // Each key twice, and the old ones as well now and then.
                    let key = match n % 10 {
                        0 => format!("0-{}", n / 2),
                        _ => format!("{round}-{}", n / 2),
                    };
                    let submitted = ledger.submit(keyed(new, &key)).unwrap();
                    let id = submitted.job().id;
                    tell(format!("submitted {key} {id}"));
                    if n % 3 == 0 && matches!(submitted, Submitted::New(_)) {
                        run(ledger, id, n % 2 == 0, tell);
                    }
                    if n % 7 == 0 {
                        let bytes = format!("{round} {n}");
                        let module = ledger.put_module(&new.tenant, "n", bytes.as_bytes());
                        tell(format!("pushed {}", module.unwrap().hash));
                    }
                }
            });
        }
    });
}

fn run(ledger: &Ledger, id: JobId, logs: bool, tell: &impl Fn(String)) {
    ledger.start(id).unwrap();
    let mut finish = end(JobPhase::Finished);
    if logs {
        finish.logs.tail = vec![b'x'; LOGS];
    }
    ledger.finish(id, finish).unwrap();
    tell(format!("finished {id}"));
}
