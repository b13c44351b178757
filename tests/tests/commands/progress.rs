//! Progress on a terminal, and none of it elsewhere. The terminal is a real one (`script`); [`Screen`] is what one sees on it.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use wrun_tests::{
    guest::SERVE,
    server::{Place, eventually, text},
    wrun,
};

use super::support::User;

/// Columns of the terminal.
const WIDTH: usize = 100;

/// What a terminal shows of what was written to it; just what is used here.
#[derive(Default)]
struct Screen {
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn of(written: &str) -> String {
        let mut screen = Self::default();
        let mut rest = written.chars();
        while let Some(c) = rest.next() {
            match c {
                '\r' => screen.column = 0,
                '\n' => (screen.row, screen.column) = (screen.row + 1, 0),
                '\u{1b}' => {
                    assert_eq!(rest.next(), Some('['), "{written:?}");
                    let mut sequence = String::new();
                    for c in rest.by_ref() {
                        sequence.push(c);
                        if c.is_ascii_alphabetic() {
                            break;
                        }
                    }
                    screen.obey(&sequence);
                }
                c => screen.put(c),
            }
        }
        let lines = screen
            .lines
            .iter()
            .map(|line| line.iter().collect::<String>());
        let lines: Vec<_> = lines.map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n").trim_end().to_owned()
    }

    fn line(&mut self) -> &mut Vec<char> {
        if self.lines.len() <= self.row {
            self.lines.resize(self.row + 1, Vec::new());
        }
        &mut self.lines[self.row]
    }

    fn put(&mut self, c: char) {
        if self.column == WIDTH {
            (self.row, self.column) = (self.row + 1, 0);
        }
        let column = self.column;
        let line = self.line();
        if line.len() <= column {
            line.resize(column + 1, ' ');
        }
        line[column] = c;
        self.column += 1;
    }

    fn obey(&mut self, sequence: &str) {
        let (number, what) = sequence.split_at(sequence.len() - 1);
        let times = number.parse().unwrap_or(1);
        match what {
            "K" => self.line().clear(),
            "A" => self.row -= times,
            "B" => self.row += times,
            // Colours.
            "m" => {}
            _ => panic!("ESC [ {sequence}"),
        }
    }
}

/// Runs a command of a shell on a terminal: what is written to it, with a line's end as programs write it.
fn on_terminal(command: &str, env: &[(&str, &str)]) -> String {
    let output = terminal(command, env).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stdout));
    text(&output.stdout).replace("\r\n", "\n")
}

fn terminal(command: &str, env: &[(&str, &str)]) -> Command {
    let mut script = Command::new("script");
    script
        .args(["-q", "-e", "-c"])
        .arg(format!("stty rows 24 cols {WIDTH}; {command}"))
        .arg("/dev/null")
        .env_remove("CI")
        .env_remove("NO_COLOR")
        .env_remove("WRUN_ADDRESS")
        .envs([("TERM", "xterm"), ("SHELL", "/bin/sh")])
        .envs(env.iter().copied())
        .stdin(Stdio::null());
    script
}

fn submit(options: &str) -> String {
    format!("{} submit --num-cpus 2 {options}", wrun().display())
}

/// What the guest prints, one task a line later each.
fn paced() -> String {
    let lines: Vec<_> = (0..4).map(|n| format!("line {n} of 4")).collect();
    lines.join("\n")
}

#[test]
fn a_bar_stands_below_whole_lines_and_is_gone_at_the_end() {
    let written = on_terminal(&submit(&format!("{SERVE} -- paced 4 150")), &[]);
    for part in ["━", "running", "/s", "\u{1b}[36m"] {
        assert!(written.contains(part), "no `{part}` in {written:?}");
    }
    assert_eq!(Screen::of(&written), paced());
    // Without colours there is all else.
    let plain = on_terminal(
        &submit(&format!("{SERVE} -- paced 4 150")),
        &[("NO_COLOR", "1")],
    );
    assert!(
        plain.contains('━') && !plain.contains("\u{1b}[3"),
        "{plain:?}"
    );
    assert_eq!(Screen::of(&plain), paced());
}

#[test]
fn a_job_on_a_server_has_one_too() {
    let mut place = Place::with("[host]\nnum_cpus = 2\n");
    let server = place.start();
    let env = [
        ("WRUN_ADDRESS", &*server.address),
        ("WRUN_TOKEN", &*place.token),
    ];
    let command = format!("{} submit {SERVE} -- paced 4 600", wrun().display());
    let written = on_terminal(&command, &env);
    for part in ["sending serve.wasm", "━", "running"] {
        assert!(written.contains(part), "no `{part}` in {written:?}");
    }
    assert_eq!(Screen::of(&written), paced());
}

#[test]
fn where_it_is_not_wanted_nothing_of_it_is_written() {
    let as_it_is = format!("{}\n", paced());
    for (options, env) in [
        ("--quiet", &[][..]),
        ("", &[("CI", "true")]),
        ("", &[("TERM", "dumb")]),
    ] {
        let command = submit(&format!("{options} {SERVE} -- paced 4 150"));
        assert_eq!(on_terminal(&command, env), as_it_is, "{options} {env:?}");
    }
    let json = on_terminal(&submit(&format!("--json {SERVE} -- paced 4 150")), &[]);
    assert!(
        json.lines().all(|line| line.starts_with('{')) && !json.contains('\u{1b}'),
        "{json}"
    );

    // Without a terminal, on a server and without one.
    let mut place = Place::new();
    let server = place.start();
    let admin = User::admin(&server, &place);
    let args = ["submit", SERVE, "--", "paced", "4", "150"];
    let here = Command::new(wrun())
        .args(args)
        .env("TERM", "xterm")
        .env_remove("CI")
        .env_remove("WRUN_ADDRESS")
        .stdin(Stdio::null())
        .output();
    for output in [here.unwrap(), admin.try_run(&args)] {
        assert_eq!(
            (text(&output.stdout), text(&output.stderr)),
            (&*as_it_is, "")
        );
    }
}

fn guest_crate(dir: &Path, main: &str) {
    fs::create_dir(dir.join("src")).unwrap();
    let manifest =
        "[package]\nname = \"shown\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    fs::write(dir.join("src/main.rs"), main).unwrap();
}

#[test]
fn a_build_is_shown_and_what_it_says_stays() {
    let dir = tempfile::tempdir().unwrap();
    guest_crate(
        dir.path(),
        "fn main() { let unused = 1; println!(\"built\"); }",
    );
    let run = |options: &str, env: &[(&str, &str)]| {
        let dir = dir.path().display();
        on_terminal(&submit(&format!("{options} {dir}")), env)
    };
    let written = run("", &[]);
    assert!(
        written.contains("building shown: Compiling shown v0.1.0"),
        "{written:?}"
    );
    let screen = Screen::of(&written);
    assert!(
        screen.contains("warning: unused variable: `unused`") && screen.ends_with("\nbuilt"),
        "{screen}"
    );
    assert!(
        !screen.contains("building") && !screen.contains("Compiling"),
        "{screen}"
    );
    // It is fresh now, and cargo says the warning again.
    let quiet = run("--quiet", &[]);
    assert!(
        !quiet.contains("building") && quiet.ends_with("built\n"),
        "{quiet:?}"
    );

    fs::write(dir.path().join("src/main.rs"), "fn main() { 1 }").unwrap();
    let output = terminal(&submit(&dir.path().display().to_string()), &[])
        .output()
        .unwrap();
    let screen = Screen::of(&text(&output.stdout).replace("\r\n", "\n"));
    assert_eq!(output.status.code(), Some(123), "{screen}");
    assert!(
        screen.contains("mismatched types") && screen.contains("did not build"),
        "{screen}"
    );
    assert!(!screen.contains("building"), "{screen}");
}

#[test]
fn a_module_on_its_way_is_shown() {
    let mut place = Place::new();
    let server = place.start();
    let env = [
        ("WRUN_ADDRESS", &*server.address),
        ("WRUN_TOKEN", &*place.token),
    ];
    let written = on_terminal(&format!("{} module push {SERVE}", wrun().display()), &env);
    assert!(
        written.contains("serve.wasm: the server compiles it"),
        "{written:?}"
    );
    let hash = Screen::of(&written);
    let admin = User::admin(&server, &place);
    let modules = admin.json(&["module", "list", "--json"]);
    let module = &modules["modules"][0];
    assert_eq!(module["hash"], *hash);
    assert_eq!(module["size"], fs::metadata(SERVE).unwrap().len());
}

/// A command that is killed when it is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_terminal_that_stands_still_stops_no_job() {
    let dir = tempfile::tempdir().unwrap();
    let command = submit(&format!(
        "--dir {}::/data {SERVE} -- quiet 20 200",
        dir.path().display()
    ));
    let mut script = terminal(&format!("stty ixon; echo ready; {command}"), &[]);
    let piped = script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Ended(piped.spawn().unwrap());
    let (mut keys, mut shown) = (
        child.0.stdin.take().unwrap(),
        child.0.stdout.take().unwrap(),
    );
    let mut ready = [0; 5];
    shown.read_exact(&mut ready).unwrap();
    // Ctrl-S, and when the job is done, Ctrl-Q.
    keys.write_all(b"\x13").unwrap();
    eventually("the job's file is there", || {
        dir.path().join("went").exists()
    });
    keys.write_all(b"\x11").unwrap();
    let mut rest = String::new();
    shown.read_to_string(&mut rest).unwrap();
    assert!(child.0.wait().unwrap().success(), "{rest}");
}
