//! Who may what: each endpoint of the API, as its own document lists them, for each kind of caller.
//!
//! What is another tenant's is answered as what is not there, to the letter but for its name. [`ENDPOINTS`] says what each
//! endpoint needs; one that the document has and the table has not fails the test.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use wrun_host::{
    api::{JobState, Role, TenantLimits, TokenRequest},
    client::Client,
};
use wrun_tests::server::{
    Place, Server, block_on, ended, eventually, main, pushed, refused, task, tenant, token,
};

/// Who may do it. Each may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    Nothing,
    Read,
    Submit,
    Admin,
    Host,
}

/// What a request is about, by name.
#[derive(Debug, Clone)]
struct Target {
    tenant: String,
    job: String,
    module: String,
    token: String,
}

impl Target {
    /// What nobody has.
    fn nothing() -> Self {
        Self {
            tenant: "nettle".to_owned(),
            job: "00000000000000aa".to_owned(),
            module: "0".repeat(64),
            token: "aaaaaaaa".to_owned(),
        }
    }

    fn names(&self) -> [&str; 4] {
        [&self.tenant, &self.job, &self.module, &self.token]
    }

    /// The template with its names, where the document has `{id}` and so on.
    fn fill(&self, template: &str) -> String {
        // The job's call is its first task.
        let task = format!("{}{:016x}", self.job, 1);
        let id = match template {
            text if text.contains("/tokens/") => &self.token,
            text if text.contains("/tasks/") => &task,
            _ => &self.job,
        };
        template
            .replace("{name}", &self.tenant)
            .replace("{hash}", &self.module)
            .replace("{job}", &self.job)
            .replace("{id}", id)
    }
}

/// An endpoint, what it needs, and what it answers to who has that.
struct Endpoint {
    /// Method and path, as in the document.
    at: &'static str,
    needs: Needs,
    done: u16,
    /// What it sends, which may name something too.
    body: &'static str,
    /// Queries that name something.
    queries: &'static [&'static str],
}

const fn at(at: &'static str, needs: Needs, done: u16) -> Endpoint {
    Endpoint {
        at,
        needs,
        done,
        body: "",
        queries: &[],
    }
}

/// A list of what lives, which a query may narrow.
const fn state(at_: &'static str) -> Endpoint {
    let queries = &["?job={job}", "?tenant={name}&job={job}"];
    Endpoint {
        queries,
        ..at(at_, Needs::Read, 200)
    }
}

const fn with(body: &'static str, endpoint: Endpoint) -> Endpoint {
    Endpoint { body, ..endpoint }
}

const ENDPOINTS: [Endpoint; 31] = [
    at("GET /healthz", Needs::Nothing, 200),
    at("GET /readyz", Needs::Nothing, 200),
    at("GET /v1/openapi.json", Needs::Nothing, 200),
    at("GET /v1/info", Needs::Read, 200),
    at("GET /v1/overview", Needs::Read, 200),
    at("GET /v1/overview/events", Needs::Read, 200),
    at("GET /v1/modules", Needs::Read, 200),
    with(
        "(module (memory (export \"memory\") 1) (func (export \"_start\")))",
        at("POST /v1/modules", Needs::Submit, 201),
    ),
    at("GET /v1/modules/{hash}", Needs::Read, 200),
    at("DELETE /v1/modules/{hash}", Needs::Submit, 204),
    at("GET /v1/jobs", Needs::Read, 200),
    with(
        r#"{"module": "{hash}"}"#,
        at("POST /v1/jobs", Needs::Submit, 201),
    ),
    at("GET /v1/jobs/{id}", Needs::Read, 200),
    at("GET /v1/jobs/{id}/result", Needs::Read, 200),
    at("GET /v1/jobs/{id}/logs", Needs::Read, 200),
    at("GET /v1/jobs/{id}/events", Needs::Read, 200),
    at("GET /v1/jobs/{id}/trace", Needs::Read, 200),
    at("GET /v1/jobs/{id}/summary", Needs::Read, 200),
    at("POST /v1/jobs/{id}/cancel", Needs::Submit, 202),
    // It is not in quarantine.
    at("POST /v1/jobs/{id}/restart", Needs::Host, 409),
    state("GET /v1/tasks"),
    at("GET /v1/tasks/{id}", Needs::Read, 200),
    state("GET /v1/actors"),
    state("GET /v1/objects"),
    at("GET /v1/tenants", Needs::Read, 200),
    at("GET /v1/tenants/{name}", Needs::Read, 200),
    with("{}", at("PUT /v1/tenants/{name}", Needs::Host, 200)),
    at("DELETE /v1/tenants/{name}", Needs::Host, 204),
    at("GET /v1/tenants/{name}/tokens", Needs::Admin, 200),
    with(
        r#"{"role": "read"}"#,
        at("POST /v1/tenants/{name}/tokens", Needs::Admin, 201),
    ),
    at("DELETE /v1/tenants/{name}/tokens/{id}", Needs::Admin, 204),
];

impl Endpoint {
    fn method(&self) -> &str {
        self.at.split(' ').next().unwrap()
    }

    fn path(&self) -> &str {
        self.at.split(' ').nth(1).unwrap()
    }

    /// Whether a request names something without anything added.
    fn names_something(&self) -> bool {
        self.at.contains('{') || self.body.contains("{hash}")
    }
}

/// What came back, without what differs from one moment to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

/// A request, whose path, header and body may name things.
struct Request<'a> {
    endpoint: &'a Endpoint,
    query: &'a str,
    token: Option<&'a str>,
    tenant: Option<&'a str>,
}

impl Request<'_> {
    fn about(&self, server: &Server, target: &Target) -> Answer {
        let Self {
            endpoint, query, ..
        } = self;
        let path = target.fill(&format!("{}{query}", endpoint.path()));
        let body = target.fill(endpoint.body);
        let mut text = format!(
            "{} {path} HTTP/1.1\r\nhost: wrun\r\nconnection: close\r\n",
            endpoint.method()
        );
        let token = self.token.map(|token| format!("Bearer {token}"));
        let tenant = self.tenant.map(|tenant| target.fill(tenant));
        let length = (!body.is_empty()).then(|| body.len().to_string());
        let json = (!body.is_empty()).then(|| "application/json".to_owned());
        for (name, value) in [
            ("authorization", token),
            ("wrun-tenant", tenant),
            ("content-length", length),
            ("content-type", json),
        ] {
            if let Some(value) = value {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let answer = server.raw(&format!("{text}\r\n{body}"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| line.split_once(':').unwrap());
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        let lasting = headers.filter(|(name, _)| name != "date" && name != "content-length");
        Answer {
            status: status.parse().unwrap(),
            headers: lasting.collect(),
            body: body.to_owned(),
        }
    }
}

/// A tenant with something of each kind, and a token for each role.
struct Tenant {
    read: String,
    submit: String,
    admin: String,
    has: Target,
}

impl Tenant {
    fn new(server: &Server, admin: &Client, name: &str) -> Self {
        block_on(async {
            let submit = tenant(admin, name, TenantLimits::default()).await;
            let issue = async |role| admin.issue(name, &token(role)).await.unwrap();
            let client = server.client(&submit);
            let module = pushed(&client).await;
            let job = task(&module, "double", vec![json!(4)]);
            let job = client.submit(&job, None).await.unwrap().id;
            ended(&client, &job).await;
            Self {
                read: issue(Role::Read).await.token,
                submit,
                admin: issue(Role::Admin).await.token,
                has: Target {
                    tenant: name.to_owned(),
                    job,
                    module,
                    token: issue(Role::Read).await.info.id,
                },
            }
        })
    }
}

struct World {
    place: Place,
    server: Server,
    host: Client,
    orchid: Tenant,
    tulip: Tenant,
    /// By endpoint, what its document says that it answers.
    documented: BTreeMap<String, BTreeSet<u16>>,
}

impl World {
    fn new() -> Self {
        let mut place = Place::new();
        let server = place.start();
        let host = server.client(&place.token);
        let orchid = Tenant::new(&server, &host, "orchid");
        let tulip = Tenant::new(&server, &host, "tulip");
        let mut world = Self {
            place,
            server,
            host,
            orchid,
            tulip,
            documented: BTreeMap::new(),
        };
        world.documented = world.document();
        // Both have the same guest; of this one only one may know.
        world.orchid.has.module = world.module("its own");
        world
    }

    /// Reads the API's document, and holds it against the table.
    fn document(&self) -> BTreeMap<String, BTreeSet<u16>> {
        let openapi = ENDPOINTS
            .iter()
            .find(|one| one.at.ends_with("openapi.json"));
        let answer = self.ask(openapi.unwrap(), None, &Target::nothing());
        let document: Json = serde_json::from_str(&answer.body).unwrap();
        let mut found = BTreeMap::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let at = format!("{} {path}", method.to_uppercase());
                let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.at == at);
                let endpoint = endpoint.unwrap_or_else(|| panic!("`{at}` has no case here"));
                let is_open = operation["security"] == json!([{}]);
                assert_eq!(is_open, endpoint.needs == Needs::Nothing, "{at}");
                let answers = operation["responses"].as_object().unwrap().keys();
                let answers = answers.map(|status| status.parse().unwrap()).collect();
                found.insert(at, answers);
            }
        }
        for endpoint in &ENDPOINTS {
            assert!(found.contains_key(endpoint.at), "no `{}`", endpoint.at);
        }
        found
    }

    fn send(&self, request: &Request<'_>, target: &Target) -> Answer {
        let answer = request.about(&self.server, target);
        let at = request.endpoint.at;
        let documented = self.documented.get(at);
        assert!(
            documented.is_none_or(|statuses| statuses.contains(&answer.status)),
            "`{at}` answers {} and does not say so",
            answer.status
        );
        answer
    }

    fn ask(&self, endpoint: &Endpoint, token: Option<&str>, target: &Target) -> Answer {
        let request = Request {
            endpoint,
            query: "",
            token,
            tenant: None,
        };
        self.send(&request, target)
    }

    /// A small module of orchid that nobody else has.
    fn module(&self, text: &str) -> String {
        let module = format!(
            "(module (memory (export \"memory\") 1) (data (i32.const 0) \"{text}\") (func (export \"_start\")))"
        );
        let orchid = self.server.client(&self.orchid.submit);
        block_on(orchid.push("small", module.into())).unwrap().hash
    }

    /// Orchid's names; what the request would use up is new.
    fn fresh(&self, endpoint: &Endpoint, role: Needs, number: usize) -> Target {
        let mut target = self.orchid.has.clone();
        let orchid = self.server.client(&self.orchid.submit);
        match endpoint.at {
            "DELETE /v1/modules/{hash}" => target.module = self.module(&number.to_string()),
            "POST /v1/jobs/{id}/cancel" => {
                target.job = block_on(async {
                    let nap = main(&pushed(&orchid).await, &["nap", "60000"]);
                    orchid.submit(&nap, None).await.unwrap().id
                });
                let state = || block_on(orchid.job(&target.job)).unwrap().state;
                eventually("it runs", || state() == JobState::Running);
            }
            "DELETE /v1/tenants/{name}/tokens/{id}" => {
                let issued = block_on(self.host.issue("orchid", &token(Role::Read)));
                target.token = issued.unwrap().info.id;
            }
            "DELETE /v1/tenants/{name}" if role == Needs::Host => {
                target.tenant = "daisy".to_owned();
                block_on(tenant(&self.host, &target.tenant, TenantLimits::default()));
            }
            _ => {}
        }
        target
    }

    /// Waits until nothing of orchid runs, but for a job that was to be cancelled and was not.
    fn settle(&self, target: &Target) {
        let orchid = self.server.client(&self.orchid.submit);
        // It may have ended.
        let _ = block_on(orchid.cancel(&target.job));
        let unfinished = ["queued".to_owned(), "running".to_owned()];
        eventually("all jobs end", || {
            block_on(orchid.jobs(&unfinished, None, 1))
                .unwrap()
                .jobs
                .is_empty()
        });
    }

    /// What orchid is and has, as the host's admin sees it.
    fn all_of_orchid(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let (address, token) = (&self.server.address, self.place.token.clone());
        let host = Client::new(address, Some(token), Some("orchid".to_owned())).unwrap();
        block_on(async {
            let view = host.tenant("orchid").await.unwrap();
            let jobs = host.jobs(&[], None, 1_000).await.unwrap().jobs;
            let jobs = jobs.into_iter().map(|job| (job.id, job.state));
            let tokens = host.tokens("orchid").await.unwrap();
            (
                (view.weight, view.limits),
                jobs.collect::<Vec<_>>(),
                host.modules().await.unwrap(),
                tokens,
            )
        })
    }
}

/// The answer about one as it would be about another.
fn renamed(mut answer: Answer, from: &Target, to: &Target) -> Answer {
    for (from, to) in from.names().into_iter().zip(to.names()) {
        answer.body = answer.body.replace(from, to);
    }
    answer
}

#[test]
fn without_a_valid_token_everything_is_the_same() {
    let world = World::new();
    let (revoked, brief) = block_on(async {
        let revoked = world.host.issue("orchid", &token(Role::Admin)).await;
        let revoked = revoked.unwrap();
        world.host.revoke("orchid", &revoked.info.id).await.unwrap();
        let brief = TokenRequest {
            valid_seconds: Some(0),
            ..token(Role::Admin)
        };
        let brief = world.host.issue("orchid", &brief).await.unwrap();
        (revoked.token, brief.token)
    });
    let mut almost = world.orchid.admin.clone();
    let last = almost.pop().unwrap();
    almost.push(if last == 'A' { 'B' } else { 'A' });
    let before = world.all_of_orchid();
    let mut seen = None;
    for endpoint in &ENDPOINTS {
        for token in [
            None,
            Some(""),
            Some("nonsense"),
            Some(&almost),
            Some(&revoked),
            Some(&brief),
        ] {
            for target in [&world.orchid.has, &Target::nothing()] {
                for tenant in [None, Some("{name}"), Some("no name at all")] {
                    let request = Request {
                        endpoint,
                        query: "",
                        token,
                        tenant,
                    };
                    let answer = world.send(&request, target);
                    if endpoint.needs == Needs::Nothing {
                        assert_eq!(answer.status, 200, "{}", endpoint.at);
                        continue;
                    }
                    assert_eq!(answer.status, 401, "{} {token:?}", endpoint.at);
                    assert_eq!(answer.headers["www-authenticate"], "Bearer");
                    let first = seen.get_or_insert_with(|| answer.clone());
                    assert_eq!(*first, answer, "{} {token:?} {tenant:?}", endpoint.at);
                }
            }
        }
    }
    assert_eq!(world.all_of_orchid(), before);
}

#[test]
fn what_is_another_s_is_what_is_not_there() {
    let world = World::new();
    let (has, nothing) = (&world.orchid.has, &Target::nothing());
    let before = world.all_of_orchid();
    let others = [
        (Needs::Read, &world.tulip.read),
        (Needs::Submit, &world.tulip.submit),
        (Needs::Admin, &world.tulip.admin),
    ];
    for endpoint in ENDPOINTS.iter().filter(|one| one.needs > Needs::Nothing) {
        let is_get = endpoint.method() == "GET";
        let mut ways = vec![("", Some("{name}"))];
        ways.extend(endpoint.names_something().then_some(("", None)));
        ways.extend(is_get.then_some(("?tenant={name}", None)));
        ways.extend(endpoint.queries.iter().map(|query| (*query, None)));
        for (query, tenant) in ways {
            for (role, token) in others {
                let request = Request {
                    endpoint,
                    query,
                    token: Some(token),
                    tenant,
                };
                let how = format!("{}{query} {tenant:?}", endpoint.at);
                let own = world.send(&request, has);
                let none = world.send(&request, nothing);
                if own.status == 200 && none.status == 200 && !endpoint.names_something() {
                    // It does not listen to the query.
                    for name in has.names() {
                        assert!(!own.body.contains(name), "{how}: {}", own.body);
                    }
                    continue;
                }
                let may_not = none.status == 403 && role < endpoint.needs;
                assert!(none.status == 404 || may_not, "{how}: {none:?}");
                assert_eq!(renamed(own, has, nothing), none, "{how}");
            }
        }
    }
    // No tenant has such a name.
    for endpoint in ENDPOINTS.iter().filter(|one| one.needs > Needs::Nothing) {
        let request = Request {
            endpoint,
            query: "",
            token: Some(&world.tulip.admin),
            tenant: Some("No Name"),
        };
        let (own, none) = (world.send(&request, has), world.send(&request, nothing));
        assert_eq!((own.status, &own), (400, &none), "{}", endpoint.at);
    }
    // What names nothing is about the caller's own.
    for endpoint in ENDPOINTS.iter().filter(|one| !one.names_something()) {
        let answer = world.ask(endpoint, Some(&world.tulip.admin), nothing);
        assert_eq!(answer.status, endpoint.done, "{}", endpoint.at);
        for name in has.names() {
            assert!(!answer.body.contains(name), "{}", endpoint.at);
        }
    }
    assert_eq!(world.all_of_orchid(), before);
}

/// The host's admin may all, and about one tenant it sees what that one has.
#[test]
fn the_host_s_admin_sees_one_tenant_at_a_time() {
    let world = World::new();
    let (has, nothing) = (&world.orchid.has, &Target::nothing());
    for endpoint in &ENDPOINTS {
        // A path that names its tenant needs no header.
        if endpoint.path().starts_with("/v1/tenants") {
            continue;
        }
        let queries = endpoint.queries.iter().copied();
        let mut queries: Vec<_> = queries.filter(|query| !query.contains("tenant")).collect();
        queries.extend(endpoint.names_something().then_some(""));
        for query in queries {
            let request = Request {
                endpoint,
                query,
                token: Some(&world.place.token),
                tenant: Some("tulip"),
            };
            let (own, none) = (world.send(&request, has), world.send(&request, nothing));
            assert_eq!(none.status, 404, "{}{query}: {none:?}", endpoint.at);
            assert_eq!(renamed(own, has, nothing), none, "{}{query}", endpoint.at);
        }
    }
}

#[test]
fn each_role_may_what_it_may_and_no_more() {
    let world = World::new();
    let callers = [
        (Needs::Read, &world.orchid.read, None),
        (Needs::Submit, &world.orchid.submit, None),
        (Needs::Admin, &world.orchid.admin, None),
        (Needs::Read, &world.orchid.read, Some("{name}")),
        (Needs::Submit, &world.orchid.submit, Some("{name}")),
        (Needs::Admin, &world.orchid.admin, Some("{name}")),
        (Needs::Host, &world.place.token, Some("{name}")),
    ];
    for endpoint in &ENDPOINTS {
        for (number, (role, token, tenant)) in callers.into_iter().enumerate() {
            let request = Request {
                endpoint,
                query: "",
                token: Some(token),
                tenant,
            };
            let target = world.fresh(endpoint, role, number);
            let before = world.all_of_orchid();
            let answer = world.send(&request, &target);
            let how = format!("{} as {role:?}: {answer:?}", endpoint.at);
            if role < endpoint.needs {
                assert_eq!(answer.status, 403, "{how}");
                assert!(answer.body.contains("\"forbidden\""), "{how}");
                assert_eq!(world.all_of_orchid(), before, "{how}");
            } else {
                assert_eq!(answer.status, endpoint.done, "{how}");
            }
            world.settle(&target);
        }
    }
}

/// A tenant's admin has its tenant's tokens, and those alone.
#[test]
fn a_tenant_s_admin_has_its_tenant_s_tokens() {
    let world = World::new();
    let admin = world.server.client(&world.orchid.admin);
    let id = |token: &str| token.split('_').nth(1).unwrap().to_owned();
    block_on(async {
        for role in [Role::Read, Role::Submit, Role::Admin] {
            let issued = admin.issue("orchid", &token(role)).await.unwrap();
            let info = world.server.client(&issued.token).info().await.unwrap();
            assert_eq!((info.tenant.as_deref(), info.role), (Some("orchid"), role));
            admin.revoke("orchid", &issued.info.id).await.unwrap();
            let gone = world.server.client(&issued.token).info().await;
            assert_eq!(refused(gone.unwrap_err()).0, 401);
        }
        let list = admin.tokens("orchid").await.unwrap().tokens;
        assert_eq!(list.len(), 7);
        assert!(
            list.iter()
                .all(|one| one.tenant.as_deref() == Some("orchid"))
        );

        // The host's, another tenant's and nobody's are the same below its own name.
        let none = Target::nothing().token;
        let missing = refused(admin.revoke("orchid", &none).await.unwrap_err());
        assert_eq!(missing.0, 404);
        for other in [&world.place.token, &world.tulip.submit] {
            let (status, said) = refused(admin.revoke("orchid", &id(other)).await.unwrap_err());
            assert_eq!((status, said.replace(&id(other), &none)), missing);
            assert!(world.server.client(other).info().await.is_ok());
        }

        // It takes back its own, and is out.
        let rotated = TokenRequest {
            rotate: true,
            ..token(Role::Admin)
        };
        let next = admin.issue("orchid", &rotated).await.unwrap().token;
        assert_eq!(refused(admin.info().await.unwrap_err()).0, 401);
        let next = world.server.client(&next);
        assert!(next.tokens("orchid").await.is_ok());
        assert!(world.server.client(&world.orchid.read).info().await.is_ok());
    });
}

/// Each token is a record on the disk, so there are only so many; one that is void makes room.
#[test]
fn a_tenant_has_so_many_tokens() {
    let world = World::new();
    let admin = world.server.client(&world.orchid.admin);
    block_on(async {
        let mut issued = Vec::new();
        let (status, said) = loop {
            match admin.issue("orchid", &token(Role::Read)).await {
                Ok(one) => issued.push(one.info.id),
                Err(error) => break refused(error),
            }
            assert!(issued.len() < 1_000, "there is no end");
        };
        assert_eq!(status, 409);
        assert!(
            said.contains("tenant `orchid` has 256 valid tokens, and 256 are the most: revoke one"),
            "{said}"
        );
        let tokens = async || admin.tokens("orchid").await.unwrap().tokens;
        assert_eq!(tokens().await.len(), 256);
        assert!(world.host.issue("tulip", &token(Role::Read)).await.is_ok());
        admin.revoke("orchid", &issued[0]).await.unwrap();
        for _ in 0..3 {
            // Each takes back the one before.
            let submit = TokenRequest {
                rotate: true,
                ..token(Role::Submit)
            };
            admin.issue("orchid", &submit).await.unwrap();
            assert_eq!(tokens().await.len(), 256);
        }
        assert!(tokens().await.iter().all(|one| one.id != issued[0]));
        // In the place of the one that was revoked.
        admin.issue("orchid", &token(Role::Read)).await.unwrap();
        assert_eq!(
            refused(admin.issue("orchid", &token(Role::Read)).await.unwrap_err()).0,
            409
        );
    });
}
