//! A small client over a raw socket; every wait in it has a deadline.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use wsgiserver::{Gateway, HTTPServer};

const DEADLINE: Duration = Duration::from_secs(20);

/// A server on a free port, stopped when it is dropped.
pub struct Host {
    pub server: Arc<HTTPServer>,
}

impl Host {
    pub fn new(gateway: impl Gateway) -> Self {
        let server = HTTPServer::new("127.0.0.1:0", gateway).unwrap();
        server.set("numthreads", "2").unwrap();
        let server = Arc::new(server);
        server.start_background().unwrap();
        Self { server }
    }

    pub fn connect(&self) -> Client {
        let socket = TcpStream::connect(self.server.bound_addr().unwrap()).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, data: Vec::new() }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.server.stop();
    }
}

pub struct Client {
    pub socket: TcpStream,
    data: Vec<u8>,
}

/// An answer with a Content-Length.
pub struct Reply {
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn status(&self) -> &str {
        let line = self.head.lines().next().unwrap();
        line.strip_prefix("HTTP/1.1 ").unwrap()
    }
}

impl Client {
    pub fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    pub fn get(&mut self, target: &str) -> Reply {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
        self.reply()
    }

    pub fn reply(&mut self) -> Reply {
        let end = loop {
            if let Some(at) = self.data.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.receive() > 0, "the connection ended before a whole head came");
        };
        let head = self.take(end);
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| length.parse().unwrap());
        while self.data.len() < length {
            assert!(self.receive() > 0, "the connection ended before a whole body came");
        }
        let body = self.take(length);
        Reply { head, body }
    }

    /// The connection ends, and nothing more came.
    pub fn expect_end(&mut self) {
        assert_eq!(self.receive(), 0);
        assert_eq!(String::from_utf8_lossy(&self.data), "");
    }

    fn receive(&mut self) -> usize {
        let mut piece = [0; 65536];
        let count = self.socket.read(&mut piece).unwrap();
        self.data.extend_from_slice(&piece[..count]);
        count
    }

    fn take(&mut self, length: usize) -> String {
        let rest = self.data.split_off(length);
        String::from_utf8(std::mem::replace(&mut self.data, rest)).unwrap()
    }
}
