use super::*;
use crate::engine::sync::thread;
use std::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `count` threads are parked.
fn until_parked(lot: &ParkingLot, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while lot.parked() != count {
        assert!(Instant::now() < deadline, "{} parked instead of {count}", lot.parked());
        thread::yield_now();
    }
}

fn nothing() -> bool {
    false
}

#[test]
fn nobody_to_wake() {
    let lot = ParkingLot::new(4);
    let _me = lot.register();
    assert!(!lot.wake_one());
    assert_eq!(lot.wake_all(), 0);
    assert_eq!(lot.parked(), 0);
}

#[test]
fn work_that_is_there_is_ready() {
    let lot = ParkingLot::new(1);
    let me = lot.register();
    assert_eq!(lot.park(&me, || lot.parked() == 1, None), Parked::Ready);
    assert_eq!(lot.parked(), 0);
}

#[test]
fn a_park_times_out() {
    let lot = ParkingLot::new(1);
    let me = lot.register();
    assert_eq!(lot.park(&me, nothing, Some(Duration::ZERO)), Parked::TimedOut);
    let start = Instant::now();
    let timeout = Duration::from_millis(20);
    assert_eq!(lot.park(&me, nothing, Some(timeout)), Parked::TimedOut);
    assert!(start.elapsed() >= timeout);
    assert_eq!(lot.parked(), 0);
}

#[test]
fn a_wake_before_the_park_counts_once() {
    let lot = ParkingLot::new(1);
    let me = lot.register();
    lot.wake(&me);
    assert_eq!(lot.park(&me, nothing, None), Parked::Woken);
    assert_eq!(lot.park(&me, nothing, Some(Duration::ZERO)), Parked::TimedOut);
}

#[test]
fn a_wake_during_the_recheck_counts() {
    let lot = ParkingLot::new(1);
    let me = lot.register();
    let woken = lot.park(&me, || !lot.wake_one(), None);
    assert_eq!(woken, Parked::Woken);
    let directly = || {
        lot.wake(&me);
        false
    };
    assert_eq!(lot.park(&me, directly, None), Parked::Woken);
    // One that was taken out and found work itself keeps no wake-up for later.
    assert_eq!(lot.park(&me, || lot.wake_one(), None), Parked::Ready);
    assert_eq!(lot.park(&me, nothing, Some(Duration::ZERO)), Parked::TimedOut);
}

#[test]
fn a_panic_in_the_recheck_leaves_no_ghost() {
    let lot = ParkingLot::new(1);
    let me = lot.register();
    let broken = std::panic::AssertUnwindSafe(|| lot.park(&me, || panic!("recheck"), None));
    assert!(std::panic::catch_unwind(broken).is_err());
    assert_eq!(lot.parked(), 0);
    assert!(!lot.wake_one());
}

#[test]
fn the_last_one_in_is_the_first_one_out() {
    let lot = ParkingLot::new(0);
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for number in 0..3 {
            let (lot, tell) = (&lot, tell.clone());
            scope.spawn(move || {
                let woken = lot.park(&lot.register(), nothing, None);
                tell.send((number, woken)).expect("the test listens");
            });
            until_parked(lot, number + 1);
        }
        for number in (0..3).rev() {
            assert!(lot.wake_one());
            assert_eq!(told.recv_timeout(PATIENCE), Ok((number, Parked::Woken)));
        }
    });
    assert!(!lot.wake_one());
}

#[test]
fn wake_takes_the_one_that_is_meant() {
    let lot = ParkingLot::new(3);
    let parkers: Vec<Parker> = (0..3).map(|_| lot.register()).collect();
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for (number, parker) in parkers.iter().enumerate() {
            let (lot, tell) = (&lot, tell.clone());
            scope.spawn(move || {
                let _ = lot.park(parker, nothing, None);
                tell.send(number).expect("the test listens");
            });
        }
        until_parked(&lot, 3);
        for number in [1, 0, 2] {
            lot.wake(&parkers[number]);
            assert_eq!(told.recv_timeout(PATIENCE), Ok(number));
        }
    });
}

#[test]
fn wake_all_empties_the_lot() {
    let lot = ParkingLot::new(2);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(lot.park(&lot.register(), nothing, None), Parked::Woken));
        }
        until_parked(&lot, 4);
        assert_eq!(lot.wake_all(), 4);
    });
    assert_eq!(lot.parked(), 0);
}

/// Workers that come and go take work that two others put down; a lost wake-up leaves the work
/// lying and every worker asleep.
#[test]
fn stress_no_wake_up_is_lost() {
    const EACH: usize = 3_000;
    let lot = ParkingLot::new(2);
    let (waiting, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let take = || {
        let less = |count: usize| count.checked_sub(1);
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    };
    let worker = || {
        let mut me = lot.register();
        let mut turn = 0;
        while done.load(Ordering::Relaxed) < 2 * EACH {
            if take() {
                if done.fetch_add(1, Ordering::Relaxed) + 1 == 2 * EACH {
                    lot.wake_all();
                }
                continue;
            }
            let work =
                || waiting.load(Ordering::Relaxed) > 0 || done.load(Ordering::Relaxed) == 2 * EACH;
            turn += 1;
            let timeout = (turn % 3 == 0).then_some(Duration::from_micros(10));
            let _ = lot.park(&me, work, timeout);
            if turn % 64 == 0 {
                me = lot.register();
            }
        }
    };
    // No producer starts the next piece before the last one has been taken, so each piece depends
    // on its own wake-up.
    let producer = || {
        let deadline = Instant::now() + PATIENCE;
        for _ in 0..EACH {
            waiting.fetch_add(1, Ordering::Relaxed);
            lot.wake_one();
            while waiting.load(Ordering::Relaxed) > 1 {
                assert!(Instant::now() < deadline, "a wake-up was lost");
                thread::yield_now();
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(worker);
        }
        scope.spawn(producer);
        scope.spawn(producer);
    });
    assert_eq!(done.load(Ordering::Relaxed), 2 * EACH);
    assert_eq!(lot.parked(), 0);
}
