//! The head of a request, taken apart word by word.

use std::net::Ipv6Addr;

use super::{Fault, is_token, is_value_byte, trim};

pub use crate::request::head::Body;

/// What a head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub method: Vec<u8>,
    pub path: Vec<u8>,
    pub query: Vec<u8>,
    pub host: Option<Vec<u8>>,
    /// Of an absolute target, in small letters.
    pub scheme: Option<Vec<u8>>,
    /// Names as they were sent, values without the blanks around them. `Host` has the target's, and
    /// `Upgrade` is not there in 1.0.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Body,
    pub keep_alive: bool,
    pub expect_continue: bool,
    /// Of its bytes, with the empty lines at both ends.
    pub length: usize,
}

/// Reads the head that `input` starts with, by the decisions of a server that is no proxy.
pub fn head(input: &[u8]) -> Result<Head, Fault> {
    let skipped = if input.starts_with(b"\r\n") { 2 } else { 0 };
    let text = &input[skipped..];
    let end = text.windows(4).position(|four| four == b"\r\n\r\n").ok_or(Fault::Short)?;
    let mut lines = lines(&text[..end]).into_iter();
    let first = lines.next().ok_or(Fault::Wrong)?;
    let fields: Option<Vec<_>> = lines.map(field).collect();
    let head = take(first, fields.ok_or(Fault::Wrong)?);
    head.map(|head| Head { length: skipped + end + 4, ..head }).ok_or(Fault::Wrong)
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut start) = (Vec::new(), 0);
    for at in 0..text.len() {
        if text[at..].starts_with(b"\r\n") {
            lines.push(&text[start..at]);
            start = at + 2;
        }
    }
    lines.push(&text[start..]);
    lines
}

fn field(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let good = is_token(name) && value.iter().all(|byte| is_value_byte(*byte));
    good.then(|| (name.to_vec(), trim(value).to_vec()))
}

fn take(line: &[u8], mut fields: Vec<(Vec<u8>, Vec<u8>)>) -> Option<Head> {
    let words: Vec<_> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else { return None };
    let modern = match version {
        b"HTTP/1.0" => false,
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => true,
        _ => return None,
    };
    if !is_token(method) || method.len() > 64 || method == b"CONNECT" {
        return None;
    }
    let target = Target::of(method, target)?;
    let all = |name: &str| -> Vec<&[u8]> {
        let same = fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name.as_bytes()));
        same.map(|field| &field.1[..]).collect()
    };
    if ["Content-Type", "Authorization", "Proxy-Authorization"].iter().any(|n| all(n).len() > 1) {
        return None;
    }
    let host = host(&target, &all("Host"), modern)?;
    let body = body(&all("Transfer-Encoding"), &all("Content-Length"), modern)?;
    let expects = words_of(&all("Expect"));
    if expects.iter().any(|word| word != b"100-continue") {
        return None;
    }
    let connection = words_of(&all("Connection"));
    let says = |word: &[u8]| connection.iter().any(|other| other == word);
    let (close, keep) = (says(b"close"), says(b"keep-alive"));
    fields.retain(|field| modern || !field.0.eq_ignore_ascii_case(b"Upgrade"));
    for field in fields.iter_mut().filter(|field| field.0.eq_ignore_ascii_case(b"Host")) {
        field.1 = host.clone()?;
    }
    Some(Head {
        method: method.to_vec(),
        path: decoded(&target.path),
        query: target.query,
        host,
        scheme: target.absolute.map(|(scheme, _)| scheme),
        body,
        keep_alive: !close && (modern || keep),
        expect_continue: !expects.is_empty() && modern && body != Body::None,
        fields,
        length: 0,
    })
}

struct Target {
    /// Scheme and authority.
    absolute: Option<(Vec<u8>, Vec<u8>)>,
    path: Vec<u8>,
    query: Vec<u8>,
}

impl Target {
    fn of(method: &[u8], target: &[u8]) -> Option<Self> {
        if target.iter().any(|byte| !byte.is_ascii_graphic() || *byte == b'#') {
            return None;
        }
        if target == b"*" {
            let path = target.to_vec();
            return (method == b"OPTIONS").then_some(Self { absolute: None, path, query: vec![] });
        }
        let (absolute, rest) = if target.starts_with(b"/") {
            (None, target)
        } else {
            let colon = target.iter().position(|byte| *byte == b':')?;
            let scheme = &target[..colon];
            let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
            if !scheme.first()?.is_ascii_alphabetic() || !scheme.iter().all(inner) {
                return None;
            }
            let rest = target[colon..].strip_prefix(b"://")?;
            let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
            authority(&rest[..end])?;
            (Some((scheme.to_ascii_lowercase(), rest[..end].to_vec())), &rest[end..])
        };
        let mut parts = rest.splitn(2, |byte| *byte == b'?');
        let path = parts.next().filter(|path| !path.is_empty()).unwrap_or(b"/").to_vec();
        Some(Self { absolute, path, query: parts.next().unwrap_or(b"").to_vec() })
    }
}

/// Each escape once, but for the slash.
fn decoded(path: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < path.len() {
        let escape = path.get(at..at + 3).filter(|escape| escape[0] == b'%');
        let digits = escape.filter(|escape| escape[1..].iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits else {
            out.push(path[at]);
            at += 1;
            continue;
        };
        let text = std::str::from_utf8(&digits[1..]).expect("digits");
        match u8::from_str_radix(text, 16).expect("two digits") {
            b'/' => out.extend_from_slice(b"%2F"),
            byte => out.push(byte),
        }
        at += 3;
    }
    out
}

/// Host in small letters, and the port if there is one.
fn authority(text: &[u8]) -> Option<(Vec<u8>, Option<u32>)> {
    let text = std::str::from_utf8(text).ok()?;
    let (host, port) = match text.rfind(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good = match literal {
        Some(literal) => literal.parse::<Ipv6Addr>().is_ok() || is_future(literal),
        None => !host.is_empty() && is_name(host),
    };
    let port = match port.strip_prefix(':') {
        None if !port.is_empty() => return None,
        None | Some("") => None,
        Some(port) if !port.bytes().all(|byte| byte.is_ascii_digit()) => return None,
        Some(port) => Some(format!("0{}", port.trim_start_matches('0')).parse().ok()?),
    };
    (good && port.is_none_or(|port| port < 65_536))
        .then(|| (host.to_ascii_lowercase().into_bytes(), port))
}

fn is_future(literal: &str) -> bool {
    let Some((version, rest)) = literal.split_once('.') else { return false };
    let digits = version.strip_prefix(['v', 'V']).unwrap_or("");
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !rest.is_empty()
        && !rest.contains('%')
        && rest.split(':').all(is_name)
}

/// `*( unreserved / pct-encoded / sub-delims )`
fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)),
        byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte),
    })
}

/// `None`: wrong; `Some(None)`: there is none.
fn host(target: &Target, hosts: &[&[u8]], modern: bool) -> Option<Option<Vec<u8>>> {
    let named = target.absolute.as_ref().map(|(_, authority)| authority.clone());
    let host = match hosts {
        [] if modern => return None,
        [] => return Some(named),
        [host] => *host,
        _ => return None,
    };
    // It has to be well-formed, even where the target names another.
    authority(host)?;
    Some(Some(named.unwrap_or_else(|| host.to_vec())))
}

fn body(codings: &[&[u8]], lengths: &[&[u8]], modern: bool) -> Option<Body> {
    match (codings, lengths) {
        ([], []) => Some(Body::None),
        ([], [digits]) => {
            let good = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(digits).ok().filter(|_| good)?;
            let length: u128 = format!("0{}", text.trim_start_matches('0')).parse().ok()?;
            match u64::try_from(length).ok().filter(|length| *length <= i64::MAX as u64)? {
                0 => Some(Body::None),
                length => Some(Body::Length(length)),
            }
        }
        // Other codings may be well-formed, but none is known; nor may a list have empty elements.
        ([coding], []) if modern && coding.eq_ignore_ascii_case(b"chunked") => Some(Body::Chunked),
        _ => None,
    }
}

/// The elements of a list in all its fields, in small letters; empty ones do not count.
fn words_of(fields: &[&[u8]]) -> Vec<Vec<u8>> {
    let words = fields.iter().flat_map(|field| field.split(|byte| *byte == b','));
    let words = words.map(|word| trim(word).to_ascii_lowercase());
    words.filter(|word| !word.is_empty()).collect()
}
