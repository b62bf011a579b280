//! The forms of an address: as the option `bind_addr` takes them, and as a server tells them.
#![forbid(unsafe_code)]

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;
use std::path::PathBuf;

use socket2::SockAddr;

/// What the kernel has room for in a UNIX socket's address, the NUL behind a path left out.
pub(super) const LONGEST_PATH: usize = 107;

/// An address that a server listens on. Its text is a form that the option `bind_addr` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// `HOST:PORT` or `[IPV6]:PORT`, with the real port.
    Tcp(SocketAddr),
    /// `unix:/path`.
    Unix(PathBuf),
    /// `@name`: a UNIX socket that has no file. The bytes are without the NUL in front.
    Abstract(Vec<u8>),
}

impl Address {
    /// The IP address and port; `None` for a UNIX socket.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            _ => None,
        }
    }

    /// `SERVER_PORT`; empty for a UNIX socket.
    pub(super) fn port(&self) -> String {
        self.tcp().map_or_else(String::new, |address| address.port().to_string())
    }

    /// What the kernel says that a socket is bound to.
    pub(super) fn of(found: &SockAddr) -> Option<Self> {
        if let Some(address) = found.as_socket() {
            return Some(Self::Tcp(address));
        }
        if let Some(path) = found.as_pathname() {
            return Some(Self::Unix(path.into()));
        }
        found.as_abstract_namespace().map(|name| Self::Abstract(name.into()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "@{}", String::from_utf8_lossy(name)),
        }
    }
}

/// What somebody wants to listen on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    Tcp {
        host: &'a str,
        port: u16,
    },
    Unix(&'a str),
    Abstract(&'a str),
    /// A socket that listens already.
    Descriptor(RawFd),
}

impl<'a> Wanted<'a> {
    /// Takes an address apart. The error says what is wrong with it, not which one it is.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is empty".into());
        }
        let name = text.strip_prefix(['@', '\0']);
        if name.unwrap_or(text).chars().any(char::is_control) {
            return Err("it has a control character".into());
        }
        if let Some(name) = name {
            return unix_name(name, "name").map(Self::Abstract);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return unix_name(path, "path").map(Self::Unix);
        }
        if let Some(number) = text.strip_prefix("fd:") {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse().ok().filter(|_| digits);
            return number
                .map(Self::Descriptor)
                .ok_or_else(|| format!("{text:?} names no descriptor; one is like fd:3"));
        }
        if text.starts_with('/') {
            return unix_name(text, "path").map(Self::Unix);
        }
        let (host, port) = if text.starts_with('[') { in_brackets(text) } else { plain(text) }?;
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse() {
            Ok(port) if is_number => Ok(Self::Tcp { host, port }),
            _ => Err(format!("{port:?} is not a port, 0 to 65535")),
        }
    }
}

fn plain(text: &str) -> Result<(&str, &str), String> {
    let (host, port) = text
        .rsplit_once(':')
        .ok_or("the port is missing; an address is HOST:PORT, [IPV6]:PORT, unix:/PATH or @NAME")?;
    if host.is_empty() {
        return Err(
            "the host is empty. Use '0.0.0.0' (IPv4) or '[::]' (IPv6) instead to listen on \
                    all active interfaces."
                .into(),
        );
    }
    if host.contains(':') {
        return Err("an IPv6 address needs [ and ] around it".into());
    }
    Ok((host, port))
}

fn in_brackets(text: &str) -> Result<(&str, &str), String> {
    let (host, rest) = text[1..].split_once(']').ok_or("the ] is missing")?;
    let address = host.split_once('%').map_or(host, |(address, _scope)| address);
    if address.parse::<Ipv6Addr>().is_err() {
        return Err(format!("{host:?} is not an IPv6 address"));
    }
    let port = rest.strip_prefix(':').ok_or("the port is missing behind the ]")?;
    Ok((host, port))
}

fn unix_name<'a>(name: &'a str, what: &str) -> Result<&'a str, String> {
    match name.len() {
        0 => Err(format!("the {what} is empty")),
        length if length > LONGEST_PATH => Err(format!(
            "the {what} has {length} bytes; a UNIX socket's has at most {LONGEST_PATH}"
        )),
        _ => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_taken_apart() {
        let tcp = |host, port| Ok(Wanted::Tcp { host, port });
        assert_eq!(Wanted::parse("127.0.0.1:8070"), tcp("127.0.0.1", 8070));
        assert_eq!(Wanted::parse("localhost:0"), tcp("localhost", 0));
        assert_eq!(Wanted::parse("[::1]:65535"), tcp("::1", 65535));
        assert_eq!(Wanted::parse("[fe80::1%eth0]:80"), tcp("fe80::1%eth0", 80));
        assert_eq!(Wanted::parse("unix:/run/a b"), Ok(Wanted::Unix("/run/a b")));
        assert_eq!(Wanted::parse("unix:here"), Ok(Wanted::Unix("here")));
        assert_eq!(Wanted::parse("/run/x:1"), Ok(Wanted::Unix("/run/x:1")));
        assert_eq!(Wanted::parse("@name"), Ok(Wanted::Abstract("name")));
        assert_eq!(Wanted::parse("\0name"), Ok(Wanted::Abstract("name")));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = format!("/{}", "x".repeat(107));
        for (text, part) in [
            ("", "empty"),
            (":8070", "host is empty"),
            ("host", "port is missing"),
            ("h:65536", "\"65536\" is not a port"),
            ("h:-1", "not a port"),
            ("h:+1", "not a port"),
            ("h:", "\"\" is not a port"),
            ("[::1", "] is missing"),
            ("[::1]", "port is missing"),
            ("[::1]80", "port is missing"),
            ("[::g]:80", "\"::g\" is not an IPv6 address"),
            ("::1:80", "needs [ and ]"),
            ("h\n:80", "control character"),
            ("@a\0b", "control character"),
            ("unix:", "path is empty"),
            ("@", "name is empty"),
            ("fd:", "names no descriptor"),
            ("fd:-1", "names no descriptor"),
            ("fd:99999999999", "names no descriptor"),
            (&long, "108 bytes"),
            (&format!("@{long}"), "108 bytes"),
        ] {
            let error = Wanted::parse(text).unwrap_err();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn an_address_that_is_told_can_be_given_again() {
        let v6: SocketAddr = "[fe80::1%3]:80".parse().unwrap();
        for address in [
            Address::Tcp("127.0.0.1:1".parse().unwrap()),
            Address::Tcp(v6),
            Address::Unix("/run/x".into()),
            Address::Abstract(b"name".into()),
        ] {
            let text = address.to_string();
            match Wanted::parse(&text).unwrap() {
                Wanted::Tcp { port, .. } => assert_eq!(port.to_string(), address.port()),
                Wanted::Unix(path) => assert_eq!(address, Address::Unix(path.into())),
                Wanted::Abstract(name) => assert_eq!(address, Address::Abstract(name.into())),
                Wanted::Descriptor(_) => unreachable!("it is told by its address"),
            }
        }
    }
}
