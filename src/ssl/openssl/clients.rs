//! Whose certificates clients may show.
#![forbid(unsafe_code)]

use openssl::error::ErrorStack;
use openssl::ssl::{SslContextBuilder, SslFiletype, SslVerifyMode};
use openssl::stack::Stack;
use openssl::x509::store::{X509Lookup, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509StoreContextRef, X509VerifyResult};

use super::reason;
use crate::error::Error;
use crate::ssl::config::{ClientAuth, SSLConfig};
use crate::ssl::{pem, revocation};

/// X509_V_ERR_UNABLE_TO_GET_CRL and X509_V_ERR_CRL_HAS_EXPIRED.
const WITHOUT_LIST: [i32; 2] = [3, 12];

/// Lets a context ask clients for a certificate. OpenSSL takes this from the context that a session
/// was made with.
pub(super) fn ask(builder: &mut SslContextBuilder, auth: ClientAuth) {
    match auth {
        ClientAuth::None => builder.set_verify(SslVerifyMode::NONE),
        ClientAuth::Optional => builder.set_verify_callback(SslVerifyMode::PEER, verify),
        ClientAuth::Required => {
            let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
            builder.set_verify_callback(mode, verify);
        }
    }
}

/// Who may have signed a client's certificate, and what was revoked.
pub(super) struct Authorities<'a> {
    config: &'a SSLConfig,
    certificates: Vec<X509>,
    /// What is wrong with the revocation lists.
    pub(super) warnings: Vec<String>,
}

impl<'a> Authorities<'a> {
    /// `None` if clients are not asked.
    pub(super) fn load(config: &'a SSLConfig) -> Result<Option<Self>, Error> {
        if config.client_auth == ClientAuth::None {
            return Ok(None);
        }
        let files = pem::certificates(&config.client_ca)?;
        let certificates: Result<Vec<_>, _> = files.iter().map(|der| X509::from_der(der)).collect();
        let certificates = certificates.map_err(|error| {
            pem::refused(&config.client_ca, "client_ca", &reason::first(&error))
        })?;
        let mut warnings = Vec::new();
        if !config.client_crl.is_empty() {
            // OpenSSL reads the file itself, but does not say so well what is wrong with it.
            let lists = pem::revocation_lists(&config.client_crl)?;
            warnings = revocation::warnings(config, &files, &lists);
        }
        Ok(Some(Self { config, certificates, warnings }))
    }

    /// Lets a context, and the clients that it asks, know.
    pub(super) fn give_to(&self, builder: &mut SslContextBuilder) -> Result<(), Error> {
        let refused = |file: &str, what: &str, error: &ErrorStack| {
            pem::refused(file, what, &reason::first(error))
        };
        let ca = |error: ErrorStack| refused(&self.config.client_ca, "client_ca", &error);
        let mut store = self.store().map_err(ca)?;
        if !self.config.client_crl.is_empty() {
            self.add_lists(&mut store)
                .map_err(|error| refused(&self.config.client_crl, "client_crl", &error))?;
        }
        builder.set_verify_cert_store(store.build()).map_err(ca)?;
        let mut names = Stack::new().map_err(ca)?;
        for certificate in &self.certificates {
            let name = certificate.subject_name().to_owned().map_err(ca)?;
            names.push(name).map_err(ca)?;
        }
        builder.set_client_ca_list(names);
        Ok(())
    }

    fn store(&self) -> Result<X509StoreBuilder, ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for certificate in &self.certificates {
            store.add_cert(certificate.clone())?;
        }
        // Who is in the file is trusted, also if somebody else has signed it.
        store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
        Ok(store)
    }

    fn add_lists(&self, store: &mut X509StoreBuilder) -> Result<(), ErrorStack> {
        let lookup = store.add_lookup(X509Lookup::file())?;
        lookup.load_crl_file(&self.config.client_crl, SslFiletype::PEM)?;
        store.set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL)
    }
}

/// An authority without a list has revoked nothing, and a list counts until there is a new one.
fn verify(good: bool, about: &mut X509StoreContextRef) -> bool {
    if !good && WITHOUT_LIST.contains(&about.error().as_raw()) {
        about.set_error(X509VerifyResult::OK);
        return true;
    }
    good
}
