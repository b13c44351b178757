//! What each operation does and refuses, and what is there after opening again.

use std::os::unix::fs::MetadataExt;

use super::*;
use crate::{
    ledger::{tables::Stop, wait::block_on},
    rt::clock,
    types::{JobId, SpanId, TraceContext},
};

const DAY: u64 = 24 * 60 * 60 * 1000;

#[test]
fn the_directory_is_private_and_has_one_owner() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("deep/state");
    let (ledger, recovered) = open(&dir);
    assert!(recovered.clean);
    for (file, mode) in [
        ("", 0o700),
        ("lock", 0o600),
        ("ledger.redb", 0o600),
        ("modules", 0o700),
        ("logs", 0o700),
        ("tmp", 0o700),
    ] {
        let meta = std::fs::metadata(dir.join(file)).unwrap();
        assert_eq!(meta.mode() & 0o777, mode, "{file}");
    }
    let error = Ledger::open(&dir).unwrap_err().to_string();
    let process = std::process::id().to_string();
    assert!(error.contains(&format!("process {process}:")), "{error}");
    drop(ledger);
    open(&dir);
}

#[test]
fn a_directory_for_all_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let temp = tempfile::tempdir().unwrap();
    std::fs::set_permissions(temp.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let error = Ledger::open(temp.path()).unwrap_err().to_string();
    assert!(error.contains("chmod 700"), "{error}");
    let file = temp.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Ledger::open(&file).unwrap_err().to_string();
    assert!(error.contains("no directory"), "{error}");
}

#[test]
fn a_jobs_life_survives_opening_again() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let mut new = keyed(&tenant(&ledger, "a", TenantLimits::default()), "k");
    new.spec = JobSpec {
        call: JobCall::Task {
            name: "add".to_owned(),
            args: vec![JsonText::parse("0.1000000000000000055").unwrap()],
        },
        args: vec!["x".to_owned()],
        env: vec![("A".to_owned(), "b".to_owned())],
        timeout_ms: Some(5),
        cpu_limit_ms: Some(6),
        restart: true,
        events: true,
    };
    let Submitted::New(job) = ledger.submit(new.clone()).unwrap() else {
        panic!("it is new");
    };
    assert_eq!((job.phase, job.attempt), (JobPhase::Queued, 0));
    let started = ledger.start(job.id).unwrap();
    assert_eq!((started.phase, started.attempt), (JobPhase::Running, 1));
    ledger.checkpoint(&[(job.id, 30, 40)]).unwrap();
    ledger.checkpoint(&[(job.id, 20, 50)]).unwrap();
    let mut finish = end(JobPhase::Finished);
    finish.logs.tail = b"hello\n".to_vec();
    finish.spent_cpu_ms = 35;
    finish.end.stats.cpu_seconds = f64::NAN;
    let (first, done) = ledger.finish(job.id, finish).unwrap();
    assert!(first);
    assert_eq!((done.spent_cpu_ms, done.spent_wall_ms), (35, 50));
    ledger.close().unwrap();
    assert_eq!(ledger.job(None, job.id), Err(Failure::Closed));
    assert_eq!(ledger.submit(new.clone()), Err(Failure::Closed.into()));
    drop(ledger);
    let (ledger, recovered) = open(temp.path());
    assert_eq!(
        recovered,
        Recovered {
            clean: true,
            ..Recovered::default()
        }
    );
    let found = ledger.job(Some(&new.tenant), job.id).unwrap().unwrap();
    assert_eq!((&found, &found.spec), (&done, &new.spec));
    assert_eq!(found.end.unwrap().result.unwrap().as_str(), "42");
    assert_eq!(ledger.read_logs(None, job.id).unwrap(), b"hello\n");
    assert_eq!(ledger.job(Some(&name("b")), job.id).unwrap(), None);
    assert_eq!(
        ledger.read_logs(Some(&name("b")), job.id),
        Err(JobError::NotFound(job.id))
    );
}

#[test]
fn a_job_ends_once_and_starts_only_from_the_queue() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let new = tenant(&ledger, "a", TenantLimits::default());
    let id = ledger.submit(new).unwrap().job().id;
    ledger.start(id).unwrap();
    let error = ledger.start(id).unwrap_err().to_string();
    assert!(
        error.contains("is running, and only one that is queued"),
        "{error}"
    );
    assert_eq!(
        ledger.finish(id, end(JobPhase::Queued)),
        Err(JobError::NotAnEnd(JobPhase::Queued))
    );
    let (first, done) = ledger.finish(id, end(JobPhase::Cancelled)).unwrap();
    assert!(first);
    let again = ledger.finish(id, end(JobPhase::Finished)).unwrap();
    assert_eq!(again, (false, done));
    assert!(ledger.requeue(id).is_err());
    let nobody = JobId::random();
    assert_eq!(ledger.start(nobody), Err(JobError::NotFound(nobody)));
}

#[test]
fn a_key_makes_one_job_and_stands_for_one_request() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let new = tenant(&ledger, "a", TenantLimits::default());
    let other = keyed(&tenant(&ledger, "b", TenantLimits::default()), "k");
    let new = keyed(&new, "k");
    let first = ledger.submit(new.clone()).unwrap();
    let Submitted::Existing(again) = ledger.submit(new.clone()).unwrap() else {
        panic!("it is the same");
    };
    assert_eq!(&again, first.job());
    assert!(matches!(ledger.submit(other), Ok(Submitted::New(_))));
    // Whoever sends it again does so in another trace; the job stays in its own.
    let mut traced = new.clone();
    traced.trace = Some(TraceContext::random(true));
    let again = ledger.submit(traced).unwrap();
    assert_eq!(again, Submitted::Existing(first.job().clone()));
    let again = again.job().clone();
    let mut another = new;
    another.spec.args.push("x".to_owned());
    let error = ledger.submit(another.clone()).unwrap_err();
    let conflict = SubmitError::Conflict {
        key: "k".to_owned(),
        job: again.id,
    };
    assert_eq!(error, conflict);
    for key in ["", &"k".repeat(256)] {
        let error = ledger.submit(keyed(&another, key)).unwrap_err();
        assert_eq!(error, SubmitError::BadKey(key.len()));
    }
}

#[test]
fn limits_are_held() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let limits = TenantLimits {
        jobs: Some(1),
        result_bytes: Some(4),
        log_bytes: Some(8),
        module_bytes: Some(20),
        ..TenantLimits::default()
    };
    let new = tenant(&ledger, "a", limits);
    let id = ledger.submit(new.clone()).unwrap().job().id;
    let error = ledger.submit(new.clone()).unwrap_err();
    assert!(
        matches!(error, SubmitError::TooMany { unfinished: 1, .. }),
        "{error}"
    );
    let mut finish = end(JobPhase::Finished);
    finish.end.result = Some(JsonText::parse("[1,2]").unwrap());
    finish.logs.tail = b"first line\nlast\n".to_vec();
    finish.logs.dropped_lines = 1;
    let (_, job) = ledger.finish(id, finish).unwrap();
    let end = job.end.unwrap();
    assert_eq!((end.exit_code, end.result), (122, None));
    assert!(end.error.unwrap().message.contains("5 bytes"));
    assert_eq!(ledger.read_logs(None, id).unwrap(), b"last\n");
    assert_eq!((job.logs.dropped_bytes, job.logs.dropped_lines), (11, 2));
    // There is room for another job now, and not for another module.
    ledger.submit(new.clone()).unwrap();
    let error = ledger
        .put_module(&new.tenant, "n", b"123456789")
        .unwrap_err();
    assert!(
        matches!(
            error,
            ModuleError::TooLarge {
                used: 12,
                size: 9,
                ..
            }
        ),
        "{error}"
    );
    ledger.put_module(&new.tenant, "n", b"12345678").unwrap();
    // The same one again takes no more.
    ledger
        .put_module(&new.tenant, "again", b"12345678")
        .unwrap();
    assert_eq!(ledger.modules(&new.tenant).unwrap().len(), 2);
    assert_eq!(files(&temp.path().join("tmp")), Vec::<String>::new());
}

#[test]
fn tenants_share_a_file_and_see_their_own_modules() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let a = tenant(&ledger, "a", TenantLimits::default());
    let b = tenant(&ledger, "b", TenantLimits::default());
    let only_b = ledger
        .put_module(&b.tenant, "only", b"only b's")
        .unwrap()
        .hash;
    let path = temp
        .path()
        .join("modules")
        .join(format!("{}.wasm", a.module));
    assert_eq!(files(&temp.path().join("modules")).len(), 2);
    assert_eq!(ledger.module(&a.tenant, &only_b).unwrap(), None);
    assert!(matches!(
        ledger.read_module(&a.tenant, &only_b),
        Err(ModuleError::NotFound { .. })
    ));
    let mut foreign = a.clone();
    foreign.module = only_b;
    assert!(matches!(
        ledger.submit(foreign),
        Err(SubmitError::NoModule { .. })
    ));
    let job = ledger.submit(a.clone()).unwrap().job().id;
    let error = ledger.remove_module(&a.tenant, a.module).unwrap_err();
    assert_eq!(
        error,
        ModuleError::InUse {
            module: a.module,
            job
        }
    );
    ledger.remove_module(&b.tenant, b.module).unwrap();
    assert_eq!(
        ledger.read_module(&a.tenant, &a.module).unwrap(),
        b"module bytes"
    );
    std::fs::write(&path, "module bytez").unwrap();
    let error = ledger
        .read_module(&a.tenant, &a.module)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("damaged") && error.contains(path.to_str().unwrap()),
        "{error}"
    );
    ledger.put_module(&b.tenant, "m", b"module bytes").unwrap();
    ledger
        .read_module(&a.tenant, &a.module)
        .expect("pushing healed it");
    ledger.finish(job, end(JobPhase::Finished)).unwrap();
    ledger.remove_module(&a.tenant, a.module).unwrap();
    assert!(path.exists());
    ledger.remove_tenant(b.tenant).unwrap();
    assert_eq!(files(&temp.path().join("modules")), Vec::<String>::new());
}

#[test]
fn a_tenant_goes_with_all_that_it_has() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let new = keyed(&tenant(&ledger, "a", TenantLimits::default()), "k");
    let (text, _) = ledger.issue(token(Some("a"), Role::Submit)).unwrap();
    let (host, _) = ledger.issue(token(None, Role::Admin)).unwrap();
    let id = ledger.submit(new.clone()).unwrap().job().id;
    let error = ledger.remove_tenant(new.tenant.clone()).unwrap_err();
    assert!(matches!(
        error,
        TenantError::Unfinished { unfinished: 1, .. }
    ));
    let mut finish = end(JobPhase::Finished);
    finish.logs.tail = vec![b'x'; 100_000];
    ledger.finish(id, finish).unwrap();
    assert_eq!(files(&temp.path().join("logs")), [id.to_string()]);
    assert_eq!(ledger.read_logs(None, id).unwrap(), vec![b'x'; 100_000]);
    ledger.remove_tenant(new.tenant.clone()).unwrap();
    assert_eq!(ledger.verify(text.reveal()), None);
    assert!(ledger.verify(host.reveal()).is_some());
    assert_eq!(ledger.job(None, id).unwrap(), None);
    assert_eq!(ledger.counts(None).unwrap(), JobCounts::default());
    for folder in ["logs", "modules", "tmp"] {
        assert_eq!(files(&temp.path().join(folder)), Vec::<String>::new());
    }
    assert_eq!(
        ledger.submit(new.clone()),
        Err(SubmitError::NoTenant(new.tenant.clone()))
    );
    // One of that name is another one.
    let new = keyed(&tenant(&ledger, "a", TenantLimits::default()), "k");
    assert!(matches!(ledger.submit(new), Ok(Submitted::New(_))));
}

fn token(tenant: Option<&str>, role: Role) -> NewToken {
    NewToken {
        tenant: tenant.map(name),
        role,
        label: "test".to_owned(),
        expires_at: None,
    }
}

#[test]
fn tokens_are_issued_rotated_and_revoked_for_good() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    tenant(&ledger, "a", TenantLimits::default());
    let nobody = ledger.issue(token(Some("b"), Role::Read));
    assert_eq!(nobody, Err(TokenError::NoTenant(name("b"))));
    let (read, _) = ledger.issue(token(Some("a"), Role::Read)).unwrap();
    let (old, _) = ledger.issue(token(Some("a"), Role::Submit)).unwrap();
    let (fresh, record) = ledger.rotate(token(Some("a"), Role::Submit)).unwrap();
    let (admin, admins) = ledger.issue(token(None, Role::Admin)).unwrap();
    ledger.revoke(&admins.id).unwrap();
    assert!(matches!(
        ledger.revoke("nothing"),
        Err(TokenError::NotFound(_))
    ));
    let check = |ledger: &Ledger| {
        assert!(ledger.verify(read.reveal()).is_some());
        assert_eq!(ledger.verify(old.reveal()), None);
        assert_eq!(ledger.verify(fresh.reveal()), Some(record.clone()));
        assert_eq!(ledger.verify(admin.reveal()), None);
        assert_eq!(ledger.tokens().unwrap().len(), 4);
    };
    check(&ledger);
    drop(ledger);
    check(&open(temp.path()).0);
    let database = std::fs::read(temp.path().join("ledger.redb")).unwrap();
    for text in [&read, &old, &fresh, &admin] {
        let secret = &text.reveal().as_bytes()[14..];
        assert!(!database.windows(secret.len()).any(|found| found == secret));
    }
}

#[test]
fn a_tenant_has_so_many_tokens_and_void_ones_make_room() {
    const MOST: usize = 256;
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    tenant(&ledger, "a", TenantLimits::default());
    tenant(&ledger, "b", TenantLimits::default());
    let host = ledger.issue(token(None, Role::Admin)).unwrap().0;
    let issue = |role| ledger.issue(token(Some("a"), role));
    let of_a = || {
        let tokens = ledger.tokens().unwrap().into_iter();
        let own = tokens.filter(|token| token.tenant == Some(name("a")));
        own.collect::<Vec<_>>()
    };
    let (first, record) = issue(Role::Read).unwrap();
    for _ in 1..MOST {
        issue(Role::Submit).unwrap();
    }
    let full = TokenError::TooMany {
        tenant: name("a"),
        limit: MOST,
        valid: MOST,
    };
    assert_eq!(issue(Role::Read).unwrap_err(), full);
    assert_eq!(
        ledger.rotate(token(Some("a"), Role::Admin)).unwrap_err(),
        full,
        "it takes none back"
    );
    assert_eq!(of_a().len(), MOST);
    assert!(ledger.issue(token(Some("b"), Role::Read)).is_ok());

    ledger.revoke(&record.id).unwrap();
    assert_eq!(
        of_a().len(),
        MOST,
        "one that is void is listed until its place is needed"
    );
    issue(Role::Read).unwrap();
    assert!(of_a().iter().all(|token| token.id != record.id));
    assert_eq!(ledger.verify(first.reveal()), None);
    for _ in 0..3 {
        let (fresh, _) = ledger.rotate(token(Some("a"), Role::Submit)).unwrap();
        assert!(ledger.verify(fresh.reveal()).is_some());
        assert_eq!(of_a().len(), MOST);
    }
    let valid = of_a().iter().filter(|token| !token.revoked).count();
    assert_eq!(valid, 2);
    assert!(ledger.verify(host.reveal()).is_some());
}

#[test]
fn jobs_are_listed_newest_first_page_by_page() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let a = tenant(&ledger, "a", TenantLimits::default());
    let b = tenant(&ledger, "b", TenantLimits::default());
    let mut ids = Vec::new();
    for n in 0..10 {
        let new = if n % 2 == 0 { &a } else { &b };
        let id = ledger.submit(new.clone()).unwrap().job().id;
        if n % 3 == 0 {
            ledger.start(id).unwrap();
        }
        ids.push(id);
    }
    ids.reverse();
    let list = |tenant: Option<&TenantName>, phases: &[JobPhase], limit| {
        let mut found = Vec::new();
        let mut before = None;
        loop {
            let page = ledger.jobs(tenant, phases, before, limit).unwrap();
            assert!(page.jobs.len() <= limit);
            found.extend(page.jobs.iter().map(|job| job.id));
            before = page.next;
            if before.is_none() {
                return found;
            }
        }
    };
    assert_eq!(list(None, &JobPhase::ALL, 3), ids);
    assert_eq!(list(None, &JobPhase::ALL, 10), ids);
    let of_a: Vec<_> = ids.iter().skip(1).step_by(2).copied().collect();
    assert_eq!(list(Some(&a.tenant), &JobPhase::ALL, 2), of_a);
    let running: Vec<_> = ids.iter().step_by(3).copied().collect();
    assert_eq!(list(None, &[JobPhase::Running], 3), running);
    assert_eq!(list(None, &[JobPhase::Lost], 3), []);
    let counts = ledger.counts(None).unwrap();
    assert_eq!((counts.queued, counts.running), (6, 4));
    let counts = ledger.counts(Some(&b.tenant)).unwrap();
    assert_eq!((counts.queued, counts.running), (3, 2));
}

#[test]
fn after_a_clean_stop_jobs_run_again_uncounted() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let new = tenant(&ledger, "a", TenantLimits::default());
    let waiting = ledger.submit(new.clone()).unwrap().job().id;
    let mut traced = new.clone();
    traced.trace = Some(TraceContext::random(true).below(SpanId::random()));
    let running = ledger.submit(traced.clone()).unwrap().job().id;
    let mut once = new;
    once.spec.restart = false;
    let waiting_once = ledger.submit(once.clone()).unwrap().job().id;
    let running_once = ledger.submit(once).unwrap().job().id;
    for id in [running, running_once] {
        ledger.start(id).unwrap();
    }
    ledger.checkpoint(&[(running, 7, 8)]).unwrap();
    ledger.close().unwrap();
    drop(ledger);
    let (ledger, recovered) = open(temp.path());
    assert!(recovered.clean);
    let rerun: Vec<_> = recovered.rerun.iter().map(|job| job.id).collect();
    assert_eq!(rerun, [waiting, running, waiting_once]);
    assert_eq!(recovered.lost, [running_once]);
    let lost = ledger.job(None, running_once).unwrap().unwrap();
    let reason = lost.end.unwrap().reason.unwrap();
    assert!(
        reason.contains("the host stopped while attempt 1 ran"),
        "{reason}"
    );
    let again = ledger.start(running).unwrap();
    assert_eq!((again.attempt, again.unclean), (2, 0));
    assert_eq!((again.spent_cpu_ms, again.spent_wall_ms), (7, 8));
    assert_eq!(again.trace, traced.trace);
}

#[test]
fn the_third_unclean_stop_under_a_job_quarantines_it() {
    let temp = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(temp.path());
    let new = tenant(&ledger, "a", TenantLimits::default());
    let id = ledger.submit(new.clone()).unwrap().job().id;
    let waiting = ledger.submit(new.clone()).unwrap().job().id;
    let mut once = new;
    once.spec.restart = false;
    let once = ledger.submit(once).unwrap().job().id;
    ledger.start(once).unwrap();
    for stop in 1..=3 {
        assert_eq!(ledger.start(id).unwrap().attempt, stop);
        drop(ledger);
        let (next, recovered) = open(temp.path());
        ledger = next;
        assert!(!recovered.clean);
        let quarantined = if stop == 3 { vec![id] } else { vec![] };
        assert_eq!(recovered.quarantined, quarantined);
        assert_eq!(recovered.lost, if stop == 1 { vec![once] } else { vec![] });
        assert_eq!(ledger.job(None, id).unwrap().unwrap().unclean, stop);
    }
    assert_eq!(ledger.job(None, waiting).unwrap().unwrap().unclean, 0);
    let job = ledger.job(None, id).unwrap().unwrap();
    assert_eq!(job.phase, JobPhase::Quarantined);
    let reason = job.end.unwrap().reason.unwrap();
    assert!(reason.contains("uncleanly 3 times"), "{reason}");
    assert!(ledger.start(id).is_err());
    let job = ledger.requeue(id).unwrap();
    assert_eq!(
        (job.phase, job.unclean, job.attempt),
        (JobPhase::Queued, 0, 3)
    );
    assert_eq!((job.end, job.ended_at), (None, None));
    ledger.start(id).unwrap();
}

#[test]
fn what_is_too_old_or_too_much_goes_oldest_first() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let kept_forever = tenant(&ledger, "b", TenantLimits::default());
    let other = ledger.submit(kept_forever).unwrap().job().id;
    ledger.finish(other, end(JobPhase::Finished)).unwrap();
    let by_bytes = TenantLimits {
        retention_bytes: Some(450_000),
        ..TenantLimits::default()
    };
    let new = tenant(&ledger, "a", by_bytes);
    let mut ids = Vec::new();
    for n in 0..6 {
        // The second has a key.
        let new = if n == 1 {
            keyed(&new, "k")
        } else {
            new.clone()
        };
        let id = ledger.submit(new).unwrap().job().id;
        let mut finish = end(JobPhase::Finished);
        finish.logs.tail = vec![b'x'; 100_000];
        ledger.finish(id, finish).unwrap();
        ids.push(id);
    }
    let waiting = ledger.submit(new.clone()).unwrap().job().id;
    let now = clock::unix_millis();
    let expired = ledger.expire(now).unwrap();
    assert_eq!(expired.jobs, 2);
    assert!((200_000..205_000).contains(&expired.bytes), "{expired:?}");
    assert_eq!(ledger.job(None, ids[0]).unwrap(), None);
    let keyed_job = ledger.job(None, ids[1]).unwrap().unwrap();
    assert!(keyed_job.expired);
    assert_eq!(keyed_job.end.unwrap().result, None);
    assert_eq!(ledger.read_logs(None, ids[1]).unwrap(), b"");
    let again = ledger.submit(keyed(&new, "k")).unwrap();
    assert!(matches!(again, Submitted::Existing(job) if job.id == ids[1]));
    assert_eq!(files(&temp.path().join("logs")).len(), 4);
    assert_eq!(ledger.expire(now).unwrap(), Expired::default());
    let by_age = TenantLimits {
        retention_seconds: Some(3600),
        ..TenantLimits::default()
    };
    ledger
        .put_tenant(new.tenant.clone(), NonZeroU32::MIN, by_age)
        .unwrap();
    assert_eq!(ledger.expire(now + DAY / 2).unwrap().jobs, 4);
    assert!(ledger.job(None, ids[1]).unwrap().is_some());
    assert_eq!(ledger.expire(now + 2 * DAY).unwrap().jobs, 1);
    let again = ledger.submit(keyed(&new, "k")).unwrap();
    assert!(matches!(again, Submitted::New(_)));
    for id in [waiting, other] {
        assert!(ledger.job(None, id).unwrap().is_some());
    }
    let counts = ledger.counts(Some(&new.tenant)).unwrap();
    assert_eq!((counts.queued, counts.finished), (2, 0));
}

/// More than fit into one step.
#[test]
fn retention_goes_on_until_it_is_done() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let limits = TenantLimits {
        retention_seconds: Some(0),
        ..TenantLimits::default()
    };
    let new = tenant(&ledger, "a", limits);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let id = ledger.submit(new.clone()).unwrap().job().id;
                    ledger.finish(id, end(JobPhase::Finished)).unwrap();
                }
            });
        }
    });
    let expired = ledger.expire(clock::unix_millis() + 1000).unwrap();
    assert_eq!(expired.jobs, 64 * 20);
    assert_eq!(ledger.counts(None).unwrap(), JobCounts::default());
}

#[test]
fn many_submissions_share_a_commit() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let new = tenant(&ledger, "a", TenantLimits::default());
    let before = ledger.commits();
    std::thread::scope(|scope| {
        for thread in 0..1000 {
            let (ledger, new) = (&ledger, &new);
            let submit = move || {
                for n in 0..10 {
                    // Each key twice, so half of them exist already.
                    let key = format!("{}-{n}", thread / 2);
                    ledger.submit(keyed(new, &key)).unwrap();
                }
            };
            std::thread::Builder::new()
                .stack_size(256 << 10)
                .spawn_scoped(scope, submit)
                .unwrap();
        }
    });
    let commits = ledger.commits() - before;
    assert!(commits < 1000, "10,000 submissions took {commits} commits");
    assert_eq!(ledger.counts(None).unwrap().queued, 5000);
}

#[tokio::test]
async fn the_server_waits_without_blocking() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let new = tenant(&ledger, "a", TenantLimits::default());
    let submitted = (0..100).map(|_| ledger.submit_async(new.clone()));
    // All on this one thread: they share commits only if none blocks it.
    let before = ledger.commits();
    let all = futures_util::future::join_all(submitted).await;
    assert!(ledger.commits() - before < 50);
    let id = all[0].as_ref().unwrap().job().id;
    ledger.start_async(id).await.unwrap();
    let mut finish = end(JobPhase::Finished);
    finish.logs.tail = vec![b'x'; 100_000];
    ledger.finish_async(id, finish).await.unwrap();
    assert_eq!(ledger.read_logs(None, id).unwrap().len(), 100_000);
}

#[test]
fn new_work_leaves_the_reserve_alone() {
    let temp = tempfile::tempdir().unwrap();
    let (ledger, _) = open(temp.path());
    let new = keyed(&tenant(&ledger, "a", TenantLimits::default()), "k");
    let id = ledger.submit(new.clone()).unwrap().job().id;
    drop(ledger);
    let options = LedgerOptions { reserve: u64::MAX };
    let (ledger, _) = Ledger::open_with(temp.path(), options).unwrap();
    let error = ledger.submit(keyed(&new, "other")).unwrap_err();
    assert!(
        matches!(error, SubmitError::Failed(Failure::Full { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("the disk is full"), "{error}");
    let error = ledger.put_module(&new.tenant, "n", b"n").unwrap_err();
    assert!(
        matches!(error, ModuleError::Failed(Failure::Full { .. })),
        "{error}"
    );
    // What was accepted goes on.
    assert!(matches!(ledger.submit(new), Ok(Submitted::Existing(_))));
    ledger.start(id).unwrap();
    ledger.finish(id, end(JobPhase::Finished)).unwrap();
    ledger.close().unwrap();
}

#[test]
fn what_unfinished_jobs_were_asked_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = open(dir.path());
    let job = tenant(&ledger, "a", TenantLimits::default());
    let pending = |ledger: &Ledger| -> u64 {
        let bytes = ledger.apply(|tx| Ok::<_, Stop<Failure>>(tx.pending_bytes("a")?));
        block_on(bytes).unwrap()
    };
    let large = NewJob {
        spec: JobSpec {
            args: vec!["x".repeat(100_000)],
            ..JobSpec::default()
        },
        ..job
    };
    assert_eq!(pending(&ledger), 0);
    let ids = [(); 3].map(|()| ledger.submit(large.clone()).unwrap().job().id);
    assert!((300_000..301_000).contains(&pending(&ledger)));
    for id in &ids {
        ledger.start(*id).unwrap();
    }
    ledger.finish(ids[0], end(JobPhase::Finished)).unwrap();
    assert!((200_000..201_000).contains(&pending(&ledger)));
    // Unclean stops put what ran into quarantine, which is an end until an admin restarts it.
    let mut ledger = Some(ledger);
    for round in 0..3 {
        drop(ledger.take());
        let (again, recovered) = open(dir.path());
        assert_eq!(recovered.rerun.len(), if round < 2 { 2 } else { 0 });
        for job in recovered.rerun {
            again.start(job.id).unwrap();
        }
        ledger = Some(again);
    }
    let ledger = ledger.unwrap();
    assert_eq!(pending(&ledger), 0, "they are in quarantine");
    ledger.requeue(ids[1]).unwrap();
    assert!((100_000..101_000).contains(&pending(&ledger)));
}

#[test]
fn what_has_no_limit_has_one() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = open(dir.path());
    let job = tenant(&ledger, "a", TenantLimits::default());
    let hash = ModuleHash::of(b"another");
    let over = ledger.may_put_module(&job.tenant, &hash, MODULE_BYTES);
    assert!(
        matches!(over, Err(ModuleError::TooLarge { .. })),
        "{over:?}"
    );
    let all = ledger.apply(|tx| Ok::<_, Stop<Failure>>(tx.pending.put("a", 1 << 30)?));
    block_on(all).unwrap();
    let error = ledger.submit(job).unwrap_err().to_string();
    assert!(error.contains("1073741824 bytes of arguments"), "{error}");
}
