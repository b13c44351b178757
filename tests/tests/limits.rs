//! Each limit of a tenant through the server: it is reached, what is said is read, and `wrun tenant list` shows it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![forbid(unsafe_code)]

use std::time::Duration;

use serde_json::json;
use wrun_host::{
    api::{JobRequest, TenantLimits},
    client::Client,
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
        eventually(line, || {
            let list = self.server.wrun(&self.place.token, &["tenant", "list"]);
            let list = text(&list.stdout);
            let own = list.split("one (weight").nth(1).unwrap();
            let own: Vec<_> = own.lines().skip(1).collect();
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            own.iter().any(|own| words(own) == line)
        });
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

#[test]
fn too_many_requests_are_told_when_to_come_again() {
    let mut place = Place::new();
    let server = place.start();
    let admin = server.client(&place.token);
    let limits = TenantLimits {
        requests_per_second: Some(1),
        ..none()
    };
    let token = block_on(tenant(&admin, "one", limits));
    let host = server.address.strip_prefix("http://").unwrap();
    let request = format!(
        "GET /v1/info HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    let answers: Vec<_> = (0..5).map(|_| server.raw(&request)).collect();
    let late = answers.iter().find(|answer| answer.contains(" 429 "));
    let late = late.expect("one is too many").to_lowercase();
    assert!(
        late.contains("retry-after: 1\r\n")
            && late.contains("tenant `one` sends too many requests"),
        "{late}"
    );
}
