//! How long a body is, as the slow reader of requests reads it (RFC 9112, 6.3).

use super::tests::parse_with;
use super::*;
use crate::request::reference;
use proptest::prelude::*;

fn a_field() -> impl Strategy<Value = (String, String)> {
    let coding = prop::sample::select(vec![
        "chunked",
        "Chunked",
        "chunked ",
        ",chunked",
        "chunked,",
        ", ,",
        "",
        "gzip",
        "identity",
        "gzip, chunked",
        "chunked, chunked",
        "chunked, gzip",
        "chunked;q=1",
        "xchunked",
        "\"chunked\"",
        "chunked\tx",
        "gzip;a=b, chunked",
        "gzip;a=\"b, chunked\"",
    ]);
    let length = prop_oneof![
        prop::sample::select(vec![
            "0",
            "5",
            "05",
            "+5",
            "-5",
            "5 5",
            "5,5",
            "0x5",
            "1_0",
            "5.0",
            "\"5\"",
            "",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
            "00000000000000000000000000000000000000000000000000000000000000000000007",
        ])
        .prop_map(str::to_string),
        "[0-9]{1,25}",
    ];
    prop_oneof![
        coding.prop_map(|value| ("Transfer-Encoding".to_string(), value.to_string())),
        length.prop_map(|value| ("Content-Length".to_string(), value)),
        Just(("X-Other".to_string(), "chunked".to_string())),
    ]
    .prop_flat_map(|(name, value)| (any::<bool>(), Just(name), Just(value)))
    .prop_map(|(lower, name, value)| (if lower { name.to_ascii_lowercase() } else { name }, value))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn bodies_are_as_long_as_the_reference_says(
        minor in 0..2u8,
        fields in prop::collection::vec(a_field(), 0..4),
    ) {
        let lines: String =
            fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let input = format!("POST / HTTP/1.{minor}\r\nHost: h\r\n{lines}\r\n");
        let ours = parse_with(&input, &HeadPolicy::default()).map(|head| head.body);
        let expected = reference::head::head(input.as_bytes()).map(|head| head.body);
        prop_assert_eq!(ours.ok(), expected.ok(), "{}", input);
    }
}
