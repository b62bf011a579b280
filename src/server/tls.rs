//! TLS for a server: the seed's `ssl_adapter`.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::options::Options;
use super::{HTTPServer, Stage};
use crate::error::{Error, ErrorKind};
use crate::error_log::{ErrorLog, LogCode};
use crate::ssl::{Classes, SETTINGS, SSLAdapter, SSLAdapterClass, SSLConfig};

/// What a server knows of TLS beside its options.
#[derive(Clone, Default)]
pub(super) struct Tls {
    classes: Classes,
    /// Set by the host; it goes before the options.
    adapter: Option<Arc<dyn SSLAdapter>>,
}

impl Tls {
    /// The adapter that a server with these options has, if it has one. Files are read.
    pub(super) fn adapter(&self, options: &Options) -> Result<Option<Arc<dyn SSLAdapter>>, Error> {
        if let Some(adapter) = &self.adapter {
            return Ok(Some(adapter.clone()));
        }
        if options.text("certificate").is_empty() {
            let set = SETTINGS.iter().find(|name| options.differs(name));
            return match set {
                None => Ok(None),
                Some(name) => {
                    let why = format!("the option {name} is set, but certificate is not");
                    Err(Error::new(ErrorKind::SSL, why))
                }
            };
        }
        let mut config = SSLConfig::default();
        for name in SETTINGS {
            config.set(name, &options.secret(name))?;
        }
        let class = self.classes.get(&options.text("ssl_adapter"))?;
        class(&config).map(Some)
    }
}

/// Writes what an adapter warns of to the error log.
pub(super) fn warn(adapter: &dyn SSLAdapter, log: &ErrorLog) {
    for text in adapter.warnings() {
        log.warning(LogCode::Certificate, format_args!("{text}"));
    }
}

impl HTTPServer {
    /// Serves TLS with this adapter instead of the one that the options describe; `None`: the
    /// options count again. Not while the server runs. Any thread.
    pub fn set_ssl_adapter(&self, adapter: Option<Arc<dyn SSLAdapter>>) -> Result<(), Error> {
        let mut state = self.lock();
        if !matches!(state.stage, Stage::Idle | Stage::Stopped) {
            let why = "the SSL adapter cannot be set while the server runs; reload_ssl reads \
                       certificates again";
            return Err(Error::new(ErrorKind::State, why));
        }
        let old = std::mem::replace(&mut state.tls.adapter, adapter);
        drop(state);
        // Its end may be the host's code.
        drop(old);
        Ok(())
    }

    /// Adds a kind of adapter for the option `ssl_adapter` and for
    /// [`get_ssl_adapter_class`](Self::get_ssl_adapter_class). Any thread.
    pub fn register_ssl_adapter(&self, name: &str, class: SSLAdapterClass) -> Result<(), Error> {
        self.lock().tls.classes.register(name, class)
    }

    /// The seed's function of this name: what makes adapters of this kind. Any thread.
    pub fn get_ssl_adapter_class(&self, name: &str) -> Result<SSLAdapterClass, Error> {
        self.lock().tls.classes.get(name)
    }

    /// Reads the certificates of the running server again. Connections that begin later get the new
    /// ones. If they are not in order everything stays as it was, and the error (in the log, too)
    /// says why. Any thread, also under load.
    ///
    /// # Errors
    /// `State` if the server does not run, or not with TLS; `SSL` for files.
    pub fn reload_ssl(&self) -> Result<(), Error> {
        let engine = self.engine();
        let adapter = engine.as_ref().and_then(|engine| engine.services.settings.ssl.clone());
        let (Some(engine), Some(adapter)) = (engine, adapter) else {
            return Err(Error::new(ErrorKind::State, "no server with TLS runs here"));
        };
        let reloaded = adapter.reload();
        let log = &engine.services.log;
        match &reloaded {
            Ok(()) => {
                log.info(LogCode::Certificate, format_args!("certificates were read again"));
                warn(&*adapter, log);
            }
            Err(error) => log.error(
                LogCode::Certificate,
                format_args!("certificates stay as they were: {error}"),
            ),
        }
        reloaded
    }
}
