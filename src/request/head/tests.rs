use super::*;
use crate::request::framing::*;
use crate::request::headers::{ILLEGAL_END, ILLEGAL_LINE, TOO_LARGE};
use crate::request::line::*;

pub(super) fn policy() -> HeadPolicy {
    HeadPolicy::default()
}

pub(super) fn parse_with(input: &[u8], policy: &HeadPolicy) -> (RequestHead, Parsed) {
    let mut head = RequestHead::new();
    let parsed = head.parse(input, policy);
    (head, parsed)
}

/// The head of a request that must be accepted to its last byte.
fn accept(input: &[u8]) -> RequestHead {
    let (head, parsed) = parse_with(input, &policy());
    assert_eq!(parsed, Parsed::Complete { length: input.len() }, "{}", input.escape_ascii());
    head
}

fn refuse(input: &[u8]) -> Refusal {
    match parse_with(input, &policy()).1 {
        Parsed::Refused(refusal) => refusal,
        other => panic!("{}: {other:?}", input.escape_ascii()),
    }
}

pub(super) fn with_fields(fields: &str) -> Vec<u8> {
    format!("POST /x HTTP/1.1\r\nHost: h\r\n{fields}\r\n").into_bytes()
}

fn values(input: &[u8], head: &RequestHead) -> Vec<(String, String)> {
    let text = |span: Span| String::from_utf8_lossy(span.of(input)).into_owned();
    head.fields.iter().map(|field| (text(field.name), text(field.value))).collect()
}

#[test]
fn a_plain_request() {
    let input = b"GET /a%20b?q=%20 HTTP/1.1\r\nHost: h:80\r\nX-One:\t 1 \t\r\nEmpty:\r\n\r\n";
    let head = accept(input);
    assert_eq!(head.method.of(input), b"GET");
    assert_eq!(head.target.of(input), b"/a%20b?q=%20");
    assert_eq!(head.path, b"/a b");
    assert_eq!(head.query.of(input), b"q=%20");
    assert_eq!(head.version.of(input), b"HTTP/1.1");
    assert_eq!(head.host.map(|host| host.of(input)), Some(&b"h:80"[..]));
    assert_eq!(head.body, Body::None);
    assert!(head.keep_alive && !head.keep_alive_asked && !head.is_head && !head.upgrade);
    let expected = [("Host", "h:80"), ("X-One", "1"), ("Empty", "")];
    let expected = expected.map(|(name, value)| (name.to_string(), value.to_string()));
    assert_eq!(values(input, &head), expected);
}

#[test]
fn the_next_request_is_left_alone() {
    let two = b"GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n";
    assert_eq!(parse_with(two, &policy()).1, Parsed::Complete { length: 18 });
}

#[test]
fn a_head_is_used_again() {
    let mut head = RequestHead::new();
    let first = b"HEAD /long/path?q HTTP/1.1\r\nHost: h\r\nConnection: close, upgrade\r\n\
        Content-Length: 3\r\nUpgrade: x\r\nExpect: 100-continue\r\n\r\n";
    assert!(matches!(head.parse(first, &policy()), Parsed::Complete { .. }));
    assert!(head.is_head && head.upgrade && head.expect_continue && !head.keep_alive);
    let second = b"GET / HTTP/1.0\r\n\r\n";
    head.parse(second, &policy());
    let fresh = accept(second);
    assert_eq!(head.path, fresh.path);
    assert_eq!(head.fields, fresh.fields);
    assert_eq!((head.body, head.host, head.is_head), (Body::None, None, false));
    assert!(!head.upgrade && !head.expect_continue && !head.has(Known::Connection));
}

#[test]
fn one_empty_line_is_skipped() {
    let input = b"\r\nGET / HTTP/1.0\r\n\r\n";
    assert_eq!(accept(input).method.of(input), b"GET");
    assert_eq!(refuse(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n"), MALFORMED_LINE);
    assert_eq!(refuse(b"\nGET / HTTP/1.0\r\n\r\n"), NO_CRLF);
    assert_eq!(refuse(b"\rGET / HTTP/1.0\r\n\r\n"), MALFORMED_LINE);
}

#[test]
fn request_lines() {
    for (line, refusal) in [
        ("GET / HTTP/1.1\n", NO_CRLF),
        ("GET /\nHTTP/1.1\r\n", NO_CRLF),
        ("GET\n", NO_CRLF),
        ("GET /\rHTTP/1.1\r\n", MALFORMED_LINE),
        ("GET / HTTP/1.1\r\r\n", MALFORMED_LINE),
        ("GET\t/ HTTP/1.1\r\n", MALFORMED_LINE),
        ("GET  / HTTP/1.1\r\n", MALFORMED_LINE),
        (" GET / HTTP/1.1\r\n", MALFORMED_LINE),
        ("GET /  HTTP/1.1\r\n", MALFORMED_URI),
        ("GET / HTTP/1.1 \r\n", MALFORMED_LINE),
        ("GET / HTTP/1.1\t\r\n", MALFORMED_LINE),
        ("GET /a b HTTP/1.1\r\n", MALFORMED_URI),
        ("GET /\tb HTTP/1.1\r\n", MALFORMED_URI),
        ("GET /\0 HTTP/1.1\r\n", MALFORMED_URI),
        ("GET /\x7f HTTP/1.1\r\n", MALFORMED_URI),
        ("GET /\u{e9} HTTP/1.1\r\n", MALFORMED_URI),
        ("GET /\r\n", MALFORMED_LINE),
        ("GET / \r\n", MALFORMED_LINE),
        ("GE(T / HTTP/1.1\r\n", MALFORMED_LINE),
        ("G\0T / HTTP/1.1\r\n", MALFORMED_LINE),
        (": / HTTP/1.1\r\n", MALFORMED_LINE),
        ("\u{16}\u{3}\u{1}", MALFORMED_LINE),
        ("GET / http/1.1\r\n", BAD_PROTOCOL),
        ("GET / FTP/1.1\r\n", BAD_PROTOCOL),
        ("GET / HTTP/1\r\n", BAD_VERSION),
        ("GET / HTTP/1.32\r\n", MALFORMED_LINE),
        ("GET / HTTP/01.1\r\n", BAD_VERSION),
        ("GET / HTTP/a.1\r\n", MALFORMED_LINE),
        ("GET / HTTP/1.\r\n", MALFORMED_LINE),
        ("GET / HTTP/4294967295.255\r\n", BAD_VERSION),
        ("GET / HTTP/\r\r1.1\r\n", MALFORMED_LINE),
        ("GET / HTTP/2.0\r\n", OTHER_VERSION),
        ("GET / HTTP/0.9\r\n", OTHER_VERSION),
        ("PRI * HTTP/2.0\r\n", OTHER_VERSION),
        ("HTTP/1.1 200 OK\r\n", MALFORMED_LINE),
    ] {
        assert_eq!(refuse(line.as_bytes()), refusal, "{line:?}");
    }
}

#[test]
fn versions() {
    let input = b"GET / HTTP/1.9\r\nHost: h\r\n\r\n";
    let head = accept(input);
    assert_eq!((head.version_minor, head.version.of(input)), (1, &b"HTTP/1.9"[..]));
    assert_eq!(accept(b"GET / HTTP/1.0\r\n\r\n").version_minor, 0);
}

#[test]
fn methods() {
    for method in ["get", "M-SEARCH", "X!#$%&'*+-.^_`|~9", &"M".repeat(64)] {
        let input = format!("{method} / HTTP/1.0\r\n\r\n");
        assert_eq!(accept(input.as_bytes()).method.of(input.as_bytes()), method.as_bytes());
    }
    let long = format!("{} / HTTP/1.0\r\n\r\n", "M".repeat(65));
    assert_eq!(refuse(long.as_bytes()), METHOD_TOO_LONG);
}

#[test]
fn targets() {
    let target = |method: &str, target: &str| {
        let input = format!("{method} {target} HTTP/1.0\r\n\r\n").into_bytes();
        match parse_with(&input, &policy()) {
            (head, Parsed::Complete { .. }) => Ok(head.path),
            (_, Parsed::Refused(refusal)) => Err(refusal),
            (_, Parsed::Partial) => panic!(),
        }
    };
    assert_eq!(target("GET", "//x"), Ok(b"//x".to_vec()));
    assert_eq!(target("GET", "/../a"), Ok(b"/../a".to_vec()));
    assert_eq!(target("GET", "/a%2Fb%2fc"), Ok(b"/a%2Fb%2Fc".to_vec()));
    assert_eq!(target("GET", "/%252F%zz%"), Ok(b"/%2F%zz%".to_vec()));
    assert_eq!(target("GET", "/%00%0d%0a"), Ok(b"/\0\r\n".to_vec()));
    assert_eq!(target("GET", "/\"<>\\^`{|}"), Ok(b"/\"<>\\^`{|}".to_vec()));
    assert_eq!(target("GET", "/a://b?c"), Ok(b"/a://b".to_vec()));
    assert_eq!(target("OPTIONS", "*"), Ok(b"*".to_vec()));
    assert_eq!(target("GET", "*"), Err(INVALID_PATH));
    assert_eq!(target("OPTIONS", "*?x"), Err(INVALID_PATH));
    assert_eq!(target("GET", "a/b"), Err(INVALID_PATH));
    assert_eq!(target("GET", "?q"), Err(INVALID_PATH));
    assert_eq!(target("GET", "/a#b"), Err(FRAGMENT));
    assert_eq!(target("GET", "/a?b#"), Err(FRAGMENT));
    assert_eq!(target("CONNECT", "h:443"), Err(NO_CONNECT));
    assert_eq!(target("CONNECT", "/x"), Err(NO_CONNECT));
    assert_eq!(target("GET", "h:443"), Err(INVALID_PATH));
}

#[test]
fn absolute_form() {
    let input = b"GET http://h.example:8070/a%20b?q=1?2 HTTP/1.1\r\nHost: H.example:8070\r\n\r\n";
    let head = accept(input);
    assert_eq!((head.path.as_slice(), head.query.of(input)), (&b"/a b"[..], &b"q=1?2"[..]));
    assert_eq!(head.authority.map(|span| span.of(input)), Some(&b"h.example:8070"[..]));
    assert_eq!(head.host, head.authority);
    let bare = b"GET http://h?q HTTP/1.0\r\n\r\n";
    let head = accept(bare);
    assert_eq!((head.path.as_slice(), head.query.of(bare)), (&b"/"[..], &b"q"[..]));
    assert_eq!(head.host, head.authority);
    accept(b"GET https://h:443/ HTTP/1.1\r\nHost: h\r\n\r\n");
    accept(b"GET http://h/ HTTP/1.1\r\nHost: h:80\r\n\r\n");
    accept(b"GET http://[::1]:8080/ HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n");
    for host in ["other", "h:81", "H", "h"] {
        let input = format!("GET http://h/ HTTP/1.1\r\nX: y\r\nHost: {host}\r\n\r\n").into_bytes();
        let head = accept(&input);
        assert_eq!(head.host.map(|span| span.of(&input)), Some(&b"h"[..]), "{host}");
        assert_eq!(values(&input, &head)[1], ("Host".to_string(), "h".to_string()), "{host}");
    }
    assert_eq!(refuse(b"GET http://h/ HTTP/1.1\r\nHost: a b\r\n\r\n"), BAD_HOST);
    assert_eq!(refuse(b"GET http://h/ HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"), TWO_HOSTS);
    assert_eq!(refuse(b"GET http://h/ HTTP/1.1\r\n\r\n"), NO_HOST);
    for target in ["http://u:p@h/", "http:///x", "http://", "://h/", "1h://h/", "http://h:x/"] {
        let input = format!("GET {target} HTTP/1.0\r\n\r\n");
        assert_eq!(refuse(input.as_bytes()), INVALID_PATH, "{target}");
    }
}

#[test]
fn connect_in_proxy_mode() {
    let proxy = HeadPolicy { proxy_mode: true, ..policy() };
    let input = b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n";
    let (head, parsed) = parse_with(input, &proxy);
    assert_eq!(parsed, Parsed::Complete { length: input.len() });
    assert_eq!(head.path, b"h:443");
    for target in ["h", "/h:443", "http://h:443", "u@h:443", "h:"] {
        let input = format!("CONNECT {target} HTTP/1.0\r\n\r\n");
        let parsed = parse_with(input.as_bytes(), &proxy).1;
        assert_eq!(parsed, Parsed::Refused(NOT_AUTHORITY_FORM), "{target}");
    }
}

#[test]
fn limits() {
    let line = HeadPolicy { max_request_line: 20, ..policy() };
    let at = |text: &str, policy: &HeadPolicy| parse_with(text.as_bytes(), policy).1;
    let fits = "GET /aaaaaa HTTP/1.0\r\n\r\n";
    assert_eq!(at(fits, &line), Parsed::Complete { length: fits.len() });
    assert_eq!(at("GET /aaaaaaa HTTP/1.0\r\n\r\n", &line), Parsed::Refused(TOO_LONG));
    assert_eq!(at("GET /aaaaaaaaaaaaaaaaaa", &line), Parsed::Refused(TOO_LONG));
    assert_eq!(at("GETTTTTTTTTTTTTTTTTTTTTTTTT", &line), Parsed::Refused(MALFORMED_LINE));

    let bytes = HeadPolicy { max_header_bytes: 30, ..policy() };
    let fits = "GET / HTTP/1.0\r\nX: 123456789\r\n\r\n";
    assert_eq!(fits.len(), 32);
    assert_eq!(at(fits, &bytes), Parsed::Refused(TOO_LARGE));
    assert_eq!(at(&fits[..31], &bytes), Parsed::Refused(TOO_LARGE));
    assert_eq!(at(&fits[..30], &bytes), Parsed::Partial);
    let bytes = HeadPolicy { max_header_bytes: 32, ..policy() };
    assert_eq!(at(fits, &bytes), Parsed::Complete { length: 32 });
}

#[test]
fn number_of_fields() {
    let request = |count: usize| {
        let fields: String = (0..count).map(|n| format!("X-{n}: {n}\r\n")).collect();
        format!("GET / HTTP/1.0\r\n{fields}\r\n").into_bytes()
    };
    for count in [0, 31, 32, 33, 128] {
        assert_eq!(accept(&request(count)).fields.len(), count);
    }
    assert_eq!(refuse(&request(129)), TOO_LARGE);
    let few = HeadPolicy { max_fields: 2, ..policy() };
    assert_eq!(parse_with(&request(3), &few).1, Parsed::Refused(TOO_LARGE));
    assert!(matches!(parse_with(&request(2), &few).1, Parsed::Complete { .. }));
}

#[test]
fn size_of_one_field() {
    let request = |fields: &str| format!("GET / HTTP/1.0\r\n{fields}\r\n").into_bytes();
    let limited = HeadPolicy { max_field_bytes: 12, max_field_name: 4, ..policy() };
    let at = |fields: &str| parse_with(&request(fields), &limited).1;
    for fits in ["", "Name: 5678\r\n", "A: 1\r\nName: 5678\r\nB: 2\r\n"] {
        assert_eq!(at(fits), Parsed::Complete { length: request(fits).len() }, "{fits:?}");
    }
    for large in [
        "Name: 56789\r\n",
        "Name: 567  \r\n",
        "Name: 56789\r\nB: 2\r\n",
        "A: 1\r\nName: 56789\r\n",
        "Names: 1\r\n",
        "A: 1\r\nNames: 1\r\nB: 1\r\n",
        "Names\0: 1\r\n",
        "Name: 567890123\0\r\n",
    ] {
        assert_eq!(at(large), Parsed::Refused(TOO_LARGE), "{large:?}");
    }
    assert_eq!(at("A B: 1\r\nNames: 1\r\n"), Parsed::Refused(ILLEGAL_LINE));
    let none = HeadPolicy { max_field_bytes: 0, max_field_name: 0, ..policy() };
    let long = request(&format!("{}: {}\r\n", "n".repeat(900), "v".repeat(9000)));
    assert_eq!(parse_with(&long, &none).1, Parsed::Complete { length: long.len() });
}

#[test]
fn field_lines() {
    for (fields, refusal) in [
        ("X: 1\n", NO_CRLF),
        ("X: 1\nY: 2\r\n", NO_CRLF),
        ("X:\n", NO_CRLF),
        ("X\n", NO_CRLF),
        ("X: 1\rY: 2\r\n", NO_CRLF),
        ("X: 1\r\r\n", NO_CRLF),
        ("X : 1\r\n", ILLEGAL_LINE),
        ("X\t: 1\r\n", ILLEGAL_LINE),
        (" X: 1\r\n", ILLEGAL_LINE),
        ("X: 1\r\n folded\r\n", ILLEGAL_LINE),
        ("X: 1\r\n\tfolded\r\n", ILLEGAL_LINE),
        ("X: 1\r\n \r\n", ILLEGAL_LINE),
        (": 1\r\n", ILLEGAL_LINE),
        ("X\r\n", ILLEGAL_LINE),
        ("X(: 1\r\n", ILLEGAL_LINE),
        ("X\u{a0}: 1\r\n", ILLEGAL_LINE),
        ("X\0: 1\r\n", ILLEGAL_LINE),
        ("X: \0\r\n", ILLEGAL_LINE),
        ("X: a\u{b}b\r\n", ILLEGAL_LINE),
        ("X: \x7f\r\n", ILLEGAL_LINE),
        ("\rX: 1\r\n", ILLEGAL_END),
    ] {
        assert_eq!(refuse(&with_fields(fields)), refusal, "{fields:?}");
    }
    assert_eq!(refuse(b"GET / HTTP/1.0\r\n\n"), NO_CRLF);
    assert_eq!(refuse(b"GET / HTTP/1.0\r\nX: 1\r\n\n"), NO_CRLF);
    assert_eq!(refuse(b"GET / HTTP/1.0\r\n folded\r\n\r\n"), ILLEGAL_LINE);
}

#[test]
fn only_space_and_tab_are_trimmed() {
    let input = b"GET / HTTP/1.0\r\nX: \xa0v\x85 \t\r\n\r\n";
    assert_eq!(accept(input).fields[0].value.of(input), b"\xa0v\x85");
}

#[test]
fn names_that_are_not_exported() {
    let input = with_fields("Proxy: x\r\nX_A: 1\r\nX-A: 2\r\nContent_Length: 5\r\n");
    let exported = |head: &RequestHead| -> Vec<bool> {
        head.fields.iter().map(|field| field.exported).collect()
    };
    let head = accept(&input);
    assert_eq!(exported(&head), [true, false, false, true, false]);
    assert_eq!(head.body, Body::None);
    let keep = HeadPolicy { keep_underscore_headers: true, ..policy() };
    let (head, _) = parse_with(&input, &keep);
    assert_eq!(exported(&head), [true, false, true, true, true]);
    assert_eq!(head.body, Body::None);
}

#[test]
fn routes() {
    let hash = |line: &str| accept(format!("{line} HTTP/1.0\r\n\r\n").as_bytes()).route_hash;
    assert_eq!(hash("GET /a/b"), hash("GET /a/c?d"));
    assert_eq!(hash("GET /a"), hash("GET /a?d"));
    assert_ne!(hash("GET /a"), hash("GET /b"));
    assert_ne!(hash("GET /a"), hash("POST /a"));
    // FNV-1a of "GET/a".
    assert_eq!(hash("GET /a"), 0xc90a_9acb);
}
