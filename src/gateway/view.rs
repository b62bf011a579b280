//! A request as it was sent, for gateways that want no environ.

use std::net::SocketAddr;

use crate::gateway::environ::key_id_of;
use crate::request::head::{Body, RequestHead};
use crate::request::headers::Field;

/// The head of a request: slices of what the client sent. Nothing is copied or put together.
pub struct RequestView<'a> {
    input: &'a [u8],
    head: &'a RequestHead,
    client: Client,
}

/// Who has sent a request, by whatever way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// `None` for a UNIX socket.
    pub(crate) remote: Option<SocketAddr>,
    /// It speaks TLS, with this server or with a proxy.
    pub(crate) is_https: bool,
}

impl<'a> RequestView<'a> {
    pub(crate) fn new(input: &'a [u8], head: &'a RequestHead, client: Client) -> Self {
        Self { input, head, client }
    }

    /// Like `GET`; the case is the client's.
    pub fn method(&self) -> &'a [u8] {
        self.head.method.of(self.input)
    }

    /// The request's target as it was sent, in whichever of the four forms.
    pub fn target(&self) -> &'a [u8] {
        self.head.target.of(self.input)
    }

    /// The target's path, percent-decoded once, except `%2F`. A dispatcher does not change it.
    pub fn path(&self) -> &'a [u8] {
        &self.head.path
    }

    /// What is behind the target's first `?`, as it was sent.
    pub fn query(&self) -> &'a [u8] {
        self.head.query.of(self.input)
    }

    /// The request's protocol, like `HTTP/1.1`.
    pub fn protocol(&self) -> &'a [u8] {
        self.head.version.of(self.input)
    }

    /// `https` if the client speaks TLS, else `http`; the target's own scheme does not matter.
    pub fn scheme(&self) -> &'static [u8] {
        if self.client.is_https { b"https" } else { b"http" }
    }

    /// The minor version by whose rules the client is answered: 0 or 1.
    pub fn version_minor(&self) -> u8 {
        self.head.version_minor
    }

    /// The length of the body; `None` if it is chunked, even where the environ has its CONTENT_LENGTH.
    pub fn content_length(&self) -> Option<u64> {
        match self.head.body {
            Body::None => Some(0),
            Body::Length(length) => Some(length),
            Body::Chunked => None,
        }
    }

    /// [`headers`](Self::headers), each with the number of the environ key that it becomes (see
    /// [`environ`](super::environ)), 0 if that has none.
    pub fn keyed_headers(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8], u32)> {
        let input = self.input;
        self.head.fields.iter().map(move |field| {
            let key_id = if field.exported { key_id_of(field.known) } else { 0 };
            (field.name.of(input), field.value.of(input), key_id)
        })
    }

    /// The value of the first field of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let input = self.input;
        let is_it = |field: &&Field| field.name.of(input).eq_ignore_ascii_case(name.as_bytes());
        self.head.fields.iter().find(is_it).map(|field| field.value.of(input))
    }

    /// Names and values of all fields, as they were sent and in that order. Where the target names a
    /// host, that is the value of `Host`; an `Upgrade` of HTTP/1.0 is left out.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> {
        let input = self.input;
        let pair = move |field: &Field| (field.name.of(input), field.value.of(input));
        self.head.fields.iter().map(pair)
    }

    /// The client's address; `None` for a UNIX socket.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.client.remote
    }
}

impl std::fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestView")
            .field("method", &String::from_utf8_lossy(self.method()))
            .field("target", &String::from_utf8_lossy(self.target()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::head::{HeadPolicy, Parsed};

    #[test]
    fn everything_is_as_it_was_sent() {
        let input = b"PUT /a%20b%2Fc?d=%20 HTTP/1.1\r\nHost: h\r\nX-Twice: 1\r\nproxy: p\r\n\
            x-twice:  2 \r\n\r\n";
        let mut head = RequestHead::new();
        let parsed = head.parse(input, &HeadPolicy::default());
        assert_eq!(parsed, Parsed::Complete { length: input.len() });
        let remote = "127.0.0.1:80".parse().ok();
        let view = RequestView::new(input, &head, Client { remote, is_https: true });
        assert_eq!(view.scheme(), b"https");
        assert_eq!(view.method(), b"PUT");
        assert_eq!(view.target(), b"/a%20b%2Fc?d=%20");
        assert_eq!(view.path(), b"/a b%2Fc");
        assert_eq!(view.query(), b"d=%20");
        assert_eq!(view.protocol(), b"HTTP/1.1");
        assert_eq!(view.header("hOsT"), Some(&b"h"[..]));
        assert_eq!(view.header("X-Twice"), Some(&b"1"[..]));
        assert_eq!(view.header("X-None"), None);
        let last = view.headers().last();
        assert_eq!(last, Some((&b"x-twice"[..], &b"2"[..])));
        assert_eq!(view.headers().len(), 4);
        assert_eq!(view.remote_addr(), remote);
    }
}
