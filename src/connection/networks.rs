//! Lists of networks, as options take them.
#![forbid(unsafe_code)]

use std::net::{IpAddr, SocketAddr};

/// The peers that a list like `10.0.0.0/8, ::1, unix` speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks {
    /// Address and the number of its bits that count.
    networks: Vec<(IpAddr, u32)>,
    /// Whoever comes by a UNIX socket.
    unix: bool,
}

impl Networks {
    /// `None` if it is not such a list. An empty one has nobody in it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut all = Self::default();
        for word in text.split(',').map(str::trim) {
            match word {
                "" if text.trim().is_empty() => {}
                "unix" => all.unix = true,
                word => all.networks.push(network(word)?),
            }
        }
        Some(all)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    /// Whether it speaks of this end of a connection; `None`: of a UNIX socket's.
    pub(crate) fn has(&self, peer: Option<SocketAddr>) -> bool {
        peer.map_or(self.unix, |peer| self.has_address(peer.ip()))
    }

    /// An IPv4 address counts as such where it comes in the form of an IPv6 one, too.
    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|(network, bits)| {
            let (one, other, all) = match (network, address) {
                (IpAddr::V4(one), IpAddr::V4(other)) => {
                    (u128::from(one.to_bits()), u128::from(other.to_bits()), 32)
                }
                (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), 128),
                _ => return false,
            };
            (one ^ other).checked_shr(all - bits).unwrap_or(0) == 0
        })
    }
}

fn network(word: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = match word.split_once('/') {
        Some((address, bits)) if bits.bytes().all(|digit| digit.is_ascii_digit()) => {
            (address, Some(bits.parse().ok()?))
        }
        Some(_) => return None,
        None => (word, None),
    };
    let address: IpAddr = address.parse().ok()?;
    // What comes in that form is looked at as IPv4: a network written so would never match.
    if address.to_canonical() != address {
        return None;
    }
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(all);
    (bits <= all).then_some((address, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_who_is_in_it() {
        let list = Networks::parse("10.0.0.0/8, 192.0.2.1,::1,2001:db8::/33 , unix").unwrap();
        let has = |address: &str| list.has_address(address.parse().unwrap());
        for address in ["10.255.0.1", "192.0.2.1", "::1", "2001:db8:7fff::1", "::ffff:10.0.0.1"] {
            assert!(has(address), "{address}");
        }
        for address in ["11.0.0.1", "192.0.2.2", "::2", "2001:db8:8000::1", "::10.0.0.1"] {
            assert!(!has(address), "{address}");
        }
        assert!(list.has(None) && !Networks::parse("::/0").unwrap().has(None));
        let all = Networks::parse("0.0.0.0/0").unwrap();
        assert!(all.has_address("255.1.2.3".parse().unwrap()));
        assert!(!all.has_address("::1".parse().unwrap()));
        assert!(Networks::parse(" ").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_list_is_none() {
        for text in [
            ",",
            "10.0.0.0/8,",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0",
            "host",
            "a/8",
            "10.0.0.0/",
            "::ffff:10.0.0.0/104",
        ] {
            assert_eq!(Networks::parse(text), None, "{text}");
        }
    }
}
