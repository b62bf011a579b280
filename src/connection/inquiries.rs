//! Who asks what a thread in a call of the library is at: such a thread owns its connection, so others
//! cannot look at that, and it says so itself when it begins to wait.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::HTTPConnection;
use super::services::Services;

/// The slots of the connections whose requests are to be described.
#[derive(Default)]
pub(crate) struct Inquiries {
    any: AtomicBool,
    slots: Mutex<Vec<u32>>,
}

impl Inquiries {
    /// Asks for these, and no more for those before.
    pub(crate) fn set(&self, slots: Vec<u32>) {
        let mut asked = self.lock();
        self.any.store(!slots.is_empty(), Ordering::Relaxed);
        *asked = slots;
    }

    fn has(&self, slot: u32) -> bool {
        self.any.load(Ordering::Relaxed) && self.lock().contains(&slot)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u32>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HTTPConnection {
    /// Describes the request while its thread waits, if that is asked. Returns whether it did; then it
    /// is `patience.end` that takes the description away.
    pub(super) fn answers_inquiry(&self, services: &Services) -> bool {
        let described =
            if services.inquiries.has(self.token.slot) { self.describe() } else { None };
        let Some(described) = described else { return false };
        services.patience.begin(self.token.slot, described);
        true
    }
}
