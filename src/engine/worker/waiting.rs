//! Where a worker waits: in epoll with a poller role, else in the parking lot.
#![forbid(unsafe_code)]

use std::time::Duration;

use super::Worker;
use crate::engine::Engine;
use crate::engine::parking::Parked;
use crate::error_log::{LogCode, LogLevel};
use crate::sys::clock;
use crate::sys::epoll::Events;

/// A batch is to be worth so many nanoseconds of calls.
const BATCH_WORTH: u64 = 100_000;
/// A wait in epoll of more nanoseconds than this was one.
const WAITED: u64 = 10_000;
/// Waits that follow each other faster than this, in nanoseconds, are those of a busy server.
pub(in crate::engine) const BUSY_INTERVAL: u64 = 200_000;
/// When waiting itself fails, so much time passes before the next try.
pub(in crate::engine) const PAUSE: Duration = Duration::from_millis(10);
/// A batch of fewer than so many events is not worth a second poller on a busy server.
const FEW: usize = 4;
/// So many slow calls in a row, and no other, are those of an application that is slow.
const SLOW_CALLS: u32 = 8;
/// So many needless wake-ups, on balance, make a poller step back.
const NEEDLESS: u32 = 8;

impl Worker {
    pub(super) fn take_role(&mut self) -> bool {
        let taken = self.engine.roles.try_take();
        if taken {
            self.share.take_role();
        }
        taken
    }

    /// Between two things from a queue, a worker with a poller role looks for events: a client that
    /// keeps a queue filled is not served before all others.
    pub(super) fn look_beside_the_queue(&mut self) {
        if std::mem::take(&mut self.queued)
            && self.share.batch.remaining() == 0
            && self.share.has_role()
        {
            self.engine.roles.enter();
            self.fetch(Events::MOST, 0);
        }
    }

    /// Waits in epoll and publishes what comes. False if nothing came.
    pub(super) fn poll(&mut self, timeout: Option<u64>) -> bool {
        let engine = &*self.engine;
        let most = (BATCH_WORTH / self.average.max(1)).clamp(1, Events::MOST as u64);
        let limit = timeout.or_else(|| self.idle_limit());
        let ms = limit.map_or(-1, |ms| i32::try_from(ms).unwrap_or(i32::MAX));
        engine.roles.enter();
        // Whoever queued something before it saw us here could not have woken us.
        if engine.has_queued()
            || self.share.is_asked_back()
            || engine.headcount.has_leavers()
            || self.is_over()
        {
            engine.roles.leave();
            return true;
        }
        self.share.waits();
        let count = self.fetch(most as usize, ms);
        if count == 0 && timeout.is_none() && limit.is_some() {
            self.engine.headcount.dismiss_surplus();
        }
        count > 0
    }

    /// How many milliseconds a worker may be idle, if the load has brought more than are kept.
    fn idle_limit(&self) -> Option<u64> {
        let limit = self.engine.tuning.idle_thread_timeout;
        (limit > 0 && self.engine.headcount.has_surplus()).then_some(limit)
    }

    /// Fetches events, having entered epoll by the roles' book, and publishes them.
    fn fetch(&mut self, most: usize, timeout: i32) -> usize {
        let engine = &*self.engine;
        let mut entries = [0; Events::MOST];
        let mut count = 0;
        match engine.services.epoll.wait(&mut self.events, most, timeout) {
            Ok(events) => {
                for (entry, (events, data)) in entries.iter_mut().zip(events) {
                    *entry = Engine::token_of(events, data);
                    count += 1;
                }
            }
            Err(error) => {
                let text = format_args!("epoll_wait: {error}");
                engine.services.log.repeated(LogLevel::Error, LogCode::System, text);
                std::thread::sleep(PAUSE);
            }
        }
        let others = engine.roles.leave();
        self.share.goes_on();
        engine.pass_wake_on(&self.share);
        let before = std::mem::replace(&mut self.now, clock::monotonic_ns());
        self.share.has_fetched(self.now);
        let waited = self.now.saturating_sub(before) > WAITED;
        let published = self.share.batch.publish(&entries[..count]);
        debug_assert!(published, "a worker polls with an empty batch");
        if others == 0 || count > 1 {
            engine.service.watch();
        }
        self.adapt(waited, count, most);
        count
    }

    /// After a wait: are there too many pollers, or too few?
    fn adapt(&mut self, waited: bool, count: usize, most: usize) {
        let roles = &self.engine.roles;
        if self.slow_calls >= SLOW_CALLS {
            self.needless = 0;
            roles.widen();
            return;
        }
        if roles.narrow() && self.share.lose_role() {
            roles.release();
            return;
        }
        let eager_after = self.engine.tuning.eager_after;
        if eager_after > 0 && self.average > eager_after {
            self.needless = 0;
            roles.relax();
            return;
        }
        let busy = self.now.saturating_sub(self.polled) < BUSY_INTERVAL;
        self.polled = self.now;
        if busy && waited && count < FEW {
            self.needless += 1;
        } else {
            self.needless = self.needless.saturating_sub(1);
        }
        if self.needless >= NEEDLESS {
            self.needless = 0;
            if roles.step_back() && self.share.lose_role() {
                roles.release();
            }
        }
        self.full = if count == most && !waited { self.full + 1 } else { 0 };
        if self.full > 0 && roles.step_forward(self.full) {
            self.full = 0;
            self.engine.lot.wake_one();
        }
    }

    /// Sleeps until there is work or a role. False if the time was up.
    pub(super) fn park(&mut self, timeout: Option<u64>) -> bool {
        let engine = &*self.engine;
        let limit = timeout.or_else(|| self.idle_limit()).map(Duration::from_millis);
        self.share.waits();
        let parked = engine.lot.park(
            &self.share.parker,
            || {
                engine.has_queued()
                    || engine.roles.is_free()
                    || engine.headcount.has_leavers()
                    || self.is_over()
            },
            limit,
        );
        self.share.goes_on();
        self.now = clock::monotonic_ns();
        if parked == Parked::TimedOut && timeout.is_none() {
            engine.headcount.dismiss_surplus();
        }
        parked != Parked::TimedOut
    }
}
