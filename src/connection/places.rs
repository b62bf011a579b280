//! Places: how many threads may wait for clients inside calls of the application, and which call
//! loses its place when another one needs it.
//!
//! A call takes a place before it waits for its client for the first time, and keeps it to its end.
//! A call that finds no free place may take the one of the slowest client that is being waited for,
//! if that client moves fewer than [`SLOW`] bytes a second. A call without a place never waits.
//!
//! ```text
//!            try_take                begin_wait                  end_wait: false
//!   no place ────────► has a place ─────────────► is waited for ────────────────► has a place
//!      │                                               │ take_from_slowest
//!      │ take_from_slowest: has the other's place      ▼
//!      └─────────────────────────────────────►  its place is another's ─► end_wait: true
//! ```
#![forbid(unsafe_code)]

use crate::engine::sync::{AtomicUsize, Mutex, Ordering, lock};

#[cfg(all(loom, test))]
mod models;

/// A client that moves fewer bytes a second than this is slow.
pub(super) const SLOW: u64 = 4096;
/// No call loses its place before its client has been waited for this long, in milliseconds.
const GRACE: u64 = 1_000;
/// A client that was fast before is waited for no longer than this, in milliseconds.
const MOST_CREDIT: u64 = 2_000;

/// What ends a wait.
pub(crate) trait Bell {
    /// Makes the thread that waits look at its place.
    fn ring(&self);
}

/// The places of one run. `B` ends the wait of a call that loses its place.
pub(crate) struct Places<B> {
    most: AtomicUsize,
    taken: AtomicUsize,
    waiting: Mutex<Vec<Waiting<B>>>,
}

struct Waiting<B> {
    slot: u32,
    /// When its client counts as slow, in milliseconds of the monotonic clock.
    slow_at: u64,
    has_place: bool,
    bell: Option<B>,
}

/// How long a client may still be waited for before its call can lose its place: what it moves adds to
/// it, waiting takes from it. In parts of a millisecond, [`SLOW`] to one, so that small reads count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credit(u64);

impl Default for Credit {
    fn default() -> Self {
        Self(GRACE * SLOW)
    }
}

impl Credit {
    /// Bytes came from the client or went to it.
    pub(super) fn moved(&mut self, bytes: u64) {
        let more = bytes.saturating_mul(1000);
        self.0 = self.0.saturating_add(more).min(MOST_CREDIT * SLOW);
    }

    /// The client was waited for, in milliseconds.
    pub(super) fn waited(&mut self, milliseconds: u64) {
        self.0 = self.0.saturating_sub(milliseconds.saturating_mul(SLOW));
    }

    fn milliseconds(self) -> u64 {
        self.0 / SLOW
    }
}

impl<B: Bell> Places<B> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most: AtomicUsize::new(most),
            taken: AtomicUsize::new(0),
            waiting: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::SeqCst);
    }

    /// Whether all places are taken.
    pub(crate) fn is_full(&self) -> bool {
        self.taken.load(Ordering::SeqCst) >= self.most.load(Ordering::SeqCst)
    }

    /// Takes a place if one is free.
    pub(crate) fn try_take(&self) -> bool {
        let most = self.most.load(Ordering::SeqCst);
        let one_more = |taken: usize| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok()
    }

    /// Takes one in any case.
    pub(crate) fn take(&self) {
        self.taken.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn give(&self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
    }

    /// Takes the place of the call whose client is the slowest of those that are slow. That call waits
    /// no more. False if there is none; otherwise the place is the caller's.
    pub(crate) fn take_from_slowest(&self, now: u64) -> bool {
        let mut all = lock(&self.waiting);
        let slow = |waiting: &&mut Waiting<B>| waiting.has_place && waiting.slow_at <= now;
        let slowest = all.iter_mut().filter(slow).min_by_key(|waiting| waiting.slow_at);
        let Some(waiting) = slowest else { return false };
        waiting.has_place = false;
        if let Some(bell) = &waiting.bell {
            bell.ring();
        }
        true
    }

    /// The thread of a call begins to wait for the client in `slot`. With a bell it has a place, which
    /// it loses when the bell rings; without one it has none, or cannot lose it.
    pub(crate) fn begin_wait(&self, slot: u32, credit: Credit, now: u64, bell: Option<B>) {
        let has_place = bell.is_some();
        let waiting = Waiting { slot, slow_at: now + credit.milliseconds(), has_place, bell };
        lock(&self.waiting).push(waiting);
    }

    /// The client that is waited for has moved something meanwhile.
    pub(crate) fn go_on(&self, slot: u32, credit: Credit, now: u64) {
        let mut all = lock(&self.waiting);
        if let Some(waiting) = all.iter_mut().find(|waiting| waiting.slot == slot) {
            waiting.slow_at = now + credit.milliseconds();
        }
    }

    /// The wait is over. Returns whether the call has lost its place meanwhile.
    pub(crate) fn end_wait(&self, slot: u32) -> bool {
        let mut all = lock(&self.waiting);
        let Some(at) = all.iter().position(|waiting| waiting.slot == slot) else { return false };
        let waiting = all.swap_remove(at);
        waiting.bell.is_some() && !waiting.has_place
    }

    /// How many threads wait.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.waiting).len()
    }
}

#[cfg(all(not(loom), test))]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    type Rung = Rc<Cell<bool>>;

    impl Bell for Rung {
        fn ring(&self) {
            self.set(true);
        }
    }

    fn wait(places: &Places<Rung>, slot: u32, credit: Credit) -> Rung {
        assert!(places.try_take());
        let bell = Rung::default();
        places.begin_wait(slot, credit, 0, Some(bell.clone()));
        bell
    }

    #[test]
    fn the_slowest_client_loses_its_place() {
        let places = Places::new(3);
        let mut fast = Credit::default();
        fast.moved(9_000_000);
        let mut slower = Credit::default();
        slower.waited(100);
        let clients = [(1, fast), (2, Credit::default()), (3, slower)];
        let bells = clients.map(|(slot, credit)| wait(&places, slot, credit));
        let rung = || bells.each_ref().map(|bell| bell.get());
        assert!(places.is_full() && !places.try_take());
        assert!(!places.take_from_slowest(GRACE - 101), "not before its time");
        assert!(places.take_from_slowest(GRACE));
        assert_eq!(rung(), [false, false, true]);
        assert!(places.take_from_slowest(GRACE));
        assert_eq!(rung(), [false, true, true]);
        assert!(!places.take_from_slowest(MOST_CREDIT - 1), "the last one was fast");
        assert_eq!([1, 2, 3].map(|slot| places.end_wait(slot)), [false, true, true]);
        assert!(places.is_full(), "the places are those of the calls that took them");
    }

    #[test]
    fn a_call_that_cannot_be_called_back_keeps_its_place() {
        let places = Places::<Rung>::new(1);
        assert!(places.try_take());
        places.begin_wait(1, Credit::default(), 0, None);
        assert!(!places.take_from_slowest(GRACE));
        assert!(!places.end_wait(1));
    }

    #[test]
    fn a_client_that_moves_enough_is_never_slow() {
        let mut credit = Credit::default();
        for _ in 0..100 {
            credit.waited(500);
            credit.moved(SLOW / 2);
        }
        assert_eq!(credit.milliseconds(), GRACE);
        credit.waited(2 * GRACE);
        assert_eq!(credit.milliseconds(), 0);
        (0..SLOW).for_each(|_| credit.moved(1));
        assert_eq!(credit.milliseconds(), 1000, "single bytes count");
    }
}
