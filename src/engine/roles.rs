//! The poller roles: at most so many workers wait in epoll at a time, the others are parked.
//!
//! How many that are follows the load. With little to do a second poller costs nothing and is what
//! makes the watchdog unnecessary: whoever is called away leaves another one behind. On a busy
//! server it is woken by events that the first would have fetched a moment later, on a processor
//! that knows nothing of them, and those wake-ups cost a tenth of a request each; so it steps back.
//! With more to do than one can, it is called again, ever more reluctantly if that did not help.
//! Where every call takes long, whoever has come back may wait in epoll: the kernel wakes one of
//! them with the event itself, and nobody has to be woken out of the parking lot.
#![forbid(unsafe_code)]

use crate::engine::sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

#[cfg(all(loom, test))]
mod models;

/// So many full batches in a row show that one poller is not enough.
const PATIENCE: u32 = 64;
const MOST_PATIENCE: u32 = 1 << 16;

const ENTERED: u64 = 1 << 32;
const WAITING: u64 = ENTERED - 1;

/// The roles, and how many threads are inside epoll's wait.
pub(crate) struct Roles {
    most: usize,
    /// The host has set the number: it is never exceeded.
    fixed: bool,
    limit: AtomicUsize,
    held: AtomicUsize,
    /// Below: who is inside epoll's wait. Above: how often anybody went in.
    polling: AtomicU64,
    patience: AtomicU32,
}

impl Roles {
    pub(crate) fn new(pollers: usize, fixed: bool) -> Self {
        Self {
            most: pollers,
            fixed,
            limit: AtomicUsize::new(pollers),
            held: AtomicUsize::new(0),
            polling: AtomicU64::new(0),
            patience: AtomicU32::new(PATIENCE),
        }
    }

    pub(crate) fn try_take(&self) -> bool {
        let limit = self.limit.load(Ordering::SeqCst);
        self.held
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |held| {
                (held < limit).then_some(held + 1)
            })
            .is_ok()
    }

    pub(crate) fn release(&self) {
        self.held.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn is_free(&self) -> bool {
        self.held.load(Ordering::SeqCst) < self.limit.load(Ordering::SeqCst)
    }

    /// To be called before looking for work a last time and waiting in epoll.
    pub(crate) fn enter(&self) {
        self.polling.fetch_add(ENTERED | 1, Ordering::SeqCst);
    }

    /// To be called after the wait. Returns how many threads still wait.
    pub(crate) fn leave(&self) -> usize {
        ((self.polling.fetch_sub(1, Ordering::SeqCst) - 1) & WAITING) as usize
    }

    /// How many threads wait in epoll.
    pub(crate) fn polling(&self) -> usize {
        (self.polling.load(Ordering::SeqCst) & WAITING) as usize
    }

    /// A number that changes when a thread goes to wait in epoll.
    pub(crate) fn visits(&self) -> u64 {
        self.polling.load(Ordering::SeqCst) / ENTERED
    }

    /// One poller fewer: the one that asks was woken for what another would have fetched. False if
    /// it is the last.
    pub(crate) fn step_back(&self) -> bool {
        let fewer = self.limit.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |limit| {
            (limit > 1).then(|| limit.min(self.most) - 1).map(|limit| limit.max(1))
        });
        if fewer.is_ok() {
            let patience = self.patience.load(Ordering::Relaxed);
            self.patience.store((patience * 2).min(MOST_PATIENCE), Ordering::Relaxed);
        }
        fewer.is_ok()
    }

    /// So many full batches in a row: is it time for one poller more? It has to be woken then.
    pub(crate) fn step_forward(&self, full_batches: u32) -> bool {
        full_batches >= self.patience.load(Ordering::Relaxed)
            && self
                .limit
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |limit| {
                    (limit < self.most).then_some(limit + 1)
                })
                .is_ok()
    }

    /// Every call takes long: all may wait in epoll.
    pub(crate) fn widen(&self) {
        let limit = if self.fixed { self.most } else { usize::MAX };
        if self.limit.load(Ordering::Relaxed) != limit {
            self.limit.store(limit, Ordering::SeqCst);
        }
    }

    /// Calls are short again. True if the one that asks is one too many and has to give its role
    /// back.
    pub(crate) fn narrow(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        if limit > self.most {
            self.limit.store(self.most, Ordering::SeqCst);
        }
        self.held.load(Ordering::Relaxed) > limit.min(self.most)
    }

    /// Whether some roles are closed.
    pub(crate) fn is_limited(&self) -> bool {
        self.limit.load(Ordering::Relaxed) < self.most
    }

    /// There is little to do: all roles are open again. True if that changed anything.
    pub(crate) fn relax(&self) -> bool {
        if !self.is_limited() {
            return false;
        }
        self.patience.store(PATIENCE, Ordering::Relaxed);
        self.limit.swap(self.most, Ordering::SeqCst) < self.most
    }
}

#[cfg(all(not(loom), test))]
mod tests {
    use super::*;

    #[test]
    fn roles_follow_the_load() {
        let roles = Roles::new(2, false);
        assert!(roles.try_take() && roles.try_take() && !roles.try_take());
        roles.release();
        assert!(roles.step_back() && !roles.is_free(), "one is enough, and it is taken");
        assert!(!roles.step_back(), "never none");
        assert!(!roles.step_forward(PATIENCE), "not so soon after a step back");
        assert!(roles.step_forward(PATIENCE * 2) && roles.try_take());
        assert!(!roles.relax());
        roles.release();
        assert!(roles.step_back() && roles.relax() && roles.is_free());
    }

    #[test]
    fn all_may_wait_where_calls_are_long_unless_the_host_forbids_it() {
        let roles = Roles::new(2, false);
        roles.widen();
        assert!((0..5).all(|_| roles.try_take()));
        assert!(roles.narrow() && !roles.is_free());
        (0..3).for_each(|_| roles.release());
        assert!(!roles.narrow(), "two are not too many");
        let fixed = Roles::new(1, true);
        fixed.widen();
        assert!(fixed.try_take() && !fixed.try_take());
    }
}
