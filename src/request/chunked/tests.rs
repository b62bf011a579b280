use super::*;
use crate::request::reference::Fault;
use crate::request::reference::chunked::{Whole, body as reference};
use proptest::prelude::*;

fn finish(decoder: &ChunkedDecoder, data: Vec<u8>, consumed: usize) -> Option<Whole> {
    let trailers = decoder.trailers().map(|(name, value)| (name.to_vec(), value.to_vec()));
    decoder.is_done().then(|| (data, trailers.collect(), consumed))
}

/// Decodes input that comes in pieces into rooms of some size. `Ok(None)`: it did not end.
fn decode_in(
    input: &[u8],
    cuts: &[usize],
    room: usize,
    max_body: u64,
) -> Result<Option<Whole>, ChunkError> {
    let mut decoder = ChunkedDecoder::new(max_body);
    let (mut data, mut at, mut buffer) = (Vec::new(), 0, vec![0; room]);
    for end in cuts.iter().copied().chain([input.len()]) {
        loop {
            let step = decoder.decode(&input[at..end.clamp(at, input.len())], &mut buffer)?;
            data.extend_from_slice(&buffer[..step.produced]);
            at += step.consumed;
            if step.consumed == 0 || step.done {
                break;
            }
        }
    }
    assert_eq!(decoder.total(), data.len() as u64);
    Ok(finish(&decoder, data, at))
}

fn decode(input: &[u8]) -> Result<Option<Whole>, ChunkError> {
    decode_in(input, &[], 64, 0)
}

fn data(input: &str) -> Result<String, Refusal> {
    match decode(input.as_bytes()) {
        Ok(Some((data, ..))) => Ok(String::from_utf8_lossy(&data).into_owned()),
        Ok(None) => panic!("{input:?} has no end"),
        Err(error) => Err(error.refusal()),
    }
}

#[test]
fn bodies() {
    assert_eq!(data("0\r\n\r\n"), Ok(String::new()));
    assert_eq!(data("5\r\nhello\r\n0\r\n\r\n"), Ok("hello".to_string()));
    assert_eq!(data("5\r\nhello\r\n006\r\n world\r\n000\r\n\r\n"), Ok("hello world".to_string()));
    let hex = format!("1A\r\n{0}\r\n1a\r\n{0}\r\n0\r\n\r\n", "x".repeat(26));
    assert_eq!(data(&hex), Ok("x".repeat(52)));
    assert_eq!(data("2\r\n\r\n\r\n0\r\n\r\n"), Ok("\r\n".to_string()));
}

#[test]
fn what_follows_is_left_alone() {
    let (_, _, consumed) = decode(b"0\r\n\r\nGET /").unwrap().unwrap();
    assert_eq!(consumed, 5);
    let mut decoder = ChunkedDecoder::new(0);
    assert!(decoder.skip(b"0\r\n\r\n").is_ok_and(|step| step.done));
    let more = decoder.decode(b"GET /", &mut [0; 8]);
    assert_eq!(more, Ok(Step { consumed: 0, produced: 0, done: true }));
}

#[test]
fn sizes() {
    for bad in [
        "",
        "0x5",
        "+5",
        "-5",
        "1_0",
        "5_",
        " 5",
        "5 ",
        "\t5",
        "g",
        "5g",
        "00000000000000005",
        "10000000000000000",
        "8000000000000000",
        "ffffffffffffffff",
        "5\0",
    ] {
        assert_eq!(data(&format!("{bad}\r\nhello\r\n0\r\n\r\n")), Err(BAD_SIZE), "{bad:?}");
    }
    for bad in ["5\n", "5\r", "5\rX", "5\r\r\n"] {
        assert_eq!(data(&format!("{bad}hello\r\n0\r\n\r\n")), Err(BAD_SIZE), "{bad:?}");
    }
    assert_eq!(data("\r\n0\r\n\r\n"), Err(BAD_SIZE));
}

#[test]
fn extensions() {
    for good in
        [";a", ";a=b", ";a=\"b\"", ";a=\"b;\\\"\\\\c\"", ";a;b=c", "; a = b ; c", " ;a", ";a=\"\""]
    {
        let body = format!("5{good}\r\nhello\r\n0{good}\r\n\r\n");
        assert_eq!(data(&body), Ok("hello".to_string()), "{good:?}");
    }
    for bad in [
        ";",
        ";;",
        ";a;",
        ";a=",
        ";a=[x",
        ";a=\"b",
        ";a=\"b\\",
        ";a=\"b\"c",
        ";a b",
        ";a=b c",
        ";a ",
        ";a=b ",
        ";a\n",
        ";a=\"\n\"",
        ";a=\"\r\n\"",
        ";a\0",
        ";=a",
        ";a\rb",
    ] {
        let refusal = data(&format!("5{bad}\r\nhello\r\n0\r\n\r\n")).err();
        assert!(matches!(refusal, Some(BAD_EXTENSION | BAD_SIZE)), "{bad:?} {refusal:?}");
    }
}

#[test]
fn a_flood_of_extensions() {
    let fits = format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(MAX_EXTENSION_BYTES - 2));
    assert_eq!(data(&fits), Ok("x".to_string()));
    let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(MAX_EXTENSION_BYTES));
    assert_eq!(data(&long), Err(BAD_EXTENSION));
    let many = format!("{}0\r\n\r\n", "1;aaaaaaaa\r\nx\r\n".repeat(500));
    assert_eq!(data(&many), Err(BAD_EXTENSION));
}

#[test]
fn ends_of_chunks() {
    for bad in
        ["5\r\nhello0\r\n", "5\r\nhello\n0", "5\r\nhello\r0", "5\r\nhelloXX", "5\r\nhello\r\r\n"]
    {
        assert_eq!(data(&format!("{bad}\r\n0\r\n\r\n")), Err(BAD_END), "{bad:?}");
    }
}

#[test]
fn data_before_a_bad_byte_is_given_first() {
    let mut decoder = ChunkedDecoder::new(0);
    let (input, mut output) = (b"5\r\nhelloXX", [0; 8]);
    let step = decoder.decode(input, &mut output).unwrap();
    assert_eq!(step, Step { consumed: 8, produced: 5, done: false });
    let error = decoder.decode(&input[8..], &mut output);
    assert_eq!(error, Err(ChunkError::Malformed(BAD_END)));
    assert_eq!(decoder.decode(b"\r\n0\r\n\r\n", &mut output), error);
}

#[test]
fn limits() {
    let body = b"5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n";
    assert!(matches!(decode_in(body, &[], 64, 10), Ok(Some(_))));
    assert_eq!(decode_in(body, &[], 64, 9), Err(ChunkError::TooLarge(BODY_TOO_LARGE)));
    let huge = b"7fffffffffffffff\r\n";
    assert_eq!(decode_in(huge, &[], 64, 9), Err(ChunkError::TooLarge(BODY_TOO_LARGE)));
    assert_eq!(decode_in(huge, &[], 64, 0), Ok(None));
    let twice = b"1\r\nx\r\n7fffffffffffffff\r\n";
    assert_eq!(decode_in(twice, &[], 64, 0), Err(ChunkError::TooLarge(BODY_TOO_LARGE)));
}

#[test]
fn trailers() {
    let (_, trailers, _) =
        decode(b"0\r\nVary: *\r\nContent-Type: t\r\nB-C:\t x y \r\nD:\r\n\r\n").unwrap().unwrap();
    let text = |text: &str| text.as_bytes().to_vec();
    let pairs = [("Vary", "*"), ("Content-Type", "t"), ("B-C", "x y"), ("D", "")];
    assert_eq!(trailers, pairs.map(|(name, value)| (text(name), text(value))));
    for (bad, refusal) in [
        ("A: 1\n", NO_CRLF),
        ("\n", NO_CRLF),
        ("A: 1\rB: 2\r\n", NO_CRLF),
        ("A\n", NO_CRLF),
        ("A\r\n", ILLEGAL_LINE),
        ("A : 1\r\n", ILLEGAL_LINE),
        (": 1\r\n", ILLEGAL_LINE),
        (" A: 1\r\n", ILLEGAL_LINE),
        ("A: 1\r\n b\r\n", ILLEGAL_LINE),
        ("A: \0\r\n", ILLEGAL_LINE),
        ("\rX", ILLEGAL_END),
        ("Content-Length: 1\r\n", BAD_TRAILER),
        ("TRANSFER-ENCODING: chunked\r\n", BAD_TRAILER),
        ("host: h\r\n", BAD_TRAILER),
        ("Authorization: x\r\n", BAD_TRAILER),
        ("Cookie: x\r\n", BAD_TRAILER),
        ("X-Forwarded-For: x\r\n", BAD_TRAILER),
    ] {
        assert_eq!(data(&format!("0\r\n{bad}\r\n")), Err(refusal), "{bad:?}");
    }
}

#[test]
fn too_many_trailers() {
    let body = |line: &str, count: usize| format!("0\r\n{}\r\n", line.repeat(count)).into_bytes();
    assert!(matches!(decode(&body("A: 1\r\n", MAX_TRAILERS)), Ok(Some(_))));
    let error = Err(ChunkError::Trailers(TOO_LARGE));
    assert_eq!(decode(&body("A: 1\r\n", MAX_TRAILERS + 1)), error);
    assert_eq!(decode(&body(&format!("A: {}\r\n", "x".repeat(MAX_TRAILER_BYTES)), 1)), error);
}

#[test]
fn it_is_used_again() {
    let mut decoder = ChunkedDecoder::new(0);
    assert!(decoder.skip(b"1;a\r\nx\r\n0\r\nA: 1\r\n\r\n").is_ok_and(|step| step.done));
    decoder.reset(3);
    assert_eq!((decoder.is_done(), decoder.total(), decoder.trailers().len()), (false, 0, 0));
    assert!(decoder.skip(b"x").is_err());
    decoder.reset(3);
    let step = decoder.skip(b"3\r\nabc\r\n0\r\n\r\n").unwrap();
    assert_eq!(step, Step { consumed: 13, produced: 3, done: true });
}

fn bodies_like_these() -> impl Strategy<Value = Vec<u8>> {
    let chunk =
        (proptest::collection::vec(any::<u8>(), 1..20), 0..8usize).prop_map(|(data, extension)| {
            let extension = ["", "", "", ";a", ";a=b", "; a = \"b;\\\"\"", " ;a", ";"][extension];
            let mut bytes = format!("{:x}{extension}\r\n", data.len()).into_bytes();
            bytes.extend_from_slice(&data);
            bytes.extend_from_slice(b"\r\n");
            bytes
        });
    let trailers = proptest::sample::select(vec![
        "",
        "",
        "A: b\r\n",
        "A:b \r\nC-D:\t\r\n",
        "Host: h\r\n",
        "A\r\n",
    ]);
    let damage = proptest::option::of((any::<prop::sample::Index>(), 0..4usize, any::<u8>()));
    let parts = (proptest::collection::vec(chunk, 0..5), trailers, damage);
    parts.prop_map(|(chunks, trailers, damage)| {
        let mut bytes = chunks.concat();
        bytes.extend_from_slice(format!("0\r\n{trailers}\r\nGET /").as_bytes());
        if let Some((index, kind, byte)) = damage {
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"\r\n;\" 0a:"[usize::from(byte) % 8]),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn agrees_with_the_reference(input in bodies_like_these()) {
        match (decode(&input), reference(&input)) {
            (Ok(Some(whole)), expected) => prop_assert_eq!(Ok(whole), expected),
            // Whole lines are not needed to see that it is wrong.
            (Err(_), expected) => prop_assert!(expected.is_err()),
            (Ok(None), expected) => prop_assert_eq!(expected, Err(Fault::Short)),
        }
    }

    #[test]
    fn any_cut_comes_to_the_same_end(
        input in bodies_like_these(),
        cuts in proptest::collection::vec(0..120usize, 0..6),
        room in 1..9usize,
    ) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let expected = decode(&input);
        prop_assert_eq!(decode_in(&input, &cuts, room, 0), expected.clone());
        let bytes: Vec<usize> = (0..=input.len()).collect();
        prop_assert_eq!(decode_in(&input, &bytes, room, 0), expected);
    }

    #[test]
    fn skipping_is_decoding_without_the_data(input in bodies_like_these()) {
        let mut decoder = ChunkedDecoder::new(0);
        let (mut at, mut skipped) = (0, 0);
        let result = loop {
            match decoder.skip(&input[at..]) {
                Err(error) => break Err(error),
                Ok(step) => (at, skipped) = (at + step.consumed, skipped + step.produced),
            }
            if decoder.is_done() || at == input.len() {
                break Ok(decoder.is_done().then_some((at, skipped)));
            }
        };
        let expected = decode(&input).map(|whole| whole.map(|(data, _, at)| (at, data.len())));
        prop_assert_eq!(result, expected);
    }
}
