//! TLS behind the header of a proxy.

use crate::application::serve;
use crate::client::{BOTH, config, connect, get};
use crate::support::Client;
use std::io::{Read, Write};
use std::sync::Arc;

pub fn a_proxy_header_goes_before(adapter: &str) {
    let options = [("proxy_protocol", "optional"), ("proxy_protocol_from", "127.0.0.1")];
    let (server, address) = serve(adapter, &options);
    // The header, the handshake and the request may come together or apart.
    for step in [1000, 10] {
        let mut client = connect(address);
        for piece in b"PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\n".chunks(step) {
            client.0.sock.write_all(piece).unwrap();
        }
        let environ = client.get("/environ").answer().1;
        for line in ["REMOTE_ADDR=192.0.2.1", "SERVER_PORT=443", "wsgi.url_scheme=https"] {
            assert!(environ.lines().any(|other| other == line), "{line}: {environ}");
        }
    }
    assert_eq!(get(address, &Arc::new(config(BOTH, None)), "server.test", "/"), "hello");
    // What stands before the handshake is no request, and what the proxy knows of the client's TLS
    // is not ours.
    let mut client = Client::connect(address);
    client.send("PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = String::from_utf8(client.rest()).unwrap();
    assert!(answer.contains("only speaks HTTPS"), "{answer}");
    let mut client = connect(address);
    let ssl = [1, 0, 0, 0, 0, 0x21, 0, 1, b'x'];
    let header = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x00\x0c\x20\x00\x09"[..], &ssl].concat();
    client.0.sock.write_all(&header).unwrap();
    let environ = client.get("/environ").answer().1;
    assert!(environ.contains("SSL_PROTOCOL=TLS") && !environ.contains("SSL_PROTOCOL=x"));
    server.stop();
}

pub fn where_a_proxy_header_is_required_tls_alone_is_not_enough(adapter: &str) {
    let options = [("proxy_protocol", "required"), ("proxy_protocol_from", "127.0.0.1")];
    let (server, address) = serve(adapter, &options);
    let mut client = Client::connect(address);
    client.send(crate::handshakes::client_hello());
    let mut rest = Vec::new();
    let _reset = client.0.read_to_end(&mut rest);
    assert!(rest.is_empty(), "nothing is said");
    server.stop();
}
