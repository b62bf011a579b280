//! The fields of a head: tokenised by httparse, then held to stricter line ends; well-known names.

use super::head::{HeadPolicy, Refusal};
use super::line::NO_CRLF;
use super::span::Span;

pub mod known;

pub use known::{Known, Repeated};

/// More fields than this are never read, whatever the policy says.
pub const MAX_FIELDS: usize = 128;
/// Enough for nearly every client; more fields cost a second look.
const USUAL_FIELDS: usize = 32;

pub const ILLEGAL_LINE: Refusal = Refusal::bad_request("Illegal header line.");
pub const ILLEGAL_END: Refusal = Refusal::bad_request("Illegal end of headers.");
pub const TOO_LARGE: Refusal = Refusal {
    status: "431 Request Header Fields Too Large",
    text: "The headers sent with the request exceed the maximum allowed bytes.",
};

/// A field as it was sent. One that is not `exported` stays out of the environ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: Span,
    pub value: Span,
    pub known: Known,
    pub exported: bool,
}

/// Reads the fields between `from` and the empty line, appends them to `fields` and gives the
/// offset behind the empty line. `Ok(None)`: the empty line is not there yet.
#[inline]
pub fn parse(
    input: &[u8],
    from: usize,
    policy: &HeadPolicy,
    fields: &mut Vec<Field>,
) -> Result<Option<usize>, Refusal> {
    let most = match policy.max_header_bytes {
        0 => u32::MAX as usize,
        bytes => bytes.min(u32::MAX as usize),
    };
    let view = input.get(..most).unwrap_or(input);
    match tokenise(view, from, policy, fields)? {
        None if view.len() < input.len() => Err(TOO_LARGE),
        end => Ok(end),
    }
}

#[inline]
fn tokenise(
    view: &[u8],
    from: usize,
    policy: &HeadPolicy,
    fields: &mut Vec<Field>,
) -> Result<Option<usize>, Refusal> {
    let most = most_fields(policy);
    let mut usual = [httparse::EMPTY_HEADER; USUAL_FIELDS];
    let block = view.get(from..).unwrap_or(&[]);
    match httparse::parse_headers(block, &mut usual[..most.min(USUAL_FIELDS)]) {
        Ok(httparse::Status::Complete((length, headers))) => {
            take(view, from, from + length, headers, policy, fields)
        }
        Err(httparse::Error::TooManyHeaders) if most > USUAL_FIELDS => {
            tokenise_many(view, from, policy, fields)
        }
        _ => doubtful(view, from, policy),
    }
}

#[cold]
fn tokenise_many(
    view: &[u8],
    from: usize,
    policy: &HeadPolicy,
    fields: &mut Vec<Field>,
) -> Result<Option<usize>, Refusal> {
    let mut many = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let block = view.get(from..).unwrap_or(&[]);
    match httparse::parse_headers(block, &mut many[..most_fields(policy)]) {
        Ok(httparse::Status::Complete((length, headers))) => {
            take(view, from, from + length, headers, policy, fields)
        }
        _ => doubtful(view, from, policy),
    }
}

fn most_fields(policy: &HeadPolicy) -> usize {
    if policy.max_fields == 0 { MAX_FIELDS } else { policy.max_fields.min(MAX_FIELDS) }
}

/// What one field may have; no limit is a huge one.
#[derive(Clone, Copy, Debug, Default)]
pub struct FieldLimits {
    /// Bytes of the line with its CRLF.
    pub line: usize,
    pub name: usize,
}

impl FieldLimits {
    #[inline]
    pub fn of(policy: &HeadPolicy) -> Self {
        let none_as_huge = |limit: usize| if limit == 0 { usize::MAX } else { limit };
        Self {
            line: none_as_huge(policy.max_field_bytes),
            name: none_as_huge(policy.max_field_name),
        }
    }

    /// Whether all these fields are within the limits. A line goes from its name to the next one's.
    #[cold]
    fn are_kept_by(self, headers: &[httparse::Header], end: usize) -> bool {
        let start = |header: &httparse::Header| header.name.as_ptr() as usize;
        let ends = headers.iter().skip(1).map(start).chain([end]);
        headers
            .iter()
            .zip(ends)
            .all(|(header, end)| header.name.len() <= self.name && end - start(header) <= self.line)
    }

    /// The length of a field line with its CRLF; `Ok(None)` if it has no end yet and may still
    /// come to a good one. What decides is the first byte that is one too many.
    fn field_line(self, line: &[u8]) -> Result<Option<usize>, Refusal> {
        let name = token_length(line);
        if name > self.name && self.name < self.line {
            return Err(TOO_LARGE);
        }
        match field_line(line.get(..self.line).unwrap_or(line))? {
            None if line.len() >= self.line => Err(TOO_LARGE),
            length => Ok(length),
        }
    }
}

/// httparse takes a bare LF for the end of a line; each line that it found must end with CRLF.
#[inline]
fn take(
    view: &[u8],
    from: usize,
    end: usize,
    headers: &[httparse::Header],
    policy: &HeadPolicy,
    fields: &mut Vec<Field>,
) -> Result<Option<usize>, Refusal> {
    let base = view.as_ptr() as usize;
    let limits = FieldLimits::of(policy);
    // Where the whole block is within what one field may have, no field has too much.
    let mut strict =
        end - from <= limits.line.min(limits.name) || limits.are_kept_by(headers, base + end - 2);
    for (index, header) in headers.iter().enumerate() {
        let name = header.name.as_bytes();
        let start = name.as_ptr() as usize - base;
        strict &= index == 0 || view.get(start.wrapping_sub(2)) == Some(&b'\r');
        let value = header.value.as_ptr() as usize - base;
        let known = Known::of(name);
        fields.push(Field {
            name: Span::new(start, start + name.len()),
            value: Span::new(value, value + header.value.len()),
            known,
            exported: is_exported(known, name, policy),
        });
    }
    let block = view.get(from..end).unwrap_or(&[]);
    let closing: &[u8] = if headers.is_empty() { b"\r\n" } else { b"\r\n\r\n" };
    if strict && block.ends_with(closing) { Ok(Some(end)) } else { doubtful(view, from, policy) }
}

/// `Proxy` would become `HTTP_PROXY`, which programs take for their own configuration; a name
/// with `_` would become the same key as the one with `-`.
#[inline]
fn is_exported(known: Known, name: &[u8], policy: &HeadPolicy) -> bool {
    match known {
        Known::Proxy => false,
        Known::Other if name.contains(&b'_') => {
            policy.keep_underscore_headers && !is_transfer_encoding(name)
        }
        _ => true,
    }
}

/// `Transfer_Encoding`, where such names are kept, must not speak for the field that frames the body.
#[cold]
fn is_transfer_encoding(name: &[u8]) -> bool {
    let dashes = name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte });
    let name: Vec<u8> = dashes.collect();
    Known::of(&name) == Known::TransferEncoding
}

/// Finds the first offence in a block that is not simply complete and right: httparse does not
/// say where it stopped, and does not look for ours. `Ok(None)` if the block is only incomplete.
#[cold]
fn doubtful(view: &[u8], from: usize, policy: &HeadPolicy) -> Result<Option<usize>, Refusal> {
    let most = most_fields(policy);
    let limits = FieldLimits::of(policy);
    let mut at = from;
    for count in 0.. {
        let Some(line) = view.get(at..) else {
            return Ok(None);
        };
        match line {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] => break,
            [b'\r', ..] => return Err(ILLEGAL_END),
            [b'\n', ..] => return Err(NO_CRLF),
            _ if count == most => return Err(TOO_LARGE),
            _ => {}
        }
        match limits.field_line(line)? {
            Some(length) => at += length,
            None => return Ok(None),
        }
    }
    Err(ILLEGAL_LINE)
}

/// The length of a field line with its CRLF; `Ok(None)` if it has no end yet.
pub(super) fn field_line(line: &[u8]) -> Result<Option<usize>, Refusal> {
    let name = token_length(line);
    match line.get(name) {
        None => return Ok(None),
        Some(b':') if name > 0 => {}
        Some(b'\n') => return Err(NO_CRLF),
        Some(_) => return Err(ILLEGAL_LINE),
    }
    let value = name + 1 + value_length(&line[name + 1..]);
    match (line.get(value), line.get(value + 1)) {
        (None, _) | (Some(b'\r'), None) => Ok(None),
        (Some(b'\r'), Some(b'\n')) => Ok(Some(value + 2)),
        (Some(b'\r' | b'\n'), _) => Err(NO_CRLF),
        _ => Err(ILLEGAL_LINE),
    }
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
};

#[inline]
pub fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

#[inline]
pub fn token_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(bytes.len())
}

#[inline]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

/// TAB, space, visible ASCII and the bytes above: what a field's value may hold.
#[inline]
pub fn is_value_byte(byte: u8) -> bool {
    (byte >= b' ' && byte != 0x7f) || byte == b'\t'
}

/// Looks at every byte without a branch, which the compiler turns into vector code.
#[inline]
pub fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |good, byte| good & is_value_byte(*byte))
}

fn value_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is_value_byte(*byte)).unwrap_or(bytes.len())
}

/// The elements of a comma list, trimmed; empty ones are skipped (RFC 9110 section 5.6.1).
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    elements_with_empty(value).filter(|element| !element.is_empty())
}

/// The elements of a comma list, trimmed; of an empty list a single one, which is empty.
pub fn elements_with_empty(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    value.split(|byte| *byte == b',').map(move |element| {
        let start = element.iter().position(|byte| !blank(byte)).unwrap_or(element.len());
        let end = element.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
        &element[start..end]
    })
}
