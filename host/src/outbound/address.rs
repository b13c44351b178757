//! Which addresses requests may go to.
//!
//! Public is what the registries of special-purpose addresses call globally reachable, and less where that is in doubt:
//! in IPv6 only global unicast (2000::/3) without what is set apart in it. Of the forms that carry an IPv4 address,
//! mapped ones are taken as that address, and those of the well-known NAT64 prefix are as public as it; 6to4 and Teredo
//! are refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::types::Network;

/// The address to connect to, if it is public or one of `networks` holds it.
pub(super) fn allowed(address: IpAddr, networks: &[Network]) -> Option<IpAddr> {
    let address = address.to_canonical();
    let is_allowed = is_public(address) || networks.iter().any(|network| network.contains(address));
    is_allowed.then_some(address)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network, private, loopback, link-local (and the clouds' metadata), private, private.
        [0 | 10 | 127, ..] | [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..] => true,
        // Shared by carriers.
        [100, 64..=127, ..] => true,
        // Protocol assignments, documentation, relays of 6to4.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Benchmarks.
        [198, 18 | 19, ..] => true,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let special = match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let embedded = u32::from(high) << 16 | u32::from(low);
            return is_public_v4(Ipv4Addr::from_bits(embedded));
        }
        // Protocol assignments, Teredo among them, and documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] => true,
        // 6to4, documentation.
        [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => true,
        // Not global unicast: loopback, unspecified, embedded IPv4, local, multicast, and what nobody has been given.
        [0..=0x1fff | 0x4000..=0xffff, ..] => true,
        _ => false,
    };
    !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, networks: &[&str]) -> bool {
        let networks: Vec<Network> = networks.iter().map(|text| text.parse().unwrap()).collect();
        allowed(address.parse().unwrap(), &networks).is_some()
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:200::",
            "2001:4860:4860::8888",
            "2a00::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(check(address, &[]), "{address}");
        }
    }

    #[test]
    fn special_addresses_are_refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            // IPv4-compatible, of a public address too.
            "::7f00:1",
            "::808:808",
            // IPv4-mapped.
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            // Translated, and NAT64 with a prefix of its own.
            "::ffff:0:7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "64:ff9b:0:0:1::",
            // 6to4 of 127.0.0.1 and of a public one, Teredo, ORCHID, benchmarks.
            "2002:7f00:1::",
            "2002:808:808::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::",
            "2001:db8::1",
            "3fff::1",
            "3fff:fff::1",
            "100::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!check(address, &[]), "{address}");
        }
    }

    #[test]
    fn a_network_allows_what_it_holds_and_nothing_else() {
        let networks = ["127.0.0.0/8", "fd00::/8"];
        for address in ["127.0.0.1", "::ffff:127.0.0.1", "fd00::1"] {
            assert!(check(address, &networks), "{address}");
        }
        for address in [
            "10.0.0.1",
            "::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fc00::1",
        ] {
            assert!(!check(address, &networks), "{address}");
        }
    }
}
