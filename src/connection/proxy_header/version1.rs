//! Version 1: one line of text.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{Ends, Found, ProxyHeader};

pub(super) const SIGNATURE: &[u8] = b"PROXY ";
/// The longest line with its CRLF, as the specification has it.
const LONGEST: usize = 107;

pub(super) fn parse(bytes: &[u8]) -> Found<'_> {
    let seen = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = memchr::memchr2(b'\r', b'\n', seen) else {
        return match seen.len() {
            LONGEST => Found::Wrong("the line is too long"),
            length => Found::Partial(length + 1),
        };
    };
    if seen[end] == b'\n' {
        return Found::Wrong("the line ends without CR");
    }
    match seen.get(end + 1) {
        None if end + 1 == LONGEST => return Found::Wrong("the line is too long"),
        None => return Found::Partial(end + 2),
        Some(b'\n') => {}
        Some(_) => return Found::Wrong("the line has a CR in it"),
    }
    match line(&seen[..end]) {
        Some(ends) => {
            let header = ProxyHeader { ends, ..ProxyHeader::default() };
            Found::Complete { length: end + 2, header }
        }
        None => Found::Wrong("the line is not in order"),
    }
}

/// `PROXY TCP4 SOURCE DESTINATION PORT PORT`, with single spaces.
fn line(line: &[u8]) -> Option<Ends> {
    let text = std::str::from_utf8(line.get(SIGNATURE.len()..)?).ok()?;
    let mut words = text.split(' ');
    let is_v4 = match words.next()? {
        // What follows it is to be ignored.
        "UNKNOWN" => return Some(Ends::Real),
        "TCP4" => true,
        "TCP6" => false,
        _ => return None,
    };
    let [source, destination] = [words.next()?, words.next()?];
    let [source_port, destination_port] = [words.next()?, words.next()?];
    if words.next().is_some() {
        return None;
    }
    let end = |address: &str, number: &str| {
        let address = IpAddr::from_str(address).ok().filter(|ip| ip.is_ipv4() == is_v4)?;
        Some(SocketAddr::new(address, port(number)?))
    };
    let source = end(source, source_port)?;
    Some(Ends::Ip { source, destination: end(destination, destination_port)? })
}

/// Digits without a sign and without zeroes in front.
fn port(text: &str) -> Option<u16> {
    let in_front = text.len() > 1 && text.starts_with('0');
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits && !in_front)
}
