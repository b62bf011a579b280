//! Since when a connection is at rest, and why: what those are chosen by that make room for others.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::connection::HTTPConnection;

/// Why a connection is at rest, as far as others may want its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It waits for a request of which nothing has come, or for the rest of one that was answered.
    Idle,
    /// It holds memory for a client that does not take its answer.
    Answer,
    /// The client is in the middle of a request, a handshake or a PROXY header, or still sends what is
    /// thrown away.
    Unfinished,
}

impl Rest {
    pub(super) fn of(connection: &HTTPConnection) -> Option<Self> {
        if connection.is_idle() {
            Some(Self::Idle)
        } else if connection.holds_answer() {
            Some(Self::Answer)
        } else {
            connection.is_unfinished().then_some(Self::Unfinished)
        }
    }
}

/// The moment (milliseconds) in which the rest began, the last digits of the request's number and the
/// kind of rest; 0: unknown. A hint: only the owner of the connection can be sure.
#[derive(Default)]
pub(crate) struct Resting(AtomicU64);

impl Resting {
    /// For its owner, who is about to release it. A client that goes on taking the same answer
    /// slowly has begun with the first part of it that had to wait, and one that goes on sending the
    /// same request with the first part that came.
    pub(super) fn begin(&self, connection: &HTTPConnection, now: u64) {
        let (_, request) = connection.numbers();
        let Some(rest) = Rest::of(connection) else { return self.0.store(0, Relaxed) };
        let new = packed(rest, request, now);
        let value = self.0.load(Relaxed);
        let goes_on = value != 0
            && match rest {
                Rest::Idle => false,
                Rest::Answer => value & KIND == new & KIND,
                Rest::Unfinished => value & (REQUEST | KIND) == new & (REQUEST | KIND),
            };
        if !goes_on {
            self.0.store(new, Relaxed);
        }
    }

    /// The connection is closed.
    pub(super) fn end(&self) {
        self.0.store(0, Relaxed);
    }

    /// Since when it rests in one of these ways, if it does.
    pub(super) fn since(&self, ways: &[Rest]) -> Option<u64> {
        let value = self.0.load(Relaxed);
        let is_one = ways.iter().any(|way| value & KIND == *way as u64);
        (value != 0 && is_one).then_some(value >> MOMENT)
    }

    /// It does not, though it was believed to since then: no further look is to find it.
    pub(super) fn disbelieve(&self, since: u64) {
        let value = self.0.load(Relaxed);
        if value >> MOMENT == since {
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
