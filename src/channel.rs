//! What carries the bytes of one connection: a socket, or a socket under TLS. The role of the seed's
//! `CP_makefile`; nothing here waits.
#![forbid(unsafe_code)]

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

mod secured;

pub(crate) use secured::{Secured, Shaken};

use crate::sys::socket;

/// One client's socket, and the TLS session on it if there is one.
///
/// A write under TLS takes plaintext, and its encrypted form may not fit into the socket: then the
/// channel *holds back*, and [`push`](Self::push) goes on.
#[derive(Default)]
pub(crate) struct Channel {
    socket: Option<OwnedFd>,
    secured: Option<Box<Secured>>,
}

impl Channel {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket: Some(socket), secured: None }
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.socket.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    pub(crate) fn secured(&mut self) -> Option<&mut Secured> {
        self.secured.as_deref_mut()
    }

    pub(crate) fn is_secured(&self) -> bool {
        self.secured.is_some()
    }

    /// Whether a TLS session has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.secured.as_ref().is_some_and(|secured| secured.has_begun())
    }

    /// Encrypted bytes that were sent so far.
    pub(crate) fn pushed(&self) -> u64 {
        self.secured.as_ref().map_or(0, |secured| secured.sent())
    }

    /// From here on the bytes are encrypted.
    pub(crate) fn secure(&mut self) -> &mut Secured {
        self.secured.get_or_insert_default()
    }

    /// From here on they are not.
    pub(crate) fn give_up_tls(&mut self) {
        self.secured = None;
    }

    /// Takes both apart; the channel is closed then.
    pub(crate) fn take(&mut self) -> Option<(OwnedFd, Option<Box<Secured>>)> {
        Some((self.socket.take()?, self.secured.take()))
    }

    /// Reads what is there: `WouldBlock` when nothing is, `Ok(0)` at the end.
    #[inline]
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.secured {
            None => socket::receive(self.fd(), buffer),
            Some(_) => self.receive_secured(buffer),
        }
    }

    #[cold]
    fn receive_secured(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let fd = self.fd();
        self.secured.as_mut().map_or(Ok(0), |secured| secured.receive(fd, buffer))
    }

    /// Whether a read that gave `count` of `asked` bytes has left nothing for another one.
    #[inline]
    pub(crate) fn is_drained_by(&self, count: usize, asked: usize) -> bool {
        match &self.secured {
            None => count < asked,
            Some(secured) => secured.is_drained(),
        }
    }

    /// Writes what fits. Less than all, or holding back, means that the socket is full.
    #[inline]
    pub(crate) fn send(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.secured {
            None => socket::send(self.fd(), data),
            Some(_) => self.send_secured(&[IoSlice::new(data)]),
        }
    }

    /// [`send`](Self::send) of what is only the beginning: the rest is sent at once.
    pub(crate) fn send_more(&mut self, data: &[u8]) -> io::Result<usize> {
        let fd = self.fd();
        match &mut self.secured {
            None => socket::send_more(fd, data),
            Some(secured) => secured.send_more(fd, data),
        }
    }

    /// [`send`](Self::send) of several pieces.
    #[inline]
    pub(crate) fn send_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.secured {
            None => socket::send_vectored(self.fd(), pieces),
            Some(_) => self.send_secured(pieces),
        }
    }

    #[cold]
    fn send_secured(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let fd = self.fd();
        match &mut self.secured {
            Some(secured) => secured.send(fd, pieces),
            None => Ok(0),
        }
    }

    /// Whether something that was taken is not in the socket.
    #[inline]
    pub(crate) fn holds_back(&self) -> bool {
        self.secured.as_ref().is_some_and(|secured| secured.holds_back())
    }

    /// Sends what is held back: `WouldBlock` if not all of it fits. How many bytes otherwise.
    pub(crate) fn push(&mut self) -> io::Result<usize> {
        let fd = self.fd();
        self.secured.as_mut().map_or(Ok(0), |secured| secured.push(fd))
    }

    /// Nothing that is held back, and no goodbye, will be sent: the client is to see that the end is
    /// not a proper one.
    pub(crate) fn abandon(&mut self) {
        if let Some(secured) = &mut self.secured {
            secured.abandon();
        }
    }

    /// What is on its way goes out, but no goodbye: the client is to see that something is missing.
    pub(crate) fn end_without_goodbye(&mut self) {
        if let Some(secured) = &mut self.secured {
            secured.skip_goodbye();
        }
    }

    /// Says goodbye and ends our side.
    pub(crate) fn shutdown_write(&mut self) {
        let fd = self.fd();
        if let Some(secured) = &mut self.secured {
            secured.say_goodbye(fd);
        }
        socket::shutdown_write(fd);
    }

    /// Says goodbye, and ends both sides at once, also for other holders of the descriptor.
    pub(crate) fn close(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        if let Some(mut secured) = self.secured.take() {
            secured.say_goodbye(socket.as_raw_fd());
        }
        socket::shutdown_both(socket.as_raw_fd());
    }
}
