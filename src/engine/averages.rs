//! How long the application's calls take, kept per route: a slow route is handed over before the
//! call, and the fast ones beside it do not pay for that.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};

const SLOTS: usize = 256;
/// A new sample counts an eighth.
const WEIGHT: u32 = 8;
/// Of the calls above the threshold every so many is looked at with the thread's CPU clock.
const SAMPLE: u32 = 8;

/// Moving averages for 256 groups of routes (a hash of method and first path segment).
pub(crate) struct RouteAverages {
    slots: Box<[Average]>,
}

#[derive(Default)]
struct Average {
    /// Nanoseconds, at most four seconds.
    wall: AtomicU32,
    /// Calls that were slow, to sample by.
    slow_calls: AtomicU32,
    /// Of 256 parts of a call, how many were off the processor.
    waiting: AtomicU32,
}

impl RouteAverages {
    pub(crate) fn new() -> Self {
        let average = || Average { waiting: AtomicU32::new(256), ..Average::default() };
        Self { slots: (0..SLOTS).map(|_| average()).collect() }
    }

    /// Nanoseconds that a call of this route has taken lately.
    pub(crate) fn wall(&self, route: u32) -> u32 {
        self.slot(route).wall.load(Ordering::Relaxed)
    }

    /// Whether calls of this route spend at least half of their time waiting. Handing over helps
    /// those; calls that compute it would only make compete.
    pub(crate) fn waits(&self, route: u32) -> bool {
        self.slot(route).waiting.load(Ordering::Relaxed) >= 128
    }

    /// Whether the next call of this slow route is to be measured with the CPU clock.
    pub(crate) fn wants_sample(&self, route: u32) -> bool {
        self.slot(route).slow_calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE)
    }

    /// Notes that a call took `wall` nanoseconds. Two threads at once may lose one of the samples.
    pub(crate) fn record(&self, route: u32, wall: u64) {
        let wall = u32::try_from(wall).unwrap_or(u32::MAX);
        moving(&self.slot(route).wall, wall);
    }

    /// Notes that of `wall` nanoseconds `cpu` were spent on the processor.
    pub(crate) fn record_cpu(&self, route: u32, wall: u64, cpu: u64) {
        let waiting = 256 - (cpu.min(wall) * 256 / wall.max(1)) as u32;
        moving(&self.slot(route).waiting, waiting);
    }

    fn slot(&self, route: u32) -> &Average {
        &self.slots[(route ^ (route >> 16)) as usize % SLOTS]
    }
}

fn moving(average: &AtomicU32, sample: u32) {
    let before = average.load(Ordering::Relaxed);
    let step = |gap: u32| gap.div_ceil(WEIGHT);
    let after = if sample >= before {
        before + step(sample - before)
    } else {
        before - step(before - sample)
    };
    if after != before {
        average.store(after, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_call_makes_a_fast_route_slow_and_some_fast_ones_mend_it() {
        let averages = RouteAverages::new();
        averages.record(7, 5_000);
        averages.record(7, 5_000_000);
        assert!(averages.wall(7) > 100_000);
        for _ in 0..64 {
            averages.record(7, 5_000);
        }
        assert!(averages.wall(7) < 100_000);
        assert_eq!(averages.wall(8), 0);
    }

    #[test]
    fn a_route_that_computes_is_told_from_one_that_waits() {
        let averages = RouteAverages::new();
        assert!(averages.waits(1));
        for _ in 0..16 {
            averages.record_cpu(1, 1_000_000, 990_000);
        }
        assert!(!averages.waits(1));
        for _ in 0..16 {
            averages.record_cpu(1, 1_000_000, 10_000);
        }
        assert!(averages.waits(1));
    }
}
