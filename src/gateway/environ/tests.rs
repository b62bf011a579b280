use super::*;
use crate::request::head::{HeadPolicy, Parsed};

fn info() -> ServerInfo<'static> {
    ServerInfo {
        protocol: b"HTTP/1.1",
        server_name: b"name",
        server_port: b"8070",
        software: b"soft",
        url_scheme: b"http",
        unicode: false,
    }
}

const REMOTE: Remote =
    Remote { addr: b"127.0.0.1", port: b"1234", peer: None, tls: None, said: None };

fn build_with(input: &[u8], info: &ServerInfo, remote: &Remote, policy: &HeadPolicy) -> Environ {
    let mut head = RequestHead::new();
    assert!(matches!(head.parse(input, policy), Parsed::Complete { .. }));
    let mut environ = Environ::new();
    environ.build(&EnvironTemplate::new(info), remote, input, &head);
    environ
}

fn build(fields: &[u8]) -> Environ {
    let input = [b"GET / HTTP/1.0\r\n", fields, b"\r\n"].concat();
    build_with(&input, &info(), &REMOTE, &HeadPolicy::default())
}

fn text(environ: &Environ) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    environ.iter().map(|(key, value)| (text(key), text(value))).collect()
}

#[test]
fn the_whole_environ() {
    let input = b"POST /a%20b?c=d HTTP/1.1\r\nHost: h\r\nContent-Type: t\r\nContent-Length: 3\r\n\
        X-Some-thing: v\r\nEmpty:\r\n\r\nabc";
    let environ = build_with(input, &info(), &REMOTE, &HeadPolicy::default());
    let expected = [
        ("ACTUAL_SERVER_PROTOCOL", "HTTP/1.1"),
        ("SCRIPT_NAME", ""),
        ("SERVER_NAME", "name"),
        ("SERVER_SOFTWARE", "soft"),
        ("wsgi.input_terminated", "1"),
        ("wsgi.multiprocess", "0"),
        ("wsgi.multithread", "1"),
        ("wsgi.run_once", "0"),
        ("wsgi.version", "1.0"),
        ("wsgi.url_scheme", "http"),
        ("SERVER_PORT", "8070"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_PORT", "1234"),
        ("PATH_INFO", "/a b"),
        ("QUERY_STRING", "c=d"),
        ("REQUEST_METHOD", "POST"),
        ("REQUEST_URI", "/a%20b?c=d"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("HTTP_HOST", "h"),
        ("CONTENT_TYPE", "t"),
        ("CONTENT_LENGTH", "3"),
        ("HTTP_X_SOME_THING", "v"),
        ("HTTP_EMPTY", ""),
    ];
    let expected = expected.map(|(key, value)| (key.to_string(), value.to_string()));
    assert_eq!(text(&environ), expected);
    assert_eq!((environ.server_count, environ.connection_count), (11, 2));
}

#[test]
fn keys_and_values_end_with_nul() {
    let long = "v".repeat(100);
    let environ = build(format!("X-A: 1\r\nAccept: {long}\r\n").as_bytes());
    for pair in environ.pairs() {
        assert_eq!(environ.arena().get(pair.value.end as usize), Some(&0), "{pair:?}");
        match super::keys::KEY_BLOCKS.get(pair.key_id as usize).filter(|_| pair.key_id != 0) {
            Some(block) => assert!(block.is_terminated(), "{pair:?}"),
            None => assert!(environ.arena().windows(9).any(|bytes| bytes == b"HTTP_X_A\0")),
        }
    }
    assert_eq!(environ.get(b"HTTP_ACCEPT"), Some(long.as_bytes()));
    assert_eq!(environ.get(b"HTTP_X_A"), Some(&b"1"[..]));
}

#[test]
fn numbers_of_keys() {
    let environ = build(b"Host: h\r\nX-A: 1\r\n");
    for (pair, (key, _)) in environ.pairs().iter().zip(environ.iter()) {
        assert_eq!(pair.key_id, key_id(key));
        let known = KEYS.get(pair.key_id.wrapping_sub(1) as usize);
        assert_eq!(known.is_some_and(|known| known.as_bytes() == key), key != b"HTTP_X_A");
    }
    // Part of the ABI.
    assert_eq!((key_id(b"ACTUAL_SERVER_PROTOCOL"), key_id(b"PATH_INFO")), (1, 14));
    assert_eq!((key_id(b"HTTP_HOST"), key_id(b"HTTP_X_REQUESTED_WITH")), (39, 80));
    assert_eq!(key_id(b"HTTP_PROXY"), 0);
}

#[test]
fn every_known_name_has_its_key() {
    for name in Known::NAMES.iter().filter(|name| **name != "proxy" && **name != "host") {
        let input = format!("GET / HTTP/1.1\r\nHost: h\r\n{name}: 0\r\n\r\n");
        let mut head = RequestHead::new();
        head.parse(input.as_bytes(), &HeadPolicy::default());
        let mut environ = Environ::new();
        environ.build(&EnvironTemplate::new(&info()), &REMOTE, input.as_bytes(), &head);
        let key = name.to_ascii_uppercase().replace('-', "_");
        let key = match *name {
            "content-type" | "content-length" => key,
            _ => format!("HTTP_{key}"),
        };
        if *name != "expect" && *name != "transfer-encoding" {
            assert_eq!(environ.get(key.as_bytes()), Some(&b"0"[..]), "{name}");
        }
    }
}

#[test]
fn chunked_bodies() {
    let input = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n\r\n";
    for unicode in [false, true] {
        let mut head = RequestHead::new();
        head.parse(input, &HeadPolicy::default());
        let mut environ = Environ::new();
        let template = EnvironTemplate::new(&ServerInfo { unicode, ..info() });
        environ.build(&template, &REMOTE, input, &head);
        assert_eq!(environ.get(b"HTTP_TRANSFER_ENCODING"), Some(&b"chunked"[..]));
        assert_eq!(environ.get(b"CONTENT_LENGTH"), None);
        head.set_decoded_length(12_345);
        environ.build(&template, &REMOTE, input, &head);
        assert_eq!(environ.get(b"HTTP_TRANSFER_ENCODING"), None);
        assert_eq!(environ.get(b"CONTENT_LENGTH"), Some(&b"12345"[..]));
        let last = environ.pairs().last().unwrap();
        assert_eq!(last.key_id, key_id(b"CONTENT_LENGTH"));
        assert_eq!(environ.arena().get(last.value.end as usize), Some(&0));
    }
}

#[test]
fn a_kept_underscore_does_not_speak_for_the_coding() {
    let policy = HeadPolicy { keep_underscore_headers: true, ..HeadPolicy::default() };
    for fields in
        ["Transfer_Encoding: x\r\n", "Transfer_Encoding: x\r\nTransfer-Encoding: chunked\r\n"]
    {
        let input = format!("POST / HTTP/1.1\r\nHost: h\r\nX_A: 1\r\n{fields}\r\n");
        let environ = build_with(input.as_bytes(), &info(), &REMOTE, &policy);
        let expected = fields.contains("chunked").then_some(&b"chunked"[..]);
        assert_eq!(environ.get(b"HTTP_TRANSFER_ENCODING"), expected, "{fields}");
        assert_eq!(environ.get(b"HTTP_X_A"), Some(&b"1"[..]));
    }
}

#[test]
fn repeated_fields_are_joined() {
    let fields = b"Accept: a\r\nX-A: 1\r\nCookie: a=1\r\naccept: b\r\nX-B: 3\r\nx-a: 2\r\n\
        Cookie: b=2\r\nUser-Agent: one\r\nUser-Agent: two\r\nX-A:\r\n";
    let environ = build(fields);
    assert_eq!(environ.get(b"HTTP_ACCEPT"), Some(&b"a, b"[..]));
    assert_eq!(environ.get(b"HTTP_X_A"), Some(&b"1, 2, "[..]));
    assert_eq!(environ.get(b"HTTP_X_B"), Some(&b"3"[..]));
    assert_eq!(environ.get(b"HTTP_COOKIE"), Some(&b"a=1; b=2"[..]));
    assert_eq!(environ.get(b"HTTP_USER_AGENT"), Some(&b"two"[..]));
    let keys: Vec<&[u8]> = environ.iter().skip(18).map(|(key, _)| key).collect();
    let expected: [&[u8]; 5] =
        [b"HTTP_ACCEPT", b"HTTP_X_A", b"HTTP_COOKIE", b"HTTP_X_B", b"HTTP_USER_AGENT"];
    assert_eq!(keys, expected);
}

#[test]
fn names_that_stay_out() {
    let environ = build(b"Proxy: evil\r\nX_A: evil\r\nX-A: good\r\n");
    assert_eq!(environ.get(b"HTTP_PROXY"), None);
    assert_eq!(environ.get(b"HTTP_X_A"), Some(&b"good"[..]));
}

#[test]
fn underscores_that_are_kept() {
    let keep = HeadPolicy { keep_underscore_headers: true, ..HeadPolicy::default() };
    let input =
        b"POST / HTTP/1.0\r\nX_A: 1\r\nX-A: 2\r\nContent_Length: 9\r\nContent-Length: 3\r\n\
        X_Forwarded_For: a\r\nX-Forwarded-For: b\r\n\r\n";
    let environ = build_with(input, &info(), &REMOTE, &keep);
    assert_eq!(environ.get(b"HTTP_X_A"), Some(&b"1, 2"[..]));
    assert_eq!(environ.get(b"CONTENT_LENGTH"), Some(&b"3"[..]));
    assert_eq!(environ.get(b"HTTP_X_FORWARDED_FOR"), Some(&b"a, b"[..]));
    let numbered =
        environ.pairs().iter().filter(|pair| pair.key_id == id_of("HTTP_X_FORWARDED_FOR"));
    assert_eq!(numbered.count(), 1);
    let keys: std::collections::HashSet<&[u8]> = environ.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), environ.pairs().len());
}

#[test]
fn unicode() {
    let info = ServerInfo { unicode: true, ..info() };
    let build = |target: &str, fields: &[u8]| {
        let line = format!("GET {target} HTTP/1.0\r\n");
        let input = [line.as_bytes(), fields, b"\r\n"].concat();
        build_with(&input, &info, &REMOTE, &HeadPolicy::default())
    };
    let environ = build("/%C3%A9?q", b"X-A: \xe9\r\n");
    assert_eq!(environ.get(b"wsgi.version"), Some(&b"u.0"[..]));
    assert_eq!(environ.get(b"wsgi.url_encoding"), Some(&b"utf-8"[..]));
    assert_eq!(environ.get(b"PATH_INFO"), Some("/\u{e9}".as_bytes()));
    assert_eq!(environ.get(b"HTTP_X_A"), Some("\u{e9}".as_bytes()));
    let environ = build("/%E9", b"X-A: \xe9\r\nX-A: \xff\r\n");
    assert_eq!(environ.get(b"wsgi.url_encoding"), Some(&b"ISO-8859-1"[..]));
    assert_eq!(environ.get(b"PATH_INFO"), Some("/\u{e9}".as_bytes()));
    assert_eq!(environ.get(b"HTTP_X_A"), Some("\u{e9}, \u{ff}".as_bytes()));
}

#[test]
fn bytes_in_1_0_are_as_sent() {
    let environ = build(b"X-A: \xe9\r\n");
    assert_eq!(environ.get(b"HTTP_X_A"), Some(&b"\xe9"[..]));
    assert_eq!(environ.get(b"wsgi.url_encoding"), None);
}

#[test]
fn pairs_of_the_connection_and_the_host() {
    let mut more = Pairs::new();
    more.push(b"HTTPS", b"on");
    more.push(b"SSL_PROTOCOL", b"TLSv1.3");
    let mut template = EnvironTemplate::new(&info());
    template.push(b"my.key", b"my value");
    let input = b"GET http://h:1/ HTTP/1.0\r\n\r\n";
    let mut head = RequestHead::new();
    head.parse(input, &HeadPolicy::default());
    let mut environ = Environ::new();
    for _ in 0..2 {
        environ.build(&template, &Remote { tls: Some(&more), ..REMOTE }, input, &head);
        assert_eq!((environ.server_count, environ.connection_count), (12, 4));
        assert_eq!(environ.get(b"my.key"), Some(&b"my value"[..]));
        assert_eq!(environ.get(b"HTTPS"), Some(&b"on"[..]));
        assert_eq!(environ.get(b"SSL_PROTOCOL"), Some(&b"TLSv1.3"[..]));
        assert_eq!(environ.get(b"HTTP_HOST"), Some(&b"h:1"[..]));
        assert_eq!(environ.get(b"wsgi.url_scheme"), Some(&b"http"[..]));
    }
    environ.push(b"late", b"pair");
    assert_eq!(environ.get(b"late"), Some(&b"pair"[..]));
}

#[test]
fn no_allocation_in_the_steady_state() {
    let input = b"GET /a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nAccept: x\r\n\r\n";
    let mut head = RequestHead::new();
    let (template, mut environ) = (EnvironTemplate::new(&info()), Environ::new());
    let mut memory = None;
    for _ in 0..3 {
        head.parse(input, &HeadPolicy::default());
        environ.build(&template, &REMOTE, input, &head);
        let now = (environ.arena().as_ptr(), environ.pairs().as_ptr(), head.fields.as_ptr());
        assert_eq!(*memory.get_or_insert(now), now);
    }
}

#[test]
fn what_listeners_do_not_share_counts_as_the_connections() {
    let other = ServerInfo { server_port: b"", ..info() };
    let mut templates = [&info(), &info()].map(EnvironTemplate::new);
    EnvironTemplate::find_common(&mut templates);
    let all = templates[0].pairs.pairs.len();
    assert_eq!(templates[1].common, all);

    let mut templates = [&info(), &info(), &other].map(EnvironTemplate::new);
    EnvironTemplate::find_common(&mut templates);
    for template in &templates {
        let mut head = RequestHead::new();
        let input = b"GET / HTTP/1.0\r\n\r\n";
        head.parse(input, &HeadPolicy::default());
        let mut environ = Environ::new();
        environ.build(template, &REMOTE, input, &head);
        assert_eq!((environ.server_count, environ.connection_count), (all - 1, 3));
        let first = environ.iter().nth(environ.server_count).map(|(key, _)| key);
        assert_eq!(first, Some(&b"SERVER_PORT"[..]));
    }
}
