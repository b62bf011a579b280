//! Certificates of clients.

use std::net::SocketAddr;
use std::sync::Arc;

use wsgiserver::{HTTPServer, LogCode, LogLevel};

use crate::application::{serve, serve_logged};
use crate::certificates::{file, own_folder};
use crate::client::{VERSIONS, config, get, try_get};
use crate::support::eventually;

fn serve_asking(adapter: &str, auth: &str, list: &str) -> (Arc<HTTPServer>, SocketAddr) {
    let (authority, list) = (file("client-ca.pem"), file(list));
    let options = [("client_auth", auth), ("client_ca", &authority), ("client_crl", &list)];
    serve(adapter, &options)
}

pub fn good_ones_are_let_in(adapter: &str) {
    for auth in ["required", "optional"] {
        let (_server, address) = serve_asking(adapter, auth, "clients.crl");
        for (version, name) in VERSIONS {
            let config = Arc::new(config(&[version], Some("good")));
            for resumed in [false, true] {
                let environ = get(address, &config, "server.test", "/environ");
                assert!(environ.contains("SSL_CLIENT_VERIFY=SUCCESS\n"), "{name} {resumed}");
                assert!(environ.contains("SSL_CLIENT_S_DN_CN=good\n"), "{name} {resumed}");
            }
        }
    }
}

pub fn bad_ones_are_not(adapter: &str) {
    for auth in ["required", "optional"] {
        let (server, address) = serve_asking(adapter, auth, "clients.crl");
        for (version, name) in VERSIONS {
            for client in ["expired", "revoked", "stranger"] {
                let config = Arc::new(config(&[version], Some(client)));
                let refused = try_get(address, &config, "server.test", "/");
                assert!(refused.is_err(), "{client} with {name}, {auth}: {refused:?}");
            }
        }
        assert_eq!(server.stop(), 0);
    }
    let (_server, address) = serve_asking(adapter, "required", "clients.crl");
    for (version, name) in VERSIONS {
        let config = Arc::new(config(&[version], None));
        let refused = try_get(address, &config, "server.test", "/").map_err(|it| it.to_string());
        let error = refused.unwrap_err();
        let expected = ["CertificateRequired", "HandshakeFailure"];
        assert!(expected.iter().any(|alert| error.contains(alert)), "{name}: {error}");
    }
}

pub fn a_list_without_them_lets_all_in(adapter: &str) {
    let (_server, address) = serve_asking(adapter, "required", "empty.crl");
    for (version, name) in VERSIONS {
        let config = Arc::new(config(&[version], Some("revoked")));
        assert_eq!(get(address, &config, "server.test", "/"), "hello", "{name}");
    }
}

pub fn optional_ones_need_none(adapter: &str) {
    let (_server, address) = serve_asking(adapter, "optional", "clients.crl");
    for (version, name) in VERSIONS {
        let config = Arc::new(config(&[version], None));
        let environ = get(address, &config, "server.test", "/environ");
        assert!(environ.contains("SSL_CLIENT_VERIFY=NONE\n"), "{name}");
        assert!(!environ.contains("SSL_CLIENT_S_DN"), "{name}");
    }
}

pub fn the_name_of_one_is_in_the_environ(adapter: &str) {
    let (_server, address) = serve_asking(adapter, "required", "clients.crl");
    let config = Arc::new(config(&[VERSIONS[1].0], Some("good")));
    let environ = get(address, &config, "server.test", "/environ");
    for pair in [
        "S_DN=C=SE,O=Example\\, Inc,OU=one,OU=two,CN=good,Email=good@example.test",
        "S_DN_C=SE",
        "S_DN_O=Example, Inc",
        "S_DN_OU=one,two",
        "S_DN_OU_0=one",
        "S_DN_OU_1=two",
        "S_DN_CN=good",
        "S_DN_Email=good@example.test",
        "I_DN=O=Tests,CN=client-ca",
        "I_DN_CN=client-ca",
        "M_VERSION=3",
        "V_START=Jan  1 00:00:00 2020 GMT",
        "V_END=Dec 31 23:59:59 2099 GMT",
        "SAN_DNS_0=good.test",
        "SAN_Email_0=good@example.test",
    ] {
        assert!(environ.contains(&format!("\nSSL_CLIENT_{pair}\n")), "{pair} in {environ}");
    }
    let pem = std::fs::read_to_string(file("good.pem")).unwrap().replace('\n', "|");
    assert!(environ.contains(&format!("\nSSL_CLIENT_CERT={pem}\n")), "{environ}");
}

pub fn the_log_says_why_one_was_refused(adapter: &str) {
    let (authority, list) = (file("client-ca.pem"), file("clients.crl"));
    let options = [
        ("client_auth", "required"),
        ("client_ca", &*authority),
        ("client_crl", &list),
        // From the eleventh on they are debug messages.
        ("log_level", "debug"),
    ];
    let (_server, address, log) = serve_logged(adapter, &options);
    for (client, rustls, openssl) in [
        ("expired", "it expired on Feb  1 00:00:00 2020 GMT", "certificate has expired"),
        ("revoked", "it was revoked", "certificate revoked"),
        ("stranger", "no authority in client_ca has signed it", "unable to get local issuer"),
        ("stranger-ca", "it is a certificate of an authority", "self-signed certificate"),
        ("for-servers", "its extended key usage is not client auth", "certificate purpose"),
        ("critical", "a critical extension that is not supported", "unhandled critical extension"),
        ("version1", "it is not of version 3 of X.509", ""),
    ] {
        let why = if adapter == "builtin" { rustls } else { openssl };
        for (version, name) in VERSIONS {
            let before = log.lines(LogCode::Handshake).len();
            let config = Arc::new(config(&[version], Some(client)));
            let tried = try_get(address, &config, "server.test", "/");
            if why.is_empty() {
                assert_eq!(tried.unwrap(), "hello", "{client} by {name}");
                continue;
            }
            assert!(tried.is_err(), "{client} by {name}");
            eventually("it is logged", || log.lines(LogCode::Handshake).len() > before);
            let lines = log.lines(LogCode::Handshake);
            let [(_, line)] = &lines[before..] else { panic!("{client} by {name}: {lines:?}") };
            let refused = ": the client's certificate was refused: ";
            assert!(line.contains(refused) && line.contains(why), "{client} by {name}: {line}");
        }
    }
}

pub fn revocation_lists_that_are_outdated_or_missing_are_warned_of(adapter: &str) {
    let list = own_folder("lists").join(format!("{adapter}.crl"));
    let put = |name: &str| std::fs::copy(file(name), &list).unwrap();
    let authority = file("client-ca.pem");
    let path = list.to_str().unwrap();
    let options = [("client_auth", "required"), ("client_ca", &*authority), ("client_crl", path)];
    let outdated = format!(
        "client_crl {path}: the list of O=Tests,CN=client-ca is out of date since \
         Feb  1 00:00:00 2020 GMT"
    );
    let missing = format!("client_crl {path}: there is no list of O=Tests,CN=client-ca");
    for (first, warning, revoked_is_refused) in
        [("outdated.crl", &outdated, true), ("stranger.crl", &missing, false)]
    {
        put(first);
        let (server, address, log) = serve_logged(adapter, &options);
        let warnings = || {
            let mut lines = log.lines(LogCode::Certificate);
            lines.retain(|(level, _)| *level == LogLevel::Warning);
            lines
        };
        let [(_, line)] = &warnings()[..] else { panic!("{:?}", warnings()) };
        assert!(line.starts_with(warning), "{line}");
        for (version, name) in VERSIONS {
            let good = Arc::new(config(&[version], Some("good")));
            assert_eq!(get(address, &good, "server.test", "/"), "hello", "{first} by {name}");
            let revoked = Arc::new(config(&[version], Some("revoked")));
            let tried = try_get(address, &revoked, "server.test", "/");
            assert_eq!(tried.is_err(), revoked_is_refused, "{first} by {name}: {tried:?}");
        }
        put("clients.crl");
        server.reload_ssl().unwrap();
        assert_eq!(warnings().len(), 1, "a list that is valid is not warned of");
        put(first);
        server.reload_ssl().unwrap();
        assert_eq!(warnings().len(), 2, "after a reload, too");
    }
}
