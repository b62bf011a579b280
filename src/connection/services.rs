//! What a connection may ask of the server that it belongs to.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::exchange::Exchange;
use super::forwarded::TrustedProxies;
use super::live::{Live, LiveText};
use super::peercreds::PeerCreds;
use super::proxied::ProxyProtocol;
use crate::access_log::Listeners;
use crate::engine::calls::Described;
use crate::engine::deadlines::Deadlines;
use crate::engine::queue::TokenQueue;
use crate::engine::service::Stopper;
use crate::engine::watches::Watches;
use crate::errands::Errands;
use crate::error_log::{ErrorLog, LogLevel};
use crate::gateway::environ::EnvironTemplate;
use crate::handlers::Handlers;
use crate::request::head::HeadPolicy;
use crate::server::notify::Notifier;
use crate::ssl::SSLAdapter;
use crate::statistics::counters::Ledger;
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
    /// Calls of the host's own functions that wait for a thread without locks.
    pub(crate) errands: Arc<Errands>,
    pub(crate) watches: Watches,
    /// Readable once `stop` has run out of time: threads that wait for a client give up.
    pub(crate) cut: EventFd,
    pub(crate) statistics: Arc<Ledger>,
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
        let log = ErrorLog::new(handlers.error_log.clone(), settings.log_level);
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
            errands: Arc::default(),
            watches: Watches::default(),
            cut: EventFd::new()?,
            statistics,
            ending: AtomicU8::new(GOES_ON),
            exchanges: bounded(64),
        })
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
        self.waiters.give();
        if self.waiters.has_deferred() {
            self.service.wake();
        }
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

/// The bytes that all connections hold while nobody works on them, of requests and of answers, each up
/// to the limit: clients of the one kind do not use up what the other has.
///
/// With requests past the limit a connection that holds some already is not read any further; one
/// that holds none is still read a little, so that small requests get through. Answers cannot be held
/// up like that, as their applications have made them. With answers past the limit the connections
/// that have been taking theirs for the longest time are cut.
pub(crate) struct Budget {
    requests: AtomicUsize,
    answers: AtomicUsize,
    /// Connections that have some of it for their answers, and threads that wait for some.
    claims: AtomicUsize,
    limit: usize,
}

/// What one connection has of the budget, in bytes. More than 4 GiB count as 4 GiB: each connection
/// has one of these.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charge {
    requests: u32,
    answers: u32,
}

impl Charge {
    pub(crate) const NONE: Self = Self { requests: 0, answers: 0 };

    pub(crate) fn new(requests: usize, answers: usize) -> Self {
        let counted = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
        Self { requests: counted(requests), answers: counted(answers) }
    }

    /// For the part of an answer that its client has not taken.
    pub(crate) fn answers(self) -> usize {
        self.answers as usize
    }
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        let none = || AtomicUsize::new(0);
        Self { requests: none(), answers: none(), claims: none(), limit }
    }

    pub(crate) fn is_exceeded_by_requests(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > self.limit
    }

    pub(crate) fn is_exceeded_by_answers(&self) -> bool {
        self.answers.load(Ordering::Relaxed) > self.limit
    }

    /// Whether answers are to be cut. One that is larger than the limit by itself is not, as long as
    /// nobody else wants memory.
    pub(crate) fn is_fought_for(&self) -> bool {
        self.is_exceeded_by_answers() && self.claims.load(Ordering::Relaxed) > 1
    }

    /// A thread begins to wait for memory, or (`false`) has done so.
    pub(crate) fn claim(&self, waits: bool) {
        change(&self.claims, usize::from(!waits), usize::from(waits));
    }

    /// Moves one connection's share.
    pub(crate) fn change(&self, before: Charge, after: Charge) {
        change(&self.requests, before.requests as usize, after.requests as usize);
        change(&self.answers, before.answers(), after.answers());
        change(&self.claims, before.answers().min(1), after.answers().min(1));
    }
}

fn change(counter: &AtomicUsize, before: usize, after: usize) {
    if after > before {
        counter.fetch_add(after - before, Ordering::Relaxed);
    } else if before > after {
        counter.fetch_sub(before - after, Ordering::Relaxed);
    }
}

/// How many threads may wait for clients inside the application, so that some stay free for others.
///
/// An application's call takes a place before its first wait and keeps it to its end: were it given
/// back after each wait, whoever is served a byte at a time would be one too many again and again.
pub(crate) struct Waiters {
    places: AtomicUsize,
    most: AtomicUsize,
    /// How many do wait now.
    waiting: AtomicUsize,
    /// Requests whose bodies would make one worker too many wait for a client.
    pub(crate) deferred: TokenQueue,
}

impl Waiters {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            places: AtomicUsize::new(0),
            most: AtomicUsize::new(most),
            waiting: AtomicUsize::new(0),
            deferred: TokenQueue::new(-1),
        }
    }

    /// Whether a request waits for a place, and there is one.
    pub(crate) fn has_deferred(&self) -> bool {
        !self.deferred.is_empty() && !self.is_full()
    }

    /// Whether all places are taken.
    pub(crate) fn is_full(&self) -> bool {
        self.places.load(Ordering::SeqCst) >= self.most.load(Ordering::SeqCst)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    pub(crate) fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::SeqCst);
    }

    /// Takes a place if one is free.
    pub(crate) fn try_take(&self) -> bool {
        let most = self.most.load(Ordering::SeqCst);
        let one_more = |places: usize| (places < most).then_some(places + 1);
        self.places.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok()
    }

    /// Takes one in any case.
    pub(crate) fn take(&self) {
        self.places.fetch_add(1, Ordering::SeqCst);
    }

    fn give(&self) {
        self.places.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn begin_wait(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn end_wait(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The requests whose threads have waited for their clients for a while: they own their connections,
/// so nobody else can look at those.
#[derive(Default)]
pub(crate) struct Patience(Mutex<Vec<(u32, Described)>>);

impl Patience {
    pub(crate) fn begin(&self, slot: u32, described: Described) {
        self.lock().push((slot, Described { waits_for_client: true, ..described }));
    }

    pub(crate) fn end(&self, slot: u32) {
        self.lock().retain(|(other, _)| *other != slot);
    }

    pub(crate) fn described(&self, slot: u32) -> Option<Described> {
        self.lock().iter().find(|(other, _)| *other == slot).map(|(_, found)| found.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u32, Described)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
