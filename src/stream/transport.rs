//! The bytes under a stream: what was read ahead, then the socket. Nothing here waits.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use super::Direction;
use crate::sys::{poll, socket};

pub(super) struct Transport {
    socket: OwnedFd,
    ahead: Mutex<Ahead>,
}

/// Bytes that the server had read before the stream began.
struct Ahead {
    bytes: Vec<u8>,
    at: usize,
}

/// Why no byte moved.
pub(super) enum Stuck {
    /// To be tried again when the socket has these events.
    Until(i16),
    /// The connection is broken.
    Broken,
}

impl Transport {
    pub(super) fn new(socket: OwnedFd, ahead: Vec<u8>) -> Self {
        Self { socket, ahead: Mutex::new(Ahead { bytes: ahead, at: 0 }) }
    }

    /// Some bytes; 0 at the end.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Result<usize, Stuck> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let count = ahead.take(buffer);
        drop(ahead);
        if count > 0 {
            return Ok(count);
        }
        socket::receive(self.fd(), buffer).map_err(|error| Stuck::of(&error, poll::IN))
    }

    /// Writes what fits.
    pub(super) fn send(&self, data: &[u8]) -> Result<usize, Stuck> {
        socket::send(self.fd(), data).map_err(|error| Stuck::of(&error, poll::OUT))
    }

    /// Bytes that can be received without the socket.
    pub(super) fn pending(&self) -> usize {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.bytes.len() - ahead.at
    }

    /// Ends a direction at the socket; the caller has noted it before.
    pub(super) fn shutdown(&self, direction: Direction) {
        match direction {
            Direction::Read => socket::shutdown_read(self.fd()),
            Direction::Write => socket::shutdown_write(self.fd()),
            Direction::Both => socket::shutdown_both(self.fd()),
        }
    }

    pub(super) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Ahead {
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        if self.at == self.bytes.len() {
            (self.bytes, self.at) = (Vec::new(), 0);
        }
        count
    }
}

impl Stuck {
    fn of(error: &io::Error, events: i16) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::Until(events),
            _ => Self::Broken,
        }
    }
}
