//! The application that the tests talk to, and its server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use wsgiserver::{HTTPServer, Handlers, LogCode, LogLevel, Outcome, Request, RequestError};

use crate::certificates::file;
use crate::support::{self, App, file_with, ok, path};

const TEXT: (&str, &str) = ("Content-Type", "text/plain");
const PIECE: usize = 10_000;

/// A server with the certificate `server` and its chain, and these options beside.
pub fn serve(adapter: &str, options: &[(&str, &str)]) -> (Arc<HTTPServer>, SocketAddr) {
    serve_with(adapter, Handlers::new(), options)
}

/// The messages of a server's error log.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<(LogLevel, LogCode, String)>>>);

impl Log {
    pub fn lines(&self, code: LogCode) -> Vec<(LogLevel, String)> {
        let lines = self.0.lock().unwrap();
        let same = lines.iter().filter(|(_, other, _)| *other == code);
        same.map(|(level, _, text)| (*level, text.clone())).collect()
    }
}

/// The same server, whose error log can be read.
pub fn serve_logged(adapter: &str, options: &[(&str, &str)]) -> (Arc<HTTPServer>, SocketAddr, Log) {
    let log = Log::default();
    let lines = log.0.clone();
    let handlers = Handlers::new().error_log(move |level, code, text: &str| {
        lines.lock().unwrap().push((level, code, text.to_owned()));
    });
    let (server, address) = serve_with(adapter, handlers, options);
    (server, address, log)
}

/// With a host's own handlers.
pub fn serve_with(
    adapter: &str,
    handlers: Handlers,
    options: &[(&str, &str)],
) -> (Arc<HTTPServer>, SocketAddr) {
    let (certificate, key, chain) = (file("server.pem"), file("server.key"), file("between.pem"));
    let mut all = vec![
        ("ssl_adapter", adapter),
        ("certificate", &certificate),
        ("private_key", &key),
        ("certificate_chain", &chain),
    ];
    all.extend(options);
    support::serve_with(App(respond), handlers, &all)
}

/// `hello`, the environ, or a body of some size in one of the ways that there are.
pub fn respond(request: &Request<'_>) -> Outcome {
    let path = path(request);
    let (route, number) = path[1..].split_once('/').unwrap_or_else(|| (&path[1..], "0"));
    let body = pattern(number.parse().unwrap());
    let done = match route {
        "environ" => return ok(request, &environ(request)),
        "large" => return ok(request, &body),
        "stream" => stream(request, &body),
        "file" => send_file(request, &body),
        "echo" => echo(request),
        "hijack" => return hijack(request),
        _ => return ok(request, b"hello"),
    };
    done.map_or(Outcome::Failed, |()| Outcome::Done)
}

/// Bytes that show a piece which is lost, doubled or moved, all of them ASCII.
pub fn pattern(count: usize) -> Vec<u8> {
    (0..count as u32).map(|n| b'a' + (n.wrapping_mul(2_654_435_761) >> 24) as u8 % 26).collect()
}

fn environ(request: &Request<'_>) -> Vec<u8> {
    let pairs = |(key, value): (&[u8], &[u8])| {
        let value = String::from_utf8_lossy(value).replace('\n', "|");
        [key, b"=", value.as_bytes(), b"\n"].concat()
    };
    request.environ(|environ| environ.iter().flat_map(pairs).collect()).unwrap()
}

fn stream(request: &Request<'_>, body: &[u8]) -> Result<(), RequestError> {
    let length = body.len().to_string();
    request.start_response("200 OK", &[TEXT, ("Content-Length", &length)], false)?;
    body.chunks(PIECE).try_for_each(|piece| request.write(piece))
}

fn send_file(request: &Request<'_>, body: &[u8]) -> Result<(), RequestError> {
    request.start_response("200 OK", &[TEXT], false)?;
    request.send_file(file_with(body), 0, None)
}

fn echo(request: &Request<'_>) -> Result<(), RequestError> {
    let mut body = Vec::new();
    let mut window = vec![0; PIECE];
    loop {
        match request.read(&mut window)? {
            0 => return request.respond("200 OK", &[TEXT], &body),
            count => body.extend_from_slice(&window[..count]),
        }
    }
}

/// What comes goes back in capitals, until the client ends its side.
fn hijack(request: &Request<'_>) -> Outcome {
    let Ok(stream) = request.hijack() else { return Outcome::Failed };
    std::thread::spawn(move || {
        let mut window = vec![0; PIECE];
        while let Ok(count @ 1..) = stream.read(&mut window) {
            window[..count].make_ascii_uppercase();
            let mut rest = &window[..count];
            while !rest.is_empty() {
                match stream.write(rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(_) => return,
                }
            }
        }
    });
    Outcome::Done
}
