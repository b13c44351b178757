//! Random operations on a ledger and on a plain map, with stops in between: both say the same.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::{rt::random, types::JobId};

/// Numbers from a seed (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n.max(1)).unwrap();
        usize::try_from(self.next() % n).unwrap()
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Job {
    tenant: usize,
    request: usize,
    restart: bool,
    phase: JobPhase,
    attempt: u32,
    unclean: u32,
    cpu: u64,
    logs: usize,
    expired: bool,
    keyed: bool,
}

#[derive(Default)]
struct Model {
    jobs: BTreeMap<u64, (JobId, Job)>,
    keys: HashMap<(usize, usize), u64>,
}

const TENANTS: [&str; 3] = ["a", "b", "c"];
const JOBS: usize = 12;

struct Test {
    dir: tempfile::TempDir,
    ledger: Option<Ledger>,
    model: Model,
    random: Random,
    module: ModuleHash,
}

impl Test {
    fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().unwrap()
    }

    fn submit(&mut self) {
        let (tenant, request) = (self.random.below(3), self.random.below(4));
        let restart = self.random.below(4) > 0;
        let key = (self.random.below(3) > 0).then(|| self.random.below(30));
        let new = NewJob {
            tenant: name(TENANTS[tenant]),
            module: self.module,
            spec: JobSpec {
                args: vec![request.to_string()],
                restart,
                ..JobSpec::default()
            },
            key: key.map(|key| key.to_string()),
            trace: None,
        };
        let submitted = self.ledger().submit(new);
        if let Some(number) = key.and_then(|key| self.model.keys.get(&(tenant, key))) {
            let (id, job) = &self.model.jobs[number];
            if (job.request, job.restart) == (request, restart) {
                let Ok(Submitted::Existing(found)) = submitted else {
                    panic!("{submitted:?}");
                };
                assert_eq!(found.id, *id);
            } else {
                assert!(matches!(submitted, Err(SubmitError::Conflict { job, .. }) if job == *id));
            }
            return;
        }
        let unfinished = |(_, job): &&(JobId, Job)| job.tenant == tenant && !job.phase.is_ended();
        if self.model.jobs.values().filter(unfinished).count() >= JOBS {
            assert!(matches!(submitted, Err(SubmitError::TooMany { .. })));
            return;
        }
        let Ok(Submitted::New(found)) = submitted else {
            panic!("{submitted:?}");
        };
        let number = found.cursor.0;
        let job = Job {
            tenant,
            request,
            restart,
            phase: JobPhase::Queued,
            attempt: 0,
            unclean: 0,
            cpu: 0,
            logs: 0,
            expired: false,
            keyed: key.is_some(),
        };
        let last = self.model.jobs.last_key_value();
        assert!(last.is_none_or(|(last, _)| *last < number));
        self.model.jobs.insert(number, (found.id, job));
        if let Some(key) = key {
            self.model.keys.insert((tenant, key), number);
        }
    }

    fn any(&mut self) -> Option<u64> {
        let at = self.random.below(self.model.jobs.len());
        self.model.jobs.keys().nth(at).copied()
    }

    fn start(&mut self) {
        let Some(number) = self.any() else { return };
        let (id, job) = self.model.jobs.get_mut(&number).unwrap();
        let started = self.ledger.as_ref().unwrap().start(*id);
        assert_eq!(started.is_ok(), job.phase == JobPhase::Queued);
        if started.is_ok() {
            job.phase = JobPhase::Running;
            job.attempt += 1;
        }
    }

    fn finish(&mut self) {
        let Some(number) = self.any() else { return };
        let phase = [JobPhase::Finished, JobPhase::Cancelled, JobPhase::Lost][self.random.below(3)];
        let logs = [0, 10, 70_000][self.random.below(3)];
        let mut finish = end(phase);
        finish.logs.tail = vec![b'x'; logs];
        let (id, job) = self.model.jobs.get_mut(&number).unwrap();
        let (first, _) = self.ledger.as_ref().unwrap().finish(*id, finish).unwrap();
        assert_eq!(first, !job.phase.is_ended());
        if first {
            (job.phase, job.logs) = (phase, logs);
        }
    }

    fn checkpoint(&mut self) {
        let mut spent = Vec::new();
        for _ in 0..3 {
            let Some(number) = self.any() else { return };
            let cpu = self.random.next() % 1000;
            let (id, job) = self.model.jobs.get_mut(&number).unwrap();
            spent.push((*id, cpu, 0));
            if job.phase == JobPhase::Running {
                job.cpu = job.cpu.max(cpu);
            }
        }
        self.ledger().checkpoint(&spent).unwrap();
    }

    fn requeue(&mut self) {
        let Some(number) = self.any() else { return };
        let (id, job) = self.model.jobs.get_mut(&number).unwrap();
        let queued = self.ledger.as_ref().unwrap().requeue(*id);
        assert_eq!(
            queued.is_ok(),
            job.phase == JobPhase::Quarantined && !job.expired
        );
        if queued.is_ok() {
            (job.phase, job.unclean) = (JobPhase::Queued, 0);
        }
    }

    /// Everything that ended goes: what has a key only in part on the same day.
    fn expire(&mut self) {
        let later = if self.random.below(2) == 0 {
            3_600_000
        } else {
            48 * 3_600_000
        };
        let limits = |seconds| TenantLimits {
            jobs: Some(u64::try_from(JOBS).unwrap()),
            retention_seconds: seconds,
            ..TenantLimits::default()
        };
        let tenant = self.random.below(3);
        let put = |seconds| {
            let name = name(TENANTS[tenant]);
            self.ledger()
                .put_tenant(name, NonZeroU32::MIN, limits(seconds))
                .unwrap();
        };
        put(Some(60));
        let now = crate::rt::clock::unix_millis() + later;
        let expired = self.ledger().expire(now).unwrap();
        put(None);
        let mut jobs = 0;
        self.model.jobs.retain(|_, (_, job)| {
            if job.tenant != tenant || !job.phase.is_ended() {
                return true;
            }
            let stays = job.keyed && later < 24 * 3_600_000;
            jobs += u64::from(!stays || !job.expired);
            (job.expired, job.logs) = (true, 0);
            stays
        });
        let left = &self.model.jobs;
        self.model
            .keys
            .retain(|_, number| left.contains_key(number));
        assert_eq!(expired.jobs, jobs);
    }

    fn stop(&mut self) {
        let clean = self.random.below(2) == 0;
        let ledger = self.ledger.take().unwrap();
        if clean {
            ledger.close().unwrap();
        }
        drop(ledger);
        let (ledger, recovered) = open(self.dir.path());
        self.ledger = Some(ledger);
        assert_eq!(recovered.clean, clean);
        let (mut lost, mut quarantined, mut rerun) = (vec![], vec![], vec![]);
        for (id, job) in self.model.jobs.values_mut() {
            if job.phase == JobPhase::Running {
                job.unclean += u32::from(!clean);
                job.phase = match () {
                    () if !job.restart => JobPhase::Lost,
                    () if job.unclean == 3 => JobPhase::Quarantined,
                    () => JobPhase::Queued,
                };
                match job.phase {
                    JobPhase::Lost => lost.push(*id),
                    JobPhase::Quarantined => quarantined.push(*id),
                    _ => {}
                }
            }
            if job.phase == JobPhase::Queued {
                rerun.push(*id);
            }
        }
        assert_eq!((recovered.lost, recovered.quarantined), (lost, quarantined));
        let found: Vec<_> = recovered.rerun.iter().map(|job| job.id).collect();
        assert_eq!(found, rerun);
    }

    fn compare(&self) {
        let page = self
            .ledger()
            .jobs(None, &JobPhase::ALL, None, 100_000)
            .unwrap();
        assert_eq!(page.next, None);
        let found: Vec<_> = page.jobs.iter().rev().map(|job| job.id).collect();
        let expected: Vec<_> = self.model.jobs.values().map(|(id, _)| *id).collect();
        assert_eq!(found, expected);
        for found in &page.jobs {
            let (_, job) = &self.model.jobs[&found.cursor.0];
            let of_found = (
                found.phase,
                found.attempt,
                found.unclean,
                found.spent_cpu_ms,
            );
            assert_eq!(of_found, (job.phase, job.attempt, job.unclean, job.cpu));
            assert_eq!(
                (found.expired, found.end.is_some()),
                (job.expired, job.phase.is_ended())
            );
            let logs = self.ledger().read_logs(None, found.id).unwrap();
            assert_eq!(logs.len(), job.logs);
            if !job.expired {
                assert_eq!(found.spec.args, [job.request.to_string()]);
            }
        }
        for (tenant, text) in TENANTS.iter().enumerate() {
            let counts = self.ledger().counts(Some(&name(text))).unwrap();
            let count = |phase| {
                let of = |(_, job): &&(JobId, Job)| job.tenant == tenant && job.phase == phase;
                u64::try_from(self.model.jobs.values().filter(of).count()).unwrap()
            };
            assert_eq!(counts, JobCounts::of(JobPhase::ALL.map(count)));
        }
        let logs = self
            .model
            .jobs
            .values()
            .filter(|(_, job)| job.logs > 65_536);
        assert_eq!(files(&self.dir.path().join("logs")).len(), logs.count());
    }
}

#[test]
fn it_does_what_a_map_does() {
    let seed = std::env::var("WRUN_TEST_SEED").ok();
    let seed = seed.map_or_else(random::u64, |seed| seed.parse().unwrap());
    println!("WRUN_TEST_SEED={seed}");
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = open(dir.path());
    let limits = TenantLimits {
        jobs: Some(u64::try_from(JOBS).unwrap()),
        ..TenantLimits::default()
    };
    let module = TENANTS.map(|text| tenant(&ledger, text, limits.clone()).module)[0];
    let mut test = Test {
        dir,
        ledger: Some(ledger),
        model: Model::default(),
        random: Random(seed),
        module,
    };
    for step in 0..2500 {
        match test.random.below(100) {
            0..35 => test.submit(),
            35..60 => test.start(),
            60..75 => test.finish(),
            75..85 => test.checkpoint(),
            85..92 => test.requeue(),
            92..94 => test.expire(),
            94..97 => test.stop(),
            _ => test.compare(),
        }
        if step % 500 == 0 {
            test.compare();
        }
    }
    test.stop();
    test.compare();
}
