//! The lot under every interleaving. A lost wake-up is a deadlock, which loom reports.

use super::*;
use crate::engine::sync::{model, thread};

/// A lot, and work that is a mere count: relaxed, so that the lot's fences alone carry the proof.
struct Pool {
    lot: ParkingLot,
    work: AtomicUsize,
    stop: AtomicBool,
}

impl Pool {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lot: ParkingLot::new(2),
            work: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        })
    }

    fn push(&self) {
        self.work.fetch_add(1, Ordering::Relaxed);
        self.lot.wake_one();
    }

    fn take(&self) -> bool {
        let less = |count: usize| count.checked_sub(1);
        self.work.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn has_work(&self) -> bool {
        self.work.load(Ordering::Relaxed) > 0
    }

    /// A worker that takes one piece of work.
    fn work_once(&self) {
        let me = self.lot.register();
        while !self.take() {
            let _ = self.lot.park(&me, || self.has_work(), None);
        }
    }
}

fn spawn(pool: &Arc<Pool>, part: fn(&Pool)) -> thread::JoinHandle<()> {
    let pool = Arc::clone(pool);
    thread::spawn(move || part(&pool))
}

fn join<const N: usize>(threads: [thread::JoinHandle<()>; N]) {
    for thread in threads {
        thread.join().expect("the part went well");
    }
}

#[test]
fn push_against_park() {
    model(6, || {
        let pool = Pool::new();
        let worker = spawn(&pool, Pool::work_once);
        pool.push();
        join([worker]);
        assert_eq!(pool.lot.parked(), 0);
    });
}

#[test]
fn two_pushes_for_two_workers() {
    model(3, || {
        let pool = Pool::new();
        let workers = [spawn(&pool, Pool::work_once), spawn(&pool, Pool::work_once)];
        pool.push();
        pool.push();
        join(workers);
        assert_eq!(pool.lot.parked(), 0);
    });
}

#[test]
fn two_who_push() {
    model(3, || {
        let pool = Pool::new();
        let twice = |pool: &Pool| {
            pool.work_once();
            pool.work_once();
        };
        let threads = [spawn(&pool, twice), spawn(&pool, Pool::push)];
        pool.push();
        join(threads);
        assert_eq!(pool.lot.parked(), 0);
    });
}

/// A worker that leaves the lot again, because its time is over, takes no wake-up with it.
#[test]
fn a_timeout_takes_no_wake_up_along() {
    model(3, || {
        let pool = Pool::new();
        let impatient = |pool: &Pool| {
            let me = pool.lot.register();
            if pool.lot.park(&me, || false, Some(Duration::ZERO)) == Parked::Woken {
                pool.lot.wake_one();
            }
        };
        let threads = [spawn(&pool, Pool::work_once), spawn(&pool, impatient)];
        pool.push();
        join(threads);
        assert_eq!(pool.lot.parked(), 0);
    });
}

/// A worker whose own look succeeds while a wake-up reaches it hands the wake-up on: it may be
/// away with its work for long, and the other one must not sleep beside the second piece.
#[test]
fn a_wake_up_that_is_not_needed_goes_on() {
    model(3, || {
        let pool = Pool::new();
        let busy = |pool: &Pool| {
            let me = pool.lot.register();
            if pool.lot.park(&me, || true, None) == Parked::Woken {
                pool.lot.wake_one();
            }
        };
        let threads = [spawn(&pool, Pool::work_once), spawn(&pool, busy)];
        pool.push();
        join(threads);
        assert_eq!(pool.lot.parked(), 0);
    });
}

#[test]
fn wake_reaches_the_one_that_is_meant() {
    model(6, || {
        let pool = Pool::new();
        let me = pool.lot.register();
        let other = {
            let (pool, me) = (Arc::clone(&pool), me.clone());
            thread::spawn(move || assert_eq!(pool.lot.park(&me, || false, None), Parked::Woken))
        };
        pool.lot.wake(&me);
        join([other]);
        assert_eq!(pool.lot.parked(), 0);
    });
}

#[test]
fn everybody_stops() {
    model(3, || {
        let pool = Pool::new();
        let worker = |pool: &Pool| {
            let me = pool.lot.register();
            let stopped = || pool.stop.load(Ordering::Relaxed);
            while !stopped() {
                let _ = pool.lot.park(&me, stopped, None);
            }
        };
        let workers = [spawn(&pool, worker), spawn(&pool, worker)];
        pool.stop.store(true, Ordering::Relaxed);
        pool.lot.wake_all();
        join(workers);
        assert_eq!(pool.lot.parked(), 0);
    });
}
