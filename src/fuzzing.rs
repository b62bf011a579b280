//! What fuzzers call: functions of bytes that panic if something is not as it has to be. Only there
//! with `--cfg fuzzing` and in unit tests, and no part of the library's interface.
#![forbid(unsafe_code)]

mod connection;
mod framing;
mod texts;

pub use connection::connection;
pub use texts::{environ, options, target};

use crate::connection::proxy_header;
use crate::request::chunked::{ChunkError, ChunkedDecoder, ChunkedScanner};
use crate::request::head::{HeadPolicy, HeadScanner, Parsed, RequestHead};

/// A head means the same however it is cut, and lies within its bytes.
pub fn head(input: &[u8]) {
    let policies = [
        HeadPolicy::default(),
        HeadPolicy {
            max_header_bytes: 100,
            max_fields: 3,
            max_request_line: 40,
            max_field_bytes: 30,
            max_field_name: 12,
            max_body: 10,
            proxy_mode: true,
            keep_underscore_headers: true,
            http10: true,
        },
    ];
    for policy in &policies {
        head_under(input, policy);
    }
    framing::agrees(input);
}

fn head_under(input: &[u8], policy: &HeadPolicy) {
    let mut head = RequestHead::new();
    let whole = head.parse(input, policy);
    if let Parsed::Complete { length } = whole {
        assert!(length <= input.len());
        for field in &head.fields {
            assert!(!field.name.of(input).is_empty());
            assert!(!field.value.of(input).contains(&b'\n'));
        }
        assert!(!head.path.is_empty() && head.method.of(input).is_ascii());
    }
    let mut scanner = None;
    for end in 1..=input.len() {
        let part = &input[..end];
        let worth = scanner.as_mut().is_none_or(|scanner: &mut HeadScanner| scanner.advance(part));
        let parsed = head.parse(part, policy);
        if let Parsed::Complete { .. } = parsed {
            assert!(worth, "the scanner has to see the end");
        }
        match parsed {
            Parsed::Partial => {
                if scanner.is_none() {
                    scanner.insert(HeadScanner::new(policy)).advance(part);
                }
            }
            parsed => return assert_eq!(parsed, whole, "cut at {end}"),
        }
    }
    assert!(matches!(whole, Parsed::Partial));
}

/// A chunked body means the same however it is cut, whether it is decoded, skipped or scanned. The
/// first byte says how.
pub fn chunked(input: &[u8]) {
    let Some((how, input)) = input.split_first() else { return };
    let (piece, room) = (usize::from(how & 15) + 1, usize::from(how >> 4) + 1);
    let max_body = if how & 1 == 0 { 0 } else { 100 };
    let whole = decode(input, max_body, usize::MAX, input.len().max(1));
    assert_eq!(whole, decode(input, max_body, piece, room));
    let mut scanner = ChunkedScanner::new(0, max_body);
    let mut scanned = Ok(false);
    for end in (0..input.len()).step_by(piece).chain([input.len()]) {
        scanned = scanner.advance(&input[..end]);
        if scanned != Ok(false) {
            break;
        }
    }
    assert_eq!(scanned, whole.end.map(|end| end.is_some()));
    framing::chunked_agrees(input);
}

#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    data: Vec<u8>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the body ends, if it does.
    end: Result<Option<usize>, ChunkError>,
}

fn decode(input: &[u8], max_body: u64, piece: usize, room: usize) -> Decoded {
    let mut decoder = ChunkedDecoder::new(max_body);
    let (mut at, mut data, mut buffer) = (0, Vec::new(), vec![0; room]);
    let mut seen = piece.min(input.len());
    let end = loop {
        match decoder.decode(&input[at..seen], &mut buffer) {
            Ok(step) => {
                assert!(step.produced <= step.consumed && step.produced <= room);
                data.extend_from_slice(&buffer[..step.produced]);
                at += step.consumed;
                if step.done {
                    break Ok(Some(at));
                }
                if step.consumed > 0 && at < seen {
                    continue;
                }
                assert_eq!(at, seen, "it takes all that it can");
                if seen == input.len() {
                    break Ok(None);
                }
                seen = seen.saturating_add(piece).min(input.len());
            }
            Err(error) => {
                let again = decoder.decode(&input[at..seen], &mut buffer);
                assert_eq!(again, Err(error), "an error stays");
                break Err(error);
            }
        }
    };
    let pairs = decoder.trailers();
    let trailers = pairs.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    Decoded { data, trailers, end }
}

/// A header of the PROXY protocol means the same however it is cut, and says how much it still needs.
pub fn proxy_header(input: &[u8]) {
    use proxy_header::Found;
    let whole = proxy_header::parse(input);
    let mut need = 1;
    for end in 0..=input.len() {
        match proxy_header::parse(&input[..end]) {
            Found::Partial(more) => {
                assert!(more > end && more <= proxy_header::LONGEST);
                need = more;
            }
            found => {
                if let Found::Complete { length, .. } = &found {
                    assert!(*length <= end && need <= end);
                }
                return assert_eq!(found, whole, "cut at {end}");
            }
        }
    }
    assert!(matches!(whole, Found::Partial(_)));
}

#[cfg(test)]
mod tests;
