//! The dashboard as a browser gets it: which files there are, what is sent with them, and what they don't hold. What its pages
//! do is seen in a browser.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![forbid(unsafe_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use wrun_tests::server::{Place, Server};

/// What a server answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

fn ask(server: &Server, method: &str, path: &str, more: &str) -> Answer {
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{more}\r\n");
    let answer = server.raw(&request);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    };
    Answer {
        status: status.parse().unwrap(),
        headers: lines.map(header).collect(),
        body: body.to_owned(),
    }
}

fn get(server: &Server, path: &str) -> Answer {
    ask(server, "GET", path, "")
}

/// What stands between two texts, wherever it does.
fn between<'a>(text: &'a str, from: &'a str, to: char) -> impl Iterator<Item = &'a str> {
    text.split(from)
        .skip(1)
        .filter_map(move |rest| rest.split(to).next())
}

/// Everything that the page leads to, by its path: what it names, and what its modules import.
fn pages(server: &Server) -> BTreeMap<String, Answer> {
    let mut found = BTreeMap::new();
    let mut wanted = vec!["/".to_owned()];
    while let Some(path) = wanted.pop() {
        if found.contains_key(&path) {
            continue;
        }
        let answer = get(server, &path);
        assert_eq!(answer.status, 200, "{path}");
        let text = &answer.body;
        let named = ["href=\"", "src=\""]
            .into_iter()
            .flat_map(|name| between(text, name, '"'))
            .filter(|name| path == "/" && !name.starts_with('#'))
            .map(|name| format!("/{name}"));
        let imported = between(text, "from './", '\'').map(|name| format!("/dashboard/{name}"));
        wanted.extend(named.chain(imported));
        found.insert(path, answer);
    }
    found
}

/// Files of the repository.
fn files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/assets/dashboard");
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    fs::read_dir(folder).unwrap().map(file).collect()
}

#[test]
fn every_file_is_served_and_used_and_kept_in_its_place() {
    let mut place = Place::new();
    let server = place.start();
    let pages = pages(&server);
    let names = files().into_keys().map(|name| match &*name {
        "index.html" => "/".to_owned(),
        name => format!("/dashboard/{name}"),
    });
    let served: BTreeSet<_> = pages.keys().cloned().collect();
    assert_eq!(
        served,
        names.collect(),
        "what the page leads to, and what there is"
    );
    for (path, answer) in &pages {
        let kind = match path.rsplit_once('.').map(|(_, end)| end) {
            None => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some(other) => panic!("{other}"),
        };
        let policy = [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ];
        for (name, value) in [
            ("content-type", kind),
            ("content-security-policy", &policy.join("; ")),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-cache"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            let sent = answer.headers.get(name).map(String::as_str);
            assert_eq!(sent, Some(value), "{name} of {path}");
        }
    }
}

#[test]
fn the_pages_need_no_token_and_the_api_does() {
    let mut place = Place::new();
    let server = place.start();
    let of_path = |path| get(&server, path).status;
    assert_eq!((of_path("/"), of_path("/dashboard/main.js")), (200, 200));
    for path in ["/v1/info", "/v1/jobs", "/v1/tasks", "/v1/tenants"] {
        assert_eq!(of_path(path), 401, "{path}");
    }
    assert!(!get(&server, "/").body.contains(&place.token));
    // What is not there, and what can't be done to it, are answered as everywhere.
    for path in [
        "/dashboard/nosuch.js",
        "/dashboard/index.html",
        "/dashboard/..%2f..%2fCargo.toml",
        "/dashboard/",
    ] {
        let answer = get(&server, path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("\"not_found\""), "{}", answer.body);
    }
    assert_eq!(
        ask(&server, "POST", "/", "content-length: 0\r\n").status,
        405
    );
}

#[test]
fn a_file_that_the_browser_has_is_not_sent_again() {
    let mut place = Place::new();
    let server = place.start();
    for path in ["/", "/dashboard/style.css"] {
        let first = get(&server, path);
        let tag = &first.headers["etag"];
        let again = |tags: &str| ask(&server, "GET", path, &format!("if-none-match: {tags}\r\n"));
        let known = again(&format!("\"other\", {tag}"));
        assert_eq!((known.status, &*known.body), (304, ""), "{path}");
        assert_eq!(known.headers["etag"], *tag);
        let other = again("\"other\"");
        assert_eq!((other.status, &other.body), (200, &first.body), "{path}");
    }
    let tags = |path| get(&server, path).headers["etag"].clone();
    assert_ne!(tags("/"), tags("/dashboard/main.js"));
}

#[test]
fn no_file_names_another_host() {
    for (name, text) in files() {
        for scheme in ["http:", "https:", "ws:", "wss:"] {
            for rest in between(&text, &format!("{scheme}//"), '\n') {
                assert!(rest.starts_with("www.w3.org/"), "{name}: {scheme}//{rest}");
            }
        }
        for from in ["=\"//", "'//", "(//", "@import", "url(\"", "url('"] {
            assert!(!text.contains(from), "{name}: {from}");
        }
    }
}

#[test]
fn nothing_is_put_into_the_page_as_html_or_written_into_it() {
    for (name, text) in files() {
        let forbidden: &[&str] = match name.rsplit_once('.').unwrap().1 {
            "html" => &[
                " style=",
                "<style",
                "<script>",
                "javascript:",
                " onclick=",
                " onload=",
                " onsubmit=",
            ],
            "js" => &[
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "DOMParser",
                "createContextualFragment",
                "srcdoc",
                "eval(",
                "new Function",
                "javascript:",
                "setAttribute('style'",
                "style: ",
                "import(",
            ],
            _ => &["<script", "expression("],
        };
        for text_of in forbidden {
            assert!(!text.contains(text_of), "{name}: {text_of}");
        }
    }
}
