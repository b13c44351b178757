//! Requests to small servers of the tests' own, with a resolver that says what a test wants.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::{IpAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use parking_lot::Mutex;

use super::{
    resolver::{Looking, Lookup},
    *,
};
use crate::types::ErrorKind;

/// Gives these answers one after another, and counts the questions.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Script {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers.iter().map(parse).collect()),
            asked: AtomicUsize::new(0),
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Lookup for Script {
    fn look_up(&self, _: &str) -> Looking {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().pop_front();
        let answer = answer.ok_or_else(|| io::Error::other("no such name"));
        Box::pin(async move { answer })
    }
}

/// Room without end, or up to so much.
struct Most(usize);

impl Room for Most {
    async fn make(&mut self, total: usize) -> Result<(), TaskError> {
        if total > self.0 {
            return Err(TaskError::new(ErrorKind::Limit, "full"));
        }
        Ok(())
    }
}

/// Answers each connection with the next of these texts; gives its port and what it was sent.
fn server(answers: &[&str]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers: Vec<_> = answers
        .iter()
        .map(|text| text.replace("PORT", &port.to_string()))
        .collect();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    thread::spawn(move || {
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept() else {
                return;
            };
            told.lock().push(head_of(&mut stream));
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, seen)
}

fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";

fn options(allow: &[String], networks: &[&str]) -> HttpOptions {
    HttpOptions {
        allow: allow.iter().map(|rule| rule.parse().unwrap()).collect(),
        networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
        ..HttpOptions::default()
    }
}

/// A value of a GET request.
fn get(url: &str, redirects: u8) -> Bytes {
    let mut value = vec![0, 3];
    value.extend_from_slice(b"GET");
    let len = u16::try_from(url.len()).unwrap();
    value.push(251);
    value.extend_from_slice(&len.to_le_bytes());
    value.extend_from_slice(url.as_bytes());
    value.extend_from_slice(&[0, 0, redirects]);
    value.into()
}

async fn ask(out: &Outbound, url: &str) -> Result<Vec<u8>, OutboundError> {
    let permit = out.enter().await?;
    permit.exchange(&get(url, 5), &mut Most(usize::MAX)).await
}

#[tokio::test]
async fn a_name_is_asked_once_and_answered_from_where_it_was_checked() {
    let (port, seen) = server(&[OK]);
    // Whoever asks again, to connect, is led elsewhere.
    let script = Script::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let allow = [format!("a.test:{port}")];
    let out = Outbound::with(options(&allow, &["127.0.0.0/8"]), script.clone());
    let response = ask(&out, &format!("http://a.test:{port}/x")).await.unwrap();
    assert!(response.ends_with(b"hi"));
    assert_eq!(script.asked(), 1);
    let head = seen.lock()[0].clone();
    assert!(head.starts_with("GET /x HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: a.test:{port}\r\n")), "{head}");
}

#[tokio::test]
async fn a_name_that_turns_to_the_hosts_own_network_is_refused() {
    let (port, seen) = server(&[OK]);
    let allow = [format!("a.test:{port}")];
    // Nobody answers at a documentation address, which is let through here to stand for a public one.
    let script = Script::new(&[&["192.0.2.1"], &["127.0.0.1"]]);
    let mut open = options(&allow, &["192.0.2.0/24"]);
    open.limits.timeout = Duration::from_millis(100);
    let out = Outbound::with(open, script.clone());
    let url = format!("http://a.test:{port}/");
    let first = tokio::time::timeout(Duration::from_millis(100), ask(&out, &url)).await;
    assert!(!matches!(first, Ok(Ok(_))));
    let second = ask(&out, &url).await.unwrap_err();
    assert!(matches!(&second, OutboundError::NoAddress { host } if host == "a.test"));
    assert_eq!((script.asked(), seen.lock().len()), (2, 0));
}

#[tokio::test]
async fn of_several_addresses_only_those_that_may_be_are_used() {
    let (port, _) = server(&[OK]);
    let allow = [format!("a.test:{port}")];
    let script = Script::new(&[
        &["10.0.0.1", "::1", "127.0.0.1"],
        &["10.0.0.1", "169.254.169.254"],
    ]);
    let out = Outbound::with(options(&allow, &["127.0.0.0/8"]), script);
    let url = format!("http://a.test:{port}/");
    assert!(ask(&out, &url).await.unwrap().ends_with(b"hi"));
    let error = ask(&out, &url).await.unwrap_err().to_string();
    // Nor does it say which they were.
    assert!(
        !error.contains("10.0.0.1") && !error.contains("169"),
        "{error}"
    );
    let missing = ask(&out, &url).await.unwrap_err().to_string();
    assert_eq!(error, missing);
}

#[tokio::test]
async fn addresses_in_urls_are_checked_and_never_looked_up() {
    let script = Script::new(&[]);
    let allow = ["127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]"].map(str::to_owned);
    let out = Outbound::with(options(&allow, &[]), script.clone());
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:10.0.0.1]/",
        "http://10.0.0.1/",
    ] {
        let error = ask(&out, url).await.unwrap_err();
        assert!(
            matches!(error, OutboundError::NoAddress { .. }),
            "{url}: {error}"
        );
    }
    // One that no rule names is not allowed, public or not.
    for url in [
        "http://8.8.8.8/",
        "http://127.0.0.2/",
        "https://127.0.0.1:80/x",
        "http://a.test/",
    ] {
        let error = ask(&out, url).await.unwrap_err();
        let refused = matches!(error, OutboundError::NotAllowed { .. });
        assert!(refused, "{url}: {error}");
    }
    assert_eq!(script.asked(), 0);
}

#[tokio::test]
async fn each_redirect_is_checked_as_a_request_of_its_own() {
    let to = |url: &str| {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    };
    for (target, expected) in [
        ("http://b.test:PORT/", "NotAllowed"),
        ("http://10.0.0.1:PORT/", "NotAllowed"),
        ("http://127.0.0.1:PORT/", "NotAllowed"),
        ("http://inner.test:PORT/", "NoAddress"),
        ("file:///etc/passwd", "Invalid"),
        ("/again", "hi"),
    ] {
        let (port, seen) = server(&[&to(target), OK]);
        let allow = ["a.test", "inner.test"].map(|host| format!("{host}:{port}"));
        let inner: &[&str] = if target.contains("inner") {
            &["10.0.0.1"]
        } else {
            &["127.0.0.1"]
        };
        let script = Script::new(&[&["127.0.0.1"], inner]);
        let out = Outbound::with(options(&allow, &["127.0.0.0/8"]), script);
        let end = ask(&out, &format!("http://a.test:{port}/")).await;
        match end {
            Ok(response) => assert!(response.ends_with(expected.as_bytes()), "{target}"),
            Err(error) => assert!(
                format!("{error:?}").starts_with(expected),
                "{target}: {error:?}"
            ),
        }
        assert_eq!(
            seen.lock().len(),
            if expected == "hi" { 2 } else { 1 },
            "{target}"
        );
    }
    let back = to("/");
    let (port, seen) = server(&[back.as_str(); 9]);
    let here: &[&str] = &["127.0.0.1"];
    let out = || {
        let allow = [format!("a.test:{port}")];
        Outbound::with(options(&allow, &["127.0.0.0/8"]), Script::new(&[here; 9]))
    };
    let url = format!("http://a.test:{port}/");
    let error = ask(&out(), &url).await.unwrap_err().to_string();
    assert!(error.contains("more than 5 times"), "{error}");
    assert_eq!(seen.lock().len(), 6);
    // Who does not want them gets the redirect itself.
    let permit = out();
    let permit = permit.enter().await.unwrap();
    let response = permit
        .exchange(&get(&url, 0), &mut Most(usize::MAX))
        .await
        .unwrap();
    assert_eq!(&response[1..4], [251, 46, 1]);
}

#[tokio::test]
async fn sizes_are_bounded_before_they_are_kept() {
    let body = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}",
        "x".repeat(300_000)
    );
    let claim = "HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\nx";
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(5_000));
    let wide = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(100_000));
    let endless = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(2_000_000));
    for (answer, limit, room, expected) in [
        (body.as_str(), 200_000, usize::MAX, "TooLarge"),
        (&body, 300_000, usize::MAX, "x"),
        (&body, 300_000, 250_000, "Room"),
        (&body, 300_000, 10, "Room"),
        (claim, 1 << 30, usize::MAX, "TooLarge"),
        (&many, 1000, usize::MAX, "Failed"),
        (&wide, 1000, usize::MAX, "TooLarge"),
        (&endless, 1000, usize::MAX, "Failed"),
    ] {
        let (port, _) = server(&[answer]);
        let mut options = options(&[format!("127.0.0.1:{port}")], &["127.0.0.1"]);
        options.limits.response_bytes = limit;
        let out = Outbound::with(options, Script::new(&[]));
        let permit = out.enter().await.unwrap();
        let request = get(&format!("http://127.0.0.1:{port}/"), 5);
        match permit.exchange(&request, &mut Most(room)).await {
            Ok(response) => {
                assert!(response.ends_with(expected.as_bytes()));
                assert!(response.len() > 300_000 && response.len() < 301_000);
            }
            Err(error) => {
                let told = format!("{error:?}");
                assert!(told.starts_with(expected), "{expected}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn more_than_the_rate_or_at_once_waits() {
    let mut options = options(&["a.test".to_owned()], &[]);
    options.limits.at_once = 2.try_into().unwrap();
    options.limits.rate = 1_000_000.try_into().unwrap();
    let out = Outbound::with(options.clone(), Script::new(&[]));
    let (one, _two) = (out.enter().await.unwrap(), out.enter().await.unwrap());
    let third = tokio::time::timeout(Duration::from_millis(50), out.enter());
    assert!(third.await.is_err());
    drop(one);
    assert!(out.enter().await.is_ok());

    options.limits.rate = 1.try_into().unwrap();
    options.limits.burst = 2.try_into().unwrap();
    out.set(&options);
    for _ in 0..2 {
        drop(out.enter().await.unwrap());
    }
    let third = tokio::time::timeout(Duration::from_millis(200), out.enter());
    assert!(third.await.is_err());
    out.set(&HttpOptions::default());
    assert!(matches!(out.enter().await, Err(OutboundError::Off)));
}
