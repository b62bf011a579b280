//! The cipher suites that are served, by their names.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind};

/// A cipher suite.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Suite {
    pub(super) iana: &'static str,
    /// OpenSSL's name, which the environ has.
    pub(super) openssl: &'static str,
    /// Of its key.
    pub(super) bits: u32,
}

/// Those with forward secrecy and authenticated encryption: all of TLS 1.3, and what is left of
/// TLS 1.2 (RFC 9325, section 4.2).
pub(super) const SUITES: [Suite; 9] = [
    tls13("TLS_AES_256_GCM_SHA384", 256),
    tls13("TLS_AES_128_GCM_SHA256", 128),
    tls13("TLS_CHACHA20_POLY1305_SHA256", 256),
    Suite {
        iana: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        openssl: "ECDHE-ECDSA-AES256-GCM-SHA384",
        bits: 256,
    },
    Suite {
        iana: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        openssl: "ECDHE-ECDSA-AES128-GCM-SHA256",
        bits: 128,
    },
    Suite {
        iana: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        openssl: "ECDHE-ECDSA-CHACHA20-POLY1305",
        bits: 256,
    },
    Suite {
        iana: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        openssl: "ECDHE-RSA-AES256-GCM-SHA384",
        bits: 256,
    },
    Suite {
        iana: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        openssl: "ECDHE-RSA-AES128-GCM-SHA256",
        bits: 128,
    },
    Suite {
        iana: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        openssl: "ECDHE-RSA-CHACHA20-POLY1305",
        bits: 256,
    },
];

impl Suite {
    pub(super) fn is_tls13(&self) -> bool {
        !self.iana.contains("_WITH_")
    }
}

/// The suites with these names, IANA's or OpenSSL's, in their order; all if there are no names.
///
/// # Errors
/// `Option`, with the known ones, and if none is for a version of TLS that is served.
pub(super) fn chosen(names: &[String], tls13_only: bool) -> Result<Vec<&'static Suite>, Error> {
    let all: Result<Vec<_>, _> = match names {
        [] => Ok(SUITES.iter().collect()),
        names => names.iter().map(|name| find(name)).collect(),
    };
    let mut suites = all?;
    suites.retain(|suite| suite.is_tls13() || !tls13_only);
    if suites.is_empty() {
        let text = format!("ciphers: none of {} is for TLS 1.3", names.join(":"));
        return Err(Error::new(ErrorKind::Option, text));
    }
    Ok(suites)
}

fn find(name: &str) -> Result<&'static Suite, Error> {
    let same = |suite: &&Suite| {
        suite.iana.eq_ignore_ascii_case(name) || suite.openssl.eq_ignore_ascii_case(name)
    };
    SUITES.iter().find(same).ok_or_else(|| {
        let known = SUITES.map(|suite| suite.iana).join(":");
        let text = format!("ciphers: {name:?} is unknown or not safe; there are {known}");
        Error::new(ErrorKind::Option, text)
    })
}

const fn tls13(name: &'static str, bits: u32) -> Suite {
    Suite { iana: name, openssl: name, bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], tls13_only: bool) -> Result<Vec<&'static str>, String> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let suites = chosen(&names, tls13_only).map_err(|error| error.to_string())?;
        Ok(suites.into_iter().map(|suite| suite.iana).collect())
    }

    #[test]
    fn suites_go_by_both_names_in_any_case() {
        let named = of(&["tls_aes_128_gcm_sha256", "ECDHE-RSA-AES128-GCM-SHA256"], false);
        let expected = ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"];
        assert_eq!(named.unwrap(), expected);
        assert_eq!(of(&[], false).unwrap().len(), SUITES.len());
        assert_eq!(of(&[], true).unwrap().len(), 3);
    }

    #[test]
    fn an_unsafe_one_is_refused_with_the_known_ones() {
        let error = of(&["TLS_RSA_WITH_RC4_128_SHA"], false).unwrap_err();
        assert!(error.contains("RC4") && error.contains("TLS_AES_256_GCM_SHA384"), "{error}");
    }

    #[test]
    fn some_have_to_be_left_for_the_versions() {
        let error = of(&["ECDHE-RSA-AES128-GCM-SHA256"], true).unwrap_err();
        assert!(error.contains("none of ECDHE-RSA-AES128-GCM-SHA256"), "{error}");
    }
}
