//! Deadlines: one timer descriptor for all connections, one lazy entry for each.
//!
//! A request moves its connection's deadline by a plain store; the entry stays where it is. When an
//! entry comes due, the connection's owner reads the deadline again and puts a new entry if it has
//! moved. So the lock here is taken when a connection opens and once per time-out, not per request.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

use super::ownership::Token;
use crate::error_log::{ErrorLog, LogCode};
use crate::sys::event::TimerFd;

/// Entries are gathered in steps of so many milliseconds.
const STEP: u64 = 32;

/// All entries, and the timer that fires for the first.
pub(crate) struct Deadlines {
    timer: TimerFd,
    entries: Mutex<Entries>,
    log: Arc<ErrorLog>,
}

#[derive(Default)]
struct Entries {
    steps: BTreeMap<u64, Vec<Token>>,
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

    /// Takes out what is due at `now` and sets the timer for the rest.
    pub(crate) fn take_due(&self, now: u64) -> Vec<Token> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let later = entries.steps.split_off(&(now / STEP + 1));
        let due = std::mem::replace(&mut entries.steps, later);
        // Even for the same time the timer has to be set again: it fires once.
        entries.armed = None;
        let armed = self.arm(&mut entries);
        drop(entries);
        self.tell(armed);
        due.into_values().flatten().collect()
    }

    fn arm(&self, entries: &mut Entries) -> io::Result<()> {
        let first = entries.steps.first_key_value().map(|(step, _)| step * STEP);
        let Some(first) = first else { return Ok(()) };
        if entries.armed.is_none_or(|armed| first < armed) {
            entries.armed = Some(first);
            self.timer.set(Some(first))?;
        }
        Ok(())
    }

    /// Without the lock, as the host may be listening.
    fn tell(&self, armed: io::Result<()>) {
        if let Err(error) = armed {
            let text = format_args!("timerfd_settime: {error}: deadlines may be late");
            self.log.error(LogCode::System, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_log::LogLevel;

    #[test]
    fn entries_come_due_in_order_and_once() {
        let deadlines = Deadlines::new(Arc::new(ErrorLog::new(None, LogLevel::Error))).unwrap();
        let token = |slot| Token { slot, generation: 0 };
        let late = deadlines.insert(token(1), 10_000);
        let early = deadlines.insert(token(2), 5_000);
        assert!((10_000..10_000 + STEP).contains(&late));
        assert!(deadlines.take_due(4_999).is_empty());
        assert_eq!(deadlines.take_due(early), [token(2)]);
        assert_eq!(deadlines.take_due(20_000), [token(1)]);
        assert!(deadlines.take_due(30_000).is_empty());
    }
}
