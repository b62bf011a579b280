//! One direction of a stream: who is in it, its deadline, and waiting.
#![forbid(unsafe_code)]

use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use super::StreamError;
use crate::sys::event::EventFd;
use crate::sys::{clock, poll};

/// Where no descriptor is left to be woken by, a new deadline is noticed after so many milliseconds.
const BLIND: u64 = 100;

#[derive(Default)]
pub(super) struct Side {
    /// Held by the thread that is in a call.
    entered: Mutex<()>,
    waiting: Mutex<Waiting>,
    shut: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    /// Milliseconds of the monotonic clock.
    deadline: Option<u64>,
    /// Tells the thread that waits of a new deadline. Made by the first wait, because a host that
    /// waits in a loop of its own needs none.
    changed: Option<EventFd>,
}

impl Side {
    /// Lets one thread in at a time.
    pub(super) fn enter(&self) -> Result<MutexGuard<'_, ()>, StreamError> {
        match self.entered.try_lock() {
            Ok(entered) => Ok(entered),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(StreamError::Busy),
        }
    }

    pub(super) fn set_deadline(&self, timeout: Option<Duration>) {
        let mut waiting = self.lock();
        waiting.deadline = timeout.map(|timeout| {
            let timeout = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            clock::monotonic_ms().saturating_add(timeout)
        });
        if let Some(changed) = &waiting.changed {
            changed.signal();
        }
    }

    pub(super) fn is_late(&self) -> bool {
        self.lock().deadline.is_some_and(|deadline| deadline <= clock::monotonic_ms())
    }

    pub(super) fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_shut(&self) -> bool {
        self.shut.load(Ordering::SeqCst)
    }

    /// Waits for the events, the deadline or a new one; the caller looks which. By the thread that
    /// has entered.
    pub(super) fn wait(&self, fd: RawFd, events: i16) -> Result<(), StreamError> {
        let (deadline, changed) = self.prepare();
        let left = deadline.map(|deadline| deadline.saturating_sub(clock::monotonic_ms()));
        let left = if changed < 0 { Some(left.unwrap_or(BLIND).min(BLIND)) } else { left };
        let timeout = left.map_or(-1, |left| i32::try_from(left).unwrap_or(i32::MAX));
        match poll::poll([(fd, events), (changed, poll::IN)], timeout) {
            Ok(_) => Ok(()),
            Err(_) => Err(StreamError::System),
        }
    }

    /// The deadline, and the descriptor that tells of another one (-1 if there is none). Both under
    /// the lock, so that no change can fall between them.
    fn prepare(&self) -> (Option<u64>, RawFd) {
        let mut waiting = self.lock();
        match &waiting.changed {
            Some(changed) => changed.clear(),
            None => waiting.changed = EventFd::new().ok(),
        }
        (waiting.deadline, waiting.changed.as_ref().map_or(-1, AsRawFd::as_raw_fd))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
