//! The engine: how a thread pool runs as fast as a bare event loop.
//!
//! ```text
//!  epoll ──► worker (at most K wait here) ──► turn of a connection ──► application ──► one send
//!    │          ▲            ▲                                            │ slow?
//!    │          │ role       │ tokens, requests                           ▼
//!    │       parking lot ◄───┴──────────────── hand-over, watchdog (the service thread)
//!    └────► service thread, when no worker is free: reads, accepts, queues, refuses
//! ```
//! A worker does everything itself: it waits in epoll, reads, parses, calls the application and
//! answers, without handing anything to another thread. What makes that safe for applications that
//! block is that nothing a worker has is hidden: its unstarted events are published ([`batch`]), its
//! poller role can be taken away ([`roles`]), and the [`service`] thread sees that it is stuck. A
//! route that is known to be slow is handed over before the call ([`worker`]).
//!
//! A connection belongs to one thread at a time ([`ownership`]).
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub(crate) mod accept;
mod admission;
mod attending;
pub(crate) mod averages;
pub(crate) mod batch;
pub(crate) mod calls;
pub(crate) mod deadlines;
pub(crate) mod events;
mod flight;
mod gauges;
pub(crate) mod handle;
mod handout;
pub(crate) mod headcount;
mod held;
mod hijack;
mod oldest;
pub(crate) mod ownership;
pub(crate) mod parking;
mod per_address;
pub(crate) mod queue;
mod requests;
mod resting;
pub(crate) mod roles;
pub(crate) mod service;
pub(crate) mod share;
pub(crate) mod slots;
mod stopping;
pub(crate) mod sync;
mod turnstile;
pub(crate) mod watches;
pub(crate) mod worker;

use accept::Listener;
use averages::RouteAverages;
use handle::RequestId;
use headcount::Headcount;
use oldest::Oldest;
use ownership::{Bits, Ownership, Post, Token};
use parking::ParkingLot;
use queue::TokenQueue;
use resting::Rest;
use roles::Roles;
use share::Share;
use slots::Slots;
use sync::AtomicUsize;

use crate::connection::Advance;
use crate::connection::exchange::Exchange;
use crate::connection::services::{Services, Settings};
use crate::handlers::Handlers;
use crate::statistics::counters::Ledger;
use crate::sys::event::EventFd;
use crate::sys::{clock, epoll, named};

/// What the numbers below [`slots::RESERVED`] mean in epoll's data.
const STOP: u32 = 0;
const WAKE: u32 = 1;
const TIMER: u32 = 2;
const LISTENER: u32 = 3;

/// The numbers in between are the listeners'.
pub(crate) const MOST_LISTENERS: usize = (slots::RESERVED - LISTENER) as usize;

/// How the engine behaves; made from the server's options. Times in nanoseconds.
pub(crate) struct Tuning {
    /// Workers that may wait in epoll at a time.
    pub(crate) pollers: usize,
    /// The host has said how many.
    pub(crate) pollers_fixed: bool,
    /// Calls slower than this on average are handed over before they are made; 0: never.
    pub(crate) eager_after: u64,
    /// Between two looks at a worker that may be stuck; 0: never looked.
    pub(crate) takeover_after: u64,
    /// Calls that take longer are reported; `u64::MAX`: none.
    pub(crate) slow_after: u64,
    /// Workers to begin with, and at least.
    pub(crate) threads: usize,
    /// Workers that the host may have at most, and how many the load may bring it to.
    pub(crate) max_threads: usize,
    pub(crate) max_threads_for_load: usize,
    /// Milliseconds until a worker goes that the load has brought and that has nothing to do.
    pub(crate) idle_thread_timeout: u64,
    /// Complete requests that may wait for a worker; -1: any number.
    pub(crate) accepted_queue_size: i64,
    /// Requests that may be out at a time; 0: any number.
    pub(crate) max_in_flight: usize,
    /// Open connections of one client's address; 0: any number.
    pub(crate) max_connections_per_ip: usize,
    /// Bytes that connections at rest may hold together.
    pub(crate) max_buffered: usize,
    /// The number of the first request in each slot: no earlier run of the server has given it out.
    pub(crate) first_request: u64,
}

/// So many pieces of a long answer may follow the first one in a turn when nobody waits.
const PIECES: u32 = 7;

/// Everything that the threads of one running server share.
pub(crate) struct Engine {
    pub(crate) services: Services,
    pub(crate) tuning: Tuning,
    pub(crate) slots: Slots,
    /// Who goes first when there is no room.
    longest_waited_for: Oldest,
    /// Who goes first when there is no memory for answers.
    slowest: Oldest,
    per_address: per_address::PerAddress,
    listeners: Vec<Listener>,
    /// Tokens of connections that want a turn.
    ready: TokenQueue,
    /// Complete requests that wait for a worker.
    requests: TokenQueue,
    /// Complete requests that found the queue full, in the order they came.
    waiting: Mutex<std::collections::VecDeque<Token>>,
    /// What a host that pulls is to be told.
    events: events::Events,
    flight: flight::Flight,
    /// A host waits for the set of descriptors by itself, and comes when it is ready.
    host_polls: AtomicBool,
    roles: Roles,
    lot: ParkingLot,
    shares: RwLock<Vec<Arc<Share>>>,
    averages: RouteAverages,
    /// Wakes one thread that waits in epoll.
    wake: EventFd,
    /// Readable for ever once workers are to leave.
    leave: EventFd,
    leaving: AtomicBool,
    pub(crate) service: service::Service,
    /// Workers that were woken and have not noticed yet.
    wakes: AtomicUsize,
    /// The application wants an environ with each call.
    wants_environ: bool,
    pub(crate) headcount: Headcount,
    /// Milliseconds that a stop leaves to requests in work; `u64::MAX`: any time.
    pub(crate) shutdown_timeout: AtomicU64,
    /// Requests that the stop has cut.
    pub(crate) cut: AtomicU32,
    lent: hijack::Lent,
}

/// How a turn of a connection ended.
pub(crate) enum TurnEnd {
    /// It waits for an event, is queued, or has been closed.
    Rest,
    /// Its next request is complete and has to be given to the application.
    Request(Ownership),
}

impl Engine {
    pub(crate) fn new(
        settings: Settings,
        handlers: &Handlers,
        tuning: Tuning,
        listeners: Vec<Listener>,
        stopper: Arc<service::Stopper>,
        wants_environ: bool,
        statistics: Arc<Ledger>,
    ) -> io::Result<Arc<Self>> {
        let threads = tuning.threads.max(1);
        let waiters = most_waiters(threads);
        let engine = Self {
            services: Services::new(
                settings,
                handlers,
                tuning.max_buffered,
                waiters,
                statistics,
                stopper.clone(),
            )?,
            slots: Slots::new(tuning.first_request),
            longest_waited_for: Oldest::new(&[Rest::Idle, Rest::Unfinished]),
            slowest: Oldest::new(&[Rest::Answer]),
            per_address: per_address::PerAddress::new(tuning.max_connections_per_ip),
            listeners,
            ready: TokenQueue::new(-1),
            requests: TokenQueue::new(tuning.accepted_queue_size),
            waiting: Mutex::default(),
            events: events::Events::default(),
            flight: flight::Flight::new(tuning.max_in_flight),
            host_polls: AtomicBool::new(false),
            roles: Roles::new(tuning.pollers, tuning.pollers_fixed),
            lot: ParkingLot::new(threads),
            shares: RwLock::default(),
            averages: RouteAverages::new(),
            wake: EventFd::new()?,
            leave: EventFd::new()?,
            leaving: AtomicBool::new(false),
            service: service::Service::new(stopper, tuning.takeover_after > 0),
            wakes: AtomicUsize::new(0),
            wants_environ,
            headcount: Headcount::new(
                tuning.threads,
                tuning.max_threads,
                tuning.max_threads_for_load,
            ),
            shutdown_timeout: AtomicU64::new(5_000),
            cut: AtomicU32::new(0),
            lent: hijack::Lent::default(),
            tuning,
        };
        let data = |slot| Token { slot, generation: 0 }.pack();
        let edge = epoll::IN | epoll::EDGE;
        let add =
            |fd, mask, slot| named("epoll_ctl", engine.services.epoll.add(fd, mask, data(slot)));
        add(engine.leave.as_raw_fd(), epoll::IN, STOP)?;
        add(engine.wake.as_raw_fd(), edge, WAKE)?;
        add(engine.services.deadlines.as_raw_fd(), edge, TIMER)?;
        let engine = Arc::new(engine);
        engine.services.log.announce_by(&engine);
        Ok(engine)
    }

    /// Begins to take connections.
    pub(crate) fn open_listeners(&self) -> io::Result<()> {
        self.services.statistics.begin_run();
        self.listeners.iter().try_for_each(|listener| listener.open(self))
    }

    /// Connections that are accepted from now on have TCP_NODELAY, or not.
    pub(crate) fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.listeners.iter().try_for_each(|listener| listener.set_nodelay(self, on))
    }

    /// Ends an engine that nobody has served with: threads that were started leave.
    pub(crate) fn abandon(&self) {
        self.services.statistics.end_run();
        self.leaving.store(true, Ordering::SeqCst);
        self.leave.signal();
        self.lot.wake_all();
    }

    /// Drives a connection as far as it goes without waiting. On the way it may be released, queued
    /// or closed; a complete request is the caller's to deal with.
    pub(crate) fn run_turn(
        &self,
        mut own: Ownership,
        spare: &mut Option<Box<Exchange>>,
        now: u64,
    ) -> TurnEnd {
        let Some(slot) = self.slots.get(own.token().slot) else { return TurnEnd::Rest };
        let mut pieces = 0;
        loop {
            let bits = slot.word.take_bits(&own);
            let connection = slot.connection.get(&mut own);
            connection.note(bits);
            let due = connection.is_due(bits, now);
            let mut advance = connection.advance(&self.services, spare);
            if due && advance == Advance::Wait && connection.expire_if_late(&self.services, now) {
                advance = connection.advance(&self.services, spare);
            }
            if connection.watch.is_some() {
                self.tell_released(connection, None);
            }
            match advance {
                Advance::Request => return TurnEnd::Request(own),
                Advance::Close => {
                    self.close(own);
                    return TurnEnd::Rest;
                }
                // To move it to another thread costs more than to go on, if nobody waits for us.
                Advance::Yield if pieces < PIECES && self.is_attended() => pieces += 1,
                advance @ (Advance::Wait | Advance::Yield) => {
                    if advance == Advance::Yield {
                        connection.let_others_go_first(&self.services);
                    }
                    connection.settle(&self.services, spare, now);
                    slot.resting.begin(connection, now);
                    let deferred = connection.is_deferred();
                    match slot.word.release(own) {
                        Ok(()) if deferred && self.services.waiters.deferred.look_again() => {
                            self.call_somebody();
                            return TurnEnd::Rest;
                        }
                        Ok(()) => return TurnEnd::Rest,
                        Err(kept) => own = kept,
                    }
                }
            }
        }
    }

    /// Whether somebody looks after the other connections just now.
    fn is_attended(&self) -> bool {
        self.roles.polling() > 0 && !self.has_queued() && !self.has_remainder()
    }

    /// Ends a connection.
    pub(crate) fn close(&self, mut own: Ownership) {
        let number = own.token().slot;
        let Some(slot) = self.slots.get(number) else { return };
        // A handle of a request that was out finds it gone.
        let serial = slot.serial.load(Ordering::Relaxed);
        slot.serial.store(serial.wrapping_add(1), Ordering::Release);
        let connection = slot.connection.get(&mut own);
        if let Some(remote) = connection.counted() {
            self.per_address.leave(remote);
        }
        self.let_go(connection);
        if connection.watch.is_some() {
            slot.watched.store(false, Ordering::Relaxed);
            self.tell_released(connection, Some(RequestId::new(number, serial)));
        }
        connection.teardown(&self.services);
        let open = self.slots.close(own);
        if open == 0 && self.services.ends_connections() {
            self.service.wake();
        }
    }

    /// Notes an event, and owns the connection if nobody did.
    #[inline]
    fn post(&self, token: Token, bits: Bits) -> Option<Ownership> {
        match self.slots.get(token.slot)?.word.post(token, bits) {
            Post::Acquired(own) => Some(own),
            post @ (Post::Noted | Post::Held) => {
                self.note_event(token, bits, matches!(post, Post::Held));
                None
            }
            Post::Stale => None,
        }
    }

    /// Gives a connection that is in a queue to whoever took its token out.
    fn dequeue(&self, token: Token) -> Option<Ownership> {
        self.slots.get(token.slot)?.word.dequeue(token)
    }

    /// Puts a token among those that want a turn, and sees to it that somebody comes for it.
    pub(crate) fn push_ready(&self, token: Token) {
        // This queue has no limit.
        let _never_full = self.ready.push(token);
        self.call_somebody();
    }

    /// Sees to it that a thread looks at the queues: a parked worker, else one that waits in epoll,
    /// else the service thread if all workers stay away.
    fn call_somebody(&self) {
        if self.lot.wake_one() {
            return;
        }
        if self.roles.polling() > 0 || self.host_polls() {
            self.wake.signal();
        } else {
            self.service.watch();
        }
    }

    /// Deadlines that have passed: their connections get a turn.
    fn fire_deadlines(&self, now: u64) {
        let due = self.services.deadlines.take_due(now);
        for id in due.requests {
            self.expire_request(id);
        }
        for token in due.connections {
            if let Some(listener) = self.listener(token) {
                listener.resume(self, now);
            } else if let Some(own) = self.post(token, Bits::TIMER)
                && let Some(slot) = self.slots.get(token.slot)
            {
                let token = slot.word.enqueue(own);
                let _never_full = self.ready.push(token);
            }
        }
        if !self.ready.is_empty() {
            self.call_somebody();
        }
    }

    /// What an event of epoll says, as a token and the bits for its connection.
    fn token_of(events: u32, data: u64) -> u64 {
        let (token, _) = Token::unpack(data);
        let mut bits = Bits::NONE;
        if events & epoll::IN != 0 {
            bits = bits.union(Bits::IN);
        }
        if events & epoll::OUT != 0 {
            bits = bits.union(Bits::OUT);
        }
        if events & (epoll::RDHUP | epoll::HUP | epoll::ERR) != 0 {
            bits = bits.union(Bits::HUP);
        }
        token.pack_with(bits)
    }

    /// Whether the token is one of the engine's own descriptors; if so it has been dealt with.
    fn is_own_event(&self, token: Token, now: u64) -> bool {
        if token.slot >= slots::RESERVED {
            return false;
        }
        match token.slot {
            TIMER => self.fire_deadlines(now),
            STOP | WAKE => {}
            _ => {
                if let Some(listener) = self.listener(token) {
                    listener.accept(self, token, now);
                }
            }
        }
        true
    }

    fn listener(&self, token: Token) -> Option<&Listener> {
        if token.slot >= slots::RESERVED {
            return None;
        }
        self.listeners.get(token.slot.checked_sub(LISTENER)? as usize)
    }

    fn lock_waiting(&self) -> std::sync::MutexGuard<'_, std::collections::VecDeque<Token>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies `look` to every worker there is.
    fn each_share(&self, look: impl FnMut(&Arc<Share>)) {
        self.shares.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(look);
    }

    fn wants_environ(&self) -> bool {
        self.wants_environ
    }

    /// The number of workers has changed.
    pub(crate) fn threads_changed(&self, threads: usize) {
        self.services.waiters.places.set_most(most_waiters(threads));
    }
}

/// Of so many workers, how many may wait for clients inside the application: a quarter, at least
/// one, stays free for the others.
fn most_waiters(threads: usize) -> usize {
    threads.saturating_sub((threads / 4).max(1)).max(1)
}

/// Milliseconds now, for turns.
pub(crate) fn now_ms() -> u64 {
    clock::monotonic_ms()
}
