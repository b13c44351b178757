//! A request that may be sent: what a guest asks for, checked, and what a redirect makes of it.

use bytes::Bytes;
use reqwest::{
    Method, StatusCode, Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use wrun_abi::http::Request;

use super::OutboundError;

/// Bytes of a URL.
const MAX_URL: usize = 8 << 10;
/// Bytes of all headers of a request, or of a response.
pub(super) const MAX_HEADERS: usize = 64 << 10;
/// Headers of a request.
const MAX_COUNT: usize = 100;
/// Bytes of a method.
const MAX_METHOD: usize = 32;

/// Headers that belong to one connection or to how a message is framed: the host's alone.
const HOSTS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that go on to another origin: none that can hold a secret.
const HARMLESS: &[HeaderName] = &[
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::RANGE,
    header::USER_AGENT,
];

/// Headers that describe a body.
const OF_BODY: &[HeaderName] = &[
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
];

/// A request that may be sent, if its host is allowed.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What of a text may stand in a message.
fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(80).map(plain).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn invalid(message: String) -> OutboundError {
    OutboundError::Invalid(message)
}

impl Ask {
    /// Checks all that can be checked without looking anything up.
    ///
    /// # Errors
    /// [`OutboundError::Invalid`] and [`OutboundError::TooLarge`].
    pub(super) fn new(request: &Request<'_>, body: Bytes) -> Result<Self, OutboundError> {
        Ok(Self {
            method: method(request.method)?,
            url: url(request.url)?,
            headers: headers(&request.headers)?,
            body,
        })
    }

    /// The host, without brackets; checked to be there.
    pub(super) fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        inner.unwrap_or(host)
    }

    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The request that a response asks for; `None` when it asks for none.
    ///
    /// # Errors
    /// When it leads to what can't be asked, or from https to http.
    pub(super) fn redirected(
        &self,
        status: StatusCode,
        to: &HeaderMap,
    ) -> Result<Option<Self>, OutboundError> {
        let same_method = match status.as_u16() {
            301 | 302 => self.method != Method::POST,
            303 => self.method == Method::HEAD,
            307 | 308 => true,
            _ => return Ok(None),
        };
        let Some(to) = to.get(header::LOCATION) else {
            return Ok(None);
        };
        let lost = || invalid(format!("`{}` redirects to what is no URL", self.host()));
        let to = to.to_str().map_err(|_| lost())?;
        if to.len() > MAX_URL {
            return Err(lost());
        }
        let mut to = check(self.url.join(to).map_err(|_| lost())?)?;
        to.set_fragment(None);
        if self.is_https() && to.scheme() != "https" {
            let from = self.host().to_owned();
            return Err(OutboundError::Downgrade { from });
        }
        let mut next = self.clone();
        if to.origin() != self.url.origin() {
            next.keep(|name| HARMLESS.contains(name));
        }
        if !same_method {
            next.method = Method::GET;
            next.body = Bytes::new();
            next.keep(|name| !OF_BODY.contains(name));
        }
        next.url = to;
        Ok(Some(next))
    }

    fn keep(&mut self, kept: impl Fn(&HeaderName) -> bool) {
        let names: Vec<_> = self.headers.keys().cloned().collect();
        for name in names.iter().filter(|name| !kept(name)) {
            self.headers.remove(name);
        }
    }
}

fn method(text: &str) -> Result<Method, OutboundError> {
    let known = Some(text)
        .filter(|text| text.len() <= MAX_METHOD)
        .and_then(|text| Method::from_bytes(text.as_bytes()).ok());
    match known {
        Some(method) if method != Method::CONNECT && method != Method::TRACE => Ok(method),
        Some(method) => Err(invalid(format!("the method {method} can't be used here"))),
        None => Err(invalid(format!(
            "`{}` is no HTTP method: write one such as GET or POST",
            shown(text)
        ))),
    }
}

fn url(text: &str) -> Result<Url, OutboundError> {
    if text.len() > MAX_URL {
        return Err(OutboundError::TooLarge {
            what: "the URL",
            limit: MAX_URL as u64,
        });
    }
    let url = Url::parse(text)
        .map_err(|error| invalid(format!("`{}` is no URL: {error}", shown(text))))?;
    check(url)
}

/// What holds for redirects too.
fn check(url: Url) -> Result<Url, OutboundError> {
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = shown(url.scheme());
        return Err(invalid(format!(
            "a URL must begin with http:// or https://, not {scheme}:"
        )));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(invalid("the URL has no host".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "a URL may not hold a user or a password: send a header `authorization`".to_owned(),
        ));
    }
    Ok(url)
}

fn headers(given: &[(&str, &str)]) -> Result<HeaderMap, OutboundError> {
    let bytes: usize = given.iter().map(|(n, v)| n.len() + v.len()).sum();
    if bytes > MAX_HEADERS {
        return Err(OutboundError::TooLarge {
            what: "the request's headers",
            limit: MAX_HEADERS as u64,
        });
    }
    if given.len() > MAX_COUNT {
        let message = format!(
            "a request may have {MAX_COUNT} headers, not {}",
            given.len()
        );
        return Err(invalid(message));
    }
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let bad = |why| invalid(format!("the header `{}` {why}", shown(name)));
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| bad("has a name that is not of letters, digits and `-`"))?;
        if HOSTS.contains(&parsed.as_str()) {
            return Err(bad("is the host's to set, not the guest's"));
        }
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| bad("has a value with a line break or another control character"))?;
        headers.append(parsed, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, url: &str, headers: &[(&str, &str)]) -> Result<Ask, OutboundError> {
        let request = Request {
            method,
            url,
            headers: headers.to_vec(),
            body: b"body",
            redirects: 5,
        };
        Ask::new(&request, Bytes::from_static(b"body"))
    }

    #[test]
    fn a_request_is_what_was_asked_for() {
        let ask = ask(
            "post",
            "HTTP://A.Example:80/x?y#z",
            &[("X-A", "1"), ("x-a", "2")],
        )
        .unwrap();
        assert_eq!((ask.host(), ask.is_https()), ("a.example", false));
        assert_eq!(ask.headers.get_all("x-a").iter().count(), 2);
    }

    #[test]
    fn what_can_not_be_asked_is_told() {
        let many = vec![("a", "b"); MAX_COUNT + 1];
        let (long, wide) = ("x".repeat(MAX_URL + 1), "x".repeat(MAX_HEADERS + 1));
        for (method, url, headers, why) in [
            ("", "http://a/", &[][..], "no HTTP method"),
            ("GE T", "http://a/", &[], "no HTTP method"),
            ("GET\r\nX: y", "http://a/", &[], "no HTTP method"),
            ("CONNECT", "http://a/", &[], "CONNECT"),
            ("TRACE", "http://a/", &[], "TRACE"),
            ("GET", "", &[], "no URL"),
            ("GET", "/x", &[], "no URL"),
            ("GET", "http://", &[], "no URL"),
            ("GET", "file:///etc/passwd", &[], "http:// or https://"),
            ("GET", "ftp://a/", &[], "http:// or https://"),
            ("GET", "http://u@a/", &[], "user"),
            ("GET", "http://:p@a/", &[], "user"),
            ("GET", "http://a:99999/", &[], "no URL"),
            ("GET", &long, &[], "the URL has more than 8192 bytes"),
            ("GET", "http://a/", &[("a b", "c")], "name"),
            ("GET", "http://a/", &[("", "c")], "name"),
            ("GET", "http://a/", &[("a", "b\r\nc: d")], "line break"),
            ("GET", "http://a/", &[("a", "b\nc")], "line break"),
            ("GET", "http://a/", &[("a", "b\0")], "line break"),
            ("GET", "http://a/", &[("Host", "b")], "the host's to set"),
            ("GET", "http://a/", &[("Content-Length", "9")], "the host's"),
            (
                "GET",
                "http://a/",
                &[("transfer-encoding", "chunked")],
                "the host's",
            ),
            (
                "GET",
                "http://a/",
                &[("Connection", "upgrade")],
                "the host's",
            ),
            ("GET", "http://a/", &[("a", &wide)], "headers has more than"),
            ("GET", "http://a/", &many, "100 headers"),
        ] {
            let error = ask(method, url, headers).unwrap_err().to_string();
            assert!(error.contains(why), "{method} {url}: {error}");
            assert!(error.len() < 400 && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn addresses_in_urls_are_read_as_such() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://１２７.0.0.1/",
        ] {
            assert_eq!(ask("GET", url, &[]).unwrap().host(), "127.0.0.1", "{url}");
        }
        assert_eq!(ask("GET", "http://[::1]:8/", &[]).unwrap().host(), "::1");
    }

    fn redirect(
        method: &str,
        from: &str,
        status: u16,
        to: &str,
    ) -> Result<Option<Ask>, OutboundError> {
        let headers = [
            ("authorization", "secret"),
            ("cookie", "secret"),
            ("x-api-key", "secret"),
            ("accept", "all"),
            ("content-type", "text"),
        ];
        let ask = ask(method, from, &headers)?;
        let mut map = HeaderMap::new();
        map.insert(header::LOCATION, to.parse().unwrap());
        ask.redirected(StatusCode::from_u16(status).unwrap(), &map)
    }

    #[test]
    fn a_redirect_keeps_what_it_may() {
        let next = redirect("GET", "http://a/x/y", 302, "../z#f")
            .unwrap()
            .unwrap();
        assert_eq!(next.url.as_str(), "http://a/z");
        assert_eq!((next.headers.len(), next.method), (5, Method::GET));
        for other in ["http://b/", "https://a/", "http://a:81/", "//b/"] {
            let next = redirect("GET", "http://a/", 301, other).unwrap().unwrap();
            let mut names: Vec<_> = next.headers.keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, ["accept", "content-type"], "{other}");
        }
        for (method, status, then, body) in [
            ("POST", 301, "GET", 0),
            ("POST", 302, "GET", 0),
            ("POST", 303, "GET", 0),
            ("PUT", 303, "GET", 0),
            ("HEAD", 303, "HEAD", 4),
            ("PUT", 302, "PUT", 4),
            ("POST", 307, "POST", 4),
            ("POST", 308, "POST", 4),
        ] {
            let next = redirect(method, "http://a/", status, "/b")
                .unwrap()
                .unwrap();
            assert_eq!(
                (next.method.as_str(), next.body.len()),
                (then, body),
                "{method} {status}"
            );
            assert_eq!(next.headers.contains_key("content-type"), body > 0);
        }
        assert!(redirect("GET", "http://a/", 304, "/b").unwrap().is_none());
    }

    #[test]
    fn a_redirect_does_not_lead_anywhere() {
        for (from, to, why) in [
            ("https://a/", "http://a/", "from https to http"),
            ("http://a/", "file:///etc/passwd", "http:// or https://"),
            ("http://a/", "http://u:p@b/", "user"),
            ("http://a/", "http://[::", "no URL"),
        ] {
            let error = redirect("GET", from, 302, to).unwrap_err().to_string();
            assert!(error.contains(why), "{from} {to}: {error}");
        }
    }
}
