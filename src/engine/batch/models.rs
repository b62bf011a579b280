//! The batch under every interleaving: each entry goes to exactly one taker, over epochs.

use super::*;
use crate::engine::sync::{Arc, model, thread};
use std::sync::atomic::AtomicUsize as Count;

/// How often each entry was taken. No part of the model: loom does not switch at it.
type Taken = [Count; 4];

fn take(taken: &Taken, entry: u64) {
    taken[entry as usize].fetch_add(1, Ordering::Relaxed);
}

fn pop_all(batch: &Batch, taken: &Taken) {
    while let Some(entry) = batch.pop() {
        take(taken, entry);
    }
}

fn steal(batch: &Batch, taken: &Taken) {
    let mut loot = [u64::MAX; BATCH_MAX];
    let count = batch.steal(&mut loot);
    for entry in loot.iter().take(count) {
        take(taken, *entry);
    }
}

/// Runs the owner in this thread and the others beside it.
fn check(owner: fn(&Batch, &Taken), others: &[fn(&Batch, &Taken)], entries: usize) {
    let shared: Arc<(Batch, Taken)> = Arc::new((Batch::new(), Default::default()));
    let run = |other: &fn(&Batch, &Taken)| {
        let (shared, other) = (Arc::clone(&shared), *other);
        thread::spawn(move || other(&shared.0, &shared.1))
    };
    let threads: Vec<_> = others.iter().map(run).collect();
    owner(&shared.0, &shared.1);
    for thread in threads {
        thread.join().expect("the part went well");
    }
    pop_all(&shared.0, &shared.1);
    let times = |taken: &Taken| taken.each_ref().map(|count| count.load(Ordering::Relaxed));
    let expected: [usize; 4] = std::array::from_fn(|entry| usize::from(entry < entries));
    assert_eq!(times(&shared.1), expected);
}

/// Two epochs of two entries, each worked off before the next.
fn two_epochs(batch: &Batch, taken: &Taken) {
    for entries in [[0, 1], [2, 3]] {
        assert!(batch.publish(&entries));
        pop_all(batch, taken);
    }
}

#[test]
fn a_thief_beside_two_epochs() {
    model(5, || check(two_epochs, &[steal], 4));
}

#[test]
fn a_thief_that_comes_twice() {
    let twice = |batch: &Batch, taken: &Taken| {
        steal(batch, taken);
        steal(batch, taken);
    };
    model(4, move || check(two_epochs, &[twice], 4));
}

#[test]
fn two_thieves() {
    model(2, || check(two_epochs, &[steal, steal], 4));
}

/// The shapes of the epochs are the same, so only the epoch tells them apart.
#[test]
fn epochs_of_one_shape() {
    let owner = |batch: &Batch, taken: &Taken| {
        for entry in 0..3 {
            assert!(batch.publish(&[entry]));
            pop_all(batch, taken);
        }
    };
    model(6, move || check(owner, &[steal], 3));
}
