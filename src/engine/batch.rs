//! The published batch: the events a worker has fetched and not begun.
//!
//! A worker takes up to sixteen events from one `epoll_wait` and handles them one after the other.
//! If one of them blocks, the others must not wait for it, so they lie here where another thread
//! can take them. One word holds {epoch, head, length}; an entry is taken by moving the head with
//! a compare-and-swap, by owner and thief alike.
//!
//! Why no entry is taken twice or from the wrong epoch: the word never returns to an earlier value
//! (the head grows within an epoch, the epoch grows with each publication), so a swap succeeds
//! only if nothing was taken or published since the word was read, and the entries were read
//! between the two. The owner writes entries only after it has seen the batch empty, with
//! Acquire, so after every reading by a taker who succeeded.
#![forbid(unsafe_code)]

use crate::engine::sync::{AtomicU64, Ordering};

#[cfg(all(loom, test))]
mod models;
#[cfg(all(not(loom), test))]
mod tests;

/// The most entries a batch can have.
pub(crate) const BATCH_MAX: usize = 16;

const HEAD_SHIFT: u32 = 8;
const EPOCH_SHIFT: u32 = 16;

/// One worker's batch. Aligned, so that the batches of two workers share no cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Batch {
    /// epoch << 16 | head << 8 | length
    state: AtomicU64,
    entries: [AtomicU64; BATCH_MAX],
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { state: AtomicU64::new(0), entries: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Publishes the entries as the next epoch. For the owner only. False, and nothing is
    /// published, if the batch is not empty yet or the entries are too many.
    #[must_use = "entries that were not published are still the caller's"]
    pub(crate) fn publish(&self, entries: &[u64]) -> bool {
        let state = State(self.state.load(Ordering::Acquire));
        if state.remaining() != 0 || entries.len() > BATCH_MAX {
            return false;
        }
        for (place, entry) in self.entries.iter().zip(entries) {
            place.store(*entry, Ordering::Relaxed);
        }
        self.state.store(state.next_epoch(entries.len()).0, Ordering::Release);
        true
    }

    /// Takes the first entry that is left. For the owner (a thief may, too).
    pub(crate) fn pop(&self) -> Option<u64> {
        let mut state = State(self.state.load(Ordering::Acquire));
        loop {
            let shorter = state.advanced(1)?;
            let entry = self.entries.get(state.head())?.load(Ordering::Relaxed);
            match self.swap(state, shorter) {
                Ok(()) => return Some(entry),
                Err(now) => state = now,
            }
        }
    }

    /// Takes all entries that are left, in their order, and returns how many. For any thread.
    pub(crate) fn steal(&self, out: &mut [u64; BATCH_MAX]) -> usize {
        let mut state = State(self.state.load(Ordering::Acquire));
        loop {
            let count = state.remaining();
            let Some(emptied) = state.advanced(count).filter(|_| count != 0) else {
                return 0;
            };
            let left = self.entries.iter().skip(state.head()).take(count);
            for (to, from) in out.iter_mut().zip(left) {
                *to = from.load(Ordering::Relaxed);
            }
            match self.swap(state, emptied) {
                Ok(()) => return count,
                Err(now) => state = now,
            }
        }
    }

    /// How many entries nobody has taken yet. A glance: it may be old when it is used.
    pub(crate) fn remaining(&self) -> usize {
        State(self.state.load(Ordering::Relaxed)).remaining()
    }

    /// Release: the entries were read before the owner can see the batch empty and write anew.
    fn swap(&self, seen: State, next: State) -> Result<(), State> {
        self.state
            .compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| ())
            .map_err(State)
    }
}

#[derive(Clone, Copy)]
struct State(u64);

impl State {
    fn length(self) -> usize {
        usize::from(self.0 as u8)
    }

    fn head(self) -> usize {
        usize::from((self.0 >> HEAD_SHIFT) as u8)
    }

    fn remaining(self) -> usize {
        self.length().saturating_sub(self.head())
    }

    /// `count` entries fewer; `None` if there are not so many.
    fn advanced(self, count: usize) -> Option<Self> {
        (count <= self.remaining()).then_some(Self(self.0 + ((count as u64) << HEAD_SHIFT)))
    }

    fn next_epoch(self, length: usize) -> Self {
        Self((((self.0 >> EPOCH_SHIFT) + 1) << EPOCH_SHIFT) | length as u64)
    }
}
