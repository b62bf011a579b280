//! Files and settings, and what is said of those that are wrong.

use std::sync::{Arc, Mutex};

use wsgiserver::HTTPServer;
use wsgiserver::ssl::{Identity, SSLConfig, get_ssl_adapter_class};

use crate::application::{respond, serve};
use crate::certificates::file;
use crate::client::{connect, try_get_on};
use crate::support::App;

/// Encrypted keys of the certificate `server`, with the password `secret`.
const ENCRYPTED: [&str; 6] = [
    "pkcs8-aes.key",
    "pkcs8-3des.key",
    "pkcs8-scrypt.key",
    "sec1-aes256.key",
    "sec1-aes128.key",
    "sec1-3des.key",
];

pub fn keys_come_in_many_forms(adapter: &str) {
    for (key, certificate, chain) in [
        ("server.key", "server.pem", "between.pem"),
        ("sec1.key", "server.pem", "between.pem"),
        ("rsa.key", "rsa.pem", ""),
        ("pkcs1.key", "rsa.pem", ""),
    ] {
        let (key, certificate) = (file(key), file(certificate));
        let chain = if chain.is_empty() { String::new() } else { file(chain) };
        let options =
            [("private_key", &*key), ("certificate", &certificate), ("certificate_chain", &chain)];
        let (server, address) = serve(adapter, &options);
        assert_eq!(try_get_on(&mut connect(address), "/").unwrap(), "hello", "{key}");
        server.stop();
    }
}

pub fn encrypted_keys_need_their_password(adapter: &str) {
    for key in ENCRYPTED {
        let key = file(key);
        let with = |password| {
            refusal(adapter, &[("private_key", &*key), ("private_key_password", password)])
        };
        assert_eq!(with("secret"), None, "{key}");
        for (password, why) in [("wrong", "password is wrong"), ("", "no private_key_password")] {
            let error = with(password).unwrap();
            assert!(error.contains(&key) && error.contains(why), "{error}");
        }
    }
    for key in ["pkcs1-aes192.key", "pkcs8-rsa.key"] {
        let (key, certificate) = (file(key), file("rsa.pem"));
        let options = [
            ("private_key", &*key),
            ("certificate", &certificate),
            ("certificate_chain", ""),
            ("private_key_password", "secret"),
        ];
        assert_eq!(refusal(adapter, &options), None, "{key}");
    }
    // A function is told which file it is asked for.
    let key = file(ENCRYPTED[0]);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let files = asked.clone();
    let config = SSLConfig {
        identity: Identity::new(&file("server.pem"), &key, ""),
        password: Some(Arc::new(move |file| {
            files.lock().unwrap().push(file.to_owned());
            Some(b"secret".to_vec())
        })),
        ..SSLConfig::default()
    };
    assert!(get_ssl_adapter_class(adapter).unwrap()(&config).is_ok());
    assert_eq!(*asked.lock().unwrap(), [key]);
}

pub fn a_password_comes_from_a_file(adapter: &str) {
    let (key, password) = (file("pkcs8-aes.key"), file("password.txt"));
    let with =
        |more: &[(&str, &str)]| refusal(adapter, &[&[("private_key", &*key)], more].concat());
    assert_eq!(with(&[("private_key_password_file", &password)]), None);
    for (name, why) in [
        ("missing.txt", "No such file"),
        ("no-password.txt", "its first line is empty"),
        ("no-pem.pem", "password is wrong"),
    ] {
        let wrong = file(name);
        let error = with(&[("private_key_password_file", &wrong)]).unwrap();
        assert!(error.contains(why), "{error}");
        assert!(error.contains(&wrong) || error.contains(&key), "{error}");
    }
    let both = [("private_key_password_file", &*password), ("private_key_password", "secret")];
    assert!(with(&both).unwrap().contains("are both set"));
    // A key that is not encrypted needs none.
    let key = file("server.key");
    let missing = file("missing.txt");
    let options = [("private_key", &*key), ("private_key_password_file", &missing)];
    assert_eq!(refusal(adapter, &options), None);
}

pub fn an_unsupported_encryption_of_a_key_is_named(adapter: &str) {
    let key = file("pkcs8-v1.key");
    let options = [("private_key", &*key), ("private_key_password", "secret")];
    let error = refusal(adapter, &options).unwrap();
    let why = "it is encrypted by PBE-SHA1-3DES, which is not supported; openssl pkcs8 -topk8";
    assert!(error.contains(&key) && error.contains(why), "{error}");
}

pub fn a_server_certificate_of_version_1(adapter: &str) {
    let (certificate, key) = (file("version1-server.pem"), file("version1-server.key"));
    let options =
        [("certificate", &*certificate), ("private_key", &key), ("certificate_chain", "")];
    let refused = refusal(adapter, &options);
    if adapter == "builtin" {
        let error = refused.expect("rustls takes no version 1");
        let why = "it is not of version 3 of X.509";
        assert!(error.contains(&certificate) && error.contains(why), "{error}");
    } else {
        assert_eq!(refused, None);
    }
}

pub fn a_wrong_file_is_named(adapter: &str) {
    let none = "No such file";
    for (option, name, why) in [
        ("certificate", "missing.pem", none),
        ("private_key", "missing.key", none),
        ("certificate_chain", "missing.pem", none),
        ("client_ca", "missing.pem", none),
        ("client_crl", "missing.crl", none),
        ("certificate", "no-pem.pem", "there is none in the file"),
        ("private_key", "no-pem.pem", "there is none in the file"),
        ("client_ca", "no-pem.pem", "there is none in the file"),
        ("client_crl", "no-pem.pem", "there is none in the file"),
        ("certificate", "no-certificate.pem", ""),
        ("certificate_chain", "no-certificate.pem", ""),
        ("client_ca", "no-certificate.pem", ""),
        ("private_key", "no-key.key", ""),
        ("private_key", "no-end.key", ""),
        ("private_key", "next.key", "it is not the key of the certificate"),
        ("private_key", "rsa.key", "it is not the key of the certificate"),
    ] {
        let (wrong, authority) = (file(name), file("client-ca.pem"));
        let mut options = vec![("client_auth", "required"), ("client_ca", &*authority)];
        options.push((option, &wrong));
        let error =
            refusal(adapter, &options).unwrap_or_else(|| panic!("{option} {name} is taken"));
        assert!(error.contains(&wrong) && error.contains(why), "{option} {name}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        if why.ends_with("of the certificate") {
            assert!(error.contains(&file("server.pem")), "{error}");
        }
    }
}

pub fn wrong_settings_are_named(adapter: &str) {
    let suites = "TLS_AES_128_GCM_SHA256";
    for (options, expected) in [
        (&[("ciphers", "TLS_RSA_WITH_RC4_128_SHA")][..], &["RC4", "not safe", suites][..]),
        (&[("ciphers", "AES128-SHA")], &["AES128-SHA", "not safe", suites]),
        (&[("ciphers", "sesame")], &["sesame", suites]),
        (
            &[("minimum_tls_version", "1.3"), ("ciphers", "ECDHE-RSA-AES128-GCM-SHA256")],
            &["ciphers", "none of", "TLS 1.3"],
        ),
        (&[("minimum_tls_version", "1.1")], &["minimum_tls_version", "1.1", "1.2", "1.3"]),
        (&[("client_auth", "maybe")], &["client_auth", "maybe", "optional"]),
        (&[("client_auth", "required")], &["client_auth", "client_ca"]),
        (&[("client_crl", "list.crl")], &["client_crl", "client_auth"]),
        (&[("certificate", "")], &["private_key", "certificate"]),
        (&[("ssl_adapter", "gnutls")], &["gnutls", adapter]),
    ] {
        let error = refusal(adapter, options).unwrap_or_else(|| panic!("{options:?} is taken"));
        assert!(expected.iter().all(|part| error.contains(part)), "{options:?}: {error}");
    }
}

/// What a server with the certificate `server` and these options says instead of starting.
fn refusal(adapter: &str, options: &[(&str, &str)]) -> Option<String> {
    let (certificate, key, chain) = (file("server.pem"), file("server.key"), file("between.pem"));
    let server = Arc::new(HTTPServer::new("127.0.0.1:0", App(respond)).unwrap());
    let first = [
        ("ssl_adapter", adapter),
        ("certificate", &certificate),
        ("private_key", &key),
        ("certificate_chain", &chain),
    ];
    let set = |(name, value): &(&str, &str)| server.set(name, value);
    let started = first
        .iter()
        .chain(options)
        .try_for_each(set)
        .and_then(|()| server.start_background().map(drop));
    server.stop();
    started.err().map(|error| error.to_string())
}
