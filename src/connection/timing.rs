//! The deadlines of a connection. Head phases are bounded as a whole; bodies and answers are bounded
//! in the time without progress, so that a long upload or download is not cut.
#![forbid(unsafe_code)]

use super::services::Services;
use super::{HTTPConnection, Phase};
use crate::engine::ownership::Bits;
use crate::request::head::Refusal;

/// A connection that the budget keeps from reading looks again after so many milliseconds.
const RETRY: u64 = 50;
/// So long a lingering connection is kept, in milliseconds.
const LINGER: u64 = 2_000;

pub(super) const REQUEST_TIMEOUT: Refusal = Refusal { status: "408 Request Timeout", text: "" };
pub(super) const UNAVAILABLE: Refusal = Refusal { status: "503 Service Unavailable", text: "" };

/// When something has to have happened.
#[derive(Default)]
pub(super) struct Timing {
    /// Milliseconds of the monotonic clock, 0: never.
    deadline: u64,
    /// When the entry among the server's deadlines comes due, 0: there is none.
    entry: u64,
    waits: WaitsFor,
    /// The request that the deadline was set for.
    request: u32,
    /// Bytes have moved since the deadline was set.
    pub(super) progress: bool,
    /// The budget kept the connection from being read.
    pub(super) retry: bool,
}

impl Timing {
    /// The request is complete: what was waited for has come, however late the application answers.
    pub(super) fn arrived(&mut self) {
        self.deadline = 0;
        self.waits = WaitsFor::Nothing;
    }
}

/// What a deadline bounds.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum WaitsFor {
    #[default]
    Nothing,
    FirstByte,
    NextRequest,
    Head,
    Body,
    Room,
    Worker,
    Goodbye,
}

/// What a deadline that has passed asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    No,
    Yes,
}

impl HTTPConnection {
    /// Looks at the deadline after a timer event, and acts if it has passed.
    pub(crate) fn check_deadline(&mut self, services: &Services, bits: Bits, now: u64) -> Expired {
        if !bits.intersects(Bits::TIMER) {
            return Expired::No;
        }
        if self.timing.entry <= now {
            self.timing.entry = 0;
        }
        if self.timing.deadline == 0 || self.timing.deadline > now {
            return Expired::No;
        }
        self.timing.deadline = 0;
        match self.timing.waits {
            WaitsFor::FirstByte | WaitsFor::Head | WaitsFor::Body => {
                self.refuse(services, REQUEST_TIMEOUT);
            }
            WaitsFor::Worker if self.waiting => {
                self.waiting = false;
                self.refuse(services, UNAVAILABLE);
            }
            // What has its place in the queue keeps it.
            WaitsFor::Worker | WaitsFor::Nothing => {}
            // An idle keep-alive ends in silence, a client that does not read our answer too.
            WaitsFor::NextRequest | WaitsFor::Room | WaitsFor::Goodbye => {
                self.unsent = super::Unsent::default();
                self.phase = Phase::Closing;
            }
        }
        Expired::Yes
    }

    /// Answers 503 because no worker will have time.
    pub(crate) fn refuse_unavailable(&mut self, services: &Services) {
        self.refuse(services, UNAVAILABLE);
    }

    /// Sets the deadline for what the connection waits for now.
    pub(super) fn set_deadline(&mut self, services: &Services, now: u64) {
        let waits = self.waits_for();
        let timing = &mut self.timing;
        let settings = &services.settings;
        let timeout = match waits {
            WaitsFor::Nothing => 0,
            WaitsFor::FirstByte | WaitsFor::Head => settings.header_timeout,
            WaitsFor::NextRequest => settings.keep_alive_timeout,
            WaitsFor::Body => settings.body_timeout,
            WaitsFor::Room => settings.write_timeout,
            WaitsFor::Worker => settings.accepted_queue_timeout,
            WaitsFor::Goodbye => LINGER,
        };
        // The head of a new connection counts from its first moment.
        let goes_on = timing.waits == waits && timing.request == self.requests_seen
            || (timing.waits == WaitsFor::FirstByte && waits == WaitsFor::Head);
        let moves = timing.progress && matches!(waits, WaitsFor::Body | WaitsFor::Room);
        if !goes_on || moves {
            timing.deadline = if timeout == 0 { 0 } else { now + timeout };
        }
        timing.waits = waits;
        timing.request = self.requests_seen;
        timing.progress = false;
        let mut wake = timing.deadline;
        if std::mem::take(&mut timing.retry) {
            wake = if wake == 0 { now + RETRY } else { wake.min(now + RETRY) };
        }
        if wake != 0 && (timing.entry == 0 || wake < timing.entry) {
            timing.entry = services.deadlines.insert(self.token, wake);
        }
    }

    fn waits_for(&self) -> WaitsFor {
        if !self.unsent.is_empty() {
            return WaitsFor::Room;
        }
        match self.phase {
            Phase::Head if !self.stored.is_empty() => WaitsFor::Head,
            Phase::Head if self.requests_seen == 0 => WaitsFor::FirstByte,
            Phase::Head => WaitsFor::NextRequest,
            Phase::Body { .. } | Phase::Draining { .. } => WaitsFor::Body,
            Phase::Ready => WaitsFor::Worker,
            Phase::Request => WaitsFor::Nothing,
            Phase::Lingering { .. } | Phase::Closing => WaitsFor::Goodbye,
        }
    }
}
