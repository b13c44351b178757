//! A tenant's `http` table in `wrun.toml`.

use std::num::NonZeroU32;

use serde::Deserialize;

use super::{Seconds, Size};
use crate::types::{HostRule, HttpLimits, HttpOptions, Network};

/// What HTTP requests a tenant's tasks may make; without `allow`, none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// The hosts that may be asked.
    pub allow: Option<Vec<HostRule>>,
    /// Networks that may be reached although their addresses are not public.
    pub networks: Option<Vec<Network>>,
    /// Bytes of a request's body.
    pub max_request: Option<Size>,
    /// Bytes of a response's body.
    pub max_response: Option<Size>,
    /// From the look-up of the name to the last byte.
    pub timeout: Option<Seconds>,
    /// Requests that begin in one second.
    pub rate: Option<NonZeroU32>,
    /// How many of them at once after a pause; as many as in one second.
    pub burst: Option<NonZeroU32>,
    /// Requests under way at the same time.
    pub at_once: Option<NonZeroU32>,
}

impl HttpConfig {
    /// The same, with what it does not say from `defaults`.
    #[must_use]
    pub fn over(&self, defaults: &Self) -> Self {
        Self {
            allow: self.allow.clone().or_else(|| defaults.allow.clone()),
            networks: self.networks.clone().or_else(|| defaults.networks.clone()),
            max_request: self.max_request.or(defaults.max_request),
            max_response: self.max_response.or(defaults.max_response),
            timeout: self.timeout.or(defaults.timeout),
            rate: self.rate.or(defaults.rate),
            burst: self.burst.or(defaults.burst),
            at_once: self.at_once.or(defaults.at_once),
        }
    }

    /// Whether it allows any host.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.allow.as_ref().is_some_and(|allow| !allow.is_empty())
    }

    /// As the runtime's options.
    #[must_use]
    pub fn options(&self) -> HttpOptions {
        let usual = HttpLimits::default();
        let rate = self.rate.unwrap_or(usual.rate);
        let limits = HttpLimits {
            request_bytes: self.max_request.map_or(usual.request_bytes, |size| size.0),
            response_bytes: self
                .max_response
                .map_or(usual.response_bytes, |size| size.0),
            timeout: self.timeout.map_or(usual.timeout, |time| time.0),
            rate,
            burst: self.burst.unwrap_or(rate),
            at_once: self.at_once.unwrap_or(usual.at_once),
        };
        HttpOptions {
            allow: self.allow.clone().unwrap_or_default(),
            networks: self.networks.clone().unwrap_or_default(),
            limits,
        }
    }
}
