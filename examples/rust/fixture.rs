//! The application that wire tests talk to; its routes are those of the C fixture, listed at the
//! top of `examples/c/fixture.c`. A header `X-Fixture: /path` chooses the route instead of the path.

use std::time::Duration;

use wsgiserver::gateway::environ::Environ;
use wsgiserver::{Gateway, Outcome, Request, RequestError};

pub struct Fixture;

const TEXT: (&str, &str) = ("Content-Type", "text/plain");
/// Bodies up to this size are answered in one piece.
const WINDOW: usize = 64 * 1024;
const LARGEST: usize = 1 << 30;
const PIECE: [u8; 1024] = [b'x'; 1024];
const FAILURE: RequestError = RequestError::State("as asked for");

impl Gateway for Fixture {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        answer(request).unwrap_or(Outcome::Failed)
    }
}

fn answer(request: &Request<'_>) -> Result<Outcome, RequestError> {
    let path = match variable(request, "HTTP_X_FIXTURE")? {
        Some(path) => path,
        None => variable(request, "PATH_INFO")?.unwrap_or_default(),
    };
    match path.as_str() {
        "/interrupt" => return Ok(Outcome::Interrupt),
        "/none" => return Ok(Outcome::Done),
        "/echo" => {
            read_to_the_end(request)?;
            ok(request, &lines(request, header_name)?)?;
        }
        "/environ" => ok(request, &lines(request, |key| Some(key.to_vec()))?)?,
        "/204" => request.respond("204 No Content", &[], b"")?,
        "/304" => request.respond("304 Not Modified", &[("ETag", "\"fixture\"")], b"")?,
        "/close" => request.respond("200 OK", &[TEXT, ("Connection", "close")], b"OK")?,
        "/restart" => {
            request.start_response("200 OK", &[("X-First", "1")], false)?;
            request.start_response("503 Service Unavailable", &[("X-Second", "2")], true)?;
            request.write(b"later")?;
        }
        "/inform" => {
            request.inform("100 Continue", &[])?;
            request.inform("103 Early Hints", &[("Link", "</style.css>; rel=preload")])?;
            ok(request, b"OK")?;
        }
        "/trailers" => {
            request.start_response("200 OK", &[TEXT], false)?;
            request.write(b"sum")?;
            request.add_trailer("X-Sum", "3")?;
        }
        _ => match numbered(&path) {
            Some((route, number)) => return answer_numbered(request, route, number),
            None if is_fault(&path) => break_a_rule(request, &path)?,
            None => echo_body(request)?,
        },
    }
    Ok(Outcome::Done)
}

fn numbered(path: &str) -> Option<(&str, usize)> {
    let (route, number) = path.split_at(path.rfind('/')? + 1);
    let number = number.parse().ok().filter(|number| *number <= LARGEST)?;
    ["/sleep/", "/detach/", "/large/", "/stream/"].contains(&route).then_some((route, number))
}

fn answer_numbered(
    request: &Request<'_>,
    route: &str,
    number: usize,
) -> Result<Outcome, RequestError> {
    let pause = Duration::from_millis(number as u64);
    match route {
        "/sleep/" => {
            std::thread::sleep(pause);
            ok(request, b"OK")?;
        }
        "/large/" => ok(request, &vec![b'x'; number])?,
        "/stream/" => {
            request.start_response("200 OK", &[TEXT], false)?;
            (0..number).try_for_each(|_| request.write(&PIECE))?;
        }
        _ => {
            let later = request.detach()?;
            std::thread::spawn(move || {
                std::thread::sleep(pause);
                // The client may have left, or the server stopped, meanwhile.
                let _gone = ok(&later.request(), b"OK");
            });
            return Ok(Outcome::Detached);
        }
    }
    Ok(Outcome::Done)
}

fn is_fault(path: &str) -> bool {
    let faults = ["/error", "/error-after-head", "/error-after-end", "/short", "/long", "/twice"];
    let more = ["/bad-header", "/hop-by-hop", "/write-first"];
    faults.contains(&path) || more.contains(&path)
}

/// An application that breaks the rules, one at a time, and hands back what the server says.
fn break_a_rule(request: &Request<'_>, path: &str) -> Result<(), RequestError> {
    let start = |headers: &[(&str, &str)]| request.start_response("200 OK", headers, false);
    match path {
        "/error-after-head" => {
            start(&[TEXT])?;
            request.write(b"begun")?;
            Err(FAILURE)
        }
        "/error-after-end" => {
            ok(request, b"ended")?;
            Err(FAILURE)
        }
        "/short" => start(&[TEXT, ("Content-Length", "10")]).and_then(|()| request.write(b"four")),
        "/long" => {
            start(&[TEXT, ("Content-Length", "4")]).and_then(|()| request.write(b"fourandten"))
        }
        "/twice" => start(&[TEXT]).and_then(|()| start(&[TEXT])),
        "/bad-header" => start(&[("X-Split", "one\r\nX-Injected: two")]),
        "/hop-by-hop" => {
            let hops = [("Transfer-Encoding", "gzip"), ("Connection", "keep-alive")];
            start(&[hops[0], hops[1], ("Keep-Alive", "timeout=99")])?;
            request.write(b"accepted")
        }
        "/write-first" => request.write(b"too early"),
        _ => Err(FAILURE),
    }
}

fn ok(request: &Request<'_>, body: &[u8]) -> Result<(), RequestError> {
    request.respond("200 OK", &[TEXT], body)
}

/// A body that fits in the window is answered in one piece; a longer one as it is read.
fn echo_body(request: &Request<'_>) -> Result<(), RequestError> {
    let mut window = vec![0; WINDOW];
    let mut filled = 0;
    while filled < window.len() {
        match request.read(&mut window[filled..])? {
            0 if filled == 0 && variable(request, "REQUEST_METHOD")?.as_deref() != Some("POST") => {
                return ok(request, b"OK");
            }
            0 => return ok(request, &window[..filled]),
            count => filled += count,
        }
    }
    request.start_response("200 OK", &[TEXT], false)?;
    while filled > 0 {
        request.write(&window[..filled])?;
        filled = request.read(&mut window)?;
    }
    Ok(())
}

/// A body that is cut short or malformed is an error also where nobody wants it.
fn read_to_the_end(request: &Request<'_>) -> Result<(), RequestError> {
    let mut rest = [0; 4096];
    while request.read(&mut rest)? > 0 {}
    Ok(())
}

fn variable(request: &Request<'_>, key: &str) -> Result<Option<String>, RequestError> {
    request.environ(|environ| {
        let value = environ.get(key.as_bytes())?;
        Some(String::from_utf8_lossy(value).into_owned())
    })
}

/// One `NAME: value` line for each pair of the environ that gets a name.
fn lines(
    request: &Request<'_>,
    name: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, RequestError> {
    let line = |(key, value): (&[u8], &[u8])| Some([&*name(key)?, b": ", value, b"\n"].concat());
    request.environ(|environ: &Environ| environ.iter().filter_map(line).flatten().collect())
}

/// `HTTP_ACCEPT_ENCODING` as `Accept-Encoding`; `None` if the pair comes from no header.
fn header_name(key: &[u8]) -> Option<Vec<u8>> {
    let name = match key.strip_prefix(b"HTTP_") {
        Some(name) => name,
        None => key.starts_with(b"CONTENT_").then_some(key)?,
    };
    let mut first = true;
    let letter = |byte: &u8| {
        let written = match byte {
            b'_' => b'-',
            byte if first => *byte,
            byte => byte.to_ascii_lowercase(),
        };
        first = written == b'-';
        written
    };
    Some(name.iter().map(letter).collect())
}
