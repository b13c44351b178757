//! What a tenant gets beside another that takes all it can, in each way that there is. Measurements: they say nothing where
//! other programs use the processor.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]
#![forbid(unsafe_code)]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value as Json, json};
use wrun_host::{api::TenantLimits, client::Client};
use wrun_tests::{
    guest::{FAIRNESS, SERVE},
    server::{Place, Server, block_on, ended, pushed, task, tenant},
};

/// The guest's name stands for all tests here.
macro_rules! assert_guest_is_used {
    (fairness) => {};
}
wrun_tests::foreach_fairness!(assert_guest_is_used);

/// How long shares are measured.
const TIME: Duration = Duration::from_secs(10);

/// A server with a tenant `a` that does its worst, `b` that has work, and `c` that asks for little.
struct Three {
    server: Server,
    place: Place,
    a: Client,
    b: Client,
    c: Client,
    worst: String,
    serve: String,
}

impl Three {
    fn new() -> Self {
        let mut place = Place::with("[host]\nmemory_limit = \"2GiB\"\n");
        let server = place.start();
        let admin = server.client(&place.token);
        let client = |name: &str| {
            let token = block_on(tenant(&admin, name, TenantLimits::default()));
            server.client(&token)
        };
        let (a, b, c) = (client("a"), client("b"), client("c"));
        let worst = fs::read(FAIRNESS).unwrap();
        let worst = block_on(a.push("fairness.wasm", worst)).unwrap().hash;
        block_on(pushed(&c));
        let serve = block_on(pushed(&b));
        Self {
            server,
            place,
            a,
            b,
            c,
            worst,
            serve,
        }
    }

    fn cpu(&self, name: &str) -> f64 {
        let admin = self.server.client(&self.place.token);
        block_on(admin.tenant(name)).unwrap().used.cpu_seconds
    }

    /// Seconds of processor time of the server's process.
    fn process(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.server.child.id())).unwrap();
        let fields = stat.rsplit(')').next().unwrap();
        let fields: Vec<_> = fields.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Times of a small task at a time of `c`: the middle one's and the longest but a hundredth, in microseconds.
    fn probe(&self) -> (u64, u64) {
        let request = task(&self.serve, "probe", vec![json!(300)]);
        let times = block_on(async {
            let id = self.c.submit(&request, None).await.unwrap().id;
            self.c.result(&id, 60).await.unwrap()
        });
        let times: Vec<u64> = serde_json::from_value(times).unwrap();
        (times[0], times[1])
    }

    /// What `b` gets of the time of both, in percent, while `a` does what it does already; with its price.
    fn share(&self, what: &str) -> f64 {
        let flood = task(&self.serve, "flood", vec![json!(100_000), json!(1_000)]);
        let id = block_on(self.b.submit(&flood, None)).unwrap().id;
        thread::sleep(Duration::from_secs(2));
        let before = (self.cpu("a"), self.cpu("b"), self.process());
        thread::sleep(TIME);
        let after = (self.cpu("a"), self.cpu("b"), self.process());
        let probe = self.probe();
        block_on(async {
            self.b.cancel(&id).await.unwrap();
            ended(&self.b, &id).await;
        });
        let (a, b) = (after.0 - before.0, after.1 - before.1);
        let share = 100.0 * b / (a + b);
        println!(
            "{what:14} b has {share:4.1} % of {:.1} s that were charged, of {:.1} s of the process; a small task of another: p50 {} µs, p99 {} µs",
            a + b,
            after.2 - before.2,
            probe.0,
            probe.1
        );
        share
    }

    /// While a job of `a` runs.
    fn beside(&self, name: &str, args: Vec<Json>) -> f64 {
        let id = block_on(self.a.submit(&task(&self.worst, name, args), None));
        let id = id.unwrap().id;
        thread::sleep(Duration::from_secs(1));
        let share = self.share(name);
        block_on(async {
            self.a.cancel(&id).await.unwrap();
            ended(&self.a, &id).await;
        });
        share
    }
}

#[test]
#[ignore = "a measurement: cargo test --release -p wrun-tests --test fairness -- --ignored --nocapture --test-threads 1"]
fn what_a_tenant_does_in_tasks_is_its_share() {
    const GIB: u64 = 1 << 30;
    let three = Three::new();
    println!(
        "an idle host: a small task's p50 and p99 {:?} µs",
        three.probe()
    );
    let shares = [
        ("loops", vec![json!(8)]),
        ("fills", vec![json!(4), json!(GIB)]),
        ("dirt", vec![json!(4), json!(GIB / 2)]),
        ("churns", vec![json!(8)]),
    ]
    .map(|(name, args)| (name, three.beside(name, args)));
    for (name, share) in shares {
        assert!(share > 47.0, "{name}: {share}");
    }
}

/// Modules without end, each another one.
#[test]
#[ignore = "a measurement: cargo test --release -p wrun-tests --test fairness -- --ignored --nocapture --test-threads 1"]
fn what_a_tenant_compiles_is_its_share() {
    let three = Three::new();
    let stop = Arc::new(AtomicBool::new(false));
    let pushed = Arc::new(AtomicU32::new(0));
    let wasm = fs::read(SERVE).unwrap();
    let senders: Vec<_> = (0..6_u32)
        .map(|sender| {
            let (stop, pushed, client, wasm) =
                (stop.clone(), pushed.clone(), three.a.clone(), wasm.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let number = pushed.fetch_add(1, Ordering::Relaxed) * 10 + sender;
                    let mut wasm = wasm.clone();
                    // A custom section of the name `n`.
                    wasm.extend([0, 6, 1, b'n']);
                    wasm.extend(number.to_le_bytes());
                    block_on(async {
                        let module = client.push("n.wasm", wasm).await.unwrap();
                        client.remove_module(&module.hash).await.unwrap();
                    });
                }
            })
        })
        .collect();
    thread::sleep(Duration::from_secs(1));
    let share = three.share("compilations");
    stop.store(true, Ordering::Relaxed);
    senders
        .into_iter()
        .for_each(|sender| sender.join().unwrap());
    println!("{} modules were compiled", pushed.load(Ordering::Relaxed));
    assert!(share > 47.0, "{share}");
}
