//! The service thread: the seed's listening thread. It calls no application, and of the host's other
//! functions only errands that no worker is free for.
//!
//! While a worker waits in epoll it only watches, and while nothing needs watching it sleeps. When
//! no worker is free it takes the poller's place for input and output alone: it accepts, reads,
//! drains, expires and refuses, and puts complete requests on the queue, where the seed's model
//! begins.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

mod slow;
mod watching;

use slow::SlowCalls;
use watching::Watching;

use super::events::EVENT;
use super::ownership::{Ownership, Token};
use super::share::Share;
use super::worker::waiting::{BUSY_INTERVAL, PAUSE};
use super::{Engine, TurnEnd};
use crate::connection::exchange::Exchange;
use crate::error_log::{LogCode, LogLevel};
use crate::sys::clock;
use crate::sys::epoll::Events;
use crate::sys::event::EventFd;
use crate::sys::fork::ForkMark;
use crate::sys::poll;

/// A request that has waited so many milliseconds makes the pool grow.
const GROW_AFTER: u64 = 10;
/// When a thread could not be made, so many milliseconds pass before the next try.
const GROW_AGAIN: u64 = 1_000;
/// How often slow clients are looked for while a request waits for a place, in milliseconds.
const PLACES_AFTER: u64 = 100;
/// A worker that is ready to run is believed to compute for long after so many ticks.
const COMPUTING: u32 = 3;
/// Not interrupted: no code is so large.
const NO_CODE: i64 = i64::MAX;
/// So many ticks in a row without anything to watch end the watch.
const QUIET: u32 = 4;

/// Asks for a stop of whichever run, and knows whether this is the process that runs the server. It
/// lives as long as the server, so that a signal handler can use it at any time.
pub(crate) struct Stopper {
    event: EventFd,
    asked: AtomicBool,
    pub(crate) fork_mark: Arc<ForkMark>,
}

impl Stopper {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let (event, fork_mark) = (EventFd::new()?, Arc::new(ForkMark::new()?));
        Ok(Arc::new(Self { event, asked: AtomicBool::new(false), fork_mark }))
    }

    /// The server begins to run in this process.
    pub(crate) fn begin(&self) -> io::Result<()> {
        if self.fork_mark.is_copied() {
            // What asks here must not wake the process that the server was made in.
            self.event.renew()?;
        }
        self.fork_mark.begin();
        Ok(())
    }

    /// Asks for the stop. Async-signal-safe.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        self.event.signal();
    }

    /// Makes the service thread look at everything.
    pub(crate) fn wake(&self) {
        self.event.signal();
    }

    /// The stop has happened: the next start is not meant.
    pub(crate) fn reset(&self) {
        self.asked.store(false, Ordering::SeqCst);
    }
}

/// How others reach the service thread.
pub(crate) struct Service {
    stopper: Arc<Stopper>,
    /// This run is to stop. Who asks too late asks nobody: the next run has a service of its own.
    asked: AtomicBool,
    watching: Watching,
    /// It has taken the poller's place.
    polls: AtomicBool,
    /// The code, if it is not `NO_CODE`.
    interrupted: AtomicI64,
    /// The watchdog is wanted at all.
    enabled: bool,
}

impl Service {
    pub(super) fn new(stopper: Arc<Stopper>, enabled: bool) -> Self {
        Self {
            stopper,
            asked: AtomicBool::new(false),
            watching: Watching::default(),
            polls: AtomicBool::new(false),
            interrupted: AtomicI64::new(NO_CODE),
            enabled,
        }
    }

    /// Says that something may need watching: nobody waits in epoll, or a batch has a remainder.
    /// One load while the watch is on.
    pub(super) fn watch(&self) {
        if self.enabled && self.watching.begin() {
            self.wake();
        }
    }

    /// A worker is about to go away, and no other is there. The watch sees whether one comes back
    /// soon; without a watch the service thread takes the poller's place at once.
    pub(super) fn attend(&self) {
        if self.enabled {
            self.watch();
        } else if !self.polls.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Makes the service thread look at everything.
    pub(crate) fn wake(&self) {
        self.stopper.wake();
    }

    /// Asks for this run of the server to stop.
    pub(crate) fn ask_to_stop(&self) {
        self.asked.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Whether somebody has asked for the stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst) || self.stopper.asked.load(Ordering::SeqCst)
    }

    /// Asks for this run to stop, with a code for whoever serves; the first one counts.
    pub(crate) fn interrupt(&self, code: i32) {
        let (before, code) = (NO_CODE, i64::from(code));
        let _first =
            self.interrupted.compare_exchange(before, code, Ordering::SeqCst, Ordering::SeqCst);
        self.ask_to_stop();
    }

    /// Whether this is a forked child, which has none of the server's threads.
    #[inline]
    pub(crate) fn in_child(&self) -> bool {
        self.stopper.fork_mark.in_child()
    }

    /// See [`ForkMark::after_host_code`].
    #[inline]
    pub(crate) fn after_host_code(&self) {
        self.stopper.fork_mark.after_host_code();
    }

    pub(crate) fn interruption(&self) -> Option<i32> {
        i32::try_from(self.interrupted.load(Ordering::SeqCst)).ok()
    }
}

/// A look at a worker.
#[derive(Clone, Copy)]
struct Seen {
    worker: *const Share,
    sequence: u64,
    ticks: u32,
}

/// The service thread's own state.
struct Watch {
    engine: Arc<Engine>,
    events: Box<Events>,
    spare: Option<Box<Exchange>>,
    /// What each worker's sequence was at the last tick, and for how many ticks before.
    seen: Vec<Seen>,
    /// The list for the next tick, to be used again.
    spare_seen: Vec<Seen>,
    last_tick: u64,
    visits: u64,
    quiet: u32,
    /// It has taken the poller's place.
    polls: bool,
    /// When requests were found waiting, in milliseconds.
    waiting_since: Option<u64>,
    slow: SlowCalls,
    /// The pool could not grow; not before this is it tried again.
    no_growth_before: u64,
}

impl Engine {
    /// The service thread's life: until the server has been asked to stop and has drained. `grow`
    /// adds a worker, and says whether it could.
    pub(crate) fn serve(self: &Arc<Self>, grow: &mut dyn FnMut() -> bool) {
        let mut watch = Watch {
            engine: self.clone(),
            events: Box::new(Events::new()),
            spare: None,
            seen: Vec::new(),
            spare_seen: Vec::new(),
            last_tick: 0,
            visits: 0,
            quiet: 0,
            polls: false,
            waiting_since: None,
            slow: SlowCalls::new(self.tuning.slow_after),
            no_growth_before: 0,
        };
        let mut quiesced = None;
        let mut drain = None;
        loop {
            if drain.is_none() && self.service.is_asked() && self.quiesce_is_over(&mut quiesced) {
                drain = Some(self.begin_drain());
            }
            if let Some(drain) = &mut drain
                && self.drain_is_over(drain)
            {
                break;
            }
            let left = match &drain {
                Some(drain) => Some(self.time_left(drain)),
                None => quiesced.map(|began| self.quiesce_left(began)),
            };
            watch.turn(left, grow);
        }
    }
}

impl Watch {
    /// Waits, then looks.
    fn turn(&mut self, drain: Option<u64>, grow: &mut dyn FnMut() -> bool) {
        let engine = self.engine.clone();
        let slow = self.slow.timeout(clock::monotonic_ns());
        let timeout = [self.timeout(), slow, drain].into_iter().flatten().min();
        let timeout = timeout.map_or(-1, |ms| i32::try_from(ms.max(1)).unwrap_or(i32::MAX));
        let event = engine.service.stopper.event.as_raw_fd();
        let set = if self.polls { engine.services.epoll.as_raw_fd() } else { -1 };
        match poll::poll([(event, poll::IN), (set, poll::IN)], timeout) {
            Ok([signalled, ready]) => {
                if signalled != 0 {
                    engine.service.stopper.event.clear();
                    self.quiet = 0;
                }
                if ready != 0 {
                    self.fetch();
                }
            }
            Err(error) => {
                let text = format_args!("poll: {error}");
                engine.services.log.repeated(LogLevel::Error, LogCode::System, text);
                std::thread::sleep(PAUSE);
            }
        }
        self.look(grow);
        // Workers make them, unless all of them are busy.
        engine.run_errands();
    }

    /// Milliseconds until the next look that nobody asks for.
    fn timeout(&self) -> Option<u64> {
        let engine = &self.engine;
        let tick = (engine.tuning.takeover_after / 1_000_000).max(1);
        let deferred = !engine.services.waiters.deferred.is_empty();
        let places = deferred.then_some(PLACES_AFTER);
        let others = if engine.service.watching.is_on() {
            Some(tick)
        } else {
            self.waiting_since.map(|_| GROW_AFTER)
        };
        [places, others].into_iter().flatten().min()
    }

    /// The tick: who is stuck, and does anybody look after the clients?
    fn look(&mut self, grow: &mut dyn FnMut() -> bool) {
        let engine = self.engine.clone();
        let now = clock::monotonic_ns();
        if now.abs_diff(self.last_tick) >= engine.tuning.takeover_after * 9 / 10 {
            self.last_tick = now;
            self.rob_the_stuck();
        }
        self.slow.look(&engine, now);
        engine.free_memory(now / 1_000_000);
        engine.free_places();
        self.grow_if_wanted(now / 1_000_000, grow);
        let attended = engine.roles.polling() > 0 || engine.host_polls();
        let visits = engine.roles.visits();
        // A worker that comes by between two looks is enough: no need to stand in its way.
        let came_by = visits.wrapping_sub(std::mem::replace(&mut self.visits, visits));
        let visited = came_by > 0;
        // One poller alone does the work of a busy server, and has to be watched for that.
        let alone =
            engine.roles.is_limited() && came_by * BUSY_INTERVAL > engine.tuning.takeover_after;
        let free = engine.lot.parked() > 0;
        if engine.has_queued() && (free || attended) {
            self.polls = false;
            engine.call_somebody();
        } else if free && !attended && engine.roles.is_free() {
            // A parked worker takes over: it finds a role.
            self.polls = false;
            engine.lot.wake_one();
        } else if attended || visited {
            self.polls = false;
        } else if !free && !engine.has_role_holder() {
            self.polls = true;
        }
        engine.service.polls.store(self.polls, Ordering::SeqCst);
        if self.polls {
            self.work_the_tokens();
        }
        self.maybe_rest(attended && !alone);
    }

    /// Takes role and batch from every worker that is stuck in the application.
    ///
    /// One that has not moved for a tick is, if its thread waits for something. If it is ready to
    /// run it may only have lost its processor to another thread for a moment, as happens all the
    /// time on a busy machine; so it is given some ticks more.
    fn rob_the_stuck(&mut self) {
        let engine = self.engine.clone();
        let mut seen = std::mem::take(&mut self.spare_seen);
        seen.clear();
        let mut robbed = false;
        engine.each_share(|share| {
            let (worker, sequence) = (Arc::as_ptr(share), share.sequence());
            let before = self.seen.iter().find(|seen| seen.worker == worker);
            let ticks = before.filter(|seen| seen.sequence == sequence).map_or(0, |s| s.ticks + 1);
            seen.push(Seen { worker, sequence, ticks });
            let away = sequence % 2 == 1 && ticks > 0;
            let has_something = share.has_role() || share.batch.remaining() > 0;
            if away && has_something && (ticks >= COMPUTING || share.is_waiting().unwrap_or(true)) {
                robbed |= engine.rob(share);
            }
        });
        if robbed {
            engine.call_somebody();
        }
        self.spare_seen = std::mem::replace(&mut self.seen, seen);
    }

    /// One more thread each time a request has waited and nobody is free.
    fn grow_if_wanted(&mut self, now: u64, grow: &mut dyn FnMut() -> bool) {
        let engine = &self.engine;
        let queued = !engine.requests.is_empty() || !engine.lock_waiting().is_empty();
        if !(queued && engine.lot.parked() == 0) && engine.services.waiters.deferred.is_empty() {
            self.waiting_since = None;
            return;
        }
        let may_grow = now >= self.no_growth_before && engine.headcount.may_grow_for_load();
        match self.waiting_since {
            _ if !may_grow => self.waiting_since = None,
            None => self.waiting_since = Some(now),
            Some(since) if now.saturating_sub(since) >= GROW_AFTER => {
                self.waiting_since = grow().then_some(now);
                if self.waiting_since.is_none() {
                    self.no_growth_before = now + GROW_AGAIN;
                }
            }
            Some(_) => {}
        }
    }

    /// Ends the watch when nothing has needed it for a while. Whoever goes away after that says so.
    fn maybe_rest(&mut self, attended: bool) {
        let engine = &self.engine;
        let busy = self.polls || !attended || engine.has_queued() || engine.has_remainder();
        let idle_poller = self.polls && !engine.has_queued() && !engine.has_role_holder();
        if busy && !idle_poller {
            self.quiet = 0;
            return;
        }
        self.quiet += 1;
        if self.quiet < QUIET {
            return;
        }
        if engine.roles.relax() {
            // Whoever is called away from now on leaves another poller behind.
            engine.lot.wake_one();
        }
        let ended = engine.service.watching.end_unless(|| {
            let unattended = !self.polls && engine.roles.polling() == 0 && !engine.host_polls();
            unattended || engine.has_queued() || engine.has_remainder()
        });
        if !ended {
            self.quiet = 0;
        }
    }

    /// In the poller's place: fetches events and works them off.
    fn fetch(&mut self) {
        let engine = self.engine.clone();
        let now = clock::monotonic_ms();
        let mut entries = [0; Events::MOST];
        let mut count = 0;
        match engine.services.epoll.wait(&mut self.events, Events::MOST, 0) {
            Ok(events) => {
                for (entry, (events, data)) in entries.iter_mut().zip(events) {
                    *entry = Engine::token_of(events, data);
                    count += 1;
                }
            }
            Err(error) => {
                let text = format_args!("epoll_wait: {error}");
                engine.services.log.repeated(LogLevel::Error, LogCode::System, text);
                std::thread::sleep(PAUSE);
            }
        }
        for entry in &entries[..count] {
            let (token, bits) = Token::unpack(*entry);
            if engine.is_own_event(token, now) {
                continue;
            }
            if let Some(own) = engine.post(token, bits) {
                self.drive(own, now);
            }
        }
    }

    /// In the poller's place: the tokens are for it as well, the complete requests are not.
    fn work_the_tokens(&mut self) {
        let engine = self.engine.clone();
        let now = clock::monotonic_ms();
        for _ in 0..engine.ready.len() {
            let Some(token) = engine.ready.pop() else { return };
            if token == EVENT {
                let _never_full = engine.ready.push(token);
                continue;
            }
            if engine.is_own_event(token, now) {
                continue;
            }
            if let Some(own) = engine.dequeue(token) {
                self.drive(own, now);
            }
        }
    }

    fn drive(&mut self, own: Ownership, now: u64) {
        if let TurnEnd::Request(own) = self.engine.run_turn(own, &mut self.spare, now) {
            self.engine.queue_request(own, &mut self.spare, now);
        }
    }
}

impl Engine {
    /// If requests wait for places, calls whose clients are slow lose theirs.
    fn free_places(&self) {
        let waiters = &self.services.waiters;
        // What a look has missed is found by the next one.
        waiters.deferred.look_again();
        for _ in 0..waiters.deferred.len() {
            if !waiters.places.is_full() || !self.services.take_from_slowest() {
                return;
            }
            self.services.give_place();
        }
    }

    /// Takes role and batch from a worker. False if it had neither.
    fn rob(&self, share: &Share) -> bool {
        let mut entries = [0; super::batch::BATCH_MAX];
        let count = share.batch.steal(&mut entries);
        for entry in &entries[..count] {
            self.start_elsewhere(*entry, share.fetched(), clock::monotonic_ms());
        }
        let role = share.lose_role();
        if role {
            self.roles.release();
        }
        role || count > 0
    }

    pub(super) fn has_remainder(&self) -> bool {
        let mut found = false;
        self.each_share(|share| found |= share.batch.remaining() > 0);
        found
    }

    /// Whether a worker has a role: it will wait in epoll as soon as it comes back.
    fn has_role_holder(&self) -> bool {
        let mut found = false;
        self.each_share(|share| found |= share.has_role());
        found
    }
}
