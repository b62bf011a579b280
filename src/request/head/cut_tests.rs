//! A client may cut the bytes anywhere: the end must be the same.

use super::tests::{parse_with, policy, with_fields};
use super::*;
use proptest::prelude::*;

/// What is the same however the bytes are cut.
fn outcome(input: &[u8], policy: &HeadPolicy) -> String {
    let (head, parsed) = parse_with(input, policy);
    match parsed {
        Parsed::Complete { .. } => format!("{parsed:?} {head:?}"),
        _ => format!("{parsed:?}"),
    }
}

/// The first end that a client comes to that sends the bytes one after the other.
fn outcome_by_bytes(input: &[u8], policy: &HeadPolicy) -> String {
    for length in 0..input.len() {
        if parse_with(&input[..length], policy).1 != Parsed::Partial {
            return outcome(&input[..length], policy);
        }
    }
    outcome(input, policy)
}

/// The same with a scanner that says when to look.
fn outcome_by_scanner(input: &[u8], policy: &HeadPolicy, cuts: &[usize]) -> String {
    let mut scanner = HeadScanner::new(policy);
    for cut in cuts {
        let so_far = &input[..*cut.min(&input.len())];
        if scanner.advance(so_far) && parse_with(so_far, policy).1 != Parsed::Partial {
            return outcome(so_far, policy);
        }
    }
    outcome(input, policy)
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "GET ",
        "POST ",
        "OPTIONS ",
        "/",
        "* ",
        "/a%2Fb?c ",
        "http://h/ ",
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/2.0",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        "\t",
        "#",
        ":",
        "Host: h",
        "Host: ",
        "X: y",
        "X_Y: z",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Expect: x",
        "Connection: close",
        "\0",
        "\u{e9}",
        "%",
        "M",
    ];
    let word = proptest::sample::select(words.to_vec());
    let noise = proptest::collection::vec(word, 0..14).prop_map(|words| words.concat());
    let line = proptest::sample::select(vec![
        "",
        "\r\n",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n",
        "POST /x HTTP/1.0\r\n",
    ]);
    (line, noise).prop_map(|(line, noise)| format!("{line}{noise}\r\n\r\n").into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn any_cut_comes_to_the_same_end(input in pieces()) {
        for policy in [
            policy(),
            HeadPolicy { max_request_line: 16, ..policy() },
            HeadPolicy { max_header_bytes: 40, max_fields: 2, ..policy() },
            HeadPolicy { max_field_bytes: 11, max_field_name: 6, ..policy() },
        ] {
            prop_assert_eq!(outcome(&input, &policy), outcome_by_bytes(&input, &policy));
        }
    }

    #[test]
    fn the_scanner_misses_nothing(input in pieces(), cuts in proptest::collection::vec(1..80usize, 0..8)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        prop_assert_eq!(outcome(&input, &policy()), outcome_by_scanner(&input, &policy(), &cuts));
        let bytes: Vec<usize> = (0..=input.len()).collect();
        prop_assert_eq!(outcome(&input, &policy()), outcome_by_scanner(&input, &policy(), &bytes));
    }

    #[test]
    fn nothing_panics(input in proptest::collection::vec(any::<u8>(), 0..200)) {
        parse_with(&input, &policy());
        let tail = [b"GET / HTTP/1.1\r\n".as_slice(), &input].concat();
        parse_with(&tail, &policy());
    }
}

#[test]
fn a_byte_at_a_time_is_not_quadratic() {
    let input = with_fields(&"X-Long-Name: some value of some length\r\n".repeat(100));
    let mut scanner = HeadScanner::new(&policy());
    let asked = (1..input.len()).filter(|length| scanner.advance(&input[..*length])).count();
    assert!(asked < 20, "{asked}");
    assert!(scanner.advance(&input));
}

/// A client that sends one byte too many and then nothing gets its answer, not a time-out.
#[test]
fn the_byte_that_exceeds_a_limit_is_looked_at() {
    let policy = HeadPolicy {
        max_header_bytes: 300,
        max_request_line: 100,
        max_field_bytes: 90,
        max_field_name: 40,
        ..policy()
    };
    let method = vec![b'M'; 400];
    let header = [b"GET / HTTP/1.1\r\nX-Long: ".to_vec(), vec![b'x'; 400]].concat();
    let after_empty_line = [b"\r\n".to_vec(), method.clone()].concat();
    let name = [b"GET / HTTP/1.1\r\nX-Long".to_vec(), vec![b'x'; 400]].concat();
    let many = [with_fields(""), b"X: y\r\n".repeat(70)].concat();
    for input in [method, after_empty_line, header, name, many] {
        let refused = |length: &usize| parse_with(&input[..*length], &policy).1 != Parsed::Partial;
        let decides = (1..input.len()).find(refused).unwrap();
        let mut scanner = HeadScanner::new(&policy);
        let asked: Vec<_> = (1..=decides).filter(|at| scanner.advance(&input[..*at])).collect();
        assert_eq!(asked.last(), Some(&decides));
    }
}
