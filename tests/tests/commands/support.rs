//! Running commands against a server.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value as Json;
use wrun_tests::server::{Place, Server, eventually, text};

/// What it printed; it ended well.
#[track_caller]
pub(crate) fn good(output: &Output) -> String {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    text(&output.stdout).to_owned()
}

/// What it said; it ended with this code, and printed nothing.
#[track_caller]
pub(crate) fn bad(output: &Output, code: i32) -> String {
    let said = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(text(&output.stdout), "", "{said}");
    said
}

/// That it says each of these.
#[track_caller]
pub(crate) fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// Whoever has this token, at this server.
#[derive(Clone, Copy)]
pub(crate) struct User<'a> {
    pub(crate) server: &'a Server,
    pub(crate) token: &'a str,
}

impl<'a> User<'a> {
    /// The host's admin.
    pub(crate) fn admin(server: &'a Server, place: &'a Place) -> Self {
        Self {
            server,
            token: &place.token,
        }
    }

    /// A command to its end.
    pub(crate) fn try_run(&self, args: &[&str]) -> Output {
        self.server.wrun(self.token, args)
    }

    /// What one prints that ends well.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> String {
        good(&self.try_run(args))
    }

    /// What one prints that is JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Json {
        serde_json::from_str(&self.run(args)).unwrap()
    }

    /// What one says that is refused with this code.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, args: &[&str]) -> String {
        bad(&self.try_run(args), code)
    }

    /// A job that is left to itself; its id.
    #[track_caller]
    pub(crate) fn detached(&self, args: &[&str]) -> String {
        let id = self.run(&[&["submit", "--detach"], args].concat());
        let id = id.strip_suffix('\n').unwrap();
        assert!(
            id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "an id alone: {id}"
        );
        id.to_owned()
    }

    /// The job's state.
    pub(crate) fn state(&self, id: &str) -> String {
        let job = self.json(&["job", "status", id, "--json"]);
        job["state"].as_str().unwrap().to_owned()
    }

    /// Waits until the job is in this state.
    pub(crate) fn becomes(&self, id: &str, state: &str) {
        eventually(&format!("{id} is {state}"), || self.state(id) == state);
    }
}

/// The value of a row in a table of names and values.
#[track_caller]
pub(crate) fn row<'a>(table: &'a str, name: &str) -> &'a str {
    let row = table.lines().find_map(|line| line.strip_prefix(name));
    let row = row.unwrap_or_else(|| panic!("no row `{name}`: {table}"));
    row.trim()
}

/// A command whose output is read while it runs; it is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that it prints; nothing at the end.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    /// The rest that it prints, its exit code, and what it said.
    pub(crate) fn end(mut self) -> (Vec<String>, i32, String) {
        let rest: Vec<_> = self.lines.by_ref().map(Result::unwrap).collect();
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
        let code = self.child.wait().unwrap().code().unwrap();
        (rest, code, said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server whose jobs (`until` of the guest) go on until [`go`](Gate::go).
pub(crate) struct Gate(pub(crate) Place);

impl Gate {
    /// With these settings.
    pub(crate) fn with(config: &str) -> Self {
        let mut place = Place::new();
        let dir = place.path("gate");
        fs::create_dir(&dir).unwrap();
        place.config = format!(
            "{config}\nroots = [\"gate\"]\n[defaults]\ndirs = [\"{}::/data:ro\"]\n",
            dir.display()
        );
        Self(place)
    }

    /// They end.
    pub(crate) fn go(&self) {
        fs::write(self.0.path("gate/go"), "").unwrap();
    }
}
