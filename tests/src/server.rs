//! `wrun serve` as a process of its own on a port of its own, for tests that talk to it by the command line, by the client or by hand.
//!
//! A [`Place`] is a state directory; [`Place::start`] gives the [`Server`] in it, which is ended when it is dropped.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Read, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use tempfile::TempDir;
use wrun_host::{
    api::{CallView, JobRequest, JobView, Role, TenantLimits, TenantRequest, TokenRequest},
    client::{Client, ClientError, JobEvent},
};

use crate::{guest::SERVE, wrun};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A state directory and what serves it.
#[derive(Debug)]
pub struct Place {
    /// Where it is; gone with this.
    pub dir: TempDir,
    /// The text of its `wrun.toml`, written at each start.
    pub config: String,
    /// The command.
    pub program: PathBuf,
    /// Its arguments behind `serve`.
    pub args: Vec<String>,
    /// A command that runs it, if not by itself.
    pub wrap: Vec<String>,
    /// What its environment has beside the usual.
    pub env: Vec<(String, String)>,
    /// The administrator's, from the first start on.
    pub token: String,
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    /// The process.
    pub child: Child,
    /// With the scheme.
    pub address: String,
    /// What it printed, at the first start.
    pub token: Option<String>,
    /// Its standard error so far.
    pub errors: Arc<Mutex<String>>,
}

impl Default for Place {
    fn default() -> Self {
        Self::with("")
    }
}

impl Place {
    /// Without settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these settings.
    pub fn with(config: &str) -> Self {
        let args = "--listen 127.0.0.1:0 --config wrun.toml --data data --allow-missing-walls";
        Self {
            dir: tempfile::tempdir().unwrap(),
            config: config.to_owned(),
            program: wrun().to_owned(),
            args: args.split(' ').map(ToOwned::to_owned).collect(),
            env: Vec::new(),
            wrap: Vec::new(),
            token: String::new(),
        }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What starts it.
    pub fn command(&self) -> Command {
        fs::write(self.path("wrun.toml"), &self.config).unwrap();
        let mut words = self
            .wrap
            .iter()
            .map(OsString::from)
            .chain([self.program.clone().into()]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .envs(self.env.iter().cloned())
            .current_dir(self.dir.path())
            .arg("serve")
            .args(&self.args)
            .env_remove("WRUN_ADDRESS")
            .stdin(Stdio::null());
        command
    }

    /// Starts it, and waits until it answers.
    pub fn start(&mut self) -> Server {
        let started = self.try_start();
        started.unwrap_or_else(|said| panic!("it ended: {said}"))
    }

    /// The same; what it said when it ended instead.
    pub fn try_start(&mut self) -> Result<Server, String> {
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = Arc::new(Mutex::new(String::new()));
        let (mut stderr, kept) = (child.stderr.take().unwrap(), errors.clone());
        let listening = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = stderr.read(&mut bytes) {
                kept.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || lines.next().and_then(Result::ok);
        let Some(first) = next() else {
            child.wait().unwrap();
            listening.join().unwrap();
            return Err(errors.lock().unwrap().clone());
        };
        let address = first.split(' ').next_back().unwrap().to_owned();
        let token = self.token.is_empty().then(|| {
            next();
            let line = next().unwrap();
            line.strip_prefix("export WRUN_TOKEN=").unwrap().to_owned()
        });
        if let Some(token) = &token {
            self.token.clone_from(token);
        }
        Ok(Server {
            child,
            address,
            token,
            errors,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// What it answers to these bytes, to the end of the connection.
    pub fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// As whoever has this token.
    pub fn client(&self, token: &str) -> Client {
        Client::new(&self.address, Some(token.to_owned()), None).unwrap()
    }

    /// Sends it a signal by name, such as `-HUP`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits until it has said this on its standard error.
    pub fn says(&self, text: &str) {
        eventually(text, || self.errors.lock().unwrap().contains(text));
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its exit code after SIGTERM.
    pub fn stop(mut self) -> i32 {
        self.signal("-TERM");
        self.ended()
    }

    /// Its exit code, once it ended.
    pub fn ended(&mut self) -> i32 {
        let mut status = None;
        eventually("the server ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code().unwrap()
    }

    /// The command line, told of this server and this token.
    pub fn wrun(&self, token: &str, args: &[&str]) -> Output {
        self.command(token, args).output().unwrap()
    }

    /// What it printed to standard output, having succeeded.
    pub fn run(&self, token: &str, args: &[&str]) -> String {
        succeeded(&self.wrun(token, args))
    }

    /// The same, not started.
    pub fn command(&self, token: &str, args: &[&str]) -> Command {
        let mut command = Command::new(wrun());
        command
            .args(args)
            .env("WRUN_ADDRESS", &self.address)
            .env("WRUN_TOKEN", token)
            .env_remove("WRUN_TENANT")
            .stdin(Stdio::null());
        command
    }
}

/// What a command printed to standard output; it must have succeeded.
pub fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// Waits until it is so.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs it to its end on an event loop of its own.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, future)
            .await
            .expect("too long")
    })
}

/// As text.
pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The guest's hash, which the server has then.
pub async fn pushed(client: &Client) -> String {
    client
        .push("serve.wasm", fs::read(SERVE).unwrap())
        .await
        .unwrap()
        .hash
}

/// A job that is one call.
pub fn task(module: &str, name: &str, args: Vec<Json>) -> JobRequest {
    JobRequest {
        module: module.to_owned(),
        task: Some(CallView {
            name: name.to_owned(),
            args,
        }),
        ..JobRequest::default()
    }
}

/// A job that is the module's `main`.
pub fn main(module: &str, args: &[&str]) -> JobRequest {
    JobRequest {
        module: module.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..JobRequest::default()
    }
}

/// The job, once it ended.
pub async fn ended(client: &Client, id: &str) -> JobView {
    loop {
        let job = client.job(id).await.unwrap();
        if job.state.is_ended() {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What the job printed, to its end.
pub async fn output(client: &Client, id: &str) -> String {
    let mut events = client.logs(id, 0, true).await.unwrap();
    let mut text = String::new();
    while let Some(event) = events.next().await.unwrap() {
        if let JobEvent::Line(line) = event {
            text.push_str(&String::from_utf8_lossy(&line.bytes()));
        }
    }
    text
}

/// The status and the message.
pub fn refused(error: ClientError) -> (u16, String) {
    match error {
        ClientError::Refused { status, body } => (status, body.message),
        other => panic!("{other}"),
    }
}

/// A tenant with these limits, and a token of it.
pub async fn tenant(admin: &Client, name: &str, limits: TenantLimits) -> String {
    let request = TenantRequest {
        weight: std::num::NonZeroU32::MIN,
        limits,
    };
    admin.put_tenant(name, &request).await.unwrap();
    admin.issue(name, &token(Role::Submit)).await.unwrap().token
}

/// A request for a token.
pub fn token(role: Role) -> TokenRequest {
    TokenRequest {
        role,
        label: String::new(),
        valid_seconds: None,
        rotate: false,
    }
}
