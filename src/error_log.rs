//! The error log: what the server and the application have to say beside their answers. It goes to
//! the `log` crate (target `wsgiserver`) and to the handler of the server if there is one. Nothing
//! is printed.
#![forbid(unsafe_code)]

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, Weak};

use crate::engine::Engine;
use crate::sys::clock;
use crate::sys::fork::ForkMark;

mod queue;
mod repeats;

pub use queue::LogMessage;
use queue::LogQueue;
use repeats::{ClientMessages, Repeats};

/// The name under which the `log` crate gets the messages.
pub const LOG_TARGET: &str = "wsgiserver";

/// How much a message matters. The numbers are those of the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Of interest when looking for an error, like every refused request.
    Debug = 10,
    /// All is well.
    Info = 20,
    /// Not as it should be, and the server goes on.
    Warning = 30,
    /// Something was not done.
    Error = 40,
}

impl LogLevel {
    /// By its name, as the option `log_level` takes it.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "debug" => Self::Debug,
            "warning" => Self::Warning,
            "error" => Self::Error,
            _ => Self::Info,
        }
    }

    fn of_the_crate(self) -> log::Level {
        match self {
            Self::Debug => log::Level::Debug,
            Self::Info => log::Level::Info,
            Self::Warning => log::Level::Warn,
            Self::Error => log::Level::Error,
        }
    }
}

/// What a message is about. The numbers stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogCode {
    /// The application's own words ([`Request::log`](crate::Request::log), WSGI's `wsgi.errors`).
    Application = 1,
    /// The application failed or panicked: its client got 500 or was cut. Not where the client has left,
    /// was too slow or has sent a malformed body.
    ApplicationFailed = 2,
    /// The application returned without an answer.
    NoAnswer = 3,
    /// The response body is longer than its Content-Length.
    BodyTooLong = 4,
    /// The response body is shorter than its Content-Length.
    BodyTooShort = 5,
    /// A file could not be sent to its end.
    File = 6,
    /// The application gave a response header that belongs to the connection, which was left out.
    HeaderLeftOut = 7,
    /// The server itself answered a request, like 400, 408 or 503: a warning for each kind at most
    /// every ten seconds, the others at level debug.
    Refused = 10,
    /// No descriptors or no memory for another connection.
    Accept = 20,
    /// A connection could not be taken in or kept.
    Connection = 21,
    /// A client's TLS handshake failed, with its address and the reason. Limited: a client can cause it.
    Handshake = 23,
    /// A certificate was read again, or could not be.
    Certificate = 24,
    /// The header of a proxy was malformed, or did not come. Limited as well.
    ProxyHeader = 25,
    /// A system call failed that should not.
    System = 22,
    /// A worker thread could not be started, or its start hook failed.
    Thread = 30,
    /// Threads are still in the application after a stop.
    Stuck = 31,
    /// A request has held a thread for longer than `slow_request_after`.
    SlowRequest = 33,
    /// A handler of the host or the library itself panicked.
    Panic = 32,
    /// The life of the server.
    Server = 40,
    /// The access log (option `access_log`) cannot be written, or lines of it are dropped.
    AccessLog = 41,
}

/// Takes the messages of one server.
///
/// Called on whatever thread has something to say, several at once, while no lock is held. It may
/// call what it likes but what waits for the server (`stop`, `wait`); the request that a message
/// is about is busy meanwhile. A panic is caught and lost.
pub trait LogHandler: Send + Sync + 'static {
    /// One message, usually one line, without a line end.
    fn log(&self, level: LogLevel, code: LogCode, text: &str);
}

impl<F: Fn(LogLevel, LogCode, &str) + Send + Sync + 'static> LogHandler for F {
    fn log(&self, level: LogLevel, code: LogCode, text: &str) {
        self(level, code, text);
    }
}

/// The log of one server.
pub(crate) struct ErrorLog {
    handler: Option<Arc<dyn LogHandler>>,
    /// For a host that pulls, if it wants messages as events.
    queue: Option<LogQueue>,
    /// Whose workers announce what is in the queue.
    engine: OnceLock<Weak<Engine>>,
    /// What matters less goes to neither.
    least: LogLevel,
    repeats: Repeats,
    of_clients: ClientMessages,
    /// Kinds of refusals, apart: clients cannot crowd out the server's own failures.
    refusals: Repeats,
    fork_mark: Arc<ForkMark>,
}

impl ErrorLog {
    pub(crate) fn new(
        handler: Option<Arc<dyn LogHandler>>,
        least: LogLevel,
        fork_mark: Arc<ForkMark>,
    ) -> Self {
        Self {
            handler,
            queue: None,
            engine: OnceLock::new(),
            least,
            repeats: Repeats::default(),
            of_clients: ClientMessages::default(),
            refusals: Repeats::default(),
            fork_mark,
        }
    }

    /// For tests: has no handler.
    #[cfg(test)]
    pub(crate) fn silent() -> Arc<Self> {
        let mark = ForkMark::new().expect("a page of memory");
        Arc::new(Self::new(None, LogLevel::Error, Arc::new(mark)))
    }

    /// The same, and messages are kept for [`take`](Self::take) as well.
    pub(crate) fn with_queue(self) -> Self {
        Self { queue: Some(LogQueue::default()), ..self }
    }

    /// Whose workers are to announce the messages.
    pub(crate) fn announce_by(&self, engine: &Arc<Engine>) {
        let _once = self.engine.set(Arc::downgrade(engine));
    }

    /// The oldest message that was announced.
    pub(crate) fn take(&self) -> Option<LogMessage> {
        let (message, more) = self.queue.as_ref()?.pop();
        if more {
            self.announce();
        }
        message
    }

    fn announce(&self) {
        if let Some(engine) = self.engine.get().and_then(Weak::upgrade) {
            engine.announce_message();
        }
    }

    /// Whether anybody listens to messages of this level: what is said often asks first.
    pub(crate) fn wants(&self, level: LogLevel) -> bool {
        let listened_to = self.handler.is_some() || self.queue.is_some();
        (listened_to && level >= self.least) || level.of_the_crate() <= log::max_level()
    }

    pub(crate) fn debug(&self, code: LogCode, text: fmt::Arguments<'_>) {
        self.write(LogLevel::Debug, code, text);
    }

    pub(crate) fn info(&self, code: LogCode, text: fmt::Arguments<'_>) {
        self.write(LogLevel::Info, code, text);
    }

    pub(crate) fn warning(&self, code: LogCode, text: fmt::Arguments<'_>) {
        self.write(LogLevel::Warning, code, text);
    }

    pub(crate) fn error(&self, code: LogCode, text: fmt::Arguments<'_>) {
        self.write(LogLevel::Error, code, text);
    }

    /// Something that may come again and again: the same words are told at most every ten seconds,
    /// and then with how often they were not.
    #[cold]
    pub(crate) fn repeated(&self, level: LogLevel, code: LogCode, text: fmt::Arguments<'_>) {
        if !self.wants(level) {
            return;
        }
        let text = text.to_string();
        match self.repeats.tell(&text, clock::monotonic_ms()) {
            Some(0) => self.write(level, code, format_args!("{text}")),
            Some(again) => {
                let text = format_args!("{text} (and {again} times more since this was last said)");
                self.write(level, code, text);
            }
            None => {}
        }
    }

    /// Something that a client has caused, and may cause as often as it likes: a few messages of a code
    /// are written in a while, and the next one after that says how many there were in between. Those
    /// are messages of the level debug.
    #[cold]
    pub(crate) fn by_client(&self, level: LogLevel, code: LogCode, text: fmt::Arguments<'_>) {
        if !self.wants(level) {
            return;
        }
        match self.of_clients.may_write(code, clock::monotonic_ms()) {
            Some(0) => self.write(level, code, text),
            Some(others) => {
                let text = format_args!("{text} ({others} others before it were debug messages)");
                self.write(level, code, text);
            }
            None => self.debug(code, text),
        }
    }

    /// Whether a refusal of this kind is logged as a warning now, so that no client can fill the log;
    /// then how often it was not since the last time.
    pub(crate) fn admits_refusal(&self, kind: &str) -> Option<u64> {
        let is_wanted = self.wants(LogLevel::Warning);
        is_wanted.then(|| self.refusals.tell(kind, clock::monotonic_ms())).flatten()
    }

    #[cold]
    pub(crate) fn write(&self, level: LogLevel, code: LogCode, text: fmt::Arguments<'_>) {
        if !self.wants(level) {
            return;
        }
        // A logger that panics must not take a connection with it; there is nobody to tell.
        let _panicked = catch_unwind(AssertUnwindSafe(|| {
            log::log!(target: LOG_TARGET, level.of_the_crate(), "{text}");
        }));
        self.fork_mark.after_host_code();
        if level < self.least {
            return;
        }
        if let Some(handler) = &self.handler {
            let text = text.to_string();
            let _panicked = catch_unwind(AssertUnwindSafe(|| handler.log(level, code, &text)));
            self.fork_mark.after_host_code();
        }
        if let Some(queue) = &self.queue
            && queue.push(LogMessage { level, code, text: text.to_string() })
        {
            self.announce();
        }
    }
}

impl fmt::Debug for ErrorLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorLog").field("least", &self.least).finish_non_exhaustive()
    }
}
