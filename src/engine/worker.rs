//! A worker: what one thread of the pool does between two requests.
//!
//! [`Worker::next`] is the primitive. It does all input and output, and returns when there is a
//! request for the application; the library's own threads are a loop around it (`threadpool`), and
//! so is a host that pulls. Everything a worker has in hand is in this object, not in the thread, so
//! a host may move it between threads.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::calls::CallUnderWay;
use super::events::Event;
use super::handle::RequestId;
use super::ownership::{Ownership, Token};
use super::share::Share;
use super::{Engine, TurnEnd};
use crate::access_log::Listeners;
use crate::connection::HTTPConnection;
use crate::connection::exchange::Exchange;
use crate::gateway::{Outcome, Request};
use crate::status_page;
use crate::sys::epoll::Events;
use crate::sys::{clock, thread};

pub(super) mod waiting;

/// Requests that one connection may have answered before others get a turn.
const TURN: u32 = 16;

/// Why [`Worker::next`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A request for the application.
    Request(RequestId),
    /// Something for a host that pulls.
    Event(Event),
    /// The time is up, or somebody called [`Worker::wake`].
    Nothing,
    /// The server has stopped, or the pool shrinks and this worker goes: the thread is to end.
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
    /// When what it works on came, as far as that is known without a further look at the clock.
    arrived: u64,
    /// Average length of this worker's calls, in nanoseconds.
    average: u64,
    /// Calls above `eager_after` in a row.
    slow_calls: u32,
    /// The thread that was here last.
    thread: usize,
    /// The last thing it took was from a queue.
    queued: bool,
    /// Full batches in a row.
    full: u32,
    /// How often, on balance, it was woken for what one poller can do alone.
    needless: u32,
    /// When it came back from epoll the last time.
    polled: u64,
}

/// The application's call that is under way.
struct Call {
    route: u32,
    began: u64,
    /// Nanoseconds that its request had been here before.
    waited: u64,
    /// The thread's CPU time when it began, if this one is measured.
    cpu: Option<u64>,
}

impl Worker {
    /// `number` is for people; no other worker has it at the same time.
    pub(crate) fn new(engine: &Arc<Engine>, number: usize, pull: bool) -> Self {
        let share = Arc::new(Share::new(engine.lot.register(), number));
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
            arrived: 0,
            average: 0,
            slow_calls: 0,
            thread: 0,
            queued: false,
            full: 0,
            needless: 0,
            polled: 0,
        }
    }

    pub(crate) fn share(&self) -> Arc<Share> {
        self.share.clone()
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// A further request if one is at hand, without going to fetch events.
    pub(crate) fn next_at_hand(&mut self) -> Option<Next> {
        self.come_back();
        if let Some(event) = self.take_event() {
            return Some(Next::Event(event));
        }
        while self.share.batch.remaining() > 0 || self.engine.has_queued() {
            if let Some(own) = self.take_work()
                && let Some(id) = self.turn(own)
            {
                return Some(Next::Request(id));
            }
        }
        None
    }

    /// Whether there is more for the one who was given something just now.
    pub(crate) fn has_more(&self) -> bool {
        self.share.batch.remaining() > 0 || self.engine.has_queued()
    }

    fn take_event(&self) -> Option<Event> {
        if self.pull { self.engine.next_event() } else { None }
    }

    /// Works until there is a request for the application. `timeout` in milliseconds, `None`: no
    /// limit.
    pub(crate) fn next(&mut self, timeout: Option<u64>) -> Next {
        self.come_back();
        let until = timeout.map(|timeout| self.now_ms() + timeout);
        loop {
            if let Some(own) = self.current.take() {
                if let Some(id) = self.turn(own) {
                    return Next::Request(id);
                }
                if self.current.is_some() {
                    // It has answered by itself.
                    continue;
                }
            }
            if let Some(event) = self.take_event() {
                return Next::Event(event);
            }
            if self.engine.headcount.take_leave() {
                return Next::Stopped;
            }
            if self.is_over() {
                // A host may keep its worker for long.
                self.leave_the_books();
                return Next::Stopped;
            }
            if self.share.is_back_as_asked(&self.engine.wakes) {
                return Next::Nothing;
            }
            self.look_beside_the_queue();
            if let Some(own) = self.take_work() {
                self.current = Some(own);
                continue;
            }
            if self.share.batch.remaining() > 0 {
                continue;
            }
            self.engine.run_errands();
            // A child that came from code of the host's that is not looked after on its return.
            self.engine.service.after_host_code();
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
    /// connection is this worker's to go on with. `panic`: what the failure said.
    pub(crate) fn complete(&mut self, id: RequestId, outcome: Outcome, panic: Option<String>) {
        self.end_call();
        let detached = outcome == Outcome::Detached;
        let engine = &*self.engine;
        let Some(mut own) = engine.take_back(id, detached) else {
            if outcome == Outcome::Failed {
                engine.failed_behind(id, panic);
            }
            return;
        };
        let Some(slot) = engine.slots.get(own.token().slot) else { return };
        let connection = slot.connection.get(&mut own);
        if outcome == Outcome::Failed {
            connection.tell_failure(&engine.services, panic);
            connection.fail(&engine.services);
        } else {
            let _told_in_the_log = connection.finish(&engine.services);
        }
        let gather = self.average < engine.tuning.eager_after.max(1);
        engine.end_request(&mut own, gather);
        let connection = slot.connection.get(&mut own);
        if !connection.has_unread() {
            // The next request comes after this answer, not before.
            self.arrived = self.now;
        }
        let traffic = connection.take_traffic();
        if engine.services.statistics.is_on() {
            self.share.counters.own_traffic(traffic);
        }
        self.current = Some(own);
        self.engine.run_errands();
    }

    /// The host is about to do something else: what this worker has begun is for others, and the
    /// host's loop is told to come back for it.
    pub(crate) fn rest(&mut self) {
        self.come_back();
        if let Some(own) = self.current.take() {
            self.engine.go_on_later(own);
        }
        if self.engine.host_polls() && self.has_more() {
            self.engine.signal_host();
        }
    }

    /// Makes `next` return soon, from any thread.
    pub(crate) fn wake(engine: &Engine, share: &Share) {
        share.ask_back(&engine.wakes);
        engine.lot.wake(&share.parker);
        engine.wake_pollers();
    }

    /// Work in the order of its age: what was fetched, requests that are complete, tokens.
    fn take_work(&mut self) -> Option<Ownership> {
        let engine = &*self.engine;
        self.share.goes_on();
        if let Some(entry) = self.share.batch.pop() {
            let (token, bits) = Token::unpack(entry);
            self.arrived = self.share.fetched();
            if engine.is_own_event(token, self.now / 1_000_000) {
                return None;
            }
            return engine.post(token, bits);
        }
        self.arrived = self.now;
        loop {
            let queued = engine.next_queued();
            self.queued = queued.is_some();
            let (mut own, has_waited) = queued?;
            if !has_waited || !engine.is_abandoned(&mut own, self.now) {
                return Some(own);
            }
            engine.close(own);
        }
    }

    /// Whether a call may begin that will have to wait for its client.
    fn may_begin(&self, connection: &mut HTTPConnection) -> bool {
        let services = &self.engine.services;
        if self.pull { !services.waiters.places.is_full() } else { connection.take_place(services) }
    }

    /// Drives one connection. The id of its request if one is complete.
    fn turn(&mut self, own: Ownership) -> Option<RequestId> {
        let now = self.now_ms();
        let TurnEnd::Request(mut own) = self.engine.run_turn(own, &mut self.spare, now) else {
            return None;
        };
        // Not a clone of the Arc: its counter would be a line that all processors write to.
        let engine = &*self.engine;
        let slot = engine.slots.get(own.token().slot)?;
        let connection = slot.connection.get(&mut own);
        if connection.turn_requests > TURN {
            connection.note_arrival(self.arrived);
            engine.requeue(own, &mut self.spare);
            return None;
        }
        if connection.wants_client() && !self.may_begin(connection) {
            connection.note_arrival(self.arrived);
            own = engine.defer(own, &mut self.spare)?;
        }
        let connection = slot.connection.get(&mut own);
        if !engine.may_go_out(connection) {
            connection.give_place(&engine.services);
            connection.note_arrival(self.arrived);
            engine.keep_back(own, &mut self.spare);
            return None;
        }
        let asks_for_status = connection.asks_for(&engine.services.settings.status_path);
        let route = connection.route();
        if self.is_slow(route) {
            connection.flush(&engine.services);
            self.hand_over();
        }
        let arrived = match std::mem::take(&mut connection.arrived) {
            0 => self.arrived,
            arrived => arrived,
        };
        self.call = Some(self.begin_call(route, arrived));
        connection.attached = !self.pull;
        if !self.pull && engine.wants_environ() && !asks_for_status {
            connection.build_environ(&engine.services);
        }
        let serial = slot.serial.load(Ordering::Relaxed);
        let id = RequestId::new(own.token().slot, serial);
        self.share.calls(id, self.now);
        if engine.services.listeners.as_ref().is_some_and(Listeners::call_the_host) {
            slot.connection.get(&mut own).account_request(id);
        }
        slot.word.hold(own, serial);
        if asks_for_status {
            self.answer_with_status(id);
            return None;
        }
        Some(id)
    }

    /// In the application's place.
    #[cold]
    fn answer_with_status(&mut self, id: RequestId) {
        let stats = self.engine.stats();
        let answered = status_page::answer(&Request::new(&self.engine, id), &stats);
        if self.pull {
            self.end_call();
        } else {
            let outcome = if answered.is_ok() { Outcome::Done } else { Outcome::Failed };
            self.complete(id, outcome, None);
        }
    }

    fn is_slow(&self, route: u32) -> bool {
        let eager_after = self.engine.tuning.eager_after;
        let averages = &self.engine.averages;
        eager_after > 0 && u64::from(averages.wall(route)) > eager_after && averages.waits(route)
    }

    /// Gives away, before a call that will take long, what others would wait for.
    fn hand_over(&self) {
        let engine = &*self.engine;
        while let Some(entry) = self.share.batch.pop() {
            engine.start_elsewhere(entry, self.share.fetched(), self.now / 1_000_000);
        }
        if self.share.lose_role() {
            engine.roles.release();
        }
        if (engine.roles.polling() == 0 || engine.has_queued()) && !engine.lot.wake_one() {
            engine.service.attend();
        }
    }

    fn begin_call(&self, route: u32, arrived: u64) -> Call {
        let averages = &self.engine.averages;
        let slow = self.engine.tuning.eager_after > 0
            && u64::from(averages.wall(route)) > self.engine.tuning.eager_after;
        let cpu = (slow && averages.wants_sample(route)).then(clock::thread_cpu_ns);
        self.share.goes_on();
        Call { route, began: self.now, waited: self.now.saturating_sub(arrived), cpu }
    }

    fn end_call(&mut self) {
        let Some(call) = self.call.take() else { return };
        self.share.goes_on();
        self.now = clock::monotonic_ns();
        let wall = self.now.saturating_sub(call.began);
        if wall > self.engine.tuning.slow_after {
            self.report_return(wall);
        }
        self.share.is_back();
        self.engine.averages.record(call.route, wall);
        if let Some(cpu) = call.cpu {
            let cpu = clock::thread_cpu_ns().saturating_sub(cpu);
            self.engine.averages.record_cpu(call.route, wall, cpu);
        }
        if self.engine.services.statistics.is_on() {
            self.share.counters.own_call(call.waited, wall);
        }
        self.average = (self.average * 7 + wall) / 8;
        let eager_after = self.engine.tuning.eager_after;
        let slow = eager_after > 0 && wall > eager_after;
        self.slow_calls = if slow { self.slow_calls.saturating_add(1) } else { 0 };
    }

    #[cold]
    fn report_return(&self, wall: u64) {
        if let Some(call) = CallUnderWay::of(&self.share) {
            self.engine.report_return(&call, Duration::from_nanos(wall));
        }
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

    /// Is no longer among the workers. Its figures stay with the server.
    fn leave_the_books(&self) {
        let mut shares = self.engine.write_shares();
        let place = shares.iter().position(|share| Arc::ptr_eq(share, &self.share));
        if let Some(place) = place {
            shares.remove(place);
            // Under the same lock, so that nobody finds them twice.
            self.engine.services.statistics.take_over(&self.share.counters);
        }
    }

    fn is_over(&self) -> bool {
        self.engine.leaving.load(Ordering::SeqCst)
    }

    fn now_ms(&self) -> u64 {
        self.now / 1_000_000
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end_call();
        let engine = self.engine.clone();
        if let Some(own) = self.current.take() {
            engine.go_on_later(own);
        }
        while let Some(entry) = self.share.batch.pop() {
            engine.start_elsewhere(entry, self.share.fetched(), self.now_ms());
        }
        let _nobody_waits_for_it = self.share.is_back_as_asked(&engine.wakes);
        self.leave_the_books();
        if self.share.lose_role() {
            engine.roles.release();
        }
        if engine.headcount.has_leavers() {
            engine.call_a_leaver();
        }
        if !self.is_over() {
            // It may have been woken for something that it leaves behind.
            engine.call_somebody();
        }
    }
}
