//! What is agreed upon, and how long that may take.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustls::{CipherSuite, version};
use wsgiserver::{Handlers, LogCode, LogLevel};

use crate::application::{serve, serve_with};
use crate::client::{
    BOTH, VERSIONS, config, config_with, connect, connect_as, get, try_get, try_get_on,
};
use crate::support::{Client, PROMPT, eventually};

pub fn both_versions_are_spoken(adapter: &str) {
    let (server, address) = serve(adapter, &[]);
    for (version, name) in VERSIONS {
        let config = Arc::new(config(&[version], None));
        let mut client = connect_as(address, &config, "server.test");
        assert_eq!(client.get("/").answer(), (200, "hello".into()), "{name}");
        assert_eq!(client.get("/large/3").answer().0, 200, "the connection is kept");
        let spoken = client.0.conn.protocol_version().unwrap();
        assert_eq!(format!("{spoken:?}"), name.replace('.', "_"));
    }
    server.stop();
}

pub fn below_the_minimum_version_nothing_is_spoken(adapter: &str) {
    let (_server, address) = serve(adapter, &[("minimum_tls_version", "1.3")]);
    let [old, new] = VERSIONS.map(|(version, _)| Arc::new(config(&[version], None)));
    let error = try_get(address, &old, "server.test", "/").unwrap_err().to_string();
    assert!(error.contains("ProtocolVersion"), "{error}");
    assert_eq!(get(address, &new, "server.test", "/"), "hello");
}

pub fn the_chosen_ciphers_are_spoken_and_no_others(adapter: &str) {
    for (names, spoken) in [
        ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
        (
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ),
        (
            "ecdhe-ecdsa-chacha20-poly1305",
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ),
        (
            "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
            CipherSuite::TLS13_AES_128_GCM_SHA256,
        ),
    ] {
        let (server, address) = serve(adapter, &[("ciphers", names)]);
        let mut client = connect(address);
        assert_eq!(try_get_on(&mut client, "/").unwrap(), "hello", "{names}");
        let suite = client.0.conn.negotiated_cipher_suite().unwrap().suite();
        assert_eq!(suite, spoken, "{names}");
        server.stop();
    }
    let (_server, address) = serve(adapter, &[("ciphers", "ECDHE-RSA-AES128-GCM-SHA256")]);
    let config = Arc::new(config(BOTH, None));
    let error = try_get(address, &config, "server.test", "/").unwrap_err().to_string();
    assert!(error.contains("HandshakeFailure"), "the key is no RSA key: {error}");
}

pub fn the_order_of_the_chosen_ciphers_counts(adapter: &str) {
    let strong = "TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384";
    let fast = "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256";
    for (names, bits) in [(format!("{strong}:{fast}"), "256"), (format!("{fast}:{strong}"), "128")]
    {
        let (server, address) = serve(adapter, &[("ciphers", &names)]);
        for (version, name) in VERSIONS {
            for reversed in [false, true] {
                let mut provider = rustls::crypto::aws_lc_rs::default_provider();
                if reversed {
                    provider.cipher_suites.reverse();
                }
                let config = Arc::new(config_with(provider, &[version], None));
                let mut client = connect_as(address, &config, "server.test");
                assert_eq!(try_get_on(&mut client, "/").unwrap(), "hello", "{names}");
                let suite = client.0.conn.negotiated_cipher_suite().unwrap().suite();
                let suite = format!("{suite:?}");
                let expected = format!("AES_{bits}_GCM");
                assert!(suite.contains(&expected), "{suite} by {name}, {names}, {reversed}");
            }
        }
        server.stop();
    }
}

pub fn http_1_0_is_agreed_upon_if_it_is_all_that_is_offered(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    for (offered, agreed) in [
        (&["http/1.0"][..], "http/1.0"),
        (&["h2", "http/1.0"], "http/1.0"),
        (&["http/1.0", "http/1.1"], "http/1.1"),
    ] {
        let mut config = config(BOTH, None);
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut client = connect_as(address, &Arc::new(config), "server.test");
        client.send("GET / HTTP/1.0\r\n\r\n");
        assert!(client.rest().ends_with(b"hello"), "{offered:?}");
        let protocol = client.0.conn.alpn_protocol().map(String::from_utf8_lossy);
        assert_eq!(protocol.as_deref(), Some(agreed), "{offered:?}");
    }
}

pub fn http_1_1_is_agreed_upon(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    let agreed = |offered: &[&str]| {
        let mut config = config(BOTH, None);
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut client = connect_as(address, &Arc::new(config), "server.test");
        assert_eq!(try_get_on(&mut client, "/").unwrap(), "hello");
        client.0.conn.alpn_protocol().map(<[u8]>::to_vec)
    };
    assert_eq!(agreed(&["h2", "http/1.1"]).unwrap(), b"http/1.1");
    assert_eq!(agreed(&["http/1.1"]).unwrap(), b"http/1.1");
    assert_eq!(agreed(&[]), None);
}

pub fn a_client_that_wants_another_protocol_is_refused(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    let mut config = config(BOTH, None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let error = try_get(address, &Arc::new(config), "server.test", "/").unwrap_err().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
}

/// Each of them as far as it can go without another word of its own.
pub fn stalled_handshakes_slow_nobody(adapter: &str) {
    let (server, address) = serve(adapter, &[("numthreads", "2")]);
    let hello = client_hello();
    let stalled: Vec<_> = (0..1_000)
        .map(|index| {
            let mut client = Client::connect(address);
            let part = match index % 3 {
                0 => 0,
                1 => hello.len() / 2,
                _ => hello.len(),
            };
            client.send(&hello[..part]);
            client
        })
        .collect();
    let config = Arc::new(config(&[&version::TLS13], None));
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(get(address, &config, "server.test", "/"), "hello");
    }
    assert!(begun.elapsed() < PROMPT / 2, "20 clients took {:?}", begun.elapsed());
    drop(stalled);
    assert_eq!(server.stop(), 0);
}

pub fn a_slow_handshake_comes_to_its_end(adapter: &str) {
    let (_server, address) = serve(adapter, &[("numthreads", "1")]);
    for (version, _) in VERSIONS {
        let config = Arc::new(config(&[version], None));
        let mut slow = connect_as(address, &config, "server.test");
        let (tls, socket) = (&mut slow.0.conn, &mut slow.0.sock);
        while tls.is_handshaking() {
            if tls.wants_write() {
                let mut flight = Vec::new();
                tls.write_tls(&mut flight).unwrap();
                for byte in flight {
                    socket.write_all(&[byte]).unwrap();
                }
            } else {
                assert_ne!(tls.read_tls(socket).unwrap(), 0);
                tls.process_new_packets().unwrap();
            }
        }
        assert_eq!(slow.get("/").answer(), (200, "hello".into()));
    }
}

pub fn a_handshake_that_takes_too_long_is_ended(adapter: &str) {
    let (_server, address) = serve(adapter, &[("handshake_timeout", "1")]);
    let hello = client_hello();
    for part in [0, hello.len() / 2] {
        let mut client = Client::connect(address);
        client.send(&hello[..part]);
        assert!(client.rest().is_empty());
    }
    let mut kept = connect(address);
    assert_eq!(kept.get("/").answer().0, 200);
    let later = Instant::now() + std::time::Duration::from_millis(1_200);
    eventually("the handshake's time is up", || Instant::now() > later);
    assert_eq!(kept.get("/").answer().0, 200, "who is through with it has all the time");
}

/// The first bytes of a client.
pub fn client_hello() -> Vec<u8> {
    let name = "server.test".try_into().unwrap();
    let config = Arc::new(config(BOTH, None));
    let mut tls = rustls::ClientConnection::new(config, name).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    hello
}

/// What is no TLS, some of it like the beginning of a record that does not come.
pub fn garbage_slows_nobody(adapter: &str) {
    let options = [("numthreads", "2"), ("handshake_timeout", "1")];
    let (server, address) = serve(adapter, &options);
    let garbage: [&[u8]; 6] = [
        b"\x16\x03\x01\xff\xff and so on",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &[0x16; 3000],
        &[0; 100],
        b"\x17\x03\x03\x00\x05hello",
        b"\x80\x2e\x01\x00\x02",
    ];
    let mut bad: Vec<_> = (0..60)
        .map(|index| {
            let mut client = Client::connect(address);
            client.send(garbage[index % garbage.len()]);
            client
        })
        .collect();
    let config = Arc::new(config(BOTH, None));
    for _ in 0..10 {
        assert_eq!(get(address, &config, "server.test", "/"), "hello");
    }
    // An alert, if anything, and then the end; a reset where not all was read.
    for client in &mut bad {
        let _alert_or_reset = client.0.read_to_end(&mut Vec::new());
    }
    eventually("nothing is left of them", || server.stats().connections == 0);
}

/// Warnings, since many hosts hear nothing below them, and with the client's address.
pub fn failed_handshakes_write_a_limited_number_of_messages(adapter: &str) {
    let messages = Arc::new(Mutex::new(Vec::new()));
    let kept = messages.clone();
    let handlers = Handlers::new().error_log(move |level, code, text: &str| {
        if code == LogCode::Handshake {
            kept.lock().unwrap().push((level, text.to_owned()));
        }
    });
    let (server, address) = serve_with(adapter, handlers, &[("log_level", "warning")]);
    let mut first = None;
    let begun = Instant::now();
    for _ in 0..100 {
        let mut client = Client::connect(address);
        first.get_or_insert_with(|| client.0.local_addr().unwrap());
        client.send(b"\x00\x01\x02garbage");
        let _alert_or_reset = client.0.read_to_end(&mut Vec::new());
    }
    let intervals = begun.elapsed().as_secs() as usize / 10 + 1;
    server.stop();
    let messages = messages.lock().unwrap();
    assert!((10..=10 * intervals).contains(&messages.len()), "{} messages", messages.len());
    let start = format!("TLS handshake error from {}: ", first.unwrap());
    assert!(messages[0].1.starts_with(&start), "{:?}", messages[0]);
    assert!(messages.iter().all(|(level, _)| *level == LogLevel::Warning));
}

/// It could not be told before.
pub fn one_connection_too_many_is_told_after_its_handshake(adapter: &str) {
    let (_server, address) = serve(adapter, &[("max_connections", "1")]);
    let mut first = connect(address);
    let expecting = "Host: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    first.send(format!("POST /echo HTTP/1.1\r\n{expecting}"));
    assert!(first.head().starts_with("HTTP/1.1 100 "));
    let mut late = connect(address);
    let head = late.get("/").head();
    assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
    assert!(head.contains("\r\nRetry-After: 1\r\n"), "{head}");
    assert_eq!(late.rest(), b"");
    assert_eq!(first.send("hello").answer(), (200, "hello".into()));
}
