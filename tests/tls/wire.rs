//! What may come over the wire beside good TLS, and how TLS may be cut.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::application::serve;
use crate::certificates::file;
use crate::client::{Secure, connect};
use crate::handshakes::client_hello;
use crate::support::{Client, PROMPT};

/// The seed's text.
const PLAIN: &str =
    "The client sent a plain HTTP request, but this server only speaks HTTPS on this port.";

pub fn plain_http_is_told(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    for method in ["GET", "POST", "OPTIONS", "BREW"] {
        let mut client = Client::connect(address);
        client.send(format!("{method} / HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!(client.answer(), (400, PLAIN.into()), "{method}");
        assert!(client.rest().is_empty(), "a clean close");
    }
    is_unaffected(address);
}

pub fn garbage_is_closed(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    let hello = client_hello();
    // The hello says that it is one of a server, or has a length that is not its own.
    let (mut other_kind, mut other_length) = (hello.clone(), hello.clone());
    other_kind[5] = 2;
    other_length[8] = other_length[8].wrapping_add(1);
    let begun = Instant::now();
    for garbage in [
        &[0; 100][..],
        &[0xff; 5000],
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\x00\x04\xff\xff\xff\xff",
        b"\x17\x03\x03\x00\x05hello",
        b"\x16\x09\x09\x00\x05hello",
        b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10",
        &other_kind,
        &[&other_length[..], &[0; 20_000]].concat(),
    ] {
        let mut client = Client::connect(address);
        client.send(garbage);
        closes(&mut client);
    }
    assert!(begun.elapsed() < PROMPT / 2, "garbage is not waited with: {:?}", begun.elapsed());
    // Behind the handshake, too.
    let mut client = connect(address);
    assert_eq!(client.get("/").answer().0, 200);
    client.0.sock.write_all(b"\x17\x03\x03\x00\x20no record that was sealed, is it").unwrap();
    let mut raw = Client(client.0.sock);
    closes(&mut raw);
    is_unaffected(address);
}

pub fn what_is_cut_short_is_closed(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    let hello = client_hello();
    for length in [0, 1, 5, 60, hello.len() - 1, hello.len()] {
        let mut client = Client::connect(address);
        client.send(&hello[..length]).0.shutdown(Shutdown::Write).unwrap();
        closes(&mut client);
    }
    let request = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    let whole = record(&mut connect(address), request).len();
    for length in [1, 5, 20, whole - 1] {
        let mut client = connect(address);
        assert_eq!(client.get("/").answer().0, 200);
        let bytes = record(&mut client, request);
        let mut raw = Client(client.0.sock);
        raw.send(&bytes[..length]).0.shutdown(Shutdown::Write).unwrap();
        closes(&mut raw);
    }
    is_unaffected(address);
}

pub fn alerts_are_taken(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    let failure = b"\x15\x03\x03\x00\x02\x02\x28";
    for before in [&[][..], &client_hello()] {
        let mut client = Client::connect(address);
        client.send(before).send(failure);
        closes(&mut client);
    }
    // A goodbye is answered with one: reading comes to a proper end.
    let mut client = connect(address);
    assert_eq!(client.get("/").answer().0, 200);
    client.0.conn.send_close_notify();
    client.0.conn.complete_io(&mut client.0.sock).unwrap();
    assert!(client.rest().is_empty());
    is_unaffected(address);
}

pub fn renegotiation_is_refused(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    let mut command = Command::new("openssl")
        .args(["s_client", "-tls1_2", "-crlf", "-servername", "server.test", "-CAfile"])
        .args([&file("root.pem"), "-connect", &address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = command.stdin.take().unwrap();
    let mut output = BufReader::new(command.stdout.take().unwrap());
    input.write_all(b"GET / HTTP/1.1\nHost: test\n\n").unwrap();
    let mut line = String::new();
    while !line.starts_with("Server: ") {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "an answer was to come");
    }
    // A line of its own with this letter is a command.
    input.write_all(b"R\n").unwrap();
    let mut said = String::new();
    command.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert!(said.contains("no renegotiation"), "{said}");
    drop(input);
    command.wait().unwrap();
    is_unaffected(address);
}

pub fn pipelined_requests_in_one_record(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    let mut client = connect(address);
    let requests: String = (0..100)
        .map(|number| format!("GET /large/{number} HTTP/1.1\r\nHost: test\r\n\r\n"))
        .collect();
    let bytes = record(&mut client, requests.as_bytes());
    assert_eq!(u16::from_be_bytes([bytes[3], bytes[4]]) as usize + 5, bytes.len(), "one record");
    client.0.sock.write_all(&bytes).unwrap();
    for number in 0..100 {
        assert_eq!(client.answer().1.len(), number);
    }
}

pub fn a_goodbye_comes_at_the_end(adapter: &str) {
    let (server, address) = serve(adapter, &[("keep_alive_timeout", "0.3")]);
    // An end without one would be an error of reading.
    let mut idle = connect(address);
    assert_eq!(idle.get("/").answer().0, 200);
    assert!(idle.rest().is_empty());
    let mut closing = connect(address);
    closing.send("GET / HTTP/1.0\r\n\r\n");
    assert!(closing.rest().ends_with(b"hello"));
    let mut bad = connect(address);
    bad.send("GET\r\n\r\n");
    assert!(bad.rest().starts_with(b"HTTP/1.1 400 "));
    let mut stopped = connect(address);
    assert_eq!(stopped.get("/").answer().0, 200);
    server.stop();
    assert!(stopped.rest().is_empty());
}

pub fn a_record_may_come_in_single_bytes(adapter: &str) {
    let (_server, address) = serve(adapter, &[("numthreads", "1")]);
    let mut client = connect(address);
    let request = b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody";
    for pieces in [1, 3, 64] {
        let bytes = record(&mut client, request);
        for piece in bytes.chunks(pieces) {
            client.0.sock.write_all(piece).unwrap();
        }
        assert_eq!(client.answer(), (200, "body".into()));
    }
}

/// The record with this plaintext, behind a handshake that is done.
fn record(client: &mut Secure, plaintext: &[u8]) -> Vec<u8> {
    while client.0.conn.is_handshaking() {
        client.0.conn.complete_io(&mut client.0.sock).unwrap();
    }
    client.0.conn.writer().write_all(plaintext).unwrap();
    let mut bytes = Vec::new();
    while client.0.conn.wants_write() {
        client.0.conn.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// The server ends the connection, with an alert or without one.
fn closes(client: &mut Client) {
    let mut rest = Vec::new();
    if let Err(error) = client.0.read_to_end(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
    assert!(!rest.windows(5).any(|five| five == b"HTTP/"), "no answer");
}

fn is_unaffected(address: SocketAddr) {
    assert_eq!(connect(address).get("/").answer(), (200, "hello".into()));
}
