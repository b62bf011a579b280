//! Counting: each worker has counters that it alone writes; what happens elsewhere is added to
//! shared ones. Whoever asks for the figures adds them up.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::latencies::{Latencies, LatencyCounters};
use crate::connection::traffic::Traffic;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) read: u64,
    pub(crate) written: u64,
    /// Nanoseconds in the application.
    pub(crate) work: u64,
    pub(crate) errors: u64,
}

impl Tally {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            read: self.read + other.read,
            written: self.written + other.written,
            work: self.work + other.work,
            errors: self.errors + other.errors,
        }
    }

    /// What came after `before`. Counters that are read while others write may be told out of
    /// order, but none is ever below zero.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            read: self.read.saturating_sub(before.read),
            written: self.written.saturating_sub(before.written),
            work: self.work.saturating_sub(before.work),
            errors: self.errors.saturating_sub(before.errors),
        }
    }
}

/// Counters that others read.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
    work: AtomicU64,
    errors: AtomicU64,
    latencies: LatencyCounters,
}

impl Counters {
    /// A call of the application has ended, whose request had waited; times in nanoseconds. Only for
    /// the one thread that writes these counters.
    pub(crate) fn own_call(&self, wait: u64, work: u64) {
        own_add(&self.requests, 1);
        own_add(&self.work, work);
        self.latencies.own_call(wait, work);
    }

    /// Bytes of a request and its answer. Only for the one thread that writes these counters.
    pub(crate) fn own_traffic(&self, traffic: Traffic) {
        own_add(&self.read, traffic.read);
        own_add(&self.written, traffic.written);
        self.latencies.own_at_once(traffic.at_once);
        if traffic.refused | traffic.errors != 0 {
            own_add(&self.requests, traffic.refused.into());
            own_add(&self.errors, traffic.errors.into());
        }
    }

    /// From any thread.
    pub(crate) fn add(&self, tally: Tally) {
        for (counter, count) in self.with(tally) {
            if count != 0 {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// From any thread: answers that the system took at once.
    pub(crate) fn add_at_once(&self, answers: u32) {
        if answers != 0 {
            self.latencies.at_once(answers);
        }
    }

    pub(crate) fn set(&self, tally: Tally) {
        for (counter, count) in self.with(tally) {
            counter.store(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            requests: self.requests.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
            work: self.work.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn add_latencies_to(&self, sum: &mut Latencies) {
        self.latencies.add_to(sum);
    }

    fn with(&self, tally: Tally) -> [(&AtomicU64, u64); 5] {
        [
            (&self.requests, tally.requests),
            (&self.read, tally.read),
            (&self.written, tally.written),
            (&self.work, tally.work),
            (&self.errors, tally.errors),
        ]
    }
}

/// No exchange: nobody else writes it.
#[inline]
pub(super) fn own_add(counter: &AtomicU64, count: u64) {
    let sum = counter.load(Ordering::Relaxed).wrapping_add(count);
    counter.store(sum, Ordering::Relaxed);
}

/// What all have counted together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) tally: Tally,
    pub(crate) accepts: u64,
    pub(crate) latencies: Latencies,
}

impl Sum {
    /// Adds what a worker has counted.
    pub(crate) fn add(&mut self, counters: &Counters) {
        self.tally = self.tally.plus(counters.tally());
        counters.add_latencies_to(&mut self.latencies);
    }
}

/// A server's statistics, over all its runs.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    enabled: AtomicBool,
    /// What no worker counted, and what those counted that have left.
    shared: Counters,
    accepts: AtomicU64,
    /// Lines that the access log has lost.
    lines_dropped: AtomicU64,
    /// What had been counted when the statistics were cleared.
    cleared: Mutex<Sum>,
    run: Mutex<Run>,
}

/// Time in which the server served.
#[derive(Debug, Default)]
struct Run {
    since: Option<Instant>,
    before: Duration,
}

impl Ledger {
    pub(crate) fn is_on(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    pub(crate) fn switch(&self, on: bool) {
        self.enabled.store(on, Ordering::Relaxed);
    }

    /// Adds what was counted away from a worker's own counters.
    pub(crate) fn add(&self, tally: Tally) {
        if self.is_on() {
            self.shared.add(tally);
        }
    }

    /// The system took so many answers at once, and no worker has counted them.
    pub(crate) fn add_at_once(&self, answers: u32) {
        if self.is_on() {
            self.shared.add_at_once(answers);
        }
    }

    /// An answer that the system did not take at once was here for so many nanoseconds.
    pub(crate) fn written(&self, time: u64) {
        if self.is_on() {
            self.shared.latencies.written(time);
        }
    }

    /// A worker leaves: its figures stay.
    pub(crate) fn take_over(&self, counters: &Counters) {
        self.shared.add(counters.tally());
        self.shared.latencies.take_over(&counters.latencies);
    }

    pub(crate) fn accepted(&self) {
        if self.is_on() {
            self.accepts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counted in any case: a log that is not whole should be known.
    pub(crate) fn access_log_dropped(&self, lines: u64) {
        self.lines_dropped.fetch_add(lines, Ordering::Relaxed);
    }

    pub(crate) fn lines_dropped(&self) -> u64 {
        self.lines_dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn socket_error(&self) {
        self.add(Tally { errors: 1, ..Tally::default() });
    }

    /// All that was counted since the statistics were cleared; `living` is what the workers have
    /// that are there.
    pub(crate) fn sum(&self, living: Sum) -> Sum {
        // Before the others: what is told is not less than what was taken off.
        let cleared = lock(&self.cleared).clone();
        let mut all = self.all(living);
        all.tally = all.tally.since(cleared.tally);
        all.accepts = all.accepts.saturating_sub(cleared.accepts);
        all.latencies.take_off(&cleared.latencies);
        all
    }

    /// Begins anew. The counters go on, as they have no other writer than their thread; from now on
    /// what they say now is taken off.
    pub(crate) fn clear(&self, living: Sum) {
        *lock(&self.cleared) = self.all(living);
        self.lines_dropped.store(0, Ordering::Relaxed);
        let mut run = lock(&self.run);
        run.before = Duration::ZERO;
        run.since = run.since.map(|_| Instant::now());
    }

    fn all(&self, mut living: Sum) -> Sum {
        living.add(&self.shared);
        living.accepts = self.accepts.load(Ordering::Relaxed);
        living
    }

    pub(crate) fn begin_run(&self) {
        lock(&self.run).since.get_or_insert_with(Instant::now);
    }

    pub(crate) fn end_run(&self) {
        let mut run = lock(&self.run);
        let last = run.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        run.before += last;
    }

    pub(crate) fn run_time(&self) -> Duration {
        let run = lock(&self.run);
        run.before + run.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Tally = Tally { requests: 1, read: 20, written: 300, work: 4_000, errors: 50_000 };

    fn living(worker: &Counters) -> Sum {
        let mut sum = Sum::default();
        sum.add(worker);
        sum
    }

    #[test]
    fn what_leaves_and_what_stays_are_added_up() {
        let (ledger, worker) = (Ledger::default(), Counters::default());
        ledger.add(SOME);
        ledger.add_at_once(1);
        assert_eq!(ledger.sum(Sum::default()), Sum::default(), "it is off");
        ledger.switch(true);
        ledger.add(SOME);
        ledger.written(5);
        worker.own_call(3, 7);
        worker.own_traffic(Traffic { read: 20, written: 300, at_once: 1, refused: 1, errors: 2 });
        let both = ledger.sum(living(&worker));
        ledger.take_over(&worker);
        assert_eq!(ledger.sum(Sum::default()), both);
        assert_eq!((both.tally.requests, both.tally.work), (3, 4_007));
        assert_eq!((both.latencies.queue_wait.count(), both.latencies.write.count()), (1, 2));
    }

    #[test]
    fn clearing_leaves_the_counters_alone() {
        let (ledger, worker) = (Ledger::default(), Counters::default());
        ledger.switch(true);
        ledger.accepted();
        worker.own_call(3, 7);
        ledger.clear(living(&worker));
        assert_eq!(ledger.sum(living(&worker)), Sum::default());
        worker.own_call(0, 1);
        let sum = ledger.sum(living(&worker));
        assert_eq!((sum.tally.work, sum.latencies.application.count()), (1, 1));
        assert_eq!(worker.tally().work, 8);
    }
}
