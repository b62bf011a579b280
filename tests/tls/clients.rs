//! Certificates of clients.

use std::net::SocketAddr;
use std::sync::Arc;

use wsgiserver::HTTPServer;

use crate::application::serve;
use crate::certificates::file;
use crate::client::{VERSIONS, config, get, try_get};

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
