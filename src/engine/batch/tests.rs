use super::*;
use crate::engine::sync::{AtomicBool, AtomicUsize, thread};

#[test]
fn entries_come_out_in_order() {
    let batch = Batch::new();
    assert_eq!(batch.pop(), None);
    assert!(batch.publish(&[1, 2, 3]));
    assert_eq!(batch.remaining(), 3);
    assert_eq!(batch.pop(), Some(1));
    assert_eq!(batch.remaining(), 2);
    assert_eq!(batch.pop(), Some(2));
    assert_eq!(batch.pop(), Some(3));
    assert_eq!(batch.pop(), None);
    assert_eq!(batch.remaining(), 0);
}

#[test]
fn a_thief_takes_what_remains() {
    let batch = Batch::new();
    let mut loot = [0; BATCH_MAX];
    assert_eq!(batch.steal(&mut loot), 0);
    assert!(batch.publish(&[1, 2, 3]));
    assert_eq!(batch.pop(), Some(1));
    assert_eq!(batch.steal(&mut loot), 2);
    assert_eq!(loot[..2], [2, 3]);
    assert_eq!(batch.pop(), None);
    assert_eq!(batch.steal(&mut loot), 0);
}

#[test]
fn a_full_batch_is_not_overwritten() {
    let batch = Batch::new();
    let full: [u64; BATCH_MAX] = std::array::from_fn(|i| u64::MAX - i as u64);
    assert!(!batch.publish(&[0; BATCH_MAX + 1]));
    assert!(batch.publish(&full));
    assert!(!batch.publish(&[9]));
    let mut loot = [0; BATCH_MAX];
    assert_eq!(batch.steal(&mut loot), BATCH_MAX);
    assert_eq!(loot, full);
    assert!(batch.publish(&[]));
    assert!(batch.publish(&[9]));
    assert_eq!(batch.pop(), Some(9));
}

/// The owner publishes batches of every size and works on them, two thieves steal; every entry has
/// to be taken exactly once.
#[test]
fn stress_every_entry_goes_to_one_taker() {
    const ENTRIES: usize = 60_000;
    let batch = Batch::new();
    let taken: Vec<AtomicUsize> = (0..ENTRIES).map(|_| AtomicUsize::new(0)).collect();
    let take = |entry: u64| taken[entry as usize].fetch_add(1, Ordering::Relaxed);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut loot = [0; BATCH_MAX];
                while !done.load(Ordering::Acquire) {
                    let count = batch.steal(&mut loot);
                    for entry in &loot[..count] {
                        take(*entry);
                    }
                    if count == 0 {
                        thread::yield_now();
                    }
                }
            });
        }
        let entries: Vec<u64> = (0..ENTRIES as u64).collect();
        let mut rest = entries.as_slice();
        let mut size = 1;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(size.min(rest.len()));
            assert!(batch.publish(now));
            while let Some(entry) = batch.pop() {
                take(entry);
            }
            rest = later;
            size = size % BATCH_MAX + 1;
        }
        done.store(true, Ordering::Release);
    });
    assert!(taken.iter().all(|times| times.load(Ordering::Relaxed) == 1));
}
