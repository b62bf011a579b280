//! Bodies that are larger than a record, a buffer, a socket's buffer; and streams.

use std::io::{Read, Write};
use std::sync::Arc;

use crate::application::{pattern, serve};
use crate::client::{VERSIONS, config, connect, connect_as};

const MIB: usize = 1 << 20;

pub fn large_ones_go_both_ways(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    let body = pattern(MIB);
    let text = String::from_utf8(body.clone()).unwrap();
    for (version, name) in VERSIONS {
        let mut client = connect_as(address, &Arc::new(config(&[version], None)), "server.test");
        for way in ["large", "stream", "file"] {
            let answer = client.get(&format!("/{way}/{MIB}")).answer();
            assert!(answer == (200, text.clone()), "{way} with {name}");
        }
        client.send(format!("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {MIB}\r\n\r\n"));
        client.send(&body);
        assert!(client.answer() == (200, text.clone()), "back again with {name}");
        client.send("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
        for chunk in body.chunks(30_000) {
            client.send(format!("{:x}\r\n", chunk.len())).send(chunk).send("\r\n");
        }
        client.send("0\r\n\r\n");
        assert!(client.answer() == (200, text.clone()), "back again in chunks with {name}");
    }
}

pub fn a_slow_reader_holds_no_thread(adapter: &str) {
    let (_server, address) = serve(adapter, &[("numthreads", "1")]);
    let size = 8 * MIB;
    let text = String::from_utf8(pattern(size)).unwrap();
    let mut slow: Vec<_> = ["large", "file", "large", "file"]
        .map(|way| {
            let mut client = connect(address);
            client.get(&format!("/{way}/{size}"));
            client
        })
        .into();
    assert_eq!(connect(address).get("/").answer(), (200, "hello".into()));
    for client in &mut slow {
        assert!(client.answer() == (200, text.clone()));
        assert_eq!(client.get("/").answer(), (200, "hello".into()), "the connection goes on");
    }
}

pub fn a_hijacked_connection_is_encrypted(adapter: &str) {
    let (server, address) = serve(adapter, &[]);
    for (version, name) in VERSIONS {
        let mut client = connect_as(address, &Arc::new(config(&[version], None)), "server.test");
        client.send("GET /hijack HTTP/1.1\r\nHost: test\r\n\r\nahead");
        let mut echo = [0; 5];
        client.0.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"AHEAD", "{name}");
        let body = pattern(40_000);
        let capitals = body.to_ascii_uppercase();
        for _ in 0..20 {
            client.send(&body);
            let mut echo = vec![0; body.len()];
            client.0.read_exact(&mut echo).unwrap();
            assert!(echo == capitals, "{name}");
        }
        client.0.conn.send_close_notify();
        client.0.flush().unwrap();
        assert!(client.rest().is_empty(), "{name}");
    }
    server.stop();
}
