//! What the application is told of the connection.

use std::sync::Arc;

use crate::application::serve;
use crate::certificates::file;
use crate::client::{BOTH, VERSIONS, config, get};

pub fn the_variables_of_a_connection(adapter: &str) {
    let ciphers = "TLS_AES_128_GCM_SHA256:TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    let (_server, address) = serve(adapter, &[("ciphers", ciphers)]);
    let library = if adapter == "builtin" { "rustls/" } else { "OpenSSL " };
    for (version, name) in VERSIONS {
        let config = Arc::new(config(&[version], None));
        let environ = Variables(get(address, &config, "server.test", "/environ"));
        let cipher = match name {
            "TLSv1.2" => "ECDHE-ECDSA-AES128-GCM-SHA256",
            _ => "TLS_AES_128_GCM_SHA256",
        };
        for (key, value) in [
            ("wsgi.url_scheme", "https"),
            ("HTTPS", "on"),
            ("SSL_PROTOCOL", name),
            ("SSL_CIPHER", cipher),
            ("SSL_CIPHER_EXPORT", ""),
            ("SSL_COMPRESS_METHOD", "NULL"),
            ("SSL_CIPHER_USEKEYSIZE", "128"),
            ("SSL_CIPHER_ALGKEYSIZE", "128"),
            ("SSL_TLS_SNI", "server.test"),
            ("SSL_CLIENT_VERIFY", "NONE"),
        ] {
            assert_eq!(environ.get(key), value, "{key} with {name}");
        }
        assert!(environ.get("SSL_SESSION_ID").bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert!(environ.get("SSL_VERSION_INTERFACE").starts_with("libwsgiserver/"));
        assert!(environ.get("SSL_VERSION_LIBRARY").starts_with(library));
    }
}

pub fn the_variables_of_the_servers_certificate(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    let config = Arc::new(config(BOTH, None));
    let environ = Variables(get(address, &config, "server.test", "/environ"));
    for (key, value) in [
        ("M_VERSION", "3"),
        ("V_START", "Jan  1 00:00:00 2020 GMT"),
        ("V_END", "Dec 31 23:59:59 2099 GMT"),
        ("S_DN", "O=Tests,CN=server"),
        ("S_DN_O", "Tests"),
        ("S_DN_CN", "server"),
        ("I_DN", "O=Tests,CN=between"),
        ("I_DN_CN", "between"),
        ("SAN_DNS_0", "server.test"),
        ("SAN_DNS_1", "localhost"),
    ] {
        assert_eq!(environ.get(&format!("SSL_SERVER_{key}")), value, "{key}");
    }
    let serial = environ.get("SSL_SERVER_M_SERIAL");
    assert!(serial.len() > 30 && serial.bytes().all(|digit| digit.is_ascii_hexdigit()), "{serial}");
    // From now until the end of 2099.
    assert!(environ.get("SSL_SERVER_V_REMAIN").parse::<u32>().unwrap() > 20_000);
    let pem = std::fs::read_to_string(file("server.pem")).unwrap().replace('\n', "|");
    assert_eq!(environ.get("SSL_SERVER_CERT"), pem);
}

pub fn the_name_that_was_asked_for(adapter: &str) {
    let (_server, address) = serve(adapter, &[]);
    for (version, name) in VERSIONS {
        for (enable_sni, expected) in [(true, "localhost"), (false, "")] {
            let mut config = config(&[version], None);
            config.enable_sni = enable_sni;
            let environ = get(address, &Arc::new(config), "localhost", "/environ");
            assert_eq!(Variables(environ).get("SSL_TLS_SNI"), expected, "{name}");
        }
    }
}

/// As the application has written them.
struct Variables(String);

impl Variables {
    fn get(&self, wanted: &str) -> &str {
        let mut pairs = self.0.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(key, _)| *key == wanted).unwrap_or_else(|| panic!("no {wanted}")).1
    }
}
