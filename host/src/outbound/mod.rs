//! The way out: HTTP requests for a tenant's tasks, to hosts that are allowed and nowhere else.
//!
//! An [`Outbound`] is one tenant's. [`Outbound::enter`] gives a [`Permit`] when a request may begin, and
//! [`Permit::exchange`] does it: `ask.rs` checks what the guest wrote, `exchange.rs` sends it and follows redirects,
//! `resolver.rs` and `address.rs` say which addresses are connected to.
//!
//! # Invariants
//!
//! - No byte leaves for a host that no rule names, nor for an address that is neither public nor in an allowed network.
//!   Both are looked at for each hop, and the address that was looked at is the one that is connected to.
//! - What a response takes is asked for ([`Room`]) before it is kept. Beside that, a connection buffers one
//!   megabyte at most.
//! - Connections, and what they know, are one tenant's. No proxy, no cookies, no decompression; nothing of the
//!   environment is used but the system's resolver and its certificates.
//!
//! It charges nobody, and knows no calls: the node does (`node/request.rs`).

mod address;
mod ask;
mod error;
mod exchange;
mod resolver;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _, clock::DefaultClock,
};
use parking_lot::RwLock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wrun_abi::http::Request;

use self::{
    ask::Ask,
    resolver::{Checked, Lookup, System},
};
use crate::types::{HttpOptions, TaskError};

pub use error::OutboundError;
pub use resolver::Lookups;

/// A connection has so long to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// An unused connection is closed after this,
const IDLE: Duration = Duration::from_secs(15);
/// and so many to one host are kept.
const IDLE_CONNECTIONS: usize = 4;
/// The same for a tenant that may ask any number of hosts, so that only its rate bounds how many connections it leaves.
const IDLE_OF_MANY: (Duration, usize) = (Duration::from_secs(2), 1);
/// Headers of a response.
const MAX_HEADERS: usize = 100;
/// Bytes of a response that HTTP/2 takes in before they are read,
const WINDOW: u32 = 256 << 10;
/// and of so many responses on one connection, so that one which is not read does not stop the next.
const WINDOWS: u32 = 4;
/// Bytes of a response's headers in HTTP/2; HTTP/1 has about 400 KiB.
const MAX_HEADER_LIST: u32 = 64 << 10;

/// Where a response goes: what it takes is asked for first.
pub trait Room: Send {
    /// Makes room for so many bytes in all.
    ///
    /// # Errors
    /// When there is none; the request ends with that.
    fn make(&mut self, total: usize) -> impl Future<Output = Result<(), TaskError>> + Send;
}

/// A tenant's way out.
#[derive(Debug)]
pub struct Outbound {
    way: RwLock<Arc<Way>>,
    lookup: Arc<dyn Lookup>,
}

/// It, as it is until its options change.
#[derive(Debug)]
struct Way {
    options: HttpOptions,
    /// None while it is closed.
    client: Option<reqwest::Client>,
    permits: Arc<Semaphore>,
    rate: DefaultDirectRateLimiter,
}

/// The right to make one request, which only so many have at once.
#[derive(Debug)]
pub struct Permit {
    way: Arc<Way>,
    _permit: OwnedSemaphorePermit,
}

impl Outbound {
    /// With these options; `lookups` is the node's.
    #[must_use]
    pub fn new(options: HttpOptions, lookups: &Lookups) -> Self {
        Self::with(options, Arc::new(System::new(lookups.clone())))
    }

    fn with(options: HttpOptions, lookup: Arc<dyn Lookup>) -> Self {
        let way = RwLock::new(Way::new(options, &lookup));
        Self { way, lookup }
    }

    /// Has other options from now on; requests that have begun go on with theirs.
    pub fn set(&self, options: &HttpOptions) {
        if self.way.read().options != *options {
            let way = Way::new(options.clone(), &self.lookup);
            *self.way.write() = way;
        }
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> HttpOptions {
        self.way.read().options.clone()
    }

    /// Waits until one more request may begin.
    ///
    /// # Errors
    /// [`OutboundError::Off`] when none ever may.
    ///
    /// # Cancel safety
    /// Dropping it gives up the place.
    pub async fn enter(&self) -> Result<Permit, OutboundError> {
        loop {
            let way = self.way.read().clone();
            if !way.options.is_on() {
                return Err(OutboundError::Off);
            }
            let permit = way.permits.clone().acquire_owned().await;
            let permit = permit.map_err(|_| OutboundError::Off)?;
            way.rate().await;
            // Options that changed meanwhile hold for who has waited, too.
            if Arc::ptr_eq(&way, &self.way.read()) {
                return Ok(Permit {
                    way,
                    _permit: permit,
                });
            }
        }
    }
}

impl Permit {
    /// How long the request may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.way.options.limits.timeout
    }

    /// How many bytes a request's value may have.
    #[must_use]
    pub fn request_bytes(&self) -> u64 {
        let head = ask::MAX_HEADERS as u64;
        self.way
            .options
            .limits
            .request_bytes
            .saturating_add(2 * head)
    }

    /// Sends the request that is this value, and gives the response as a value.
    ///
    /// # Errors
    /// [`OutboundError`].
    ///
    /// # Cancel safety
    /// Dropping it closes the connection that it used.
    pub async fn exchange(
        &self,
        request: &Bytes,
        room: &mut impl Room,
    ) -> Result<Vec<u8>, OutboundError> {
        let parsed = Request::decode(request);
        let parsed = parsed.map_err(|error| OutboundError::Invalid(error.to_string()))?;
        let limit = self.way.options.limits.request_bytes;
        if parsed.body.len() as u64 > limit {
            return Err(OutboundError::TooLarge {
                what: "the request",
                limit,
            });
        }
        let ask = Ask::new(&parsed, request.slice_ref(parsed.body))?;
        self.way.exchange(ask, parsed.redirects, room).await
    }
}

impl Way {
    fn new(options: HttpOptions, lookup: &Arc<dyn Lookup>) -> Arc<Self> {
        let limits = &options.limits;
        let at_once = usize::try_from(limits.at_once.get()).unwrap_or(usize::MAX);
        let quota = Quota::per_second(limits.rate).allow_burst(limits.burst);
        let client = options.is_on().then(|| {
            let resolver = Checked {
                lookup: lookup.clone(),
                networks: options.networks.clone(),
            };
            client(resolver, options.names_all_hosts())
        });
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(at_once.min(Semaphore::MAX_PERMITS))),
            rate: RateLimiter::direct(quota),
            client: client.flatten(),
            options,
        })
    }

    /// Waits until the rate lets one more request begin.
    async fn rate(&self) {
        while let Err(early) = self.rate.check() {
            let wait = early.wait_time_from(DefaultClock::default().now());
            tokio::time::sleep(wait).await;
        }
    }
}

/// What makes all of a tenant's requests. On a machine without certificates to trust, no https; `None` never, then.
fn client(resolver: Checked, hosts_are_few: bool) -> Option<reqwest::Client> {
    // Whoever was first has chosen the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let resolver = Arc::new(resolver);
    let few = (IDLE, IDLE_CONNECTIONS);
    let (idle, connections) = if hosts_are_few { few } else { IDLE_OF_MANY };
    let builder = || {
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("wrun/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(resolver.clone())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(idle)
            .pool_max_idle_per_host(connections)
            .http1_max_headers(MAX_HEADERS)
            .http2_initial_stream_window_size(WINDOW)
            .http2_initial_connection_window_size(WINDOWS * WINDOW)
            .http2_max_header_list_size(MAX_HEADER_LIST)
    };
    let trusting = builder().build();
    trusting
        .or_else(|_| builder().tls_certs_only(Vec::new()).build())
        .ok()
}

#[cfg(test)]
mod tests;
