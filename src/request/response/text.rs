//! Pieces of a response as bytes: chunk sizes, numbers, and the answers of the server itself.

use crate::request::head::Refusal;

const ALLOWED_METHODS: &[u8] = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// The line before a chunk's data. `\r\n` goes behind the data; `0\r\n\r\n` ends the body.
#[inline]
pub fn chunk_size_line(length: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 18];
    let mut at = 16;
    let mut rest = length;
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    digits[16..].copy_from_slice(b"\r\n");
    out.extend_from_slice(&digits[at..]);
}

/// An answer of the server itself, in the seed's shape, with what RFC 9110 asks for behind it. To HEAD
/// it has the length that GET would get, and no content.
pub fn simple_response(
    out: &mut Vec<u8>,
    protocol: &[u8],
    refusal: &Refusal,
    close: bool,
    date: Option<&[u8]>,
    is_head: bool,
) {
    for part in [protocol, b" ", refusal.status.as_bytes(), b"\r\nContent-Length: "] {
        out.extend_from_slice(part);
    }
    decimal(refusal.text.len() as u64, out);
    out.extend_from_slice(b"\r\nContent-Type: text/plain\r\n");
    if close {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    if let Some(date) = date {
        field(b"Date: ", date, out);
    }
    match refusal.status.as_bytes().get(..3) {
        Some(b"503") => out.extend_from_slice(b"Retry-After: 1\r\n"),
        Some(b"405") => field(b"Allow: ", ALLOWED_METHODS, out),
        _ => {}
    }
    out.extend_from_slice(b"\r\n");
    if !is_head {
        out.extend_from_slice(refusal.text.as_bytes());
    }
}

#[inline]
pub(super) fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[inline]
pub(super) fn number_field(name: &[u8], value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    decimal(value, out);
    out.extend_from_slice(b"\r\n");
}

/// `00` to `99`.
const PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut index = 0;
    while index < 100 {
        pairs[2 * index] = b'0' + (index / 10) as u8;
        pairs[2 * index + 1] = b'0' + (index % 10) as u8;
        index += 1;
    }
    pairs
};

#[inline]
pub fn decimal(value: u64, out: &mut Vec<u8>) {
    if value < 10 {
        return out.push(b'0' + value as u8);
    }
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    // Two at a time: a division costs more than all the rest.
    while rest >= 10 {
        let pair = (rest % 100) as usize * 2;
        rest /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if rest > 0 {
        at -= 1;
        digits[at] = b'0' + rest as u8;
    }
    out.extend_from_slice(&digits[at..]);
}
