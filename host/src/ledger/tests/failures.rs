//! The disk fails or is full: nothing that was acknowledged is lost, nothing that was refused is there, and it goes on
//! when the disk does.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use super::{super::backend::faults, *};

use faults::Fail;

/// One step of the disk fails, each in turn: what is told is exact, since the disk can be asked at once.
#[test]
fn whatever_step_fails_nothing_is_half_done() {
    let unsure = fail_at_each_step(Fail::OneAfter);
    assert_eq!(unsure, 0);
}

/// All fail from some step on, each in turn. Of few it can't be told before the disk works again.
#[test]
fn whenever_the_disk_fails_nothing_is_half_done() {
    let unsure = fail_at_each_step(Fail::AllAfter);
    assert!((1..5).contains(&unsure), "{unsure} were unsure");
}

/// Submits with each plan in turn until one does not matter; gives how often it was unsure what happened.
fn fail_at_each_step(fail: impl Fn(u32) -> Fail) -> u32 {
    let temp = tempfile::tempdir().unwrap();
    let plan: faults::Plan = Arc::new(parking_lot::Mutex::new(Fail::Never));
    faults::set(Some(plan.clone()));
    let (ledger, _) = open(temp.path());
    let new = tenant(&ledger, "a", TenantLimits::default());
    let (mut accepted, mut failed, mut unsure) = (Vec::new(), 0, 0);
    for step in 0.. {
        let key = format!("k{step}");
        *plan.lock() = fail(step);
        let submitted = ledger.submit(keyed(&new, &key));
        let left = std::mem::replace(&mut *plan.lock(), Fail::Never);
        let again = ledger.submit(keyed(&new, &key)).unwrap();
        match submitted {
            Ok(submitted) => {
                assert!(matches!(again, Submitted::Existing(_)), "{step}");
                assert_eq!(submitted.job().id, again.job().id);
            }
            Err(SubmitError::Failed(Failure::Unsure { .. })) => unsure += 1,
            Err(SubmitError::Failed(Failure::Full { .. })) => {
                assert!(matches!(again, Submitted::New(_)), "{step}");
                failed += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
        accepted.push((key, again.job().id));
        if matches!(left, Fail::OneAfter(1..) | Fail::AllAfter(1..)) {
            break;
        }
    }
    faults::set(None);
    assert!(failed > 3, "{failed} steps failed");
    check(&ledger, &accepted);
    drop(ledger);
    check(&open(temp.path()).0, &accepted);
    unsure
}

fn check(ledger: &Ledger, accepted: &[(String, crate::types::JobId)]) {
    for (key, id) in accepted {
        let job = ledger.job(None, *id).unwrap().unwrap();
        assert_eq!(job.key.as_ref(), Some(key));
    }
    let counts = ledger.counts(None).unwrap();
    assert_eq!(usize::try_from(counts.queued), Ok(accepted.len()));
}

/// A failure is everybody's in the batch, and the disk stays full for a while.
#[test]
fn while_the_disk_is_full_every_call_says_so() {
    let temp = tempfile::tempdir().unwrap();
    let plan: faults::Plan = Arc::new(parking_lot::Mutex::new(Fail::Never));
    faults::set(Some(plan.clone()));
    let (ledger, _) = open(temp.path());
    let new = tenant(&ledger, "a", TenantLimits::default());
    let id = ledger.submit(new.clone()).unwrap().job().id;
    *plan.lock() = Fail::AllAfter(2);
    for _ in 0..3 {
        let error = ledger.submit(new.clone()).unwrap_err();
        assert!(
            matches!(error, SubmitError::Failed(Failure::Full { .. })),
            "{error}"
        );
        assert!(ledger.start(id).is_err());
    }
    *plan.lock() = Fail::Never;
    ledger.start(id).unwrap();
    ledger.submit(new).unwrap();
    assert_eq!(ledger.counts(None).unwrap().queued, 1);
    faults::set(None);
}

/// A small file system of its own; gone when dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: PathBuf, size: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&at)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(at))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Needs the right to mount; where that is refused, [`a_file_size_limit_is_a_full_disk`] says the same of a child.
#[test]
fn a_real_full_disk_refuses_and_damages_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let Some(disk) = Tmpfs::mount(temp.path().to_owned(), "8m") else {
        println!("skipped: this user may not mount");
        return;
    };
    let dir = disk.0.join("state");
    let (ledger, _) = open(&dir);
    let accepted = fill(&ledger);
    let ballast = disk.0.join("ballast");
    // Nothing is left now, not for the reopening either.
    let _ = std::fs::write(&ballast, vec![0; 8 << 20]);
    let more = ledger.put_tenant(name("b"), NonZeroU32::MIN, TenantLimits::default());
    assert!(
        matches!(more, Ok(_) | Err(Failure::Full { .. })),
        "{more:?}"
    );
    std::fs::remove_file(&ballast).unwrap();
    remains(&ledger, &accepted);
    drop(ledger);
    let (ledger, _) = open(&dir);
    remains(&ledger, &accepted);
    ledger.close().unwrap();
    drop(ledger);
}

/// Submits jobs of 64 KiB until the disk is full; gives those that were accepted.
fn fill(ledger: &Ledger) -> Vec<NewJob> {
    let new = tenant(ledger, "a", TenantLimits::default());
    let mut accepted = Vec::new();
    for n in 0..10_000 {
        let mut new = keyed(&new, &format!("k{n}"));
        new.spec.args = vec!["x".repeat(64 << 10)];
        match ledger.submit(new.clone()) {
            Ok(_) => accepted.push(new),
            Err(SubmitError::Failed(Failure::Full { .. })) => return accepted,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("the disk is never full");
}

/// All accepted jobs are there, and it takes calls.
fn remains(ledger: &Ledger, accepted: &[NewJob]) {
    assert!(accepted.len() > 10, "{} jobs", accepted.len());
    for new in accepted {
        let known = ledger.submit(new.clone()).unwrap();
        assert!(matches!(known, Submitted::Existing(_)));
    }
    let counts = ledger.counts(None).unwrap();
    assert_eq!(usize::try_from(counts.queued), Ok(accepted.len()));
}

const LIMITED: &str = "WRUN_TEST_LEDGER_LIMITED";

#[test]
fn a_file_size_limit_is_a_full_disk() {
    let temp = tempfile::tempdir().unwrap();
    let test = "ledger::tests::failures::limited_child";
    // The signal is ignored, so that the write itself fails; the limit is in blocks of 512 or 1024 bytes.
    let script = "trap '' XFSZ; ulimit -f 8192; exec \"$0\" --exact \"$1\" --ignored --nocapture";
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(LIMITED, temp.path())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(
        child.status.success(),
        "{out}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    let accepted = out.split("accepted ").nth(1).unwrap();
    let accepted: u64 = accepted.split_whitespace().next().unwrap().parse().unwrap();
    let (ledger, recovered) = open(temp.path());
    assert!(!recovered.clean);
    assert_eq!(ledger.counts(None).unwrap().queued, accepted);
}

#[test]
#[ignore = "the child of another test"]
fn limited_child() {
    let Some(dir) = std::env::var_os(LIMITED) else {
        return;
    };
    let (ledger, _) = open(Path::new(&dir));
    let accepted = fill(&ledger);
    remains(&ledger, &accepted);
    println!("accepted {} ", accepted.len());
}
