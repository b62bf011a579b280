use super::*;
use crate::request::head::Parsed;

pub(super) fn parse_with(input: &str, policy: &HeadPolicy) -> Result<RequestHead, Refusal> {
    let mut head = RequestHead::new();
    match head.parse(input.as_bytes(), policy) {
        Parsed::Complete { .. } => Ok(head),
        Parsed::Refused(refusal) => Err(refusal),
        Parsed::Partial => panic!("{input:?}"),
    }
}

fn parse(fields: &str) -> Result<RequestHead, Refusal> {
    let input = format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    parse_with(&input, &HeadPolicy::default())
}

fn old(fields: &str) -> Result<RequestHead, Refusal> {
    parse_with(&format!("POST / HTTP/1.0\r\n{fields}\r\n"), &HeadPolicy::default())
}

#[test]
fn hosts() {
    let host = |fields: &str| {
        let input = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        parse_with(&input, &HeadPolicy::default()).map(|_| ())
    };
    for good in ["h", "a_b=c", "h:", "h:8070", "[::1]:80", "[v1.a:b]", "%41.example", "1.2.3.4"] {
        assert_eq!(host(&format!("Host: {good}\r\n")), Ok(()), "{good}");
    }
    for bad in [
        "",
        ":80",
        "u@h",
        "h/p",
        "h p",
        "h:x",
        "h:65536",
        "h:1:2",
        "::1",
        "[::1",
        "[::1]x",
        "[]",
        "[::1%25eth0]",
        "%4",
        "%zz",
        "h?",
        "h#",
        "\"h\"",
        "\u{e9}",
        "h\\",
    ] {
        assert_eq!(host(&format!("Host: {bad}\r\n")), Err(BAD_HOST), "{bad}");
    }
    assert_eq!(host(""), Err(NO_HOST));
    assert_eq!(host("Host: h\r\nhost: h\r\n"), Err(TWO_HOSTS));
    assert!(old("").is_ok());
    assert_eq!(old("Host: a b\r\n").map(|_| ()), Err(BAD_HOST));
}

#[test]
fn content_lengths() {
    let length = |value: &str| parse(&format!("Content-Length: {value}\r\n")).map(|h| h.body);
    assert_eq!(length("5"), Ok(Body::Length(5)));
    assert_eq!(length("010"), Ok(Body::Length(10)));
    assert_eq!(length("0"), Ok(Body::None));
    assert_eq!(length("9223372036854775807"), Ok(Body::Length(i64::MAX as u64)));
    for bad in [
        "",
        "+5",
        "-5",
        "-0",
        "0x5",
        "1_0",
        "5.0",
        "\"5\"",
        "5 5",
        "5, 5",
        "5,",
        "5a",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999999",
    ] {
        assert_eq!(length(bad), Err(BAD_LENGTH), "{bad}");
    }
    let twice = "Content-Length: 5\r\nContent-Length: 5\r\n";
    assert_eq!(parse(twice).map(|h| h.body), Err(BAD_LENGTH));
    assert_eq!(old("content-length: 5\r\n").map(|h| h.body), Ok(Body::Length(5)));
}

#[test]
fn a_body_over_the_limit() {
    let policy = HeadPolicy { max_body: 10, ..HeadPolicy::default() };
    let body = |length: u64| {
        let input = format!("POST / HTTP/1.0\r\nContent-Length: {length}\r\n\r\n");
        parse_with(&input, &policy).map(|head| head.body)
    };
    assert_eq!(body(10), Ok(Body::Length(10)));
    assert_eq!(body(11), Err(BODY_TOO_LARGE));
}

#[test]
fn transfer_codings() {
    let coding = |fields: &str| parse(fields).map(|head| head.body);
    let one = |value: &str| coding(&format!("Transfer-Encoding: {value}\r\n"));
    assert_eq!(one("chunked"), Ok(Body::Chunked));
    assert_eq!(one("CHUNKED"), Ok(Body::Chunked));
    assert_eq!(one("\tChunked "), Ok(Body::Chunked));
    for bad in [
        "",
        ",",
        ", chunked",
        ",chunked",
        "chunked,",
        "chunked ,",
        "chunked ,,",
        "gzip,, chunked",
        "gzip,",
        "chunked, chunked",
        "chunked, gzip",
        "chunked;q=1",
        "chunked ; q=1",
        "\"chunked\"",
        "chunked chunked",
        "'chunk,ed'\"",
        "\u{ff}chunked",
        "chunked, identity",
        "gzip;q=\"a\"",
    ] {
        assert_eq!(one(bad), Err(BAD_CODING), "{bad}");
    }
    for other in ["gzip", "identity", "xchunked", "gzip, chunked", "gzip;q=1, chunked", "chunk"] {
        assert_eq!(one(other), Err(OTHER_CODING), "{other}");
    }
    let lines = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(coding(lines), Err(BAD_CODING));
    for lines in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n",
        "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert_eq!(coding(lines), Err(BAD_CODING), "{lines}");
    }
    let lines = "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(coding(lines), Err(OTHER_CODING));
}

#[test]
fn the_order_of_coding_rules() {
    let both = "Transfer-Encoding: gzip\r\nContent-Length: x\r\n";
    assert_eq!(parse(both).map(|h| h.body), Err(TWO_LENGTHS));
    assert_eq!(old(both).map(|h| h.body), Err(TWO_LENGTHS));
    let empty = "Transfer-Encoding: , chunked\r\n";
    assert_eq!(old(empty).map(|h| h.body), Err(OLD_CODING));
    let both_empty = "Transfer-Encoding: , chunked\r\nContent-Length: 5\r\n";
    assert_eq!(parse(both_empty).map(|h| h.body), Err(TWO_LENGTHS));
    assert_eq!(old("Transfer-Encoding: gzip\r\n").map(|h| h.body), Err(OLD_CODING));
    assert_eq!(old("Transfer-Encoding: chunked\r\n").map(|h| h.body), Err(OLD_CODING));
    let input = "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n";
    assert_eq!(parse_with(input, &HeadPolicy::default()).map(|h| h.body), Err(NO_HOST));
}

#[test]
fn expectations() {
    let expects = |fields: &str| parse(fields).map(|head| head.expect_continue);
    assert_eq!(expects("Expect: 100-Continue\r\nContent-Length: 1\r\n"), Ok(true));
    assert_eq!(expects("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"), Ok(true));
    assert_eq!(expects("Expect: 100-continue\r\nContent-Length: 0\r\n"), Ok(false));
    assert_eq!(expects("Expect: 100-continue\r\n"), Ok(false));
    assert_eq!(expects("Expect:\r\nContent-Length: 1\r\n"), Ok(false));
    assert_eq!(expects("Expect: tea\r\n"), Err(OTHER_EXPECTATION));
    assert_eq!(expects("Expect: 100-continue, tea\r\n"), Err(OTHER_EXPECTATION));
    assert_eq!(expects("Expect: 100-continue\r\nExpect: tea\r\n"), Err(OTHER_EXPECTATION));
    let continued = old("Expect: 100-continue\r\nContent-Length: 1\r\n");
    assert_eq!(continued.map(|head| head.expect_continue), Ok(false));
    assert_eq!(old("Expect: tea\r\n").map(|head| head.expect_continue), Err(OTHER_EXPECTATION));
}

#[test]
fn connections() {
    let keeps = |fields: &str| parse(fields).map(|head| (head.keep_alive, head.keep_alive_asked));
    assert_eq!(keeps(""), Ok((true, false)));
    assert_eq!(keeps("Connection: keep-alive\r\n"), Ok((true, false)));
    assert_eq!(keeps("Connection: Close\r\n"), Ok((false, false)));
    assert_eq!(keeps("Connection: keep-alive, close\r\n"), Ok((false, false)));
    assert_eq!(keeps("Connection: x\r\nConnection: CLOSE\r\n"), Ok((false, false)));
    assert_eq!(keeps("Connection: closed\r\n"), Ok((true, false)));
    let keeps = |fields: &str| old(fields).map(|head| (head.keep_alive, head.keep_alive_asked));
    assert_eq!(keeps(""), Ok((false, false)));
    assert_eq!(keeps("Connection: Keep-Alive\r\n"), Ok((true, true)));
    assert_eq!(keeps("Connection: x , keep-alive\r\n"), Ok((true, true)));
    assert_eq!(keeps("Connection: keep-alive, close\r\n"), Ok((false, false)));
}

#[test]
fn rules_of_1_0_by_option() {
    let policy = HeadPolicy { http10: true, ..HeadPolicy::default() };
    let head = |fields: &str| {
        let input = format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        parse_with(&input, &policy)
    };
    assert!(!head("").is_ok_and(|head| head.keep_alive));
    assert!(head("Connection: keep-alive\r\n").is_ok_and(|head| head.keep_alive_asked));
    let asks = "Expect: 100-continue\r\nContent-Length: 1\r\n";
    assert!(!head(asks).is_ok_and(|head| head.expect_continue));
}

#[test]
fn upgrades() {
    let upgrade = |fields: &str| parse(fields).map(|head| head.upgrade);
    assert_eq!(upgrade("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"), Ok(true));
    assert_eq!(upgrade("Upgrade: websocket\r\n"), Ok(false));
    assert_eq!(upgrade("Connection: upgrade\r\n"), Ok(false));
}

#[test]
fn upgrades_of_1_0_are_ignored() {
    let fields = "Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\nX-A: 2\r\n";
    let names = |head: &RequestHead| head.fields.iter().map(|f| f.known).collect::<Vec<_>>();
    let head = old(fields).unwrap();
    assert!(!head.upgrade && !head.has(Known::Upgrade) && head.keep_alive_asked && head.repeats());
    assert_eq!(names(&head), [Known::Connection, Known::Other, Known::Other]);
    assert!(parse(fields).is_ok_and(|head| head.upgrade && names(&head)[2] == Known::Upgrade));
    let policy = HeadPolicy { http10: true, ..HeadPolicy::default() };
    let input = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    assert!(parse_with(&input, &policy).is_ok_and(|head| !head.has(Known::Upgrade)));
}

#[test]
fn fields_that_must_be_single() {
    let twice = |name: &str| parse(&format!("{name}: a\r\n{name}: a\r\n")).map(|_| ());
    assert_eq!(twice("Content-Type").err(), Some(REPEATED));
    assert_eq!(twice("Authorization").err(), Some(REPEATED));
    assert_eq!(twice("Proxy-Authorization").err(), Some(REPEATED));
    assert!(twice("Accept").is_ok() && twice("X-Any").is_ok() && twice("User-Agent").is_ok());
}
