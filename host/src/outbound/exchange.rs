//! One request and its response, redirects included.
//!
//! Each hop is a request of its own: its host must be allowed, its address is checked, and it counts in the rate. The
//! body is read piece by piece, into room that was given before.

use std::{error::Error, io, net::IpAddr};

use reqwest::{Response, header::HeaderMap};
use wrun_abi::http::ResponseWriter;

use super::{
    OutboundError, Room, Way, address,
    ask::{Ask, MAX_HEADERS},
    resolver::NoAddress,
};

/// More redirects are not followed, whatever a guest asks for.
const MAX_REDIRECTS: u8 = 5;
/// What a response takes beside its body, its headers and its URL.
const REST: usize = 64;

impl Way {
    /// Whether the request may be sent, as far as that is known before its name is looked up.
    fn check(&self, ask: &Ask) -> Result<(), OutboundError> {
        let (host, https) = (ask.host(), ask.is_https());
        // Both schemes have one.
        let port = ask.url.port_or_known_default().unwrap_or_default();
        if !self.options.allows(https, host, port) {
            let shown = ask.url.host_str().unwrap_or_default();
            return Err(OutboundError::NotAllowed {
                scheme: if https { "https" } else { "http" },
                target: match ask.url.port() {
                    Some(port) => format!("{shown}:{port}"),
                    None => shown.to_owned(),
                },
            });
        }
        // The resolver is asked about names only.
        match host.parse::<IpAddr>() {
            Ok(literal) if address::allowed(literal, &self.options.networks).is_none() => {
                let host = host.to_owned();
                Err(OutboundError::NoAddress { host })
            }
            _ => Ok(()),
        }
    }

    /// Sends a request, follows redirects, and gives the response as a value.
    pub(super) async fn exchange(
        &self,
        mut ask: Ask,
        redirects: u8,
        room: &mut impl Room,
    ) -> Result<Vec<u8>, OutboundError> {
        let most = redirects.min(MAX_REDIRECTS);
        for hop in 0..=most {
            self.check(&ask)?;
            if hop > 0 {
                self.rate().await;
            }
            let response = self.send(&ask).await?;
            let next = match most {
                0 => None,
                _ => ask.redirected(response.status(), response.headers())?,
            };
            match next {
                Some(next) => ask = next,
                None => return self.read(&ask, response, room).await,
            }
        }
        let why = format!("it redirects more than {most} times");
        Err(failed(&ask, why))
    }

    async fn send(&self, ask: &Ask) -> Result<Response, OutboundError> {
        let client = self.client.as_ref().ok_or(OutboundError::Off)?;
        let request = client
            .request(ask.method.clone(), ask.url.clone())
            .headers(ask.headers.clone())
            .body(ask.body.clone());
        request.send().await.map_err(|error| explain(ask, &error))
    }

    async fn read(
        &self,
        ask: &Ask,
        mut response: Response,
        room: &mut impl Room,
    ) -> Result<Vec<u8>, OutboundError> {
        let limit = self.options.limits.response_bytes;
        let too_large = || OutboundError::TooLarge {
            what: "the response",
            limit,
        };
        // What it says about itself is believed only to refuse it early, and to take no more room than that.
        let told = response.content_length();
        if told.is_some_and(|n| n > limit) {
            return Err(too_large());
        }
        let headers = texts(response.headers())?;
        let bytes = |(name, value): &(String, String)| name.len() + value.len() + 18;
        let url = response.url().as_str();
        let head = headers.iter().map(bytes).sum::<usize>() + url.len() + REST;
        room.make(head).await.map_err(OutboundError::Room)?;
        let pairs = headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let mut writer = ResponseWriter::new(response.status().as_u16(), url, pairs);
        drop(headers);
        let with_head = |body: u64| {
            let body = usize::try_from(body).unwrap_or(usize::MAX);
            body.min(MAX_BODY).saturating_add(writer.len())
        };
        let (most, expected) = (with_head(limit), with_head(told.unwrap_or(limit)));
        while let Some(piece) = response.chunk().await.map_err(|e| explain(ask, &e))? {
            let needed = writer.len().saturating_add(piece.len());
            if needed > most {
                return Err(too_large());
            }
            if needed > writer.capacity() {
                let capacity = writer.capacity();
                let total = (capacity + capacity / 4).min(expected).max(needed);
                room.make(total).await.map_err(OutboundError::Room)?;
                writer.reserve(total);
            }
            writer.body(&piece);
        }
        Ok(writer.finish())
    }
}

/// What one value can hold.
const MAX_BODY: usize = 1 << 30;

/// Headers as texts; what is not UTF-8 in them is replaced.
fn texts(headers: &HeaderMap) -> Result<Vec<(String, String)>, OutboundError> {
    let bytes: usize = headers
        .iter()
        .map(|(n, v)| n.as_str().len() + v.len())
        .sum();
    if bytes > MAX_HEADERS {
        return Err(OutboundError::TooLarge {
            what: "the response's headers",
            limit: MAX_HEADERS as u64,
        });
    }
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let pairs = headers.iter();
    Ok(pairs
        .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
        .collect())
}

fn failed(ask: &Ask, why: String) -> OutboundError {
    OutboundError::Failed {
        host: ask.host().to_owned(),
        why,
    }
}

/// An error, what caused it, and so on.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        (*error).source()
    })
}

/// What goes wrong between the host and the server, without addresses.
fn explain(ask: &Ask, error: &reqwest::Error) -> OutboundError {
    let chain = || causes(error);
    if chain().any(|error| error.is::<NoAddress>()) {
        let host = ask.host().to_owned();
        return OutboundError::NoAddress { host };
    }
    let io = |error: &io::Error| match error.get_ref() {
        Some(inner) => inner.to_string(),
        None => error.kind().to_string(),
    };
    let told = chain().filter_map(|error| error.downcast_ref::<io::Error>().map(io));
    let why = match (told.last(), chain().last()) {
        (Some(why), _) => why,
        (None, _) if error.is_connect() && error.is_timeout() => "no connection in time".to_owned(),
        (None, Some(last)) => last.to_string(),
        (None, None) => "the connection failed".to_owned(),
    };
    failed(ask, why)
}
