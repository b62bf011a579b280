//! `pyopenssl`, also called `openssl`: TLS by the system's OpenSSL, as the seed had it.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use openssl::error::ErrorStack;
use openssl::ssl::Ssl;

mod clients;
mod context;
mod memory;
mod reason;
mod session;
mod tickets;

use context::Certificates;
use session::Session;
use tickets::Tickets;

use super::config::SSLConfig;
use super::{SSLAdapter, SSLError, SSLSession};
use crate::error::Error;

/// The seed's `pyOpenSSLAdapter`.
pub struct OpenSSLAdapter {
    config: SSLConfig,
    current: RwLock<Arc<Current>>,
    /// Held while files are read again, so that the last word has the last reload.
    reloading: Mutex<()>,
}

/// What a connection that begins now is served with.
struct Current {
    certificates: Certificates,
    tickets: Arc<Tickets>,
}

impl OpenSSLAdapter {
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

    fn session(&self) -> Result<Session, ErrorStack> {
        let current = self.current();
        let mut ssl = Ssl::new(&current.tickets.context(&self.config))?;
        ssl.set_ssl_context(current.certificates.context())?;
        Session::new(ssl, current)
    }
}

impl SSLAdapter for OpenSSLAdapter {
    fn wrap(&self) -> Result<Box<dyn SSLSession>, SSLError> {
        let session = self.session();
        Ok(Box::new(session.map_err(|error| SSLError::FatalSSLAlert(reason::first(&error)))?))
    }

    fn reload(&self) -> Result<(), Error> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        // A ticket stands for a client's certificate that was good under the old rules.
        let tickets = self.config.client_ca.is_empty().then(|| self.current().tickets.clone());
        let new = Arc::new(Current::new(&self.config, tickets)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn warnings(&self) -> Vec<String> {
        self.current().certificates.warnings().to_vec()
    }
}

impl fmt::Debug for OpenSSLAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSSLAdapter").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Current {
    fn new(config: &SSLConfig, tickets: Option<Arc<Tickets>>) -> Result<Self, Error> {
        config.check()?;
        let certificates = Certificates::new(config)?;
        let tickets = match tickets {
            Some(tickets) => tickets,
            None => Arc::new(Tickets::new(config)?),
        };
        Ok(Self { certificates, tickets })
    }
}
