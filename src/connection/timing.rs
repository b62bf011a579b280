//! The deadlines of a connection. Head phases are bounded as a whole; bodies and answers are bounded
//! in the time without progress, so that a long upload or download is not cut.
#![forbid(unsafe_code)]

use super::pace::{Pace, Paces};
use super::services::{Services, Settings};
use super::telling::{Cause, NO_WORKER};
use super::{HTTPConnection, Phase};
use crate::access_log::Ended;
use crate::engine::ownership::Bits;
use crate::request::head::Refusal;

/// When a connection that the budget keeps from reading looks again, in milliseconds. The interval
/// doubles each time, as there may be thousands of them.
const RETRY: u64 = 50;
const MOST_RETRIES: u8 = 5;
/// A lingering connection is kept this long while nothing comes, in milliseconds; `linger_timeout`
/// bounds the whole.
const LINGER_SILENCE: u64 = 5_000;

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
    retry: bool,
    /// How many times in a row it was kept from it.
    retries: u8,
    /// Of the present request; only where the options ask for a pace.
    paces: Option<Box<Paces>>,
}

impl Timing {
    /// A request's head is complete: its body and its answer have a pace of their own.
    pub(super) fn begin_request(&mut self, settings: &Settings) {
        if settings.live.min_body_rate() | settings.live.min_write_rate() != 0 {
            self.paces = Some(Box::default());
        }
    }

    /// The budget keeps the connection from being read.
    pub(super) fn hold_back(&mut self) {
        self.retry = true;
        self.retries = (self.retries + 1).min(MOST_RETRIES);
    }

    /// Bytes of a request came for which no thread waits.
    pub(super) fn came(&mut self, bytes: usize) {
        self.progress = true;
        self.retries = 0;
        self.received(bytes);
    }

    /// So many bytes came from the client.
    pub(super) fn received(&mut self, bytes: usize) {
        if let Some(paces) = &mut self.paces {
            paces.body.moved(bytes);
        }
    }

    /// So many bytes were taken by the client.
    pub(super) fn sent(&mut self, bytes: usize) {
        if let Some(paces) = &mut self.paces {
            paces.answer.moved(bytes);
        }
    }

    /// When a thread that begins to wait for the client `now` has waited long enough, by the time
    /// without progress and by the pace; `None`: never.
    pub(super) fn thread_waits_until(
        &mut self,
        awaited: Awaited,
        settings: &Settings,
        now: u64,
    ) -> Option<u64> {
        let (rate, timeout) = awaited.bounds(settings);
        let still = (timeout != 0).then_some(now + timeout);
        let slow = self.pace(awaited).and_then(|pace| {
            pace.begin(now);
            pace.limit(rate, timeout)
        });
        match (slow, still) {
            (Some(slow), Some(still)) => Some(slow.min(still)),
            (slow, still) => slow.or(still),
        }
    }

    /// The thread goes on.
    pub(super) fn thread_waited(&mut self, awaited: Awaited, now: u64) {
        if let Some(pace) = self.pace(awaited) {
            pace.end(now);
        }
    }

    /// When a client that is waited for at rest has been too slow on average.
    fn pace_limit(&mut self, waits: WaitsFor, settings: &Settings, now: u64) -> Option<u64> {
        let paces = self.paces.as_mut()?;
        let (pace, other, awaited) = match waits {
            WaitsFor::Body | WaitsFor::RestOfBody => {
                (&mut paces.body, &mut paces.answer, Awaited::Body)
            }
            WaitsFor::Room => (&mut paces.answer, &mut paces.body, Awaited::Room),
            _ => {
                paces.body.end(now);
                paces.answer.end(now);
                return None;
            }
        };
        other.end(now);
        pace.begin(now);
        let (rate, timeout) = awaited.bounds(settings);
        pace.limit(rate, timeout)
    }

    /// Whether the deadline was set for this.
    fn goes_on(&self, waits: WaitsFor, request: u32) -> bool {
        // The head of a new connection counts from its first moment.
        self.waits == waits && self.request == request
            || (self.waits == WaitsFor::FirstByte && waits == WaitsFor::Head)
    }

    /// Whether bytes have moved where that is what counts.
    fn moves(&self, waits: WaitsFor) -> bool {
        self.progress
            && matches!(
                waits,
                WaitsFor::Body | WaitsFor::RestOfBody | WaitsFor::Room | WaitsFor::Goodbye
            )
    }

    fn pace(&mut self, awaited: Awaited) -> Option<&mut Pace> {
        self.paces.as_mut().map(|paces| match awaited {
            Awaited::Body => &mut paces.body,
            Awaited::Room => &mut paces.answer,
        })
    }

    /// The request is complete: what was waited for has come, however late the application answers.
    pub(super) fn arrived(&mut self) {
        self.deadline = 0;
        self.waits = WaitsFor::Nothing;
        // What the application reads itself begins anew: its own time lies between.
        if let Some(paces) = &mut self.paces {
            paces.body = Pace::default();
        }
    }
}

/// What the application's thread, or the parked request, has the client do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Send more of the request's body.
    Body,
    /// Take more of the answer.
    Room,
}

impl Awaited {
    /// The least bytes a second, and the milliseconds without progress.
    fn bounds(self, settings: &Settings) -> (u64, u64) {
        match self {
            Self::Body => (settings.live.min_body_rate(), settings.live.body_timeout()),
            Self::Room => (settings.live.min_write_rate(), settings.live.write_timeout()),
        }
    }
}

/// What a deadline bounds.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum WaitsFor {
    #[default]
    Nothing,
    ProxyHeader,
    Handshake,
    FirstByte,
    NextRequest,
    Head,
    Body,
    /// The rest of a body whose request has been answered.
    RestOfBody,
    Room,
    Worker,
    Goodbye,
}

impl HTTPConnection {
    /// Whether the deadline has passed, to be asked after every event. Then the connection is to look
    /// at its socket once more before it expires: where this process was stopped, or got no processor,
    /// what came in time has not been read.
    #[inline]
    pub(crate) fn is_due(&mut self, bits: Bits, now: u64) -> bool {
        bits.intersects(Bits::TIMER) && self.looks_once_more(bits, now)
    }

    #[cold]
    fn looks_once_more(&mut self, bits: Bits, now: u64) -> bool {
        self.timer_came(bits, now);
        let due = self.timing.deadline != 0 && self.timing.deadline <= now;
        self.readable |= due;
        due
    }

    /// Acts on a deadline that has passed, unless what it bounds has come after all. False if it has.
    #[cold]
    pub(crate) fn expire_if_late(&mut self, services: &Services, now: u64) -> bool {
        let waits = self.waits_for();
        let moved = self.timing.moves(waits)
            && self.timing.pace_limit(waits, &services.settings, now).is_none_or(|at| at > now);
        if self.timing.deadline == 0 || !self.timing.goes_on(waits, self.requests_seen) || moved {
            return false;
        }
        self.timing.deadline = 0;
        match self.timing.waits {
            // Browsers connect ahead of their requests.
            WaitsFor::FirstByte => {
                self.refuse_for(services, REQUEST_TIMEOUT, Cause::Routine);
            }
            WaitsFor::Head | WaitsFor::Body => {
                self.refuse(services, REQUEST_TIMEOUT);
            }
            WaitsFor::ProxyHeader => self.proxy_header_timed_out(services),
            WaitsFor::Handshake => self.handshake_timed_out(services),
            WaitsFor::Worker if self.waiting => {
                self.waiting = false;
                self.refuse_for(services, UNAVAILABLE, NO_WORKER);
            }
            // What has its place in the queue keeps it.
            WaitsFor::Worker | WaitsFor::Nothing => {}
            // An idle keep-alive ends in silence, and so does one whose request was answered before its
            // body came. A client that does not read our answer too: this one is not to take it for a
            // whole answer.
            waits @ (WaitsFor::NextRequest
            | WaitsFor::RestOfBody
            | WaitsFor::Room
            | WaitsFor::Goodbye) => {
                self.account_loss(Ended::TimedOut);
                self.unsent = super::Unsent::default();
                if matches!(waits, WaitsFor::Room | WaitsFor::Goodbye) {
                    self.channel.abandon();
                }
                self.phase = Phase::Closing;
            }
        }
        true
    }

    /// The memory for its answer is wanted by others. The client is not to take this for a whole
    /// answer.
    #[cold]
    pub(crate) fn cut_for_memory(&mut self) {
        self.account_loss(Ended::TimedOut);
        self.unsent = super::Unsent::default();
        self.channel.abandon();
    }

    /// Its place is wanted by others.
    #[cold]
    pub(crate) fn evict(&mut self) {
        self.account_loss(Ended::Cut);
    }

    /// Answers 503 because no worker will have time.
    pub(crate) fn refuse_unavailable(&mut self, services: &Services) {
        self.refuse_for(services, UNAVAILABLE, NO_WORKER);
    }

    /// Sets the deadline for what the connection waits for now.
    pub(super) fn set_deadline(&mut self, services: &Services, now: u64) {
        let waits = self.waits_for();
        let timing = &mut self.timing;
        let settings = &services.settings;
        let timeout = match waits {
            WaitsFor::Nothing => 0,
            WaitsFor::ProxyHeader => settings.live.proxy_header_timeout(),
            WaitsFor::Handshake => settings.live.handshake_timeout(),
            WaitsFor::FirstByte | WaitsFor::Head => settings.live.header_timeout(),
            WaitsFor::NextRequest => settings.live.keep_alive_timeout(),
            WaitsFor::Body | WaitsFor::RestOfBody => settings.live.body_timeout(),
            WaitsFor::Room => settings.live.write_timeout(),
            WaitsFor::Worker => settings.live.accepted_queue_timeout(),
            WaitsFor::Goodbye => LINGER_SILENCE,
        };
        if !timing.goes_on(waits, self.requests_seen) || timing.moves(waits) {
            timing.deadline = if timeout == 0 { 0 } else { now + timeout };
        }
        if let Some(limit) = timing.pace_limit(waits, settings, now) {
            timing.deadline = if timing.deadline == 0 { limit } else { limit.min(timing.deadline) };
        }
        if let Phase::Lingering { until: until @ 1.. } | Phase::DrainingChunks { until } =
            self.phase
        {
            timing.deadline = if timing.deadline == 0 { until } else { until.min(timing.deadline) };
        }
        timing.waits = waits;
        timing.request = self.requests_seen;
        timing.progress = false;
        let mut wake = timing.deadline;
        if std::mem::take(&mut timing.retry) {
            let retry = now + (RETRY << timing.retries.saturating_sub(1));
            wake = if wake == 0 { retry } else { wake.min(retry) };
        }
        if wake != 0 {
            self.wake_by(services, wake);
        }
    }

    /// Sees to it that a timer event comes at `when`, or before.
    pub(super) fn wake_by(&mut self, services: &Services, when: u64) {
        if self.timing.entry == 0 || when < self.timing.entry {
            self.timing.entry = services.deadlines.insert(self.token, when);
        }
    }

    /// After a timer event the entry that has come due is not there any more.
    pub(super) fn timer_came(&mut self, bits: Bits, now: u64) {
        if bits.intersects(Bits::TIMER) && self.timing.entry <= now {
            self.timing.entry = 0;
        }
    }

    fn waits_for(&self) -> WaitsFor {
        match self.phase {
            Phase::ProxyHeader { .. } => WaitsFor::ProxyHeader,
            Phase::Handshake { .. } => WaitsFor::Handshake,
            _ if !self.is_all_sent() => WaitsFor::Room,
            Phase::Head if !self.stored.is_empty() || self.has_unread() => WaitsFor::Head,
            Phase::Head if self.requests_seen == 0 => WaitsFor::FirstByte,
            Phase::Head => WaitsFor::NextRequest,
            Phase::Body { .. } if self.is_read_ahead() => WaitsFor::Worker,
            Phase::Body { .. } => WaitsFor::Body,
            Phase::Draining { .. } | Phase::DrainingChunks { .. } => WaitsFor::RestOfBody,
            Phase::Ready => WaitsFor::Worker,
            Phase::Request => WaitsFor::Nothing,
            Phase::Lingering { .. } | Phase::Closing => WaitsFor::Goodbye,
        }
    }
}
