//! Handing out: what the queues have for a worker, and what goes into them.
#![forbid(unsafe_code)]

use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};

use super::ownership::{Bits, Ownership, Post, Token};
use super::share::Share;
use super::{Engine, TurnEnd};
use crate::connection::HTTPConnection;
use crate::connection::exchange::Exchange;

impl Engine {
    pub(crate) fn write_shares(&self) -> RwLockWriteGuard<'_, Vec<Arc<Share>>> {
        self.shares.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the workers are to leave because the server stops.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    /// Sends so many workers away, as far as `numthreads` allows: idle ones at once, others when
    /// they are done with what they do. Returns how many go.
    pub(crate) fn shrink(&self, amount: usize) -> usize {
        let count = self.headcount.dismiss(amount);
        if count > 0 {
            self.call_a_leaver();
        }
        count
    }

    /// Wakes somebody who is idle, so that it may leave; it then calls the next one.
    pub(super) fn call_a_leaver(&self) {
        if !self.lot.wake_one() {
            self.wake_pollers();
        }
    }

    /// Wakes those who wait in epoll, one after the other, until the one that is meant is awake.
    pub(super) fn wake_pollers(&self) {
        if self.roles.polling() > 0 {
            self.wake.signal();
        }
    }

    /// A wake-up through epoll reaches any poller: if it was meant for another one it goes on.
    pub(super) fn pass_wake_on(&self, me: &Share) {
        if self.wakes.load(Ordering::SeqCst) == 0 || me.is_asked_back() {
            return;
        }
        // The kernel prefers who came last, so this one must not be back before the other is out.
        while self.wakes.load(Ordering::SeqCst) > 0 && self.roles.polling() > 0 {
            self.wake.signal();
            std::thread::yield_now();
        }
    }

    /// The host waits by itself for the set of descriptors, which is returned. From here on its calls
    /// do what the service thread would: that reads and accepts no more.
    pub(crate) fn let_host_poll(&self) -> RawFd {
        self.host_polls.store(true, Ordering::SeqCst);
        if self.has_queued() {
            self.signal_host();
        }
        self.services.epoll.as_raw_fd()
    }

    pub(crate) fn host_polls(&self) -> bool {
        self.host_polls.load(Ordering::SeqCst)
    }

    /// Makes the set of descriptors ready.
    pub(crate) fn signal_host(&self) {
        self.wake.signal();
    }

    /// Takes the next connection out of the queues, and says whether it is one with a complete request
    /// that has waited for a thread.
    pub(super) fn next_queued(&self) -> Option<(Ownership, bool)> {
        if let Some(own) = self.next_deferred() {
            return Some((own, true));
        }
        if !self.flight.is_full()
            && let Some(token) = self.requests.pop()
        {
            self.move_waiting();
            if let Some(own) = self.dequeue(token) {
                return Some((own, true));
            }
        }
        if let Some(token) = self.ready.pop() {
            if self.listener(token).is_some() {
                self.is_own_event(token, super::now_ms());
                return None;
            }
            return Some((self.dequeue(token)?, false));
        }
        None
    }

    /// A request that waits for a place, if there is one.
    fn next_deferred(&self) -> Option<Ownership> {
        let waiters = &self.services.waiters;
        if !waiters.has_deferred() {
            return None;
        }
        let mut own = waiters.deferred.take_first(|token| {
            match self.slots.get(token.slot)?.word.post(token, Bits::NONE) {
                Post::Acquired(own) => Some(own),
                Post::Held | Post::Noted | Post::Stale => None,
            }
        })?;
        self.slots.get(own.token().slot)?.connection.get(&mut own).end_deferral(&self.services);
        Some(own)
    }

    /// Whether the queues have something for a worker.
    pub(super) fn has_queued(&self) -> bool {
        !self.ready.is_empty()
            || (!self.requests.is_empty() && !self.flight.is_full())
            || self.services.waiters.has_deferred()
    }

    /// Puts an event where another thread finds it; `fetched`: when it came, in nanoseconds.
    pub(super) fn start_elsewhere(&self, entry: u64, fetched: u64, now: u64) {
        let (token, bits) = Token::unpack(entry);
        if self.is_own_event(token, now) {
            return;
        }
        if let Some(mut own) = self.post(token, bits)
            && let Some(slot) = self.slots.get(token.slot)
        {
            slot.connection.get(&mut own).note_arrival(fetched);
            let _never_full = self.ready.push(slot.word.enqueue(own));
        }
    }

    pub(super) fn go_on_later(&self, own: Ownership) {
        if let Some(slot) = self.slots.get(own.token().slot) {
            let token = slot.word.enqueue(own);
            self.push_ready(token);
        }
    }

    /// A request goes out to the host. False if too many are out already.
    pub(super) fn may_go_out(&self, connection: &mut HTTPConnection) -> bool {
        if self.flight.is_limited() {
            connection.in_flight = self.flight.enter();
            return connection.in_flight;
        }
        true
    }

    /// The host is done with its request: another one may go out.
    #[inline]
    pub(super) fn let_go(&self, connection: &mut HTTPConnection) {
        if connection.in_flight {
            connection.in_flight = false;
            self.land_one();
        }
    }

    #[cold]
    fn land_one(&self) {
        self.flight.leave();
        if !self.requests.is_empty() {
            self.call_somebody();
        }
    }

    /// Puts a request that may not go out yet where it waits, or refuses it if there is no queue.
    pub(super) fn keep_back(&self, mut own: Ownership, spare: &mut Option<Box<Exchange>>) {
        let Some(slot) = self.slots.get(own.token().slot) else { return };
        if self.tuning.accepted_queue_size == 0 {
            slot.connection.get(&mut own).refuse_unavailable(&self.services);
            if let TurnEnd::Request(own) = self.run_turn(own, spare, super::now_ms()) {
                self.requeue(own, spare);
            }
            return;
        }
        self.queue_request(own, spare, super::now_ms());
        // A place that became free before it was in the queue was offered to nobody.
        if !self.flight.is_full() {
            self.call_somebody();
        }
    }

    /// Keeps a request whose body would make one worker too many wait for its client: until there is a
    /// place for it, or its body as a whole. Returns it if that is there now.
    pub(super) fn defer(
        &self,
        mut own: Ownership,
        spare: &mut Option<Box<Exchange>>,
    ) -> Option<Ownership> {
        let slot = self.slots.get(own.token().slot)?;
        slot.connection.get(&mut own).defer(&self.services);
        if let TurnEnd::Request(own) = self.run_turn(own, spare, super::now_ms()) {
            return Some(own);
        }
        // The pool may grow for it, or a slow client lose its place.
        self.service.wake();
        None
    }
}
