//! The headcount under every interleaving: as many leave as are dismissed, and never too many.

use super::*;
use crate::engine::sync::{Arc, model, thread};

fn pool(least: usize, host: usize, load: usize) -> Arc<Headcount> {
    let headcount = Headcount::new(least, host + load, host + load);
    assert!((0..host).all(|_| headcount.hire(Reason::Host)));
    assert!((0..load).all(|_| headcount.hire(Reason::Load)));
    Arc::new(headcount)
}

fn run<R: 'static>(pool: &Arc<Headcount>, part: fn(&Headcount) -> R) -> thread::JoinHandle<R> {
    let pool = Arc::clone(pool);
    thread::spawn(move || part(&pool))
}

fn leavers(pool: &Headcount) -> usize {
    (0..8).filter(|_| pool.take_leave()).count()
}

#[test]
fn as_many_leave_as_are_dismissed() {
    model(3, || {
        let pool = pool(1, 3, 0);
        let left = run(&pool, |pool| usize::from(pool.take_leave()));
        let left_too = run(&pool, |pool| usize::from(pool.take_leave()));
        let dismissed = pool.dismiss(1) + pool.dismiss(5);
        let left = left.join().unwrap() + left_too.join().unwrap() + leavers(&pool);
        assert_eq!((dismissed, left), (2, 2));
        assert!(!pool.has_leavers());
    });
}

#[test]
fn idle_workers_and_the_host_do_not_dismiss_too_many() {
    model(3, || {
        let pool = pool(1, 1, 2);
        let idle = run(&pool, Headcount::dismiss_surplus);
        let idle_too = run(&pool, Headcount::dismiss_surplus);
        let _some = pool.dismiss(2);
        idle.join().unwrap();
        idle_too.join().unwrap();
        assert_eq!(leavers(&pool), 2, "one stays of three");
        assert!(!pool.has_surplus());
    });
}

/// Of two workers one turns out not to have been made, while somebody is sent away.
#[test]
fn who_could_not_be_made_is_not_counted() {
    model(3, || {
        let pool = pool(1, 1, 1);
        let idle = run(&pool, Headcount::dismiss_surplus);
        let gone = run(&pool, |pool| usize::from(pool.take_leave()));
        pool.hired_in_vain(Reason::Load);
        idle.join().unwrap();
        let gone = gone.join().unwrap() + leavers(&pool);
        assert_eq!(lock(&pool.numbers).staff + gone, 1);
    });
}
