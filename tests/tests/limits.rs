//! Each limit of a tenant through the server: it is reached, what is said is read, and `wrun tenant list` shows it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "cases stand in tables"
)]
#![forbid(unsafe_code)]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use wrun_host::{
    api::{JobRequest, JobState, JobView, Role, TenantLimits, TenantRequest},
    client::Client,
    types::ErrorKind,
};
use wrun_tests::{
    guest::FAIRNESS,
    server::{
        Place, Server, block_on, ended, eventually, main, pushed, refused, task, tenant, text,
    },
};

/// A server with a tenant `one` of these limits.
struct Limited {
    place: Place,
    server: Server,
    one: Client,
    /// What its use is looked at with, where its own requests are limited.
    admin: Client,
}

impl Limited {
    fn new(limits: TenantLimits) -> Self {
        let mut place = Place::new();
        let server = place.start();
        let admin = server.client(&place.token);
        let token = block_on(tenant(&admin, "one", limits));
        let one = server.client(&token);
        Self {
            place,
            server,
            one,
            admin,
        }
    }

    fn module(&self) -> String {
        let wasm = std::fs::read(FAIRNESS).unwrap();
        block_on(self.one.push("fairness.wasm", wasm)).unwrap().hash
    }

    /// What the job's error says.
    fn error(&self, request: &JobRequest) -> String {
        block_on(async {
            let job = self.one.submit(request, None).await.unwrap();
            ended(&self.one, &job.id).await.error.unwrap().message
        })
    }

    /// Waits until `wrun tenant list` has this line for the tenant.
    fn shows(&self, line: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let list = self.server.wrun(&self.place.token, &["tenant", "list"]);
            let list = text(&list.stdout);
            let own = list.split("one (weight").nth(1).unwrap();
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            if own.lines().skip(1).any(|own| words(own) == line) {
                return;
            }
            assert!(Instant::now() < end, "no `{line}` in {own}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn none() -> TenantLimits {
    TenantLimits::default()
}

#[test]
fn queued_tasks_wait_at_the_limit() {
    let limited = Limited::new(TenantLimits {
        queued_tasks: Some(10),
        ..none()
    });
    let module = limited.module();
    let job = block_on(
        limited
            .one
            .submit(&task(&module, "loops", vec![json!(100)]), None),
    );
    limited.shows("queued tasks 10 of 10");
    let id = job.unwrap().id;
    block_on(async {
        limited.one.cancel(&id).await.unwrap();
        ended(&limited.one, &id).await;
    });
    limited.shows("queued tasks 0 of 10");
}

#[test]
fn bytes_of_queued_tasks_wait_at_the_limit() {
    let limited = Limited::new(TenantLimits {
        queued_bytes: Some(16 << 10),
        ..none()
    });
    let module = limited.module();
    let job = task(&module, "loops", vec![json!(10_000)]);
    let id = block_on(limited.one.submit(&job, None)).unwrap().id;
    let queued = || block_on(limited.admin.tenant("one")).unwrap().used;
    eventually("bytes are queued", || queued().queued_bytes > 12 << 10);
    std::thread::sleep(Duration::from_millis(200));
    let used = queued();
    assert!(
        used.queued_bytes <= 18 << 10 && used.queued_tasks < 1_000,
        "{used:?}"
    );
    block_on(async {
        limited.one.cancel(&id).await.unwrap();
        ended(&limited.one, &id).await;
    });
    limited.shows("queued bytes 0 B of 16 KiB");
}

#[test]
fn actors_have_a_limit() {
    let limited = Limited::new(TenantLimits {
        actors: Some(3),
        ..none()
    });
    let module = limited.module();
    let said = limited.error(&task(&module, "keep", vec![json!(20)]));
    assert!(
        said.contains("the tenant `one` may hold 3 living actors"),
        "{said}"
    );
    limited.shows("actors 0 of 3");
}

#[test]
fn handles_have_a_limit() {
    let limited = Limited::new(TenantLimits {
        handles: Some(50),
        ..none()
    });
    let module = limited.module();
    let said = limited.error(&task(&module, "loops", vec![json!(1_000)]));
    assert!(
        said.contains("the tenant `one` may hold 50 handles"),
        "{said}"
    );
    limited.shows("handles 0 of 50");
}

/// A module that takes one or two seconds to compile.
fn slow(number: u32) -> Vec<u8> {
    let grow = "memory.grow ".repeat(11_000);
    format!(
        "(module (memory (export \"memory\") 1) (func (export \"_start\") (drop (i32.const {number})) i32.const 0 {grow} drop))"
    )
    .into_bytes()
}

#[test]
fn a_module_that_took_too_long_or_would_is_refused() {
    let limited = Limited::new(TenantLimits {
        compile_seconds: Some(0),
        ..none()
    });
    let (status, said) = refused(block_on(limited.one.push("m", slow(0))).unwrap_err());
    assert!(
        status == 422 && said.contains("tenant `one` may take 0 s"),
        "{status} {said}"
    );
    let bomb = "memory.grow ".repeat(50_000);
    let bomb = format!(
        "(module (memory (export \"memory\") 1) (func (export \"_start\") i32.const 0 {bomb} drop))"
    );
    let (status, said) = refused(block_on(limited.one.push("m", bomb.into())).unwrap_err());
    assert!(
        status == 422 && said.contains("its function 0 (150000 blocks and branches"),
        "{status} {said}"
    );
    limited.shows("module bytes 0 B");
}

#[test]
fn so_many_modules_are_compiled_at_once() {
    let limited = Limited::new(TenantLimits {
        concurrent_compilations: Some(1),
        ..none()
    });
    let most = block_on(async {
        let tasks: Vec<_> = (0..3)
            .map(|number| {
                let one = limited.one.clone();
                tokio::spawn(async move { one.push("m", slow(number)).await })
            })
            .collect();
        let mut most = 0;
        while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
            let used = limited.admin.tenant("one").await.unwrap().used;
            most = most.max(used.concurrent_compilations);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        most
    });
    assert_eq!(most, 1);
    limited.shows("compilations 0 of 1");
}

#[test]
fn ended_jobs_go_by_age_and_by_bytes() {
    let by_age = TenantLimits {
        retention_seconds: Some(1),
        ..none()
    };
    let by_bytes = TenantLimits {
        retention_bytes: Some(1),
        ..none()
    };
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    let mut jobs = Vec::new();
    for (name, limits) in [("age", by_age), ("bytes", by_bytes), ("kept", none())] {
        let token = block_on(tenant(&admin, name, limits));
        let client = server.client(&token);
        let id = block_on(async {
            let module = pushed(&client).await;
            let job = client.submit(&main(&module, &["a"]), None).await.unwrap();
            ended(&client, &job.id).await.id
        });
        jobs.push((name, token, id));
    }
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(server.stop(), 143);
    // It looks for old ones soon after its start.
    let server = place.start();
    for (name, token, id) in jobs {
        let client = server.client(&token);
        let job = || block_on(client.job(&id));
        if name == "kept" {
            assert!(job().is_ok());
        } else {
            eventually(name, || job().is_err());
            let (status, said) = refused(job().unwrap_err());
            assert!(status == 404 && said.contains(&id), "{status} {said}");
        }
    }
}

/// What the server answers to this, as text: status, head in lower case, body.
fn answer(server: &Server, request: &str) -> (u16, String, String) {
    let answer = server.raw(request);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

/// The head of a request of this connection alone, with a token.
fn head(line: &str, token: &str, more: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nhost: wrun\r\nauthorization: Bearer {token}\r\nconnection: close\r\n{more}\r\n"
    )
}

/// A tenant's token on a server of its own.
fn of_tenant(limits: TenantLimits) -> (Place, Server, String) {
    let mut place = Place::new();
    let server = place.start();
    let token = block_on(tenant(&server.client(&place.token), "one", limits));
    (place, server, token)
}

/// Holds that it is too much, says why, and when to come again.
#[track_caller]
fn too_many((status, head, body): (u16, String, String), why: &str) {
    assert_eq!(status, 429, "{head}\n{body}");
    let after = head
        .lines()
        .find_map(|line| line.strip_prefix("retry-after: "));
    let after = after.unwrap_or_else(|| panic!("when? {head}"));
    assert!(after.parse::<u64>().is_ok_and(|n| n > 0), "{after}");
    let body: Json = serde_json::from_str(&body).unwrap();
    assert_eq!(body["error"]["code"], "too_many_requests");
    let said = body["error"]["message"].as_str().unwrap();
    assert!(said.contains(why), "{said}");
}

#[test]
fn too_many_requests_are_told_when_to_come_again() {
    let (_place, server, token) = of_tenant(TenantLimits {
        requests_per_second: Some(1),
        ..none()
    });
    let request = head("GET /v1/info", &token, "");
    let mut answers = (0..5).map(|_| answer(&server, &request));
    let late = answers.find(|answer| answer.0 != 200);
    too_many(late.unwrap(), "tenant `one` sends too many requests");
    eventually("it may come again", || answer(&server, &request).0 == 200);
}

#[test]
fn too_many_jobs_are_told_when_to_come_again() {
    let (_place, server, token) = of_tenant(TenantLimits {
        jobs: Some(1),
        ..none()
    });
    let client = server.client(&token);
    let module = block_on(pushed(&client));
    let nap = task(&module, "nap", vec![json!(60_000)]);
    let first = block_on(client.submit(&nap, None)).unwrap().id;
    let json = format!("{{\"module\": \"{module}\"}}");
    let more = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        json.len()
    );
    let request = head("POST /v1/jobs", &token, &more) + &json;
    too_many(
        answer(&server, &request),
        "tenant `one` may have 1 unfinished jobs and has 1: wait until one ends",
    );
    block_on(async {
        client.cancel(&first).await.unwrap();
        ended(&client, &first).await;
    });
    assert_eq!(answer(&server, &request).0, 201);
}

/// A small module of its own.
fn small(number: usize) -> String {
    format!(
        "(module (memory (export \"memory\") 1) (data (i32.const 0) \"{number:1000}\") (func (export \"_start\")))"
    )
}

fn push(token: &str, body: &str) -> String {
    let length = format!("content-length: {}\r\n", body.len());
    head("POST /v1/modules", token, &length) + body
}

#[test]
fn too_many_bytes_of_modules_are_told_what_is_in_the_way() {
    let (_place, server, token) = of_tenant(TenantLimits {
        module_bytes: Some(2_500),
        ..none()
    });
    for number in 0..2 {
        assert_eq!(answer(&server, &push(&token, &small(number))).0, 201);
    }
    let size = small(2).len();
    too_many(
        answer(&server, &push(&token, &small(2))),
        &format!(
            "tenant `one` may have 2500 bytes of modules, has {}, and this one has {size}: remove one first",
            2 * size
        ),
    );
    let large = "x".repeat(2_501);
    too_many(
        answer(&server, &push(&token, &large)),
        "tenant `one` may have 2500 bytes of modules, and this one alone has 2501",
    );
    // The same again is no more.
    assert_eq!(answer(&server, &push(&token, &small(1))).0, 201);

    let (_place, server, token) = of_tenant(TenantLimits {
        memory: Some(1 << 20),
        ..none()
    });
    too_many(
        answer(&server, &push(&token, &"x".repeat(2 << 20))),
        "no memory for the module until it is stored: the tenant `one` may hold 1048576 bytes of sandbox memory",
    );
}

#[test]
fn too_many_uploads_at_once_are_told_so() {
    let (_place, server, token) = of_tenant(none());
    let address = server.address.trim_start_matches("http://");
    let mut begun: Vec<_> = (0..70)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            let request = head("POST /v1/modules", &token, "content-length: 1000\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    // None of them is whole, so whoever is answered is too many.
    let mut late = Vec::new();
    eventually("six are answered", || {
        late.extend(begun.extract_if(.., |stream| stream.peek(&mut [0]).is_ok()));
        late.len() == 6
    });
    for mut stream in late {
        stream.set_nonblocking(false).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        too_many(
            (status, head.to_lowercase(), body.to_owned()),
            "tenant `one` sends 64 modules already, which is the limit: wait for one to be answered",
        );
    }
    drop(begun);
    eventually("there is room again", || {
        answer(&server, &push(&token, &small(0))).0 == 201
    });
}

#[test]
fn what_is_too_large_is_413() {
    let (place, server, token) = of_tenant(TenantLimits {
        // Else it would be in memory until it is too large.
        module_bytes: Some(1),
        ..none()
    });
    let too_large = |(status, head, body): (u16, String, String), why: &str| {
        assert_eq!(status, 413, "{head}\n{body}");
        let body: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"]["code"], "too_large");
        let said = body["error"]["message"].as_str().unwrap();
        assert!(said.contains(why), "{said}");
    };
    let most = 8 << 20;
    let why = format!("a request has at most {most} bytes");
    for (line, token) in [
        ("POST /v1/jobs", &token),
        ("POST /v1/jobs", &place.token),
        ("PUT /v1/tenants/two", &place.token),
        ("POST /v1/tenants/one/tokens", &place.token),
    ] {
        let json = "content-type: application/json\r\n";
        let said = format!("{json}content-length: {}\r\n", most + 1);
        let body = " ".repeat(most + 1);
        too_large(answer(&server, &(head(line, token, &said) + &body)), &why);
        let unsaid = format!("{json}transfer-encoding: chunked\r\n");
        let chunk = format!("{:x}\r\n{body}\r\n", most + 1);
        too_large(
            answer(&server, &(head(line, token, &unsaid) + &chunk)),
            &why,
        );
        // One byte less is read, and is no JSON.
        let whole = format!("{json}content-length: {most}\r\n");
        let request = head(line, token, &whole) + &" ".repeat(most);
        assert_eq!(answer(&server, &request).0, 400, "{line}");
    }

    let most = block_on(server.client(&token).info())
        .unwrap()
        .max_module_size;
    let address = server.address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let length = format!("content-length: {}\r\n", most + 1);
    let request = head("POST /v1/modules", &token, &length);
    stream.write_all(request.as_bytes()).unwrap();
    let copied = std::io::copy(&mut std::io::repeat(0).take(most + 1), &mut stream);
    assert_eq!(copied.unwrap(), most + 1);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    too_large(
        (status, head.to_owned(), body.to_owned()),
        &format!("the module has more than {most} bytes, which is the limit"),
    );
    assert!(block_on(server.client(&token).info()).is_ok());
}

/// Each limit that the API has is set, and found in the list.
#[test]
fn the_list_of_tenants_shows_every_limit() {
    let (place, server, _token) = of_tenant(none());
    let document = answer(&server, &head("GET /v1/openapi.json", "", "")).2;
    let document: Json = serde_json::from_str(&document).unwrap();
    let fields = |name: &str| {
        let fields = &document["components"]["schemas"][name]["properties"];
        let fields = fields.as_object().unwrap().keys().cloned();
        fields.collect::<std::collections::BTreeSet<_>>()
    };
    let (limits, used) = (fields("TenantLimits"), fields("TenantUse"));
    let numbers = limits.iter().zip(301..);
    let values: serde_json::Map<_, _> = numbers
        .clone()
        .map(|(name, number)| (name.clone(), json!(number)))
        .collect();
    let request = TenantRequest {
        weight: std::num::NonZeroU32::MIN,
        limits: serde_json::from_value(Json::Object(values)).unwrap(),
    };
    let lines = || {
        let list = server.wrun(&place.token, &["tenant", "list"]);
        let own = text(&list.stdout).split("one (weight").nth(1).unwrap();
        let lines = own.lines().skip(1);
        lines.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let without = lines();
    assert_eq!(without.len(), used.len(), "{without:#?}");
    assert!(without.iter().all(|line| !line.contains(" of ")));
    let admin = server.client(&place.token);
    block_on(admin.put_tenant("one", &request)).unwrap();
    let with = lines();
    assert_eq!(with.len(), used.union(&limits).count(), "{with:#?}");
    for (name, number) in numbers {
        let number = number.to_string();
        let own: Vec<_> = with
            .iter()
            .filter(|line| line.split(' ').any(|word| word == number))
            .collect();
        assert_eq!(own.len(), 1, "{name}: {with:#?}");
        let is_against = own[0].contains(&format!(" of {number}"));
        assert_eq!(is_against, used.contains(name), "{name}: {own:?}");
    }
}

/// What a limit of one tenant says to its user: whose, how much, of what, and what raises it.
#[test]
fn a_limit_says_whose_it_is_and_what_raises_it() {
    let cases: [(&str, TenantLimits, &str, Vec<Json>, &[&str]); 8] = [
        (
            "sandboxes",
            TenantLimits {
                sandboxes: Some(2),
                ..none()
            },
            "story",
            vec![json!(5)],
            &[
                "may hold 2 living sandboxes, holds 2 and asked for 1 more",
                "too many calls wait inside each other",
            ],
        ),
        (
            "actors",
            TenantLimits {
                actors: Some(1),
                ..none()
            },
            "actors",
            vec![json!(3)],
            &[
                // One was let over, from the reserve.
                "may hold 1 living actors, holds 2 and asked for 1 more",
                "there will never be room",
            ],
        ),
        (
            "handles",
            TenantLimits {
                handles: Some(50),
                ..none()
            },
            "many",
            vec![json!(1_000)],
            &["may hold 50 handles"],
        ),
        (
            "object_bytes",
            TenantLimits {
                object_bytes: Some(1 << 20),
                ..none()
            },
            "text",
            vec![json!(2_000_000)],
            &[
                "may hold 1048576 bytes of objects, holds",
                "and asked for 2",
            ],
        ),
        (
            // What is small stays in memory, so nobody could make room.
            "object_bytes",
            TenantLimits {
                object_bytes: Some(1 << 20),
                ..none()
            },
            "hold",
            vec![json!(5_000), json!(1_000), json!(0)],
            &[
                "may hold 1048576 bytes of objects",
                "there will never be room",
                // The rest is cut, since the store is full.
                "nothing that is left in mem",
            ],
        ),
        (
            "spilled_bytes",
            TenantLimits {
                object_bytes: Some(4 << 20),
                spilled_bytes: Some(2 << 20),
                ..none()
            },
            "hold",
            vec![json!(9), json!(1_000_000), json!(0)],
            &[
                "may hold 2097152 bytes of spilled objects",
                "nothing more can be spilled to disk",
            ],
        ),
        (
            // Of all sandboxes together.
            "memory",
            TenantLimits {
                memory: Some(1 << 20),
                ..none()
            },
            "story",
            vec![json!(9)],
            &["may hold 1048576 bytes of sandbox memory"],
        ),
        (
            // Of one alone.
            "memory",
            TenantLimits {
                memory: Some(4 << 20),
                ..none()
            },
            "text",
            vec![json!(8_000_000)],
            &["out of memory", "its limit is 4 MiB", "raise it with"],
        ),
    ];
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    for (number, (name, limits, call, args, parts)) in cases.into_iter().enumerate() {
        let tenant_name = format!("t{number}");
        let token = block_on(tenant(&admin, &tenant_name, limits));
        let client = server.client(&token);
        let id = block_on(async {
            let module = pushed(&client).await;
            let job = client.submit(&task(&module, call, args), None).await;
            ended(&client, &job.unwrap().id).await.id
        });
        let status = server.wrun(&token, &["job", "status", &id]);
        let said = text(&status.stdout);
        for part in parts {
            assert!(said.contains(part), "{name}: no `{part}` in {said}");
        }
        let raises = format!("the tenant `{tenant_name}` may hold");
        assert!(
            !said.contains(&raises) || said.contains(&format!("(its limit `{name}`)")),
            "{name}: {said}"
        );
        assert!(
            said.contains(name) && !said.contains("--object-store"),
            "{name}: {said}"
        );
        // What it held is given back.
        let used = || block_on(admin.tenant(&tenant_name)).unwrap().used;
        eventually("nothing is held", || {
            let used = used();
            used.sandboxes + used.memory + used.object_bytes + used.spilled_bytes == 0
                && used.handles + used.actors == 0
        });
    }
}

/// The guest is told by WASI's error of too many open files; whose limit it is, by the list.
#[test]
fn open_files_have_a_limit() {
    let mut place =
        Place::with("roots = [\"srv\"]\n[tenant.one]\nopen_files = 5\ndirs = [\"srv::/data\"]\n");
    std::fs::create_dir(place.path("srv")).unwrap();
    std::fs::write(place.path("srv/file"), "x").unwrap();
    let server = place.start();
    let admin = server.client(&place.token);
    let token = block_on(admin.issue("one", &wrun_tests::server::token(Role::Submit)));
    let limited = Limited {
        one: server.client(&token.unwrap().token),
        place,
        server,
        admin,
    };
    let module = block_on(pushed(&limited.one));
    let opens = |files: u64, millis: u64| {
        let call = task(&module, "opens", vec![json!(files), json!(millis)]);
        block_on(limited.one.submit(&call, None)).unwrap().id
    };
    let few = opens(5, 0);
    assert_eq!(
        block_on(limited.one.result(&few, 30)).unwrap(),
        "all are open"
    );
    limited.shows("open files 0 of 5");
    let many = opens(6, 60_000);
    limited.shows("open files 5 of 5");
    block_on(async {
        limited.one.cancel(&many).await.unwrap();
        ended(&limited.one, &many).await;
    });
    limited.shows("open files 0 of 5");
    let said = block_on(limited.one.result(&opens(6, 0), 30)).unwrap();
    assert_eq!(said, "No file descriptors available (os error 33)");
}

/// Jobs of two tenants, one that loops and one that waits, and what limits a server begins with.
struct Spenders {
    place: Place,
    ids: [(String, String); 2],
}

impl Spenders {
    fn config(loops: &str, waits: &str) -> String {
        format!("drain = \"1ms\"\n[tenant.loops]\n{loops}\n[tenant.waits]\n{waits}\n")
    }

    /// They run on it.
    fn start() -> (Self, Server) {
        let mut place = Place::with(&Self::config("", ""));
        let server = place.start();
        let admin = server.client(&place.token);
        let begin = |name: &str, call| {
            block_on(async {
                let submit = wrun_tests::server::token(Role::Submit);
                let token = admin.issue(name, &submit).await.unwrap().token;
                let client = server.client(&token);
                let job = client.submit(&call, None).await.unwrap();
                while client.job(&job.id).await.unwrap().state != JobState::Running {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                (token, job.id)
            })
        };
        let module = |name: &str| {
            let token = wrun_tests::server::token(Role::Submit);
            let token = block_on(admin.issue(name, &token)).unwrap().token;
            block_on(pushed(&server.client(&token)))
        };
        let ids = [
            begin("loops", task(&module("loops"), "spin", vec![])),
            begin("waits", task(&module("waits"), "nap", vec![json!(60_000)])),
        ];
        (Self { place, ids }, server)
    }

    fn jobs(&self, server: &Server) -> [JobView; 2] {
        let look = |(token, id): &(String, String)| block_on(server.client(token).job(id)).unwrap();
        [look(&self.ids[0]), look(&self.ids[1])]
    }

    /// Waits until both have had so many seconds.
    fn have_spent(&self, server: &Server, seconds: f64) {
        eventually("time is spent", || {
            let [loops, waits] = self.jobs(server).map(|job| job.stats);
            loops.cpu_seconds > seconds && waits.wall_seconds > seconds
        });
    }

    /// What they end with when the server begins again with these limits.
    fn ends(&mut self, loops: &str, waits: &str) -> ([JobView; 2], Server) {
        self.place.config = Self::config(loops, waits);
        let server = self.place.start();
        let ends = self.ids.each_ref().map(|(token, id)| {
            let client = server.client(token);
            block_on(ended(&client, id))
        });
        (ends, server)
    }
}

/// Both are over a limit of one second.
#[track_caller]
fn used_up(jobs: &[JobView; 2]) {
    for (job, kind, what) in [
        (&jobs[0], ErrorKind::Limit, "processor time"),
        (&jobs[1], ErrorKind::Timeout, "time"),
    ] {
        assert_eq!((job.state, job.attempt), (JobState::Finished, 2), "{job:?}");
        let error = job.error.as_ref().unwrap();
        let expected = format!("the job's earlier attempts used up its 1000 ms of {what}");
        assert_eq!((error.kind, &error.message), (kind, &expected));
    }
}

#[test]
fn what_was_used_before_a_stop_in_order_counts() {
    let (mut spenders, server) = Spenders::start();
    spenders.have_spent(&server, 1.2);
    assert_eq!(server.stop(), 143);
    let (ends, _server) = spenders.ends("cpu_per_job = \"1s\"", "time_per_job = \"1s\"");
    used_up(&ends);
}

#[test]
fn what_was_used_before_a_kill_counts() {
    let (mut spenders, server) = Spenders::start();
    spenders.have_spent(&server, 3.0);
    let spent = spenders.jobs(&server)[1].stats.wall_seconds;
    // It is written down every few seconds. When that begins a second time, the first is done.
    let ledger = spenders.place.path("data/ledger.redb");
    let changed = || std::fs::metadata(&ledger).unwrap().modified().unwrap();
    let before = changed();
    eventually("writing begins", || changed() > before);
    let first = changed();
    eventually("it begins again", || {
        changed() > first + Duration::from_secs(2)
    });
    server.kill();
    let limit = spent.ceil() + 8.0;
    let (ends, server) = spenders.ends(
        "cpu_per_job = \"1s\"",
        &format!("time_per_job = \"{limit}s\""),
    );
    let [loops, waits] = ends;
    assert_eq!(
        loops.error.unwrap().message,
        "the job's earlier attempts used up its 1000 ms of processor time"
    );
    // The second attempt has what the first left.
    let error = waits.error.unwrap();
    assert_eq!((error.kind, waits.attempt), (ErrorKind::Timeout, 2));
    assert!(
        waits.stats.wall_seconds < limit - spent,
        "{:?}",
        waits.stats
    );
    assert_eq!(server.stop(), 143);
}
