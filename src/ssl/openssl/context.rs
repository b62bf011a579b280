//! OpenSSL's contexts: the settings that all have, and one for each certificate.
#![forbid(unsafe_code)]

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    AlpnError, NameType, SslContext, SslContextBuilder, SslContextRef, SslMethod, SslMode,
    SslOptions, SslSessionCacheMode, SslVersion,
};
use openssl::x509::X509;

use super::clients::{self, Authorities};
use super::reason;
use crate::error::{Error, ErrorKind};
use crate::ssl::config::{Identity, SSLConfig};
use crate::ssl::names::Names;
use crate::ssl::{pem, suites};

/// The protocols that are served, the best first, in ALPN's form (RFC 7301, section 3.1).
const HTTP: &[u8] = b"\x08http/1.1\x08http/1.0";

/// The certificates of one server.
pub(super) struct Certificates {
    default: Certificate,
    names: Arc<Names<Certificate>>,
    warnings: Vec<String>,
}

#[derive(Clone)]
struct Certificate {
    context: SslContext,
    der: Arc<[u8]>,
}

impl Certificates {
    pub(super) fn new(config: &SSLConfig) -> Result<Self, Error> {
        let authorities = Authorities::load(config)?;
        let load = |identity: &Identity, certificates: Vec<Vec<u8>>| {
            let builder = certified(config, identity, &certificates, authorities.as_ref())?;
            Ok(Certificate::new(builder, &certificates))
        };
        let names = Arc::new(Names::load(config, load)?);
        let certificates = config.identity.certificates()?;
        let mut builder = certified(config, &config.identity, &certificates, authorities.as_ref())?;
        let choice = names.clone();
        builder.set_servername_callback(move |ssl, _alert| {
            let found = choice.find(ssl.servername(NameType::HOST_NAME));
            // Without memory for it the client gets the default certificate.
            let _changed = found.map(|certificate| ssl.set_ssl_context(&certificate.context));
            Ok(())
        });
        let warnings = authorities.map(|authorities| authorities.warnings).unwrap_or_default();
        Ok(Self { default: Certificate::new(builder, &certificates), names, warnings })
    }

    /// The context that a connection begins with: it changes to that of the name which is asked for.
    pub(super) fn context(&self) -> &SslContextRef {
        &self.default.context
    }

    /// What is wrong with the revocation lists.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The certificate that a client with this name gets, as DER.
    pub(super) fn der(&self, name: Option<&str>) -> &Arc<[u8]> {
        &self.names.find(name).unwrap_or(&self.default).der
    }
}

impl Certificate {
    fn new(builder: SslContextBuilder, certificates: &[Vec<u8>]) -> Self {
        let der = certificates.first().map(Vec::as_slice).unwrap_or_default();
        Self { context: builder.build(), der: der.into() }
    }
}

/// A context with all that is the same for every certificate.
pub(super) fn settings(config: &SSLConfig) -> Result<SslContextBuilder, Error> {
    let suites = suites::chosen(&config.ciphers, config.tls13_only)?;
    let (new, old): (Vec<_>, Vec<_>) = suites.into_iter().partition(|suite| suite.is_tls13());
    let joined = |suites: &[&suites::Suite]| {
        suites.iter().map(|suite| suite.openssl).collect::<Vec<_>>().join(":")
    };
    let build = || -> Result<SslContextBuilder, ErrorStack> {
        let mut builder = SslContextBuilder::new(SslMethod::tls_server())?;
        let lowest = if old.is_empty() { SslVersion::TLS1_3 } else { SslVersion::TLS1_2 };
        let highest = if new.is_empty() { SslVersion::TLS1_2 } else { SslVersion::TLS1_3 };
        builder.set_min_proto_version(Some(lowest))?;
        builder.set_max_proto_version(Some(highest))?;
        builder.set_ciphersuites(&joined(&new))?;
        if !old.is_empty() {
            builder.set_cipher_list(&joined(&old))?;
        }
        builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION);
        // The chain is what the files say; idle connections are many.
        builder.set_mode(SslMode::NO_AUTO_CHAIN | SslMode::RELEASE_BUFFERS);
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        builder.set_session_id_context(b"wsgiserver")?;
        if config.no_tickets {
            builder.set_options(SslOptions::NO_TICKET);
            builder.set_num_tickets(0)?;
        }
        if !config.ciphers.is_empty() {
            builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE);
        }
        builder.set_alpn_select_callback(|_, offered| {
            openssl::ssl::select_next_proto(HTTP, offered).ok_or(AlpnError::ALERT_FATAL)
        });
        clients::ask(&mut builder, config.client_auth);
        Ok(builder)
    };
    build().map_err(|error| Error::new(ErrorKind::SSL, reason::first(&error)))
}

/// A context with a certificate, its key and its chain.
fn certified(
    config: &SSLConfig,
    identity: &Identity,
    certificates: &[Vec<u8>],
    authorities: Option<&Authorities>,
) -> Result<SslContextBuilder, Error> {
    let mut builder = settings(config)?;
    let refused = |error: ErrorStack| {
        pem::refused(&identity.certificate, "certificate", &reason::first(&error))
    };
    let key = private_key(config, identity)?;
    let chain: Result<Vec<_>, _> = certificates.iter().map(|der| X509::from_der(der)).collect();
    let chain = chain.map_err(refused)?;
    if let Some((own, chain)) = chain.split_first() {
        if !own.public_key().map_err(refused)?.public_eq(&key) {
            return Err(identity.mismatch());
        }
        builder.set_certificate(own).map_err(refused)?;
        for between in chain {
            builder.add_extra_chain_cert(between.clone()).map_err(refused)?;
        }
    }
    builder.set_private_key(&key).map_err(|error| {
        pem::refused(identity.key_file(), "private key", &reason::first(&error))
    })?;
    if let Some(authorities) = authorities {
        authorities.give_to(&mut builder)?;
    }
    Ok(builder)
}

fn private_key(config: &SSLConfig, identity: &Identity) -> Result<PKey<Private>, Error> {
    let file = identity.key_file();
    let key = pem::private_key(file, config)?;
    PKey::private_key_from_der(key.secret_der())
        .map_err(|error| pem::refused(file, "private key", &reason::first(&error)))
}
