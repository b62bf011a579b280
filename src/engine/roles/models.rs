//! The roles under every interleaving: one is left for somebody, and none is lost or given twice.

use super::*;
use crate::engine::parking::ParkingLot;
use crate::engine::share::Share;
use crate::engine::sync::{Arc, model, thread};

fn run<R: 'static>(
    roles: &Arc<Roles>,
    part: impl FnOnce(&Roles) -> R + 'static,
) -> thread::JoinHandle<R> {
    let roles = Arc::clone(roles);
    thread::spawn(move || part(&roles))
}

#[test]
fn one_of_two_pollers_stays() {
    model(4, || {
        let roles = Arc::new(Roles::new(2, false));
        assert!(roles.try_take() && roles.try_take());
        let steps_back = |roles: &Roles| {
            let back = roles.step_back();
            if back {
                roles.release();
            }
            back
        };
        let other = run(&roles, steps_back);
        let back = usize::from(steps_back(&roles)) + usize::from(other.join().unwrap());
        assert_eq!((back, roles.held.load(Ordering::Relaxed)), (1, 1));
        assert!(!roles.is_free() && roles.relax() && roles.is_free());
    });
}

/// Who is one too many when the calls are short again gives its role back, and nobody else does.
#[test]
fn narrowing_leaves_one_poller_at_least() {
    model(3, || {
        let roles = Arc::new(Roles::new(1, false));
        roles.widen();
        assert!(roles.try_take() && roles.try_take());
        let narrows = |roles: &Roles| {
            if roles.narrow() {
                roles.release();
            }
        };
        let other = run(&roles, narrows);
        narrows(&roles);
        other.join().unwrap();
        // Both may have found themselves one too many; then a role is free, and whoever is idle has it.
        assert!(roles.held.load(Ordering::Relaxed) == 1 || roles.is_free());
        assert!(!roles.narrow());
    });
}

/// The watchdog and the worker itself: the role is given back once.
#[test]
fn a_role_that_is_taken_away_is_free_once() {
    model(4, || {
        let roles = Arc::new(Roles::new(1, true));
        let share = Arc::new(Share::new(ParkingLot::new(1).register(), 1));
        assert!(roles.try_take());
        share.take_role();
        let watchdog = {
            let share = Arc::clone(&share);
            run(&roles, move |roles| {
                if share.lose_role() {
                    roles.release();
                }
            })
        };
        if share.lose_role() {
            roles.release();
        }
        // As a worker does that comes back.
        if roles.try_take() {
            share.take_role();
        }
        watchdog.join().unwrap();
        let held = roles.held.load(Ordering::Relaxed);
        assert_eq!((held, held == 1), (usize::from(share.has_role()), share.has_role()));
    });
}

/// A worker that looks for work a last time, and one that gives work and looks for pollers.
#[test]
fn work_is_not_overlooked_by_who_goes_to_wait_in_epoll() {
    model(4, || {
        let roles = Arc::new(Roles::new(1, true));
        let work = Arc::new(AtomicUsize::new(0));
        let signals = Arc::new(AtomicUsize::new(0));
        let giver = {
            let (work, signals) = (Arc::clone(&work), Arc::clone(&signals));
            run(&roles, move |roles| {
                work.store(1, Ordering::SeqCst);
                if roles.polling() > 0 {
                    signals.store(1, Ordering::SeqCst);
                }
            })
        };
        roles.enter();
        let found = work.load(Ordering::SeqCst) == 1;
        giver.join().unwrap();
        assert!(found || signals.load(Ordering::SeqCst) == 1);
        assert_eq!((roles.leave(), roles.polling(), roles.visits()), (0, 0, 1));
    });
}
