//! The PROXY protocol.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use wsgiserver::{AccessRecord, HTTPServer, Handlers, LogCode, LogLevel};

use crate::support::listening::{Folder, Server, ask, environ, gateway, new, value};
use crate::support::{App, Client, PROMPT, eventually};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\n";
const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0xc3, 0x50, 0x01, 0xbb];

/// A header of version 2 with these fields behind its addresses.
fn version2(command: u8, family: u8, ends: &[u8], fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut rest = ends.to_vec();
    for (kind, value) in fields {
        rest.extend(field(*kind, value));
    }
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, &rest].concat()
}

fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

fn serve(options: &[(&str, &str)]) -> (Server, SocketAddr) {
    let server = new("127.0.0.1:0");
    for (name, value) in options {
        server.set(name, value).unwrap();
    }
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    (server, address)
}

fn serve_for(protocol: &str, from: &str) -> (Server, SocketAddr) {
    serve(&[("proxy_protocol", protocol), ("proxy_protocol_from", from)])
}

/// Everything that the server answers to these bytes.
fn answer(address: SocketAddr, pieces: &[&[u8]]) -> String {
    let mut client = Client::connect(address);
    client.send(pieces.concat());
    text_of(client)
}

/// A connection that is cut with bytes unread ends in a reset.
fn text_of(mut client: Client) -> String {
    let mut answer = Vec::new();
    match client.0.read_to_end(&mut answer) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(answer).unwrap(),
    }
}

fn assert_environ(answer: &str, wanted: &[(&str, &str)]) {
    for (key, wanted) in wanted {
        assert_eq!(value(answer, key), Some(*wanted), "{key} in {answer}");
    }
}

#[test]
fn both_ends_are_what_the_header_says() {
    let (_server, address) = serve_for("required", "127.0.0.0/8");
    let v4 = [("REMOTE_ADDR", "192.0.2.1"), ("REMOTE_PORT", "50000"), ("SERVER_PORT", "443")];
    assert_environ(&answer(address, &[LINE, GET]), &v4);
    assert_environ(&answer(address, &[&version2(0x21, 0x11, &V4, &[]), GET]), &v4);
    let mut v6 = [0; 36];
    (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 3, 4);
    let v6 = answer(address, &[&version2(0x21, 0x21, &v6, &[]), GET]);
    assert_environ(&v6, &[("REMOTE_ADDR", "::1"), ("REMOTE_PORT", "3"), ("SERVER_PORT", "4")]);
    let unix = answer(address, &[&version2(0x21, 0x31, &[0; 216], &[]), GET]);
    assert_environ(&unix, &[("REMOTE_ADDR", ""), ("REMOTE_PORT", "")]);
    assert_environ(&unix, &[("SERVER_PORT", &address.port().to_string())]);
}

#[test]
fn the_real_ends_count_where_nobody_is_spoken_for() {
    let (_server, address) = serve_for("required", "127.0.0.1");
    let port = address.port().to_string();
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN 192.0.2.1 198.51.100.2 50000 443\r\n".to_vec(),
        version2(0x20, 0x11, &V4, &[]),
        version2(0x20, 0, &[], &[(0x20, b"cut")]),
        version2(0x21, 0, &[], &[]),
        version2(0x21, 0x12, &V4, &[]),
    ] {
        let answer = answer(address, &[&header, GET]);
        assert_environ(&answer, &[("REMOTE_ADDR", "127.0.0.1"), ("SERVER_PORT", &port)]);
    }
}

#[test]
fn what_the_proxy_knows_of_tls_is_in_the_environ() {
    let (_server, address) = serve_for("required", "127.0.0.1");
    let ssl = |client: u8, verify: u8| {
        let about = [(0x21, &b"TLSv1.3"[..]), (0x22, b"Alice"), (0x23, b"TLS_AES_128_GCM_SHA256")];
        let about = about.map(|(kind, value)| field(kind, value)).concat();
        [&[client, 0, 0, 0, verify][..], &about].concat()
    };
    let ask = |ssl: &[u8]| {
        let fields = [(0x01, &b"h2"[..]), (0x02, b"example.org"), (0x05, b"id-1"), (0x20, ssl)];
        answer(address, &[&version2(0x21, 0x11, &V4, &fields), GET])
    };
    let trusted = ask(&ssl(7, 0));
    let wanted = [
        ("wsgi.url_scheme", "https"),
        ("HTTPS", "on"),
        ("SSL_PROTOCOL", "TLSv1.3"),
        ("SSL_CIPHER", "TLS_AES_128_GCM_SHA256"),
        ("SSL_TLS_SNI", "example.org"),
        ("SSL_CLIENT_VERIFY", "SUCCESS"),
        ("SSL_CLIENT_S_DN_CN", "Alice"),
        ("UNIQUE_ID", "id-1"),
        ("REMOTE_ADDR", "192.0.2.1"),
    ];
    assert_environ(&trusted, &wanted);
    for (ssl, verify) in [(ssl(7, 10), "FAILED"), (ssl(1, 0), "NONE")] {
        let answer = ask(&ssl);
        assert_environ(&answer, &[("SSL_CLIENT_VERIFY", verify), ("HTTPS", "on")]);
        assert_eq!(value(&answer, "SSL_CLIENT_S_DN_CN"), None, "who is not verified has no name");
    }
    let plain = ask(&ssl(0, 0));
    assert_environ(&plain, &[("wsgi.url_scheme", "http"), ("UNIQUE_ID", "id-1")]);
    assert_eq!(value(&plain, "HTTPS"), None);
}

#[test]
fn one_connection_may_have_many_requests() {
    let (_server, address) = serve_for("optional", "127.0.0.1");
    let mut client = Client::connect(address);
    client.send(LINE);
    for _ in 0..3 {
        let (status, body) = client.get("/").answer();
        assert_eq!(status, 200);
        assert_environ(&body, &[("REMOTE_ADDR", "192.0.2.1"), ("SERVER_PORT", "443")]);
    }
    assert_eq!(client.send(LINE).answer().0, 400, "a header comes first or not at all");
}

#[test]
fn a_header_may_come_in_pieces() {
    let (_server, address) = serve_for("required", "127.0.0.1");
    let long = version2(0x21, 0x11, &V4, &[(0x04, &[0; 3000]), (0x05, b"id")]);
    for (header, step) in [(LINE, 1), (&version2(0x21, 0x11, &V4, &[(4, b"")]), 1), (&long, 500)] {
        let mut client = Client::connect(address);
        client.0.set_nodelay(true).unwrap();
        for piece in header.chunks(step) {
            client.send(piece);
        }
        client.send(GET);
        assert_environ(&text_of(client), &[("REMOTE_ADDR", "192.0.2.1")]);
    }
}

#[test]
fn a_proxy_may_come_by_a_unix_socket() {
    let folder = Folder::new();
    let server = new(&folder.unix("socket"));
    for (name, value) in [
        ("proxy_protocol", "required"),
        ("proxy_protocol_from", "unix"),
        ("peercreds_enabled", "1"),
    ] {
        server.set(name, value).unwrap();
    }
    server.start_background().unwrap();
    let connect = || UnixStream::connect(folder.path("socket")).unwrap();
    let mut proxy = connect();
    proxy.write_all(LINE).unwrap();
    let proxied = ask(proxy);
    assert_environ(&proxied, &[("REMOTE_ADDR", "192.0.2.1"), ("SERVER_PORT", "443")]);
    assert_eq!(value(&proxied, "X_REMOTE_UID"), None, "that would be the proxy's");
    let mut proxy = connect();
    proxy.write_all(&version2(0x21, 0x31, &[0; 216], &[])).unwrap();
    assert_eq!(value(&ask(proxy), "X_REMOTE_UID"), None);
    let mut proxy = connect();
    proxy.write_all(b"PROXY UNKNOWN\r\n").unwrap();
    assert!(value(&ask(proxy), "X_REMOTE_UID").is_some());
}

#[test]
fn who_is_no_proxy_is_not_believed() {
    let (_server, address) = serve_for("optional", "10.0.0.0/8, ::1, unix");
    let refused = answer(address, &[LINE, GET]);
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    let refused = answer(address, &[&version2(0x21, 0x11, &V4, &[]), GET]);
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    assert_environ(&answer(address, &[GET]), &[("REMOTE_ADDR", "127.0.0.1")]);
    let (_server, address) = serve_for("required", "10.0.0.0/8");
    assert_eq!(answer(address, &[LINE, GET]), "");
    assert_eq!(answer(address, &[GET]), "");
}

#[test]
fn without_the_option_there_is_no_such_protocol() {
    let (_server, address) = serve(&[("proxy_protocol_from", "127.0.0.1")]);
    assert!(answer(address, &[LINE, GET]).starts_with("HTTP/1.1 400"));
}

#[test]
fn it_may_be_absent_only_where_it_is_optional() {
    let (_server, address) = serve_for("optional", "127.0.0.1");
    assert_environ(&answer(address, &[GET]), &[("REMOTE_ADDR", "127.0.0.1")]);
    let close = b"PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let answered = answer(address, &[b"\r\n", close]);
    assert!(answered.starts_with("HTTP/1.1 200"), "what begins like a header need not be one");
    let (_server, address) = serve_for("required", "127.0.0.1");
    assert_eq!(answer(address, &[GET]), "");
}

/// What a server says of connections that it turns away, with the code of PROXY headers.
#[derive(Clone, Default)]
struct Complaints(Arc<Mutex<Vec<String>>>);

impl Complaints {
    fn of(&self, server: &HTTPServer) {
        let all = self.0.clone();
        let note = move |_: LogLevel, code: LogCode, text: &str| {
            if code == LogCode::ProxyHeader {
                all.lock().unwrap().push(text.to_owned());
            }
        };
        server.set_handlers(Handlers::new().error_log(note)).unwrap();
    }

    fn last(&self, count: usize) -> String {
        eventually("a complaint", || self.0.lock().unwrap().len() >= count);
        self.0.lock().unwrap()[count - 1].clone()
    }
}

#[test]
fn a_header_that_is_not_in_order_ends_the_connection_and_is_logged() {
    let server = new("127.0.0.1:0");
    let complaints = Complaints::default();
    complaints.of(&server);
    server.set("proxy_protocol", "optional").unwrap();
    server.set("proxy_protocol_from", "127.0.0.1").unwrap();
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    let too_long = [&version2(0x21, 0x11, &V4, &[])[..14], &[0xff, 0xff]].concat();
    for (count, (header, why)) in [
        (b"PROXY TCP4 192.0.2.1\r\n".to_vec(), "the line is not in order"),
        ([&b"PROXY UNKNOWN "[..], &[b'x'; 200], b"\r\n"].concat(), "the line is too long"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\n".to_vec(), "without CR"),
        (version2(0x31, 0x11, &V4, &[]), "its version is unknown"),
        (version2(0x21, 0x11, &V4[..11], &[]), "its addresses are cut"),
        (version2(0x21, 0x11, &V4, &[(3, &[0; 4])]), "its checksum is wrong"),
        (too_long, "it is too long"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(answer(address, &[&header, GET]), "", "{why}");
        let said = complaints.last(count + 1);
        assert!(said.contains(why) && said.contains("from 127.0.0.1:"), "{said}");
    }
    let mut client = Client::connect(address);
    client.send(&LINE[..10]).0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(text_of(client), "");
    assert!(complaints.last(8).contains("left in it"));
}

#[test]
fn connections_without_a_header_write_a_limited_number_of_messages() {
    let server = new("127.0.0.1:0");
    let complaints = Complaints::default();
    complaints.of(&server);
    server.set("proxy_protocol", "required").unwrap();
    server.set("proxy_protocol_from", "127.0.0.1").unwrap();
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    let begun = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(answer(address, &[GET]), "");
    }
    let intervals = begun.elapsed().as_secs() as usize / 10 + 1;
    server.stop();
    let count = complaints.0.lock().unwrap().len();
    assert!((10..=10 * intervals).contains(&count), "{count} messages");
}

#[test]
fn a_slow_header_holds_nobody_and_has_its_time() {
    let server = new("127.0.0.1:0");
    let complaints = Complaints::default();
    complaints.of(&server);
    for (name, value) in [
        ("proxy_protocol", "required"),
        ("proxy_protocol_from", "127.0.0.1"),
        ("proxy_header_timeout", "0.4"),
        // All of them, not only the first ones.
        ("log_level", "debug"),
        ("numthreads", "1"),
    ] {
        server.set(name, value).unwrap();
    }
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    let slow: Vec<_> = (0..50)
        .map(|number| {
            let mut client = Client::connect(address);
            client.send(&LINE[..number % 40]);
            client
        })
        .collect();
    assert_environ(&answer(address, &[LINE, GET]), &[("REMOTE_ADDR", "192.0.2.1")]);
    let begun = std::time::Instant::now();
    for client in slow {
        assert_eq!(text_of(client), "");
    }
    assert!(begun.elapsed() < PROMPT);
    assert!(complaints.last(50).contains("too slow"));
}

#[test]
fn the_access_log_has_the_client() {
    let lines: Arc<Mutex<Vec<Option<SocketAddr>>>> = Arc::default();
    let note = {
        let lines = lines.clone();
        move |record: &AccessRecord<'_>| lines.lock().unwrap().push(record.remote)
    };
    let server = new("127.0.0.1:0");
    server.set_handlers(Handlers::new().access_log(note)).unwrap();
    server.set("proxy_protocol", "required").unwrap();
    server.set("proxy_protocol_from", "127.0.0.1").unwrap();
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    answer(address, &[LINE, GET]);
    answer(address, &[LINE, b"nonsense\r\n\r\n"]);
    eventually("two lines", || lines.lock().unwrap().len() == 2);
    let client = Some("192.0.2.1:50000".parse().unwrap());
    assert_eq!(*lines.lock().unwrap(), [client, client]);
}

#[test]
fn the_view_has_the_client() {
    let app = App(|request: &wsgiserver::Request<'_>| {
        let text = request.view(|view| {
            format!("{:?} {}", view.remote_addr(), String::from_utf8_lossy(view.scheme()))
        });
        crate::support::ok(request, text.unwrap().as_bytes())
    });
    let options = [("proxy_protocol", "required"), ("proxy_protocol_from", "127.0.0.1")];
    let (server, address) = crate::support::serve(app, &options);
    let header = version2(0x21, 0x11, &V4, &[(0x20, &[1, 0, 0, 0, 0])]);
    let answer = answer(address, &[&header, GET]);
    assert!(answer.ends_with("Some(192.0.2.1:50000) https"), "{answer}");
    server.stop();
}

#[test]
fn the_options_are_checked() {
    let server = HTTPServer::new("127.0.0.1:0", gateway()).unwrap();
    let error = server.set("proxy_protocol_from", "10.0.0.0/33").unwrap_err().to_string();
    assert!(error.contains("proxy_protocol_from") && error.contains("10.0.0.0/33"), "{error}");
    server.set("proxy_protocol", "required").unwrap();
    let error = server.prepare().unwrap_err().to_string();
    assert!(error.contains("proxy_protocol_from names no proxy"), "{error}");
    server.set("proxy_protocol_from", "unix").unwrap();
    server.prepare().unwrap();
}

#[test]
fn what_a_proxy_may_say_is_not_told_as_the_servers() {
    let app = App(|request: &wsgiserver::Request<'_>| {
        let varies = request.environ(|environ| {
            let of_server = environ.iter().take(environ.server_count);
            of_server.filter(|(key, _)| matches!(*key, b"wsgi.url_scheme" | b"SERVER_PORT")).count()
        });
        match varies {
            Ok(0) => environ(request),
            _ => wsgiserver::Outcome::Failed,
        }
    });
    let options = [("proxy_protocol", "required"), ("proxy_protocol_from", "127.0.0.1")];
    let (server, address) = crate::support::serve(app, &options);
    assert_environ(&answer(address, &[LINE, GET]), &[("SERVER_PORT", "443")]);
    server.stop();
}

#[test]
fn a_proxys_connections_are_not_those_of_one_client() {
    let (_server, address) = serve(&[
        ("proxy_protocol", "required"),
        ("proxy_protocol_from", "127.0.0.1"),
        ("max_connections_per_ip", "1"),
    ]);
    let mut clients: Vec<_> = (0..5).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        assert_eq!(client.send(LINE).get("/").answer().0, 200);
    }
}
