//! The handlers: what a host may have called beside its application.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use crate::error_log::LogHandler;

/// The handlers of a server, given to it by
/// [`HTTPServer::set_handlers`](crate::HTTPServer::set_handlers). What is not set is not called and
/// costs nothing.
#[derive(Clone, Default)]
pub struct Handlers {
    pub(crate) error_log: Option<Arc<dyn LogHandler>>,
}

impl Handlers {
    /// None at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the server's messages and the application's (the seed's `error_log`).
    pub fn error_log(mut self, handler: impl LogHandler) -> Self {
        self.error_log = Some(Arc::new(handler));
        self
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers")
            .field("error_log", &self.error_log.is_some())
            .finish_non_exhaustive()
    }
}
