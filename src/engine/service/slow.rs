//! Calls of the application that take long are reported, so that one that is stuck can be found: when
//! the option's time is up, and again whenever they have taken twice as long as at the last report.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::calls::{CallUnderWay, Described};
use crate::engine::handle::RequestId;
use crate::error_log::LogCode;

/// A call that goes on and on is reported at least so often, in nanoseconds.
const AT_LEAST: u64 = 3_600_000_000_000;

/// A report waits for so many nanoseconds until the thread says what its request is, if it is in a call
/// of the library and nobody else can look; and looks so often.
const INQUIRY: u64 = 1_500_000_000;
const INQUIRY_STEP: u64 = 20_000_000;

/// The reports that were made of calls under way.
pub(super) struct SlowCalls {
    /// Nanoseconds; `u64::MAX`: never.
    after: u64,
    told: Vec<Told>,
    /// When somebody has to look, in nanoseconds of the monotonic clock.
    due: u64,
}

struct Told {
    id: RequestId,
    since: u64,
    /// Since when it is asked what the request is, in nanoseconds of the monotonic clock.
    asked: Option<u64>,
    /// How long it has to take for the next report.
    next: u64,
}

impl SlowCalls {
    pub(super) fn new(after: u64) -> Self {
        Self { after, told: Vec::new(), due: 0 }
    }

    /// Milliseconds until the next look. A call that begins just behind one is seen by the next before
    /// its time is up.
    pub(super) fn timeout(&self, now: u64) -> Option<u64> {
        (self.after != u64::MAX).then(|| self.due.saturating_sub(now).div_ceil(1_000_000))
    }

    #[inline]
    pub(super) fn look(&mut self, engine: &Engine, now: u64) {
        if self.after != u64::MAX && now >= self.due {
            self.report(engine, now);
        }
    }

    #[cold]
    fn report(&mut self, engine: &Engine, now: u64) {
        let calls = engine.calls_under_way();
        let is_of =
            |told: &Told, call: &CallUnderWay| told.id == call.id && told.since == call.since;
        self.told.retain(|told| calls.iter().any(|call| is_of(told, call)));
        let took = |call: &CallUnderWay| now.saturating_sub(call.since);
        let slow = calls.iter().filter(|call| took(call) >= self.after).count();
        self.due = now.saturating_add(self.after);
        let mut inquiries = Vec::new();
        for call in &calls {
            let told = self.told.iter().position(|told| is_of(told, call));
            let limit = told.map_or(self.after, |place| self.told[place].next);
            if took(call) < limit {
                self.due = self.due.min(call.since.saturating_add(limit));
                continue;
            }
            let place = told.unwrap_or_else(|| {
                let (id, since) = (call.id, call.since);
                self.told.push(Told { id, since, asked: None, next: self.after });
                self.told.len() - 1
            });
            let told = &mut self.told[place];
            let request = engine.describe(call.id);
            let asked = *told.asked.get_or_insert(now);
            if request.is_none() && engine.lives(call.id) && now < asked + INQUIRY {
                inquiries.push(call.id.slot());
                self.due = self.due.min(now + INQUIRY_STEP);
                continue;
            }
            told.asked = None;
            engine.report_slow(call, request, slow);
            while told.next <= took(call) {
                told.next += told.next.min(AT_LEAST);
            }
            self.due = self.due.min(call.since.saturating_add(told.next));
        }
        engine.services.inquiries.set(inquiries);
    }
}

impl Engine {
    fn report_slow(&self, call: &CallUnderWay, request: Option<Described>, slow: usize) {
        let text = text_of(call, request, "has held", call.duration());
        let workers = self.workers();
        let text = format_args!("{text} and goes on; {slow} of {workers} threads are held so long");
        self.services.log.warning(LogCode::SlowRequest, text);
    }

    /// A call has returned that took longer than the option's time.
    #[cold]
    pub(in crate::engine) fn report_return(&self, call: &CallUnderWay, duration: Duration) {
        let text = text_of(call, self.describe(call.id), "held", duration);
        self.services.log.info(LogCode::SlowRequest, format_args!("{text} and is back"));
    }
}

fn text_of(
    call: &CallUnderWay,
    request: Option<Described>,
    held: &str,
    duration: Duration,
) -> String {
    let CallUnderWay { number, thread, .. } = call;
    let request = match request {
        Some(described) => described.to_string(),
        None => "a request that is over, or in a call of the library,".into(),
    };
    let seconds = duration.as_secs_f64();
    format!("{request} {held} WSGI Worker {number} (thread {thread}) for {seconds:.1} s")
}
