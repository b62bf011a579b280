//! What connections hold in memory while nobody works on them, and how much of it they may (the option
//! `max_buffered`).
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of each stream that are kept even when the budget is used up.
const SMALL_STREAM: usize = 64 * 1024;

/// The bytes that all connections hold while nobody works on them, of requests and of answers, each up
/// to the limit: clients of the one kind do not use up what the other has.
///
/// With requests past the limit a connection that holds some already is not read any further; one
/// that holds none is still read a little, so that small requests get through. Answers cannot be held
/// up like that, as their applications have made them. With answers past the limit the connections
/// that have been taking theirs for the longest time are cut.
pub(crate) struct Budget {
    requests: AtomicUsize,
    answers: AtomicUsize,
    /// Of these, what belongs to requests that are at the application: it cannot be cut by others.
    answers_in_calls: AtomicUsize,
    /// Connections that have some of it for their answers.
    claims: AtomicUsize,
    limit: usize,
}

/// What one connection has of the budget, in bytes. More than 2 GiB count as 2 GiB: each connection
/// has one of these.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charge {
    requests: u32,
    /// With the bit [`IN_CALL`].
    answers: u32,
}

/// The request is at the application.
const IN_CALL: u32 = 1 << 31;

impl Charge {
    pub(crate) const NONE: Self = Self { requests: 0, answers: 0 };

    /// `is_in_call`: the request is at the application.
    pub(crate) fn new(requests: usize, answers: usize, is_in_call: bool) -> Self {
        let counted = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).min(IN_CALL - 1);
        let in_call = if is_in_call { IN_CALL } else { 0 };
        Self { requests: counted(requests), answers: counted(answers) | in_call }
    }

    /// For the part of an answer that its client has not taken.
    pub(crate) fn answers(self) -> usize {
        (self.answers & !IN_CALL) as usize
    }

    fn answers_in_call(self) -> usize {
        if self.answers & IN_CALL != 0 { self.answers() } else { 0 }
    }
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        let none = || AtomicUsize::new(0);
        Self { requests: none(), answers: none(), answers_in_calls: none(), claims: none(), limit }
    }

    pub(crate) fn is_exceeded_by_requests(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > self.limit
    }

    /// Requests that wait for a place hold no more than half of the limit.
    pub(crate) fn is_half_used_by_requests(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > self.limit / 2
    }

    pub(crate) fn is_exceeded_by_answers(&self) -> bool {
        self.answers.load(Ordering::Relaxed) > self.limit
    }

    /// Whether answers are to be cut. One that is larger than the limit by itself is not, as long as
    /// nobody else wants memory.
    pub(crate) fn is_fought_for(&self) -> bool {
        self.is_exceeded_by_answers() && self.claims.load(Ordering::Relaxed) > 1
    }

    /// Whether a stream whose call has no place to wait may keep `more` bytes besides the `held` ones.
    ///
    /// Past the limit the answers that only wait for their clients make room, up to the limit, for
    /// streams that hold no more than half of it; and a little of each stream fits in any case, so
    /// that small answers come through.
    pub(crate) fn has_room_for(&self, held: usize, more: usize) -> bool {
        let holds = held.saturating_add(more);
        let fits = |answers: &AtomicUsize| {
            answers.load(Ordering::Relaxed).saturating_add(more) <= self.limit
        };
        fits(&self.answers)
            || holds <= SMALL_STREAM
            || (holds <= self.limit / 2 && fits(&self.answers_in_calls))
    }

    /// Moves one connection's share.
    pub(crate) fn change(&self, before: Charge, after: Charge) {
        change(&self.requests, before.requests as usize, after.requests as usize);
        change(&self.answers, before.answers(), after.answers());
        change(&self.answers_in_calls, before.answers_in_call(), after.answers_in_call());
        change(&self.claims, before.answers().min(1), after.answers().min(1));
    }
}

fn change(counter: &AtomicUsize, before: usize, after: usize) {
    if after > before {
        counter.fetch_add(after - before, Ordering::Relaxed);
    } else if before > after {
        counter.fetch_sub(before - after, Ordering::Relaxed);
    }
}
