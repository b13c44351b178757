//! Names to addresses that may be connected to.
//!
//! [`Checked`] is the only resolver that the client has, and it gives addresses that were checked and nothing else: what
//! is checked is what is connected to, so a name that has another address the next time is checked the next time. It is
//! never asked about addresses that stand in URLs; `exchange.rs` checks those.
//!
//! The system's resolver blocks a thread, also when nobody waits any more; so a tenant has few look-ups at once, and the
//! node not many more.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use tokio::sync::Semaphore;

use super::address;
use crate::types::Network;

/// Look-ups of a tenant at once.
const OF_TENANT: usize = 4;
/// And of a node.
const OF_NODE: usize = 64;
/// More addresses of one name are left out.
const MOST: usize = 32;

/// Addresses, to come.
pub(super) type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks names up; anything may come back.
pub(super) trait Lookup: fmt::Debug + Send + Sync {
    fn look_up(&self, name: &str) -> Looking;
}

/// A name has no address that may be connected to; why is not told.
#[derive(Debug, Error)]
#[error("no address")]
pub(super) struct NoAddress;

/// All look-ups of a node.
#[derive(Debug, Clone)]
pub struct Lookups(Arc<Semaphore>);

impl Default for Lookups {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(OF_NODE)))
    }
}

/// The system's resolver, for one tenant.
#[derive(Debug)]
pub(super) struct System {
    node: Lookups,
    tenant: Arc<Semaphore>,
}

impl System {
    pub(super) fn new(node: Lookups) -> Self {
        Self {
            node,
            tenant: Arc::new(Semaphore::new(OF_TENANT)),
        }
    }
}

impl Lookup for System {
    fn look_up(&self, name: &str) -> Looking {
        let (node, tenant) = (self.node.0.clone(), self.tenant.clone());
        let name = name.to_owned();
        Box::pin(async move {
            let tenant = tenant.acquire_owned().await.map_err(io::Error::other)?;
            let node = node.acquire_owned().await.map_err(io::Error::other)?;
            let look_up = move || {
                // As long as the thread is busy, whoever asked.
                let _held = (tenant, node);
                let found = (name.as_str(), 0).to_socket_addrs()?;
                Ok(found.map(|address| address.ip()).take(MOST).collect())
            };
            let found = tokio::task::spawn_blocking(look_up).await;
            found.unwrap_or_else(|_| Err(io::Error::other("the runtime is shut down")))
        })
    }
}

/// A resolver that gives addresses that may be connected to.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) networks: Vec<Network>,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (looking, networks) = (self.lookup.look_up(name.as_str()), self.networks.clone());
        Box::pin(async move {
            // A name that is not there and one whose addresses are the host's own look the same.
            let found = looking.await.map_err(|_| NoAddress)?;
            let found = found.into_iter().take(MOST);
            // The port is the URL's.
            let allowed: Vec<_> = found
                .filter_map(|address| address::allowed(address, &networks))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if allowed.is_empty() {
                return Err(NoAddress.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}
