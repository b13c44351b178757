//! How many submissions a second, on the disk of the temporary directory.

use super::*;
use crate::rt::clock;

#[test]
#[ignore = "measures"]
fn submit_speed() {
    for threads in [1, 64] {
        let temp = tempfile::tempdir().unwrap();
        let (ledger, _) = open(temp.path());
        let new = tenant(&ledger, "a", TenantLimits::default());
        let (jobs, commits) = (
            threads * if threads == 1 { 1000 } else { 500 },
            ledger.commits(),
        );
        let begin = clock::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..jobs / threads {
                        ledger.submit(new.clone()).unwrap();
                    }
                });
            }
        });
        let seconds = begin.elapsed().as_secs_f64();
        let commits = ledger.commits() - commits;
        let each = f64::from(jobs) / seconds;
        println!("{threads} threads: {each:.0} submissions/s, {commits} commits for {jobs}");
        drop(ledger);
        let size = std::fs::metadata(temp.path().join("ledger.redb"))
            .unwrap()
            .len();
        let begin = clock::now();
        let (_ledger, recovered) = open(temp.path());
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "opened {} jobs, {size} bytes, in {seconds:.3} s",
            recovered.rerun.len()
        );
    }
}
