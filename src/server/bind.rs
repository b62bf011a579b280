//! From an address to a listening socket.
#![forbid(unsafe_code)]

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};

use super::address::{Address, Wanted};
use super::inherited::Inherited;
use super::options::Options;
use super::unix_socket;
use crate::error::{Error, ErrorKind};
use crate::sys::listening::ListeningSocket;
use crate::sys::{named, socket};

/// How long the system waits for each answer to whether a client is still there.
const LONGEST_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// A socket that listens, and where.
pub(super) struct Bound {
    pub(super) socket: ListeningSocket,
    pub(super) address: Address,
}

/// Makes the listening socket for an address. All addresses that a host name has are tried, the
/// first that works is taken, and the error tells of all that did not (the seed's rule).
pub(super) fn bind(text: &str, options: &Options) -> Result<Bound, Error> {
    let bad = |why: String| cannot_listen(text, &why);
    match Wanted::parse(text).map_err(bad)? {
        Wanted::Tcp { host, port } => {
            let addresses: Vec<_> = (host, port)
                .to_socket_addrs()
                .map_err(|error| bad(format!("{host:?}: {error}")))?
                .collect();
            if addresses.is_empty() {
                return Err(bad(format!("{host:?} has no address")));
            }
            first_that_works(text, &addresses, options)
        }
        Wanted::Unix(path) => unix_socket::bind_path(path, options).map_err(bad),
        Wanted::Abstract(name) => unix_socket::bind_name(name, options).map_err(bad),
        Wanted::Descriptor(number) => {
            let socket =
                socket::spare_descriptor(&number).map_err(|error| bad(error.to_string()))?;
            Inherited { socket, number }.listener(options)
        }
    }
}

/// The error for an address, which it names.
pub(super) fn cannot_listen(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::Bind, format!("cannot listen on {text:?}: {why}"))
}

fn first_that_works(
    text: &str,
    addresses: &[SocketAddr],
    options: &Options,
) -> Result<Bound, Error> {
    let mut failures = Vec::new();
    for address in addresses {
        match listen_on(*address, options) {
            Ok((socket, bound)) => {
                let socket = ListeningSocket::new(socket, None);
                return Ok(Bound { socket, address: Address::Tcp(bound) });
            }
            Err(error) => failures.push(format!("({address}: {error})")),
        }
    }
    Err(cannot_listen(text, &format!("No socket could be created -- {}", failures.join(" -- "))))
}

fn listen_on(address: SocketAddr, options: &Options) -> io::Result<(OwnedFd, SocketAddr)> {
    let socket = named(
        "socket",
        Socket::new(
            Domain::for_address(address),
            Type::STREAM.nonblocking().cloexec(),
            Some(Protocol::TCP),
        ),
    )?;
    // A free port must not be one that somebody else's closing connections still have.
    let reuse = |yes| named("setsockopt SO_REUSEADDR", socket.set_reuse_address(yes));
    reuse(address.port() != 0)?;
    if options.flag("reuse_port") {
        named("setsockopt SO_REUSEPORT", socket.set_reuse_port(true))?;
    }
    tune(SockRef::from(&socket), options)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        named("setsockopt IPV6_V6ONLY", socket.set_only_v6(false))?;
    }
    named("bind", socket.bind(&SockAddr::from(address)))?;
    // Whatever port it is, a restart on the same one must be possible.
    reuse(true)?;
    named("listen", socket.listen(options.number("request_queue_size") as i32))?;
    let bound = named("getsockname", socket.local_addr())?.as_socket().unwrap_or(address);
    Ok((socket.into(), bound))
}

/// Sets what accepted sockets inherit from a listening one of TCP.
pub(super) fn tune(socket: SockRef<'_>, options: &Options) -> io::Result<()> {
    named("setsockopt TCP_NODELAY", socket.set_tcp_nodelay(options.flag("nodelay")))?;
    let milliseconds = |name| Duration::from_millis(options.milliseconds(name));
    let silence = milliseconds("tcp_keepalive");
    named("setsockopt SO_KEEPALIVE", socket.set_keepalive(!silence.is_zero()))?;
    if !silence.is_zero() {
        // The system takes whole seconds.
        let silence = silence.max(Duration::from_secs(1));
        let interval = silence.min(LONGEST_KEEPALIVE_INTERVAL);
        let keepalive = TcpKeepalive::new().with_time(silence).with_interval(interval);
        named("setsockopt TCP_KEEPIDLE", socket.set_tcp_keepalive(&keepalive))?;
    }
    let (user, write) = (milliseconds("tcp_user_timeout"), milliseconds("write_timeout"));
    let timeout = (!user.is_zero() && !write.is_zero()).then(|| user.max(write));
    named("setsockopt TCP_USER_TIMEOUT", socket.set_tcp_user_timeout(timeout))
}
