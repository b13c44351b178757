//! HTTP requests of tasks, from the guest through the host to a server: with the command, and on `wrun serve`.
//!
//! A [`Site`] is a server of the tests' own on loopback, so each run that is to reach it allows the host and the network.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::too_many_lines, reason = "tables of cases")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use wrun_host::types::CallOptions;
use wrun_host::{
    CacheDir, ErrorKind, HttpLimits, JobOptions, Module, Runtime, RuntimeOptions, TaskError,
    TenantOptions, api::Role,
};
use wrun_tests::{
    guest::HTTP,
    server::{Place, block_on, ended, eventually, task, text, token},
    wrun,
};

/// The guest's name stands for all tests here.
macro_rules! assert_guest_is_used {
    (http) => {};
}
wrun_tests::foreach_http!(assert_guest_is_used);

const LOOPBACK: &str = "127.0.0.0/8";

/// What a connection is: what was asked for, the rest of it, and how it is answered.
struct Visit {
    head: String,
    stream: TcpStream,
}

impl Visit {
    fn read(mut stream: TcpStream) -> Option<Self> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        Some(Self { head, stream })
    }

    fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    fn body(&mut self) -> Vec<u8> {
        let lower = self.head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1);
        let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        body
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    fn answer(&mut self, status: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        let _ = self.write(head.as_bytes()) && self.write(body);
    }

    /// Waits until the other side has closed the connection.
    fn closed(mut self) -> bool {
        self.stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut bytes = [0; 4096];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }
}

/// A server; each connection has a thread, which ends with the process.
struct Site {
    port: u16,
    /// Connections so far.
    visits: Arc<AtomicUsize>,
}

impl Site {
    fn new(answer: impl Fn(Visit) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits = Arc::new(AtomicUsize::new(0));
        let (counted, answer) = (visits.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let (stream, answer) = (stream.unwrap(), answer.clone());
                thread::spawn(move || Visit::read(stream).map(|visit| answer(visit)));
            }
        });
        Self { port, visits }
    }

    fn plain() -> Self {
        Self::new(|mut visit| visit.answer("200 OK", "", b"hello"))
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

/// `wrun submit` with these options, and its exit code and output.
fn submit(options: &[&str], name: &str, args: &Json) -> Output {
    Command::new(wrun())
        .args(["submit", HTTP])
        .args(options)
        .args(["--task", name, "--args", &args.to_string()])
        .env_remove("WRUN_ADDRESS")
        .env("http_proxy", "http://127.0.0.1:1")
        .env("https_proxy", "http://127.0.0.1:1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A runtime with the guest, whose tasks may ask these hosts.
struct Node {
    runtime: Runtime,
    module: Module,
}

impl Node {
    async fn new(sites: &[&Site], change: impl FnOnce(&mut RuntimeOptions)) -> Self {
        let mut options = RuntimeOptions::default();
        options.cache = CacheDir::Off;
        options.pool_size = 50;
        let hosts = sites.iter().map(|site| site.host().parse().unwrap());
        options.http.allow = hosts.collect();
        options.http.networks = vec![LOOPBACK.parse().unwrap()];
        change(&mut options);
        let runtime = Runtime::start(options).unwrap();
        let module = runtime.load("http", fs::read(HTTP).unwrap()).await.unwrap();
        Self { runtime, module }
    }

    async fn call(&self, name: &str, args: Json) -> Result<Json, TaskError> {
        let job = self
            .runtime
            .open(&self.module, JobOptions::default())
            .unwrap();
        let pending = job
            .call_json(
                name,
                args.as_array().unwrap().clone(),
                CallOptions::default(),
            )
            .await?;
        let result = pending.json().await;
        drop(pending);
        job.close().await;
        result
    }

    /// The kind, code and message of a GET request's error.
    async fn error_of(&self, url: &str) -> (String, String, String) {
        let told = self
            .call("error_of", json!(["GET", url, []]))
            .await
            .unwrap();
        let part = |n: usize| told[n].as_str().unwrap().to_owned();
        (part(0), part(1), part(2))
    }

    async fn end(self) {
        assert_eq!(self.runtime.held(), [], "something is left");
        self.runtime.shutdown().await;
    }
}

fn limits(change: impl FnOnce(&mut HttpLimits)) -> impl FnOnce(&mut RuntimeOptions) {
    move |options| change(&mut options.http.limits)
}

#[test]
fn the_command_gives_it_and_nothing_without_it() {
    let site = Site::plain();
    let args = json!([site.url("/")]);
    let allowed = [
        "--allow-http",
        &site.host(),
        "--allow-http-network",
        LOOPBACK,
    ];
    let output = submit(&allowed, "fetch", &args);
    assert_eq!(
        text(&output.stdout),
        "[200,\"hello\"]\n",
        "{}",
        text(&output.stderr)
    );
    assert_eq!(site.visits(), 1);

    let refused = |options: &[&str], args: &Json, code: &str, says: &[&str]| {
        let output = submit(options, "fetch", args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(120), "{said}");
        assert!(said.contains(code), "{said}");
        assert!(says.iter().all(|says| said.contains(says)), "{said}");
    };
    // Off unless a host is named.
    refused(&[], &args, "WR0117", &["HTTP is off", "--allow-http HOST"]);
    let other = [
        "--allow-http",
        "127.0.0.1:1",
        "--allow-http-network",
        LOOPBACK,
    ];
    refused(&other, &args, "WR0117", &[&site.host(), "--allow-http"]);
    // The host is not enough: its address is not public.
    refused(
        &allowed[..2],
        &args,
        "WR0118",
        &["127.0.0.1", "--allow-http-network"],
    );
    let name = format!("localhost:{}", site.port);
    let url = json!([format!("http://{name}/")]);
    refused(&["--allow-http", &name], &url, "WR0118", &["`localhost`"]);
    assert_eq!(site.visits(), 1);
    // A name is looked up by the system.
    let named = ["--allow-http", &name, "--allow-http-network", LOOPBACK];
    let output = submit(&named, "fetch", &url);
    assert_eq!(
        text(&output.stdout),
        "[200,\"hello\"]\n",
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_request_is_sent_and_its_response_read() {
    let site = Site::new(|mut visit| {
        let body = visit.body();
        let said = format!("{}|{}", visit.head, String::from_utf8_lossy(&body));
        let headers = "x-one: 1\r\nX-One: 2\r\nx-odd: \u{e9}\r\n";
        match visit.path() {
            "/json" if body == b"[1,2,3]" => visit.answer("200 OK", "", b"[4, 5]"),
            "/echo" => visit.answer("200 OK", "", &body),
            _ => visit.answer("404 Not Found", headers, said.as_bytes()),
        }
    });
    block_on(async {
        let node = Node::new(&[&site], |_| {}).await;
        let sent = [("X-Key", "secret"), ("accept", "text/plain")];
        let args = json!(["post", site.url("/a?b=c#d"), sent, "the body"]);
        let told = node.call("send", args).await.unwrap();
        assert_eq!(told[0], 404);
        let headers = told[1].as_array().unwrap();
        for wanted in [
            json!(["x-one", "1"]),
            json!(["x-one", "2"]),
            json!(["x-odd", "é"]),
        ] {
            assert!(headers.contains(&wanted), "{headers:?}");
        }
        let said = told[2].as_str().unwrap().to_ascii_lowercase();
        assert!(
            said.starts_with("post /a?b=c http/1.1\r\n") && said.ends_with("|the body"),
            "{said}"
        );
        let host = site.host();
        for line in [
            "x-key: secret",
            "accept: text/plain",
            "content-length: 8",
            "user-agent: wrun/",
        ] {
            assert!(said.contains(line), "{said}");
        }
        assert!(said.contains(&format!("host: {host}\r\n")), "{said}");
        // What would ask for compression is not added, as nothing here takes it apart.
        assert!(
            !said.contains("accept-encoding") && !said.contains("cookie"),
            "{said}"
        );
        // Which trace a job belongs to is told by guests that want it told.
        assert!(!said.contains("traceparent"), "{said}");
        assert_eq!(
            node.call("json", json!([site.url("/json")])).await.unwrap(),
            json!([4, 5])
        );
        // Larger than what a call holds in place, both ways: through the store.
        for bytes in [0, 1, 70_000, 1 << 20] {
            let args = json!([site.url("/echo"), bytes]);
            assert_eq!(node.call("echo", args).await.unwrap(), bytes);
        }
        let args = json!([site.url("/echo"), (1 << 20) + 1]);
        let error = node.call("echo", args).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::HttpTooLarge, "{error}");
        node.end().await;
    });
}

#[test]
fn requests_of_one_task_run_together() {
    // Nobody is answered before all of them are there.
    const ALL: usize = 20;
    let here = Arc::new(AtomicUsize::new(0));
    let site = Site::new(move |mut visit| {
        here.fetch_add(1, Ordering::SeqCst);
        let start = Instant::now();
        while here.load(Ordering::SeqCst) < ALL && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(1));
        }
        match here.load(Ordering::SeqCst) < ALL {
            true => visit.answer("503 Alone", "", b""),
            false => visit.answer("200 OK", "", b"all"),
        }
    });
    block_on(async {
        // One slot, which waiting tasks don't hold.
        let node = Node::new(&[&site], |options| options.slots = 1.0).await;
        let urls: Vec<_> = (0..ALL).map(|n| site.url(&format!("/{n}"))).collect();
        let told = node.call("together", json!([urls])).await.unwrap();
        assert_eq!(told, json!(vec![3; ALL]));
        let told = node.call("passed_on", json!([site.url("/"), 5])).await;
        assert_eq!(told.unwrap(), 15);
        node.end().await;
    });
}

#[test]
fn at_most_so_many_are_under_way_and_begin_in_a_second() {
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let site = Site::new(move |mut visit| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        now.fetch_sub(1, Ordering::SeqCst);
        visit.answer("200 OK", "", b"x");
    });
    block_on(async {
        let few = limits(|limits| limits.at_once = 3.try_into().unwrap());
        let node = Node::new(&[&site], few).await;
        let urls = vec![site.url("/"); 20];
        assert_eq!(
            node.call("together", json!([urls])).await.unwrap(),
            json!(vec![1; 20])
        );
        assert_eq!(most.load(Ordering::SeqCst), 3);
        node.end().await;

        let slow = limits(|limits| {
            limits.rate = 20.try_into().unwrap();
            limits.burst = 5.try_into().unwrap();
        });
        let node = Node::new(&[&site], slow).await;
        let start = Instant::now();
        let urls = vec![site.url("/"); 15];
        assert_eq!(
            node.call("together", json!([urls])).await.unwrap(),
            json!(vec![1; 15])
        );
        // Five at once, ten more at 50 ms each.
        assert!(
            start.elapsed() >= Duration::from_millis(480),
            "{:?}",
            start.elapsed()
        );
        node.end().await;
    });
}

#[test]
fn servers_that_misbehave_are_left_in_time() {
    let site = Site::new(|mut visit| {
        let path = visit.path().to_owned();
        let head = "HTTP/1.1 200 OK\r\n";
        match &*path {
            // Never an answer, or never a whole one.
            "/silent" => {
                visit.closed();
            }
            "/slow-head" => {
                while visit.write(b"H") {
                    thread::sleep(Duration::from_millis(50))
                }
            }
            "/slow-body" => {
                let _ = visit.write(format!("{head}\r\n").as_bytes());
                while visit.write(b"x") {
                    thread::sleep(Duration::from_millis(50))
                }
            }
            "/endless" => {
                let _ = visit.write(format!("{head}\r\n").as_bytes());
                while visit.write(&[b'x'; 10_000]) {}
            }
            "/chunks" => {
                let _ = visit.write(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes());
                let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
                while visit.write(chunk.as_bytes()) {}
            }
            "/claim" => {
                visit.write(format!("{head}content-length: 99999999999\r\n\r\nx").as_bytes());
            }
            "/short" => {
                visit.write(format!("{head}content-length: 10\r\n\r\nx").as_bytes());
            }
            "/headers" => {
                let _ = visit.write(head.as_bytes());
                for n in 0.. {
                    if !visit.write(format!("x-{n}: y\r\n").as_bytes()) {
                        break;
                    }
                }
            }
            "/long-header" => {
                let _ = visit.write(format!("{head}x: ").as_bytes());
                while visit.write(&[b'y'; 1000]) {}
            }
            "/nonsense" => {
                visit.write(b"\0\xff SSH-2.0 hello\r\n\r\n");
            }
            _ => {}
        }
    });
    block_on(async {
        let small = limits(|limits| {
            limits.response_bytes = 1_000_000;
            limits.timeout = Duration::from_millis(400);
        });
        let node = Node::new(&[&site], small).await;
        for (path, kind, code, says) in [
            ("/silent", "Timeout", "WR0106", "400ms"),
            ("/slow-head", "Timeout", "WR0106", "400ms"),
            ("/slow-body", "Timeout", "WR0106", "400ms"),
            ("/endless", "HttpTooLarge", "WR0119", "1000000 bytes"),
            ("/chunks", "HttpTooLarge", "WR0119", "1000000 bytes"),
            ("/claim", "HttpTooLarge", "WR0119", "1000000 bytes"),
            ("/short", "HttpFailed", "WR0120", "127.0.0.1"),
            ("/headers", "HttpFailed", "WR0120", ""),
            ("/long-header", "HttpFailed", "WR0120", ""),
            ("/nonsense", "HttpFailed", "WR0120", ""),
            ("/nothing", "HttpFailed", "WR0120", ""),
        ] {
            let told = node.error_of(&site.url(path)).await;
            assert_eq!((&*told.0, &*told.1), (kind, code), "{path}: {told:?}");
            assert!(told.2.contains(says), "{path}: {told:?}");
        }
        // The request's own time, when that is less.
        let told = node
            .call("within", json!([site.url("/silent"), 100]))
            .await
            .unwrap();
        assert_eq!(told[0][0], "Timeout");
        assert!((100..350).contains(&told[1].as_u64().unwrap()), "{told}");
        node.end().await;
    });
}

#[test]
fn a_redirect_is_followed_where_it_may_lead() {
    let other = Site::new(|mut visit| {
        let head = visit.head.clone();
        visit.answer("200 OK", "", head.as_bytes());
    });
    let hidden = Site::plain();
    let (there, nowhere) = (other.url("/there"), hidden.url("/"));
    let site = Site::new(move |mut visit| {
        let to = match visit.path() {
            "/there" => there.clone(),
            "/hidden" => nowhere.clone(),
            "/metadata" => "http://169.254.169.254/".to_owned(),
            _ => "/there".to_owned(),
        };
        visit.answer("302 Found", &format!("location: {to}\r\n"), b"");
    });
    block_on(async {
        let node = Node::new(&[&site, &other], |_| {}).await;
        let told = node
            .call("redirected", json!([site.url("/two"), 5]))
            .await
            .unwrap();
        assert_eq!(told, json!([200, other.url("/there")]));
        let secret = [
            ("authorization", "secret"),
            ("x-key", "secret"),
            ("accept", "x"),
        ];
        let args = json!(["GET", site.url("/there"), secret, ""]);
        let told = node.call("send", args).await.unwrap();
        let head = told[2].as_str().unwrap();
        assert!(
            !head.contains("secret") && head.contains("accept: x"),
            "{head}"
        );
        let told = node
            .call("redirected", json!([site.url("/two"), 0]))
            .await
            .unwrap();
        assert_eq!(told, json!([302, site.url("/two")]));
        let told = node.error_of(&site.url("/hidden")).await;
        assert_eq!(told.0, "HttpRefused", "{told:?}");
        assert!(told.2.contains(&hidden.host()), "{told:?}");
        assert_eq!(node.error_of(&site.url("/metadata")).await.0, "HttpRefused");
        assert_eq!(hidden.visits(), 0);
        node.end().await;
    });
}

#[test]
fn requests_that_make_no_sense_are_told() {
    let site = Site::plain();
    block_on(async {
        let node = Node::new(&[&site], |_| {}).await;
        let url = site.url("/");
        for (method, url, headers, says) in [
            ("GET", "", json!([]), "no URL"),
            ("GET", "nonsense", json!([]), "no URL"),
            ("GET", "ftp://127.0.0.1/", json!([]), "http://"),
            ("GET", "http://u:p@127.0.0.1/", json!([]), "user"),
            ("CONNECT", &url, json!([]), "CONNECT"),
            ("G E T", &url, json!([]), "no HTTP method"),
            ("GET", &url, json!([["host", "other"]]), "`host`"),
            (
                "GET",
                &url,
                json!([["x", "a\r\nhost: other"]]),
                "line break",
            ),
            ("GET", &url, json!([["x\n", "a"]]), "name"),
            (
                "GET",
                &url,
                json!([["content-length", "5"]]),
                "host's to set",
            ),
        ] {
            let told = node
                .call("error_of", json!([method, url, headers]))
                .await
                .unwrap();
            assert_eq!(
                (&told[0], &told[1]),
                (&json!("BadArgument"), &json!("WR0104")),
                "{told}"
            );
            assert!(told[2].as_str().unwrap().contains(says), "{told}");
        }
        assert_eq!(site.visits(), 0);
        node.end().await;
    });
}

#[test]
fn a_request_that_is_cancelled_or_left_is_closed() {
    let (begun, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (beginning, closing) = (begun.clone(), closed.clone());
    let site = Site::new(move |mut visit| match visit.path() {
        "/hang" => {
            beginning.fetch_add(1, Ordering::SeqCst);
            closing.fetch_add(usize::from(visit.closed()), Ordering::SeqCst);
        }
        _ => {
            let start = Instant::now();
            while beginning.load(Ordering::SeqCst) == 0 && start.elapsed() < Duration::from_secs(20)
            {
                thread::sleep(Duration::from_millis(1));
            }
            visit.answer("200 OK", "", b"");
        }
    });
    block_on(async {
        let node = Node::new(&[&site], |_| {}).await;
        let args = json!([site.url("/hang"), site.url("/begun")]);
        let told = node.call("cancelled", args.clone()).await.unwrap();
        assert_eq!(told[0], "Some(Cancelled)");
        assert!(told[1].as_u64().unwrap() < 1000, "{told}");
        eventually("it is closed", || closed.load(Ordering::SeqCst) == 1);

        // The job ends with a request open: it ends too, and so does the connection.
        begun.store(0, Ordering::SeqCst);
        assert_eq!(node.call("left_open", args).await.unwrap(), 200);
        eventually("it is closed", || closed.load(Ordering::SeqCst) == 2);

        // And those that did not get to begin.
        let told = node
            .call("cancelled_in_line", json!([site.url("/hang"), 3000]))
            .await;
        assert_eq!(told.unwrap(), 3000);
        node.end().await;
    });
}

#[test]
fn a_response_waits_for_room_in_the_store_and_fails_in_time() {
    let site = Site::new(|mut visit| visit.answer("200 OK", "", &[b'x'; 2_000_000]));
    block_on(async {
        let node = Node::new(&[&site], |options| {
            options.object_store_memory = 3_000_000;
            options.spill = wrun_host::SpillTo::Nowhere;
            options.http.limits.timeout = Duration::from_millis(500);
        })
        .await;
        let told = node.call("together", json!([[site.url("/")]])).await;
        assert_eq!(told.unwrap(), json!([2_000_000]));
        let error = node
            .call("together", json!([vec![site.url("/"); 2]]))
            .await
            .unwrap_err();
        let expected = [
            ErrorKind::Timeout,
            ErrorKind::WouldDeadlock,
            ErrorKind::Limit,
        ];
        assert!(expected.contains(&error.kind), "{error:?}");
        node.end().await;
    });
}

#[test]
fn tenants_have_lists_of_their_own_that_change_while_they_run() {
    let (one, two) = (Site::plain(), Site::plain());
    block_on(async {
        let node = Node::new(&[], |_| {}).await;
        let tenant = |site: Option<&Site>| {
            let mut options = TenantOptions::default();
            options.http.allow = site
                .iter()
                .map(|site| site.host().parse().unwrap())
                .collect();
            options.http.networks = vec![LOOPBACK.parse().unwrap()];
            options
        };
        let tenants =
            [Some(&one), Some(&two), None].map(|site| node.runtime.tenant("t", &tenant(site)));
        let kind = async |n: usize, site: &Site| {
            let job = tenants[n]
                .open(&node.module, JobOptions::default())
                .unwrap();
            let args = [json!("GET"), json!(site.url("/")), json!([])];
            let told = job
                .call_json("error_of", args.to_vec(), CallOptions::default())
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            job.close().await;
            told[0].as_str().unwrap().to_owned()
        };
        for (n, site, expected) in [
            (0, &one, ""),
            (0, &two, "HttpRefused"),
            (1, &one, "HttpRefused"),
            (1, &two, ""),
            (2, &one, "HttpRefused"),
        ] {
            assert_eq!(kind(n, site).await, expected, "{n}");
        }
        tenants[0].set(&tenant(Some(&two)));
        assert_eq!(kind(0, &one).await, "HttpRefused");
        assert_eq!(kind(0, &two).await, "");
        drop(tenants);
        node.end().await;
    });
}

#[test]
fn a_server_has_it_in_its_configuration() {
    let (site, later) = (Site::plain(), Site::plain());
    let port = site.port;
    let config = |host: &str| {
        format!(
            "[defaults.http]\nnetworks = [\"{LOOPBACK}\"]\n[tenant.acme.http]\nallow = [\"{host}\", \"localhost:{port}\"]\nrate = 100\n\
             [tenant.other]\n"
        )
    };
    let mut place = Place::with(&config(&site.host()));
    let server = place.start();
    let admin = server.client(&place.token);
    let (acme, other) = block_on(async {
        let of = async |name: &str| admin.issue(name, &token(Role::Submit)).await.unwrap().token;
        (of("acme").await, of("other").await)
    });
    let run = |token: &str, url: String| {
        let client = server.client(token);
        block_on(async {
            let module = client
                .push("http.wasm", fs::read(HTTP).unwrap())
                .await
                .unwrap()
                .hash;
            let request = task(&module, "fetch", vec![json!(url)]);
            let job = client.submit(&request, None).await.unwrap();
            let job = ended(&client, &job.id).await;
            job.error
                .map_or_else(String::new, |error| format!("{:?}", error.kind))
        })
    };
    assert_eq!(run(&acme, site.url("/")), "");
    // By a name, for which the system's resolver reads files behind the walls.
    let named = site.url("/").replace("127.0.0.1", "localhost");
    assert_eq!(run(&acme, named), "");
    assert_eq!(run(&acme, later.url("/")), "HttpRefused");
    assert_eq!(run(&other, site.url("/")), "HttpRefused");
    let list = server.wrun(&place.token, &["tenant", "list"]);
    let (list, listed) = (
        text(&list.stdout),
        format!("{}, localhost:{port}", site.host()),
    );
    let mut lines = list.lines().map(str::trim_start);
    assert!(
        lines.any(|line| line.strip_prefix("http ").map(str::trim) == Some(&listed)),
        "{list}"
    );
    let output = server.wrun(&acme, &["submit", HTTP, "--allow-http", "a.test"]);
    assert!(
        text(&output.stderr).contains("`--allow-http`"),
        "{}",
        text(&output.stderr)
    );

    fs::write(place.path("wrun.toml"), config(&later.host())).unwrap();
    server.signal("-HUP");
    server.says("was read again");
    assert_eq!(run(&acme, later.url("/")), "");
    assert_eq!(run(&acme, site.url("/")), "HttpRefused");
}

#[test]
fn a_server_that_was_started_without_it_takes_a_restart() {
    let site = Site::plain();
    let mut place = Place::with("[tenant.acme]\n");
    let server = place.start();
    let http = format!("[tenant.acme.http]\nallow = [\"{}\"]\n", site.host());
    fs::write(place.path("wrun.toml"), http).unwrap();
    server.signal("-HUP");
    server.says("`http` was changed, which takes a restart");
}

/// A server of this project's own, with a certificate that its client is told to trust in the system's way.
#[test]
fn https_is_spoken_with_who_is_trusted() {
    let mut place = Place::with("[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(place.path("cert.pem"), made.cert.pem()).unwrap();
    fs::write(place.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let server = place.start();
    let port = server.address.rsplit(':').next().unwrap();
    let run = |host: &str, trusted: bool| {
        let mut command = Command::new(wrun());
        let (host, url) = (
            format!("{host}:{port}"),
            format!("https://{host}:{port}/healthz"),
        );
        command
            .args(["submit", HTTP, "--allow-http", &host])
            .args([
                "--allow-http-network",
                LOOPBACK,
                "--task",
                "fetch",
                "--args",
            ])
            .arg(json!([url]).to_string())
            .env_remove("WRUN_ADDRESS");
        if trusted {
            command.env("SSL_CERT_FILE", place.path("cert.pem"));
        }
        let output = command.output().unwrap();
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    };
    let told = run("localhost", true);
    assert!(told.starts_with("[200,"), "{told}");
    let told = run("localhost", false);
    assert!(
        told.contains("WR0120") && told.contains("certificate"),
        "{told}"
    );
    // The name is checked, not only the chain.
    let told = run("127.0.0.1", true);
    assert!(
        told.contains("WR0120") && told.contains("certificate"),
        "{told}"
    );
}

/// A guest that does not use the SDK: values that are no requests, and calls that make no sense.
#[test]
fn a_guest_that_lies_is_told_so() {
    let site = Site::plain();
    let get = |url: &str| {
        let mut value = b"\0\x03GET".to_vec();
        value.push(u8::try_from(url.len()).unwrap());
        value.extend_from_slice(url.as_bytes());
        value
    };
    let (url, gib) = (site.url("/"), [252, 0, 0, 0, 0x40]);
    let good = [&get(&url)[..], &[0, 0, 0]].concat();
    let values: [(&[u8], &str); 10] = [
        (&good, ""),
        (b"\x01{}", "bincode"),
        (b"\x02GET", "bincode"),
        (b"\0", "middle of a field"),
        (b"\0\x02\xff\xfe\0\0\0\0", "UTF-8"),
        // A body, a URL, a list of headers of a GiB, of which nothing is there.
        (
            &[&get(&url)[..], &[0], &gib, &[0]].concat(),
            "middle of a field",
        ),
        (&[&b"\0\x03GET"[..], &gib].concat(), "middle of a field"),
        (&[&get(&url)[..], &gib].concat(), "middle of a field"),
        (&[&get(&url)[..], &[253; 9]].concat(), "middle of a field"),
        (&[&good[..], b"more"].concat(), "left over"),
    ];
    block_on(async {
        let node = Node::new(&[&site], |_| {}).await;
        for (value, says) in values {
            let error = raw(&node, b"http", &[value]).await;
            match (says, error) {
                ("", None) => {}
                (_, Some(error)) => {
                    assert_eq!(error.kind, ErrorKind::BadArgument, "{error}");
                    assert!(
                        !says.is_empty() && error.message.contains(says),
                        "{says}: {error}"
                    );
                }
                (_, None) => panic!("{says}"),
            }
        }
        let error = raw(&node, b"http", &[&good, &good]).await.unwrap();
        assert!(error.message.contains("takes 1 arguments"), "{error}");
        let error = raw(&node, b"ftp", &[&good]).await.unwrap();
        assert!(
            error.message.contains("`ftp`") && error.message.contains("`http`"),
            "{error}"
        );
        assert_eq!(site.visits(), 1);
        node.end().await;
    });
}

/// What becomes of a call of the host's function, made by a module whose task passes the error on.
async fn raw(node: &Node, name: &[u8], args: &[&[u8]]) -> Option<TaskError> {
    let count = |n: usize| u16::try_from(n).unwrap().to_le_bytes();
    let mut call = vec![3, 0, 0, 0, 0];
    call.extend(count(name.len()));
    call.extend(name);
    call.extend(count(0));
    call.extend(count(args.len()));
    for arg in args {
        call.push(0);
        call.extend(u32::try_from(arg.len()).unwrap().to_le_bytes());
        call.extend([0; 4]);
        call.extend(*arg);
    }
    let data: String = call.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let length = call.len();
    let text = format!(
        r#"(module
            (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
            (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
            (import "wrun" "last_error" (func $last_error (param i32 i32) (result i32)))
            (import "wrun" "fail" (func $fail (param i32 i32 i32)))
            (import "wrun" "result_write" (func $result (param i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 2)
            (data (i32.const 1024) "{data}")
            (func $relay (call $fail (i32.const 4) (i32.const 65536) (call $last_error (i32.const 65536) (i32.const 65536))))
            (func (export "t")
                (if (i32.lt_s (call $spawn (i32.const 1024) (i32.const {length}) (i32.const 0) (i32.const 1)) (i32.const 0))
                    (then (call $relay) (return)))
                (if (call $get (i32.const 0) (i32.const 1) (i64.const -1)) (then (call $relay) (return)))
                (i32.store8 (i32.const 64) (i32.const 1))
                (i32.store (i32.const 65) (i32.const 0x6c6c756e))
                (drop (call $result (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 0) (i32.const 0))))
            (@custom "wrun.manifest" "{{\22abi\22:1,\22kind\22:\22task\22,\22name\22:\22t\22,\22export\22:\22t\22}}\0a"))"#
    );
    let module = node
        .runtime
        .load("raw", wat::parse_str(text).unwrap())
        .await
        .unwrap();
    let job = node.runtime.open(&module, JobOptions::default()).unwrap();
    let pending = job
        .call_json("t", Vec::new(), CallOptions::default())
        .await
        .unwrap();
    let error = pending.json().await.err();
    drop(pending);
    job.close().await;
    error
}
