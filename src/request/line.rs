//! The request line: method, target, version, and the four forms that a target can have.
//!
//! The line is judged from left to right and each refusal is a function of the bytes up to the
//! one that decides it. So it does not matter how the bytes were cut on their way.

use super::head::{HeadPolicy, Refusal};
use super::headers::token_length;
use super::span::Span;

pub mod authority;

use authority::split_authority;

/// A method longer than this is not implemented by any server.
pub const MAX_METHOD: usize = 64;

pub const NO_CRLF: Refusal = Refusal::bad_request("HTTP requires CRLF terminators");
pub const MALFORMED_LINE: Refusal = Refusal::bad_request("Malformed Request-Line");
pub const BAD_PROTOCOL: Refusal = Refusal::bad_request("Malformed Request-Line: bad protocol");
pub const BAD_VERSION: Refusal = Refusal::bad_request("Malformed Request-Line: bad version");
pub const MALFORMED_URI: Refusal = Refusal::bad_request("Malformed Request-URI");
pub const FRAGMENT: Refusal = Refusal::bad_request("Illegal #fragment in Request-URI.");
pub const INVALID_PATH: Refusal = Refusal::bad_request("Invalid path in Request-URI.");
pub const NOT_AUTHORITY_FORM: Refusal =
    Refusal::bad_request("Invalid path in Request-URI: request-target must match authority-form.");
pub const TOO_LONG: Refusal = Refusal {
    status: "414 Request-URI Too Long",
    text: "The Request-URI sent with the request exceeds the maximum allowed bytes.",
};
pub const METHOD_TOO_LONG: Refusal = Refusal { status: "501 Unimplemented", text: "" };
pub const NO_CONNECT: Refusal = Refusal { status: "405 Method Not Allowed", text: "" };
pub const OTHER_VERSION: Refusal = Refusal { status: "505 HTTP Version Not Supported", text: "" };

/// A request line that was accepted. `path` is still percent-encoded.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct RequestLine {
    pub method: Span,
    pub target: Span,
    pub version: Span,
    pub version_minor: u8,
    pub path: Span,
    pub query: Span,
    pub authority: Option<Span>,
    pub scheme: Option<Span>,
    /// Where the fields start.
    pub end: usize,
}

/// A target without its query, which may have secrets in it that are for no log.
pub(crate) fn without_query(target: &[u8]) -> &[u8] {
    target.split(|byte| *byte == b'?').next().unwrap_or_default()
}

/// Reads the line that starts at `start`. `Ok(None)`: not all of it is there yet.
#[inline]
pub fn parse(
    input: &[u8],
    start: usize,
    policy: &HeadPolicy,
) -> Result<Option<RequestLine>, Refusal> {
    let end = start.saturating_add(limit(policy)).saturating_add(2);
    let view = input.get(..end).unwrap_or(input);
    match split(view, start)? {
        Some(mut line) => judge(view, &mut line, policy).map(|()| Some(line)),
        None if view.len() < end => Ok(None),
        None if view[start..].contains(&b' ') => Err(TOO_LONG),
        None => Err(MALFORMED_LINE),
    }
}

/// Whether a request, of which `input` is what has come, is one of HEAD: its answer has no content, even
/// if nothing else of it can be read.
pub fn asks_for_head(input: &[u8]) -> bool {
    input.strip_prefix(b"\r\n").unwrap_or(input).starts_with(b"HEAD ")
}

/// A header section that may not hold the line makes the line too long, as in the seed.
pub fn limit(policy: &HeadPolicy) -> usize {
    let none_as_huge = |limit: usize| if limit == 0 { usize::MAX } else { limit };
    none_as_huge(policy.max_request_line).min(none_as_huge(policy.max_header_bytes))
}

#[inline]
fn split(view: &[u8], start: usize) -> Result<Option<RequestLine>, Refusal> {
    let method_end = start + token_length(view.get(start..).unwrap_or(&[]));
    match view.get(method_end) {
        None => return Ok(None),
        Some(b' ') if method_end > start => {}
        Some(b'\n') => return Err(NO_CRLF),
        Some(_) => return Err(MALFORMED_LINE),
    }
    let target_start = method_end + 1;
    let target_end = target_start + target_length(view.get(target_start..).unwrap_or(&[]));
    match view.get(target_end) {
        None => return Ok(None),
        Some(b' ') if target_end > target_start => {}
        Some(b'\n') => return Err(NO_CRLF),
        Some(b' ' | b'\r') => return Err(MALFORMED_LINE),
        Some(b'#') => return Err(FRAGMENT),
        Some(_) => return Err(MALFORMED_URI),
    }
    let version_start = target_end + 1;
    let rest = view.get(version_start..).unwrap_or(&[]);
    let version_minor = match rest.get(..10) {
        Some(b"HTTP/1.1\r\n") => 1,
        Some(b"HTTP/1.0\r\n") => 0,
        _ => match version(rest)? {
            Some(minor) => minor,
            None => return Ok(None),
        },
    };
    Ok(Some(RequestLine {
        method: Span::new(start, method_end),
        target: Span::new(target_start, target_end),
        version: Span::new(version_start, version_start + 8),
        version_minor,
        end: version_start + 10,
        ..RequestLine::default()
    }))
}

/// The minor version for the rules (a higher 1.x is 1.1); another major is `OTHER_MAJOR`.
#[cold]
fn version(rest: &[u8]) -> Result<Option<u8>, Refusal> {
    let prefix = rest.iter().zip(b"HTTP/").take_while(|(a, b)| a == b).count();
    if prefix < 5 {
        return if prefix == rest.len() { Ok(None) } else { not_a_version(rest) };
    }
    for (at, refusal) in
        [(5, MALFORMED_LINE), (6, BAD_VERSION), (7, MALFORMED_LINE), (8, MALFORMED_LINE)]
    {
        let fits = match (rest.get(at), at) {
            (None, _) => return Ok(None),
            (Some(b'\n'), _) => return Err(NO_CRLF),
            (Some(byte), 5 | 7) => byte.is_ascii_digit(),
            (Some(byte), 6) => *byte == b'.',
            (Some(byte), _) => *byte == b'\r',
        };
        if !fits {
            return Err(refusal);
        }
    }
    match (rest.get(9), rest.get(5), rest.get(7)) {
        (None, ..) => Ok(None),
        (Some(b'\n'), Some(b'1'), Some(b'0')) => Ok(Some(0)),
        (Some(b'\n'), Some(b'1'), _) => Ok(Some(1)),
        (Some(b'\n'), ..) => Err(OTHER_VERSION),
        _ => Err(MALFORMED_LINE),
    }
}

/// The third word is not a version. If the last word is one, a space was in the target.
fn not_a_version(rest: &[u8]) -> Result<Option<u8>, Refusal> {
    let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else {
        return Ok(None);
    };
    let words = &rest[..end];
    if rest[end] == b'\n' {
        return Err(NO_CRLF);
    }
    if words.is_empty() {
        return Err(MALFORMED_LINE);
    }
    match memchr::memrchr(b' ', words) {
        Some(space) if words[space + 1..].starts_with(b"HTTP/") => Err(MALFORMED_URI),
        _ => Err(BAD_PROTOCOL),
    }
}

/// Rules for the whole line, once each word is well-formed.
#[inline]
fn judge(view: &[u8], line: &mut RequestLine, policy: &HeadPolicy) -> Result<(), Refusal> {
    if line.method.len() > MAX_METHOD {
        return Err(METHOD_TOO_LONG);
    }
    let (method, target) = (line.method.of(view), line.target.of(view));
    match target {
        _ if method == b"CONNECT" => connect(target, line, policy),
        [b'/', ..] => {
            split_query(target, line.target, line);
            Ok(())
        }
        b"*" if method == b"OPTIONS" => {
            line.path = line.target;
            line.query = Span { start: line.target.end, end: line.target.end };
            Ok(())
        }
        _ => absolute(target, line),
    }
}

fn connect(target: &[u8], line: &mut RequestLine, policy: &HeadPolicy) -> Result<(), Refusal> {
    if !policy.proxy_mode {
        return Err(NO_CONNECT);
    }
    match split_authority(target) {
        Some((_, port)) if !port.is_empty() => {
            line.authority = Some(line.target);
            line.path = line.target;
            line.query = Span { start: line.target.end, end: line.target.end };
            Ok(())
        }
        _ => Err(NOT_AUTHORITY_FORM),
    }
}

fn absolute(target: &[u8], line: &mut RequestLine) -> Result<(), Refusal> {
    let base = line.target.start as usize;
    let scheme = memchr::memmem::find(target, b"://").unwrap_or(0);
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !target[0].is_ascii_alphabetic() || scheme == 0 || !target[..scheme].iter().all(named) {
        return Err(INVALID_PATH);
    }
    let after = &target[scheme + 3..];
    let length = after.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(after.len());
    if split_authority(&after[..length]).is_none() {
        return Err(INVALID_PATH);
    }
    let path = scheme + 3 + length;
    line.scheme = Some(Span::new(base, base + scheme));
    line.authority = Some(Span::new(base + scheme + 3, base + path));
    split_query(&target[path..], Span::new(base + path, base + target.len()), line);
    Ok(())
}

#[inline]
fn split_query(target: &[u8], span: Span, line: &mut RequestLine) {
    match memchr::memchr(b'?', target) {
        Some(mark) => {
            let mark = span.start + mark as u32;
            line.path = Span { start: span.start, end: mark };
            line.query = Span { start: mark + 1, end: span.end };
        }
        None => {
            line.path = span;
            line.query = Span { start: span.end, end: span.end };
        }
    }
}

/// Appends the decoded path. A slash that was encoded stays `%2F`, so that it can be told from
/// one that separates segments; an escape that is none stays as it is.
#[inline]
pub fn decode_path(raw: &[u8], path: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'%', rest) {
        path.extend_from_slice(&rest[..at]);
        let digit =
            |offset: usize| rest.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        let taken = match (digit(1), digit(2)) {
            (Some(2), Some(15)) => {
                path.extend_from_slice(b"%2F");
                3
            }
            (Some(high), Some(low)) => {
                path.push((high * 16 + low) as u8);
                3
            }
            _ => {
                path.push(b'%');
                1
            }
        };
        rest = &rest[at + taken..];
    }
    path.extend_from_slice(rest);
}

/// Printable ASCII without space and `#`.
const TARGET: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte] = byte != b'#' as usize;
        byte += 1;
    }
    table
};

#[inline]
fn target_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !TARGET[*byte as usize]).unwrap_or(bytes.len())
}
