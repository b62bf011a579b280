//! What the fields say about the message itself: host, length of the body, `Expect`, `Connection`.

use super::head::{Body, HeadPolicy, Refusal, RequestHead};
use super::headers::{Known, is_token};
use super::line::authority::split_authority;

pub const NO_HOST: Refusal = Refusal::bad_request("Missing Host header.");
pub const TWO_HOSTS: Refusal = Refusal::bad_request("Repeated Host header.");
pub const BAD_HOST: Refusal = Refusal::bad_request("Malformed Host header.");
pub const REPEATED: Refusal = Refusal::bad_request("Repeated header that must be single.");
pub const BAD_LENGTH: Refusal = Refusal::bad_request("Malformed Content-Length Header.");
pub const TWO_LENGTHS: Refusal =
    Refusal::bad_request("Transfer-Encoding and Content-Length are both given.");
pub const OLD_CODING: Refusal = Refusal::bad_request("Transfer-Encoding needs HTTP/1.1.");
pub const BAD_CODING: Refusal = Refusal::bad_request("Malformed Transfer-Encoding Header.");
pub const OTHER_CODING: Refusal = Refusal { status: "501 Unimplemented", text: "" };
pub const BODY_TOO_LARGE: Refusal = Refusal {
    status: "413 Request Entity Too Large",
    text: "The entity sent with the request exceeds the maximum allowed bytes.",
};
pub const OTHER_EXPECTATION: Refusal = Refusal { status: "417 Expectation Failed", text: "" };

/// Sets the host, the body and the connection's fate, in the order in which refusals count.
#[inline]
pub fn decide(head: &mut RequestHead, input: &[u8], policy: &HeadPolicy) -> Result<(), Refusal> {
    host(head, input)?;
    if head.repeats() {
        single_fields(head)?;
    }
    head.body = body(head, input, policy)?;
    if head.has(Known::Expect) {
        expect(head, input, policy)?;
    }
    connection(head, input, policy);
    Ok(())
}

#[inline]
fn host(head: &mut RequestHead, input: &[u8]) -> Result<(), Refusal> {
    if !head.has(Known::Host) {
        if head.version_minor > 0 {
            return Err(NO_HOST);
        }
        head.host = head.authority;
        return Ok(());
    }
    if head.count(Known::Host) > 1 {
        return Err(TWO_HOSTS);
    }
    let Some(value) = head.first(Known::Host) else {
        return Err(NO_HOST);
    };
    if split_authority(value.of(input)).is_none() {
        return Err(BAD_HOST);
    }
    head.host = Some(value);
    if let Some(authority) = head.authority {
        head.replace_host(authority);
    }
    Ok(())
}

/// Two values for one of these would let us and another hop choose differently.
fn single_fields(head: &RequestHead) -> Result<(), Refusal> {
    for known in [Known::ContentType, Known::Authorization, Known::ProxyAuthorization] {
        if head.count(known) > 1 {
            return Err(REPEATED);
        }
    }
    Ok(())
}

#[inline]
fn body(head: &RequestHead, input: &[u8], policy: &HeadPolicy) -> Result<Body, Refusal> {
    if head.has(Known::TransferEncoding) {
        return coding(head, input);
    }
    if !head.has(Known::ContentLength) {
        return Ok(Body::None);
    }
    if head.count(Known::ContentLength) > 1 {
        return Err(BAD_LENGTH);
    }
    let value = head.first(Known::ContentLength).unwrap_or_default();
    match content_length(value.of(input)) {
        None => Err(BAD_LENGTH),
        Some(0) => Ok(Body::None),
        Some(length) if policy.max_body > 0 && length > policy.max_body => Err(BODY_TOO_LARGE),
        Some(length) => Ok(Body::Length(length)),
    }
}

/// Digits only, up to 2^63-1.
#[inline]
pub fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |length, byte| {
        if !byte.is_ascii_digit() {
            return None;
        }
        let length = length.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
        (length <= i64::MAX as u64).then_some(length)
    })
}

fn coding(head: &RequestHead, input: &[u8]) -> Result<Body, Refusal> {
    if head.has(Known::ContentLength) {
        return Err(TWO_LENGTHS);
    }
    if head.version_minor == 0 {
        return Err(OLD_CODING);
    }
    let (mut chunked, mut others) = (false, false);
    for element in head.list_with_empty(input, Known::TransferEncoding) {
        let (name, parameters) = match memchr::memchr(b';', element) {
            Some(at) => (trim_end(&element[..at]), Some(&element[at + 1..])),
            None => (element, None),
        };
        let is_chunked = name.eq_ignore_ascii_case(b"chunked");
        // Anything after chunked: it is there twice or it is not the last. An empty element is no
        // token: RFC 9110 5.6.1 would skip it, but other hops read such a list differently.
        if chunked || !is_token(name) || (is_chunked && parameters.is_some()) {
            return Err(BAD_CODING);
        }
        if parameters.is_some_and(|text| text.contains(&b'"')) {
            return Err(BAD_CODING);
        }
        chunked = is_chunked;
        others |= !is_chunked;
    }
    match (chunked, others) {
        (_, true) => Err(OTHER_CODING),
        (true, false) => Ok(Body::Chunked),
        (false, false) => Err(BAD_CODING),
    }
}

fn expect(head: &mut RequestHead, input: &[u8], policy: &HeadPolicy) -> Result<(), Refusal> {
    let mut asked = false;
    for element in head.list(input, Known::Expect) {
        if !element.eq_ignore_ascii_case(b"100-continue") {
            return Err(OTHER_EXPECTATION);
        }
        asked = true;
    }
    let modern = head.version_minor > 0 && !policy.http10;
    head.expect_continue = asked && modern && head.body != Body::None;
    Ok(())
}

#[inline]
fn connection(head: &mut RequestHead, input: &[u8], policy: &HeadPolicy) {
    let (mut close, mut keep, mut upgrade) = (false, false, false);
    match head.first(Known::Connection).map(|value| value.of(input)) {
        None => {}
        // What nearly every client sends.
        Some(b"keep-alive") if head.count(Known::Connection) == 1 => keep = true,
        Some(_) => {
            for element in head.list(input, Known::Connection) {
                close |= element.eq_ignore_ascii_case(b"close");
                keep |= element.eq_ignore_ascii_case(b"keep-alive");
                upgrade |= element.eq_ignore_ascii_case(b"upgrade");
            }
        }
    }
    head.upgrade = upgrade && head.has(Known::Upgrade);
    let modern = head.version_minor > 0 && !policy.http10;
    head.keep_alive_asked = !modern && keep && !close;
    head.keep_alive = if modern { !close } else { head.keep_alive_asked };
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |at| at + 1);
    &bytes[..end]
}

#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod tests;
