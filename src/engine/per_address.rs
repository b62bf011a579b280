//! How many connections each client's address has, for the option `max_connections_per_ip`.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// Counts by address: for IPv6 by the first 64 bits, which is what one customer is given
/// (RFC 6177), so that a client cannot come by another address each time.
pub(crate) struct PerAddress {
    most: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl PerAddress {
    /// At most so many connections for each address; 0: any number, and nothing is counted.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, counts: Mutex::default() }
    }

    /// One more connection of this address; by how many it has too many now.
    pub(crate) fn enter(&self, address: IpAddr) -> usize {
        if self.most == 0 {
            return 0;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(customer(address)).or_default();
        *count += 1;
        count.saturating_sub(self.most)
    }

    /// One that was entered is gone.
    pub(crate) fn leave(&self, address: IpAddr) {
        if self.most == 0 {
            return;
        }
        let address = customer(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

fn customer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn counts_each_customer_and_forgets_who_left() {
        let counts = PerAddress::new(2);
        assert_eq!(counts.enter(ip("2001:db8:1:2::1")), 0);
        assert_eq!(counts.enter(ip("2001:db8:1:2:ffff::9")), 0);
        assert_eq!(counts.enter(ip("2001:db8:1:2::1")), 1);
        assert_eq!(counts.enter(ip("2001:db8:1:3::1")), 0);
        for _ in 0..3 {
            counts.leave(ip("2001:db8:1:2::1"));
        }
        assert_eq!(counts.enter(ip("2001:db8:1:2::1")), 0);
    }

    #[test]
    fn an_ipv4_address_is_the_same_through_an_ipv6_listener() {
        let counts = PerAddress::new(1);
        assert_eq!(counts.enter(ip("192.0.2.1")), 0);
        assert_eq!(counts.enter(ip("::ffff:192.0.2.1")), 1);
        assert_eq!(counts.enter(ip("192.0.2.2")), 0);
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let counts = PerAddress::new(0);
        assert_eq!(counts.enter(ip("192.0.2.1")), 0);
        assert!(counts.counts.lock().unwrap().is_empty());
    }
}
