//! How many workers the pool has, is to have, and may have.
//!
//! Workers are equal, so nobody in particular is sent away: whoever comes by first between two
//! things leaves. So no call is cut, and a pool that shrinks under load shrinks at once.
#![forbid(unsafe_code)]

use crate::engine::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, lock};

#[cfg(all(loom, test))]
mod models;

/// The pool's numbers.
pub(crate) struct Headcount {
    /// The seed's `min`.
    least: usize,
    /// `grow` goes so far; the seed's `max`, if it was set.
    most: usize,
    /// The pool grows so far by itself.
    most_for_load: usize,
    numbers: Mutex<Numbers>,
    /// So many workers are to leave, whichever they are.
    leavers: AtomicUsize,
    /// There are workers that only came because of the load.
    surplus: AtomicBool,
    /// The number of the pulling worker that was made last.
    last: AtomicUsize,
}

#[derive(Default)]
struct Numbers {
    /// Workers that stay.
    staff: usize,
    /// So many of them also without load.
    kept: usize,
}

/// Why a worker is hired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The host wants it: it stays until the pool is shrunk.
    Host,
    /// The load wants it: it goes again when it has been idle for long.
    Load,
}

impl Headcount {
    pub(crate) fn new(least: usize, most: usize, most_for_load: usize) -> Self {
        Self {
            least,
            most,
            most_for_load,
            numbers: Mutex::new(Numbers::default()),
            leavers: AtomicUsize::new(0),
            surplus: AtomicBool::new(false),
            last: AtomicUsize::new(0),
        }
    }

    /// One worker more. False if there are as many as there may be.
    pub(crate) fn hire(&self, reason: Reason) -> bool {
        let mut numbers = lock(&self.numbers);
        let most = match reason {
            Reason::Host => self.most,
            Reason::Load => self.most_for_load,
        };
        let hired = numbers.staff < most;
        if hired {
            numbers.staff += 1;
            numbers.kept += usize::from(reason == Reason::Host);
            self.note(&numbers);
        }
        hired
    }

    /// The worker that was hired could not be made.
    pub(crate) fn hired_in_vain(&self, reason: Reason) {
        let mut numbers = lock(&self.numbers);
        numbers.staff = numbers.staff.saturating_sub(1);
        if reason == Reason::Host {
            numbers.kept = numbers.kept.saturating_sub(1);
        }
        if numbers.staff < self.least && self.take_leave() {
            // Who was sent away because of that one stays, if it has not gone yet.
            numbers.staff += 1;
        }
        self.note(&numbers);
    }

    /// Sends up to so many workers away, those that came because of the load first. Returns how
    /// many are to leave; they have to be woken.
    pub(crate) fn dismiss(&self, amount: usize) -> usize {
        let mut numbers = lock(&self.numbers);
        let count = amount.min(numbers.staff.saturating_sub(self.least));
        numbers.staff -= count;
        numbers.kept = numbers.kept.min(numbers.staff);
        self.note(&numbers);
        self.leavers.fetch_add(count, Ordering::SeqCst);
        count
    }

    /// A worker has been idle for long: is it one too many?
    pub(crate) fn dismiss_surplus(&self) {
        let mut numbers = lock(&self.numbers);
        if numbers.staff > numbers.kept.max(self.least) {
            numbers.staff -= 1;
            self.note(&numbers);
            self.leavers.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whether the worker that asks is to leave.
    pub(crate) fn take_leave(&self) -> bool {
        self.leavers.load(Ordering::Relaxed) != 0
            && self
                .leavers
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1))
                .is_ok()
    }

    /// Whether somebody is to leave.
    pub(crate) fn has_leavers(&self) -> bool {
        self.leavers.load(Ordering::SeqCst) != 0
    }

    pub(crate) fn has_surplus(&self) -> bool {
        self.surplus.load(Ordering::Relaxed)
    }

    /// Whether the load may bring one more.
    pub(crate) fn may_grow_for_load(&self) -> bool {
        lock(&self.numbers).staff < self.most_for_load
    }

    /// A number for a new worker of a host that pulls.
    pub(crate) fn next_number(&self) -> usize {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn note(&self, numbers: &Numbers) {
        self.surplus.store(numbers.staff > numbers.kept.max(self.least), Ordering::Relaxed);
    }
}

#[cfg(all(not(loom), test))]
mod tests {
    use super::*;

    fn with_kept(least: usize, most: usize, for_load: usize) -> Headcount {
        let headcount = Headcount::new(least, most, for_load);
        assert!((0..least).all(|_| headcount.hire(Reason::Host)));
        headcount
    }

    #[test]
    fn the_pool_stays_within_its_bounds() {
        let headcount = with_kept(2, 4, 2);
        assert!(!headcount.may_grow_for_load() && !headcount.hire(Reason::Load));
        assert!(headcount.hire(Reason::Host) && headcount.hire(Reason::Host));
        assert!(!headcount.hire(Reason::Host));
        assert!(!headcount.take_leave());
        assert_eq!(headcount.dismiss(usize::MAX), 2);
        assert_eq!(headcount.dismiss(1), 0, "two have not left yet, and are counted out");
        assert!(headcount.take_leave() && headcount.take_leave() && !headcount.take_leave());
    }

    #[test]
    fn only_those_that_came_with_the_load_go_by_themselves() {
        let headcount = with_kept(1, 10, 3);
        assert!(headcount.hire(Reason::Host));
        headcount.dismiss_surplus();
        assert!(!headcount.has_surplus() && !headcount.has_leavers());
        assert!(headcount.hire(Reason::Load) && !headcount.hire(Reason::Load));
        assert!(headcount.has_surplus());
        headcount.dismiss_surplus();
        headcount.dismiss_surplus();
        assert!(headcount.take_leave() && !headcount.take_leave());
    }

    #[test]
    fn a_worker_that_could_not_be_made_is_not_counted() {
        let headcount = with_kept(2, 3, 3);
        headcount.hired_in_vain(Reason::Host);
        assert_eq!(headcount.dismiss(5), 0);
        assert!(headcount.hire(Reason::Load) && headcount.hire(Reason::Load));
        assert!(headcount.has_surplus());
    }

    #[test]
    fn nobody_goes_for_a_worker_that_could_not_be_made() {
        let headcount = with_kept(1, 2, 2);
        assert!(headcount.hire(Reason::Load));
        assert_eq!(headcount.dismiss(1), 1);
        headcount.hired_in_vain(Reason::Load);
        assert!(!headcount.take_leave(), "it is the only one");
    }
}
