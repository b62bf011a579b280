//! What a proxy has written into a request's head: `X-Forwarded-For`, `-Proto`, `-Host`, or `Forwarded`
//! (RFC 7239). It counts only where the peer is a proxy that is trusted.
//!
//! Each proxy appends to the right whom it has the request from, so the list is read from there: the
//! first address that is no trusted proxy's is the client's. What stands to the left of it is the
//! client's own word.
#![forbid(unsafe_code)]

use std::net::{IpAddr, SocketAddr};

use super::exchange::Exchange;
use super::networks::Networks;
use crate::gateway::environ::{Said, key_id_of, key_id_of_underscores};
use crate::request::head::{HeadPolicy, RequestHead};
use crate::request::headers::{Field, Known};
use crate::request::line::authority::split_authority;
use crate::request::span::Span;

/// Whom to believe what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrustedProxies {
    from: Networks,
    /// The fields that they are believed; none of them at all.
    believed: Vec<Known>,
    /// Such fields, where they are not believed, stay out of the environ.
    clear: bool,
}

/// What counts for one request, in the place of what its connection has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwarded {
    /// Port 0: it was not told.
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) is_https: Option<bool>,
}

impl Forwarded {
    /// Added to what was said of the connection.
    pub(super) fn said(self, before: Option<Said<'_>>) -> Said<'_> {
        let scheme: Option<&[u8]> =
            self.is_https.map(|is| if is { &b"https"[..] } else { b"http" });
        let before = before.unwrap_or_default();
        Said { url_scheme: scheme.or(before.url_scheme), of_request: true, ..before }
    }
}

impl Exchange {
    /// Whether the scheme of an absolute-form target may be served on this connection: the
    /// connection's own, or the one that a trusted proxy names (RFC 9110 7.4). A proxy serves any.
    #[cold]
    pub(super) fn serves_scheme(&self, is_https: bool, policy: &HeadPolicy) -> bool {
        let Some(target) = self.head.scheme else { return true };
        let said = self.forwarded.and_then(|forwarded| forwarded.is_https);
        match scheme(target.of(self.input.request())) {
            _ if policy.proxy_mode => true,
            Some(asked) => asked == is_https || Some(asked) == said,
            None => false,
        }
    }
}

const ALL: [Known; 5] = [
    Known::Forwarded,
    Known::XForwardedFor,
    Known::XForwardedHost,
    Known::XForwardedPort,
    Known::XForwardedProto,
];

impl TrustedProxies {
    /// `believed` are names of fields with spaces or commas between. The error says what is wrong.
    pub(crate) fn new(from: Networks, believed: &str, clear: bool) -> Result<Self, String> {
        let names = believed.split([' ', ',']).filter(|name| !name.is_empty());
        let known = |name: &str| match name.to_ascii_lowercase().as_str() {
            "forwarded" => Ok(Known::Forwarded),
            "x-forwarded-for" => Ok(Known::XForwardedFor),
            "x-forwarded-host" => Ok(Known::XForwardedHost),
            "x-forwarded-proto" => Ok(Known::XForwardedProto),
            _ => Err(format!(
                "{name:?} is none of forwarded, x-forwarded-for, x-forwarded-host, x-forwarded-proto"
            )),
        };
        let believed: Vec<_> = names.map(known).collect::<Result<_, _>>()?;
        if believed.contains(&Known::Forwarded) && believed.len() > 1 {
            return Err("forwarded goes with none of the others".into());
        }
        Ok(Self { from, believed, clear })
    }

    /// Whether it changes anything.
    pub(crate) fn is_idle(&self) -> bool {
        self.from.is_empty() && !self.clear
    }

    /// Reads what is said of a request, and takes out of its environ what is not believed. A host that
    /// is believed takes the place of the `Host` field's. `peer` is `None` if it cannot be trusted.
    pub(crate) fn look(
        &self,
        peer: Option<Option<SocketAddr>>,
        input: &[u8],
        head: &mut RequestHead,
    ) -> Option<Forwarded> {
        let is_trusted = peer.is_some_and(|peer| self.from.has(peer));
        let believed: &[Known] = if is_trusted { &self.believed } else { &[] };
        if self.clear {
            let fields = head.fields.iter_mut();
            let hidden = |field: &&mut Field| {
                !believed.contains(&field.known)
                    && (ALL.contains(&field.known) || looks_forwarded(field.name.of(input)))
            };
            fields.filter(hidden).for_each(|field| field.exported = false);
        }
        let values = |known| {
            let fields = if believed.contains(&known) { &head.fields[..] } else { &[] };
            fields.iter().filter(move |field| field.known == known).map(|field| field.value)
        };
        let mut found = Forwarded::default();
        let mut host = None;
        if believed.contains(&Known::Forwarded) {
            let elements: Option<Vec<_>> =
                values(Known::Forwarded).map(|value| elements(input, value)).collect();
            for element in elements?.concat().into_iter().rev() {
                let Some(address) = element.node.and_then(|node| address(node.of(input))) else {
                    break;
                };
                found = Forwarded { remote: Some(address), is_https: element.is_https(input) };
                host = element.host;
                if !self.from.has_address(address.ip()) {
                    break;
                }
            }
        } else {
            let list: Vec<_> =
                values(Known::XForwardedFor).flat_map(|value| parts(input, value)).collect();
            for part in list.into_iter().rev() {
                let Some(address) = address(part.of(input)) else { break };
                found.remote = Some(address);
                if !self.from.has_address(address.ip()) {
                    break;
                }
            }
            let last = |known| values(known).flat_map(|value| parts(input, value)).last();
            found.is_https =
                last(Known::XForwardedProto).and_then(|proto: Span| scheme(proto.of(input)));
            host = last(Known::XForwardedHost);
        }
        if let Some(host) = host.filter(|host| {
            split_authority(host.of(input)).is_some_and(|(name, _)| !name.is_empty())
        }) && let Some(field) = head.fields.iter_mut().find(|field| field.known == Known::Host)
        {
            field.value = host;
        }
        (found != Forwarded::default()).then_some(found)
    }
}

/// Where names with `_` are kept, `X_Forwarded_For` becomes the same key as the field that counts.
fn looks_forwarded(name: &[u8]) -> bool {
    let id = key_id_of_underscores(name);
    id != 0 && ALL.iter().any(|known| key_id_of(*known) == id)
}

/// One proxy's words in `Forwarded`.
#[derive(Clone, Copy, Debug)]
struct Element {
    /// Nothing was between two commas.
    is_empty: bool,
    node: Option<Span>,
    proto: Option<Span>,
    host: Option<Span>,
}

impl Element {
    fn is_https(&self, input: &[u8]) -> Option<bool> {
        scheme(self.proto?.of(input))
    }
}

fn scheme(text: &[u8]) -> Option<bool> {
    match () {
        () if text.eq_ignore_ascii_case(b"https") => Some(true),
        () if text.eq_ignore_ascii_case(b"http") => Some(false),
        () => None,
    }
}

/// What stands between commas.
fn parts(input: &[u8], value: Span) -> Vec<Span> {
    let mut start = value.start as usize;
    let part = |part: &[u8]| {
        let (begin, end) = (start, start + part.len());
        start = end + 1;
        trimmed(input, begin, end)
    };
    let parts = value.of(input).split(|byte| *byte == b',').map(part);
    parts.filter(|part| !part.is_empty()).collect()
}

/// RFC 7239, section 4. `None` if it is not in order.
fn elements(input: &[u8], value: Span) -> Option<Vec<Element>> {
    const NEW: Element = Element { is_empty: true, node: None, proto: None, host: None };
    let mut elements = vec![NEW];
    let (mut at, end) = (value.start as usize, value.end as usize);
    loop {
        let stop = find(input, at, end, b"=,;");
        let name = trimmed(input, at, stop);
        at = stop;
        if stop < end && input[stop] == b'=' {
            let quoted = input.get(stop + 1) == Some(&b'"');
            let (from, to) = match quoted {
                true => (stop + 2, find(input, stop + 2, end, b"\"\\")),
                false => (stop + 1, find(input, stop + 1, end, b",;\"")),
            };
            // Neither addresses nor hosts have anything that is to be escaped.
            if quoted && (to >= end || input[to] != b'"') {
                return None;
            }
            at = to + usize::from(quoted);
            let word = trimmed(input, from, to);
            let element = elements.last_mut()?;
            element.is_empty = false;
            let place = match name.of(input).to_ascii_lowercase().as_slice() {
                b"for" => Some(&mut element.node),
                b"proto" => Some(&mut element.proto),
                b"host" => Some(&mut element.host),
                _ => None,
            };
            if place.is_some_and(|place| place.replace(word).is_some()) {
                return None;
            }
            at = find(input, at, end, b",;").max(at);
        } else if name.start != name.end {
            return None;
        }
        match input.get(at).filter(|_| at < end) {
            None => break,
            Some(b',') => elements.push(NEW),
            Some(_) => {}
        }
        at += 1;
    }
    elements.retain(|element| !element.is_empty);
    Some(elements)
}

fn find(input: &[u8], from: usize, end: usize, any: &[u8]) -> usize {
    let found =
        input.get(from..end).and_then(|rest| rest.iter().position(|byte| any.contains(byte)));
    found.map_or_else(|| end.max(from), |offset| from + offset)
}

fn trimmed(input: &[u8], start: usize, end: usize) -> Span {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let bytes = input.get(start..end).unwrap_or_default();
    let before = bytes.iter().take_while(|byte| is_space(byte)).count();
    let after = bytes[before..].iter().rev().take_while(|byte| is_space(byte)).count();
    Span::new(start + before, start + bytes.len() - after)
}

/// An address with or without a port, an IPv6 one with or without brackets.
fn address(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip: IpAddr = inner.parse().ok()?;
    Some(SocketAddr::new(ip, 0))
}
