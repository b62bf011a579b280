//! What a connection needs while it is worked on: buffers and parsed things, all of them reused.
//!
//! An idle connection has none. A worker lends it one with the first byte that arrives and takes it
//! back when nothing is left in it, so that ten thousand idle connections cost no buffers and a busy
//! one allocates nothing.
#![forbid(unsafe_code)]

use std::any::Any;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::forwarded::Forwarded;
use super::live::TextCopy;
use super::places::Credit;
use crate::date::imf_fixdate;
use crate::gateway::environ::{Environ, Remote};
use crate::request::head::RequestHead;
use crate::request::response::{Framing, Response, decimal};
use crate::rfile::RFile;
use crate::sys::clock;
use crate::sys::event::EventFd;

/// The seed's `rbufsize` was 8 KiB; twice that takes most heads with a small body in one read.
const INPUT: usize = 16 * 1024;
/// A buffer that had to grow is given up above this.
const KEEP: usize = 64 * 1024;

/// Something that is only held.
pub(crate) type Kept = Box<dyn Any + Send>;

/// The working set of one request after another.
pub(crate) struct Exchange {
    pub(crate) input: Input,
    pub(crate) head: RequestHead,
    /// The size of the head, once it is parsed.
    pub(crate) head_length: Option<usize>,
    /// It has no more memory than the request that is out needs.
    compact: bool,
    /// Something was lent to the host since the request was detached.
    pub(crate) lent: bool,
    /// `100 Continue` was sent.
    pub(crate) continued: bool,
    pub(crate) rfile: RFile,
    /// How long the client may still be waited for before another call gets the place.
    pub(super) credit: Credit,
    /// Ends a wait for the client, if the call has waited.
    pub(super) bell: Option<Arc<EventFd>>,
    /// That call had a place among those that may wait, and another one has it now.
    pub(super) lost_place: bool,
    pub(crate) environ: Environ,
    pub(crate) environ_built: bool,
    pub(crate) remote_text: RemoteText,
    /// What a trusted proxy has said of the request.
    pub(crate) forwarded: Option<Forwarded>,
    pub(crate) response: Response,
    pub(crate) framing: Option<Framing>,
    /// Bytes for the client that were not sent yet.
    pub(crate) output: Vec<u8>,
    pub(crate) date: CachedDate,
    /// The option `server_header`.
    pub(crate) server_header: TextCopy,
    /// What is lent to the application beside the environ, until the request ends.
    pub(crate) kept: Vec<Kept>,
    /// A place where the gateway keeps its own view of the request, reused like the rest.
    pub(crate) extension: Option<Box<dyn Any + Send>>,
    /// The same for the fields as they were sent, and whether it was filled for this request.
    pub(crate) raw: Option<Box<dyn Any + Send>>,
    pub(crate) raw_built: bool,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            input: Input::default(),
            head: RequestHead::default(),
            head_length: None,
            compact: false,
            lent: false,
            continued: false,
            rfile: RFile::Empty,
            credit: Credit::default(),
            bell: None,
            lost_place: false,
            environ: Environ::default(),
            environ_built: false,
            remote_text: RemoteText::default(),
            forwarded: None,
            response: Response::default(),
            framing: None,
            output: Vec::with_capacity(1024),
            date: CachedDate::default(),
            server_header: TextCopy::default(),
            kept: Vec::new(),
            extension: None,
            raw: None,
            raw_built: false,
        }
    }
}

impl Exchange {
    /// Gives back what a request that is out for long does not need. What was lent of it, the environ
    /// too, is lent no more: it is made again when it is asked for.
    pub(crate) fn compact(&mut self) {
        self.compact = true;
        self.input.compact();
        self.output.shrink_to_fit();
        self.head.fields.shrink_to_fit();
        (self.extension, self.raw, self.raw_built) = (None, None, false);
        if self.environ.is_mounted() {
            self.environ.shrink();
        } else {
            self.environ = Environ::default();
            self.environ_built = false;
        }
    }

    /// The request is over: there is room for others again.
    pub(super) fn expand(&mut self) {
        if self.compact {
            self.compact = false;
            self.input.expand();
        }
    }

    /// Gives back memory that an unusual request made it take.
    pub(crate) fn trim(&mut self) {
        self.expand();
        self.bell = None;
        self.input.clear();
        self.head_length = None;
        if self.input.buffer.len() > KEEP {
            self.input.buffer = vec![0; INPUT];
        }
        self.output.clear();
        self.output.shrink_to(KEEP);
    }
}

/// Bytes from the client: `start` is where the current request begins, `cursor` the first byte that
/// nobody has taken yet.
pub(crate) struct Input {
    buffer: Vec<u8>,
    start: usize,
    cursor: usize,
    filled: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self { buffer: vec![0; INPUT], start: 0, cursor: 0, filled: 0 }
    }
}

impl Input {
    /// The current request from its first byte on, as far as it has been read.
    pub(crate) fn request(&self) -> &[u8] {
        &self.buffer[self.start..self.filled]
    }

    /// What nobody has taken yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.cursor..self.filled]
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.cursor = (self.cursor + count).min(self.filled);
    }

    /// The current request is over; the next one begins with the first byte not taken.
    pub(crate) fn next_request(&mut self) {
        self.start = self.cursor;
        if self.start == self.filled {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        (self.start, self.cursor, self.filled) = (0, 0, 0);
    }

    /// Keeps the current request alone, and no room for more.
    fn compact(&mut self) {
        self.buffer = self.request().to_vec();
        self.cursor -= self.start;
        self.filled -= self.start;
        self.start = 0;
    }

    #[cold]
    fn expand(&mut self) {
        self.buffer.resize(self.buffer.len().max(INPUT), 0);
    }

    /// Puts back bytes that were stored while the connection was at rest.
    pub(crate) fn load(&mut self, stored: &[u8]) {
        #[cfg(test)]
        crate::request::work::note(stored.len());
        self.clear();
        self.reserve(stored.len() + 1);
        self.buffer[..stored.len()].copy_from_slice(stored);
        self.filled = stored.len();
    }

    /// Makes room for the request to be `size` bytes long.
    pub(crate) fn reserve(&mut self, size: usize) {
        if self.start > 0 && self.start + size > self.buffer.len() {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.cursor -= self.start;
            self.start = 0;
        }
        if size > self.buffer.len() {
            self.buffer.resize(size.next_multiple_of(4096), 0);
        }
    }

    /// Bytes taken are forgotten, so that a body of any length can be read through the buffer.
    /// The head of the current request, `head` bytes, stays.
    pub(crate) fn forget_taken(&mut self, head: usize) {
        let keep = (self.start + head).min(self.cursor);
        self.buffer.copy_within(self.cursor..self.filled, keep);
        self.filled -= self.cursor - keep;
        self.cursor = keep;
    }

    /// Room for more bytes; empty when the buffer is full.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }

    pub(crate) fn filled_more(&mut self, count: usize) {
        self.filled = (self.filled + count).min(self.buffer.len());
    }
}

/// The value of `Date`, formatted once a second.
#[derive(Default)]
pub(crate) struct CachedDate {
    second: u64,
    text: Option<[u8; 29]>,
}

impl CachedDate {
    /// The second of the last call of [`now`](Self::now).
    pub(super) fn second(&self) -> u64 {
        self.second
    }

    pub(crate) fn now(&mut self) -> [u8; 29] {
        let second = clock::unix_seconds();
        match self.text {
            Some(text) if self.second == second => text,
            _ => {
                let text = imf_fixdate(second);
                self.second = second;
                self.text = Some(text);
                text
            }
        }
    }
}

/// The client's address and port as the environ has them.
#[derive(Default)]
pub(crate) struct RemoteText {
    address: Vec<u8>,
    port: Vec<u8>,
}

impl RemoteText {
    pub(crate) fn of(&mut self, remote: Option<SocketAddr>) -> Remote<'_> {
        self.address.clear();
        self.port.clear();
        if let Some(remote) = remote {
            put_address(remote.ip(), &mut self.address);
            decimal(remote.port().into(), &mut self.port);
        }
        Remote { addr: &self.address, port: &self.port, ..Remote::default() }
    }
}

/// The text of an address.
pub(crate) fn put_address(address: IpAddr, text: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => put_ipv4(address, text),
        // Writing to memory does not fail.
        IpAddr::V6(address) => drop(write!(text, "{address}")),
    }
}

/// By hand: this is done for each request, and the standard formatting costs a tenth of one.
fn put_ipv4(address: Ipv4Addr, text: &mut Vec<u8>) {
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            text.push(b'.');
        }
        decimal(octet.into(), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(input: &mut Input, bytes: &[u8]) {
        input.reserve(input.request().len() + bytes.len());
        input.space()[..bytes.len()].copy_from_slice(bytes);
        input.filled_more(bytes.len());
    }

    #[test]
    fn requests_follow_each_other_in_one_buffer() {
        let mut input = Input::default();
        put(&mut input, b"first second");
        input.consume(6);
        assert_eq!(input.unread(), b"second");
        input.next_request();
        assert_eq!(input.request(), b"second");
        put(&mut input, &vec![b'x'; INPUT]);
        assert_eq!(input.request().len(), 6 + INPUT);
        assert!(input.request().starts_with(b"secondx"));
    }

    #[test]
    fn addresses_are_written_as_the_standard_library_writes_them() {
        for text in ["127.0.0.1:80", "10.200.0.255:65535", "[2001:db8::1]:8080", "0.0.0.0:0"] {
            let address: SocketAddr = text.parse().unwrap();
            let mut remote = RemoteText::default();
            let remote = remote.of(Some(address));
            assert_eq!(remote.addr, address.ip().to_string().as_bytes());
            assert_eq!(remote.port, address.port().to_string().as_bytes());
        }
    }

    #[test]
    fn a_body_passes_through_and_the_head_stays() {
        let mut input = Input::default();
        put(&mut input, b"head:body");
        input.consume(5);
        input.consume(3);
        input.forget_taken(5);
        assert_eq!(input.request(), b"head:y");
        assert_eq!(input.unread(), b"y");
    }
}
