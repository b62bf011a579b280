//! A worker: what one thread of the pool does between two requests.
//!
//! [`Worker::next`] is the primitive. It does all input and output, and returns when there is a
//! request for the application; the library's own threads are a loop around it (`threadpool`), and
//! so is a host that pulls. Everything a worker has in hand is in this object, not in the thread, so
//! a host may move it between threads.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLockWriteGuard};
use std::time::Duration;

use super::batch::Batch;
use super::handle::RequestId;
use super::ownership::{Ownership, Token};
use super::parking::{Parked, Parker};
use super::{Engine, TurnEnd};
use crate::connection::exchange::Exchange;
use crate::gateway::Outcome;
use crate::sys::epoll::Events;
use crate::sys::{clock, thread};

/// Requests that one connection may have answered before others get a turn.
const TURN: u32 = 16;
/// A batch is to be worth so many nanoseconds of calls.
const BATCH_WORTH: u64 = 100_000;

/// What others can see and take of a worker.
pub(crate) struct Share {
    /// Odd while the worker is away: in the application, not in epoll and not parked.
    sequence: AtomicU64,
    /// Events that it has fetched and not begun with.
    pub(super) batch: Batch,
    /// It holds a poller role.
    has_role: AtomicBool,
    parker: Parker,
    /// It was asked to come back from where it waits.
    woken: AtomicBool,
    /// It is to leave the pool when it comes by.
    retired: AtomicBool,
    /// The thread that works with it, by the system's number.
    thread: AtomicI32,
}

impl Share {
    pub(super) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::SeqCst)
    }

    /// The worker goes away, or is back. Only the worker itself calls this, so no exchange is needed.
    fn step(&self) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Release);
    }

    /// Takes the poller role away. True if it had one.
    pub(super) fn lose_role(&self) -> bool {
        self.has_role.swap(false, Ordering::SeqCst)
    }

    /// Whether its thread waits for something; `None` if that is not known.
    pub(super) fn is_waiting(&self) -> Option<bool> {
        thread::is_waiting(self.thread.load(Ordering::Relaxed))
    }

    pub(super) fn has_role(&self) -> bool {
        self.has_role.load(Ordering::SeqCst)
    }
}

/// Why [`Worker::next`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A request for the application.
    Request(RequestId),
    /// The time is up, or somebody called [`Worker::wake`].
    Nothing,
    /// The server has stopped, or the pool shrinks: the thread is to end.
    Stopped,
}

/// One worker. Not to be used by two threads at a time.
pub(crate) struct Worker {
    engine: Arc<Engine>,
    share: Arc<Share>,
    /// Requests are handed out without being tied to the call that follows.
    pull: bool,
    events: Box<Events>,
    spare: Option<Box<Exchange>>,
    current: Option<Ownership>,
    call: Option<Call>,
    /// Nanoseconds of the monotonic clock, read once per request.
    now: u64,
    /// Average length of this worker's calls, in nanoseconds.
    average: u64,
    /// The thread that was here last.
    thread: usize,
    /// Full batches in a row.
    full: u32,
    /// How often, on balance, it was woken while another poller was at work.
    needless: u32,
}

/// The application's call that is under way.
struct Call {
    route: u32,
    began: u64,
    /// The thread's CPU time when it began, if this one is measured.
    cpu: Option<u64>,
}

impl Worker {
    pub(crate) fn new(engine: &Arc<Engine>, pull: bool) -> Self {
        let share = Arc::new(Share {
            sequence: AtomicU64::new(0),
            batch: Batch::new(),
            has_role: AtomicBool::new(false),
            parker: engine.lot.register(),
            woken: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            thread: AtomicI32::new(0),
        });
        engine.write_shares().push(share.clone());
        Self {
            engine: engine.clone(),
            share,
            pull,
            events: Box::new(Events::new()),
            spare: None,
            current: None,
            call: None,
            now: clock::monotonic_ns(),
            average: 0,
            thread: 0,
            full: 0,
            needless: 0,
        }
    }

    pub(crate) fn share(&self) -> Arc<Share> {
        self.share.clone()
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// A further request if one is at hand, without going to fetch events.
    pub(crate) fn next_at_hand(&mut self) -> Option<RequestId> {
        self.come_back();
        while self.share.batch.remaining() > 0 || self.engine.has_queued() {
            if let Some(own) = self.take_work()
                && let Some(id) = self.turn(own)
            {
                return Some(id);
            }
        }
        None
    }

    /// Works until there is a request for the application. `timeout` in milliseconds, `None`: no
    /// limit.
    pub(crate) fn next(&mut self, timeout: Option<u64>) -> Next {
        self.come_back();
        let until = timeout.map(|timeout| self.now_ms() + timeout);
        loop {
            if let Some(own) = self.current.take()
                && let Some(id) = self.turn(own)
            {
                return Next::Request(id);
            }
            if self.share.retired.load(Ordering::Relaxed) || self.is_over() {
                return Next::Stopped;
            }
            if self.share.woken.load(Ordering::Relaxed)
                && self.share.woken.swap(false, Ordering::SeqCst)
            {
                self.engine.wakes.fetch_sub(1, Ordering::SeqCst);
                return Next::Nothing;
            }
            if let Some(own) = self.take_work() {
                self.current = Some(own);
                continue;
            }
            if self.share.batch.remaining() > 0 {
                continue;
            }
            let left = until.map(|until| until.saturating_sub(self.now_ms()));
            if left == Some(0) && timeout != Some(0) {
                return Next::Nothing;
            }
            let waited = if self.share.has_role() || self.take_role() {
                self.poll(left)
            } else {
                self.park(left)
            };
            if !waited && left == Some(0) {
                return Next::Nothing;
            }
        }
    }

    /// The application's call for this request has returned. If the answer is complete, the
    /// connection is this worker's to go on with.
    pub(crate) fn complete(&mut self, id: RequestId, outcome: Outcome) {
        self.end_call();
        let detached = outcome == Outcome::Detached;
        let Some(mut own) = self.engine.take_back(id, detached) else { return };
        let engine = self.engine.clone();
        let Some(slot) = engine.slots.get(own.token().slot) else { return };
        let connection = slot.connection.get(&mut own);
        if outcome == Outcome::Failed {
            connection.fail(&engine.services);
        } else {
            let _told_in_the_log = connection.finish(&engine.services);
        }
        let gather = self.average < engine.tuning.eager_after.max(1);
        engine.end_request(&mut own, gather);
        self.current = Some(own);
    }

    /// Makes `next` return soon, from any thread.
    pub(crate) fn wake(engine: &Engine, share: &Share) {
        if !share.woken.swap(true, Ordering::SeqCst) {
            engine.wakes.fetch_add(1, Ordering::SeqCst);
        }
        engine.lot.wake(&share.parker);
        engine.wake_pollers();
    }

    /// Work in the order of its age: what was fetched, requests that are complete, tokens.
    fn take_work(&mut self) -> Option<Ownership> {
        let engine = &*self.engine;
        if let Some(entry) = self.share.batch.pop() {
            let (token, bits) = Token::unpack(entry);
            if engine.is_own_event(token, self.now / 1_000_000) {
                return None;
            }
            return engine.post(token, bits);
        }
        engine.next_queued()
    }

    /// Drives one connection. The id of its request if one is complete.
    fn turn(&mut self, own: Ownership) -> Option<RequestId> {
        let now = self.now_ms();
        let TurnEnd::Request(mut own) = self.engine.run_turn(own, &mut self.spare, now) else {
            return None;
        };
        let engine = self.engine.clone();
        let slot = engine.slots.get(own.token().slot)?;
        let connection = slot.connection.get(&mut own);
        if connection.turn_requests > TURN {
            engine.requeue(own, &mut self.spare);
            return None;
        }
        if engine.services.waiters.is_full() && connection.wants_client() {
            engine.defer(own, &mut self.spare);
            return None;
        }
        let route = connection.route();
        if self.is_slow(route) {
            connection.flush(&engine.services);
            self.hand_over();
        }
        self.begin_call(route);
        connection.attached = !self.pull;
        if !self.pull && engine.wants_environ() {
            connection.build_environ(&engine.services);
        }
        let serial = slot.serial.load(Ordering::Relaxed);
        let id = RequestId::new(own.token().slot, serial);
        slot.word.hold(own, serial);
        Some(id)
    }

    fn is_slow(&self, route: u32) -> bool {
        let eager_after = self.engine.tuning.eager_after;
        let averages = &self.engine.averages;
        eager_after > 0 && u64::from(averages.wall(route)) > eager_after && averages.waits(route)
    }

    /// Gives away, before a call that will take long, what others would wait for.
    fn hand_over(&mut self) {
        let engine = &*self.engine;
        while let Some(entry) = self.share.batch.pop() {
            engine.start_elsewhere(entry, self.now / 1_000_000);
        }
        if self.share.lose_role() {
            engine.roles.release();
        }
        if (engine.roles.polling() == 0 || engine.has_queued()) && !engine.lot.wake_one() {
            engine.service.attend();
        }
    }

    fn begin_call(&mut self, route: u32) {
        let averages = &self.engine.averages;
        let slow = self.engine.tuning.eager_after > 0
            && u64::from(averages.wall(route)) > self.engine.tuning.eager_after;
        let cpu = (slow && averages.wants_sample(route)).then(clock::thread_cpu_ns);
        self.call = Some(Call { route, began: self.now, cpu });
        self.share.step();
    }

    fn end_call(&mut self) {
        let Some(call) = self.call.take() else { return };
        self.share.step();
        self.now = clock::monotonic_ns();
        let wall = self.now.saturating_sub(call.began);
        self.engine.averages.record(call.route, wall);
        if let Some(cpu) = call.cpu {
            let cpu = clock::thread_cpu_ns().saturating_sub(cpu);
            self.engine.averages.record_cpu(call.route, wall, cpu);
        }
        self.average = (self.average * 7 + wall) / 8;
    }

    /// The host of a pulling worker is back, maybe on another thread.
    fn come_back(&mut self) {
        self.end_call();
        let here = thread::local_id();
        if self.thread != here {
            self.thread = here;
            self.share.thread.store(thread::system_id(), Ordering::Relaxed);
        }
    }

    fn take_role(&mut self) -> bool {
        let taken = self.engine.roles.try_take();
        if taken {
            self.share.has_role.store(true, Ordering::SeqCst);
        }
        taken
    }

    /// Waits in epoll and publishes what comes. False if nothing came.
    fn poll(&mut self, timeout: Option<u64>) -> bool {
        let engine = self.engine.clone();
        let most = (BATCH_WORTH / self.average.max(1)).clamp(1, Events::MOST as u64);
        let timeout = timeout.map_or(-1, |ms| i32::try_from(ms).unwrap_or(i32::MAX));
        engine.roles.enter();
        // Whoever queued something before it saw us here could not have woken us.
        if engine.has_queued() || self.share.woken.load(Ordering::SeqCst) || self.is_over() {
            engine.roles.leave();
            return true;
        }
        let mut entries = [0; Events::MOST];
        let mut count = 0;
        match engine.services.epoll.wait(&mut self.events, most as usize, timeout) {
            Ok(events) => {
                for (entry, (events, data)) in entries.iter_mut().zip(events) {
                    *entry = Engine::token_of(events, data);
                    count += 1;
                }
            }
            Err(error) => log::error!("epoll_wait: {error}"),
        }
        let others = engine.roles.leave();
        engine.pass_wake_on(&self.share);
        let before = std::mem::replace(&mut self.now, clock::monotonic_ns());
        let waited = self.now.saturating_sub(before) > WAITED;
        let published = self.share.batch.publish(&entries[..count]);
        debug_assert!(published, "a worker polls with an empty batch");
        self.adapt(others, waited, count, most as usize);
        if others == 0 || count > 1 {
            engine.service.watch();
        }
        count > 0
    }

    /// After a wait: are there too many pollers, or too few?
    fn adapt(&mut self, others: usize, waited: bool, count: usize, most: usize) {
        let roles = &self.engine.roles;
        if self.average > self.engine.tuning.eager_after {
            // Where calls take long, whoever has come back waits for the next event right here, and
            // needs nobody to wake it.
            self.needless = 0;
            roles.relax();
            return;
        }
        if others == 0 && waited && count < FEW {
            self.needless += 1;
        } else {
            self.needless = self.needless.saturating_sub(1);
        }
        if self.needless >= NEEDLESS {
            self.needless = 0;
            if roles.step_back() && self.share.lose_role() {
                roles.release();
            }
        }
        self.full = if count == most && !waited { self.full + 1 } else { 0 };
        if self.full > 0 && roles.step_forward(self.full) {
            self.full = 0;
            self.engine.lot.wake_one();
        }
    }

    /// Sleeps until there is work or a role. False if the time was up.
    fn park(&mut self, timeout: Option<u64>) -> bool {
        let engine = self.engine.clone();
        let surplus = engine.is_surplus();
        let limit = timeout.or_else(|| surplus.then_some(IDLE_TIME)).map(Duration::from_millis);
        let parked = engine.lot.park(
            &self.share.parker,
            || engine.has_queued() || engine.roles.is_free() || self.is_over(),
            limit,
        );
        self.now = clock::monotonic_ns();
        if parked == Parked::TimedOut && timeout.is_none() && engine.is_surplus() {
            self.share.retired.store(true, Ordering::SeqCst);
        }
        parked != Parked::TimedOut
    }

    fn is_over(&self) -> bool {
        self.engine.leaving.load(Ordering::SeqCst)
    }

    fn now_ms(&self) -> u64 {
        self.now / 1_000_000
    }
}

/// A wait in epoll of more nanoseconds than this was one.
const WAITED: u64 = 10_000;
/// A batch of fewer than so many events is not worth a wake-up if another poller is at work.
const FEW: usize = 4;
/// So many needless wake-ups, on balance, make a poller step back.
const NEEDLESS: u32 = 8;

/// A thread above `numthreads` goes after so many milliseconds without work.
const IDLE_TIME: u64 = 30_000;

impl Drop for Worker {
    fn drop(&mut self) {
        self.end_call();
        let engine = self.engine.clone();
        if let Some(own) = self.current.take() {
            engine.go_on_later(own);
        }
        while let Some(entry) = self.share.batch.pop() {
            engine.start_elsewhere(entry, self.now_ms());
        }
        if self.share.woken.swap(false, Ordering::SeqCst) {
            engine.wakes.fetch_sub(1, Ordering::SeqCst);
        }
        let mut shares = engine.write_shares();
        shares.retain(|share| !Arc::ptr_eq(share, &self.share));
        drop(shares);
        if self.share.lose_role() {
            engine.roles.release();
            engine.call_somebody();
        }
    }
}

impl Engine {
    pub(crate) fn write_shares(&self) -> RwLockWriteGuard<'_, Vec<Arc<Share>>> {
        self.shares.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those who wait in epoll, one after the other, until the one that is meant is awake.
    fn wake_pollers(&self) {
        if self.roles.polling() > 0 {
            self.wake.signal();
        }
    }

    /// A wake-up through epoll reaches any poller: if it was meant for another one it goes on.
    fn pass_wake_on(&self, me: &Share) {
        if self.wakes.load(Ordering::SeqCst) == 0 || me.woken.load(Ordering::SeqCst) {
            return;
        }
        // The kernel prefers who came last, so this one must not be back before the other is out.
        while self.wakes.load(Ordering::SeqCst) > 0 && self.roles.polling() > 0 {
            self.wake.signal();
            std::thread::yield_now();
        }
    }

    /// Takes the next connection out of the queues.
    pub(super) fn next_queued(&self) -> Option<Ownership> {
        if let Some(token) = self.requests.pop() {
            self.move_waiting();
            if let Some(own) = self.dequeue(token) {
                return Some(own);
            }
        }
        if let Some(token) = self.ready.pop() {
            if self.listener(token).is_some() {
                self.is_own_event(token, super::now_ms());
                return None;
            }
            return self.dequeue(token);
        }
        if !self.services.waiters.is_full()
            && let Some(token) = self.deferred.pop()
        {
            return self.dequeue(token);
        }
        None
    }

    /// Whether the queues have something for a worker.
    pub(super) fn has_queued(&self) -> bool {
        !self.ready.is_empty()
            || !self.requests.is_empty()
            || (!self.deferred.is_empty() && !self.services.waiters.is_full())
    }

    /// Puts an event that this thread fetched where another thread finds it.
    pub(super) fn start_elsewhere(&self, entry: u64, now: u64) {
        let (token, bits) = Token::unpack(entry);
        if self.is_own_event(token, now) {
            return;
        }
        if let Some(own) = self.post(token, bits)
            && let Some(slot) = self.slots.get(token.slot)
        {
            let _never_full = self.ready.push(slot.word.enqueue(own));
        }
    }

    fn go_on_later(&self, own: Ownership) {
        if let Some(slot) = self.slots.get(own.token().slot) {
            let token = slot.word.enqueue(own);
            self.push_ready(token);
        }
    }

    /// Keeps a request whose body would hold one worker too many until one is free for that.
    fn defer(&self, mut own: Ownership, spare: &mut Option<Box<Exchange>>) {
        let Some(slot) = self.slots.get(own.token().slot) else { return };
        let connection = slot.connection.get(&mut own);
        connection.back_to_ready(&self.services, spare, super::now_ms());
        let _never_full = self.deferred.push(slot.word.enqueue(own));
        // The pool may grow for it.
        self.service.wake();
    }
}
