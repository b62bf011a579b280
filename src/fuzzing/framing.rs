//! Heads, targets and chunked bodies against the slow reference.

use crate::request::chunked::ChunkedDecoder;
use crate::request::head::{HeadPolicy, Parsed, RequestHead};
use crate::request::reference::{Fault, chunked, head};

/// Lines before and behind the target.
const AROUND: [(&str, &str); 6] = [
    ("GET ", " HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("OPTIONS ", " HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("GET ", " HTTP/1.0\r\n\r\n"),
    ("GET ", " HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    ("GET http://", " HTTP/1.0\r\n\r\n"),
    ("GET / HTTP/1.1\r\nHost:", "\r\n\r\n"),
];

/// A target or a `Host`, where one may stand.
pub(super) fn agrees_around(input: &[u8]) {
    for (before, behind) in AROUND {
        agrees(&[before.as_bytes(), input, behind.as_bytes()].concat());
    }
}

/// The parser and the reference say the same of a head.
pub(super) fn agrees(input: &[u8]) {
    if !is_within_limits(input) {
        return;
    }
    let policy = HeadPolicy { max_field_name: 0, ..HeadPolicy::default() };
    let mut parsed = RequestHead::new();
    let length = match parsed.parse(input, &policy) {
        Parsed::Complete { length } => length,
        // Not all of it is needed to see that it is wrong.
        Parsed::Refused(_) => return assert!(head::head(input).is_err(), "refused"),
        Parsed::Partial => return assert_eq!(head::head(input), Err(Fault::Short)),
    };
    let fields = parsed.fields.iter();
    let fields =
        fields.map(|field| (field.name.of(input).to_vec(), field.value.of(input).to_vec()));
    let ours = head::Head {
        method: parsed.method.of(input).to_vec(),
        path: parsed.path.clone(),
        query: parsed.query.of(input).to_vec(),
        scheme: parsed.scheme.map(|scheme| scheme.of(input).to_ascii_lowercase()),
        host: parsed.host.map(|host| host.of(input).to_vec()),
        fields: fields.collect(),
        body: parsed.body,
        keep_alive: parsed.keep_alive,
        expect_continue: parsed.expect_continue,
        length,
    };
    assert_eq!(head::head(input).as_ref(), Ok(&ours));
}

/// The decoder and the reference say the same of a chunked body.
pub(super) fn chunked_agrees(input: &[u8]) {
    if !is_within_limits(input) {
        return;
    }
    let mut decoder = ChunkedDecoder::new(0);
    let (mut data, mut at, mut room) = (Vec::new(), 0, vec![0; input.len().max(1)]);
    while at < input.len() && !decoder.is_done() {
        match decoder.decode(&input[at..], &mut room) {
            Ok(step) => {
                data.extend_from_slice(&room[..step.produced]);
                at += step.consumed;
            }
            Err(_) => return assert!(chunked::body(input).is_err(), "refused"),
        }
    }
    if !decoder.is_done() {
        return assert_eq!(chunked::body(input), Err(Fault::Short));
    }
    let trailers = decoder.trailers().map(|(name, value)| (name.to_vec(), value.to_vec()));
    assert_eq!(chunked::body(input), Ok((data, trailers.collect(), at)));
}

/// The reference knows no limits; what is shorter and has fewer lines meets none.
pub(super) fn is_within_limits(input: &[u8]) -> bool {
    input.len() < 4000 && memchr::memchr_iter(b'\n', input).count() < 60
}
