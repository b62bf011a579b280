//! The cell that holds a connection, opened only by the proof of ownership.

use std::cell::UnsafeCell;

use crate::engine::ownership::Ownership;

/// A value that only the holder of its slot's [`Ownership`] can reach.
pub(crate) struct OwnedCell<T> {
    slot: u32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through `get` alone, which wants `&mut Ownership`. `ownership`
// gives out at most one `Ownership` for a slot at a time (model-checked there), and hands it over
// by atomic operations with acquire and release order, so accesses are exclusive and ordered.
unsafe impl<T: Send> Sync for OwnedCell<T> {}

impl<T> OwnedCell<T> {
    pub(crate) fn new(slot: u32, value: T) -> Self {
        Self { slot, value: UnsafeCell::new(value) }
    }

    /// The value, for as long as the proof is borrowed.
    ///
    /// # Panics
    /// If the proof is another slot's: that would be a bug in the engine, and going on would be
    /// two owners.
    #[allow(clippy::mut_from_ref)]
    pub(crate) fn get<'a>(&'a self, proof: &'a mut Ownership) -> &'a mut T {
        assert_eq!(proof.token().slot, self.slot, "the proof belongs to another slot");
        // SAFETY: see `Sync` above; the borrow of the proof keeps a second `&mut` from being made.
        unsafe { &mut *self.value.get() }
    }
}
