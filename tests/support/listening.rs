//! What the tests of listeners share: a server that answers with its environ, and clients of every
//! kind of address.
#![allow(dead_code)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wsgiserver::{Address, ErrorKind, Gateway, HTTPServer, Outcome, Request};

use super::{App, Client, ok};

/// Answers with the environ, a pair to a line.
pub fn environ(request: &Request<'_>) -> Outcome {
    let lines = request.environ(|environ| {
        let line = |(key, value): (&[u8], &[u8])| {
            format!("{}={}\n", String::from_utf8_lossy(key), String::from_utf8_lossy(value))
        };
        environ.iter().map(line).collect::<String>()
    });
    ok(request, lines.unwrap().as_bytes())
}

pub fn gateway() -> impl Gateway {
    App(environ)
}

/// A server that is stopped at the end of its test.
pub struct Server(pub Arc<HTTPServer>);

impl std::ops::Deref for Server {
    type Target = Arc<HTTPServer>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.stop();
    }
}

pub fn new_with(bind_addr: &str, gateway: impl Gateway) -> Server {
    let server = HTTPServer::new(bind_addr, gateway).unwrap();
    server.set("numthreads", "2").unwrap();
    Server(Arc::new(server))
}

pub fn new(bind_addr: &str) -> Server {
    new_with(bind_addr, gateway())
}

pub fn started(bind_addr: &str) -> Server {
    let server = new(bind_addr);
    server.start_background().unwrap();
    server
}

/// The environ that a request by this stream has.
pub fn ask(mut stream: impl Read + Write) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

pub fn ask_at(address: &Address) -> String {
    match address {
        Address::Tcp(address) => ask(tcp(*address)),
        Address::Unix(path) => ask(UnixStream::connect(path).unwrap()),
        Address::Abstract(name) => {
            let name = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
            ask(UnixStream::connect_addr(&name).unwrap())
        }
        _ => unreachable!(),
    }
}

pub fn tcp(address: SocketAddr) -> TcpStream {
    Client::connect(address).0
}

pub fn value<'a>(environ: &'a str, key: &str) -> Option<&'a str> {
    environ.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

/// What preparing says. Nothing of the address may stay behind.
pub fn refused(bind_addr: &str) -> String {
    let server = HTTPServer::new(bind_addr, gateway()).unwrap();
    let error = server.prepare().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bind, "{error}");
    assert!(server.bound_addrs().is_empty());
    error.to_string()
}

pub fn assert_says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}

/// A directory of a test's own.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wsgi-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn unix(&self, name: &str) -> String {
        format!("unix:{}", self.path(name).display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}
