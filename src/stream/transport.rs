//! The bytes under a stream: what was read ahead, then the socket, with or without TLS. Nothing here
//! waits.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Direction;
use crate::channel::Secured;
use crate::connection::handing_over::HandedOver;
use crate::sys::{poll, socket};

pub(super) struct Transport {
    socket: OwnedFd,
    ahead: Mutex<Ahead>,
    /// Both directions of TLS are one session; a call has it for as long as it moves bytes.
    secured: Option<Mutex<Secured>>,
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
    pub(super) fn new(connection: HandedOver) -> Self {
        let HandedOver { socket, secured, ahead } = connection;
        let secured = secured.map(|secured| Mutex::new(*secured));
        Self { socket, ahead: Mutex::new(Ahead { bytes: ahead, at: 0 }), secured }
    }

    /// Some bytes; 0 at the end.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Result<usize, Stuck> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let count = ahead.take(buffer);
        drop(ahead);
        if count > 0 {
            return Ok(count);
        }
        let received = match self.secured() {
            None => socket::receive(self.fd(), buffer),
            Some(mut secured) => {
                let received = secured.receive(self.fd(), buffer);
                secured.settle();
                received
            }
        };
        received.map_err(|error| Stuck::of(&error, poll::IN))
    }

    /// Writes what fits.
    ///
    /// Under TLS bytes that were taken may not fit when they are encrypted. So that the caller comes
    /// back when there is room, the last of them is left to be written once more; it is not sent
    /// twice.
    pub(super) fn send(&self, data: &[u8]) -> Result<usize, Stuck> {
        let sent = match self.secured() {
            None => socket::send(self.fd(), data),
            Some(mut secured) => secured.write_all_but_one(self.fd(), data),
        };
        sent.map_err(|error| Stuck::of(&error, poll::OUT))
    }

    /// Bytes that can be received without the socket.
    pub(super) fn pending(&self) -> usize {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = ahead.bytes.len() - ahead.at;
        ahead + self.secured().map_or(0, |secured| secured.pending())
    }

    /// Ends a direction at the socket; the caller has noted it before.
    pub(super) fn shutdown(&self, direction: Direction) {
        if direction != Direction::Read
            && let Some(mut secured) = self.secured()
        {
            secured.say_goodbye(self.fd());
        }
        match direction {
            Direction::Read => socket::shutdown_read(self.fd()),
            Direction::Write => socket::shutdown_write(self.fd()),
            Direction::Both => socket::shutdown_both(self.fd()),
        }
    }

    /// Ends both directions, and the client sees that it is no proper end.
    pub(super) fn cut(&self) {
        if let Some(mut secured) = self.secured() {
            secured.abandon();
        }
        socket::shutdown_both(self.fd());
    }

    pub(super) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn secured(&self) -> Option<MutexGuard<'_, Secured>> {
        let secured = self.secured.as_ref()?;
        Some(secured.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The goodbye is for a client that is told nothing else; what does not fit is lost.
impl Drop for Transport {
    fn drop(&mut self) {
        if let Some(mut secured) = self.secured() {
            secured.say_goodbye(self.fd());
        }
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
