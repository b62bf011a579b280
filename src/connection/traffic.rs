//! What a connection has read and written since somebody took note of it.
//!
//! The connection's owner counts here, without asking who it is. A worker takes the figures over
//! with each answer; what is left when the connection rests goes to the server's shared counters.
#![forbid(unsafe_code)]

use std::io;

use super::HTTPConnection;
use super::services::Services;
use crate::statistics::counters::Tally;

/// Bytes read and written, requests that were refused, reads and writes that failed. Small: every
/// idle connection has one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Traffic {
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) refused: u32,
    pub(crate) errors: u32,
}

impl HTTPConnection {
    /// Hands over what was counted.
    pub(crate) fn take_traffic(&mut self) -> Traffic {
        if let Some(account) = self.extras.as_mut().and_then(|extras| extras.account.as_mut()) {
            account.note_read(self.traffic.read);
        }
        std::mem::take(&mut self.traffic)
    }

    /// To be called before the connection is released, queued or closed.
    pub(super) fn settle_traffic(&mut self, services: &Services) {
        if !self.traffic.is_empty() {
            let traffic = self.take_traffic();
            services.statistics.add(Tally {
                requests: traffic.refused.into(),
                read: traffic.read,
                written: traffic.written,
                errors: traffic.errors.into(),
                ..Tally::default()
            });
        }
    }
}

impl Traffic {
    fn is_empty(&self) -> bool {
        self.read | self.written | u64::from(self.refused | self.errors) == 0
    }

    /// Takes note of what a read gave.
    pub(super) fn note_read(&mut self, result: &io::Result<usize>) {
        match result {
            Ok(count) => self.read += *count as u64,
            Err(error) => self.note_error(error),
        }
    }

    /// Takes note of what a write took.
    pub(super) fn note_written(&mut self, result: &io::Result<usize>) {
        match result {
            Ok(count) => self.written += *count as u64,
            Err(error) => self.note_error(error),
        }
    }

    #[cold]
    fn note_error(&mut self, error: &io::Error) {
        if error.kind() != io::ErrorKind::WouldBlock {
            self.errors += 1;
        }
    }
}
