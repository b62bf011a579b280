//! The access log: one record for each request that was answered, by the application or by the
//! server itself, and for each whose answer was cut.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::engine::handle::RequestId;
use crate::handlers::Handlers;

pub(crate) mod destination;
pub(crate) mod escape;
pub(crate) mod format;
pub(crate) mod lines;
pub(crate) mod writer;

use format::Format;
use lines::Lines;

/// How the answer to a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// All of it was given to the kernel.
    Sent = 0,
    /// Cut by this side: the application failed in the middle, or the server was stopped.
    Cut = 1,
    /// The client left.
    Aborted = 2,
    /// The client took nothing for too long.
    TimedOut = 3,
    /// The connection went to the application (hijack).
    HandedOver = 4,
}

/// One line of an access log. Everything is lent for the call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AccessRecord<'a> {
    /// The request, if it reached the application.
    pub request: Option<RequestId>,
    /// The client; `None` for a UNIX socket.
    pub remote: Option<SocketAddr>,
    /// Empty, like the next four, if the head was refused or did not come.
    pub method: &'a [u8],
    /// As it was sent.
    pub target: &'a [u8],
    /// Like `HTTP/1.1`.
    pub protocol: &'a [u8],
    /// The field `User-Agent`, empty if there is none.
    pub user_agent: &'a [u8],
    /// The field `Referer`, empty if there is none.
    pub referer: &'a [u8],
    /// The status of the answer; 0 if none was begun.
    pub status: u16,
    /// Bytes of the response body, without head and chunk sizes. Of an answer that was not sent to
    /// its end those that the kernel took, give or take chunk sizes.
    pub sent: u64,
    /// Bytes of the request, head and body, that were read before the answer was complete.
    pub received: u64,
    /// When the head was complete; without a head, when the request was refused.
    pub arrived: SystemTime,
    /// From then until the last byte of the answer was given to the kernel.
    pub duration: Duration,
    /// Whether the connection is kept for another request.
    pub keep_alive: bool,
    /// How the answer ended.
    pub ended: Ended,
}

/// Takes the records of the access log.
///
/// Called once per request on the thread that finished it: a worker, the listening thread, or a
/// thread of the host's inside one of its calls; several at once, while no lock is held. Whoever is
/// called keeps a worker from its clients, so it is to be short. It must not wait for the server
/// (`stop`, `wait`). A panic is caught and goes to the error log.
pub trait AccessLog: Send + Sync + 'static {
    /// A request is done with.
    fn access(&self, record: &AccessRecord<'_>);
}

impl Listeners {
    pub(crate) fn new(handlers: &Handlers) -> Option<Self> {
        let Handlers { access_log, lines, request_done, .. } = handlers;
        let is_json = lines.as_ref().is_some_and(|lines| lines.format == Format::Json);
        let any = access_log.is_some() || lines.is_some() || request_done.is_some();
        any.then(|| Self {
            access: access_log.clone(),
            times: access_log.is_some() || is_json,
            lines: lines.clone(),
            done: request_done.clone(),
        })
    }

    /// Whether functions of the host's are to be called.
    #[inline]
    pub(crate) fn call_the_host(&self) -> bool {
        self.access.is_some() || self.done.is_some()
    }

    /// Whether somebody wants a record of each request.
    pub(crate) fn want_records(&self) -> bool {
        self.access.is_some() || self.lines.is_some()
    }
}

impl<F: Fn(&AccessRecord<'_>) + Send + Sync + 'static> AccessLog for F {
    fn access(&self, record: &AccessRecord<'_>) {
        self(record);
    }
}

/// Is told when nothing more happens with a request that reached the application: the place to free
/// what the host keeps for it. Exactly once for each, after the last byte of the answer was given to
/// the kernel or the connection was cut; calls with the id find it gone, and an application that is
/// still running may be told so later than this. Where and how as for [`AccessLog`].
pub trait RequestDone: Send + Sync + 'static {
    /// The request is done with.
    fn request_done(&self, request: RequestId, ended: Ended);
}

impl<F: Fn(RequestId, Ended) + Send + Sync + 'static> RequestDone for F {
    fn request_done(&self, request: RequestId, ended: Ended) {
        self(request, ended);
    }
}

/// Who wants to hear of requests that are done with.
pub(crate) struct Listeners {
    pub(crate) access: Option<Arc<dyn AccessLog>>,
    /// Somebody wants to know when a request came, and how long it took.
    pub(crate) times: bool,
    /// The option `access_log`.
    pub(crate) lines: Option<Arc<Lines>>,
    pub(crate) done: Option<Arc<dyn RequestDone>>,
}
