//! Stream: a connection that the host has taken over ([`Request::hijack`]).
//!
//! One thread may read while another writes, each with its own deadline, and any thread may cancel
//! both. All waiting is here; the bytes come from a [`transport`] that never waits and says what it
//! would wait for, which for a layer like TLS may be the other direction.
//!
//! [`Request::hijack`]: crate::Request::hijack
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

mod side;
mod transport;

use side::Side;
use transport::{Stuck, Transport};

use crate::connection::handing_over::HandedOver;

/// One side of a stream, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What comes from the client.
    Read,
    /// What goes to the client.
    Write,
    /// Both.
    Both,
}

/// Why nothing was read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// Nothing now, and the call was not to wait.
    Again,
    /// Another thread is in a call of this direction.
    Busy,
    /// The deadline of this direction has passed.
    Timeout,
    /// Somebody has cancelled the stream.
    Cancelled,
    /// The client has left.
    Client,
    /// Written after a shutdown of that direction.
    State,
    /// The system has no memory to wait.
    System,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Again => "nothing now",
            Self::Busy => "another thread is in a call on the stream in this direction",
            Self::Timeout => "the deadline has passed",
            Self::Cancelled => "the stream was cancelled",
            Self::Client => "the client has left",
            Self::State => "the stream was shut down in this direction",
            Self::System => "the system cannot wait for the client",
        })
    }
}

impl std::error::Error for StreamError {}

impl From<StreamError> for io::Error {
    fn from(error: StreamError) -> Self {
        let kind = match error {
            StreamError::Again => io::ErrorKind::WouldBlock,
            StreamError::Busy => io::ErrorKind::ResourceBusy,
            StreamError::Timeout => io::ErrorKind::TimedOut,
            StreamError::Cancelled => io::ErrorKind::ConnectionAborted,
            StreamError::Client => io::ErrorKind::ConnectionReset,
            StreamError::State => io::ErrorKind::BrokenPipe,
            StreamError::System => io::ErrorKind::OutOfMemory,
        };
        Self::new(kind, error)
    }
}

/// A connection that is the host's own. The server neither waits for it nor closes it, and may be
/// stopped and freed while it lives. All methods may be called from any thread.
///
/// Dropping it closes the descriptor, which ends the connection if the host has made no duplicate
/// and no forked child holds one. What was written still goes out, but a client that was sending may
/// lose it; to end gently, shut down [`Direction::Write`] and read to the end first.
pub struct Stream {
    transport: Transport,
    reading: Side,
    writing: Side,
    cancelled: AtomicBool,
}

impl Stream {
    pub(crate) fn new(connection: HandedOver) -> Self {
        Self {
            transport: Transport::new(connection),
            reading: Side::default(),
            writing: Side::default(),
            cancelled: AtomicBool::new(false),
        }
    }

    /// Reads into `buffer`: the number of bytes, 0 at the end of what the client sends. Waits until
    /// there is something. What had been read ahead comes first.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        self.receive(buffer, true)
    }

    /// [`read`](Self::read) without waiting: `Again` if nothing is there.
    pub fn try_read(&self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        self.receive(buffer, false)
    }

    /// Writes all of `data`, and waits while the client does not take it. What ends the call before
    /// that is told by the next one, if a part was written: then this is how many bytes.
    pub fn write(&self, data: &[u8]) -> Result<usize, StreamError> {
        self.send(data, true)
    }

    /// Writes as much as the client takes now: `Again` if that is nothing.
    pub fn try_write(&self, data: &[u8]) -> Result<usize, StreamError> {
        self.send(data, false)
    }

    /// How many bytes can be read that are not in the descriptor any more, so that it does not show
    /// them.
    pub fn pending(&self) -> usize {
        if self.reading.is_shut() { 0 } else { self.transport.pending() }
    }

    /// Ends one direction or both. The client sees the end of what it reads; a reader here reads 0.
    /// Calls that wait return.
    pub fn shutdown(&self, direction: Direction) {
        // The mark comes first: who is woken by the shutdown looks at it.
        for side in self.sides(direction) {
            side.shut();
        }
        self.transport.shutdown(direction);
    }

    /// From so much time on, calls of this direction end with `Timeout`, also those that wait now;
    /// zero: at once, `None`: never. It holds until another one is set.
    pub fn set_deadline(&self, direction: Direction, timeout: Option<Duration>) {
        for side in self.sides(direction) {
            side.set_deadline(timeout);
        }
    }

    /// Ends the connection: all calls, also those that wait now, end with `Cancelled`, and the
    /// client sees the end.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        // Wakes whoever waits in poll.
        self.transport.cut();
    }

    /// Whether no thread is in a call that reads or writes.
    pub(crate) fn is_unused(&self) -> bool {
        self.reading.enter().is_ok() && self.writing.enter().is_ok()
    }

    fn receive(&self, buffer: &mut [u8], wait: bool) -> Result<usize, StreamError> {
        let _entered = self.reading.enter()?;
        loop {
            self.go_on(&self.reading)?;
            if buffer.is_empty() || self.reading.is_shut() {
                return Ok(0);
            }
            match self.transport.receive(buffer) {
                // The end may be that of a cancel.
                Ok(0) => return self.unless_cancelled(Ok(0)),
                Ok(count) => return Ok(count),
                Err(Stuck::Broken) => return self.unless_cancelled(Err(StreamError::Client)),
                Err(Stuck::Until(events)) if wait => {
                    self.reading.wait(self.transport.fd(), events)?;
                }
                Err(Stuck::Until(_)) => return Err(StreamError::Again),
            }
        }
    }

    fn send(&self, data: &[u8], wait: bool) -> Result<usize, StreamError> {
        let _entered = self.writing.enter()?;
        let mut sent = 0;
        loop {
            match self.send_some(&data[sent..], wait) {
                Ok(count) => sent += count,
                Err(error) if sent == 0 => return Err(error),
                Err(_told_by_the_next_call) => return Ok(sent),
            }
            if sent == data.len() {
                return Ok(sent);
            }
        }
    }

    /// What can be written now; nothing after a wait.
    fn send_some(&self, data: &[u8], wait: bool) -> Result<usize, StreamError> {
        self.go_on(&self.writing)?;
        if self.writing.is_shut() {
            return Err(StreamError::State);
        }
        if data.is_empty() {
            return Ok(0);
        }
        match self.transport.send(data) {
            Ok(count) => Ok(count),
            Err(Stuck::Broken) if self.writing.is_shut() => Err(StreamError::State),
            Err(Stuck::Broken) => self.unless_cancelled(Err(StreamError::Client)),
            Err(Stuck::Until(events)) if wait => {
                self.writing.wait(self.transport.fd(), events).map(|()| 0)
            }
            Err(Stuck::Until(_)) => Err(StreamError::Again),
        }
    }

    fn go_on(&self, side: &Side) -> Result<(), StreamError> {
        self.unless_cancelled(Ok(()))?;
        if side.is_late() { Err(StreamError::Timeout) } else { Ok(()) }
    }

    fn unless_cancelled<T>(&self, result: Result<T, StreamError>) -> Result<T, StreamError> {
        if self.cancelled.load(Ordering::SeqCst) { Err(StreamError::Cancelled) } else { result }
    }

    fn sides(&self, direction: Direction) -> impl Iterator<Item = &Side> {
        let reading = (direction != Direction::Write).then_some(&self.reading);
        let writing = (direction != Direction::Read).then_some(&self.writing);
        reading.into_iter().chain(writing)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("fd", &self.transport.fd())
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}

/// For waiting in a loop of the host's own. It does not wait itself. Whoever reads from it past the
/// stream has to take the [`pending`](Stream::pending) bytes out of the stream first.
impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.transport.fd()
    }
}

impl io::Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(Stream::read(self, buffer)?)
    }
}

impl io::Write for &Stream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(Stream::write(self, data)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
