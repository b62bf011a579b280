//! How fast a client sends its body or takes its answer, on average over the time that it was waited
//! for. What the application takes for itself does not count.
#![forbid(unsafe_code)]

/// The average means nothing before so many milliseconds, where no time-out says how many.
const GRACE: u64 = 10_000;

/// Both directions of one request.
#[derive(Clone, Copy, Default)]
pub(super) struct Paces {
    pub(super) body: Pace,
    pub(super) answer: Pace,
}

/// One direction of one request.
#[derive(Clone, Copy, Default)]
pub(super) struct Pace {
    bytes: u64,
    /// Milliseconds that earlier waits took.
    waited: u64,
    /// When the present wait began; `None`: the client is not waited for.
    since: Option<u64>,
}

impl Pace {
    pub(super) fn moved(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// The client is waited for from `now` on, if it was not before.
    pub(super) fn begin(&mut self, now: u64) {
        self.since.get_or_insert(now);
    }

    /// The client is not waited for any more.
    pub(super) fn end(&mut self, now: u64) {
        if let Some(since) = self.since.take() {
            self.waited += now.saturating_sub(since);
        }
    }

    /// When the client has been slower than `rate` bytes a second if it goes on like this; the time
    /// without progress that is allowed, in milliseconds, comes first.
    pub(super) fn limit(&self, rate: u64, timeout: u64) -> Option<u64> {
        let since = self.since.filter(|_| rate > 0)?;
        let grace = if timeout == 0 { GRACE } else { timeout };
        let worth = self.bytes.saturating_mul(1000) / rate;
        Some(since.saturating_add(grace.max(worth)).saturating_sub(self.waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_buy_time_once_the_grace_is_over() {
        let mut pace = Pace::default();
        pace.begin(5_000);
        assert_eq!(pace.limit(100, 1_000), Some(6_000));
        pace.moved(50);
        assert_eq!(pace.limit(100, 1_000), Some(6_000));
        pace.moved(150);
        assert_eq!(pace.limit(100, 1_000), Some(7_000));
    }

    #[test]
    fn time_that_is_not_the_clients_does_not_count() {
        let mut pace = Pace::default();
        pace.begin(0);
        pace.moved(200);
        pace.end(500);
        assert_eq!(pace.limit(100, 1_000), None);
        pace.begin(90_000);
        pace.begin(91_000);
        assert_eq!(pace.limit(100, 1_000), Some(91_500));
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let mut pace = Pace::default();
        pace.begin(0);
        assert_eq!(pace.limit(0, 1_000), None);
        assert_eq!(pace.limit(1, 0), Some(GRACE));
    }
}
