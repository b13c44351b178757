//! HTTP requests, to the hosts that whoever runs the job allows.
//!
//! A sandbox has no network. The host makes the request, when it is allowed: `wrun submit --allow-http HOST`, or `allow`
//! in the tenant's `http` table on a server. Without that, each request fails with
//! [`HttpRefused`](crate::ErrorKind::HttpRefused).
//!
//! A request is a call, and its response an object: [`remote`](Request::remote) gives a ref at once, so many requests can
//! be under way together, be waited for with [`wait`](crate::wait()), be passed to tasks, be cancelled. A task that waits for
//! one holds no slot.
//!
//! ```no_run
//! use wrun::{http, prelude::*};
//!
//! #[wrun::task]
//! fn words(page: http::Response) -> Result<usize> {
//!     Ok(page.error_for_status()?.text()?.split_whitespace().count())
//! }
//!
//! #[wrun::main]
//! fn main() -> wrun::Result<()> {
//!     let page = http::get("https://example.com/")?;
//!     println!("{} with {} bytes", page.status(), page.body().len());
//!
//!     // Many at once, each page counted when it is there.
//!     let pages = ["https://example.com/a", "https://example.com/b"];
//!     let counts: Vec<_> = pages
//!         .iter()
//!         .map(|url| words::remote(http::Request::get(*url).remote()))
//!         .collect();
//!     println!("{} words", wrun::get(&counts)?.iter().sum::<usize>());
//!
//!     let made = http::Request::post("https://api.example.com/things")
//!         .header("authorization", "Bearer …")
//!         .json(&[1, 2, 3])
//!         .timeout(Duration::from_secs(5))
//!         .send()?
//!         .error_for_status()?;
//!     let id: u64 = made.json()?;
//!     println!("made {id}");
//!     Ok(())
//! }
//! ```
//!
//! # What the host does
//!
//! - It looks the name up once and connects to public addresses only, unless an operator allows others.
//! - It follows up to five redirects ([`Request::redirects`]), each to an allowed host, never from https to http. To another
//!   origin go only headers that can hold no secret (such as `accept` and `content-type`).
//! - It sends no cookies, keeps none, and decompresses nothing; `user-agent` is `wrun/VERSION` if the request has none.
//! - It adds no `traceparent`: a request belongs to the job's trace where the guest says so
//!   ([`Context::traceparent`](crate::Context::traceparent)).
//! - Bodies, time, rate and how many run at once are limited. What is too large fails, what is too many waits.

use std::time::Duration;

use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wrun_abi::{CallKind, CallOptions, http::NAME};

use crate::call::{Defaults, Entry, start};
use crate::{Error, ErrorKind, IntoArg, ObjectRef, Result};

/// Redirects that are followed if the request says nothing else.
const REDIRECTS: u8 = 5;

static ENTRY: Entry = Entry {
    name: NAME,
    kind: CallKind::Host,
    returns: 1,
    stream: false,
    run: || {},
    defaults: Defaults::new,
};

/// Sends a GET request and waits for the response, whatever its status.
///
/// # Errors
/// See [`Request::send`].
pub fn get(url: impl Into<String>) -> Result<Response> {
    Request::get(url).send()
}

/// A request to be sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    #[serde(with = "bytes")]
    body: Vec<u8>,
    redirects: u8,
    #[serde(skip)]
    options: CallOptions,
    /// Why it can't be sent.
    #[serde(skip)]
    broken: Option<Error>,
}

impl Request {
    /// A request with any method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            redirects: REDIRECTS,
            options: CallOptions::default(),
            broken: None,
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A HEAD request.
    pub fn head(url: impl Into<String>) -> Self {
        Self::new("HEAD", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A PUT request.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A PATCH request.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// A DELETE request.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header. Those of the connection and of a message's length (`host`, `content-length`, `transfer-encoding`,
    /// `connection`, …) are the host's, and a request that has one fails.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to this value as JSON, and `content-type` if it has none. A value that does not serialize fails when
    /// the request is sent.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body = body,
            Err(error) => {
                let message = format!("the request's body is no JSON: {error}");
                self.broken = Some(Error::of(ErrorKind::BadArgument, message));
            }
        }
        let named = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
        if !self.headers.iter().any(named) {
            self = self.header("content-type", "application/json");
        }
        self
    }

    /// Limits its time, from when it begins to the response's last byte. The host's own limit holds too.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// The name that logs and errors show; `http` if it has none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// How many redirects are followed, at most five; with 0 the redirect is the response.
    pub fn redirects(mut self, most: u8) -> Self {
        self.redirects = most;
        self
    }

    /// Sends it and gives a ref to the response at once. A request that can't be sent gives a ref that has failed.
    #[must_use]
    pub fn remote(mut self) -> ObjectRef<Response> {
        if let Some(error) = self.broken {
            return ObjectRef::from_raw(crate::raw::Raw::broken(error));
        }
        let options = std::mem::take(&mut self.options);
        start(
            &ENTRY,
            None,
            &options,
            vec![IntoArg::<Self>::into_arg(&self)],
        )
    }

    /// Sends it and waits for the response, whatever its status.
    ///
    /// # Errors
    /// [`HttpRefused`](ErrorKind::HttpRefused) when the host is not allowed, [`HttpAddress`](ErrorKind::HttpAddress) when it
    /// has no address that may be reached, [`HttpTooLarge`](ErrorKind::HttpTooLarge), [`Timeout`](ErrorKind::Timeout),
    /// [`HttpFailed`](ErrorKind::HttpFailed) when there is no connection or it fails,
    /// [`BadArgument`](ErrorKind::BadArgument) for a request that makes no sense.
    pub fn send(self) -> Result<Response> {
        self.remote().get()
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    status: u16,
    url: String,
    headers: Vec<(String, String)>,
    #[serde(with = "bytes")]
    body: Vec<u8>,
}

impl Response {
    /// Such as 200.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Where it came from: the last of the redirects, if there were any.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers();
        headers.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }

    /// All headers: names in lower case, and values, where what is not UTF-8 is replaced.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The body as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(self) -> Result<String> {
        let url = self.url;
        String::from_utf8(self.body)
            .map_err(|error| Error::new(format!("the body of `{url}` is not UTF-8: {error}")))
    }

    /// The value that the body is in JSON.
    ///
    /// # Errors
    /// It is not JSON, or of another type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::new(format!(
                "the body of `{}` is not the JSON that was expected: {error}",
                self.url
            ))
        })
    }

    /// The same, if its status is below 400.
    ///
    /// # Errors
    /// An error with the status.
    pub fn error_for_status(self) -> Result<Self> {
        if self.status < 400 {
            return Ok(self);
        }
        Err(Error::new(format!(
            "`{}` answered {}",
            self.url, self.status
        )))
    }
}

/// Bytes as such, not one by one.
mod bytes {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;

        impl<'de> Visitor<'de> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }

            // As JSON has them.
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = items.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }

        from.deserialize_byte_buf(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use wrun_abi::format;
    use wrun_abi::http as abi;

    use super::*;
    use crate::codec;

    #[test]
    fn the_host_reads_what_is_sent() {
        let request = Request::post("http://a/")
            .header("x", "y".repeat(300))
            .body([0, 255])
            .redirects(2);
        let encoded = codec::encode(&request, format::BINCODE).unwrap();
        let read = abi::Request::decode(&encoded.bytes).unwrap();
        assert_eq!((read.method, read.url), ("POST", "http://a/"));
        assert_eq!((read.body, read.redirects), (&[0, 255][..], 2));
        assert_eq!(read.headers, [("x", &*"y".repeat(300))]);
    }

    #[test]
    fn what_the_host_writes_is_read() {
        for size in [0, 1, 250, 251, 70_000] {
            let pairs = [("content-type", "text/plain"), ("x", "")];
            let mut writer = abi::ResponseWriter::new(404, "http://a/b", pairs.into_iter());
            writer.body(&vec![7; size]);
            let response: Response = codec::decode(&writer.finish(), None).unwrap();
            assert_eq!((response.status(), response.url()), (404, "http://a/b"));
            assert_eq!(response.header("Content-Type"), Some("text/plain"));
            assert_eq!(response.body(), vec![7; size]);
            // And passed on as any value is.
            for format in [format::BINCODE, format::JSON] {
                let again = codec::encode(&response, format).unwrap();
                assert_eq!(
                    codec::decode::<Response>(&again.bytes, None).unwrap(),
                    response
                );
            }
        }
    }

    #[test]
    fn local_mode_says_that_it_has_none() {
        let error = get("http://a/").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HttpRefused);
        assert!(error.message().contains("local mode"), "{error}");
    }

    #[test]
    fn a_body_that_is_no_json_is_told_when_it_is_sent() {
        let keys = std::collections::HashMap::from([((1, 2), 3)]);
        let error = Request::post("http://a/").json(&keys).send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadArgument);
    }
}
