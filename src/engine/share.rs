//! What others can see and take of a worker: nothing that it has in hand is hidden.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicI32;

use super::batch::Batch;
use super::handle::RequestId;
use super::parking::Parker;
use super::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::statistics::counters::Counters;
use crate::sys::thread;

#[cfg(all(loom, test))]
mod models;

/// What others can see and take of a worker.
pub(crate) struct Share {
    /// Odd while the worker is away: neither in epoll nor parked. It changes with each thing that it
    /// begins, so one that stays the same tells of a call, or a file, that takes long.
    sequence: AtomicU64,
    /// Events that it has fetched and not begun with.
    pub(super) batch: Batch,
    /// When: nanoseconds of the monotonic clock.
    fetched: AtomicU64,
    /// It holds a poller role.
    has_role: AtomicBool,
    pub(super) parker: Parker,
    /// It was asked to come back from where it waits.
    woken: AtomicBool,
    /// What its worker alone counts, and what of that was there when the statistics were cleared.
    pub(super) counters: Counters,
    pub(super) cleared: Counters,
    number: usize,
    /// The request whose call it is in (0: none), and since when, in nanoseconds of the monotonic clock.
    call: AtomicU64,
    since: AtomicU64,
    /// The thread that works with it, by the system's number.
    pub(super) thread: AtomicI32,
}

impl Share {
    /// `number` is the worker's, in its server.
    pub(super) fn new(parker: Parker, number: usize) -> Self {
        Self {
            sequence: AtomicU64::new(0),
            batch: Batch::new(),
            fetched: AtomicU64::new(0),
            has_role: AtomicBool::new(false),
            parker,
            woken: AtomicBool::new(false),
            counters: Counters::default(),
            cleared: Counters::default(),
            number,
            call: AtomicU64::new(0),
            since: AtomicU64::new(0),
            thread: AtomicI32::new(0),
        }
    }

    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Whether the worker waits for something to do.
    pub(super) fn is_idle(&self) -> bool {
        self.sequence().is_multiple_of(2)
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::SeqCst)
    }

    /// The worker has begun to work, or begins with the next thing. Only the worker itself calls
    /// this, so no exchange is needed.
    pub(super) fn goes_on(&self) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store((sequence | 1).wrapping_add(2), Ordering::Release);
    }

    /// The worker waits for events, or parks.
    pub(super) fn waits(&self) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store((sequence | 1).wrapping_add(1), Ordering::Release);
    }

    /// Only the worker itself calls this.
    pub(super) fn has_fetched(&self, now: u64) {
        self.fetched.store(now, Ordering::Relaxed);
    }

    pub(super) fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// The worker is about to call the application.
    pub(super) fn calls(&self, id: RequestId, now: u64) {
        self.since.store(now, Ordering::Relaxed);
        self.call.store(id.0, Ordering::Release);
    }

    /// The call has returned.
    pub(super) fn is_back(&self) {
        self.call.store(0, Ordering::Relaxed);
    }

    /// The call that the worker is in, and since when. That time is never too early.
    pub(super) fn call(&self) -> Option<(RequestId, u64)> {
        let id = self.call.load(Ordering::Acquire);
        let since = self.since.load(Ordering::Relaxed);
        (id != 0).then_some((RequestId(id), since))
    }

    /// Asks the worker to come back from where it waits. `wakes` counts those who were asked and have not
    /// noticed: it is never less than that.
    pub(super) fn ask_back(&self, wakes: &AtomicUsize) {
        wakes.fetch_add(1, Ordering::SeqCst);
        if self.woken.swap(true, Ordering::SeqCst) {
            wakes.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Whether it was asked to come back.
    pub(super) fn is_asked_back(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }

    /// It is back: true if it was asked.
    pub(super) fn is_back_as_asked(&self, wakes: &AtomicUsize) -> bool {
        let asked = self.woken.load(Ordering::Relaxed) && self.woken.swap(false, Ordering::SeqCst);
        if asked {
            wakes.fetch_sub(1, Ordering::SeqCst);
        }
        asked
    }

    /// The number of its thread to the system.
    pub(super) fn thread(&self) -> i32 {
        self.thread.load(Ordering::Relaxed)
    }

    pub(super) fn take_role(&self) {
        self.has_role.store(true, Ordering::SeqCst);
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
