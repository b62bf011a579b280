//! Histograms of times: how many lay in which bucket.
//!
//! The buckets are log-linear: each power of ten is divided into eighteen of the same width, so a
//! time is known to a few parts in a hundred where it matters and to a third at the worst, in a
//! memory that does not grow. Bounds are round numbers of seconds, which is what people ask about.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

/// The bound of the first bucket, in nanoseconds. What did not take any time is in it.
const FIRST: u64 = 1_000;
/// Powers of ten above it: the last bound is 100 s.
const DECADES: usize = 8;
/// From 1 to 10 in steps of a half.
const STEPS: usize = 18;
/// The last one has no bound.
pub(crate) const BUCKETS: usize = 1 + DECADES * STEPS + 1;

const POWERS: [u64; DECADES + 1] = {
    let mut powers = [FIRST; DECADES + 1];
    let mut index = 1;
    while index <= DECADES {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// The bucket of a time in nanoseconds.
#[inline]
pub(crate) fn bucket_of(time: u64) -> usize {
    if time <= FIRST {
        return 0;
    }
    // A bound is in the bucket below it.
    let time = time - 1;
    let mut decade = 0;
    while decade < DECADES && time >= POWERS[decade + 1] {
        decade += 1;
    }
    if decade == DECADES {
        return BUCKETS - 1;
    }
    let step = (time - POWERS[decade]) / (POWERS[decade] / 2);
    1 + decade * STEPS + step as usize
}

/// The bound of a bucket, in nanoseconds: its times are not longer. `None`: any time.
fn bound_of(bucket: usize) -> Option<u64> {
    let Some(above) = bucket.checked_sub(1) else { return Some(FIRST) };
    let power = *POWERS.get(above / STEPS)?;
    (bucket < BUCKETS - 1).then(|| power + power / 2 * (above % STEPS + 1) as u64)
}

/// How long something took, of all times that it happened. There are buckets for times up to 100
/// seconds, each power of ten divided into 18.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    pub(super) counts: [u64; BUCKETS],
    /// Nanoseconds.
    pub(super) sum: u64,
}

impl Histogram {
    /// How many times it happened.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long it took, all times together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum)
    }

    /// How long it took on average; zero if it did not happen.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum.checked_div(self.count()).unwrap_or_default())
    }

    /// The time that was not exceeded by this part of all, between 0 and 1: 0.99 gives the 99th
    /// percentile. It is told as exactly as the buckets are fine; beyond the last bound that bound is
    /// told, and less than a microsecond as zero. Zero if nothing happened.
    pub fn quantile(&self, part: f64) -> Duration {
        let rank = part.clamp(0.0, 1.0) * self.count() as f64;
        let mut below = 0;
        for (bucket, &count) in self.counts.iter().enumerate() {
            if count > 0 && (below + count) as f64 >= rank {
                // What took no time at all is in the first.
                let Some(lower) = bucket.checked_sub(1).and_then(bound_of) else { break };
                let upper = bound_of(bucket).unwrap_or(lower);
                let inside = ((rank - below as f64) / count as f64).clamp(0.0, 1.0);
                return Duration::from_nanos(lower + ((upper - lower) as f64 * inside) as u64);
            }
            below += count;
        }
        Duration::ZERO
    }

    /// The bound of the bucket with this index. `None` for the last, and beyond it.
    pub fn bound(bucket: usize) -> Option<Duration> {
        bound_of(bucket).map(Duration::from_nanos)
    }

    /// The bounds of the buckets and how many times lay in each: above the bound before, and not
    /// above its own. The last one has no bound.
    pub fn buckets(&self) -> impl ExactSizeIterator<Item = (Option<Duration>, u64)> {
        self.counts.iter().enumerate().map(|(bucket, &count)| (Self::bound(bucket), count))
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.sum += other.sum;
    }

    pub(super) fn take_off(&mut self, before: &Self) {
        let pairs = self.counts.iter_mut().zip(before.counts);
        pairs.for_each(|(count, before)| *count = count.saturating_sub(before));
        self.sum = self.sum.saturating_sub(before.sum);
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], sum: 0 }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filled = self.buckets().filter(|(_, count)| *count > 0);
        f.debug_map()
            .entries(filled.map(|(bound, count)| (bound.unwrap_or(Duration::MAX), count)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        for time in times {
            histogram.counts[bucket_of(time)] += 1;
            histogram.sum += time;
        }
        histogram
    }

    #[test]
    fn each_time_is_between_the_bounds_of_its_bucket() {
        let bounds: Vec<_> = (0..BUCKETS).map(bound_of).collect();
        assert!(bounds[..BUCKETS - 1].iter().all(Option::is_some));
        assert_eq!(bounds[BUCKETS - 2], Some(100_000_000_000));
        assert_eq!(bounds[BUCKETS - 1], None);
        for (bucket, bound) in bounds.into_iter().flatten().enumerate() {
            assert_eq!(bucket_of(bound), bucket, "{bound}");
            assert_eq!(bucket_of(bound + 1), bucket + 1, "{bound}");
        }
        assert_eq!(bucket_of(0), 0);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_bounds_are_those_that_people_ask_about() {
        let bounds: Vec<_> = (0..BUCKETS).filter_map(bound_of).collect();
        for exponent in 3..11 {
            for tenths in [10, 15, 25, 50, 75, 95] {
                assert!(
                    bounds.contains(&(tenths * 10u64.pow(exponent - 1))),
                    "{tenths} {exponent}"
                );
            }
        }
    }

    #[test]
    fn quantiles_are_as_exact_as_the_buckets() {
        let times = of((1..=1000).map(|ms| ms * 1_000_000));
        assert_eq!((times.count(), times.mean()), (1000, Duration::from_nanos(500_500_000)));
        for (part, ms) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (0.001, 1.0)] {
            let told = times.quantile(part).as_secs_f64() * 1000.0;
            assert!((told - ms).abs() <= ms * 0.05, "{part}: {told}");
        }
        assert_eq!(times.quantile(1.0), Duration::from_secs(1));
        assert_eq!(of([]).quantile(0.5), Duration::ZERO);
        assert_eq!(of([u64::MAX / 2]).quantile(0.5), Duration::from_secs(100));
    }

    #[test]
    fn what_came_before_is_taken_off() {
        let (before, more) = (of([1, 2_000, 3_000_000]), of([5_000, 5_000]));
        let mut all = before.clone();
        all.add(&more);
        assert_eq!(all.count(), 5);
        all.take_off(&before);
        assert_eq!(all, more);
    }
}
