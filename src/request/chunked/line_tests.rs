use super::*;
use proptest::prelude::*;

fn in_chunks(data: &[u8], size: usize) -> Vec<u8> {
    let chunk = |data: &[u8]| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
    let mut bytes: Vec<u8> = data.chunks(size).flat_map(chunk).collect();
    bytes.extend_from_slice(b"0\r\n\r\nGET /");
    bytes
}

/// What each call gave, with input that comes in pieces; the end of the body is the last.
fn decode_lines(input: &[u8], piece: usize, room: usize) -> Vec<Vec<u8>> {
    let mut decoder = ChunkedDecoder::new(0);
    let (mut given, mut at, mut there) = (Vec::new(), 0, 0);
    while !decoder.is_done() {
        let mut buffer = vec![0; room];
        let step = decoder.decode_line(&input[at..there], &mut buffer).unwrap();
        at += step.consumed;
        if step.produced > 0 {
            given.push(buffer[..step.produced].to_vec());
        } else if step.consumed == 0 {
            there = (there + piece).min(input.len());
        }
    }
    assert_eq!(&input[at..], b"GET /");
    given
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn no_part_goes_past_its_line(
        data in proptest::collection::vec(prop::sample::select(&b"x\n\r"[..]), 0..80),
        size in 1..20usize,
        piece in 1..40usize,
        room in 1..20usize,
    ) {
        let given = decode_lines(&in_chunks(&data, size), piece, room);
        prop_assert_eq!(given.concat(), data);
        for part in given {
            prop_assert!(!part[..part.len() - 1].contains(&b'\n'));
        }
    }
}

/// A search for the line's end looks no further than the chunk; else this would take minutes.
#[test]
fn many_small_chunks_without_a_line_end_are_decoded_once() {
    let input = in_chunks(&vec![b'x'; 1 << 19], 1);
    let mut decoder = ChunkedDecoder::new(0);
    let mut output = vec![0; 1 << 20];
    let step = decoder.decode_line(&input, &mut output).unwrap();
    assert_eq!((step.produced, step.done), (1 << 19, true));
}
