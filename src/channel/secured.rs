//! A TLS session and the socket under it.
#![forbid(unsafe_code)]

use std::io::{self, IoSlice};
use std::os::fd::RawFd;

use crate::gateway::environ::Pairs;
use crate::ssl::{self, SSLAdapter, SSLError, SSLSession};
use crate::sys::socket;

/// Encrypted bytes are read in pieces of up to so many: a record of TLS with its frame (RFC 8446,
/// section 5.2) and a little more.
const READ: usize = 17 * 1024;
/// So many pieces at most go into one write.
const AT_ONCE: usize = 64;

/// How far a handshake came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shaken {
    Done,
    /// The client has to send something, or to take it.
    Waits,
    /// The client has left.
    Ended,
}

/// The session comes with the client's first byte: who never says anything costs nothing.
#[derive(Default)]
pub(crate) struct Secured {
    session: Option<Box<dyn SSLSession>>,
    /// Encrypted bytes that were read and that the session has not taken, from `at` on.
    incoming: Vec<u8>,
    at: usize,
    /// The last read has taken all there was.
    emptied: bool,
    /// The client has closed the socket.
    ended: bool,
    /// Nothing more is to be sent.
    abandoned: bool,
    goodbye: bool,
    /// The next byte to be written was taken before.
    one_again: bool,
    /// Built when it is first asked for.
    pairs: Option<Box<Pairs>>,
    /// Encrypted bytes that were sent.
    sent: u64,
}

impl Secured {
    /// Goes on with the handshake as far as the client's bytes reach. After an error, what the
    /// session has to say about it was sent. A client that has `hung_up` is read to its end.
    pub(crate) fn shake_hands(
        &mut self,
        fd: RawFd,
        hung_up: bool,
        adapter: &dyn SSLAdapter,
    ) -> Result<Shaken, SSLError> {
        loop {
            if self.at == self.incoming.len() && !self.fetch(fd).map_err(broken)? {
                let shaken = if self.ended { Shaken::Ended } else { Shaken::Waits };
                return Ok(shaken);
            }
            if self.session.is_none() {
                self.begin(adapter)?;
            }
            let result = self.feed();
            match self.send_all(fd) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Err(broken(error));
                }
                _ => result?,
            }
            if self.session.as_ref().is_some_and(|session| !session.is_handshaking()) {
                return Ok(Shaken::Done);
            }
            let taken = self.at == self.incoming.len();
            if self.holds_back() || (taken && self.emptied && !hung_up) {
                return Ok(Shaken::Waits);
            }
        }
    }

    /// The client's first bytes are here.
    fn begin(&mut self, adapter: &dyn SSLAdapter) -> Result<(), SSLError> {
        // No record of TLS begins with a letter, every method of HTTP does.
        if self.incoming.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err(SSLError::NoSSL);
        }
        self.session = Some(adapter.wrap()?);
        Ok(())
    }

    /// Whether the client has sent anything at all.
    pub(crate) fn has_begun(&self) -> bool {
        self.session.is_some()
    }

    /// What the client has shown of certificates, its own first, as DER.
    pub(crate) fn client_certificates(&mut self) -> Vec<Vec<u8>> {
        let Some(session) = &self.session else { return Vec::new() };
        let shown = session.describe().client_certificates;
        if !shown.is_empty() {
            return shown;
        }
        // A host's session gives the client's own certificate as a pair, if at all.
        let own =
            self.pairs().and_then(|pairs| ssl::client_certificate(|key| pairs.get(key.as_bytes())));
        own.into_iter().collect()
    }

    /// The variables for the environ.
    pub(crate) fn pairs(&mut self) -> Option<&Pairs> {
        let session = self.session.as_deref()?;
        Some(self.pairs.get_or_insert_with(|| Box::new(ssl::pairs(session))))
    }

    pub(crate) fn receive(&mut self, fd: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(session) = self.session.as_mut() else { return Ok(0) };
            let read = session.read(buffer);
            if let Ok(Some(count)) = read {
                return Ok(count);
            }
            // Some sessions look at what came only now, and have an answer to it: keys, an alert.
            let _held_back = self.send_all(fd);
            read?;
            if buffer.is_empty() || (self.at == self.incoming.len() && !self.fetch(fd)?) {
                // An end without a goodbye is for the reader of the body to judge, which knows
                // how much was to come.
                return if self.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
            }
            let fed = self.feed();
            // An answer to what came: keys, an alert. What does not fit now goes another time.
            let _held_back = self.send_all(fd);
            fed?;
        }
    }

    /// Whether there is nothing more to be read than what may have come since.
    pub(super) fn is_drained(&self) -> bool {
        self.emptied && self.pending() == 0 && self.at == self.incoming.len()
    }

    /// Bytes that can be read without the socket, or may be.
    pub(crate) fn pending(&self) -> usize {
        let Some(session) = self.session.as_ref() else { return 0 };
        session.pending().max(usize::from(self.at < self.incoming.len()))
    }

    pub(crate) fn send(&mut self, fd: RawFd, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut places = [IoSlice::new(&[]); AT_ONCE];
        let count = pieces.len().min(AT_ONCE);
        places[..count].copy_from_slice(&pieces[..count]);
        let mut rest = &mut places[..count];
        let mut taken = 0;
        loop {
            match self.send_all(fd) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && taken > 0 => {
                    return Ok(taken);
                }
                Err(error) => return Err(error),
            }
            if rest.iter().all(|piece| piece.is_empty()) {
                return Ok(taken);
            }
            let session = self.session.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let count = session.write(rest)?;
            if count == 0 && !session.wants_take() {
                return Err(io::ErrorKind::WriteZero.into());
            }
            taken += count;
            IoSlice::advance_slices(&mut rest, count);
        }
    }

    /// [`send`](Self::send) for a caller who comes back only if something is left: if what was taken
    /// does not fit into the socket, all but its last byte is said to be taken. The caller gives
    /// that byte again, and it is not sent twice.
    pub(crate) fn write_all_but_one(&mut self, fd: RawFd, data: &[u8]) -> io::Result<usize> {
        self.send_all(fd)?;
        let again = usize::from(self.one_again && !data.is_empty());
        self.one_again = false;
        let rest = data.get(again..).unwrap_or_default();
        let taken = match self.send(fd, &[IoSlice::new(rest)]) {
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if !self.holds_back() {
            return Ok(again + taken);
        }
        self.one_again = true;
        match again + taken {
            0 | 1 => Err(io::ErrorKind::WouldBlock.into()),
            taken => Ok(taken - 1),
        }
    }

    /// Encrypts, and lets it wait for what follows at once.
    pub(super) fn send_more(&mut self, fd: RawFd, data: &[u8]) -> io::Result<usize> {
        if data.len() > READ || self.holds_back() {
            return self.send(fd, &[IoSlice::new(data)]);
        }
        let session = self.session.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(session.write(&[IoSlice::new(data)])?)
    }

    pub(crate) fn holds_back(&self) -> bool {
        !self.abandoned && self.session.as_ref().is_some_and(|session| session.wants_take())
    }

    pub(crate) fn push(&mut self, fd: RawFd) -> io::Result<usize> {
        let before = self.sent;
        self.send_all(fd)?;
        Ok((self.sent - before) as usize)
    }

    /// Encrypted bytes that were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) fn abandon(&mut self) {
        self.abandoned = true;
    }

    pub(crate) fn skip_goodbye(&mut self) {
        self.goodbye = true;
    }

    pub(crate) fn say_goodbye(&mut self, fd: RawFd) {
        if self.abandoned || std::mem::replace(&mut self.goodbye, true) {
            return;
        }
        if let Some(session) = &mut self.session
            && !session.is_handshaking()
        {
            session.close();
            // A client whose window is closed does not get it.
            let _lost = self.send_all(fd);
        }
    }

    /// Gives back memory that nothing is in.
    pub(crate) fn settle(&mut self) {
        if self.at == self.incoming.len() {
            (self.incoming, self.at) = (Vec::new(), 0);
        }
    }

    /// Reads from the socket. False if there is nothing, or the client has closed.
    fn fetch(&mut self, fd: RawFd) -> io::Result<bool> {
        self.incoming.clear();
        self.at = 0;
        if self.incoming.capacity() == 0 {
            self.incoming = Vec::with_capacity(READ);
        }
        match socket::receive_into(fd, &mut self.incoming) {
            Ok(0) => {
                (self.emptied, self.ended) = (true, true);
                Ok(false)
            }
            Ok(count) => {
                self.emptied = count < self.incoming.capacity();
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.emptied = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn feed(&mut self) -> Result<(), SSLError> {
        let Some(session) = self.session.as_mut() else { return Ok(()) };
        let bytes = self.incoming.get(self.at..).unwrap_or_default();
        let taken = session.feed(bytes)?;
        self.at = (self.at + taken).min(self.incoming.len());
        if taken == 0 && session.pending() == 0 {
            return Err(SSLError::FatalSSLAlert("the session takes no more bytes".into()));
        }
        Ok(())
    }

    /// Sends all that the session has; `WouldBlock` if not all of it fits.
    fn send_all(&mut self, fd: RawFd) -> io::Result<()> {
        let Some(session) = self.session.as_mut() else { return Ok(()) };
        if self.abandoned {
            return Ok(());
        }
        while session.wants_take() {
            self.sent += session.take(&mut Wire(fd))? as u64;
        }
        Ok(())
    }
}

/// The socket as something to write to.
struct Wire(RawFd);

impl io::Write for Wire {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        socket::send(self.0, data)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [one] => socket::send(self.0, one),
            several => socket::send_vectored(self.0, several),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn broken(error: io::Error) -> SSLError {
    SSLError::FatalSSLAlert(error.to_string())
}
