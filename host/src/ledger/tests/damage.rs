//! A damaged database is refused by name, or all of it is there; never something between, and never a panic.

use std::fs;

use super::*;

const JOBS: u64 = 20;

/// A ledger that was closed, or whose process was killed.
fn made(dir: &Path, clean: bool) {
    let (ledger, _) = open(dir);
    let new = tenant(&ledger, "a", TenantLimits::default());
    for n in 0..JOBS {
        ledger.submit(keyed(&new, &n.to_string())).unwrap();
    }
    if clean {
        ledger.close().unwrap();
        return;
    }
    let path = dir.join("ledger.redb");
    let bytes = fs::read(&path).unwrap();
    drop(ledger);
    fs::write(&path, bytes).unwrap();
}

fn refused(dir: &Path) -> String {
    let error = Ledger::open_with(dir, LedgerOptions { reserve: 0 }).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    let (text, path) = (error.to_string(), dir.join("ledger.redb"));
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert!(text.contains("put a backup"), "{text}");
    text
}

#[test]
fn what_is_no_database_is_refused() {
    for what in ["empty", "text", "directory", "short"] {
        let temp = tempfile::tempdir().unwrap();
        made(temp.path(), true);
        let path = temp.path().join("ledger.redb");
        let bytes = fs::read(&path).unwrap();
        match what {
            "empty" => fs::write(&path, "").unwrap(),
            "text" => fs::write(&path, "a text of somebody else".repeat(1000)).unwrap(),
            "short" => fs::write(&path, &bytes[..100]).unwrap(),
            _ => {
                fs::remove_file(&path).unwrap();
                fs::create_dir(&path).unwrap();
            }
        }
        println!("{what}: {}", refused(temp.path()));
    }
}

#[test]
fn a_database_of_something_else_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("ledger.redb");
    let other = redb::Database::create(&path).unwrap();
    let write = other.begin_write().unwrap();
    write
        .open_table(redb::TableDefinition::<u64, u64>::new("other"))
        .unwrap();
    write.commit().unwrap();
    drop(other);
    let text = refused(temp.path());
    assert!(text.contains("something else"), "{text}");
}

#[test]
fn a_database_that_is_gone_is_missed() {
    let temp = tempfile::tempdir().unwrap();
    made(temp.path(), true);
    fs::remove_file(temp.path().join("ledger.redb")).unwrap();
    let error = Ledger::open(temp.path()).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    assert_eq!(files(&temp.path().join("modules")).len(), 1);
}

#[test]
fn a_newer_format_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    made(temp.path(), true);
    let database = redb::Database::open(temp.path().join("ledger.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let mut meta = write.open_table(super::super::tables::META).unwrap();
    meta.insert("version", 2).unwrap();
    drop(meta);
    write.commit().unwrap();
    drop(database);
    let error = Ledger::open(temp.path()).unwrap_err().to_string();
    assert!(
        error.contains("format 2") && error.contains("up to 1"),
        "{error}"
    );
}

#[test]
fn truncated_anywhere_it_is_refused() {
    for clean in [false, true] {
        let temp = tempfile::tempdir().unwrap();
        made(temp.path(), clean);
        let path = temp.path().join("ledger.redb");
        let bytes = fs::read(&path).unwrap();
        for part in 0..16 {
            let length = bytes.len() * part / 16;
            fs::write(&path, &bytes[..length]).unwrap();
            refused(temp.path());
        }
    }
}

/// Flips bits in the header and in pages. Some bits mean nothing; then all must be there, the last commit too.
#[test]
fn with_flipped_bits_it_is_refused_or_whole() {
    let mut refusals = 0;
    for clean in [false, true] {
        let temp = tempfile::tempdir().unwrap();
        made(temp.path(), clean);
        let path = temp.path().join("ledger.redb");
        let bytes = fs::read(&path).unwrap();
        let seed = crate::rt::random::u64();
        println!("seed {seed}");
        let mut random = model::Random(seed);
        let header = (0..400).map(|byte| (byte, 1 << random.below(8)));
        // The bit that says which state is the newest is not covered by anything (`README.md`, "Starting").
        let header: Vec<_> = header.filter(|bit| *bit != (9, 1)).collect();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        let pages = (0..150).map(|_| (random.below(used), 1 << random.below(8)));
        for (at, flip) in header.into_iter().chain(pages) {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            fs::write(&path, &damaged).unwrap();
            match Ledger::open_with(temp.path(), LedgerOptions { reserve: 0 }) {
                Err(error) => {
                    assert!(
                        matches!(error, OpenError::Damaged { .. }),
                        "{at}: {error:?}"
                    );
                    refusals += 1;
                }
                Ok((ledger, _)) => {
                    let found = ledger.counts(None).unwrap().queued;
                    assert_eq!(found, JOBS, "byte {at}, bit {flip}, clean {clean}");
                }
            }
        }
    }
    assert!(refusals > 100, "{refusals} were refused");
}
