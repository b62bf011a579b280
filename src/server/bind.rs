//! From `bind_addr` to a listening socket.
#![forbid(unsafe_code)]

use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::options::Options;
use crate::error::{Error, ErrorKind};

/// Makes the listening socket that the options ask for. All addresses that a host name has are
/// tried, the first that works is taken, and the error tells of all that did not (the seed's rule).
pub(super) fn listen(options: &Options) -> Result<(OwnedFd, SocketAddr), Error> {
    let bind_addr = options.text("bind_addr");
    let mut failures = Vec::new();
    for address in resolve(&bind_addr)? {
        match listen_on(address, options) {
            Ok(bound) => return Ok(bound),
            Err(error) => failures.push(format!("({address}: {error})")),
        }
    }
    Err(Error::new(
        ErrorKind::Bind,
        format!("No socket could be created for {bind_addr} -- {}", failures.join(" -- ")),
    ))
}

fn resolve(bind_addr: &str) -> Result<Vec<SocketAddr>, Error> {
    let bad = |why: String| Error::new(ErrorKind::Bind, format!("bind_addr {bind_addr:?}: {why}"));
    let (host, port) = bind_addr
        .rsplit_once(':')
        .ok_or_else(|| bad("it is to be HOST:PORT or [IPV6]:PORT".into()))?;
    let port: u16 = port.parse().map_err(|_| bad(format!("{port:?} is not a port, 0 to 65535")))?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or_else(|| bad("the ] is missing".into()))?,
        None if host.contains(':') => {
            return Err(bad("an IPv6 address needs [ and ] around it".into()));
        }
        None => host,
    };
    if host.is_empty() {
        return Err(bad("the host is empty. Use '0.0.0.0' (IPv4) or '[::]' (IPv6) instead to \
                        listen on all active interfaces."
            .into()));
    }
    let addresses: Vec<_> =
        (host, port).to_socket_addrs().map_err(|error| bad(error.to_string()))?.collect();
    if addresses.is_empty() { Err(bad("the name has no address".into())) } else { Ok(addresses) }
}

fn listen_on(address: SocketAddr, options: &Options) -> std::io::Result<(OwnedFd, SocketAddr)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it, so that it costs no call for each.
    socket.set_tcp_nodelay(options.flag("nodelay"))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(options.number("request_queue_size") as i32)?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket.into(), bound))
}
