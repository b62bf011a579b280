//! Places under every interleaving: no more calls wait than there are places, and each place that is
//! taken from a call goes to one other.

use super::*;
use crate::engine::sync::{Arc, AtomicBool, model, thread};

impl Bell for Arc<AtomicBool> {
    fn ring(&self) {
        self.store(true, Ordering::SeqCst);
    }
}

/// One place.
struct Site {
    places: Places<Arc<AtomicBool>>,
    /// Calls that have a place and may wait.
    waiting: AtomicUsize,
    served: AtomicUsize,
}

impl Site {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            places: Places::new(1),
            waiting: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
        })
    }

    /// A call that needs a place, and gives it back unless it has lost it.
    fn call(&self, slot: u32) {
        if !self.places.try_take() && !self.places.take_from_slowest(GRACE) {
            return;
        }
        let bell = Arc::new(AtomicBool::new(false));
        self.places.begin_wait(slot, Credit::default(), 0, Some(bell.clone()));
        // What ends the wait is seen at the latest when it is over.
        let rung = bell.load(Ordering::SeqCst);
        let lost = self.places.end_wait(slot);
        assert!(!rung || lost);
        if !lost {
            let others = self.waiting.fetch_add(1, Ordering::SeqCst);
            assert_eq!(others, 0, "two calls have the one place");
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            self.places.give();
        }
        self.served.fetch_add(1, Ordering::SeqCst);
    }

    fn check(calls: u32) {
        let site = Self::new();
        let others: Vec<_> = (1..calls)
            .map(|slot| {
                let site = site.clone();
                thread::spawn(move || site.call(slot))
            })
            .collect();
        site.call(0);
        others.into_iter().for_each(|other| other.join().expect("the call went well"));
        assert!(site.served.load(Ordering::SeqCst) >= 1);
        assert!(!site.places.is_full(), "a place is lost");
        assert_eq!(site.places.waiting(), 0);
    }
}

#[test]
fn one_of_two_calls_has_the_place() {
    model(3, || Site::check(2));
}

#[test]
fn a_place_that_is_taken_away_twice_has_one_owner() {
    model(2, || Site::check(3));
}
