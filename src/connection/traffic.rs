//! What a connection has read and written since somebody took note of it.
//!
//! The connection's owner counts here, without asking who it is. A worker takes the figures over
//! with each answer; what is left when the connection rests goes to the server's shared counters.
#![forbid(unsafe_code)]

use std::io;

use super::HTTPConnection;
use super::services::Services;
use crate::error_log::{ErrorLog, LogCode, LogLevel};
use crate::statistics::counters::Tally;
use crate::sys::clock;

/// Bytes read and written, answers that the system took at once, requests that were refused, reads and writes that failed. Small: every
/// idle connection has one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Traffic {
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) at_once: u32,
    pub(crate) refused: u16,
    pub(crate) errors: u16,
}

impl HTTPConnection {
    /// Hands over what was counted.
    pub(crate) fn take_traffic(&mut self) -> Traffic {
        if let Some(account) = self.account.as_mut() {
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
            services.statistics.add_at_once(traffic.at_once);
        }
    }

    /// The answer that has just ended is on its way, or waits for its client.
    pub(super) fn note_answer(&mut self, services: &Services) {
        if self.is_all_sent() {
            self.traffic.at_once += 1;
        } else if services.statistics.is_on() {
            self.answered = clock::monotonic_ns();
        }
    }

    /// The answer that waited for its client has gone, or never will.
    #[inline]
    pub(super) fn note_answer_gone(&mut self, services: &Services) {
        if self.answered != 0 {
            let answered = std::mem::take(&mut self.answered);
            services.statistics.written(clock::monotonic_ns().saturating_sub(answered));
        }
    }

    /// A request is here whose call has to wait: in nanoseconds of the monotonic clock, since when.
    pub(crate) fn note_arrival(&mut self, since: u64) {
        if self.arrived == 0 {
            self.arrived = since;
        }
    }
}

impl Traffic {
    fn is_empty(&self) -> bool {
        self.read | self.written | u64::from(self.at_once) | u64::from(self.refused | self.errors)
            == 0
    }

    /// Takes note of what a read gave.
    pub(super) fn note_read(&mut self, result: &io::Result<usize>, log: &ErrorLog) {
        match result {
            Ok(count) => self.read += *count as u64,
            Err(error) => self.note_error("recv", error, log),
        }
    }

    /// Takes note of what a write took.
    pub(super) fn note_written(&mut self, result: &io::Result<usize>, log: &ErrorLog) {
        match result {
            Ok(count) => self.written += *count as u64,
            Err(error) => self.note_error("send", error, log),
        }
    }

    #[cold]
    fn note_error(&mut self, call: &str, error: &io::Error, log: &ErrorLog) {
        if error.kind() == io::ErrorKind::WouldBlock {
            return;
        }
        self.errors = self.errors.saturating_add(1);
        if is_ours(error) {
            let text = format_args!("{call}: {error}: a connection is closed");
            log.repeated(LogLevel::Error, LogCode::Connection, text);
        }
    }
}

/// Whether it is this machine that fails, and not the client or the way to it (tcp(7), ip(7)). What
/// TLS has to say of a client has no number.
fn is_ours(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| {
        !matches!(
            number,
            libc::ECONNRESET
                | libc::EPIPE
                | libc::ETIMEDOUT
                | libc::ECONNABORTED
                | libc::ECONNREFUSED
                | libc::ENOTCONN
                | libc::EHOSTUNREACH
                | libc::EHOSTDOWN
                | libc::ENETUNREACH
                | libc::ENETDOWN
                | libc::ENETRESET
                | libc::EPROTO
        )
    })
}
