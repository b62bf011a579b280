//! Where workers sleep: a lot of parked threads, last in first out.
//!
//! A worker waits for work *or* a role, which no channel can express. So it parks here, and
//! whoever has something to give (a token, a request, the role of the poller) puts it where it
//! belongs first and then wakes one. The one parked last is taken, because its caches are warm and
//! because the ones at the bottom are then the idle ones that may end.
//!
//! No wake-up is lost: the sleeper makes itself visible, then looks for work; the giver puts the
//! work down, then looks for sleepers. A sequentially consistent fence stands between the two
//! steps on either side, so at least one of them sees the other.
#![forbid(unsafe_code)]

use crate::engine::sync::{
    Arc, AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, fence, lock, wait,
    wait_timeout,
};
use std::time::{Duration, Instant};

#[cfg(all(loom, test))]
mod models;
#[cfg(all(not(loom), test))]
mod tests;

/// Why `park` returned.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Parked {
    /// Somebody woke this parker.
    Woken,
    /// The second look found work.
    Ready,
    TimedOut,
}

/// A worker's place in the lot. A clone names the same place, for those who wake it; only one
/// thread at a time may park on it.
#[derive(Clone, Debug)]
pub(crate) struct Parker {
    seat: Arc<Seat>,
}

#[derive(Debug)]
struct Seat {
    /// A wake-up that was not used yet. Changed under the lot's lock only.
    woken: AtomicBool,
    bell: Condvar,
}

#[derive(Debug)]
pub(crate) struct ParkingLot {
    /// The length of `seats`, to be read without the lock.
    count: AtomicUsize,
    /// The parked, the last one on top. A seat is here only while it is not woken.
    seats: Mutex<Vec<Arc<Seat>>>,
}

impl ParkingLot {
    /// `capacity` is the number of parkers expected, not a limit.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { count: AtomicUsize::new(0), seats: Mutex::new(Vec::with_capacity(capacity)) }
    }

    /// A place for one more worker. It is given up by dropping it.
    pub(crate) fn register(&self) -> Parker {
        Parker { seat: Arc::new(Seat { woken: AtomicBool::new(false), bell: Condvar::new() }) }
    }

    /// Sleeps until woken. Becomes visible first, then calls `recheck`, and does not sleep if that
    /// finds work. A wake-up that came before the call counts.
    pub(crate) fn park(
        &self,
        me: &Parker,
        recheck: impl FnOnce() -> bool,
        timeout: Option<Duration>,
    ) -> Parked {
        if !self.enter(me) {
            return Parked::Woken;
        }
        let visible = Visible { lot: self, me };
        fence(Ordering::SeqCst);
        let found = recheck();
        std::mem::forget(visible);
        if found {
            self.leave_for_work(me);
            return Parked::Ready;
        }
        self.sleep(me, timeout)
    }

    /// Wakes the one that parked last. False if nobody is parked; that costs a fence and a load.
    pub(crate) fn wake_one(&self) -> bool {
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut seats = lock(&self.seats);
        let Some(seat) = seats.pop() else {
            return false;
        };
        seat.woken.store(true, Ordering::Relaxed);
        self.unlock(seats);
        seat.bell.notify_one();
        true
    }

    /// Wakes this one. If it is not parked, its next `park` returns at once.
    pub(crate) fn wake(&self, parker: &Parker) {
        let mut seats = lock(&self.seats);
        parker.seat.woken.store(true, Ordering::Relaxed);
        remove(&mut seats, parker);
        self.unlock(seats);
        parker.seat.bell.notify_one();
    }

    /// Wakes all that are parked and returns their number. One that is about to park sees in its
    /// recheck what was made known before this call.
    pub(crate) fn wake_all(&self) -> usize {
        // No fence: the lock, which is always taken here, orders this call against `enter`.
        let mut seats = lock(&self.seats);
        let woken: Vec<_> = seats.drain(..).collect();
        for seat in &woken {
            seat.woken.store(true, Ordering::Relaxed);
        }
        self.unlock(seats);
        for seat in &woken {
            seat.bell.notify_one();
        }
        woken.len()
    }

    /// How many are parked. A glance: it may be old when it is used.
    pub(crate) fn parked(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Puts the parker on top; false if a wake-up was waiting for it.
    fn enter(&self, me: &Parker) -> bool {
        let mut seats = lock(&self.seats);
        if me.seat.woken.load(Ordering::Relaxed) {
            me.seat.woken.store(false, Ordering::Relaxed);
            return false;
        }
        debug_assert!(!seats.iter().any(|seat| Arc::ptr_eq(seat, &me.seat)));
        seats.push(Arc::clone(&me.seat));
        self.unlock(seats);
        true
    }

    /// Takes the parker out after its own look. If a waker has taken it out already, that wake-up
    /// was for a second piece of work, perhaps, and goes on to the next one.
    fn leave_for_work(&self, me: &Parker) {
        let mut seats = lock(&self.seats);
        let was_parked = remove(&mut seats, me);
        me.seat.woken.store(false, Ordering::Relaxed);
        self.unlock(seats);
        if !was_parked {
            self.wake_one();
        }
    }

    fn sleep(&self, me: &Parker, timeout: Option<Duration>) -> Parked {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut seats = lock(&self.seats);
        loop {
            if me.seat.woken.load(Ordering::Relaxed) {
                me.seat.woken.store(false, Ordering::Relaxed);
                return Parked::Woken;
            }
            let Some(deadline) = deadline else {
                seats = wait(&me.seat.bell, seats);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                remove(&mut seats, me);
                self.unlock(seats);
                return Parked::TimedOut;
            }
            seats = wait_timeout(&me.seat.bell, seats, left);
        }
    }

    /// Gives the lock back with the count brought up to date.
    fn unlock(&self, seats: MutexGuard<'_, Vec<Arc<Seat>>>) {
        self.count.store(seats.len(), Ordering::Relaxed);
    }
}

/// Takes a parker out again whose recheck panicked: a seat nobody sits in would swallow a wake-up.
struct Visible<'a> {
    lot: &'a ParkingLot,
    me: &'a Parker,
}

impl Drop for Visible<'_> {
    fn drop(&mut self) {
        self.lot.leave_for_work(self.me);
    }
}

fn remove(seats: &mut Vec<Arc<Seat>>, parker: &Parker) -> bool {
    // From the top, where the one that is about to sleep usually is.
    let place = seats.iter().rposition(|seat| Arc::ptr_eq(seat, &parker.seat));
    place.map(|place| seats.remove(place)).is_some()
}
