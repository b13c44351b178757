//! `wrun serve` as it is started: what it takes by itself, what it prints, and its walls.

use std::{
    collections::BTreeMap,
    env::consts::ARCH,
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use wrun_tests::{
    guest::PARALLEL_TASKS,
    server::{Place, Server, eventually, text},
    wrun,
};

use super::support::{User, bad, row, says};

/// What the documentation says.
const ADDRESS: &str = "127.0.0.1:9700";

/// A server in this folder while `meanwhile` is done with what it printed; all that it printed, to its end.
fn life(place: &Place, meanwhile: impl FnOnce(&str)) -> String {
    let path = place.path("printed");
    let mut command = place.command();
    let mut server = command
        .stdout(File::create(&path).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let printed = || fs::read_to_string(&path).unwrap();
    eventually("it answers, or ends", || {
        printed().ends_with('\n') || server.try_wait().unwrap().is_some()
    });
    meanwhile(&printed());
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&server),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(143));
    printed()
}

/// The commands of the README's section on servers, the first block.
fn readme() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(path).unwrap();
    let (_, section) = readme.split_once("\n## A server\n").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let command = |line: &str| line.split('#').next().unwrap().trim().to_owned();
    block.lines().map(command).collect()
}

#[test]
fn the_readme_s_commands_are_all_that_it_takes() {
    let commands = readme();
    let [serve, token, address, submit] = &commands[..] else {
        panic!("{commands:?}");
    };
    assert_eq!(serve, "target/release/wrun serve");
    assert_eq!(token, "export WRUN_TOKEN=…");
    assert_eq!(*address, format!("export WRUN_ADDRESS=http://{ADDRESS}"));
    assert_eq!(submit, "target/release/wrun submit examples/parallel-tasks");

    let mut place = Place::new();
    // Walls that a kernel lacks are another test's.
    place.args = vec!["--allow-missing-walls".to_owned()];
    let mut listens = ADDRESS.to_owned();
    if TcpListener::bind(ADDRESS).is_err() {
        // Somebody else has the port; so it is seen that it is that one.
        let said = bad(&place.command().output().unwrap(), 2);
        says(&said, &[ADDRESS, "choose another with `--listen`"]);
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        listens = free.local_addr().unwrap().to_string();
        place.args.extend(["--listen".to_owned(), listens.clone()]);
    }
    let greeting = format!(
        "wrun {} listens on http://{listens}\n",
        env!("CARGO_PKG_VERSION")
    );
    let first = life(&place, |printed| {
        let export = printed.lines().find(|line| line.starts_with("export "));
        // The module of that crate, which is built already.
        let submit = submit
            .replace("target/release/wrun", &wrun().display().to_string())
            .replace("examples/parallel-tasks", PARALLEL_TASKS);
        let address = address.replace(ADDRESS, &listens);
        let script = [export.unwrap(), &address, &submit].join("\n");
        let mut shell = Command::new("sh");
        let shell = shell.args(["-ec", &script]).env_remove("WRUN_TENANT");
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let found = text(&output.stdout).matches("Los resultados son: [0, 1, 2, 3]\n");
        assert_eq!(found.count(), 2, "{}", text(&output.stdout));
    });
    let lines: Vec<_> = first.strip_prefix(&greeting).unwrap().lines().collect();
    assert_eq!(lines[0], "The admin's token, which is shown this once:");
    let token = lines[1].strip_prefix("export WRUN_TOKEN=").unwrap();
    assert!(token.starts_with("wrun_"), "{first}");
    let dashboard = format!("dashboard: http://{listens}/");
    assert_eq!(lines[2], format!("{dashboard}#token={token}"));
    assert_eq!(lines.len(), 3, "{first}");

    let data = place.path("wrun-data");
    assert!(data.join("ledger.redb").is_file());
    let mode = fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else looks into it");
    let again = format!("{greeting}{dashboard}\n");
    assert_eq!(life(&place, |_| {}), again, "the token is shown once");
}

#[test]
fn the_address_may_stand_in_the_file() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut place = Place::with(&format!("listen = \"{address}\"\ndata = \"state\""));
    place.args = ["--config", "wrun.toml", "--allow-missing-walls"]
        .map(ToOwned::to_owned)
        .into();
    let server = place.start();
    assert_eq!(server.address, format!("http://{address}"));
    assert!(place.path("state/ledger.redb").is_file());
    // What is taken is told, with what to do.
    let mut other = Place::new();
    other.args = vec!["--listen".to_owned(), address.to_string()];
    let said = bad(&other.command().output().unwrap(), 2);
    says(&said, &[&address.to_string(), "`--listen`"]);
    assert!(!other.path("wrun-data").exists(), "nothing was begun");
    assert_eq!(server.stop(), 143);
}

/// Its configuration is put out of reach of the walls and read again; what it says to that.
fn reads_outside(place: &Place, server: &Server) -> String {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("wrun.toml"), &place.config).unwrap();
    fs::remove_file(place.path("wrun.toml")).unwrap();
    symlink(outside.path().join("wrun.toml"), place.path("wrun.toml")).unwrap();
    server.errors.lock().unwrap().clear();
    server.signal("-HUP");
    server.says("the configuration ");
    fs::remove_file(place.path("wrun.toml")).unwrap();
    server.errors.lock().unwrap().clone()
}

fn is_strict(place: &mut Place) {
    place.args.retain(|arg| arg != "--allow-missing-walls");
}

#[test]
fn the_walls_stand_or_it_does_not_start() {
    let mut place = Place::new();
    is_strict(&mut place);
    let server = match place.try_start() {
        Ok(server) => server,
        Err(said) => {
            println!("this kernel does not have the walls");
            return refused_for_a_wall(&said);
        }
    };
    let info = User::admin(&server, &place).run(&["info"]);
    for wall in ["landlock", "seccomp", "no new privileges"] {
        let wall = row(&info, &format!("wall: {wall}"));
        assert!(wall.starts_with("stands: "), "{info}");
    }
    says(
        row(&info, "wall: landlock"),
        &["data", "TCP: no connections"],
    );
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    assert_eq!(row(&status, "NoNewPrivs:"), "1");
    assert_eq!(row(&status, "Seccomp:"), "2");
    says(
        &reads_outside(&place, &server),
        &["the configuration is as before", "permission was denied"],
    );
    assert_eq!(server.stop(), 143);
}

fn refused_for_a_wall(said: &str) {
    says(
        said,
        &[
            "the wall `",
            "can't be raised: ",
            "`--allow-missing-walls` starts without the walls that this kernel doesn't have",
        ],
    );
}

/// On a kernel that has no Landlock, as far as it tells: what it is asked for there is answered as what it does not know.
#[test]
fn a_missing_wall_is_refused_or_told() {
    let calls = [(libc::SYS_landlock_create_ruleset, vec![])];
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let calls: BTreeMap<_, _> = calls.into();
    let filter = SeccompFilter::new(
        calls,
        SeccompAction::Allow,
        unknown,
        ARCH.try_into().unwrap(),
    );
    let filter: BpfProgram = filter.unwrap().try_into().unwrap();
    let (said, place, server) = thread::spawn(move || {
        // It holds for this thread and what it starts.
        apply_filter(&filter).unwrap();
        let mut place = Place::new();
        let lenient = place.args.clone();
        is_strict(&mut place);
        let said = place.try_start().unwrap_err();
        place.args = lenient;
        let server = place.start();
        (said, place, server)
    })
    .join()
    .unwrap();
    refused_for_a_wall(&said);
    says(&said, &["`Landlock`", "the kernel has no Landlock"]);

    server.says("the wall `landlock` is missing: the kernel has no Landlock");
    let info = User::admin(&server, &place).run(&["info"]);
    let wall = row(&info, "wall: landlock");
    assert!(
        wall.starts_with("down: the kernel has no Landlock"),
        "{info}"
    );
    let read = reads_outside(&place, &server);
    assert!(read.contains("was read again"), "{read}");
    assert_eq!(server.stop(), 143);
}
