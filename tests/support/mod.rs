//! What the tests over raw sockets share: a client with deadlines, a gate to hold applications at.
#![allow(dead_code)]

pub mod listening;
pub mod site;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use wsgiserver::{Gateway, HTTPServer, Handlers, Outcome, Request};

/// Nothing that a test waits for takes this long unless it is broken, however busy the machine is.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// What waits for nobody takes less.
pub const PROMPT: Duration = Duration::from_secs(10);

/// A server on a free port with these options, running.
pub fn serve(gateway: impl Gateway, options: &[(&str, &str)]) -> (Arc<HTTPServer>, SocketAddr) {
    serve_with(gateway, Handlers::new(), options)
}

/// With a host's own handlers.
pub fn serve_with(
    gateway: impl Gateway,
    handlers: Handlers,
    options: &[(&str, &str)],
) -> (Arc<HTTPServer>, SocketAddr) {
    let server = Arc::new(HTTPServer::new("127.0.0.1:0", gateway).unwrap());
    server.set_handlers(handlers).unwrap();
    for (name, value) in options {
        server.set(name, value).unwrap();
    }
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    (server, address)
}

/// A closure as an application.
pub struct App<F>(pub F);

impl<F: Fn(&Request<'_>) -> Outcome + Send + Sync + 'static> Gateway for App<F> {
    fn respond(&self, request: &Request<'_>) -> Outcome {
        (self.0)(request)
    }
}

/// Answers with a text.
pub fn ok(request: &Request<'_>, body: &[u8]) -> Outcome {
    match request.respond("200 OK", &[("Content-Type", "text/plain")], body) {
        Ok(()) => Outcome::Done,
        Err(_) => Outcome::Failed,
    }
}

/// The path of a request.
pub fn path(request: &Request<'_>) -> String {
    let path = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into();
    request.environ(|environ| path(environ.get(b"PATH_INFO"))).unwrap()
}

/// A file that nobody else sees.
pub fn file_with(content: &[u8]) -> File {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("wsgiserver-test-{}-{number}", std::process::id());
    let name = std::env::temp_dir().join(name);
    let mut file = File::options().read(true).write(true).create_new(true).open(&name).unwrap();
    std::fs::remove_file(name).unwrap();
    file.write_all(content).unwrap();
    file
}

/// A client's connection, over a socket or what is on it.
pub struct Client<S = TcpStream>(pub S);

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self(stream)
    }

    /// Whether an answer is there, without waiting for it.
    pub fn has_answer(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let answered = self.0.peek(&mut [0]).is_ok();
        self.0.set_nonblocking(false).unwrap();
        answered
    }
}

impl<S: Read + Write> Client<S> {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.0.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// A GET on a connection that is kept.
    pub fn get(&mut self, path: &str) -> &mut Self {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
    }

    /// One answer with a Content-Length: the status and the body.
    pub fn answer(&mut self) -> (u16, String) {
        let head = self.head();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| length.trim().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// A head up to its empty line.
    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    /// Everything up to the server's end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        rest
    }
}

/// Holds applications until a test lets them go, and counts who has come.
#[derive(Default)]
pub struct Gate {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Gate {
    /// Waits here until the gate is opened. False if that never happens.
    pub fn pass(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        let (state, result) =
            self.changed.wait_timeout_while(state, DEADLINE, |state| !state.1).unwrap();
        drop(state);
        !result.timed_out()
    }

    /// Waits until so many have come.
    pub fn wait_for(&self, count: usize) {
        let state = self.state.lock().unwrap();
        let (_state, result) =
            self.changed.wait_timeout_while(state, DEADLINE, |state| state.0 < count).unwrap();
        assert!(!result.timed_out(), "{count} calls were to come");
    }

    pub fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

/// Waits for a fact.
pub fn eventually(what: &str, mut fact: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !fact() {
        assert!(Instant::now() < until, "{what}");
        std::thread::yield_now();
    }
}
