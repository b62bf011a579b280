//! For tests that prove how much work is done: bytes that were parsed, decoded or copied on this
//! thread.

use std::cell::Cell;

thread_local! {
    static DONE: Cell<usize> = const { Cell::new(0) };
}

/// So many bytes were worked on.
pub fn note(bytes: usize) {
    DONE.set(DONE.get() + bytes);
}

/// What was noted since the last call.
pub fn take() -> usize {
    DONE.replace(0)
}
