//! The head of a request: from bytes to everything that the server has to know about it.

use super::framing;
use super::headers::{self, Field, Known, elements, elements_with_empty};
use super::line::{self, decode_path};
use super::span::Span;

mod scanner;

pub use scanner::HeadScanner;

/// What is allowed; set once per server from its options.
#[derive(Clone, Debug)]
pub struct HeadPolicy {
    /// Of the whole head; 0: no limit.
    pub max_header_bytes: usize,
    /// At most `headers::MAX_FIELDS`.
    pub max_fields: usize,
    /// Without the CRLF; 0: no limit.
    pub max_request_line: usize,
    /// Of one field, with its CRLF; 0: no limit.
    pub max_field_bytes: usize,
    /// Of a field's name; 0: no limit.
    pub max_field_name: usize,
    /// 0: no limit.
    pub max_body: u64,
    /// CONNECT is taken.
    pub proxy_mode: bool,
    pub keep_underscore_headers: bool,
    /// The option `protocol` is `HTTP/1.0`.
    pub http10: bool,
}

impl Default for HeadPolicy {
    fn default() -> Self {
        Self {
            max_header_bytes: 65_536,
            max_fields: headers::MAX_FIELDS,
            max_request_line: 8_192,
            max_field_bytes: 8_190,
            max_field_name: 256,
            max_body: 0,
            proxy_mode: false,
            keep_underscore_headers: false,
            http10: false,
        }
    }
}

/// A final answer that the server gives by itself; the connection closes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: &'static str,
    pub text: &'static str,
}

impl Refusal {
    pub const fn bad_request(text: &'static str) -> Self {
        Self { status: "400 Bad Request", text }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// So far nothing is wrong, more bytes are needed.
    Partial,
    /// `length` bytes are the head, with an empty line before it and the one behind it.
    Complete {
        length: usize,
    },
    Refused(Refusal),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// No body, or one of no bytes.
    #[default]
    None,
    Length(u64),
    Chunked,
}

/// A parsed head. It is made once per connection and used again for each request.
#[derive(Clone, Debug)]
pub struct RequestHead {
    pub method: Span,
    /// As it was sent.
    pub target: Span,
    /// Decoded once, but `%2F` is kept; `*` and CONNECT's authority as they are.
    pub path: Vec<u8>,
    pub query: Span,
    /// Of an absolute-form (or CONNECT's) target.
    pub authority: Option<Span>,
    /// Of an absolute-form target; it never becomes `wsgi.url_scheme`.
    pub scheme: Option<Span>,
    /// Every field in order, exported or not; without the `Upgrade` of a 1.0 request. Where the
    /// target names the host, that is the value of `Host`.
    pub fields: Vec<Field>,
    pub version: Span,
    /// 0 or 1; a higher 1.x is 1.
    pub version_minor: u8,
    pub body: Body,
    /// The length of a chunked body that was there as a whole before the application was called.
    /// Parsing does not set it.
    pub decoded_length: Option<u64>,
    pub keep_alive: bool,
    /// By a client that is answered by the rules of 1.0.
    pub keep_alive_asked: bool,
    pub expect_continue: bool,
    pub is_head: bool,
    /// FNV-1a over the method and the path's first segment.
    pub route_hash: u32,
    /// The target's authority, else the `Host` field.
    pub host: Option<Span>,
    /// `Connection` lists upgrade and there is an `Upgrade` field.
    pub upgrade: bool,
    seen: u64,
    repeated: u64,
    others: u64,
    others_repeated: bool,
    first: [u8; 64],
}

impl Default for RequestHead {
    fn default() -> Self {
        Self {
            method: Span::default(),
            target: Span::default(),
            path: Vec::new(),
            query: Span::default(),
            authority: None,
            scheme: None,
            fields: Vec::new(),
            version: Span::default(),
            version_minor: 0,
            body: Body::None,
            decoded_length: None,
            keep_alive: false,
            keep_alive_asked: false,
            expect_continue: false,
            is_head: false,
            route_hash: 0,
            host: None,
            upgrade: false,
            seen: 0,
            repeated: 0,
            others: 0,
            others_repeated: false,
            first: [0; 64],
        }
    }
}

impl RequestHead {
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the head that `input` starts with. Any cut of the same bytes comes to the same
    /// end: a refusal depends only on the bytes up to the one that decides it.
    #[inline]
    pub fn parse(&mut self, input: &[u8], policy: &HeadPolicy) -> Parsed {
        #[cfg(test)]
        super::work::note(input.len());
        self.clear();
        match self.read(input, policy) {
            Ok(Some(length)) => Parsed::Complete { length },
            Ok(None) => Parsed::Partial,
            Err(refusal) => Parsed::Refused(refusal),
        }
    }

    /// Forgets the request, keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.path.clear();
        self.fields.clear();
        self.method = Span::default();
        self.target = Span::default();
        self.query = Span::default();
        self.version = Span::default();
        self.authority = None;
        self.scheme = None;
        self.host = None;
        self.version_minor = 0;
        self.body = Body::None;
        self.decoded_length = None;
        self.keep_alive = false;
        self.keep_alive_asked = false;
        self.expect_continue = false;
        self.is_head = false;
        self.route_hash = 0;
        self.upgrade = false;
        self.seen = 0;
        self.repeated = 0;
        self.others = 0;
        self.others_repeated = false;
    }

    #[inline]
    fn read(&mut self, input: &[u8], policy: &HeadPolicy) -> Result<Option<usize>, Refusal> {
        let start = match input {
            [] | [b'\r'] => return Ok(None),
            // A leftover of old clients behind a body; one is forgiven.
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        let Some(line) = line::parse(input, start, policy)? else {
            return Ok(None);
        };
        self.take_line(&line, input);
        let Some(end) = headers::parse(input, line.end, policy, &mut self.fields)? else {
            return Ok(None);
        };
        self.index(input, policy);
        if (self.version_minor == 0 || policy.http10) && self.has(Known::Upgrade) {
            self.ignore_upgrade(input, policy);
        }
        framing::decide(self, input, policy)?;
        Ok(Some(end))
    }

    #[inline]
    fn take_line(&mut self, line: &line::RequestLine, input: &[u8]) {
        self.method = line.method;
        self.target = line.target;
        self.version = line.version;
        self.version_minor = line.version_minor;
        self.query = line.query;
        self.authority = line.authority;
        self.scheme = line.scheme;
        let method = line.method.of(input);
        self.is_head = method == b"HEAD";
        let raw = line.path.of(input);
        if raw.is_empty() {
            self.path.push(b'/');
        } else {
            decode_path(raw, &mut self.path);
        }
        self.route_hash = route_hash(method, &self.path);
    }

    /// Notes which names are there, so that later questions need no search.
    #[inline]
    fn index(&mut self, input: &[u8], policy: &HeadPolicy) {
        for (index, field) in self.fields.iter().enumerate() {
            if field.known == Known::Other {
                let bit = other_bit(field.name.of(input));
                // With `_` kept, two names may become one key.
                self.others_repeated |= self.others & bit != 0 || policy.keep_underscore_headers;
                self.others |= bit;
                continue;
            }
            let bit = 1u64 << field.known as u8;
            if self.seen & bit == 0 {
                self.first[field.known as usize & 63] = index as u8;
            }
            self.repeated |= self.seen & bit;
            self.seen |= bit;
        }
    }

    /// RFC 9110 7.8: `Upgrade` means nothing in a request of 1.0. It is taken out of the fields, so
    /// that no application takes it for an offer.
    #[cold]
    fn ignore_upgrade(&mut self, input: &[u8], policy: &HeadPolicy) {
        self.fields.retain(|field| field.known != Known::Upgrade);
        (self.seen, self.repeated) = (0, 0);
        (self.others, self.others_repeated) = (0, false);
        self.index(input, policy);
    }

    /// The target's authority is the host, whatever the `Host` field says (RFC 9112 3.2.2). The
    /// field gets its value, so that everything that reads fields agrees.
    #[cold]
    pub(super) fn replace_host(&mut self, authority: Span) {
        self.host = Some(authority);
        let field = self.fields.iter_mut().find(|field| field.known == Known::Host);
        if let Some(field) = field {
            field.value = authority;
        }
    }

    /// Whether a field of this name is there.
    #[inline]
    pub fn has(&self, known: Known) -> bool {
        self.seen & (1u64 << known as u8) != 0
    }

    /// 0, 1, or 2 for any more.
    #[inline]
    pub fn count(&self, known: Known) -> usize {
        usize::from(self.has(known)) + usize::from(self.repeated & (1u64 << known as u8) != 0)
    }

    /// The value of the first field of this name.
    #[inline]
    pub fn first(&self, known: Known) -> Option<Span> {
        if !self.has(known) {
            return None;
        }
        let index = usize::from(self.first[known as usize & 63]);
        self.fields.get(index).map(|field| field.value)
    }

    /// The elements of all fields of this name, as if they were one list.
    pub fn list<'a>(&'a self, input: &'a [u8], known: Known) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.fields.iter().filter(move |field| field.known == known);
        fields.flat_map(move |field| elements(field.value.of(input)))
    }

    /// [`list`](Self::list) with its empty elements.
    pub fn list_with_empty<'a>(
        &'a self,
        input: &'a [u8],
        known: Known,
    ) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.fields.iter().filter(move |field| field.known == known);
        fields.flat_map(move |field| elements_with_empty(field.value.of(input)))
    }

    /// The body is chunked, and all of it is there: `length` bytes once it is decoded. It is
    /// announced by its length alone, as RFC 9112 7.1.3 says.
    pub(crate) fn set_decoded_length(&mut self, length: u64) {
        self.decoded_length = Some(length);
        let fields = self.fields.iter_mut();
        let coding = fields.filter(|field| field.known == Known::TransferEncoding);
        coding.for_each(|field| field.exported = false);
    }

    /// Whether a name may be there twice (for names that are not well-known this is a guess on
    /// the safe side).
    #[inline]
    pub fn repeats(&self) -> bool {
        self.repeated != 0 || self.others_repeated
    }
}

/// One bit of 64 for a name; names that differ in case, or in `_` for `-`, share it.
#[inline]
fn other_bit(name: &[u8]) -> u64 {
    let fold = |byte: Option<&u8>| match byte {
        Some(b'_') => u32::from(b'-'),
        Some(byte) => u32::from(*byte | 32),
        None => 0,
    };
    let middle = name.get(name.len() / 2);
    let sum = name.len() as u32 * 7 + fold(name.last()) * 13 + fold(middle) * 31;
    1 << (sum & 63)
}

#[inline]
fn route_hash(method: &[u8], path: &[u8]) -> u32 {
    let segment = match path {
        [b'/', rest @ ..] => &path[..1 + memchr::memchr(b'/', rest).unwrap_or(rest.len())],
        _ => path,
    };
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619);
    let hash = method.iter().fold(2_166_136_261, step);
    segment.iter().fold(hash, step)
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod tests;
