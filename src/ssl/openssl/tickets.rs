//! The keys of session tickets. OpenSSL takes them from the context that a session was made with,
//! also when it gets another one (with its certificate) afterwards. So there is one context that
//! has nothing but these keys, and it may outlive a reload.
#![forbid(unsafe_code)]

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use openssl::ssl::SslContext;

use super::context;
use crate::error::Error;
use crate::ssl::config::SSLConfig;

/// How long keys are used; a ticket is good for two hours, OpenSSL's timeout of a session. What was
/// sealed with the keys before costs its client a full handshake, so no chain of resumptions
/// outlives the keys.
const LIFE: Duration = Duration::from_secs(6 * 60 * 60);

pub(super) struct Tickets(Mutex<(SslContext, Instant)>);

impl Tickets {
    pub(super) fn new(config: &SSLConfig) -> Result<Self, Error> {
        let context = context::settings(config)?.build();
        Ok(Self(Mutex::new((context, Instant::now()))))
    }

    /// The context that sessions are made with now.
    pub(super) fn context(&self, config: &SSLConfig) -> SslContext {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.1.elapsed() > LIFE
            && let Ok(settings) = context::settings(config)
        {
            *keys = (settings.build(), Instant::now());
        }
        keys.0.clone()
    }
}
