//! What a pull server's host is told beside its requests.
//!
//! An event goes into a queue, and a token that stands for it among the ready ones, so that the
//! workers need not look at one queue more. Of each kind a request has at most one event here.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use super::Engine;
use super::handle::{RequestId, SERIAL_MASK};
use super::ownership::Token;
use crate::engine::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, lock};

#[cfg(all(loom, test))]
mod models;

/// Stands among the ready tokens for one event. No slot has this number.
pub(super) const EVENT: Token = Token { slot: Token::MAX_SLOT, generation: 0 };

/// What has happened to a request that is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A read that could not go on may.
    Readable,
    /// A write that could not go on may.
    Writable,
    /// The client has half-closed (1) or left (2), or the server is stopping (3).
    Aborted(u8),
    /// The request has ended: its answer was sent to the last byte, or else (`false`) it was cut.
    Released(bool),
    /// The error log has something to say, to be had by
    /// [`PullWorker::message`](crate::PullWorker::message); it is about no request in particular.
    Logged,
}

impl Happened {
    const fn mark(self) -> u64 {
        match self {
            Self::Readable => 1,
            Self::Writable => 2,
            Self::Aborted(_) => 4,
            Self::Released(_) => 8,
            // Not of a slot.
            Self::Logged => 0,
        }
    }
}

/// Something that has happened, and the request that it happened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: RequestId,
    pub(crate) happened: Happened,
}

/// The events that no worker has fetched yet.
#[derive(Default)]
pub(super) struct Events {
    /// The length of `queue`, to be read without the lock.
    count: AtomicUsize,
    queue: Mutex<VecDeque<Event>>,
}

impl Events {
    fn push(&self, event: Event) {
        let mut queue = lock(&self.queue);
        queue.push_back(event);
        self.count.store(queue.len(), Ordering::SeqCst);
    }

    fn pop(&self) -> Option<Event> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut queue = lock(&self.queue);
        let event = queue.pop_front();
        self.count.store(queue.len(), Ordering::SeqCst);
        event
    }
}

/// Which kinds of events the slot's request has in the queue. Above the marks is the request's
/// number, so that what is late finds another one and changes nothing.
#[derive(Debug)]
pub(crate) struct Untold(AtomicU64);

const MARKS: u32 = 4;

impl Default for Untold {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Untold {
    /// The request begins to be watched, if it was not.
    pub(super) fn begin(&self, serial: u64) {
        let seen = self.0.load(Ordering::Relaxed);
        if seen >> MARKS != serial & SERIAL_MASK {
            self.0.store((serial & SERIAL_MASK) << MARKS, Ordering::SeqCst);
        }
    }

    /// Marks a kind. False if it is marked already, or if this is another request.
    fn mark(&self, serial: u64, mark: u64) -> bool {
        self.change(serial, |marks| (marks & mark == 0).then_some(marks | mark))
    }

    /// Takes a mark away. False if it was not there.
    fn unmark(&self, serial: u64, mark: u64) -> bool {
        self.change(serial, |marks| (marks & mark != 0).then_some(marks & !mark))
    }

    fn change(&self, serial: u64, next: impl Fn(u64) -> Option<u64>) -> bool {
        let same = |seen: u64| seen >> MARKS == serial & SERIAL_MASK;
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |seen| {
                same(seen).then(|| next(seen)).flatten()
            })
            .is_ok()
    }
}

impl Engine {
    /// Tells the host what has happened, unless it has still to fetch that it happened before.
    pub(super) fn tell(&self, id: RequestId, happened: Happened) {
        let Some(slot) = self.slots.get(id.slot()) else { return };
        if !slot.untold.mark(id.serial(), happened.mark()) {
            return;
        }
        self.events.push(Event { id, happened });
        self.push_ready(EVENT);
    }

    /// Tells the host that the error log has a message more.
    pub(crate) fn announce_message(&self) {
        self.events.push(Event { id: RequestId(0), happened: Happened::Logged });
        self.push_ready(EVENT);
    }

    /// The next event for the host. What has become stale in the queue is passed over.
    pub(super) fn next_event(&self) -> Option<Event> {
        while let Some(event) = self.events.pop() {
            let Event { id, happened } = event;
            if happened == Happened::Logged {
                return Some(event);
            }
            let Some(slot) = self.slots.get(id.slot()) else { continue };
            slot.untold.unmark(id.serial(), happened.mark());
            let lives = slot.serial.load(Ordering::Acquire) & SERIAL_MASK == id.serial();
            if lives || matches!(happened, Happened::Released(_)) {
                return Some(event);
            }
        }
        None
    }
}

#[cfg(all(not(loom), test))]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_marked_once_for_each_request() {
        let untold = Untold::default();
        untold.begin(7);
        assert!(untold.mark(7, 1) && untold.mark(7, 2) && !untold.mark(7, 1));
        untold.begin(7);
        assert!(!untold.mark(7, 2), "to watch again forgets nothing");
        assert!(untold.unmark(7, 1) && !untold.unmark(7, 1) && untold.mark(7, 1));
        untold.begin(8);
        assert!(!untold.mark(7, 4) && !untold.unmark(7, 2), "the request has ended");
        assert!(untold.mark(8, 1) && untold.mark(8, 2));
    }

    #[test]
    fn events_come_in_the_order_they_happened() {
        let events = Events::default();
        let event = |number| Event { id: RequestId(number), happened: Happened::Readable };
        assert_eq!(events.pop(), None);
        events.push(event(1));
        events.push(event(2));
        assert_eq!(
            [events.pop(), events.pop(), events.pop()],
            [Some(event(1)), Some(event(2)), None]
        );
    }
}
