use super::*;

type Headers<'a> = &'a [(&'a str, &'a str)];

const DATE: &[u8] = b"Thu, 01 Jan 1970 00:00:00 GMT";

fn context() -> HeadContext<'static> {
    HeadContext {
        protocol: b"HTTP/1.1",
        request_minor: 1,
        is_head: false,
        keep_alive: true,
        keep_alive_timeout: 10,
        date: DATE,
        server: b"S",
        http10: false,
    }
}

fn start(response: &mut Response, status: &str, headers: Headers) -> Result<(), AppError> {
    restart(response, status, headers, false)
}

fn restart(
    response: &mut Response,
    status: &str,
    headers: Headers,
    again: bool,
) -> Result<(), AppError> {
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    response.start(status.as_bytes(), headers, again)
}

/// A head without the Date and Server that end it, and what became of it.
fn head(
    status: &str,
    headers: Headers,
    context: &HeadContext,
    known_length: Option<u64>,
) -> (String, Framing, bool) {
    let mut response = Response::new();
    start(&mut response, status, headers).unwrap();
    let mut out = Vec::new();
    let sent = response.write_head(&mut out, context, known_length).unwrap();
    let text = String::from_utf8(out).unwrap();
    let end = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: S\r\n\r\n";
    let text = text.strip_suffix(end).unwrap_or_else(|| panic!("{text}")).to_string();
    (text, sent.framing, sent.keep_alive)
}

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

#[test]
fn two_answers_need_fields_that_are_hop_by_hop_elsewhere() {
    let (text, ..) = head(
        "426 Upgrade Required",
        &[("Upgrade", "websocket"), ("Connection", "Upgrade")],
        &context(),
        Some(0),
    );
    let expected = ["HTTP/1.1 426 Upgrade Required", "Upgrade: websocket", "Connection: Upgrade"];
    assert!(text.starts_with(&lines(&expected)), "{text}");
    let challenge = ("Proxy-Authenticate", "Basic");
    let (text, ..) = head("407 Proxy Authentication Required", &[challenge], &context(), Some(0));
    assert!(text.contains("Proxy-Authenticate: Basic\r\n"), "{text}");
    for (status, header) in
        [("401 Unauthorized", challenge), ("400 Bad Request", ("Upgrade", "h2c"))]
    {
        let (text, ..) = head(status, &[header], &context(), Some(0));
        assert!(!text.contains(header.0), "{text}");
    }
}

#[test]
fn the_order_of_headers() {
    let mut response = Response::new();
    start(&mut response, "200 OK", &[("X", "1"), ("Content-Type", "text/plain")]).unwrap();
    let mut out = b"before".to_vec();
    let closing = HeadContext { keep_alive: false, ..context() };
    response.write_head(&mut out, &closing, None).unwrap();
    let expected = "beforeHTTP/1.1 200 OK\r\nX: 1\r\nContent-Type: text/plain\r\n\
        Transfer-Encoding: chunked\r\nConnection: close\r\n\
        Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: S\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn framings() {
    let ok = "HTTP/1.1 200 OK";
    let (text, framing, keep) = head("200 OK", &[("content-length", "5")], &context(), None);
    assert_eq!(text, lines(&[ok, "content-length: 5"]));
    assert_eq!((framing, keep), (Framing::Length(5), true));
    let (text, framing, keep) = head("200 OK", &[], &context(), Some(7));
    assert_eq!(text, lines(&[ok, "Content-Length: 7"]));
    assert_eq!((framing, keep), (Framing::Length(7), true));
    let (text, framing, keep) = head("200 OK", &[], &context(), None);
    assert_eq!(text, lines(&[ok, "Transfer-Encoding: chunked"]));
    assert_eq!((framing, keep), (Framing::Chunked, true));
    let (text, framing, _) = head("200 OK", &[("Content-Length", "5")], &context(), Some(7));
    assert_eq!((text, framing), (lines(&[ok, "Content-Length: 5"]), Framing::Length(5)));
}

#[test]
fn a_client_of_1_0() {
    let old = HeadContext { request_minor: 0, ..context() };
    let (ok, close) = ("HTTP/1.1 200 OK", "Connection: close");
    let (text, framing, keep) = head("200 OK", &[], &old, None);
    assert_eq!((text, framing, keep), (lines(&[ok, close]), Framing::UntilClose, false));
    let (text, _, keep) = head("200 OK", &[], &old, Some(1));
    let kept = ["Content-Length: 1", "Connection: Keep-Alive", "Keep-Alive: timeout=10"];
    assert_eq!((text, keep), (lines(&[&[ok], &kept[..]].concat()), true));
    let closing = HeadContext { keep_alive: false, ..old };
    let (text, _, keep) = head("200 OK", &[], &closing, Some(1));
    assert_eq!((text, keep), (lines(&[ok, "Content-Length: 1", close]), false));
    let untold = HeadContext { keep_alive_timeout: 0, ..old };
    let (text, ..) = head("200 OK", &[], &untold, Some(1));
    assert_eq!(text, lines(&[ok, "Content-Length: 1", "Connection: Keep-Alive"]));
}

#[test]
fn the_option_for_1_0() {
    let option = HeadContext { protocol: b"HTTP/1.0", http10: true, ..context() };
    let (text, framing, keep) = head("200 OK", &[], &option, None);
    assert_eq!((text, framing, keep), (lines(&["HTTP/1.0 200 OK"]), Framing::UntilClose, false));
}

#[test]
fn answers_without_a_body() {
    let asked_head = HeadContext { is_head: true, ..context() };
    let (text, framing, keep) = head("200 OK", &[("Content-Length", "9")], &asked_head, None);
    let expected = lines(&["HTTP/1.1 200 OK", "Content-Length: 9"]);
    assert_eq!((text, framing, keep), (expected, Framing::None, true));
    let (text, framing, _) = head("200 OK", &[], &asked_head, Some(9));
    let expected = lines(&["HTTP/1.1 200 OK", "Content-Length: 9"]);
    assert_eq!((text, framing), (expected, Framing::None));
    let (text, framing, _) = head("200 OK", &[], &asked_head, Some(0));
    assert_eq!((text, framing), (lines(&["HTTP/1.1 200 OK"]), Framing::None));
    let (text, framing, _) = head("204 No", &[("Content-Length", "0")], &context(), Some(3));
    assert_eq!((text, framing), (lines(&["HTTP/1.1 204 No"]), Framing::None));
    let (text, framing, _) = head("304 Same", &[("Content-Length", "9")], &context(), None);
    let expected = lines(&["HTTP/1.1 304 Same", "Content-Length: 9"]);
    assert_eq!((text, framing), (expected, Framing::None));
    let (text, framing, _) = head("205 Reset", &[], &context(), None);
    let expected = lines(&["HTTP/1.1 205 Reset", "Content-Length: 0"]);
    assert_eq!((text, framing), (expected, Framing::Length(0)));
    let mut response = Response::new();
    start(&mut response, "204 No", &[]).unwrap();
    response.write_head(&mut Vec::new(), &context(), None).unwrap();
    assert_eq!(response.account(100), Ok(0));
    assert!(!response.is_short());
}

#[test]
fn the_application_closes() {
    let (text, _, keep) = head("200 OK", &[("Connection", "Close")], &context(), Some(0));
    let expected = lines(&["HTTP/1.1 200 OK", "Connection: Close", "Content-Length: 0"]);
    assert_eq!((text, keep), (expected, false));
    let (text, _, keep) = head("413 Large", &[], &context(), Some(0));
    let expected = lines(&["HTTP/1.1 413 Large", "Content-Length: 0", "Connection: close"]);
    assert_eq!((text, keep), (expected, false));
}

#[test]
fn date_and_server_of_the_application() {
    let mut response = Response::new();
    start(&mut response, "200 OK", &[("date", "D"), ("SERVER", "mine")]).unwrap();
    let mut out = Vec::new();
    response.write_head(&mut out, &context(), Some(0)).unwrap();
    let expected = "HTTP/1.1 200 OK\r\ndate: D\r\nSERVER: mine\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let nameless = HeadContext { server: b"", ..context() };
    let (mut response, mut out) = (Response::new(), Vec::new());
    start(&mut response, "200 OK", &[]).unwrap();
    response.write_head(&mut out, &nameless, Some(0)).unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("Server"));
}

#[test]
fn statuses() {
    let status = |status: &str| start(&mut Response::new(), status, &[]);
    for good in ["200 OK", "200", "200 ", "999 Any thing \u{e9}", "404 Not\tFound"] {
        assert_eq!(status(good), Ok(()), "{good:?}");
    }
    for bad in [
        "",
        "20",
        "2000 OK",
        "200OK",
        "099 X",
        " 200 OK",
        "abc",
        "100 Continue",
        "199 X",
        "+20 X",
        "101 Switching",
        "200 O\rK",
        "200 O\nK",
        "200 \0",
        "200 \x7f",
        "200\tOK",
        "200\r\n",
    ] {
        assert_eq!(status(bad), Err(AppError::Status), "{bad:?}");
    }
    let (text, ..) = head("200", &[], &context(), Some(0));
    assert_eq!(text, lines(&["HTTP/1.1 200 ", "Content-Length: 0"]));
}

#[test]
fn headers_that_are_refused() {
    let header = |name: &str, value: &str| start(&mut Response::new(), "200 OK", &[(name, value)]);
    for (name, value) in [
        ("", "v"),
        ("a b", "v"),
        ("a:", "v"),
        ("a\r\nb", "v"),
        ("\u{e9}", "v"),
        ("a", "v\r\nb: c"),
        ("a", "v\n"),
        ("a", "v\r"),
        ("a", "\0"),
        ("a", "\u{1b}"),
        ("a", "\x7f"),
    ] {
        assert_eq!(header(name, value), Err(AppError::Header), "{name:?} {value:?}");
    }
    for value in ["", " ", "-1", "+1", "1 1", "0x1", "1, 1", "9223372036854775808"] {
        assert_eq!(header("Content-Length", value), Err(AppError::ContentLength), "{value}");
    }
    let twice = [("Content-Length", "1"), ("content-length", "1")];
    let twice = start(&mut Response::new(), "200 OK", &twice);
    assert_eq!(twice, Err(AppError::ContentLength));
    assert_eq!(header("X", "a\tb \u{e9}"), Ok(()));
    assert_eq!(header("X", ""), Ok(()));
}

#[test]
fn fields_of_the_connection_are_left_out() {
    for (name, value) in [
        ("Connection", "keep-alive"),
        ("Connection", "X-Other"),
        ("Connection", "upgrade"),
        ("keep-alive", "timeout=5"),
        ("Proxy-Authenticate", "x"),
        ("Proxy-Authorization", "x"),
        ("Proxy-Connection", "x"),
        ("TE", "x"),
        ("Trailers", "x"),
        ("TRANSFER-ENCODING", "chunked"),
        ("UPGRADE", "x"),
    ] {
        let mut response = Response::new();
        start(&mut response, "200 OK", &[(name, value), ("X", "1")]).unwrap();
        let left_out = OF_THE_CONNECTION[response.left_out().trailing_zeros() as usize];
        assert!(left_out.eq_ignore_ascii_case(name), "{name}: {left_out}");
        let (text, ..) = head("200 OK", &[(name, value), ("X", "1")], &context(), None);
        assert_eq!(
            text,
            lines(&["HTTP/1.1 200 OK", "X: 1", "Transfer-Encoding: chunked"]),
            "{name}"
        );
        response.reset();
        assert_eq!(response.left_out(), 0);
    }
}

#[test]
fn close_is_obeyed_whatever_stands_beside_it() {
    for value in ["close", "keep-alive, close", ", close ,x", "close, close"] {
        let (text, _, keep) = head("200 OK", &[("Connection", value)], &context(), Some(0));
        assert_eq!(text, lines(&["HTTP/1.1 200 OK", "Connection: close", "Content-Length: 0"]));
        assert!(!keep);
    }
    assert_eq!(start(&mut Response::new(), "200 OK", &[("Connection", "")]), Ok(()));
}

#[test]
fn blanks_around_a_length_are_not_sent() {
    let (text, framing, _) = head("200 OK", &[("Content-Length", " \t5 ")], &context(), None);
    assert_eq!(text, lines(&["HTTP/1.1 200 OK", "Content-Length: 5"]));
    assert_eq!(framing, Framing::Length(5));
}

#[test]
fn an_upgrade_beside_other_options() {
    let headers = [("Upgrade", "websocket"), ("Connection", "upgrade, keep-alive")];
    let (text, ..) = head("101 Switching", &headers, &context(), None);
    let expected = ["HTTP/1.1 101 Switching", "Upgrade: websocket", "Connection: upgrade"];
    assert_eq!(text, lines(&expected));
}

#[test]
fn an_upgrade() {
    let headers = [("Upgrade", "websocket"), ("Connection", "Upgrade")];
    let (text, framing, keep) = head("101 Switching", &headers, &context(), None);
    let expected = ["HTTP/1.1 101 Switching", "Upgrade: websocket", "Connection: Upgrade"];
    assert_eq!((text, framing, keep), (lines(&expected), Framing::None, false));
    let half = start(&mut Response::new(), "101 Switching", &headers[..1]);
    assert_eq!(half, Err(AppError::Status));
}

#[test]
fn starting_twice() {
    let mut response = Response::new();
    assert_eq!(response.write_head(&mut Vec::new(), &context(), None), Err(AppError::State));
    assert_eq!(response.account(1), Err(AppError::State));
    start(&mut response, "200 OK", &[("X", "1"), ("Content-Length", "1")]).unwrap();
    assert_eq!(start(&mut response, "200 OK", &[]), Err(AppError::State));
    restart(&mut response, "500 Oops", &[("Y", "2")], true).unwrap();
    assert_eq!((response.code(), response.content_length()), (500, None));
    let mut out = Vec::new();
    response.write_head(&mut out, &context(), Some(0)).unwrap();
    assert!(out.starts_with(b"HTTP/1.1 500 Oops\r\nY: 2\r\nContent-Length: 0\r\n"));
    assert_eq!(restart(&mut response, "500 Oops", &[], true), Err(AppError::State));
    assert_eq!(response.write_head(&mut out, &context(), None), Err(AppError::State));
    response.reset();
    assert!(!response.is_started() && !response.is_sent());
    assert_eq!(start(&mut response, "200 OK", &[]), Ok(()));
}

#[test]
fn a_refused_start_is_none() {
    let mut response = Response::new();
    assert!(start(&mut response, "200 OK", &[("X", "1"), ("Y", "\n")]).is_err());
    assert!(!response.is_started());
    start(&mut response, "200 OK", &[]).unwrap();
    let mut out = Vec::new();
    response.write_head(&mut out, &context(), Some(0)).unwrap();
    assert!(!out.starts_with(b"HTTP/1.1 200 OK\r\nX"));
}

#[test]
fn the_body_is_counted() {
    let mut response = Response::new();
    start(&mut response, "200 OK", &[("Content-Length", "5")]).unwrap();
    response.write_head(&mut Vec::new(), &context(), None).unwrap();
    assert_eq!(response.account(0), Ok(0));
    assert_eq!(response.account(3), Ok(3));
    assert!(response.is_short());
    assert_eq!(response.account(3), Err(AppError::Length { allowed: 2 }));
    assert_eq!(response.account(1), Err(AppError::Length { allowed: 0 }));
    assert!(!response.is_short());
    response.reset();
    start(&mut response, "200 OK", &[]).unwrap();
    response.write_head(&mut Vec::new(), &context(), None).unwrap();
    assert_eq!(response.account(1 << 40), Ok(1 << 40));
    assert!(!response.is_short());
}

#[test]
fn chunk_sizes() {
    for length in [0, 1, 9, 10, 15, 16, 255, 4096, 0xabcdef, u64::MAX] {
        let mut out = Vec::new();
        chunk_size_line(length, &mut out);
        assert_eq!(out, format!("{length:x}\r\n").into_bytes());
    }
}

#[test]
fn decimals() {
    for value in [0, 7, 10, 99, 100, 1234567890, u64::MAX] {
        let mut out = Vec::new();
        decimal(value, &mut out);
        assert_eq!(out, value.to_string().into_bytes());
    }
}

#[test]
fn answers_of_the_server() {
    let answer = |refusal: Refusal, close: bool, date: Option<&[u8]>| {
        let mut out = Vec::new();
        simple_response(&mut out, b"HTTP/1.1", &refusal, close, date, false);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        answer(Refusal::bad_request("Malformed Request-Line"), true, Some(DATE)),
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 22\r\nContent-Type: text/plain\r\n\
            Connection: close\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nMalformed Request-Line"
    );
    let busy = Refusal { status: "503 Service Unavailable", text: "" };
    assert_eq!(
        answer(busy, false, None),
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nContent-Type: text/plain\r\n\
            Retry-After: 1\r\n\r\n"
    );
    let method = Refusal { status: "405 Method Not Allowed", text: "" };
    assert!(answer(method, true, None).contains("\r\nAllow: GET, HEAD, POST"));
    let (mut to_head, refusal) = (Vec::new(), Refusal::bad_request("Malformed Request-Line"));
    simple_response(&mut to_head, b"HTTP/1.1", &refusal, true, Some(DATE), true);
    let to_get = answer(refusal, true, Some(DATE));
    assert_eq!(to_get.strip_suffix(refusal.text).map(str::as_bytes), Some(&to_head[..]));
}
