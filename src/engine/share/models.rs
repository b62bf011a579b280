//! What others see of a worker, under every interleaving.

use super::*;
use crate::engine::parking::ParkingLot;
use crate::engine::sync::{Arc, model, thread};

fn share() -> Arc<Share> {
    Arc::new(Share::new(ParkingLot::new(1).register(), 1))
}

/// A call that is seen has begun when it is said to have begun, or later.
#[test]
fn a_call_is_never_older_than_it_is() {
    model(4, || {
        let share = share();
        let looker = {
            let share = Arc::clone(&share);
            thread::spawn(move || {
                if let Some((id, since)) = share.call() {
                    assert!(since >= id.0 * 10, "{id:?} since {since}");
                }
            })
        };
        for call in 1..=2 {
            share.calls(RequestId(call), call * 10);
            share.is_back();
        }
        looker.join().expect("the part went well");
        assert!(share.call().is_none());
    });
}

/// The watchdog takes a worker that has moved for one that has not only if it is away again.
#[test]
fn a_sequence_is_odd_while_its_worker_is_away() {
    model(4, || {
        let share = share();
        let watchdog = {
            let share = Arc::clone(&share);
            thread::spawn(move || (share.sequence(), share.sequence()))
        };
        share.goes_on();
        share.goes_on();
        share.waits();
        let (first, second) = watchdog.join().expect("the part went well");
        assert!(first <= second, "{first}, {second}");
        assert!(share.is_idle() && share.sequence() > second || share.sequence() == second);
    });
}

/// Nobody who was asked to come back stays away, and none is counted who has.
#[test]
fn who_is_asked_back_is_counted_until_it_is_back() {
    model(4, || {
        let site = Arc::new((share(), AtomicUsize::new(0)));
        let asks = [(); 2].map(|()| {
            let site = Arc::clone(&site);
            thread::spawn(move || site.0.ask_back(&site.1))
        });
        let back = site.0.is_back_as_asked(&site.1);
        assert!(site.1.load(Ordering::SeqCst) <= 2, "it went below zero");
        asks.into_iter().for_each(|ask| ask.join().expect("the part went well"));
        assert!(back || site.0.is_asked_back());
        let asked = usize::from(site.0.is_asked_back());
        assert_eq!(site.1.load(Ordering::SeqCst), asked);
    });
}
