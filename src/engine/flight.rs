//! How many requests may be out at the host at a time (the option `max_in_flight`).
#![forbid(unsafe_code)]

use crate::engine::sync::{AtomicUsize, Ordering};

#[cfg(all(loom, test))]
mod models;

/// The requests that the host has and has not finished. They are counted only if there is a limit.
pub(super) struct Flight {
    /// 0: none.
    limit: AtomicUsize,
    out: AtomicUsize,
}

impl Flight {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: AtomicUsize::new(limit), out: AtomicUsize::new(0) }
    }

    pub(super) fn is_limited(&self) -> bool {
        self.limit.load(Ordering::Relaxed) != 0
    }

    pub(super) fn is_full(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        limit != 0 && self.out.load(Ordering::SeqCst) >= limit
    }

    /// One more goes out. False if there is no room.
    pub(super) fn enter(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |out: usize| (limit == 0 || out < limit).then_some(out + 1);
        self.out.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    /// One that has entered is finished.
    pub(super) fn leave(&self) {
        self.out.fetch_sub(1, Ordering::SeqCst);
    }

    /// Nobody is kept back any more.
    pub(super) fn open(&self) {
        self.limit.store(0, Ordering::SeqCst);
    }
}

#[cfg(all(not(loom), test))]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_are_out() {
        let flight = Flight::new(2);
        assert!(flight.enter() && !flight.is_full() && flight.enter() && flight.is_full());
        assert!(!flight.enter());
        flight.leave();
        assert!(!flight.is_full() && flight.enter() && !flight.enter());
        flight.open();
        assert!(!flight.is_full() && flight.enter() && !flight.is_limited());
    }
}
