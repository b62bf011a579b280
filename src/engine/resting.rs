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
    /// A part of a request, or of what comes before the first one, has come; or what nobody reads any more
    /// still comes.
    Unfinished,
}

/// The moment (milliseconds) in which the rest began, the last digits of the request's number and the
/// kind of rest; 0: it is not known to be at rest. A hint: only the connection itself, once it is
/// owned, tells.
#[derive(Default)]
pub(crate) struct Resting(AtomicU64);

impl Resting {
    /// For its owner, who is about to release it. A client that goes on taking the same answer
    /// slowly has begun with the first part of it that had to wait, and one that goes on sending the
    /// same request with the first part that came.
    pub(super) fn begin(&self, connection: &HTTPConnection, now: u64) {
        let (_, request) = connection.numbers();
        let rest = if connection.is_idle() {
            self.0.store(packed(Rest::Idle, request, now), Relaxed);
            return;
        } else if connection.holds_answer() {
            Rest::Answer
        } else if connection.is_unfinished() {
            Rest::Unfinished
        } else {
            self.0.store(0, Relaxed);
            return;
        };
        let new = packed(rest, request, now);
        let same = |value: u64| match rest {
            Rest::Answer => value & KIND == new & KIND,
            _ => value & (REQUEST | KIND) == new & (REQUEST | KIND),
        };
        let value = self.0.load(Relaxed);
        if value == 0 || !same(value) {
            self.0.store(new, Relaxed);
        }
    }

    /// The connection is closed.
    pub(super) fn end(&self) {
        self.0.store(0, Relaxed);
    }

    /// Since when it rests in this way, if it does.
    pub(super) fn since(&self, why: Rest) -> Option<u64> {
        let value = self.0.load(Relaxed);
        (value != 0 && value & KIND == why as u64).then_some(value >> MOMENT)
    }

    /// It does not, though it was believed to since then: no further look is to find it.
    pub(super) fn disbelieve(&self, why: Rest, since: u64) {
        let value = self.0.load(Relaxed);
        if value & KIND == why as u64 && value >> MOMENT == since {
            let _set_anew = self.0.compare_exchange(value, 0, Relaxed, Relaxed);
        }
    }
}

const KIND: u64 = 0b11;
const REQUEST: u64 = 0xff << 2;
const MOMENT: u32 = 10;

fn packed(why: Rest, request: u32, now: u64) -> u64 {
    now.max(1) << MOMENT | (u64::from(request) << 2 & REQUEST) | why as u64
}
