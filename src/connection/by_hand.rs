//! A connection that is driven by hand, without an engine: for tests and fuzzers.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::exchange::Exchange;
use super::live::{Live, LiveText, Values};
use super::peercreds::PeerCreds;
use super::proxied::ProxyProtocol;
use super::services::{Services, Settings};
use super::{Advance, HTTPConnection, INTEREST};
use crate::engine::ownership::{Bits, Token};
use crate::engine::service::Stopper;
use crate::error_log::LogLevel;
use crate::gateway::environ::{EnvironTemplate, ServerInfo};
use crate::handlers::Handlers;
use crate::request::head::HeadPolicy;
use crate::server::notify::Notifier;

/// What a connection needs, without deadlines. Bodies are read ahead up to `preread`.
pub(crate) fn services(policy: HeadPolicy, preread: usize) -> Services {
    let info = ServerInfo {
        protocol: b"HTTP/1.1",
        server_name: b"test",
        server_port: b"",
        software: b"",
        url_scheme: b"http",
        unicode: false,
    };
    let live = Values {
        max_header_bytes: policy.max_header_bytes as u64,
        max_fields: policy.max_fields as u64,
        max_request_line: policy.max_request_line as u64,
        max_field_bytes: policy.max_field_bytes as u64,
        max_field_name: policy.max_field_name as u64,
        max_body: policy.max_body,
        http10: policy.http10.into(),
        linger_timeout: 30_000,
        ..Values::default()
    };
    let settings = Settings {
        live: Live::new(&live),
        proxy_mode: policy.proxy_mode,
        keep_underscore_headers: policy.keep_underscore_headers,
        server_header: LiveText::new(Vec::new()),
        proxy_protocol: ProxyProtocol::Off,
        trusted_proxies: None,
        serve_abandoned: false,
        notifier: Notifier::default(),
        ssl: None,
        preread,
        log_level: LogLevel::Error,
        log_events: false,
        environs: [vec![EnvironTemplate::new(&info)], vec![EnvironTemplate::new(&info)]],
        peercreds: PeerCreds::Off,
        pull: false,
        bound: String::new(),
        status_path: Vec::new(),
    };
    let service = Stopper::new().expect("descriptors");
    Services::new(settings, &Handlers::default(), usize::MAX, 1, Arc::default(), service)
        .expect("descriptors")
}

/// A connection and its client.
pub(crate) struct Pair<'a> {
    pub(crate) services: &'a Services,
    pub(crate) connection: HTTPConnection,
    pub(crate) client: UnixStream,
    pub(crate) spare: Option<Box<Exchange>>,
}

impl<'a> Pair<'a> {
    pub(crate) fn new(services: &'a Services) -> Self {
        let (client, server) = UnixStream::pair().expect("descriptors");
        client.set_nonblocking(true).expect("a socket");
        let mut connection = HTTPConnection::closed();
        let token = Token { slot: 1000, generation: 0 };
        connection.open(server.into(), None, 0, token);
        services.epoll.add(connection.fd(), INTEREST, token.pack()).expect("a new socket");
        Self { services, connection, client, spare: None }
    }

    /// The client sends something, and the connection gets a turn.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Advance {
        // A connection that was closed meanwhile is the reader's to find out.
        let _closed = self.client.write_all(bytes);
        self.turn(Bits::IN)
    }

    /// Gives the connection a turn, and puts it to rest if it waits.
    pub(crate) fn turn(&mut self, bits: Bits) -> Advance {
        self.connection.note(bits);
        let advance = self.connection.advance(self.services, &mut self.spare);
        if advance == Advance::Wait {
            self.connection.settle(self.services, &mut self.spare, 1);
        }
        advance
    }

    /// What the client has been sent.
    pub(crate) fn answers(&mut self) -> Vec<u8> {
        let mut answers = Vec::new();
        match self.client.read_to_end(&mut answers) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
            _ => answers,
        }
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        self.connection.teardown(self.services);
        // There is no engine that would take its deadlines out, however many connections follow.
        drop(self.services.deadlines.take_due(u64::MAX));
    }
}
