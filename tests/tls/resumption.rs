//! Sessions that go on where an earlier connection has ended.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::{ClientConfig, HandshakeKind};

use crate::application::serve;
use crate::certificates::{file, own_folder};
use crate::client::{VERSIONS, config, connect_as};

pub fn sessions_are_resumed(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    for (version, name) in VERSIONS {
        let config = Arc::new(config(&[version], None));
        let kinds: Vec<_> = (0..3).map(|_| handshake(address, &config)).collect();
        let expected = [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed];
        assert_eq!(kinds, expected, "{name}");
    }
}

pub fn without_tickets_none_is_resumed(adapter: &str) {
    let (_server, address) = serve(adapter, &[("session_tickets", "0")]);
    for (version, name) in VERSIONS {
        let config = Arc::new(config(&[version], None));
        let kinds: Vec<_> = (0..2).map(|_| handshake(address, &config)).collect();
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Full], "{name}");
    }
}

pub fn a_session_is_resumed_after_a_reload(adapter: &str) {
    let (server, address) = serve(adapter, &[]);
    for (version, name) in VERSIONS {
        let config = Arc::new(config(&[version], None));
        assert_eq!(handshake(address, &config), HandshakeKind::Full);
        server.reload_ssl().unwrap();
        assert_eq!(handshake(address, &config), HandshakeKind::Resumed, "{name}");
    }
}

/// What a ticket stands for may be good no more.
pub fn a_new_authority_ends_resumption(adapter: &str) {
    let authority = own_folder("new-authority").join(format!("{adapter}.pem"));
    std::fs::copy(file("client-ca.pem"), &authority).unwrap();
    let options = [("client_auth", "required"), ("client_ca", authority.to_str().unwrap())];
    let (server, address) = serve(adapter, &options);
    for (version, name) in VERSIONS {
        std::fs::copy(file("client-ca.pem"), &authority).unwrap();
        server.reload_ssl().unwrap();
        let config = Arc::new(config(&[version], Some("good")));
        assert_eq!(handshake(address, &config), HandshakeKind::Full);
        assert_eq!(handshake(address, &config), HandshakeKind::Resumed);
        std::fs::copy(file("stranger-ca.pem"), &authority).unwrap();
        server.reload_ssl().unwrap();
        let refused = crate::client::try_get(address, &config, "server.test", "/");
        assert!(refused.is_err(), "{name}: {refused:?}");
    }
}

/// Whoever records early data can send it again (RFC 8446, 8; RFC 8470).
pub fn early_data_is_not_taken(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    let mut config = config(&[VERSIONS[1].0], None);
    config.enable_early_data = true;
    let config = Arc::new(config);
    assert_eq!(handshake(address, &config), HandshakeKind::Full);
    let mut client = connect_as(address, &config, "server.test");
    assert!(client.0.conn.early_data().is_none(), "no ticket allows it");
    assert_eq!(client.get("/").answer(), (200, "hello".into()));
    assert_eq!(client.0.conn.handshake_kind(), Some(HandshakeKind::Resumed));
}

pub fn handshake(address: SocketAddr, config: &Arc<ClientConfig>) -> HandshakeKind {
    let mut client = connect_as(address, config, "server.test");
    assert_eq!(client.get("/").answer(), (200, "hello".into()));
    client.0.conn.handshake_kind().unwrap()
}
