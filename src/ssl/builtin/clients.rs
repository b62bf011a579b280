//! Whose certificates clients may show.
#![forbid(unsafe_code)]

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::error::Error;
use crate::ssl::config::{ClientAuth, SSLConfig};
use crate::ssl::{pem, revocation};

/// `None` if clients are not asked. Adds to `warnings` what is wrong with the revocation lists.
pub(super) fn verifier(
    config: &SSLConfig,
    provider: &Arc<CryptoProvider>,
    warnings: &mut Vec<String>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Error> {
    if config.client_auth == ClientAuth::None {
        return Ok(None);
    }
    let refused = |why: &dyn std::fmt::Display| pem::refused(&config.client_ca, "client_ca", why);
    let mut roots = RootCertStore::empty();
    let authorities = pem::certificates(&config.client_ca)?;
    for certificate in &authorities {
        roots.add(CertificateDer::from(&certificate[..])).map_err(|error| refused(&error))?;
    }
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    if !config.client_crl.is_empty() {
        let lists = pem::revocation_lists(&config.client_crl)?;
        warnings.extend(revocation::warnings(config, &authorities, &lists));
        // An authority without a list has revoked nothing, and a list counts until there is a new
        // one.
        builder = builder
            .with_crls(lists.into_iter().map(CertificateRevocationListDer::from))
            .allow_unknown_revocation_status();
    }
    if config.client_auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map(Some).map_err(|error| {
        let file =
            if config.client_crl.is_empty() { &config.client_ca } else { &config.client_crl };
        pem::refused(file, "client_auth", &error)
    })
}
