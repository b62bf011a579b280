//! The poller roles: at most so many workers wait in epoll at a time, the others are parked.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};

/// The roles that are free, and how many threads are inside epoll's wait.
pub(crate) struct Roles {
    free: AtomicUsize,
    polling: AtomicUsize,
}

impl Roles {
    pub(crate) fn new(pollers: usize) -> Self {
        Self { free: AtomicUsize::new(pollers), polling: AtomicUsize::new(0) }
    }

    pub(crate) fn try_take(&self) -> bool {
        self.free
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| free.checked_sub(1))
            .is_ok()
    }

    pub(crate) fn release(&self) {
        self.free.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn is_free(&self) -> bool {
        self.free.load(Ordering::SeqCst) > 0
    }

    /// To be called before looking for work a last time and waiting in epoll.
    pub(crate) fn enter(&self) {
        self.polling.fetch_add(1, Ordering::SeqCst);
    }

    /// To be called after the wait. Returns how many threads still wait.
    pub(crate) fn leave(&self) -> usize {
        self.polling.fetch_sub(1, Ordering::SeqCst) - 1
    }

    /// How many threads wait in epoll.
    pub(crate) fn polling(&self) -> usize {
        self.polling.load(Ordering::SeqCst)
    }
}
