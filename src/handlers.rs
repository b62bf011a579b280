//! The handlers: what a host may have called beside its application.
#![forbid(unsafe_code)]

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::access_log::lines::Lines;
use crate::access_log::{AccessLog, RequestDone};
use crate::error_log::LogHandler;
use crate::gateway::Gateway;

/// The handlers of a server, given to it by
/// [`HTTPServer::set_handlers`](crate::HTTPServer::set_handlers). What is not set is not called and
/// costs nothing.
#[derive(Clone, Default)]
pub struct Handlers {
    pub(crate) gateway: Option<Arc<dyn Gateway>>,
    pub(crate) threads: Option<Arc<dyn ThreadHooks>>,
    pub(crate) error_log: Option<Arc<dyn LogHandler>>,
    pub(crate) access_log: Option<Arc<dyn AccessLog>>,
    pub(crate) request_done: Option<Arc<dyn RequestDone>>,
    /// Not a handler of the host's: the option `access_log`.
    pub(crate) lines: Option<Arc<Lines>>,
    /// Lives as long as these handlers are set.
    pub(crate) owner: Option<Arc<dyn Any + Send + Sync>>,
}

impl Handlers {
    /// None at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers requests, in the place of the gateway that the server was made with.
    pub fn gateway(mut self, gateway: impl Gateway) -> Self {
        self.gateway = Some(Arc::new(gateway));
        self
    }

    /// Is called on each worker thread before its first request and after its last.
    pub fn threads(mut self, hooks: impl ThreadHooks) -> Self {
        self.threads = Some(Arc::new(hooks));
        self
    }

    /// Takes the server's messages and the application's (the seed's `error_log`).
    pub fn error_log(mut self, handler: impl LogHandler) -> Self {
        self.error_log = Some(Arc::new(handler));
        self
    }

    /// Takes a record of each request when it is done with.
    pub fn access_log(mut self, handler: impl AccessLog) -> Self {
        self.access_log = Some(Arc::new(handler));
        self
    }

    /// Is told when a request that reached the application is done with.
    pub fn request_done(mut self, handler: impl RequestDone) -> Self {
        self.request_done = Some(Arc::new(handler));
        self
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers")
            .field("gateway", &self.gateway.is_some())
            .field("threads", &self.threads.is_some())
            .field("error_log", &self.error_log.is_some())
            .field("access_log", &self.access_log.is_some())
            .field("request_done", &self.request_done.is_some())
            .finish_non_exhaustive()
    }
}

/// What a worker thread has for itself. A request that it works on shows it
/// ([`Request::thread_data`](crate::Request::thread_data)). What must not leave its thread has its
/// place in a thread-local variable that the hooks set and clear.
pub type ThreadData = Box<dyn Any + Send + Sync>;

/// What is to happen on each worker thread of the pool, however it comes and goes: with the server,
/// with the load, or by growing and shrinking. Threads that pull requests are the host's own, and
/// have no hooks.
pub trait ThreadHooks: Send + Sync + 'static {
    /// Before the thread's first request. `index` is from 0 on, the lowest that no other thread has.
    ///
    /// # Errors
    /// The reason why the thread cannot work. [`HTTPServer::prepare`](crate::HTTPServer::prepare)
    /// fails with it (kind [`ThreadStart`](crate::ErrorKind::ThreadStart)); a thread that was to come
    /// later makes a warning in the error log and is not there. A panic counts as an error.
    fn thread_start(&self, index: usize) -> Result<ThreadData, String>;

    /// After the thread's last request. Called once for each start that succeeded, on the same
    /// thread: also when another one's start failed. A thread that a stop has left behind in the
    /// application comes here when it is back.
    fn thread_stop(&self, index: usize, data: ThreadData) {
        let _done_with = (index, data);
    }
}
