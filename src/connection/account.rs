//! The account of a connection's requests, for the access log and `request_done`. A connection has
//! one only if somebody listens.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::HTTPConnection;
use super::exchange::Exchange;
use super::services::Services;
use crate::access_log::format::{Common, Format, TextLine};
use crate::access_log::{AccessRecord, Ended, Listeners};
use crate::engine::handle::RequestId;
use crate::error_log::LogCode;
use crate::request::head::Refusal;
use crate::request::headers::Known;
use crate::request::span::Span;
use crate::sys::clock;
use crate::threadpool::text_of;

/// The requests of a connection that are not done with.
#[derive(Default)]
pub(super) struct Account {
    /// The one that is being answered.
    current: Option<Entry>,
    /// Bytes that were read and belong to no request that is over; those in the connection's
    /// `traffic` are not among them yet.
    read: i64,
    /// Answered, but bytes of the answers are still here.
    pending: Vec<Entry>,
    /// What its lines in the log have in common.
    common: Common,
}

struct Entry {
    request: Option<RequestId>,
    /// What is told of the head, once the exchange that has it may be gone.
    text: Option<Box<Text>>,
    arrived: Option<Arrival>,
    /// The second, since 1970, in which the answer was begun; 0: it is still to be found out.
    answered: u64,
    status: u16,
    sent: u64,
    received: u64,
    keep_alive: bool,
    ended: Option<Ended>,
    /// Who has sent it, if a proxy has said so.
    remote: Option<SocketAddr>,
}

/// When a request came, if somebody wants to know: wall clock, nanoseconds of the monotonic one.
struct Arrival {
    wall: SystemTime,
    monotonic: u64,
}

/// Where the head of a request is.
#[derive(Clone, Copy)]
enum Head<'a> {
    None,
    Exchange(&'a Exchange),
    Text(&'a Text),
}

/// A copy of what is told of a head: the request line, Referer and User-Agent behind each other.
struct Text {
    bytes: Vec<u8>,
    method: Span,
    target: Span,
    protocol: Span,
    referer: Span,
    user_agent: Span,
}

impl Account {
    pub(super) fn note_read(&mut self, count: u64) {
        self.read += count as i64;
    }

    /// What was thrown away belongs to no request any more.
    pub(super) fn forget_read(&mut self, count: u64) {
        self.read -= count as i64;
    }

    /// The head of a request is complete. It may have been before, when the request was parked.
    /// `remote`: who has sent it, if a proxy has said so.
    pub(super) fn arrival(&mut self, services: &Services, remote: Option<SocketAddr>) {
        if self.current.is_none() {
            self.current = Some(Entry { remote, ..Entry::new(services) });
        }
    }
}

impl HTTPConnection {
    /// The application is about to be called.
    #[cold]
    pub(crate) fn account_request(&mut self, request: RequestId) {
        if let Some(current) = self.account.as_mut().and_then(|account| account.current.as_mut()) {
            current.request = Some(request);
        }
    }

    /// So many bytes of the body are on their way.
    #[inline]
    pub(super) fn account_body(&mut self, count: u64) {
        if self.account.is_some() {
            self.account_sent(count);
        }
    }

    #[cold]
    fn account_sent(&mut self, count: u64) {
        if let Some(current) = self.account.as_mut().and_then(|account| account.current.as_mut()) {
            current.sent += count;
        }
    }

    /// Pieces of the body that were on their way are not sent after all.
    pub(super) fn account_unsent<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) {
        if let Some(current) = self.account.as_mut().and_then(|account| account.current.as_mut()) {
            let count = pieces.map(|piece| piece.len() as u64).sum();
            current.sent = current.sent.saturating_sub(count);
        }
    }

    /// The server answers by itself, in the place of the application or before it.
    pub(super) fn account_refusal(&mut self, services: &Services, refusal: &Refusal, sent: u64) {
        let account = self.account.get_or_insert_default();
        let current = account.current.get_or_insert_with(|| Entry::new(services));
        current.status = refusal.status.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
        current.sent = sent;
        if current.request.is_none() {
            self.conclude(services, None);
        }
    }

    /// Nothing is added to the answer any more. It is told of now if all of it has left.
    #[cold]
    pub(super) fn conclude(&mut self, services: &Services, ended: Option<Ended>) {
        let left = self.has_said_all();
        let Some(account) = self.account.as_mut() else {
            return;
        };
        let Some(mut current) = account.current.take() else { return };
        let mut unread = self.stored.len();
        if let Some(exchange) = self.exchange.as_ref() {
            unread = exchange.input.unread().len();
            let begun = exchange.head_length.is_some() && exchange.framing.is_some();
            if current.status == 0 && begun {
                current.status = exchange.response.code();
            }
            if current.status != 0 {
                current.answered = exchange.date.second();
            }
        }
        if self.close {
            // The last one: all that came belongs to it.
            unread = 0;
        }
        let received = account.read + self.traffic.read as i64 - unread as i64;
        account.read -= received;
        current.received = u64::try_from(received).unwrap_or(0);
        current.keep_alive = !self.close && ended.is_none();
        current.ended = current.ended.or(ended);
        let exchange = self.exchange.as_deref();
        if left && account.pending.is_empty() {
            tell(services, &mut account.common, self.remote, &current, current.head(exchange));
        } else {
            current.keep(services, exchange);
            account.pending.push(current);
        }
    }

    /// The exchange is about to go, or the head that is in it.
    pub(super) fn account_keep(&mut self, services: &Services) {
        if let Some(current) = self.account.as_mut().and_then(|account| account.current.as_mut()) {
            current.keep(services, self.exchange.as_deref());
        }
    }

    /// The answer that is being made ends like this.
    pub(super) fn account_end(&mut self, ended: Ended) {
        if let Some(current) = self.account.as_mut().and_then(|account| account.current.as_mut()) {
            current.ended.get_or_insert(ended);
        }
    }

    /// What is still to be sent never will be.
    pub(super) fn account_loss(&mut self, ended: Ended) {
        let output = self.exchange.as_ref().map_or(0, |exchange| exchange.output.len());
        let mut lost = self.unsent.left() + output as u64;
        let Some(account) = self.account.as_mut() else {
            return;
        };
        let entries = account.pending.iter_mut().chain(account.current.as_mut());
        for entry in entries.rev() {
            let here = lost.min(entry.sent);
            entry.sent -= here;
            lost -= here;
            entry.ended.get_or_insert(ended);
        }
    }

    /// Tells of the requests whose answers have left.
    #[inline]
    pub(super) fn report(&mut self, services: &Services) {
        if self.account.is_some() {
            self.report_sent(services);
        }
    }

    #[cold]
    fn report_sent(&mut self, services: &Services) {
        let account = self.account.as_ref();
        let waits = account.is_some_and(|account| !account.pending.is_empty());
        if waits && self.has_said_all() {
            self.report_pending(services);
        }
    }

    /// Whether nothing of any answer is here.
    fn has_said_all(&self) -> bool {
        let gathered = self.exchange.as_ref().is_some_and(|exchange| !exchange.output.is_empty());
        self.unsent.is_empty() && !gathered
    }

    /// The connection has ended, and everything with it.
    pub(super) fn report_end(&mut self, services: &Services) {
        self.report(services);
        let ended = if services.draining() { Ended::Cut } else { Ended::Aborted };
        self.account_loss(ended);
        self.conclude(services, Some(ended));
        self.report_pending(services);
    }

    #[inline]
    pub(super) fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// Keeps an account from here on.
    pub(crate) fn open_account(&mut self) {
        self.account = Some(Box::default());
    }

    fn report_pending(&mut self, services: &Services) {
        let remote = self.remote;
        let Some(account) = self.account.as_mut() else {
            return;
        };
        let Account { pending, common, .. } = &mut **account;
        for entry in pending.drain(..) {
            tell(services, common, remote, &entry, entry.head(None));
        }
    }
}

/// Tells everybody who wants to hear of it that a request is done with.
fn tell(
    services: &Services,
    common: &mut Common,
    remote: Option<SocketAddr>,
    entry: &Entry,
    head: Head<'_>,
) {
    let Some(listeners) = &services.listeners else { return };
    // What is kept for the connection's lines begins with its own address.
    let mut own = entry.remote.map(|_| Common::default());
    let (common, remote) = (own.as_mut().unwrap_or(common), entry.remote.or(remote));
    if let Some(lines) = listeners.lines.as_ref().filter(|lines| lines.format != Format::Json) {
        let second = if entry.answered != 0 { entry.answered } else { clock::unix_seconds() };
        let [request_line, referer, user_agent] = head.told(lines.format == Format::Combined);
        let (status, sent) = (entry.status, entry.sent);
        let told = TextLine { request_line, referer, user_agent, status, sent };
        lines.put(|line| lines.format.put_text(second, remote, common, &told, line));
        if !listeners.call_the_host() {
            return;
        }
    }
    tell_all(services, listeners, common, &entry.record(remote, head));
}

#[cold]
fn tell_all(
    services: &Services,
    listeners: &Listeners,
    common: &mut Common,
    record: &AccessRecord<'_>,
) {
    if let Some(lines) = listeners.lines.as_ref().filter(|lines| lines.format == Format::Json) {
        let second = record.arrived.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let start = common.start(second, record.remote, Format::Json);
        lines.put(|line| Format::put_json(start, record, line));
    }
    let tell = || {
        if let Some(access) = &listeners.access {
            access.access(record);
        }
        if let (Some(done), Some(request)) = (&listeners.done, record.request) {
            done.request_done(request, record.ended);
        }
    };
    let told = catch_unwind(AssertUnwindSafe(tell));
    services.after_host_code();
    if let Err(panic) = told {
        let text = format_args!("a handler panicked: {}", text_of(&*panic));
        services.log.error(LogCode::Panic, text);
    }
}

impl Entry {
    fn new(services: &Services) -> Self {
        let timed = services.listeners.as_ref().is_some_and(|listeners| listeners.times);
        Self {
            request: None,
            text: None,
            arrived: timed
                .then(|| Arrival { wall: SystemTime::now(), monotonic: clock::monotonic_ns() }),
            answered: 0,
            status: 0,
            sent: 0,
            received: 0,
            keep_alive: false,
            ended: None,
            remote: None,
        }
    }

    /// What is told of the head: what was kept of it, or what the exchange has.
    fn head<'a>(&'a self, exchange: Option<&'a Exchange>) -> Head<'a> {
        match (&self.text, exchange) {
            (Some(text), _) => Head::Text(text),
            (None, Some(exchange)) if exchange.head_length.is_some() => Head::Exchange(exchange),
            _ => Head::None,
        }
    }

    /// Copies what is told of the head, unless that was done, or nobody wants to hear it.
    #[cold]
    fn keep(&mut self, services: &Services, exchange: Option<&Exchange>) {
        let wanted = services.listeners.as_ref().is_some_and(Listeners::want_records);
        if wanted && let Head::Exchange(exchange) = self.head(exchange) {
            self.text = Some(Box::new(Text::new(exchange)));
        }
    }

    fn record<'a>(&self, remote: Option<SocketAddr>, head: Head<'a>) -> AccessRecord<'a> {
        let [method, target, protocol] = head.line_parts();
        let [_, referer, user_agent] = head.told(true);
        let since = |arrived: &Arrival| clock::monotonic_ns().saturating_sub(arrived.monotonic);
        AccessRecord {
            request: self.request,
            remote,
            method,
            target,
            protocol,
            user_agent,
            referer,
            status: self.status,
            sent: self.sent,
            received: self.received,
            arrived: self.arrived.as_ref().map_or(UNIX_EPOCH, |arrived| arrived.wall),
            duration: Duration::from_nanos(self.arrived.as_ref().map_or(0, since)),
            keep_alive: self.keep_alive,
            ended: self.ended.unwrap_or(Ended::Sent),
        }
    }
}

impl<'a> Head<'a> {
    /// The request line, and if they are wanted Referer and User-Agent.
    #[inline]
    fn told(self, fields: bool) -> [&'a [u8]; 3] {
        match self {
            Self::None => Default::default(),
            Self::Exchange(exchange) => {
                let (head, input) = (&exchange.head, exchange.input.request());
                // Its parts have one space between them.
                let line = Span { start: head.method.start, end: head.version.end }.of(input);
                let field = |known| match head.first(known) {
                    Some(value) if fields => value.of(input),
                    _ => &[],
                };
                [line, field(Known::Referer), field(Known::UserAgent)]
            }
            Self::Text(text) => {
                let line = Span { start: text.method.start, end: text.protocol.end };
                [line, text.referer, text.user_agent].map(|part| part.of(&text.bytes))
            }
        }
    }

    /// Method, target and protocol.
    fn line_parts(self) -> [&'a [u8]; 3] {
        match self {
            Self::None => Default::default(),
            Self::Exchange(exchange) => {
                let (head, input) = (&exchange.head, exchange.input.request());
                [head.method, head.target, head.version].map(|part| part.of(input))
            }
            Self::Text(text) => {
                [text.method, text.target, text.protocol].map(|part| part.of(&text.bytes))
            }
        }
    }
}

impl Text {
    fn new(exchange: &Exchange) -> Self {
        let head = Head::Exchange(exchange);
        let [line, referer, user_agent] = head.told(true);
        let bytes = [line, referer, user_agent].concat();
        let mut at = 0;
        let mut next = |gap: usize, part: &[u8]| {
            let span = Span::new(at + gap, at + gap + part.len());
            at = span.end as usize;
            span
        };
        let [method, target, protocol] = head.line_parts();
        Self {
            method: next(0, method),
            target: next(1, target),
            protocol: next(1, protocol),
            referer: next(0, referer),
            user_agent: next(0, user_agent),
            bytes,
        }
    }
}
