//! HTTP requests of tasks: one, many, large, hostile, cancelled. What they are sent to is the tests' own.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use wrun::http::{self, Request, Response};
use wrun::prelude::*;

/// Names and values.
type Headers = Vec<(String, String)>;

/// Status and body.
#[wrun::task]
fn fetch(url: String) -> Result<(u16, String)> {
    let response = http::get(url)?;
    Ok((response.status(), response.text()?))
}

/// Sends a body with headers; status, headers and body of what comes back.
#[wrun::task]
fn send(
    method: String,
    url: String,
    headers: Headers,
    body: String,
) -> Result<(u16, Headers, String)> {
    let mut request = Request::new(method, url).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = request.send()?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let headers = response.headers().map(owned).collect();
    Ok((response.status(), headers, response.text()?))
}

/// JSON there and back.
#[wrun::task]
fn json(url: String) -> Result<Vec<u32>> {
    Request::post(url)
        .json(&[1, 2, 3])
        .send()?
        .error_for_status()?
        .json()
}

/// The error's kind, code and message; empty texts when there is none.
#[wrun::task]
fn error_of(method: String, url: String, headers: Vec<(String, String)>) -> [String; 3] {
    let mut request = Request::new(method, url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    told(request.send())
}

fn told(sent: Result<Response>) -> [String; 3] {
    match sent {
        Ok(_) => Default::default(),
        Err(error) => [
            format!("{:?}", error.kind()),
            error.code().unwrap_or_default().to_owned(),
            error.message().to_owned(),
        ],
    }
}

/// The error of a request with this time limit, and how many milliseconds it took.
#[wrun::task]
fn within(url: String, millis: u64) -> ([String; 3], u128) {
    let start = Instant::now();
    let request = Request::get(url).timeout(Duration::from_millis(millis));
    (told(request.send()), start.elapsed().as_millis())
}

/// So many bytes are sent, and how many come back.
#[wrun::task]
fn echo(url: String, bytes: usize) -> Result<usize> {
    Ok(Request::put(url)
        .body(vec![b'x'; bytes])
        .send()?
        .body()
        .len())
}

/// All of them at once: the bodies' lengths.
#[wrun::task]
fn together(urls: Vec<String>) -> Result<Vec<usize>> {
    let refs: Vec<_> = urls.iter().map(|url| Request::get(url).remote()).collect();
    let responses = wrun::get(&refs)?;
    Ok(responses.iter().map(|r| r.body().len()).collect())
}

/// The length of a response, which another call made.
#[wrun::task]
fn length(response: Response) -> usize {
    response.body().len()
}

/// Responses go to tasks by their refs.
#[wrun::task]
fn passed_on(url: String, times: usize) -> Result<usize> {
    let lengths: Vec<_> = (0..times)
        .map(|_| length::remote(Request::get(&url).remote()))
        .collect();
    Ok(wrun::get(&lengths)?.iter().sum())
}

/// Cancels a request that has begun; the error's kind, and how many milliseconds it took to get it.
#[wrun::task]
fn cancelled(url: String, begun: String) -> Result<(String, u128)> {
    let response = Request::get(url).remote();
    // It answers when the other has come in.
    http::get(begun)?;
    let start = Instant::now();
    response.cancel()?;
    let kind = response.get().err().map(|error| error.kind());
    Ok((format!("{kind:?}"), start.elapsed().as_millis()))
}

/// Cancels many that wait for their turn.
#[wrun::task]
fn cancelled_in_line(url: String, times: usize) -> Result<usize> {
    let refs: Vec<_> = (0..times).map(|_| Request::get(&url).remote()).collect();
    refs.iter().try_for_each(ObjectRef::cancel)?;
    let cancelled = |r: &&ObjectRef<Response>| {
        r.get()
            .is_err_and(|error| error.kind() == ErrorKind::Cancelled)
    };
    Ok(refs.iter().filter(cancelled).count())
}

/// Ends while a request is open.
#[wrun::task]
fn left_open(url: String, begun: String) -> Result<u16> {
    let response = Request::get(url).remote();
    let status = http::get(begun)?.status();
    // A detached ref would be another matter.
    drop(response);
    Ok(status)
}

/// The last URL, and status.
#[wrun::task]
fn redirected(url: String, most: u8) -> Result<(u16, String)> {
    let response = Request::get(url).redirects(most).send()?;
    Ok((response.status(), response.url().to_owned()))
}

/// Seconds that so many requests take, a few at a time.
#[wrun::task]
fn timed(url: String, times: usize, at_once: usize) -> Result<f64> {
    let start = Instant::now();
    let mut open: Vec<ObjectRef<Response>> = Vec::new();
    for _ in 0..times {
        if open.len() == at_once {
            open.remove(0).get()?.error_for_status()?;
        }
        open.push(Request::get(&url).remote());
    }
    for response in open {
        response.get()?.error_for_status()?;
    }
    Ok(start.elapsed().as_secs_f64())
}
