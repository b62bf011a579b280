//! What a connection may ask of the server that it belongs to.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::budget::Budget;
use super::exchange::Exchange;
use super::forwarded::TrustedProxies;
use super::inquiries::Inquiries;
use super::live::{Live, LiveText};
use super::peercreds::PeerCreds;
use super::places::SLOW;
use super::proxied::ProxyProtocol;
use super::waiting::{Patience, Waiters};
use crate::access_log::Listeners;
use crate::engine::deadlines::Deadlines;
use crate::engine::service::Stopper;
use crate::engine::watches::Watches;
use crate::errands::Errands;
use crate::error_log::{ErrorLog, LogCode, LogLevel};
use crate::gateway::environ::EnvironTemplate;
use crate::handlers::Handlers;
use crate::request::head::HeadPolicy;
use crate::request::response::OF_THE_CONNECTION;
use crate::server::notify::Notifier;
use crate::ssl::SSLAdapter;
use crate::statistics::counters::Ledger;
use crate::sys::clock;
use crate::sys::epoll::Epoll;
use crate::sys::event::EventFd;

/// The settings that connections read, made from the options when the server is prepared.
/// Times are in milliseconds, 0: no limit.
pub(crate) struct Settings {
    pub(crate) live: Live,
    /// CONNECT is taken.
    pub(crate) proxy_mode: bool,
    pub(crate) keep_underscore_headers: bool,
    /// The value of `Server`; empty: the header is left out.
    pub(crate) server_header: LiveText,
    /// Who says first whose a connection is.
    pub(crate) proxy_protocol: ProxyProtocol,
    /// Whose word counts about a request; `None`: nobody is asked.
    pub(crate) trusted_proxies: Option<TrustedProxies>,
    /// Requests whose clients have left while they waited are for the application as well.
    pub(crate) serve_abandoned: bool,
    /// The service manager.
    pub(crate) notifier: Notifier,
    /// Connections are under TLS.
    pub(crate) ssl: Option<Arc<dyn SSLAdapter>>,
    /// Bodies up to so many bytes are read before the application is called.
    pub(crate) preread: usize,
    /// What matters less is not told to the host's log handler.
    pub(crate) log_level: LogLevel,
    /// Messages of the log are events for a host that pulls.
    pub(crate) log_events: bool,
    /// One for each listener, under HTTP/1.1 and under the option `protocol` of HTTP/1.0.
    pub(crate) environs: [Vec<EnvironTemplate>; 2],
    pub(crate) peercreds: PeerCreds,
    /// What is listened on, for people.
    pub(crate) bound: String,
    /// The path of the status page; empty: there is none.
    pub(crate) status_path: Vec<u8>,
    /// The host pulls, and is told of events.
    pub(crate) pull: bool,
}

impl Settings {
    /// What a head may be at the moment.
    pub(crate) fn policy(&self) -> HeadPolicy {
        let live = &self.live;
        HeadPolicy {
            max_header_bytes: live.max_header_bytes() as usize,
            max_fields: live.max_fields() as usize,
            max_request_line: live.max_request_line() as usize,
            max_field_bytes: live.max_field_bytes() as usize,
            max_field_name: live.max_field_name() as usize,
            max_body: live.max_body(),
            proxy_mode: self.proxy_mode,
            keep_underscore_headers: self.keep_underscore_headers,
            http10: self.is_http10(),
        }
    }

    /// Whether every response is one of HTTP/1.0.
    pub(crate) fn is_http10(&self) -> bool {
        self.live.http10() != 0
    }

    pub(crate) fn environ_template(&self, listener: u8) -> Option<&EnvironTemplate> {
        self.environs[usize::from(self.is_http10())].get(usize::from(listener))
    }
}

/// The version of a response's status line.
pub(crate) fn protocol(http10: bool) -> &'static [u8] {
    if http10 { b"HTTP/1.0" } else { b"HTTP/1.1" }
}

/// How far the server is on its way to the end.
const GOES_ON: u8 = 0;
const QUIESCED: u8 = 1;
const DRAINS: u8 = 2;

/// Everything a connection shares with the others of its server.
pub(crate) struct Services {
    pub(crate) settings: Settings,
    pub(crate) log: Arc<ErrorLog>,
    /// Who wants to hear of requests that are done with, if anybody does.
    pub(crate) listeners: Option<Listeners>,
    pub(crate) epoll: Epoll,
    pub(crate) deadlines: Deadlines,
    /// The service thread, which cuts connections when memory is short.
    service: Arc<Stopper>,
    pub(crate) budget: Budget,
    pub(crate) waiters: Waiters,
    pub(crate) patience: Patience,
    pub(crate) inquiries: Inquiries,
    /// Calls of the host's own functions that wait for a thread without locks.
    pub(crate) errands: Arc<Errands>,
    pub(crate) watches: Watches,
    /// Readable once `stop` has run out of time: threads that wait for a client give up.
    pub(crate) cut: EventFd,
    pub(crate) statistics: Arc<Ledger>,
    /// The header fields of applications that were left out and logged, a bit for each.
    left_out: AtomicU16,
    ending: AtomicU8,
    exchanges: (Sender<Box<Exchange>>, Receiver<Box<Exchange>>),
}

impl Services {
    pub(crate) fn new(
        settings: Settings,
        handlers: &Handlers,
        buffered: usize,
        waiters: usize,
        statistics: Arc<Ledger>,
        service: Arc<Stopper>,
    ) -> io::Result<Self> {
        let log = ErrorLog::new(
            handlers.error_log.clone(),
            settings.log_level,
            service.fork_mark.clone(),
        );
        let log = Arc::new(if settings.log_events { log.with_queue() } else { log });
        Ok(Self {
            settings,
            listeners: Listeners::new(handlers),
            epoll: Epoll::new()?,
            deadlines: Deadlines::new(log.clone())?,
            service,
            log,
            budget: Budget::new(buffered),
            waiters: Waiters::new(waiters),
            patience: Patience::default(),
            inquiries: Inquiries::default(),
            errands: Arc::default(),
            watches: Watches::default(),
            cut: EventFd::new()?,
            statistics,
            left_out: AtomicU16::new(0),
            ending: AtomicU8::new(GOES_ON),
            exchanges: bounded(64),
        })
    }

    /// See [`ForkMark::after_host_code`](crate::sys::fork::ForkMark::after_host_code).
    pub(crate) fn after_host_code(&self) {
        self.service.fork_mark.after_host_code();
    }

    /// Whether the server is stopping: what is not in work ends now.
    pub(crate) fn draining(&self) -> bool {
        self.ending.load(Ordering::SeqCst) == DRAINS
    }

    pub(crate) fn drain(&self) {
        self.ending.store(DRAINS, Ordering::SeqCst);
    }

    /// Whether no connection is kept alive behind its next answer.
    pub(crate) fn ends_connections(&self) -> bool {
        self.ending.load(Ordering::SeqCst) != GOES_ON
    }

    /// Logs which header fields of an application were left out, each name once. A bit for each, as
    /// [`Response::left_out`](crate::request::response::Response::left_out) has them.
    #[cold]
    pub(crate) fn tell_left_out(&self, fields: u16) {
        let new = fields & !self.left_out.fetch_or(fields, Ordering::Relaxed);
        for (bit, name) in OF_THE_CONNECTION.iter().enumerate() {
            if new & 1 << bit != 0 {
                let text = format_args!(
                    "the response header {name} of the application belongs to the connection and is \
                     left out; this is logged once"
                );
                self.log.warning(LogCode::HeaderLeftOut, text);
            }
        }
    }

    /// Tells the service manager, if there is one, how far the server is.
    pub(crate) fn tell_manager(&self, state: &str) {
        self.settings.notifier.tell(&self.log, state);
    }

    /// Answers that wait for their clients hold more than the budget: some have to go.
    pub(crate) fn call_for_memory(&self) {
        self.service.wake();
    }

    /// A place among those that may wait for clients is free again. Whoever gives it may stay away
    /// for long, so the service thread looks for somebody if a request waits for a place.
    pub(crate) fn give_place(&self) {
        self.waiters.places.give();
        if self.waiters.has_deferred() {
            self.service.wake();
        }
    }

    /// Takes the place of the call whose client is the slowest. False if none is slow.
    pub(crate) fn take_from_slowest(&self) -> bool {
        let taken = self.waiters.places.take_from_slowest(clock::monotonic_ms());
        if taken {
            let text = format_args!(
                "a client that moves less than {SLOW} bytes a second is cut: \
                 another request needs the thread that waits for it"
            );
            self.log.repeated(LogLevel::Warning, LogCode::Connection, text);
        }
        taken
    }

    /// From now on no connection is kept alive behind its next answer.
    pub(crate) fn quiesce(&self) {
        self.ending.fetch_max(QUIESCED, Ordering::SeqCst);
    }

    /// `stop` has run out of time.
    pub(crate) fn cut_all(&self) {
        self.cut.signal();
    }

    pub(crate) fn cut_fd(&self) -> RawFd {
        self.cut.as_raw_fd()
    }

    /// An exchange to work with: one that was used before, if there is one.
    pub(crate) fn take_exchange(&self) -> Box<Exchange> {
        self.exchanges.1.try_recv().unwrap_or_default()
    }

    /// Keeps an exchange for the next connection that needs one.
    pub(crate) fn give_exchange(&self, exchange: Box<Exchange>) {
        let _full_pool_drops_it = self.exchanges.0.try_send(exchange);
    }
}
