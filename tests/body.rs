//! Reading request bodies: by lines, with trailers, and without an environ.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use support::Client;
use wsgiserver::{Gateway, HTTPServer, Outcome, Request, RequestError};

/// An application that answers with a text, or with the error that it met.
struct App<F>(F);

impl<F> Gateway for App<F>
where
    F: Fn(&Request<'_>) -> Result<String, RequestError> + Send + Sync + 'static,
{
    fn respond(&self, request: &Request<'_>) -> Outcome {
        let text = (self.0)(request).unwrap_or_else(|error| format!("error: {error}"));
        match request.respond("200 OK", &[], text.as_bytes()) {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Failed,
        }
    }

    fn wants_environ(&self) -> bool {
        false
    }
}

fn serve(
    app: impl Fn(&Request<'_>) -> Result<String, RequestError> + Send + Sync + 'static,
) -> (Arc<HTTPServer>, SocketAddr) {
    support::serve(App(app), &[("numthreads", "2"), ("max_request_field_size", "0")])
}

fn known_length(body: &[u8]) -> Vec<u8> {
    let head = format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// In chunks of so many bytes.
fn chunked(body: &[u8], size: usize, trailers: &str) -> Vec<u8> {
    let mut bytes = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
    bytes
}

fn cut(client: &mut Client, bytes: &[u8], size: usize) {
    for piece in bytes.chunks(size) {
        client.send(piece);
    }
}

/// The lengths of the lines, and whether they were what was sent.
fn lengths(lines: &[Vec<u8>]) -> String {
    let whole = |line: &Vec<u8>| {
        let inner = line.strip_suffix(b"\n").unwrap_or(line);
        !line.is_empty() && inner.iter().all(|byte| *byte == b'x')
    };
    assert!(lines.iter().all(whole));
    let lengths: Vec<String> = lines.iter().map(|line| line.len().to_string()).collect();
    lengths.join(" ")
}

const LENGTHS: [usize; 9] = [1, 2, 1, 255, 256, 257, 70_000, 1, 5];

/// Lines of those lengths with their LF; the last one lacks it.
fn lines_to_send() -> (Vec<u8>, String) {
    let mut body = Vec::new();
    for length in LENGTHS {
        body.resize(body.len() + length - 1, b'x');
        body.push(b'\n');
    }
    body.extend_from_slice(b"xxx");
    let shown: Vec<String> = LENGTHS.iter().chain([&3]).map(usize::to_string).collect();
    (body, shown.join(" "))
}

fn lines_come_back(
    app: impl Fn(&Request<'_>) -> Result<String, RequestError> + Send + Sync + 'static,
) {
    let (body, shown) = lines_to_send();
    let (_server, address) = serve(app);
    let mut client = Client::connect(address);
    for size in [usize::MAX, 4096, 1000] {
        for request in [known_length(&body), chunked(&body, 7, ""), chunked(&body, 50_000, "")] {
            cut(&mut client, &request, size.min(request.len()));
            assert_eq!(client.answer().1, shown);
        }
    }
    // Whatever stands behind the body is the next request's.
    let request = known_length(b"x\nx");
    client.send([request.as_slice(), &chunked(b"\n\n", 1, ""), &request].concat());
    for shown in ["2 1", "1 1", "2 1"] {
        assert_eq!(client.answer().1, shown);
    }
}

#[test]
fn lines_are_iterated_over() {
    lines_come_back(|request| Ok(lengths(&request.lines().collect::<Result<Vec<_>, _>>()?)));
}

#[test]
fn all_lines_are_read_at_once() {
    lines_come_back(|request| Ok(lengths(&request.readlines(0)?)));
}

#[test]
fn readline_and_read_alternate() {
    lines_come_back(|request| {
        let mut lines = Vec::new();
        loop {
            // A byte straight from the body, then the rest of its line.
            let mut line = vec![0];
            if request.read(&mut line)? == 0 {
                return Ok(lengths(&lines));
            }
            if line != b"\n" {
                request.readline(&mut line, usize::MAX)?;
            }
            lines.push(line);
        }
    });
}

#[test]
fn a_line_longer_than_the_limit_comes_in_parts() {
    let (_server, address) = serve(|request| {
        let mut parts = Vec::new();
        loop {
            let mut part = b"> ".to_vec();
            if request.readline(&mut part, 4)? == 0 {
                assert_eq!(request.readline(&mut part, usize::MAX)?, 0);
                assert_eq!(request.read(&mut [0])?, 0);
                return Ok(parts.join("|"));
            }
            parts.push(String::from_utf8_lossy(&part[2..]).into_owned());
        }
    });
    let mut client = Client::connect(address);
    for request in
        [known_length(b"abcdefgh\n\nabc\nabcd\ne"), chunked(b"abcdefgh\n\nabc\nabcd\ne", 2, "")]
    {
        client.send(request);
        assert_eq!(client.answer().1, "abcd|efgh|\n|\n|abc\n|abcd|\n|e");
    }
}

#[test]
fn readlines_stops_at_its_hint() {
    let (_server, address) = serve(|request| {
        let some = request.readlines(5)?.len();
        Ok(format!("{some} {}", request.readlines(0)?.len()))
    });
    let mut client = Client::connect(address);
    client.send(known_length(b"123\n123\n123\n"));
    assert_eq!(client.answer().1, "2 1");
}

#[test]
fn a_line_that_is_cut_short_is_an_error() {
    let (_server, address) = serve(|request| {
        let lines: Vec<_> = request.lines().collect();
        let last = lines.last().and_then(|line| line.clone().err());
        Ok(format!("{} {last:?}", lines.len()))
    });
    // More than what is read ahead, so that the application is called.
    let line = [vec![b'x'; 99_999], b"\n".to_vec()].concat();
    for whole in [known_length(&line.repeat(3)), chunked(&line.repeat(3), 30_000, "")] {
        let mut client = Client::connect(address);
        client.send(&whole[..250_000]);
        client.0.shutdown(std::net::Shutdown::Write).unwrap();
        let (_, body) = client.answer();
        assert!(body.starts_with("3 Some(Client("), "{body}");
        assert_eq!(client.rest(), b"");
    }
}

#[test]
fn expect_continue_is_answered_by_a_readline() {
    let (_server, address) = serve(|request| Ok(lengths(&request.readlines(0)?)));
    let mut client = Client::connect(address);
    client.send(
        b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"x\nx");
    assert_eq!(client.answer().1, "2 1");
}

/// A head that leaves no room behind it in the buffer that it was read into.
#[test]
fn a_body_behind_a_head_of_any_size() {
    let (_server, address) = serve(|request| Ok(lengths(&request.readlines(0)?)));
    let mut client = Client::connect(address);
    for (framing, body) in [
        ("Content-Length: 4", &b"x\nx\n"[..]),
        ("Transfer-Encoding: chunked", b"4\r\nx\nx\n\r\n0\r\n\r\n"),
    ] {
        for size in [4096, 8192, 16_383, 16_384, 16_385, 32_768] {
            let head = format!(
                "POST / HTTP/1.1\r\nHost: test\r\n{framing}\r\nExpect: 100-continue\r\nX-Fill: "
            );
            let fill = "f".repeat(size - head.len() - 4);
            client.send(format!("{head}{fill}\r\n\r\n").as_bytes());
            assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
            client.send(body);
            assert_eq!(client.answer().1, "2 2");
        }
    }
}

#[test]
fn trailers_come_after_the_body() {
    let (_server, address) = serve(|request| {
        let early = request.trailers();
        while request.read(&mut [0; 2])? > 0 {}
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let trailers = request.trailers()?;
        assert!(matches!(early, Err(RequestError::State(_))));
        assert_eq!(request.trailers()?, trailers);
        let named = |(name, value): &(Vec<u8>, Vec<u8>)| format!("{}={}", text(name), text(value));
        Ok(trailers.iter().map(named).collect::<Vec<_>>().join(" "))
    });
    let mut client = Client::connect(address);
    for _ in 0..2 {
        client.send(chunked(b"body", 3, "X-Sum: 12\r\nx-empty:\r\nX-Sum:  b \r\n"));
        assert_eq!(client.answer().1, "X-Sum=12 x-empty= X-Sum=b");
        client.send(chunked(b"body", 4, ""));
        assert_eq!(client.answer().1, "");
        client.send(known_length(b"body"));
        assert_eq!(client.answer().1, "");
    }
}

/// A chunked body that is there as a whole has a CONTENT_LENGTH. Who reads as many bytes and no more
/// has read it to its end, in whatever pieces.
#[test]
fn content_length_of_a_chunked_body_is_all_that_has_to_be_read() {
    let (_server, address) = serve(|request| {
        let length = request.environ(|environ| {
            assert_eq!(environ.get(b"HTTP_TRANSFER_ENCODING"), None);
            let length = environ.get(b"CONTENT_LENGTH").unwrap_or(b"none");
            String::from_utf8_lossy(length).into_owned()
        })?;
        assert_eq!(request.view(|view| view.content_length())?, None);
        let mut left: usize = length.parse().unwrap();
        let lines = request.view(|view| view.path() == b"/lines")?;
        while left > 0 {
            let mut piece = Vec::new();
            left -= match lines {
                true => request.readline(&mut piece, left)?,
                false => request.read(&mut vec![0; left.min(2)])?,
            };
        }
        let trailers = request.trailers()?.len();
        Ok(format!("{length} {trailers}"))
    });
    let mut client = Client::connect(address);
    for path in ["/", "/lines"] {
        for (body, size) in
            [(&b""[..], 1), (b"two\nlines\n", 3), (b"two\nlines\n", 100), (b"one", 1)]
        {
            let request = chunked(body, size, "X-Sum: 12\r\n");
            let request = [format!("POST {path} ").as_bytes(), &request[7..]].concat();
            client.send(&request);
            assert_eq!(client.answer().1, format!("{} 1", body.len()), "{path}");
        }
    }
}

#[test]
fn a_gateway_without_environ_sees_the_request() {
    let (_server, address) = serve(|request| {
        request.view(|view| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            format!(
                "{} {} {} {} {} {:?} {}",
                text(view.method()),
                text(view.target()),
                text(view.path()),
                text(view.query()),
                text(view.protocol()),
                view.header("x-name").map(text),
                view.remote_addr().is_some_and(|address| address.ip().is_loopback()),
            )
        })
    });
    let mut client = Client::connect(address);
    client.send(b"GET /a%20b?c=%20 HTTP/1.0\r\nX-NAME: value\r\nConnection: keep-alive\r\n\r\n");
    let shown = r#"GET /a%20b?c=%20 /a b c=%20 HTTP/1.0 Some("value") true"#;
    assert_eq!(client.answer().1, shown);
    assert_eq!(client.get("/").answer().1, "GET / /  HTTP/1.1 None true");
}

/// The environ is there for who asks for it after all.
#[test]
fn an_environ_that_is_wanted_late_is_built_late() {
    let (_server, address) = serve(|request| {
        request.environ(|environ| {
            let path = environ.get(b"PATH_INFO").unwrap_or_default();
            String::from_utf8_lossy(path).into_owned()
        })
    });
    assert_eq!(Client::connect(address).get("/late").answer().1, "/late");
}
