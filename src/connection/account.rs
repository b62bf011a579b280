//! The account of a connection's requests, for the access log and `request_done`. A connection has
//! one only if somebody listens.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use super::HTTPConnection;
use super::exchange::Exchange;
use super::services::Services;
use crate::access_log::{AccessRecord, Ended};
use crate::engine::handle::RequestId;
use crate::error_log::LogCode;
use crate::gateway::{Client, RequestView};
use crate::request::head::Refusal;
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
}

struct Entry {
    request: Option<RequestId>,
    /// Method, target, protocol, User-Agent and Referer behind each other: the buffer that they came
    /// in may be gone when the answer is.
    text: Vec<u8>,
    ends: [usize; 5],
    arrived: SystemTime,
    began: u64,
    status: u16,
    sent: u64,
    received: u64,
    keep_alive: bool,
    ended: Option<Ended>,
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
    #[cold]
    pub(super) fn arrival(&mut self, services: &Services, exchange: &Exchange) {
        if self.current.is_some() {
            return;
        }
        let mut entry = Entry::new();
        if services.listeners.as_ref().is_some_and(|listeners| listeners.access.is_some()) {
            entry.copy(&RequestView::new(
                exchange.input.request(),
                &exchange.head,
                Client::default(),
            ));
        }
        self.current = Some(entry);
    }
}

impl HTTPConnection {
    /// The application is about to be called.
    #[cold]
    pub(crate) fn account_request(&mut self, request: RequestId) {
        if let Some(current) = self
            .extras
            .as_mut()
            .and_then(|extras| extras.account.as_mut())
            .and_then(|account| account.current.as_mut())
        {
            current.request = Some(request);
        }
    }

    /// So many bytes of the body are on their way.
    #[inline]
    pub(super) fn account_body(&mut self, count: u64) {
        if self.extras.is_some() {
            self.account_sent(count);
        }
    }

    #[cold]
    fn account_sent(&mut self, count: u64) {
        if let Some(current) = self
            .extras
            .as_mut()
            .and_then(|extras| extras.account.as_mut())
            .and_then(|account| account.current.as_mut())
        {
            current.sent += count;
        }
    }

    /// Pieces of the body that were on their way are not sent after all.
    pub(super) fn account_unsent<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) {
        if let Some(current) = self
            .extras
            .as_mut()
            .and_then(|extras| extras.account.as_mut())
            .and_then(|account| account.current.as_mut())
        {
            let count = pieces.map(|piece| piece.len() as u64).sum();
            current.sent = current.sent.saturating_sub(count);
        }
    }

    /// The server answers by itself, in the place of the application or before it.
    pub(super) fn account_refusal(&mut self, refusal: &Refusal) {
        let account = self.extras.get_or_insert_default().account.get_or_insert_default();
        let current = account.current.get_or_insert_with(Entry::new);
        current.status = refusal.status.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
        current.sent = refusal.text.len() as u64;
        if current.request.is_none() {
            self.conclude(None);
        }
    }

    /// Nothing is added to the answer any more; parts of it may still be here.
    #[cold]
    pub(super) fn conclude(&mut self, ended: Option<Ended>) {
        let Some(account) = self.extras.as_mut().and_then(|extras| extras.account.as_mut()) else {
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
        account.pending.push(current);
    }

    /// The answer that is being made ends like this.
    pub(super) fn account_end(&mut self, ended: Ended) {
        if let Some(current) = self
            .extras
            .as_mut()
            .and_then(|extras| extras.account.as_mut())
            .and_then(|account| account.current.as_mut())
        {
            current.ended.get_or_insert(ended);
        }
    }

    /// What is still to be sent never will be.
    pub(super) fn account_loss(&mut self, ended: Ended) {
        let output = self.exchange.as_ref().map_or(0, |exchange| exchange.output.len());
        let mut lost = self.unsent.left() + output as u64;
        let Some(account) = self.extras.as_mut().and_then(|extras| extras.account.as_mut()) else {
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
        if self.extras.is_some() {
            self.report_sent(services);
        }
    }

    #[cold]
    fn report_sent(&mut self, services: &Services) {
        if self.has_account() {
            let output = self.exchange.as_ref().map_or(0, |exchange| exchange.output.len());
            if self.unsent.is_empty() && output == 0 {
                self.report_pending(services);
            }
        }
    }

    /// The connection has ended, and everything with it.
    pub(super) fn report_end(&mut self, services: &Services) {
        self.report(services);
        let ended = if services.draining() { Ended::Cut } else { Ended::Aborted };
        self.account_loss(ended);
        self.conclude(Some(ended));
        self.report_pending(services);
    }

    #[inline]
    pub(super) fn has_account(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.account.is_some())
    }

    /// Keeps an account from here on.
    pub(crate) fn open_account(&mut self) {
        self.extras.get_or_insert_default().account = Some(Box::default());
    }

    fn report_pending(&mut self, services: &Services) {
        let Some(account) = self.extras.as_mut().and_then(|extras| extras.account.as_mut()) else {
            return;
        };
        let (Some(listeners), false) = (&services.listeners, account.pending.is_empty()) else {
            return;
        };
        let now = clock::monotonic_ns();
        let remote = self.remote;
        for entry in account.pending.drain(..) {
            let ended = entry.ended.unwrap_or(Ended::Sent);
            let tell = || {
                if let Some(access) = &listeners.access {
                    let duration = Duration::from_nanos(now.saturating_sub(entry.began));
                    access.access(&AccessRecord { remote, duration, ended, ..entry.record() });
                }
                if let (Some(done), Some(request)) = (&listeners.done, entry.request) {
                    done.request_done(request, ended);
                }
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(tell)) {
                let text = format_args!("a handler panicked: {}", text_of(&*panic));
                services.log.error(LogCode::Panic, text);
            }
        }
    }
}

impl Entry {
    fn new() -> Self {
        Self {
            request: None,
            text: Vec::new(),
            ends: [0; 5],
            arrived: SystemTime::now(),
            began: clock::monotonic_ns(),
            status: 0,
            sent: 0,
            received: 0,
            keep_alive: false,
            ended: None,
        }
    }

    fn copy(&mut self, view: &RequestView<'_>) {
        let agent = view.header("User-Agent").unwrap_or_default();
        let referer = view.header("Referer").unwrap_or_default();
        let parts = [view.method(), view.target(), view.protocol(), agent, referer];
        self.text.reserve_exact(parts.iter().map(|part| part.len()).sum());
        for (part, end) in parts.iter().zip(&mut self.ends) {
            self.text.extend_from_slice(part);
            *end = self.text.len();
        }
    }

    fn record(&self) -> AccessRecord<'_> {
        let part = |index: usize| {
            let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.text[start..self.ends[index]]
        };
        AccessRecord {
            request: self.request,
            remote: None,
            method: part(0),
            target: part(1),
            protocol: part(2),
            user_agent: part(3),
            referer: part(4),
            status: self.status,
            sent: self.sent,
            received: self.received,
            arrived: self.arrived,
            duration: Duration::ZERO,
            keep_alive: self.keep_alive,
            ended: Ended::Sent,
        }
    }
}
