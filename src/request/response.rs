//! The head of a response: what the application gives, checked, and what the server adds.

use super::framing::content_length;
use super::head::Refusal;

use super::headers::{elements, is_token, is_value};

mod beside;
mod flat;
mod text;

pub use beside::write_interim;
pub use flat::flat_head;
pub(crate) use text::decimal;
pub use text::{chunk_size_line, simple_response};
use text::{field, number_field};

pub const BODY_TOO_LONG: Refusal = Refusal {
    status: "500 Internal Server Error",
    text: "The requested resource returned more bytes than the declared Content-Length.",
};

/// What the application did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppError {
    /// Started twice, started after the head was sent, or not started at all.
    State,
    Status,
    /// A name that is no token, or a control character in a value.
    Header,
    /// Malformed or given twice.
    ContentLength,
    /// Not the status of an interim answer.
    Interim,
    /// A header that means nothing in an interim answer, or in a trailer.
    Misplaced,
    /// More body than `Content-Length` says; so many bytes of the piece may still be sent.
    Length {
        allowed: u64,
    },
}

impl AppError {
    pub fn text(self) -> &'static str {
        match self {
            Self::State => "start_response called in the wrong place or a second time.",
            Self::Status => "The response status is malformed or not a final one.",
            Self::Header => "A response header name or value has a character it may not have.",
            Self::ContentLength => "Malformed or repeated Content-Length in the response.",
            Self::Interim => "The status is not that of an interim answer.",
            Self::Misplaced => "A header that may not stand here.",
            Self::Length { .. } => "Response body exceeds the declared Content-Length.",
        }
    }
}

/// Fields that belong to the connection (PEP 3333: hop-by-hop), which an application cannot know. Given
/// by an application they are left out, whatever copied them: other servers send the answer as well.
pub const OF_THE_CONNECTION: [&str; 9] = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailers",
    "Transfer-Encoding",
    "Upgrade",
];

/// How the client can tell where the body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// No body, whatever the application yields: HEAD, 204, 304, 101.
    #[default]
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

/// What the server knows about the request and about itself.
#[derive(Clone, Copy, Debug)]
pub struct HeadContext<'a> {
    /// Of the status line; the option `protocol`.
    pub protocol: &'a [u8],
    /// Of the request.
    pub request_minor: u8,
    pub is_head: bool,
    /// Whether the connection may serve another request, as far as the server is concerned.
    pub keep_alive: bool,
    /// Seconds, for a 1.0 client; 0: not told.
    pub keep_alive_timeout: u32,
    pub date: &'a [u8],
    /// Empty: left out.
    pub server: &'a [u8],
    /// The option `protocol` is `HTTP/1.0`.
    pub http10: bool,
}

/// What became of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentHead {
    pub framing: Framing,
    /// False: the connection must close behind this response.
    pub keep_alive: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Started,
    Sent,
}

/// Made once per connection; `reset` before each response.
#[derive(Clone, Debug, Default)]
pub struct Response {
    phase: Phase,
    code: u16,
    status: Vec<u8>,
    headers: Vec<u8>,
    trailers: Vec<u8>,
    content_length: Option<u64>,
    has_date: bool,
    has_server: bool,
    closes: bool,
    has_upgrade: bool,
    upgrades: bool,
    /// Which of [`OF_THE_CONNECTION`] were left out, a bit for each.
    left_out: u16,
    framing: Framing,
    remaining: u64,
}

impl Response {
    #[cfg(test)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the response, keeps the memory.
    pub fn reset(&mut self) {
        self.forget();
        self.framing = Framing::None;
        self.remaining = 0;
    }

    fn forget(&mut self) {
        self.phase = Phase::Idle;
        self.code = 0;
        self.status.clear();
        self.headers.clear();
        self.trailers.clear();
        self.content_length = None;
        self.has_date = false;
        self.has_server = false;
        self.closes = false;
        self.has_upgrade = false;
        self.upgrades = false;
        self.left_out = 0;
    }

    pub fn is_started(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// Whether what was started is `101 Switching Protocols`.
    pub fn is_upgrade(&self) -> bool {
        self.is_started() && self.code == 101
    }

    #[cfg(test)]
    pub fn is_sent(&self) -> bool {
        self.phase == Phase::Sent
    }

    /// 0 before `start`.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Which of [`OF_THE_CONNECTION`] the application gave in vain, a bit for each.
    #[inline]
    pub fn left_out(&self) -> u16 {
        self.left_out
    }

    /// What the application said.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// WSGI's `start_response`. `restart`: it was given `exc_info`, so what was said before is
    /// replaced. After an error nothing is started.
    pub fn start<'a>(
        &mut self,
        status: &[u8],
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        restart: bool,
    ) -> Result<(), AppError> {
        match self.phase {
            Phase::Sent => return Err(AppError::State),
            Phase::Started if !restart => return Err(AppError::State),
            _ => self.forget(),
        }
        let result = self.take(status, headers);
        if result.is_err() {
            self.forget();
        }
        result
    }

    fn take<'a>(
        &mut self,
        status: &[u8],
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), AppError> {
        self.code = status_code(status).ok_or(AppError::Status)?;
        self.status.extend_from_slice(status);
        if status.len() == 3 {
            self.status.push(b' ');
        }
        for (name, value) in headers {
            if !is_token(name) || !is_value(value) {
                return Err(AppError::Header);
            }
            // Blanks around a value are not part of it (RFC 9110, section 5.5).
            let value = match value {
                [b' ' | b'\t', ..] | [.., b' ' | b'\t'] => value.trim_ascii(),
                value => value,
            };
            if self.is_sent_on(name, value)? {
                self.put(name, value);
            }
        }
        if self.code == 101 && !(self.upgrades && self.has_upgrade) {
            return Err(AppError::Status);
        }
        self.phase = Phase::Started;
        Ok(())
    }

    #[inline(always)]
    fn put(&mut self, name: &[u8], value: &[u8]) {
        self.headers.extend_from_slice(name);
        self.headers.extend_from_slice(b": ");
        self.headers.extend_from_slice(value);
        self.headers.extend_from_slice(b"\r\n");
    }

    /// Notes the headers that mean something to the server; false for one that is not sent, or was put.
    #[inline]
    fn is_sent_on(&mut self, name: &[u8], value: &[u8]) -> Result<bool, AppError> {
        let is = |text: &[u8]| name.eq_ignore_ascii_case(text);
        match name.len() {
            2 if is(b"te") => Ok(self.leave_out("TE")),
            4 => {
                self.has_date |= is(b"date");
                Ok(true)
            }
            6 => {
                self.has_server |= is(b"server");
                Ok(true)
            }
            7 if is(b"upgrade") => {
                self.has_upgrade = true;
                // RFC 9110, 15.5.22: what a client has to speak.
                Ok(matches!(self.code, 101 | 426) || self.leave_out("Upgrade"))
            }
            8 if is(b"trailers") => Ok(self.leave_out("Trailers")),
            10 if is(b"connection") => Ok(self.connection(name, value)),
            10 if is(b"keep-alive") => Ok(self.leave_out("Keep-Alive")),
            14 if is(b"content-length") => self.length(value),
            16 if is(b"proxy-connection") => Ok(self.leave_out("Proxy-Connection")),
            17 if is(b"transfer-encoding") => Ok(self.leave_out("Transfer-Encoding")),
            // RFC 9110, 11.7.1: for an application that is a proxy.
            18 if is(b"proxy-authenticate") && self.code != 407 => {
                Ok(self.leave_out("Proxy-Authenticate"))
            }
            19 if is(b"proxy-authorization") => Ok(self.leave_out("Proxy-Authorization")),
            _ => Ok(true),
        }
    }

    /// Notes that the application gave one of [`OF_THE_CONNECTION`]: false, as it is not sent.
    #[cold]
    fn leave_out(&mut self, name: &str) -> bool {
        let index = OF_THE_CONNECTION.iter().position(|known| *known == name);
        self.left_out |= 1 << index.unwrap_or_default();
        false
    }

    /// Puts what the application may say: `close`, and `upgrade` where the answer is about one (RFC
    /// 9110, sections 7.8 and 15.5.22).
    fn connection(&mut self, name: &[u8], value: &[u8]) -> bool {
        for option in elements(value) {
            let said = if option.eq_ignore_ascii_case(b"close") {
                &mut self.closes
            } else if option.eq_ignore_ascii_case(b"upgrade") && matches!(self.code, 101 | 426) {
                &mut self.upgrades
            } else {
                self.leave_out("Connection");
                continue;
            };
            if !std::mem::replace(said, true) {
                self.put(name, option);
            }
        }
        false
    }

    fn length(&mut self, value: &[u8]) -> Result<bool, AppError> {
        let length = content_length(value).ok_or(AppError::ContentLength)?;
        if self.content_length.replace(length).is_some() {
            return Err(AppError::ContentLength);
        }
        Ok(!matches!(self.code, 101 | 204))
    }

    /// Appends status line and headers to `out`; nothing is on the wire yet, but for the
    /// application the head is sent. `known_length`: the whole body is at hand and so long.
    #[inline]
    pub fn write_head(
        &mut self,
        out: &mut Vec<u8>,
        context: &HeadContext,
        known_length: Option<u64>,
    ) -> Result<SentHead, AppError> {
        if self.phase != Phase::Started {
            return Err(AppError::State);
        }
        self.phase = Phase::Sent;
        let modern = context.request_minor > 0 && !context.http10;
        self.framing = self.choose_framing(context, known_length, modern);
        self.remaining = match self.framing {
            Framing::Length(length) => length,
            _ => 0,
        };
        let keep_alive = context.keep_alive
            && !self.closes
            && !matches!(self.code, 101 | 413)
            && self.framing != Framing::UntilClose;
        out.reserve(context.protocol.len() + self.status.len() + self.headers.len() + 256);
        for part in [context.protocol, b" ", &self.status, b"\r\n", &self.headers] {
            out.extend_from_slice(part);
        }
        match self.framing {
            Framing::Length(length) if self.content_length.is_none() => {
                number_field(b"Content-Length: ", length, out);
            }
            Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::None if self.content_length.is_none() => {
                if let Some(length) = self.length_of_get(context, known_length) {
                    number_field(b"Content-Length: ", length, out);
                }
            }
            _ => {}
        }
        self.write_connection(out, context, modern, keep_alive);
        if !self.has_date && !context.date.is_empty() {
            field(b"Date: ", context.date, out);
        }
        if !self.has_server && !context.server.is_empty() {
            field(b"Server: ", context.server, out);
        }
        out.extend_from_slice(b"\r\n");
        Ok(SentHead { framing: self.framing, keep_alive })
    }

    #[inline]
    fn choose_framing(
        &self,
        context: &HeadContext,
        known_length: Option<u64>,
        modern: bool,
    ) -> Framing {
        if context.is_head || matches!(self.code, 101 | 204 | 304) {
            return Framing::None;
        }
        // A client of 205 waits for a body, which must be empty.
        let empty = (self.code == 205).then_some(0);
        match self.content_length.or(empty).or(known_length) {
            Some(length) => Framing::Length(length),
            None if modern => Framing::Chunked,
            None => Framing::UntilClose,
        }
    }

    /// The answer to HEAD says how long the one to GET is, if the application gave that body. An
    /// empty one may have been left out for HEAD.
    fn length_of_get(&self, context: &HeadContext, known_length: Option<u64>) -> Option<u64> {
        let has_body = context.is_head && !matches!(self.code, 101 | 204 | 304);
        known_length.filter(|length| has_body && *length > 0)
    }

    #[inline]
    fn write_connection(
        &self,
        out: &mut Vec<u8>,
        context: &HeadContext,
        modern: bool,
        keep_alive: bool,
    ) {
        if self.code == 101 || self.closes {
            return;
        }
        // A status line of 1.1 promises that the connection is kept, to a client of 1.0 too; one of 1.0
        // does not.
        if !keep_alive && !context.http10 {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        if !modern && keep_alive {
            out.extend_from_slice(b"Connection: Keep-Alive\r\n");
            if context.keep_alive_timeout > 0 {
                let timeout = u64::from(context.keep_alive_timeout);
                number_field(b"Keep-Alive: timeout=", timeout, out);
            }
        }
    }

    /// How many bytes of a piece of the body are sent, once the head is written. None of them
    /// are where there is no body. More than `Content-Length` says is an error that tells how
    /// many still fit.
    #[inline]
    pub fn account(&mut self, length: u64) -> Result<u64, AppError> {
        if self.phase != Phase::Sent {
            return Err(AppError::State);
        }
        match self.framing {
            Framing::None => Ok(0),
            Framing::Chunked | Framing::UntilClose => Ok(length),
            Framing::Length(_) if length <= self.remaining => {
                self.remaining -= length;
                Ok(length)
            }
            Framing::Length(_) => {
                let allowed = std::mem::take(&mut self.remaining);
                Err(AppError::Length { allowed })
            }
        }
    }

    /// Whether the client still waits for bytes that `Content-Length` announced.
    pub fn is_short(&self) -> bool {
        self.remaining > 0
    }
}

/// The code of a status like `200 OK`; 1xx answers are not final, but 101 ends HTTP.
#[inline]
fn status_code(status: &[u8]) -> Option<u16> {
    let [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = status else {
        return None;
    };
    let code = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
    let reason_fits = matches!(rest, [] | [b' ', ..]) && is_value(rest);
    (reason_fits && (code >= 200 || code == 101)).then_some(code)
}

#[cfg(test)]
mod tests;
