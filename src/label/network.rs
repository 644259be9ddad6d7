//! Networks of addresses, in CIDR notation (RFC 4632, 3.1; RFC 4291, 2.3).
//!
//! Invariant: a network has no bit set beyond its prefix.

use core::net::{IpAddr, Ipv6Addr};

/// A network, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// IPv4 addresses as IPv6 ones that they are mapped to.
    base: u128,
    mask: u128,
}

impl Network {
    /// Parses `10.0.0.0/8`, `2001:db8::/32`, or an address alone. The error is a help text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let expected = || "write it as `10.0.0.0/8`, `2001:db8::/32` or `192.0.2.7`".to_owned();
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let length = match prefix {
            None => width,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|length| *length <= width)
                .ok_or_else(|| format!("the prefix of such an address has 0 to {width} bits"))?,
        };
        let mask = u128::MAX.checked_shl(width - length).unwrap_or(0);
        // The 96 bits before an IPv4 address always belong to the prefix.
        let mask = if width == 32 {
            mask | !0xFFFF_FFFF
        } else {
            mask
        };
        let base = bits(address);
        if base & !mask != 0 {
            let first = base & mask;
            let first = match address {
                IpAddr::V4(_) => IpAddr::from(Ipv6Addr::from(first)).to_canonical(),
                IpAddr::V6(_) => IpAddr::from(Ipv6Addr::from(first)),
            };
            return Err(format!("the network is `{first}/{length}`"));
        }
        Ok(Self { base, mask })
    }

    /// Returns whether the network contains every address of another one.
    pub fn covers(self, other: Self) -> bool {
        self.contains(other.base) && self.mask & other.mask == self.mask
    }

    /// Returns whether the network contains an address of a client, as `find` of a vocabulary reads it.
    pub fn contains(self, address: u128) -> bool {
        address & self.mask == self.base
    }
}

/// Parses the address of a client as servers log it. Of a list such as `X-Forwarded-For`, the last one counts: the nearest
/// server wrote it. `None` for a unix socket and for other text.
pub fn address(text: &[u8]) -> Option<u128> {
    let last = text.rsplit(|byte| *byte == b',').next()?.trim_ascii();
    let text = std::str::from_utf8(last).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    bare.unwrap_or(text).parse().ok().map(bits)
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn networks_contain_their_addresses() {
        let check = |network: &str, text: &str, expected| {
            let network = Network::parse(network).unwrap();
            let found = address(text.as_bytes()).is_some_and(|address| network.contains(address));
            assert_eq!(found, expected, "{text}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("0.0.0.0/0", "192.0.2.1", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "192.0.2.1", true);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("2001:db8::/32", "[2001:db8:1::1]", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("192.0.2.7", "198.51.100.1, 192.0.2.7", true);
        for other in ["-", "", "unix:", "192.0.2.7:80", "localhost", "\u{e9}"] {
            check("0.0.0.0/0", other, false);
        }
    }

    #[test]
    fn what_is_not_a_network_is_refused_with_a_remedy() {
        let help = |text: &str| Network::parse(text).unwrap_err();
        assert_eq!(help("10.1.2.3/8"), "the network is `10.0.0.0/8`");
        assert_eq!(help("2001:db8::1/32"), "the network is `2001:db8::/32`");
        assert_eq!(
            help("10.0.0.0/33"),
            "the prefix of such an address has 0 to 32 bits"
        );
        for text in ["10.0.0/8", "10.0.0.0/", "", "x", "10.0.0.0/-1", "/8"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_network_is_the_addresses_with_its_prefix(one: u32, other: u32, length in 0_u32..=32) {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let text = format!("{}/{length}", core::net::Ipv4Addr::from(one & mask));
            let network = Network::parse(&text).unwrap();
            let client = core::net::Ipv4Addr::from(other).to_string();
            let found = network.contains(address(client.as_bytes()).unwrap());
            prop_assert_eq!(found, other & mask == one & mask);
        }

        #[test]
        fn no_text_makes_parsing_panic(text: Vec<u8>, network in r"[0-9a-f:./]{0,20}") {
            let _ = address(&text);
            let _ = Network::parse(&network);
        }
    }
}
