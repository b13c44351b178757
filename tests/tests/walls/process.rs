//! The process itself: no other programs, no other processes, raised once and in time.

use std::{
    collections::BTreeMap,
    fs,
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::process::CommandExt,
    process::Command,
    sync::mpsc,
    thread,
};

use rustix::process::{Pid, Signal, getpid, getppid, kill_process, pidfd_open, test_kill_process};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use wrun_host::walls::{Standing, Wall, WallKind, Walls, WallsError};

use super::{Case, Place, filtered, refused};

pub(crate) const CASES: &[Case] = &[
    ("no_program_is_started", programs),
    ("no_other_process_is_reached", processes),
    ("new_privileges_are_off", privileges),
    ("threads_that_start_later_are_walled", threads),
    ("threads_that_run_already_are_an_error", too_late),
    ("walls_are_raised_once", once),
    ("a_kernel_without_landlock_is_told", no_landlock),
    ("a_kernel_without_seccomp_is_told", no_seccomp),
    ("landlock_is_required", landlock_required),
    ("seccomp_is_required", seccomp_required),
];

fn programs(place: &Place) {
    place.wall();
    filtered(Command::new("/bin/true").status());
    // In place of this process, without another one.
    filtered::<()>(Err(Command::new("/bin/true").exec()));
    let own = std::env::current_exe().unwrap();
    filtered::<()>(Err(Command::new(own).exec()));
}

fn processes(place: &Place) {
    let parent = getppid().unwrap();
    test_kill_process(parent).unwrap();
    place.wall();
    for process in [parent, getpid(), Pid::INIT] {
        filtered(test_kill_process(process).map_err(Into::into));
        filtered(kill_process(process, Signal::KILL).map_err(Into::into));
        let open = pidfd_open(process, rustix::process::PidfdFlags::empty());
        filtered(open.map_err(Into::into));
    }
}

fn status(name: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.expect("a line of that name").trim().to_owned()
}

fn privileges(place: &Place) {
    assert_eq!(status("NoNewPrivs:"), "0", "the test is told nothing");
    place.wall();
    assert_eq!(status("NoNewPrivs:"), "1");
    // 2: a filter.
    assert_eq!(status("Seccomp:"), "2");
}

fn threads(place: &Place) {
    let (outside, inside) = (place.path("outside/file"), place.path("inside/file"));
    place.wall();
    let attempt = move || {
        refused(fs::read(&outside));
        fs::read(&inside).unwrap();
        refused(UdpSocket::bind("127.0.0.1:0"));
        refused(Command::new("/bin/true").status());
    };
    let nested = attempt.clone();
    thread::spawn(move || {
        attempt();
        thread::spawn(nested).join().expect("a thread of a thread");
    })
    .join()
    .expect("a thread");
}

fn too_late(place: &Place) {
    let (stop, stopped) = mpsc::channel::<()>();
    let other = thread::spawn(move || stopped.recv());
    let walls = Walls::plan(place.options()).unwrap();
    let error = walls.raise().unwrap_err();
    assert!(
        matches!(error, WallsError::Threads { threads: 2 }),
        "{error}"
    );
    // Nothing was raised, and it can still be.
    drop(stop);
    let _ = other.join().expect("ends");
    // The kernel takes a moment to forget a thread that was joined.
    while fs::read_dir("/proc/self/task").unwrap().count() > 1 {
        thread::yield_now();
    }
    fs::read(place.path("outside/file")).unwrap();
    place.wall();
    refused(fs::read(place.path("outside/file")));
}

fn once(place: &Place) {
    let again = Walls::plan(place.options()).unwrap();
    place.wall();
    let error = again.raise().unwrap_err();
    assert!(matches!(error, WallsError::AlreadyRaised), "{error}");
}

/// Takes a call away, as a kernel that has none.
fn without(call: i64) {
    let filter = SeccompFilter::new(
        BTreeMap::from([(call, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.cast_unsigned()),
        TargetArch::try_from(std::env::consts::ARCH).unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    apply_filter(&program).unwrap();
}

fn wanted(place: &Place, wall: WallKind) {
    let error = Walls::plan(place.options()).unwrap().raise().unwrap_err();
    assert!(
        matches!(&error, WallsError::Missing { wall: missing, .. } if *missing == wall),
        "{error}"
    );
    let text = error.to_string();
    for part in [&*wall.to_string(), "--allow-missing-walls"] {
        assert!(text.contains(part), "{text}");
    }
}

/// Without `required` the walls that there are must do.
fn raised(place: &Place) -> Standing {
    let mut options = place.options();
    options.required = false;
    Walls::plan(options).unwrap().raise().unwrap()
}

/// What both hold back, seccomp does alone.
fn no_landlock(place: &Place) {
    without(libc::SYS_landlock_create_ruleset);
    let standing = raised(place);
    assert!(
        matches!(&standing.landlock, Wall::Down { why } if why.contains("5.13")),
        "{standing:?}"
    );
    assert!(standing.seccomp.stands() && standing.no_new_privileges.stands());
    fs::read(place.path("outside/file")).unwrap();
    filtered(UdpSocket::bind("127.0.0.1:0"));
    filtered(TcpStream::connect(("127.0.0.1", place.port)));
    filtered(Command::new("/bin/true").status());
}

/// What both hold back, Landlock does alone.
fn no_seccomp(place: &Place) {
    without(libc::SYS_seccomp);
    let standing = raised(place);
    assert!(
        matches!(&standing.seccomp, Wall::Down { .. }),
        "{standing:?}"
    );
    assert!(standing.landlock.stands() && standing.no_new_privileges.stands());
    UdpSocket::bind("127.0.0.1:0").unwrap();
    refused(fs::read(place.path("outside/file")));
    refused(TcpStream::connect(("127.0.0.1", place.port)));
    refused(TcpListener::bind("127.0.0.1:0"));
    refused(Command::new("/bin/true").status());
}

fn landlock_required(place: &Place) {
    without(libc::SYS_landlock_create_ruleset);
    wanted(place, WallKind::Landlock);
}

fn seccomp_required(place: &Place) {
    without(libc::SYS_seccomp);
    wanted(place, WallKind::Seccomp);
}
