//! `builtin`: TLS by rustls. The arithmetic is aws-lc-rs, or ring where only that was compiled in;
//! it is passed along and never made the process's default.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerConfig};
use rustls::version::{TLS12, TLS13};

mod ciphers;
mod clients;
mod names;
mod reason;
mod session;
mod tickets;

use names::Certificates;
use session::Session;

use super::config::{ClientAuth, SSLConfig};
use super::{SSLAdapter, SSLError, SSLSession};
use crate::error::{Error, ErrorKind};

/// The seed's `BuiltinSSLAdapter`.
pub struct BuiltinSSLAdapter {
    config: SSLConfig,
    current: RwLock<Arc<Current>>,
    /// Held while files are read again, so that the last word has the last reload.
    reloading: Mutex<()>,
}

/// What a connection that begins now is served with.
struct Current {
    tls: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    warnings: Vec<String>,
}

impl BuiltinSSLAdapter {
    /// Reads the files and checks that they fit together.
    ///
    /// # Errors
    /// `SSL`, with the name of the file; `Option` for a cipher that there is not.
    pub fn new(config: &SSLConfig) -> Result<Self, Error> {
        let current = Current::new(config, None)?;
        Ok(Self {
            config: config.clone(),
            current: RwLock::new(Arc::new(current)),
            reloading: Mutex::new(()),
        })
    }

    fn current(&self) -> Arc<Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SSLAdapter for BuiltinSSLAdapter {
    fn wrap(&self) -> Result<Box<dyn SSLSession>, SSLError> {
        let current = self.current();
        let session = Session::new(current.tls.clone(), current.certificates.clone())?;
        Ok(Box::new(session))
    }

    fn reload(&self) -> Result<(), Error> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        // A ticket stands for a client's certificate that was good under the old rules.
        let tickets = self.config.client_ca.is_empty().then(|| before.tls.ticketer.clone());
        let new = Arc::new(Current::new(&self.config, tickets)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn warnings(&self) -> Vec<String> {
        self.current().warnings.clone()
    }
}

impl fmt::Debug for BuiltinSSLAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltinSSLAdapter").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Current {
    fn new(config: &SSLConfig, tickets: Option<Arc<dyn ProducesTickets>>) -> Result<Self, Error> {
        config.check()?;
        let provider = Arc::new(ciphers::provider(&config.ciphers, config.tls13_only)?);
        let versions: &[_] = if config.tls13_only { &[&TLS13] } else { &[&TLS13, &TLS12] };
        let certificates = Arc::new(Certificates::new(config, &provider)?);
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .map_err(|error| Error::new(ErrorKind::SSL, error.to_string()))?;
        let mut warnings = Vec::new();
        let builder = match clients::verifier(config, &provider, &mut warnings)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut tls = builder.with_cert_resolver(certificates.clone());
        tls.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        // Otherwise the client's order decides, which knows whether its hardware has AES.
        tls.ignore_client_order = !config.ciphers.is_empty();
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        if config.no_tickets {
            tls.send_tls13_tickets = 0;
        } else {
            tls.ticketer = match tickets {
                Some(tickets) => tickets,
                None if config.client_auth == ClientAuth::None => tickets::rotating()?,
                None => tickets::ending()?,
            };
        }
        Ok(Self { tls: Arc::new(tls), certificates, warnings })
    }
}

/// The arithmetic.
fn default_provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    return rustls::crypto::ring::default_provider();
}

fn library() -> &'static str {
    if cfg!(feature = "aws-lc-rs") { "rustls/0.23 aws-lc-rs" } else { "rustls/0.23 ring" }
}
