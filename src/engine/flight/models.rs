//! How many are out, under every interleaving, and that no place stays free that somebody waits for.

use super::*;
use crate::engine::parking::ParkingLot;
use crate::engine::sync::{Arc, model, thread};

/// One place, and a queue that is a mere count.
struct Site {
    flight: Flight,
    queued: AtomicUsize,
    lot: ParkingLot,
}

impl Site {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            flight: Flight::new(1),
            queued: AtomicUsize::new(0),
            lot: ParkingLot::new(1),
        })
    }

    /// As a worker does that has a complete request.
    fn bring(&self) {
        if self.flight.enter() {
            self.land();
        } else {
            self.keep_back();
        }
    }

    /// As `Engine::keep_back` does.
    fn keep_back(&self) {
        self.queued.fetch_add(1, Ordering::SeqCst);
        if !self.flight.is_full() {
            self.lot.wake_one();
        }
    }

    /// As `Engine::land_one` does.
    fn land(&self) {
        self.flight.leave();
        if self.queued.load(Ordering::SeqCst) > 0 {
            self.lot.wake_one();
        }
    }

    fn has_queued(&self) -> bool {
        self.queued.load(Ordering::SeqCst) > 0 && !self.flight.is_full()
    }

    /// As an idle worker does, for one request.
    fn work_once(&self) {
        let me = self.lot.register();
        loop {
            let less = |queued: usize| queued.checked_sub(1);
            if !self.flight.is_full()
                && self.queued.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
            {
                if self.flight.enter() {
                    return self.land();
                }
                self.keep_back();
                continue;
            }
            let _ = self.lot.park(&me, || self.has_queued(), None);
        }
    }
}

#[test]
fn a_place_that_is_free_again_finds_who_waits() {
    model(3, || {
        let site = Site::new();
        assert!(site.flight.enter());
        let worker = {
            let site = Arc::clone(&site);
            thread::spawn(move || site.work_once())
        };
        let late = {
            let site = Arc::clone(&site);
            thread::spawn(move || site.keep_back())
        };
        site.land();
        late.join().expect("the part went well");
        worker.join().expect("the part went well");
        assert!(!site.flight.is_full());
    });
}

#[test]
fn no_more_are_out_than_may() {
    model(4, || {
        let site = Site::new();
        let part = |site: &Site| {
            if site.flight.enter() {
                assert!(site.flight.is_full() && !site.flight.enter());
                site.flight.leave();
            }
        };
        let other = {
            let site = Arc::clone(&site);
            thread::spawn(move || part(&site))
        };
        part(&site);
        other.join().expect("the part went well");
        site.bring();
        assert!(!site.flight.is_full());
    });
}
