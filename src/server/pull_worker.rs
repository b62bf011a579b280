//! PullWorker: a thread of the host that takes requests from a server without an application.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use super::{HTTPServer, forked};
use crate::engine::Engine;
use crate::engine::events::Happened;
use crate::engine::handle::RequestId;
use crate::engine::share::Share;
use crate::engine::worker::{Next, Worker};
use crate::error::{Error, ErrorKind};
use crate::error_log::LogMessage;
use crate::gateway::Request;

/// A thread of the host that takes requests from a pull server. It may be moved between threads. It
/// may outlive the run of its server, and then only tells that that is over.
pub struct PullWorker {
    worker: Worker,
}

/// What a [`PullWorker`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// A request, to be answered from any thread.
    Request(RequestId),
    /// Something has happened to a request that this or another worker got before.
    Event(RequestId, Happened),
    /// The time is up, or somebody woke the worker.
    Nothing,
    /// The server has stopped.
    Stopped,
}

impl From<Next> for Pulled {
    fn from(next: Next) -> Self {
        match next {
            Next::Request(id) => Self::Request(id),
            Next::Event(event) => Self::Event(event.id, event.happened),
            Next::Nothing => Self::Nothing,
            Next::Stopped => Self::Stopped,
        }
    }
}

impl PullWorker {
    /// A worker for a pull server that is prepared.
    pub fn new(server: &HTTPServer) -> Result<Self, Error> {
        if !server.is_pull() {
            let why = "the server has an application of its own; only a pull server has workers";
            return Err(Error::new(ErrorKind::State, why));
        }
        let engine = server.running_engine()?;
        Ok(Self { worker: Worker::new(&engine, engine.headcount.next_number(), true) })
    }

    /// Works for the server until there is a request or an event, at most `timeout` milliseconds
    /// (`None`: no limit).
    pub fn next(&mut self, timeout: Option<u64>) -> Pulled {
        self.worker.next(timeout).into()
    }

    /// A further request or event if one is at hand.
    pub fn next_at_hand(&mut self) -> Option<Pulled> {
        self.worker.next_at_hand().map(Pulled::from)
    }

    /// The message that [`Happened::Logged`] announced. They come only with the option `log_events`.
    pub fn message(&self) -> Option<LogMessage> {
        self.worker.engine().services.log.take()
    }

    /// To be called before the host goes to wait for [`HTTPServer::event_fd`]: what this worker, or
    /// the server's queue, has at hand makes it ready.
    pub fn rest(&self) {
        if self.worker.engine().host_polls() && self.worker.has_more() {
            self.worker.engine().signal_host();
        }
    }

    /// A request that this or another worker of the same server pulled.
    pub fn request(&self, id: RequestId) -> Request<'_> {
        Request::new(self.worker.engine(), id)
    }

    pub(crate) fn waker(&self) -> (Arc<Engine>, Arc<Share>) {
        (self.worker.engine().clone(), self.worker.share())
    }
}

impl fmt::Debug for PullWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullWorker").finish_non_exhaustive()
    }
}

impl HTTPServer {
    fn running_engine(&self) -> Result<Arc<Engine>, Error> {
        if self.is_forked() {
            return Err(forked());
        }
        let Some(engine) = self.engine() else {
            return Err(Error::new(ErrorKind::State, "the server was not prepared"));
        };
        Ok(engine)
    }
}
