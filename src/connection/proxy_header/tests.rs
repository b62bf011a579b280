use super::*;

fn ends(source: &str, destination: &str) -> Ends {
    let address = |text: &str| text.parse().expect("an address");
    Ends::Ip { source: address(source), destination: address(destination) }
}

/// A header of version 2.
fn version2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("short enough").to_be_bytes();
    [version2::SIGNATURE, &[command, family], &length, rest].concat()
}

fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("short enough").to_be_bytes();
    [&[kind][..], &length, value].concat()
}

const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0xc3, 0x50, 0x01, 0xbb];

fn complete(bytes: &[u8]) -> ProxyHeader<'_> {
    match parse(bytes) {
        Found::Complete { length, header } if length == bytes.len() => header,
        other => panic!("{other:?}"),
    }
}

fn wrong(bytes: &[u8]) -> &'static str {
    match parse(bytes) {
        Found::Wrong(why) => why,
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(bytes)),
    }
}

#[test]
fn version_1_gives_both_ends() {
    let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\nGET / HTTP/1.1\r\n";
    let Found::Complete { length, header } = parse(line) else { panic!("it is complete") };
    assert_eq!(&line[length..length + 3], b"GET");
    assert_eq!(header.ends, ends("192.0.2.1:50000", "198.51.100.2:443"));
    let line = b"PROXY TCP6 2001:db8::1 ::1 0 65535\r\n";
    assert_eq!(complete(line).ends, ends("[2001:db8::1]:0", "[::1]:65535"));
    for line in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f:f 1 anything 3\r\n"] {
        assert_eq!(complete(line.as_bytes()), ProxyHeader::default());
    }
}

#[test]
fn a_line_that_is_not_in_order_is_refused() {
    for line in [
        "PROXY TCP4 192.0.2.1 198.51.100.2 50000\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 50000 443 1\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.2 50000 443\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.2 50000 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 50000 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 +50000 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 050 443\r\n",
        "PROXY TCP4 ::1 ::1 50000 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.2 50000 443\r\n",
        "PROXY TCP6 fe80::1%1 ::1 50000 443\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.2 50000 443\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.2 50000 443\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r \n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\n",
        "PROXY UNKNOWN \n\r\n",
    ] {
        wrong(line.as_bytes());
    }
    let long = format!("PROXY UNKNOWN {}", "x".repeat(93));
    assert_eq!(wrong(long.as_bytes()), "the line is too long");
    assert_eq!(wrong(format!("{}\r", &long[..106]).as_bytes()), "the line is too long");
    let longest = format!("{}\r\n", &long[..105]);
    assert_eq!(complete(longest.as_bytes()).ends, Ends::Real);
}

#[test]
fn version_2_gives_both_ends() {
    let header = version2(0x21, 0x11, &V4);
    assert_eq!(complete(&header).ends, ends("192.0.2.1:50000", "198.51.100.2:443"));
    let mut v6 = [0; 36];
    (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 3, 4);
    let header = version2(0x21, 0x21, &v6);
    assert_eq!(complete(&header).ends, ends("[::1]:3", "[::2]:4"));
    assert_eq!(complete(&version2(0x21, 0x31, &[b'/'; 216])).ends, Ends::Unix);
    for (command, family, rest) in [
        (0x21, 0x00, &b""[..]),
        (0x21, 0x12, &V4),
        (0x21, 0x22, &v6),
        (0x20, 0x11, &V4),
        (0x20, 0xff, b"what it says is not looked at"),
    ] {
        assert_eq!(complete(&version2(command, family, rest)).ends, Ends::Real);
    }
}

#[test]
fn version_2_that_is_not_in_order_is_refused() {
    for (header, why) in [
        (version2(0x11, 0x11, &V4), "its version is unknown"),
        (version2(0x22, 0x11, &V4), "its command is unknown"),
        (version2(0x21, 0x41, &V4), "its family is unknown"),
        (version2(0x21, 0x13, &V4), "its protocol is unknown"),
        (version2(0x21, 0x11, &V4[1..]), "its addresses are cut"),
        (version2(0x21, 0x21, &V4), "its addresses are cut"),
        (version2(0x21, 0x31, &[0; 215]), "its addresses are cut"),
        (version2(0x21, 0x11, &[&V4[..], &[4, 0]].concat()), "the length of a field is wrong"),
        (
            version2(0x21, 0x11, &[&V4[..], &[4, 0, 2, 0]].concat()),
            "the length of a field is wrong",
        ),
        (version2(0x21, 0, &[field(2, b"a"), field(2, b"b")].concat()), "it has a field twice"),
        (version2(0x21, 0, &field(2, b"a\0b")), "a text in it is not one"),
        (version2(0x21, 0, &field(2, b"\xff")), "a text in it is not one"),
        (version2(0x21, 0, &field(3, b"123")), "the length of a field is wrong"),
        (version2(0x21, 0, &field(5, &[b'x'; 129])), "its unique id is too long"),
        (version2(0x21, 0, &field(0x20, &[1, 0, 0, 0])), "the length of a field is wrong"),
        (
            version2(0x21, 0, &field(0x20, &[1, 0, 0, 0, 0, 0x21, 0, 1])),
            "the length of a field is wrong",
        ),
    ] {
        assert_eq!(wrong(&header), why);
    }
    let too_long = [version2::SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat();
    assert_eq!(wrong(&too_long), "it is too long");
    let no_version = [version2::SIGNATURE, &[0x31]].concat();
    assert_eq!(wrong(&no_version), "its version is unknown");
}

#[test]
fn fields_are_read_and_others_skipped() {
    let ssl = [
        &[1 | 2, 0, 0, 0, 0][..],
        &field(0x21, b"TLSv1.3"),
        &field(0x22, "Zoë".as_bytes()),
        &field(0x23, b"TLS_AES_128_GCM_SHA256"),
        &field(0x25, b"RSA2048"),
    ];
    let fields = [
        field(1, b"http/1.1"),
        field(2, b"example.org"),
        field(4, &[0; 300]),
        field(5, b"id-1"),
        field(0x20, &ssl.concat()),
        field(0xea, b"a cloud's own"),
    ];
    let header = version2(0x21, 0x11, &[&V4[..], &fields.concat()].concat());
    let header = complete(&header);
    assert_eq!(header.authority, Some(&b"example.org"[..]));
    assert_eq!(header.unique_id, Some(&b"id-1"[..]));
    let tls = header.tls.expect("it has been told");
    assert!(tls.has_certificate && tls.is_verified);
    assert_eq!(tls.version, Some(&b"TLSv1.3"[..]));
    assert_eq!(tls.cipher, Some(&b"TLS_AES_128_GCM_SHA256"[..]));
    assert_eq!(tls.common_name, Some("Zoë".as_bytes()));
    let plain = version2(0x21, 0, &field(0x20, &[0, 0, 0, 0, 1]));
    assert_eq!(complete(&plain).tls, None);
}

#[test]
fn a_checksum_is_compared() {
    let fields = [field(4, b""), field(3, &[0; 4]), field(5, b"1")].concat();
    let mut header = version2(0x21, 0x11, &[&V4[..], &fields].concat());
    assert_eq!(wrong(&header), "its checksum is wrong");
    let place = 16 + 12 + 3 + 3;
    let sum = crc32c_by_table(&header);
    header[place..place + 4].copy_from_slice(&sum.to_be_bytes());
    complete(&header);
    header[20] ^= 1;
    assert_eq!(wrong(&header), "its checksum is wrong");
    assert_eq!(crc32c_by_table(b"123456789"), 0xe306_9283);
}

/// Another way to the same sum: bit by bit from the front.
fn crc32c_by_table(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|byte| {
        (0..8).fold(
            byte as u32,
            |sum, _| {
                if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 }
            },
        )
    });
    !bytes
        .iter()
        .fold(!0, |sum, byte| (sum >> 8) ^ table[((sum ^ u32::from(*byte)) & 255) as usize])
}

#[test]
fn a_header_that_is_cut_waits_for_the_rest() {
    let fields = [field(2, b"h"), field(5, b"1")].concat();
    for whole in [
        b"PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\n".to_vec(),
        version2(0x21, 0x11, &[&V4[..], &fields].concat()),
    ] {
        for end in 0..whole.len() {
            let found = parse(&whole[..end]);
            let Found::Partial(need) = found else { panic!("cut at {end}: {found:?}") };
            assert!(need > end && need <= whole.len());
        }
        complete(&whole);
    }
}

#[test]
fn what_is_no_header_is_seen_at_the_first_byte_that_differs() {
    for bytes in
        ["GET / HTTP/1.1", "PUT", "PROXy", "PROXY\r\n", "\x16\x03\x01", "\r\nGET", "\r\n\r\n\r"]
    {
        assert_eq!(parse(bytes.as_bytes()), Found::Absent, "{bytes:?}");
    }
    for bytes in ["", "P", "PROXY", "\r\n", "\r\n\r\n\0\r\nQUIT\n"] {
        assert!(matches!(parse(bytes.as_bytes()), Found::Partial(_)), "{bytes:?}");
    }
}
