//! The header of the PROXY protocol, versions 1 and 2, with which a proxy says whom a connection is
//! from (HAProxy's proxy-protocol.txt). It stands before everything else, before TLS too.
#![forbid(unsafe_code)]

use std::net::SocketAddr;

mod version1;
mod version2;

/// A header has no more bytes than this; one that says so is refused at once.
pub(crate) const LONGEST: usize = 8192;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A header's beginning, or nothing yet. It is complete with so many bytes, or not before.
    Partial(usize),
    /// No header.
    Absent,
    /// A header of `length` bytes.
    Complete { length: usize, header: ProxyHeader<'a> },
    /// A header that is not in order, and why.
    Wrong(&'static str),
}

/// What a header says. All of it is the proxy's word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProxyHeader<'a> {
    pub(crate) ends: Ends,
    /// What the proxy knows of the client's TLS.
    pub(crate) tls: Option<ProxyTls<'a>>,
    /// The host name that the client has asked for (SNI).
    pub(crate) authority: Option<&'a [u8]>,
    pub(crate) unique_id: Option<&'a [u8]>,
}

/// The two ends of the connection that the proxy has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Nobody is spoken for (a health check of the proxy's own: LOCAL), or the proxy does not know
    /// (UNKNOWN, UNSPEC, datagrams): the connection's real ends count.
    #[default]
    Real,
    Ip {
        source: SocketAddr,
        destination: SocketAddr,
    },
    /// The client came to the proxy by a UNIX socket.
    Unix,
}

/// What the proxy tells of a client that has spoken TLS with it. Texts have no control characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProxyTls<'a> {
    /// The client has shown a certificate, in this connection or before.
    pub(crate) has_certificate: bool,
    /// It was in order.
    pub(crate) is_verified: bool,
    /// Like `TLSv1.3`.
    pub(crate) version: Option<&'a [u8]>,
    pub(crate) cipher: Option<&'a [u8]>,
    /// The certificate's subject.
    pub(crate) common_name: Option<&'a [u8]>,
}

/// Looks at what has come of a connection so far.
pub(crate) fn parse(bytes: &[u8]) -> Found<'_> {
    if begins(bytes, version2::SIGNATURE) {
        version2::parse(bytes)
    } else if begins(bytes, version1::SIGNATURE) {
        version1::parse(bytes)
    } else {
        Found::Absent
    }
}

/// Whether the bytes are the beginning of `whole`, or `whole` theirs.
fn begins(bytes: &[u8], whole: &[u8]) -> bool {
    bytes.iter().zip(whole).all(|(byte, other)| byte == other)
}

#[cfg(test)]
mod tests;
