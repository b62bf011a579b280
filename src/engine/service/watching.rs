//! Whether the service thread watches.
#![forbid(unsafe_code)]

use crate::engine::sync::{AtomicBool, Ordering};

#[cfg(all(loom, test))]
mod models;

/// On: whoever goes away need not say so.
#[derive(Default)]
pub(super) struct Watching(AtomicBool);

impl Watching {
    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// True if it was off: then the service thread has to be woken. One load while it is on.
    pub(super) fn begin(&self) -> bool {
        !self.is_on() && !self.0.swap(true, Ordering::SeqCst)
    }

    /// Ends the watch, and looks once more then: somebody may have gone away before. If there is need of
    /// it after all it goes on, and this is false.
    pub(super) fn end_unless(&self, needed: impl FnOnce() -> bool) -> bool {
        self.0.store(false, Ordering::SeqCst);
        let needed = needed();
        if needed {
            self.0.store(true, Ordering::SeqCst);
        }
        !needed
    }
}
