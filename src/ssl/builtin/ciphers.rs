//! rustls's cipher suites.
#![forbid(unsafe_code)]

use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, SupportedCipherSuite};

use super::default_provider;
use crate::error::Error;
use crate::ssl::suites::{self, SUITES, Suite};

/// The provider with the suites that are named, in this order; with all if none is.
pub(super) fn provider(names: &[String], tls13_only: bool) -> Result<CryptoProvider, Error> {
    let mut provider = default_provider();
    if !names.is_empty() {
        let chosen = suites::chosen(names, tls13_only)?;
        let find = |suite: &Suite| {
            provider.cipher_suites.iter().find(|one| is(one.suite(), suite)).copied()
        };
        let chosen: Vec<SupportedCipherSuite> = chosen.into_iter().filter_map(find).collect();
        provider.cipher_suites = chosen;
    }
    Ok(provider)
}

/// OpenSSL's name of the suite, which the environ has, and the bits of its key.
pub(super) fn describe(suite: CipherSuite) -> (&'static str, u32) {
    match SUITES.iter().find(|known| is(suite, known)) {
        Some(known) => (known.openssl, known.bits),
        None => (suite.as_str().unwrap_or("unknown"), 0),
    }
}

/// rustls says `TLS13_` where IANA says `TLS_`.
fn is(suite: CipherSuite, known: &Suite) -> bool {
    let name = suite.as_str().unwrap_or_default();
    match name.strip_prefix("TLS13_") {
        Some(rest) => known.iana.strip_prefix("TLS_") == Some(rest),
        None => name == known.iana,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_is_a_known_one_and_every_known_one_is_there() {
        let suites = default_provider().cipher_suites;
        assert_eq!(suites.len(), SUITES.len());
        for suite in suites {
            assert_ne!(describe(suite.suite()).1, 0, "{suite:?}");
        }
    }

    #[test]
    fn the_order_of_the_names_counts() {
        let names = ["ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"];
        let provider = provider(&names.map(str::to_owned), false).unwrap();
        let suites: Vec<_> = provider.cipher_suites.iter().map(|suite| suite.suite()).collect();
        assert_eq!(
            suites,
            [
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                CipherSuite::TLS13_AES_128_GCM_SHA256
            ]
        );
    }
}
