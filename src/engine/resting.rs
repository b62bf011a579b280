//! Since when a connection is at rest, and why: what those are chosen by that make room for others.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::connection::HTTPConnection;

/// Why a connection is at rest, as far as others may want its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It waits for a request of which nothing has come.
    Idle,
    /// It holds memory for a client that does not take its answer.
    Answer,
}

/// The moment (milliseconds) in which the rest began, and its kind in the lowest bit; 0: it is not
/// known to be at rest. A hint: only the connection itself, once it is owned, tells.
#[derive(Default)]
pub(crate) struct Resting(AtomicU64);

impl Resting {
    /// For its owner, who is about to release it. A client that goes on taking the same answer
    /// slowly has begun with the first part of it that had to wait.
    pub(super) fn begin(&self, connection: &HTTPConnection, now: u64) {
        if connection.is_idle() {
            self.0.store(packed(Rest::Idle, now), Relaxed);
        } else if !connection.holds_answer() {
            self.0.store(0, Relaxed);
        } else if self.since(Rest::Answer).is_none() {
            self.0.store(packed(Rest::Answer, now), Relaxed);
        }
    }

    /// The connection is closed.
    pub(super) fn end(&self) {
        self.0.store(0, Relaxed);
    }

    /// Since when it rests in this way, if it does.
    pub(super) fn since(&self, why: Rest) -> Option<u64> {
        let value = self.0.load(Relaxed);
        (value != 0 && value & 1 == why as u64).then_some(value >> 1)
    }

    /// It does not, though it was believed to since then: no further look is to find it.
    pub(super) fn disbelieve(&self, why: Rest, since: u64) {
        let _set_anew = self.0.compare_exchange(packed(why, since), 0, Relaxed, Relaxed);
    }
}

fn packed(why: Rest, now: u64) -> u64 {
    now.max(1) << 1 | why as u64
}
