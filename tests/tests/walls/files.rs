//! Files: those of the plan, and no others.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    os::unix::{fs::symlink, net::UnixListener},
    thread,
};

use wrun_host::walls::{Walls, WallsError};

use super::{Case, Place, entries, refused};

pub(crate) const CASES: &[Case] = &[
    ("files_outside_are_not_there", outside),
    ("files_inside_are_as_ever", inside),
    ("what_may_be_read_is_not_written", read_only),
    ("links_lead_nowhere", links),
    ("a_file_can_be_kept_alone", one_file),
    ("what_is_open_stays_open", open),
    ("secrets_of_the_system_are_not_read", system),
    ("other_processes_files_are_not_read", processes),
    ("the_machine_looks_the_same", machine),
    ("paths_are_held_open", held),
    ("a_missing_directory_is_named", missing),
];

fn outside(place: &Place) {
    let (dir, file) = (place.path("outside"), place.path("outside/file"));
    place.wall();
    let attempt = move || {
        refused(fs::read(&file));
        refused(fs::write(&file, "changed"));
        refused(File::options().append(true).open(&file));
        refused(fs::write(dir.join("new"), "new"));
        refused(fs::read_dir(&dir));
        refused(fs::create_dir(dir.join("folder")));
        refused(fs::remove_file(&file));
        refused(File::options().write(true).truncate(true).open(&file));
        refused(fs::read_dir("/"));
    };
    attempt();
    thread::spawn(attempt).join().expect("the same in a thread");
}

fn inside(place: &Place) {
    let dir = place.path("inside");
    place.wall();
    assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "contents");
    fs::create_dir_all(dir.join("a/b")).unwrap();
    fs::write(dir.join("a/one"), "one").unwrap();
    fs::rename(dir.join("a/one"), dir.join("a/b/two")).unwrap();
    fs::hard_link(dir.join("a/b/two"), dir.join("three")).unwrap();
    symlink("three", dir.join("four")).unwrap();
    fs::write(dir.join("four"), "longer").unwrap();
    assert_eq!(fs::read_to_string(dir.join("a/b/two")).unwrap(), "longer");
    let file = File::options().write(true).open(dir.join("three")).unwrap();
    file.set_len(2).unwrap();
    file.sync_all().unwrap();
    assert_eq!(fs::metadata(dir.join("three")).unwrap().len(), 2);
    fs::remove_dir_all(dir.join("a")).unwrap();
    assert_eq!(entries(&dir).len(), 3);
    // Something that others could be led to.
    refused(UnixListener::bind(dir.join("socket")));
}

fn read_only(place: &Place) {
    let dir = place.path("read");
    place.wall();
    assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "contents");
    assert_eq!(entries(&dir).len(), 1);
    refused(fs::write(dir.join("file"), "changed"));
    refused(fs::write(dir.join("new"), "new"));
    refused(fs::remove_file(dir.join("file")));
    // Landlock tells a move to another directory as if it were another file system, or refuses it.
    fs::rename(dir.join("file"), place.path("inside/moved")).unwrap_err();
    fs::hard_link(dir.join("file"), place.path("inside/link")).unwrap_err();
    assert_eq!(entries(&place.path("inside")).len(), 1);
    assert_eq!(entries(&dir).len(), 1);
}

fn links(place: &Place) {
    let link = place.path("inside/link");
    symlink(place.path("outside/file"), &link).unwrap();
    place.wall();
    refused(fs::read(&link));
    refused(fs::write(&link, "changed"));
    refused(fs::read(place.path("inside/../outside/file")));
    refused(fs::read("/proc/self/root/etc/passwd"));
}

fn one_file(place: &Place) {
    let mut options = place.options();
    options.writable = vec![place.path("outside/file")];
    super::raise(options);
    fs::write(place.path("outside/file"), "changed").unwrap();
    refused(fs::read_dir(place.path("outside")));
    refused(fs::write(place.path("outside/new"), ""));
}

fn open(place: &Place) {
    let mut file = File::open(place.path("outside/file")).unwrap();
    place.wall();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "contents");
}

fn system(place: &Place) {
    let mut options = place.options();
    options.outbound = true;
    super::raise(options);
    for path in [
        "/etc/passwd",
        "/etc/shadow",
        "/proc/kallsyms",
        "/proc/1/environ",
    ] {
        match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => refused(other),
        }
    }
    refused(fs::read_dir("/root"));
    refused(fs::read_dir("/home"));
    refused(fs::write("/proc/self/oom_score_adj", "0"));
}

fn processes(place: &Place) {
    let parent = rustix::process::getppid().unwrap();
    let environment = format!("/proc/{}/environ", parent.as_raw_nonzero());
    fs::read(&environment).unwrap();
    place.wall();
    refused(fs::read(&environment));
    fs::read("/proc/self/status").unwrap();
    fs::read("/proc/self/maps").unwrap();
}

/// What decides how many workers and sandboxes there are, and what `wrun info` tells.
fn machine(place: &Place) {
    let look = || {
        let read = |path| fs::read_to_string(path).ok();
        (
            thread::available_parallelism().unwrap(),
            wrun_host::RuntimeOptions::default().max_sandboxes,
            read("/proc/sys/vm/max_map_count"),
            read("/proc/sys/vm/overcommit_memory"),
            read("/proc/sys/kernel/osrelease"),
            read("/sys/kernel/mm/transparent_hugepage/enabled"),
            read("/sys/devices/system/cpu/online"),
            read("/proc/meminfo").map(|text| text.lines().next().map(str::to_owned)),
        )
    };
    let before = look();
    place.wall();
    assert_eq!(look(), before);
}

/// Landlock knows files by their inodes, and the kernel may forget those of `/proc` that nobody holds.
fn held(place: &Place) {
    place.wall();
    let open = entries(std::path::Path::new("/proc/self/fd"));
    // The last one is the listing itself, which is closed again.
    let open: Vec<_> = open
        .iter()
        .filter_map(|fd| fs::read_link(fd).ok())
        .collect();
    let own = format!("/proc/{}", std::process::id());
    for path in [&*own, "/proc/sys/vm/max_map_count", "/proc/meminfo"] {
        assert!(
            open.iter().any(|held| held.ends_with(path)),
            "{path}: {open:?}"
        );
    }
}

fn missing(place: &Place) {
    let mut options = place.options();
    options.writable.push(place.path("inside/nothing"));
    let error = Walls::plan(options).unwrap_err();
    assert!(matches!(error, WallsError::Path { .. }));
    assert!(error.to_string().contains("inside/nothing"), "{error}");
}
