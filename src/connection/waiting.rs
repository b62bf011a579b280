//! Waiting for a client inside the application: the thread waits in poll(2) on this one socket, and epoll
//! is quiet meanwhile.
#![forbid(unsafe_code)]

use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::HTTPConnection;
use super::deferred::Deferred;
use super::places::{Bell, Credit, Places};
use super::services::Services;
use super::timing::{Awaited, REQUEST_TIMEOUT};
use crate::access_log::Ended;
use crate::engine::calls::Described;
use crate::error_log::{LogCode, LogLevel};
use crate::gateway::RequestError;
use crate::sys::event::EventFd;
use crate::sys::{clock, poll, socket};

/// After so many milliseconds a thread that waits for its client says for whom.
const SILENT: i32 = 1_000;
/// How often a thread looks how much of an answer its client has taken, in milliseconds.
const LOOK: i32 = 500;

const TOO_SLOW: RequestError = RequestError::Client("the client is too slow");
const PLACE_LOST: RequestError =
    RequestError::Client("the client is too slow, and another request needs the thread");

/// What a waiting thread saw last of its client.
struct Taken {
    at: u64,
    /// Bytes in the socket that the client had not taken.
    left: usize,
}

impl HTTPConnection {
    /// Waits for the client, as long as the options allow.
    ///
    /// Of the pool's threads some stay free, and of those that pull; one that has detached its request
    /// is not the pool's to keep free. So a call that gets no place among those that may wait does
    /// not: its client is cut.
    pub(super) fn wait_for(
        &mut self,
        services: &Services,
        awaited: Awaited,
    ) -> Result<(), RequestError> {
        if self.has_lost_place() || (self.attached && !self.take_place(services)) {
            self.has_no_place(services);
            self.broken_unless_head_open(Ended::TimedOut);
            return Err(PLACE_LOST);
        }
        if !self.muted {
            // What comes now is for this thread alone; an edge would only wake a poller.
            self.mute(services);
        }
        self.readable = true;
        let borrows = self.is_pulled(services);
        if borrows {
            services.waiters.places.take();
        }
        let began = clock::monotonic_ms();
        let bell = self.begin_wait(services, self.attached, began);
        let mut result = self.poll_client(services, awaited, bell);
        if services.waiters.places.end_wait(self.token.slot) {
            self.may_wait = false;
            if let Some(exchange) = self.exchange.as_mut() {
                exchange.lost_place = true;
            }
            result = Err(PLACE_LOST);
        } else if borrows {
            services.give_place();
        }
        let now = clock::monotonic_ms();
        self.timing.thread_waited(awaited, now);
        match result {
            Err(RequestError::Gone) => self.expire(services),
            Err(RequestError::Stopping) => self.broken_unless_head_open(Ended::Cut),
            Err(_) => self.broken_unless_head_open(Ended::TimedOut),
            Ok(()) => {}
        }
        result
    }

    /// Enters the wait where those are chosen that lose their places. Returns the descriptor of the
    /// bell that ends it, -1 if there is none: then the place cannot be lost.
    fn begin_wait(&mut self, services: &Services, has_place: bool, now: u64) -> RawFd {
        let (mut bell, mut credit) = (None, Credit::default());
        if let Some(exchange) = self.exchange.as_mut() {
            credit = exchange.credit;
            if has_place {
                exchange.bell = exchange.bell.take().or_else(|| EventFd::new().ok().map(Arc::new));
                bell = exchange.bell.clone();
            }
        }
        let fd = bell.as_ref().map_or(-1, |bell| bell.as_raw_fd());
        services.waiters.places.begin_wait(self.token.slot, credit, now, bell);
        fd
    }

    /// Until the client has done something, its time is up, or the bell rings.
    fn poll_client(
        &mut self,
        services: &Services,
        awaited: Awaited,
        bell: RawFd,
    ) -> Result<(), RequestError> {
        let events = if awaited == Awaited::Body { poll::IN } else { poll::OUT };
        let began = clock::monotonic_ms();
        let mut until = self.timing.thread_waits_until(awaited, &services.settings, began);
        let mut taken = Taken { at: began, left: self.left_in_socket(awaited) };
        let mut said = self.answers_inquiry(services);
        let result = loop {
            let left = self.time_left(until);
            let most = if awaited == Awaited::Room { LOOK } else { SILENT };
            let is_looked_at = !said || awaited == Awaited::Room;
            let step = if !is_looked_at || (0..most).contains(&left) { left } else { most };
            let wanted = [(self.fd(), events), (services.cut_fd(), poll::IN), (bell, poll::IN)];
            match poll::poll(wanted, step) {
                Ok([_, _, lost]) if lost != 0 => break Err(PLACE_LOST),
                Ok([0, 0, _]) if step != left => {
                    if self.note_taken(services, awaited, &mut taken) {
                        let settings = &services.settings;
                        until = self.timing.thread_waits_until(awaited, settings, taken.at);
                    }
                    if !said && taken.at >= began + SILENT as u64 {
                        said = true;
                        if let Some(described) = self.describe() {
                            services.patience.begin(self.token.slot, described);
                        }
                    }
                }
                Ok([_, cut, _]) if cut != 0 => break Err(RequestError::Stopping),
                Ok([0, ..]) if left == 0 && self.is_late() => break Err(RequestError::Gone),
                Ok([0, ..]) if left == 0 => break Err(TOO_SLOW),
                Ok([0, ..]) => {}
                Ok(_) => break Ok(()),
                Err(_) => break Err(RequestError::Client("the socket cannot be waited for")),
            }
        };
        self.note_taken(services, awaited, &mut taken);
        if said {
            services.patience.end(self.token.slot);
        }
        result
    }

    /// Counts how long the client was waited for since the last look, and what it took. The system says
    /// that there is room only when a good part of its buffer is free, which may be megabytes.
    /// Returns whether it took something.
    fn note_taken(&mut self, services: &Services, awaited: Awaited, taken: &mut Taken) -> bool {
        let (now, left) = (clock::monotonic_ms(), self.left_in_socket(awaited));
        let moved = taken.left.saturating_sub(left) as u64;
        let Some(exchange) = self.exchange.as_mut() else { return false };
        exchange.credit.waited(now.saturating_sub(taken.at));
        exchange.credit.moved(moved);
        services.waiters.places.go_on(self.token.slot, exchange.credit, now);
        *taken = Taken { at: now, left };
        moved > 0
    }

    fn left_in_socket(&self, awaited: Awaited) -> usize {
        if awaited == Awaited::Room { socket::bytes_unsent(self.fd()) } else { 0 }
    }

    /// Takes a place among those that may wait for their clients, to the end of the request: a free
    /// one, or that of the slowest client. False if there is none.
    pub(crate) fn take_place(&mut self, services: &Services) -> bool {
        self.take_free_place(services)
            || (!self.has_lost_place() && self.take_place_from_slowest(services))
    }

    /// The same, of the free ones.
    pub(super) fn take_free_place(&mut self, services: &Services) -> bool {
        let may_take = !self.may_wait && !self.has_lost_place();
        self.may_wait |= may_take && services.waiters.places.try_take();
        self.may_wait
    }

    fn take_place_from_slowest(&mut self, services: &Services) -> bool {
        self.may_wait = services.take_from_slowest();
        self.may_wait
    }

    /// Another request has the place that this one had. It gets no second one.
    fn has_lost_place(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.lost_place)
    }

    #[cold]
    fn has_no_place(&self, services: &Services) {
        if !self.has_lost_place() {
            let text = format_args!(
                "as many threads wait for slow clients as may, and max_buffered is used up: \
                 a client is cut"
            );
            services.log.repeated(LogLevel::Error, LogCode::Connection, text);
        }
    }

    pub(crate) fn give_place(&mut self, services: &Services) {
        if let Some(exchange) = self.exchange.as_mut() {
            exchange.bell = None;
        }
        if std::mem::take(&mut self.may_wait) {
            services.give_place();
        }
    }

    /// The host has taken the request: its threads take turns.
    pub(super) fn is_pulled(&self, services: &Services) -> bool {
        services.settings.pull && !self.attached
    }

    /// Whether the application, to read the body, would have to wait for the client.
    pub(crate) fn wants_client(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| {
            let at_hand = exchange.rfile.is_complete_in(exchange.input.unread());
            !at_hand.unwrap_or(true)
        })
    }

    /// A client that made us wait in vain gets no more, unless there is still an error to tell it.
    pub(super) fn broken_unless_head_open(&mut self, ended: Ended) {
        self.close = true;
        let begun = self.exchange.as_ref().is_none_or(|exchange| exchange.framing.is_some());
        if begun {
            self.account_loss(ended);
            self.broken();
        } else {
            self.refusal = Some(REQUEST_TIMEOUT);
        }
    }
}

impl Bell for Arc<EventFd> {
    fn ring(&self) {
        self.signal();
    }
}

/// The calls that wait for clients, and the requests that would.
pub(crate) struct Waiters {
    pub(crate) places: Places<Arc<EventFd>>,
    pub(crate) deferred: Deferred,
}

impl Waiters {
    pub(crate) fn new(most: usize) -> Self {
        Self { places: Places::new(most), deferred: Deferred::default() }
    }

    /// Whether a request waits for a place, and there is one.
    pub(crate) fn has_deferred(&self) -> bool {
        self.deferred.is_worth_a_look() && !self.places.is_full()
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
