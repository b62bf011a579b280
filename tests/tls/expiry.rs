//! Client certificates whose time runs out while their clients resume sessions.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::HandshakeKind;
use wsgiserver::LogCode;

use crate::application::serve_logged;
use crate::certificates::{own_folder, run};
use crate::client::{VERSIONS, config, connect_as, try_get};
use crate::resumption::handshake;
use crate::support::eventually;

/// Enough for the certificates and the handshakes before the end, on a busy machine too.
const LIFE: Duration = Duration::from_secs(10);

pub fn an_expired_client_certificate_ends_resumption(adapter: &str) {
    let folder = format!("expiry-{adapter}");
    let own = own_folder(&folder);
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + LIFE;
    run(&own, &["expiring", &end.as_secs().to_string()]);
    let authority = own.join("ca.pem");
    let options = [
        ("client_auth", "required"),
        ("client_ca", authority.to_str().unwrap()),
        ("keep_alive_timeout", "60"),
    ];
    let (_server, address, log) = serve_logged(adapter, &options);

    let mut resuming = Vec::new();
    for (version, name) in VERSIONS {
        for client in ["soon", "chained"] {
            let config = || Arc::new(config(&[version], Some(&format!("{folder}/{client}"))));
            let (resumed, fresh) = (config(), config());
            assert_eq!(handshake(address, &resumed), HandshakeKind::Full, "{client} by {name}");
            assert_eq!(handshake(address, &resumed), HandshakeKind::Resumed, "{client} by {name}");
            resuming.push((resumed, fresh, client, name));
        }
    }
    let mut kept = connect_as(address, &resuming[0].0, "server.test");
    assert_eq!(kept.get("/").answer(), (200, "hello".into()));

    eventually("the certificates have expired", || {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() > end.as_secs()
    });
    for (resumed, fresh, client, name) in &resuming {
        let fresh = try_get(address, fresh, "server.test", "/");
        let fresh = fresh.map_err(|error| error.to_string()).expect_err(client);
        assert!(fresh.contains("CertificateExpired"), "{client} by {name}: {fresh}");
        // OpenSSL's tickets do not have the rest of a client's chain.
        if *client == "soon" || adapter == "builtin" {
            let error = try_get(address, resumed, "server.test", "/").unwrap_err().to_string();
            assert!(error.contains("CertificateExpired"), "{client} by {name}, resumed: {error}");
        }
    }
    assert_eq!(kept.get("/").answer(), (200, "hello".into()), "a kept connection goes on");
    // The client reads its alert before the line is written.
    let expected = if adapter == "builtin" { 8 } else { 6 };
    eventually("each refusal is logged", || log.lines(LogCode::Handshake).len() == expected);
    let lines = log.lines(LogCode::Handshake);
    for why in ["it expired on", "an intermediate certificate expired on"] {
        let text = format!("the client's certificate was refused in a resumed session: {why}");
        let found = lines.iter().filter(|(_, line)| line.contains(&text)).count();
        let expected = if adapter == "builtin" || why.starts_with("it") { 2 } else { 0 };
        assert_eq!(found, expected, "{text} in {lines:?}");
    }
}
