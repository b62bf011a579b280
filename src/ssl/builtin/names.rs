//! Which certificate a client gets.
#![forbid(unsafe_code)]

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::reason;
use crate::error::Error;
use crate::ssl::config::{Identity, SSLConfig};
use crate::ssl::names::Names;
use crate::ssl::pem;

/// The certificates of one server.
#[derive(Debug)]
pub(super) struct Certificates {
    default: Arc<CertifiedKey>,
    names: Names<Arc<CertifiedKey>>,
}

impl Certificates {
    pub(super) fn new(config: &SSLConfig, provider: &CryptoProvider) -> Result<Self, Error> {
        let load = |identity: &Identity, certificates| {
            certified(config, identity, certificates, provider).map(Arc::new)
        };
        let names = Names::load(config, load)?;
        let default = load(&config.identity, config.identity.certificates()?)?;
        Ok(Self { default, names })
    }

    pub(super) fn of(&self, name: Option<&str>) -> &Arc<CertifiedKey> {
        self.names.find(name).unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.of(hello.server_name()).clone())
    }
}

fn certified(
    config: &SSLConfig,
    identity: &Identity,
    certificates: Vec<Vec<u8>>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Error> {
    let certificates = certificates.into_iter().map(CertificateDer::from).collect();
    let file = identity.key_file();
    let key = pem::private_key(file, config)?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| pem::refused(file, "private key", &error))?;
    let certified = CertifiedKey::new(certificates, key);
    match certified.keys_match() {
        // A key that does not tell its public half can only be tried.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(certified)
        }
        // rustls takes no certificate of X.509 version 1, for example.
        Err(rustls::Error::InvalidCertificate(error)) => {
            let why = reason::of_certificate(&error);
            Err(pem::refused(&identity.certificate, "certificate", &why))
        }
        Err(_) => Err(identity.mismatch()),
    }
}
