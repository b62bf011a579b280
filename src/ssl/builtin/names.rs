//! Which certificate a client gets: by the name that it asks for (SNI, RFC 6066, section 3).
#![forbid(unsafe_code)]

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::error::Error;
use crate::ssl::certificate::dns_names;
use crate::ssl::config::{Identity, Password, SSLConfig};
use crate::ssl::pem;

/// The certificates of one server.
#[derive(Debug)]
pub(super) struct Certificates {
    default: Arc<CertifiedKey>,
    named: Vec<(String, Arc<CertifiedKey>)>,
}

impl Certificates {
    pub(super) fn new(config: &SSLConfig, provider: &CryptoProvider) -> Result<Self, Error> {
        let password = config.password.as_ref();
        let mut named = Vec::new();
        for (name, identity) in &config.sni {
            let key = Arc::new(certified(identity, password, provider)?);
            let names = match name {
                Some(name) => vec![name.to_ascii_lowercase()],
                None => key.cert.first().map(|own| dns_names(own)).unwrap_or_default(),
            };
            if names.is_empty() {
                let none = "it is for no name, and none was given";
                return Err(pem::refused(&identity.certificate, "certificate", &none));
            }
            named.extend(names.into_iter().map(|name| (name, key.clone())));
        }
        Ok(Self { default: Arc::new(certified(&config.identity, password, provider)?), named })
    }

    /// A name itself goes before a wildcard, which stands for one label.
    pub(super) fn of(&self, name: Option<&str>) -> &Arc<CertifiedKey> {
        let find = |wanted: &str| self.named.iter().find(|(name, _)| name == wanted);
        let found = name.map(str::to_ascii_lowercase).and_then(|name| {
            find(&name).or_else(|| find(&format!("*.{}", name.split_once('.')?.1)))
        });
        found.map_or(&self.default, |(_, key)| key)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.of(hello.server_name()).clone())
    }
}

fn certified(
    identity: &Identity,
    password: Option<&Password>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Error> {
    let certificates = identity.certificates()?.into_iter().map(CertificateDer::from).collect();
    let file = identity.key_file();
    let key = pem::private_key(file, password)?;
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
        Err(_) => {
            let why = format!("it is not the key of the certificate {}", identity.certificate);
            Err(pem::refused(file, "private key", &why))
        }
    }
}
