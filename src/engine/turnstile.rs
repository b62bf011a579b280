//! A thing that one thread at a time works with, without anybody waiting for it: who comes while another
//! thread is at it leaves word, and that one goes on.
#![forbid(unsafe_code)]

use std::sync::TryLockError;

use super::sync::{AtomicBool, Mutex, MutexGuard, Ordering, fence, lock};

#[cfg(all(loom, test))]
mod models;

/// The thing, and whether somebody came for it.
pub(super) struct Turnstile<T> {
    thing: Mutex<T>,
    again: AtomicBool,
}

impl<T> Turnstile<T> {
    pub(super) fn new(thing: T) -> Self {
        Self { thing: Mutex::new(thing), again: AtomicBool::new(false) }
    }

    /// Works with the thing, and once more for each who comes meanwhile, as long as `work` returns true.
    /// If another thread is at it, nothing: that one does it.
    pub(super) fn work(&self, mut work: impl FnMut(MutexGuard<'_, T>) -> bool) {
        self.again.store(true, Ordering::Relaxed);
        loop {
            // Between leaving word and finding the lock taken, as in `is_wanted` between giving the lock
            // back and looking for word: so one of the two sees the other.
            fence(Ordering::SeqCst);
            let thing = match self.thing.try_lock() {
                Ok(thing) => thing,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            self.again.store(false, Ordering::Relaxed);
            if !work(thing) || !self.is_wanted() {
                return;
            }
        }
    }

    /// The thing, for something else. Whoever has it has to ask `is_wanted` when it is given back.
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        lock(&self.thing)
    }

    /// Whether somebody came for it who could not have it.
    pub(super) fn is_wanted(&self) -> bool {
        fence(Ordering::SeqCst);
        self.again.load(Ordering::Relaxed)
    }
}
