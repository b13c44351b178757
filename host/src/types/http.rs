//! What HTTP requests a tenant's tasks may make: the hosts, the networks, the limits. Plain data; nothing is looked up.
//!
//! Nothing is allowed unless a [`HostRule`] allows it, so the default is off. Addresses that are not public are refused
//! even to a host that is allowed, unless a [`Network`] holds them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU32,
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// As long as a name may be in the DNS.
const MAX_NAME: usize = 253;

/// A host that may be asked: `api.example.com`, `*.example.com` (all names below it), `*` (all names), or an address;
/// with `:PORT` that port, else 443 for https and 80 for http.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostRule {
    host: Pattern,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Pattern {
    /// In lower case, without a dot at its end.
    Name(Box<str>),
    /// All names that end in a dot and this.
    Below(Box<str>),
    AnyName,
    Address(IpAddr),
}

/// Why a text is no [`HostRule`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{rule}` is no host for HTTP: {why}; write HOST[:PORT], such as api.example.com, *.example.com or 127.0.0.1:8080"
)]
pub struct HostRuleError {
    rule: String,
    why: &'static str,
}

impl HostRule {
    /// Whether a request may go to this host, as it stands in a URL: a name in lower case, or an address without
    /// brackets.
    #[must_use]
    pub fn allows(&self, https: bool, host: &str, port: u16) -> bool {
        if port != self.port.unwrap_or(if https { 443 } else { 80 }) {
            return false;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        match (&self.host, host.parse::<IpAddr>()) {
            (Pattern::Address(rule), Ok(address)) => *rule == address.to_canonical(),
            (Pattern::Name(name), Err(_)) => **name == *host,
            (Pattern::Below(name), Err(_)) => host
                .strip_suffix(&**name)
                .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            (Pattern::AnyName, Err(_)) => true,
            _ => false,
        }
    }
}

impl FromStr for HostRule {
    type Err = HostRuleError;

    fn from_str(text: &str) -> Result<Self, HostRuleError> {
        let bad = |why| HostRuleError {
            rule: text.to_owned(),
            why,
        };
        if text.contains("://") {
            return Err(bad("it has a scheme, and both http and https are meant"));
        }
        if text.contains('/') {
            return Err(bad("it has a path, and rules are of whole hosts"));
        }
        if text.contains('@') {
            return Err(bad("it has a user"));
        }
        let (host, port) = split_port(text);
        let port = match port.map(str::parse) {
            None => None,
            Some(Ok(port @ 1..)) => Some(port),
            Some(_) => return Err(bad("its port is not a number from 1 to 65535")),
        };
        let host = pattern(host).map_err(bad)?;
        Ok(Self { host, port })
    }
}

/// An IPv6 address needs brackets only before a port.
fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(port) => (address, Some(port)),
            None if rest.is_empty() => (address, None),
            None => (text, None),
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

fn pattern(host: &str) -> Result<Pattern, &'static str> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(Pattern::Address(address.to_canonical()));
    }
    if host == "*" {
        return Ok(Pattern::AnyName);
    }
    match host.strip_prefix("*.") {
        Some(name) => domain(name).map(Pattern::Below),
        None => domain(host).map(Pattern::Name),
    }
}

fn domain(name: &str) -> Result<Box<str>, &'static str> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if name.is_empty() {
        return Err("its name is empty");
    }
    if name.len() > MAX_NAME {
        return Err("its name is longer than 253 bytes");
    }
    if !name.is_ascii() {
        return Err("its name is not in ASCII, as it stands in the DNS (xn--…)");
    }
    if name.contains('*') {
        return Err("a `*` stands for whole labels at the beginning only");
    }
    let plain = |label: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(known)
    };
    if !name.split('.').all(plain) {
        return Err(
            "its name has a label that is empty, too long, or not of letters, digits, `-` and `_`",
        );
    }
    // What ends in a number is an address to whoever reads URLs.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err("it ends in a number and is no address");
    }
    Ok(name.into())
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (Pattern::Name(name), _) => f.write_str(name)?,
            (Pattern::Below(name), _) => write!(f, "*.{name}")?,
            (Pattern::AnyName, _) => f.write_str("*")?,
            (Pattern::Address(IpAddr::V6(address)), Some(_)) => write!(f, "[{address}]")?,
            (Pattern::Address(address), _) => write!(f, "{address}")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Addresses with a common beginning: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{network}` is no network: {why}; write ADDRESS/BITS, such as 10.0.0.0/8 or fd00::/8")]
pub struct NetworkError {
    network: String,
    why: String,
}

impl Network {
    /// Whether it holds this address. One that maps an IPv4 address counts as that.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                cut4(address, self.prefix) == network.to_bits()
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                cut6(address, self.prefix) == network.to_bits()
            }
            _ => false,
        }
    }
}

fn cut4(address: Ipv4Addr, prefix: u8) -> u32 {
    let mask = u32::MAX.checked_shl(u32::from(32 - prefix.min(32)));
    address.to_bits() & mask.unwrap_or(0)
}

fn cut6(address: Ipv6Addr, prefix: u8) -> u128 {
    let mask = u128::MAX.checked_shl(u32::from(128 - prefix.min(128)));
    address.to_bits() & mask.unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let bad = |why: String| NetworkError {
            network: text.to_owned(),
            why,
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| bad(format!("`{address}` is no address")))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match bits.map(str::parse) {
            None => most,
            Some(Ok(bits)) if bits <= most => bits,
            Some(_) => return Err(bad(format!("it has not 0 to {most} bits"))),
        };
        let network: IpAddr = match address {
            IpAddr::V4(address) => Ipv4Addr::from_bits(cut4(address, prefix)).into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(cut6(address, prefix)).into(),
        };
        if network != address {
            return Err(bad(format!(
                "its address has more than {prefix} bits, `{network}/{prefix}` has not"
            )));
        }
        if network.to_canonical() != network {
            return Err(bad("it maps IPv4 addresses, write those".to_owned()));
        }
        Ok(Self {
            address: network,
            prefix,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}
as_text!(HostRule, Network);

/// How much a tenant's requests may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HttpLimits {
    /// Bytes of a request's body. Default: 1 MiB.
    pub request_bytes: u64,
    /// Bytes of a response's body. Default: 16 MiB.
    pub response_bytes: u64,
    /// From the look-up of the name to the last byte, redirects included; a request may ask for less. Default: 30 s.
    pub timeout: Duration,
    /// Requests that begin in one second, each redirect being one; more wait. Default: 50.
    pub rate: NonZeroU32,
    /// How many of them may begin at once after a pause. Default: 50.
    pub burst: NonZeroU32,
    /// Requests under way at the same time; more wait. Default: 32.
    pub at_once: NonZeroU32,
}

/// 50.
const RATE: NonZeroU32 = NonZeroU32::new(50).expect("more than 0");

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            request_bytes: 1 << 20,
            response_bytes: 16 << 20,
            timeout: Duration::from_secs(30),
            rate: RATE,
            burst: RATE,
            at_once: NonZeroU32::new(32).expect("more than 0"),
        }
    }
}

/// What HTTP requests a tenant's tasks may make. The default is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpOptions {
    /// The hosts that may be asked.
    pub allow: Vec<HostRule>,
    /// Networks that may be reached although their addresses are not public.
    pub networks: Vec<Network>,
    /// How much the requests may take.
    pub limits: HttpLimits,
}

impl HttpOptions {
    /// Whether any request may be made.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.allow.is_empty()
    }

    /// Whether the rules name each host that may be asked, so that there are only so many.
    #[must_use]
    pub fn names_all_hosts(&self) -> bool {
        let is_one = |rule: &HostRule| !matches!(rule.host, Pattern::Below(_) | Pattern::AnyName);
        self.allow.iter().all(is_one)
    }

    /// Whether a request may go to this host; see [`HostRule::allows`].
    #[must_use]
    pub fn allows(&self, https: bool, host: &str, port: u16) -> bool {
        let allows = |rule: &HostRule| rule.allows(https, host, port);
        self.allow.iter().any(allows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_hosts_or_leave_them_open() {
        for (rules, named) in [
            (&["a.com", "127.0.0.1:80"][..], true),
            (&["a.com", "*.b.com"], false),
            (&["*:8080"], false),
        ] {
            let allow = rules
                .iter()
                .map(|rule| rule.parse().expect("a rule"))
                .collect();
            let options = HttpOptions {
                allow,
                ..HttpOptions::default()
            };
            assert_eq!(options.names_all_hosts(), named, "{rules:?}");
        }
    }

    #[test]
    fn rules_allow_what_they_say() {
        for (rule, allowed, refused) in [
            (
                "api.example.com",
                &[
                    "https api.example.com 443",
                    "http api.example.com 80",
                    "https api.example.com. 443",
                ][..],
                &[
                    "https api.example.com 80",
                    "http api.example.com 443",
                    "https api.example.com 8443",
                    "https example.com 443",
                    "https x.api.example.com 443",
                    "https api.example.com.evil.net 443",
                    "https evilapi.example.com 443",
                ][..],
            ),
            (
                "*.Example.com",
                &["https a.example.com 443", "https a.b.example.com 443"],
                &[
                    "https example.com 443",
                    "https .example.com 443",
                    "https evilexample.com 443",
                ],
            ),
            (
                "h.example:8443",
                &["https h.example 8443", "http h.example 8443"],
                &["https h.example 443"],
            ),
            (
                "*",
                &["https any.name 443"],
                &["https 8.8.8.8 443", "https ::1 443", "https a.b 444"],
            ),
            (
                "127.0.0.1:80",
                &["http 127.0.0.1 80", "http ::ffff:127.0.0.1 80"],
                &["http 127.0.0.2 80"],
            ),
            ("[::1]:80", &["http ::1 80"], &["http 127.0.0.1 80"]),
            ("fd00::1", &["https fd00::1 443"], &["https fd00::2 443"]),
        ] {
            let parsed: HostRule = rule.parse().unwrap();
            let check = |text: &&str| {
                let parts: Vec<_> = text.split(' ').collect();
                parsed.allows(parts[0] == "https", parts[1], parts[2].parse().unwrap())
            };
            assert!(allowed.iter().all(check), "{rule}");
            assert!(!refused.iter().any(check), "{rule}");
            assert_eq!(parsed.to_string().parse::<HostRule>().unwrap(), parsed);
        }
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for (rule, why) in [
            ("", "empty"),
            ("*.", "empty"),
            ("https://a.com", "scheme"),
            ("a.com/x", "path"),
            ("u@a.com", "user"),
            ("a.com:", "port"),
            ("a.com:0", "port"),
            ("a.com:65536", "port"),
            ("a.*.com", "`*`"),
            ("a..com", "label"),
            ("a b.com", "label"),
            ("bücher.de", "ASCII"),
            ("1.2.3", "no address"),
            ("0x7f", "no address"),
            ("[::1", "label"),
        ] {
            let error = rule.parse::<HostRule>().unwrap_err().to_string();
            assert!(
                error.contains(why) && error.contains("HOST[:PORT]"),
                "{rule}: {error}"
            );
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        for (network, held, not) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("::1/128", "::1", "::2"),
            ("::/0", "ffff::", "1.2.3.4"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(held.parse().unwrap()), "{network}");
            assert!(!parsed.contains(not.parse().unwrap()), "{network}");
            assert_eq!(parsed.to_string().parse::<Network>().unwrap(), parsed);
        }
        for (network, why) in [
            ("", "no address"),
            ("10.0.0.0/33", "0 to 32"),
            ("::/129", "0 to 128"),
            ("10.0.0.0/-1", "0 to 32"),
            ("10.1.0.0/8", "`10.0.0.0/8` has not"),
            ("::ffff:10.0.0.0/104", "IPv4"),
        ] {
            let error = network.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains(why), "{network}: {error}");
        }
    }
}
