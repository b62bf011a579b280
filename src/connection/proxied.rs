//! A connection that a proxy has opened, and says whose it is: the PROXY protocol's header before
//! everything else. It is waited for like a handshake of TLS, by no thread.
#![forbid(unsafe_code)]

use std::net::SocketAddr;

use super::forwarded::Forwarded;
use super::networks::Networks;
use super::proxy_header::{self, Ends, Found, LONGEST, ProxyHeader, ProxyTls};
use super::services::Services;
use super::telling::TOO_MANY;
use super::timing::UNAVAILABLE;
use super::{HTTPConnection, Phase, Step};
use crate::gateway::Client;
use crate::gateway::environ::{Pairs, Said};
use crate::sys::socket;

/// Nearly every header is shorter.
const USUAL: usize = 536;

/// Who is asked for a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ProxyProtocol {
    /// Nobody.
    #[default]
    Off,
    /// These may send one; others are clients.
    Optional(Networks),
    /// These have to; others are turned away.
    Required(Networks),
}

/// What a proxy has said of a connection; nothing at first.
#[derive(Default)]
pub(crate) struct Proxied {
    /// Where the client has reached the proxy.
    local: Option<SocketAddr>,
    /// The peer of the socket is not the client.
    is_for_another: bool,
    server_port: Vec<u8>,
    pairs: Pairs,
    /// The variables of the client's TLS.
    tls: Option<Pairs>,
}

impl HTTPConnection {
    /// What a new connection begins with: a PROXY header, a handshake of TLS, or a request.
    pub(crate) fn begin(&mut self, services: &Services) {
        match &services.settings.proxy_protocol {
            ProxyProtocol::Off => {}
            ProxyProtocol::Optional(from) if !from.has(self.remote) => {}
            ProxyProtocol::Required(from) if !from.has(self.remote) => {
                self.tell_proxy_header(services, "it comes from no proxy");
                self.phase = Phase::Closing;
                return;
            }
            ProxyProtocol::Optional(_) | ProxyProtocol::Required(_) => {
                self.extras.get_or_insert_default().proxied = Some(Proxied::default());
                self.phase = Phase::ProxyHeader { many: false };
                return;
            }
        }
        self.begin_security(services);
    }

    fn begin_security(&mut self, services: &Services) {
        if services.settings.ssl.is_some() {
            self.begin_handshake();
        }
    }

    /// Looks for the header. It is peeked at until it is complete, so that not a byte of what
    /// follows is taken.
    pub(super) fn read_proxy_header(&mut self, services: &Services) -> Step {
        if !self.readable {
            return if self.ended || services.draining() { Step::Close } else { Step::Wait };
        }
        let mut few = [0; USUAL];
        let mut many = Vec::new();
        let mut buffer = &mut few[..];
        loop {
            let count = match socket::peek(self.fd(), buffer) {
                Ok(0) => return Step::Close,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return self.read_proxy_header(services);
                }
                Err(_) => return Step::Close,
            };
            match proxy_header::parse(&buffer[..count]) {
                Found::Partial(_) if count == buffer.len() && count < LONGEST => {
                    many.resize(LONGEST, 0);
                    buffer = &mut many;
                }
                // With what follows, an event comes again.
                Found::Partial(_) if !self.hung_up => {
                    self.readable = false;
                    return self.read_proxy_header(services);
                }
                Found::Partial(_) => return self.drop_proxy(services, "the proxy left in it"),
                Found::Wrong(why) => return self.drop_proxy(services, why),
                Found::Absent => match services.settings.proxy_protocol {
                    ProxyProtocol::Required(_) => {
                        return self.drop_proxy(services, "there is none");
                    }
                    _ => return self.proxy_header_is_over(services),
                },
                Found::Complete { length, header } => {
                    self.take_over(&header);
                    // What was peeked at is there.
                    if !matches!(socket::receive(self.fd(), &mut buffer[..length]), Ok(taken) if taken == length)
                    {
                        return Step::Close;
                    }
                    self.readable = self.hung_up || count > length || count == buffer.len();
                    return self.proxy_header_is_over(services);
                }
            }
        }
    }

    fn proxy_header_is_over(&mut self, services: &Services) -> Step {
        let many = self.phase == Phase::ProxyHeader { many: true };
        self.phase = Phase::Head;
        self.begin_security(services);
        match &mut self.phase {
            Phase::Handshake { many: told_later } => *told_later = many,
            _ if many => return self.refuse_for(services, UNAVAILABLE, TOO_MANY),
            _ => {}
        }
        Step::Again
    }

    pub(super) fn proxy_header_timed_out(&mut self, services: &Services) {
        self.drop_proxy(services, "the proxy was too slow");
        self.phase = Phase::Closing;
    }

    /// What is not in order is answered by nothing: whoever is there speaks another language.
    fn drop_proxy(&mut self, services: &Services, why: &str) -> Step {
        self.tell_proxy_header(services, why);
        Step::Close
    }

    /// Takes over what the header says.
    fn take_over(&mut self, header: &ProxyHeader<'_>) {
        let (source, local) = match header.ends {
            Ends::Real if header.is_silent() => return,
            Ends::Real => (self.remote, None),
            Ends::Ip { source, destination } => (Some(source), Some(destination)),
            Ends::Unix => (None, None),
        };
        let port = |local: SocketAddr| local.port().to_string().into_bytes();
        self.extras.get_or_insert_default().proxied = Some(Proxied {
            local,
            is_for_another: header.ends != Ends::Real,
            server_port: local.map(port).unwrap_or_default(),
            pairs: header.pairs(),
            tls: header.tls.map(|tls| tls.pairs(header.authority)),
        });
        self.remote = source;
    }

    /// What a proxy has said, if the connection comes from one.
    pub(super) fn proxied(&self) -> Option<&Proxied> {
        self.extras.as_ref()?.proxied.as_ref()
    }

    /// Who sends the requests.
    pub(crate) fn client(&self) -> Client {
        let is_https = self.is_https();
        let forwarded = self.exchange.as_ref().and_then(|exchange| exchange.forwarded);
        let Forwarded { remote, is_https: said } = forwarded.unwrap_or_default();
        Client { remote: remote.or(self.remote), is_https: said.unwrap_or(is_https) }
    }

    /// Whether the client speaks TLS, with this server or with a proxy whose PROXY header says so.
    pub(super) fn is_https(&self) -> bool {
        self.channel.is_secured() || self.proxied().is_some_and(|proxied| proxied.tls.is_some())
    }

    /// The address at which the client has reached the server, or the proxy in front of it.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match self.proxied() {
            Some(proxied) if proxied.is_for_another => proxied.local,
            _ => socket::local_address(self.fd()),
        }
    }

    /// Whether the process at the other end of a UNIX socket is the client.
    pub(super) fn peer_is_client(&self) -> bool {
        self.remote.is_none() && !self.proxied().is_some_and(|proxied| proxied.is_for_another)
    }
}

impl Proxied {
    /// What stands in the environ in the place of what the listener has there.
    pub(super) fn said(&self) -> Said<'_> {
        Said {
            url_scheme: self.tls.is_some().then_some(&b"https"[..]),
            server_port: self.local.is_some().then_some(&self.server_port),
            pairs: Some(&self.pairs),
            of_request: false,
        }
    }

    pub(super) fn tls(&self) -> Option<&Pairs> {
        self.tls.as_ref()
    }
}

impl ProxyHeader<'_> {
    /// Whether nothing comes of it.
    fn is_silent(&self) -> bool {
        *self == ProxyHeader::default()
    }

    /// What the environ has more.
    fn pairs(&self) -> Pairs {
        let mut pairs = Pairs::new();
        let printable = |id: &&[u8]| id.iter().all(u8::is_ascii_graphic);
        if let Some(id) = self.unique_id.filter(printable) {
            pairs.push(b"UNIQUE_ID", id);
        }
        pairs.shrink();
        pairs
    }
}

impl ProxyTls<'_> {
    /// The names are those of the server's own TLS.
    fn pairs(&self, authority: Option<&[u8]>) -> Pairs {
        let mut pairs = Pairs::new();
        let verify: &[u8] = match (self.has_certificate, self.is_verified) {
            (false, _) => b"NONE",
            (true, true) => b"SUCCESS",
            (true, false) => b"FAILED",
        };
        pairs.push(b"HTTPS", b"on");
        pairs.push(b"SSL_PROTOCOL", self.version.unwrap_or_default());
        pairs.push(b"SSL_CIPHER", self.cipher.unwrap_or_default());
        pairs.push(b"SSL_TLS_SNI", authority.unwrap_or_default());
        pairs.push(b"SSL_CLIENT_VERIFY", verify);
        if let (Some(name), b"SUCCESS") = (self.common_name, verify) {
            pairs.push(b"SSL_CLIENT_S_DN_CN", name);
        }
        pairs.shrink();
        pairs
    }
}
