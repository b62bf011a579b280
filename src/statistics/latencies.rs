//! Counting how long things take. Each worker has histograms that it alone writes; whoever asks
//! adds them up.
#![forbid(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::counters::own_add;
use super::histogram::{BUCKETS, Histogram, bucket_of};

/// What the times of a request are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latencies {
    pub(crate) queue_wait: Histogram,
    pub(crate) application: Histogram,
    pub(crate) write: Histogram,
}

impl Latencies {
    pub(super) fn take_off(&mut self, before: &Self) {
        self.queue_wait.take_off(&before.queue_wait);
        self.application.take_off(&before.application);
        self.write.take_off(&before.write);
    }
}

/// Times that others read. The histograms are made when the first time is counted: a server without
/// statistics has none.
#[derive(Debug, Default)]
pub(crate) struct LatencyCounters(OnceLock<Box<Histograms>>);

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Histograms {
    queue_wait: HistogramCounters,
    application: HistogramCounters,
    write: HistogramCounters,
}

#[derive(Debug)]
struct HistogramCounters {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl LatencyCounters {
    /// A call of the application has ended; times in nanoseconds. Only for the one thread that
    /// writes these counters.
    #[inline]
    pub(super) fn own_call(&self, wait: u64, work: u64) {
        let histograms = self.0.get_or_init(Box::default);
        histograms.queue_wait.own_record(wait);
        histograms.application.own_record(work);
    }

    /// So many answers were taken at once. Only for the one thread that writes these counters.
    #[inline]
    pub(super) fn own_at_once(&self, answers: u32) {
        let histograms = self.0.get_or_init(Box::default);
        own_add(&histograms.write.counts[0], answers.into());
    }

    /// From any thread: answers that were taken at once.
    pub(super) fn at_once(&self, answers: u32) {
        let histograms = self.0.get_or_init(Box::default);
        histograms.write.counts[0].fetch_add(answers.into(), Ordering::Relaxed);
    }

    /// From any thread: an answer has lain here for so many nanoseconds.
    pub(super) fn written(&self, time: u64) {
        let write = &self.0.get_or_init(Box::default).write;
        write.counts[bucket_of(time)].fetch_add(1, Ordering::Relaxed);
        write.sum.fetch_add(time, Ordering::Relaxed);
    }

    /// From any thread: what another one has counted.
    pub(super) fn take_over(&self, other: &Self) {
        let Some(other) = other.0.get() else { return };
        let own = self.0.get_or_init(Box::default);
        own.queue_wait.add(&other.queue_wait.told());
        own.application.add(&other.application.told());
        own.write.add(&other.write.told());
    }

    /// Adds what was counted to `sum`.
    pub(crate) fn add_to(&self, sum: &mut Latencies) {
        if let Some(histograms) = self.0.get() {
            sum.queue_wait.add(&histograms.queue_wait.told());
            sum.application.add(&histograms.application.told());
            sum.write.add(&histograms.write.told());
        }
    }
}

impl HistogramCounters {
    #[inline]
    fn own_record(&self, time: u64) {
        own_add(&self.counts[bucket_of(time)], 1);
        own_add(&self.sum, time);
    }

    fn add(&self, told: &Histogram) {
        for (counter, count) in self.counts.iter().zip(told.counts) {
            if count != 0 {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        }
        self.sum.fetch_add(told.sum, Ordering::Relaxed);
    }

    fn told(&self) -> Histogram {
        Histogram {
            counts: std::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed)),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

impl Default for HistogramCounters {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BUCKETS], sum: AtomicU64::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_where_they_belong_and_outlive_their_worker() {
        let (worker, shared) = (LatencyCounters::default(), LatencyCounters::default());
        let mut none = Latencies::default();
        worker.add_to(&mut none);
        assert_eq!(none, Latencies::default());
        worker.own_call(0, 30_000);
        worker.own_call(7_000, 40_000);
        worker.own_at_once(1);
        shared.at_once(2);
        shared.written(5_000_000);
        let mut both = Latencies::default();
        [&worker, &shared].iter().for_each(|counters| counters.add_to(&mut both));
        shared.take_over(&worker);
        let mut after = Latencies::default();
        shared.add_to(&mut after);
        assert_eq!(after, both);
        assert_eq!((after.queue_wait.count(), after.queue_wait.sum), (2, 7_000));
        assert_eq!((after.application.count(), after.application.sum), (2, 70_000));
        assert_eq!((after.write.count(), after.write.sum), (4, 5_000_000));
        after.take_off(&both);
        assert_eq!(after, Latencies::default());
    }
}
