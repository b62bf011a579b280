//! The environ of WSGI as pairs of bytes in one arena that is used again for each request.
//!
//! The server's pairs come first, then the connection's, then the request's. Each key and each
//! value is followed by a NUL, so that C can take it as a string.

use crate::request::head::{Body, RequestHead};
use crate::request::headers::{Field, Known, Repeated};
use crate::request::response::decimal;
use crate::request::span::Span;

pub mod keys;
mod mount;
pub mod pairs;

use keys::{KEY_BYTE, id_of};
pub use keys::{KEYS, key_id};
pub(crate) use keys::{becomes, key_id_of, key_id_of_underscores, key_text};
use pairs::copy;
pub use pairs::{Pair, Pairs};

/// What a server's environs have in common; one per listener.
#[derive(Clone, Copy, Debug)]
pub struct ServerInfo<'a> {
    /// `HTTP/1.1`: the option `protocol`.
    pub protocol: &'a [u8],
    pub server_name: &'a [u8],
    /// Empty for a UNIX socket.
    pub server_port: &'a [u8],
    pub software: &'a [u8],
    pub url_scheme: &'a [u8],
    /// The option `wsgi_version` is `u.0`.
    pub unicode: bool,
}

/// The pairs that do not come with a connection, built once for each listener.
#[derive(Clone, Debug)]
pub struct EnvironTemplate {
    pairs: Pairs,
    /// The first so many are the same for all listeners.
    common: usize,
    unicode: bool,
}

impl EnvironTemplate {
    pub fn new(info: &ServerInfo) -> Self {
        let mut pairs = Pairs::new();
        let version: &[u8] = if info.unicode { b"u.0" } else { b"1.0" };
        let values: [(&str, &[u8]); 11] = [
            ("ACTUAL_SERVER_PROTOCOL", info.protocol),
            ("SCRIPT_NAME", b""),
            ("SERVER_NAME", info.server_name),
            ("SERVER_SOFTWARE", info.software),
            ("wsgi.input_terminated", b"1"),
            ("wsgi.multiprocess", b"0"),
            ("wsgi.multithread", b"1"),
            ("wsgi.run_once", b"0"),
            ("wsgi.version", version),
            // Last what depends on the listener.
            ("wsgi.url_scheme", info.url_scheme),
            ("SERVER_PORT", info.server_port),
        ];
        for (key, value) in values {
            pairs.push(key.as_bytes(), value);
        }
        Self { common: pairs.pairs.len(), pairs, unicode: info.unicode }
    }

    /// Tells the templates of one server's listeners what they have in common.
    pub fn find_common(templates: &mut [Self]) {
        let Some((first, others)) = templates.split_first() else { return };
        let same = |other: &Self| {
            let pairs = first.pairs.iter().zip(other.pairs.iter());
            pairs.take_while(|(one, other)| one == other).count()
        };
        let common = others.iter().map(same).min().unwrap_or(first.pairs.pairs.len());
        for template in templates {
            template.common = common;
        }
    }

    /// What a proxy may say otherwise is not the same for the whole server.
    pub fn let_vary(&mut self) {
        let varies = |pair: &Pair| matches!(pair.key_id, URL_SCHEME | SERVER_PORT);
        let first = self.pairs.pairs.iter().position(varies);
        self.common = self.common.min(first.unwrap_or(self.common));
    }

    /// Adds a pair of the host's own. It must not be one that a request brings.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        self.pairs.push(key, value);
        self.common = self.pairs.pairs.len();
    }
}

/// The other end of the connection; both empty for a UNIX socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Remote<'a> {
    pub addr: &'a [u8],
    pub port: &'a [u8],
    /// Who is at the other end of a UNIX socket.
    pub peer: Option<&'a Pairs>,
    /// The variables of TLS.
    pub tls: Option<&'a Pairs>,
    /// What a proxy has said.
    pub said: Option<Said<'a>>,
}

/// What a proxy has said of a connection, or of one request, in the place of what the listener has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    pub url_scheme: Option<&'a [u8]>,
    pub server_port: Option<&'a [u8]>,
    pub pairs: Option<&'a Pairs>,
    /// It is of one request only.
    pub of_request: bool,
}

/// Made once per connection, built again for each request.
#[derive(Clone, Debug, Default)]
pub struct Environ {
    all: Pairs,
    /// The first so many pairs are the same for the whole server.
    pub server_count: usize,
    /// The next so many are the same for the connection.
    pub connection_count: usize,
    mounted: bool,
}

impl Environ {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn arena(&self) -> &[u8] {
        self.all.arena()
    }

    pub fn pairs(&self) -> &[Pair] {
        self.all.pairs()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.all.iter()
    }

    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.all.get(key)
    }

    /// A pair behind the request's own.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        self.all.push(key, value);
    }

    #[inline]
    pub fn build(
        &mut self,
        template: &EnvironTemplate,
        remote: &Remote,
        input: &[u8],
        head: &RequestHead,
    ) {
        self.all.clear();
        self.mounted = false;
        self.all.arena.extend_from_slice(&template.pairs.arena);
        self.all.pairs.extend_from_slice(&template.pairs.pairs);
        self.server_count = template.common;
        if let Some(said) = &remote.said {
            self.put_said(said);
        }
        self.all.known_with(REMOTE_ADDR, |arena| arena.extend_from_slice(remote.addr));
        self.all.known_with(REMOTE_PORT, |arena| arena.extend_from_slice(remote.port));
        if let Some(peer) = remote.peer {
            self.all.append(peer);
        }
        if let Some(pairs) = remote.said.and_then(|said| said.pairs) {
            self.all.append(pairs);
        }
        if let Some(tls) = remote.tls {
            self.all.append(tls);
        }
        let of_connection = !remote.said.is_some_and(|said| said.of_request);
        self.connection_count =
            if of_connection { self.all.pairs.len() - self.server_count } else { 0 };
        self.request_line(template.unicode, input, head);
        let writer = Writer { input, head, unicode: template.unicode };
        if head.repeats() {
            writer.repeated_fields(&mut self.all);
        } else {
            writer.fields(&mut self.all);
        }
        if head.body == Body::Chunked {
            self.chunked(head);
        }
        // A 1.0 client may name the host in the target alone.
        if let (Some(authority), false) = (head.authority, head.has(Known::Host)) {
            self.all.known(HTTP_HOST, input, authority);
        }
    }

    /// How long a chunked body is, if that is known; else that it is chunked. The client may write
    /// that in any case; programs that look for it compare it with this one.
    #[cold]
    fn chunked(&mut self, head: &RequestHead) {
        if let Some(length) = head.decoded_length {
            return self.all.known_with(CONTENT_LENGTH, |arena| decimal(length, arena));
        }
        let pair = self.all.pairs.iter().find(|pair| pair.key_id == HTTP_TRANSFER_ENCODING);
        if let Some(pair) = pair {
            let value = pair.value.start as usize..pair.value.end as usize;
            if let Some(value) = self.all.arena.get_mut(value) {
                value.make_ascii_lowercase();
            }
        }
    }

    #[cold]
    fn put_said(&mut self, said: &Said<'_>) {
        for (id, value) in [(URL_SCHEME, said.url_scheme), (SERVER_PORT, said.server_port)] {
            let pair = self.all.pairs.iter_mut().find(|pair| pair.key_id == id);
            if let (Some(pair), Some(value)) = (pair, value) {
                let start = self.all.arena.len();
                self.all.arena.extend_from_slice(value);
                pair.value = Span::new(start, self.all.arena.len());
                self.all.arena.push(0);
            }
        }
    }

    #[inline]
    fn request_line(&mut self, unicode: bool, input: &[u8], head: &RequestHead) {
        let utf8 = !unicode || std::str::from_utf8(&head.path).is_ok();
        self.all.known_with(PATH_INFO, |arena| put(arena, &head.path, !utf8));
        if unicode {
            let encoding: &[u8] = if utf8 { b"utf-8" } else { b"ISO-8859-1" };
            self.all.known_with(URL_ENCODING, |arena| arena.extend_from_slice(encoding));
        }
        self.all.known(QUERY_STRING, input, head.query);
        self.all.known(REQUEST_METHOD, input, head.method);
        self.all.known(REQUEST_URI, input, head.target);
        self.all.known(SERVER_PROTOCOL, input, head.version);
    }
}

/// Exports the fields of one head.
struct Writer<'a> {
    input: &'a [u8],
    head: &'a RequestHead,
    unicode: bool,
}

impl Writer<'_> {
    #[inline]
    fn fields(&self, all: &mut Pairs) {
        for field in self.head.fields.iter().filter(|field| field.exported) {
            self.pair(all, field, key_id_of(field.known), |arena| match self.unicode {
                true => put(arena, field.value.of(self.input), true),
                false => copy(arena, self.input, field.value),
            });
        }
    }

    /// Where a name may be there twice, each field is compared with the others; there are at
    /// most 128.
    #[cold]
    fn repeated_fields(&self, all: &mut Pairs) {
        let exported = || self.head.fields.iter().filter(|field| field.exported);
        for (index, field) in exported().enumerate() {
            if exported().take(index).any(|earlier| self.same_key(earlier, field)) {
                continue;
            }
            let id = match key_id_of(field.known) {
                0 => key_id_of_underscores(field.name.of(self.input)),
                id => id,
            };
            let same = exported().skip(index).filter(|later| self.same_key(later, field));
            match field.known.repeated() {
                Repeated::Joined(separator) => self.pair(all, field, id, |arena| {
                    for (count, later) in same.enumerate() {
                        if count > 0 {
                            arena.extend_from_slice(separator);
                        }
                        put(arena, later.value.of(self.input), self.unicode);
                    }
                }),
                Repeated::Last => {
                    let last = same.last().unwrap_or(field).value.of(self.input);
                    self.pair(all, field, id, |arena| put(arena, last, self.unicode));
                }
            }
        }
    }

    #[inline]
    fn pair(&self, all: &mut Pairs, field: &Field, id: u32, value: impl FnOnce(&mut Vec<u8>)) {
        if id != 0 {
            return all.known_with(id, value);
        }
        let start = all.arena.len();
        all.arena.extend_from_slice(b"HTTP_");
        let name = field.name.of(self.input);
        all.arena.extend(name.iter().map(|byte| KEY_BYTE[*byte as usize]));
        let key = Span::new(start, all.arena.len());
        all.arena.push(0);
        all.finish(key, 0, value);
    }

    fn same_key(&self, one: &Field, other: &Field) -> bool {
        let body_field =
            |field: &Field| matches!(field.known, Known::ContentLength | Known::ContentType);
        if one.known == other.known && one.known != Known::Other {
            return true;
        }
        // `Content_Length`, where it is kept, must not speak for the real one.
        if body_field(one) || body_field(other) {
            return false;
        }
        let (one, other) = (one.name.of(self.input), other.name.of(self.input));
        let byte = |byte: &u8| KEY_BYTE[*byte as usize];
        one.len() == other.len() && one.iter().map(byte).eq(other.iter().map(byte))
    }
}

/// Appends a value. In u.0 a byte is a character of ISO-8859-1, and what is exported is UTF-8.
#[inline]
fn put(arena: &mut Vec<u8>, value: &[u8], unicode: bool) {
    if !unicode || value.is_ascii() {
        return arena.extend_from_slice(value);
    }
    for byte in value {
        let mut utf8 = [0; 2];
        arena.extend_from_slice(char::from(*byte).encode_utf8(&mut utf8).as_bytes());
    }
}

const URL_SCHEME: u32 = id_of("wsgi.url_scheme");
const SERVER_PORT: u32 = id_of("SERVER_PORT");
const REMOTE_ADDR: u32 = id_of("REMOTE_ADDR");
const REMOTE_PORT: u32 = id_of("REMOTE_PORT");
const PATH_INFO: u32 = id_of("PATH_INFO");
const QUERY_STRING: u32 = id_of("QUERY_STRING");
const REQUEST_METHOD: u32 = id_of("REQUEST_METHOD");
const REQUEST_URI: u32 = id_of("REQUEST_URI");
const SERVER_PROTOCOL: u32 = id_of("SERVER_PROTOCOL");
const URL_ENCODING: u32 = id_of("wsgi.url_encoding");
const HTTP_HOST: u32 = id_of("HTTP_HOST");
const CONTENT_LENGTH: u32 = id_of("CONTENT_LENGTH");
const HTTP_TRANSFER_ENCODING: u32 = id_of("HTTP_TRANSFER_ENCODING");

#[cfg(test)]
mod tests;
