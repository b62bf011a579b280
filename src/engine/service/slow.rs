//! Calls of the application that take long are reported, so that one that is stuck can be found: when
//! the option's time is up, and again whenever they have taken twice as long as at the last report.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::calls::CallUnderWay;
use crate::engine::handle::RequestId;
use crate::error_log::LogCode;

/// A call that goes on and on is reported at least so often, in nanoseconds.
const AT_LEAST: u64 = 3_600_000_000_000;

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
        for call in &calls {
            let told = self.told.iter().position(|told| is_of(told, call));
            let limit = told.map_or(self.after, |place| self.told[place].next);
            if took(call) < limit {
                self.due = self.due.min(call.since.saturating_add(limit));
                continue;
            }
            engine.report_slow(call, slow);
            let place = told.unwrap_or_else(|| {
                self.told.push(Told { id: call.id, since: call.since, next: self.after });
                self.told.len() - 1
            });
            let told = &mut self.told[place];
            while told.next <= took(call) {
                told.next += told.next.min(AT_LEAST);
            }
            self.due = self.due.min(call.since.saturating_add(told.next));
        }
    }
}

impl Engine {
    fn report_slow(&self, call: &CallUnderWay, slow: usize) {
        let text = self.text_of(call, "has held", call.duration());
        let workers = self.workers();
        let text = format_args!("{text} and goes on; {slow} of {workers} threads are held so long");
        self.services.log.warning(LogCode::SlowRequest, text);
    }

    /// A call has returned that took longer than the option's time.
    #[cold]
    pub(in crate::engine) fn report_return(&self, call: &CallUnderWay, duration: Duration) {
        let text = self.text_of(call, "held", duration);
        self.services.log.info(LogCode::SlowRequest, format_args!("{text} and is back"));
    }

    fn text_of(&self, call: &CallUnderWay, held: &str, duration: Duration) -> String {
        let CallUnderWay { number, thread, .. } = call;
        let request = match self.describe(call.id) {
            Some(described) => described.to_string(),
            None => "a request that is over, or in a call of the library,".into(),
        };
        let seconds = duration.as_secs_f64();
        format!("{request} {held} WSGI Worker {number} (thread {thread}) for {seconds:.1} s")
    }
}
