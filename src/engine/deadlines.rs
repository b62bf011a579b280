//! Deadlines: one timer descriptor for all connections, one lazy entry for each.
//!
//! A request moves its connection's deadline by a plain store; the entry stays where it is. When an
//! entry comes due, the connection's owner reads the deadline again and puts a new entry if it has
//! moved. So the lock here is taken when a connection opens and once per time-out, not per request.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

use super::handle::RequestId;
use super::ownership::Token;
use crate::error_log::{ErrorLog, LogCode, LogLevel};
use crate::sys::clock;
use crate::sys::event::TimerFd;

/// Entries are gathered in steps of so many milliseconds.
const STEP: u64 = 32;

/// All entries, and the timer that fires for the first.
pub(crate) struct Deadlines {
    timer: TimerFd,
    entries: Mutex<Entries>,
    log: Arc<ErrorLog>,
}

/// What is due.
pub(crate) struct Due {
    pub(crate) connections: Vec<Token>,
    pub(crate) requests: Vec<RequestId>,
}

#[derive(Default)]
struct Entries {
    steps: BTreeMap<u64, Vec<Token>>,
    /// Requests that have deadlines of their own.
    requests: BTreeSet<(u64, u64)>,
    armed: Option<u64>,
}

impl Deadlines {
    pub(crate) fn new(log: Arc<ErrorLog>) -> io::Result<Self> {
        Ok(Self { timer: TimerFd::new()?, entries: Mutex::default(), log })
    }

    /// The descriptor that becomes readable when an entry is due.
    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.timer.as_raw_fd()
    }

    /// Puts an entry for `when` (milliseconds of the monotonic clock). Returns the time it will
    /// come due: not before `when`, and at most one step after it.
    pub(crate) fn insert(&self, token: Token, when: u64) -> u64 {
        let step = when.div_ceil(STEP);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.steps.entry(step).or_default().push(token);
        let armed = self.arm(&mut entries);
        drop(entries);
        self.tell(armed);
        step * STEP
    }

    /// Puts an entry for a request's own deadline.
    pub(crate) fn insert_request(&self, id: RequestId, when: u64) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.requests.insert((when.div_ceil(STEP), id.0));
        let armed = self.arm(&mut entries);
        drop(entries);
        self.tell(armed);
    }

    /// Takes it out again.
    pub(crate) fn remove_request(&self, id: RequestId, when: u64) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.requests.remove(&(when.div_ceil(STEP), id.0));
    }

    /// Takes out what is due at `now` and sets the timer for the rest.
    pub(crate) fn take_due(&self, now: u64) -> Due {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let later = entries.steps.split_off(&(now / STEP + 1));
        let due = std::mem::replace(&mut entries.steps, later);
        let later = entries.requests.split_off(&(now / STEP + 1, 0));
        let requests = std::mem::replace(&mut entries.requests, later);
        // Even for the same time the timer has to be set again: it fires once.
        entries.armed = None;
        let armed = self.arm(&mut entries);
        drop(entries);
        self.tell(armed);
        Due {
            connections: due.into_values().flatten().collect(),
            requests: requests.into_iter().map(|(_, id)| RequestId(id)).collect(),
        }
    }

    fn arm(&self, entries: &mut Entries) -> io::Result<()> {
        let connections = entries.steps.first_key_value().map(|(step, _)| *step);
        let requests = entries.requests.first().map(|(step, _)| *step);
        let Some(first) = connections.into_iter().chain(requests).min() else { return Ok(()) };
        let first = first * STEP;
        if entries.armed.is_none_or(|armed| first < armed) {
            // Not armed unless it succeeds: then the next entry is the next try.
            entries.armed = None;
            self.timer.set(first.saturating_sub(clock::monotonic_ms()))?;
            entries.armed = Some(first);
        }
        Ok(())
    }

    /// Without the lock, as the host may be listening.
    fn tell(&self, armed: io::Result<()>) {
        if let Err(error) = armed {
            let text = format_args!("timerfd_settime: {error}: deadlines may be late");
            self.log.repeated(LogLevel::Error, LogCode::System, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_due_in_order_and_once() {
        let deadlines = Deadlines::new(ErrorLog::silent()).unwrap();
        let token = |slot| Token { slot, generation: 0 };
        let late = deadlines.insert(token(1), 10_000);
        let early = deadlines.insert(token(2), 5_000);
        assert!((10_000..10_000 + STEP).contains(&late));
        assert!(deadlines.take_due(4_999).connections.is_empty());
        assert_eq!(deadlines.take_due(early).connections, [token(2)]);
        assert_eq!(deadlines.take_due(20_000).connections, [token(1)]);
        assert!(deadlines.take_due(30_000).connections.is_empty());
    }

    #[test]
    fn requests_have_entries_that_can_be_taken_back() {
        let deadlines = Deadlines::new(ErrorLog::silent()).unwrap();
        deadlines.insert_request(RequestId(1), 5_000);
        deadlines.insert_request(RequestId(2), 5_000);
        deadlines.remove_request(RequestId(1), 5_000);
        assert!(deadlines.take_due(4_999).requests.is_empty());
        assert_eq!(deadlines.take_due(5_000 + STEP).requests, [RequestId(2)]);
        assert!(deadlines.take_due(10_000).requests.is_empty());
    }
}
