//! Cipher suites by their names.
#![forbid(unsafe_code)]

use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, SupportedCipherSuite};

use super::default_provider;
use crate::error::{Error, ErrorKind};

/// The provider with the suites that are named, in this order; with all if none is.
pub(super) fn provider(names: &[String]) -> Result<CryptoProvider, Error> {
    let mut provider = default_provider();
    if !names.is_empty() {
        let chosen: Result<Vec<_>, _> =
            names.iter().map(|name| find(&provider.cipher_suites, name)).collect();
        provider.cipher_suites = chosen?;
    }
    Ok(provider)
}

/// OpenSSL's name of the suite, which the environ has, and the bits of its key.
pub(super) fn describe(suite: CipherSuite) -> (&'static str, u32) {
    match suite {
        CipherSuite::TLS13_AES_256_GCM_SHA384 => ("TLS_AES_256_GCM_SHA384", 256),
        CipherSuite::TLS13_AES_128_GCM_SHA256 => ("TLS_AES_128_GCM_SHA256", 128),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => ("TLS_CHACHA20_POLY1305_SHA256", 256),
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => {
            ("ECDHE-ECDSA-AES256-GCM-SHA384", 256)
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => {
            ("ECDHE-ECDSA-AES128-GCM-SHA256", 128)
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
            ("ECDHE-ECDSA-CHACHA20-POLY1305", 256)
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => ("ECDHE-RSA-AES256-GCM-SHA384", 256),
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => ("ECDHE-RSA-AES128-GCM-SHA256", 128),
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
            ("ECDHE-RSA-CHACHA20-POLY1305", 256)
        }
        other => (other.as_str().unwrap_or("unknown"), 0),
    }
}

fn find(suites: &[SupportedCipherSuite], name: &str) -> Result<SupportedCipherSuite, Error> {
    let same = |suite: &&SupportedCipherSuite| {
        let iana = iana(**suite);
        iana.eq_ignore_ascii_case(name) || describe(suite.suite()).0.eq_ignore_ascii_case(name)
    };
    suites.iter().find(same).copied().ok_or_else(|| {
        let known: Vec<_> = suites.iter().map(|suite| iana(*suite)).collect();
        let text =
            format!("ciphers: {name:?} is unknown or not safe; there are {}", known.join(":"));
        Error::new(ErrorKind::Option, text)
    })
}

/// rustls says `TLS13_` where IANA says `TLS_`.
fn iana(suite: SupportedCipherSuite) -> String {
    suite.suite().as_str().unwrap_or_default().replacen("TLS13_", "TLS_", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_go_by_both_names() {
        let names = ["TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"];
        let provider = provider(&names.map(str::to_owned)).unwrap();
        let suites: Vec<_> = provider.cipher_suites.iter().map(|suite| suite.suite()).collect();
        assert_eq!(
            suites,
            [
                CipherSuite::TLS13_AES_128_GCM_SHA256,
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
            ]
        );
    }

    #[test]
    fn every_suite_has_a_name_of_openssl_and_a_size() {
        for suite in default_provider().cipher_suites {
            assert_ne!(describe(suite.suite()).1, 0, "{suite:?}");
        }
    }

    #[test]
    fn an_unsafe_one_is_refused_with_the_known_ones() {
        let error = provider(&["TLS_RSA_WITH_RC4_128_SHA".into()]).unwrap_err().to_string();
        assert!(error.contains("RC4") && error.contains("TLS_AES_256_GCM_SHA384"), "{error}");
    }
}
