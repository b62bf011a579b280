//! Waiting for a client inside the application: the thread waits in poll(2) on this one socket, and epoll
//! is quiet meanwhile. How many threads may, and who waits for a place among them.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::HTTPConnection;
use super::services::Services;
use super::timing::{Awaited, REQUEST_TIMEOUT};
use crate::access_log::Ended;
use crate::engine::calls::Described;
use crate::engine::queue::TokenQueue;
use crate::gateway::RequestError;
use crate::sys::{clock, poll};

/// After so many milliseconds a thread that waits for its client says for whom.
const SILENT: i32 = 1_000;
/// A thread that should not wait looks after so many milliseconds whether it still has to.
const SHORT: i32 = 5;

impl HTTPConnection {
    /// Waits for the client, as long as the options allow.
    pub(super) fn wait_for(
        &mut self,
        services: &Services,
        awaited: Awaited,
    ) -> Result<(), RequestError> {
        if !self.muted {
            // What comes now is for this thread alone; an edge would only wake a poller.
            self.mute(services);
        }
        self.readable = true;
        // Of the pool's threads some stay free, and of those that pull; one that has detached its
        // request is not the pool's to keep free.
        let is_one_too_many = self.attached && !self.take_place(services);
        let counts = is_one_too_many || self.is_pulled(services);
        // Only until there is memory again for what the client does not take.
        let is_short = is_one_too_many && awaited == Awaited::Room;
        if is_short {
            services.budget.begin_wait();
            services.call_for_memory();
        }
        if counts {
            services.waiters.take();
        }
        services.waiters.begin_wait();
        let result = self.poll_client(services, awaited, is_short);
        services.waiters.end_wait();
        if is_short {
            services.budget.end_wait();
        }
        if counts {
            services.give_place();
        }
        self.timing.thread_waited(awaited, clock::monotonic_ms());
        match result {
            Err(RequestError::Gone) => self.expire(services),
            Err(RequestError::Stopping) => self.broken_unless_head_open(Ended::Cut),
            Err(_) => self.broken_unless_head_open(Ended::TimedOut),
            Ok(()) => {}
        }
        result
    }

    /// Until the client has done something, or its time is up; with `is_short` also until there is memory.
    fn poll_client(
        &mut self,
        services: &Services,
        awaited: Awaited,
        is_short: bool,
    ) -> Result<(), RequestError> {
        let events = if awaited == Awaited::Body { poll::IN } else { poll::OUT };
        let now = clock::monotonic_ms();
        let until = self.timing.thread_waits_until(awaited, &services.settings, now);
        let mut said = false;
        let result = loop {
            let left = self.time_left(until);
            let most = if is_short { SHORT } else { SILENT };
            let step = if said || (0..most).contains(&left) { left } else { most };
            match poll::poll([(self.fd(), events), (services.cut_fd(), poll::IN)], step) {
                Ok([0, 0]) if step != left && is_short => {
                    if !services.budget.is_exceeded_by_answers() {
                        break Ok(());
                    }
                    // Others that can be cut may have come to rest only now.
                    services.call_for_memory();
                }
                Ok([0, 0]) if step != left => {
                    said = true;
                    if let Some(described) = self.describe() {
                        services.patience.begin(self.token.slot, described);
                    }
                }
                Ok([_, cut]) if cut != 0 => break Err(RequestError::Stopping),
                Ok([0, _]) if left == 0 && self.is_late() => break Err(RequestError::Gone),
                Ok([0, _]) if left == 0 => {
                    break Err(RequestError::Client("the client is too slow"));
                }
                Ok([0, _]) => {}
                Ok(_) => break Ok(()),
                Err(_) => break Err(RequestError::Client("the socket cannot be waited for")),
            }
        };
        if said {
            services.patience.end(self.token.slot);
        }
        result
    }

    /// Takes a place among those that may wait for their clients, to the end of the request. False if
    /// there is none.
    pub(crate) fn take_place(&mut self, services: &Services) -> bool {
        self.may_wait = self.may_wait || services.waiters.try_take();
        self.may_wait
    }

    pub(crate) fn give_place(&mut self, services: &Services) {
        if std::mem::take(&mut self.may_wait) {
            services.give_place();
        }
    }

    /// The host has taken the request: its threads take turns.
    pub(super) fn is_pulled(&self, services: &Services) -> bool {
        services.settings.pull && !self.attached
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

    pub(super) fn give(&self) {
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
