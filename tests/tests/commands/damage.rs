//! Files of the state directory that are not as they were written: what is said names the file, and what to do.

use std::{
    fs,
    path::{Path, PathBuf},
};

use wrun_tests::{guest::SERVE, server::Place};

use super::support::{User, row, says};

/// The one file of a folder of the state.
fn only_file(place: &Place, folder: &str) -> PathBuf {
    let entries = fs::read_dir(place.path("data").join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

type Damage = fn(&Path);

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

/// What was done, and how it is told.
const ALL: [(Damage, &str); 3] = [
    (flip, "its bytes are not those that were written"),
    (cut, "its bytes are not those that were written"),
    (remove, "it is gone"),
];

#[test]
fn a_damaged_module_is_named_and_pushed_again() {
    let mut place = Place::new();
    let call = ["submit", SERVE, "--task", "double", "--args", "[4]"];
    let mut server = place.start();
    assert_eq!(User::admin(&server, &place).run(&call), "8\n");
    for (damage, what) in ALL {
        assert_eq!(server.stop(), 143);
        let path = only_file(&place, "modules");
        damage(&path);
        server = place.start();
        let admin = User::admin(&server, &place);
        let said = admin.refused(125, &call);
        let shown = path.file_name().unwrap().to_str().unwrap();
        let cure = "push the module again, which puts it back";
        says(&said, &[shown, "is damaged: ", what, cure]);
        let jobs = admin.json(&["list", "jobs", "--limit", "1", "--json"]);
        let id = jobs["jobs"][0]["id"].as_str().unwrap();
        let status = admin.run(&["job", "status", id]);
        assert_eq!(row(&status, "exit code"), "125");
        says(row(&status, "error"), &[shown, cure]);
        // Done as it says.
        admin.run(&["module", "push", SERVE]);
        assert_eq!(admin.run(&call), "8\n");
    }
}

#[test]
fn damaged_output_is_named_and_the_rest_of_the_job_is_there() {
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    // More than what lies in the database.
    let id = admin.detached(&[SERVE, "--", "lines", "3000"]);
    admin.becomes(&id, "finished");
    let whole = admin.run(&["job", "logs", &id]);
    assert!(whole.ends_with("line 2999\n"));
    let path = only_file(&place, "logs");
    let bytes = fs::read(&path).unwrap();
    for (damage, what) in ALL {
        damage(&path);
        for args in [&["job", "logs", &*id][..], &["job", "logs", "-f", &id]] {
            let said = admin.refused(125, args);
            let cure = "the job's output can be had from a backup of this file only";
            says(&said, &["logs/", &id, "is damaged: ", what, cure]);
        }
        let status = admin.run(&["job", "status", &id]);
        assert_eq!(
            (row(&status, "state"), row(&status, "exit code")),
            ("finished", "0")
        );
        // Done as it says.
        fs::write(&path, &bytes).unwrap();
        assert_eq!(admin.run(&["job", "logs", &id]), whole);
    }
    assert_eq!(server.stop(), 143);
}

/// What was compiled is made again, whatever lies there.
#[test]
fn damaged_compiled_code_is_not_run() {
    let mut place = Place::new();
    let call = ["submit", SERVE, "--task", "double", "--args", "[4]"];
    let mut server = place.start();
    for damage in [flip, cut, remove] {
        assert_eq!(User::admin(&server, &place).run(&call), "8\n");
        assert_eq!(server.stop(), 143);
        let mut found = 0;
        let mut folders = vec![place.path("data/cache")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    damage(&path);
                    found += 1;
                }
            }
        }
        assert!(found > 0, "something is kept");
        server = place.start();
    }
    assert_eq!(User::admin(&server, &place).run(&call), "8\n");
}
