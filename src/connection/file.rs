//! A response body that is a part of a file, or what a pipe gives.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::body::Wait;
use super::services::Services;
use super::unsent::{self, FilePart};
use super::{HTTPConnection, Step};
use crate::error_log::LogCode;
use crate::gateway::RequestError;
use crate::request::response::{Framing, chunk_size_line};
use crate::sys::{file, poll};

/// What comes out of a pipe is sent on in pieces of at most so many bytes.
const PIECE: usize = 64 * 1024;

/// What is to be sent.
enum Source {
    Part(FilePart),
    /// Something that can only be read on: a pipe, a terminal, a socket.
    Stream {
        file: OwnedFd,
        length: Option<u64>,
    },
}

impl HTTPConnection {
    /// The body, or the rest of it, from a file; the answer is complete with that. `length` `None`:
    /// to the end. The thread goes on at once, and what the socket does not take is sent when it
    /// does; only what is no regular file is read and sent here.
    pub(crate) fn send_file(
        &mut self,
        services: &Services,
        fd: RawFd,
        offset: u64,
        length: Option<u64>,
    ) -> Result<(), RequestError> {
        let exchange = self.exchange.as_ref().ok_or(RequestError::Gone)?;
        if self.over {
            return Err(self.finished());
        }
        if !exchange.response.is_started() {
            return Err(RequestError::State("send_file before start_response"));
        }
        match Source::new(fd, offset, length)? {
            Source::Part(part) => self.send_part(services, part),
            Source::Stream { file, length } => self.send_stream(services, &file, length),
        }
    }

    fn send_part(&mut self, services: &Services, mut part: FilePart) -> Result<(), RequestError> {
        self.check_length(services, part.left)?;
        let framing = self.send_head(services, Some(part.left))?;
        if framing == Framing::None {
            return self.finish(services);
        }
        let (allowed, overrun) = self.allowed(part.left)?;
        part.left = allowed;
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        let chunk = framing == Framing::Chunked && part.left > 0;
        if chunk {
            // A write came before. The length is known, so the part is one chunk.
            chunk_size_line(part.left, &mut exchange.output);
        }
        self.unsent.append(&exchange.output);
        exchange.output.clear();
        self.unsent.push(unsent::Source::File(part));
        if chunk {
            self.unsent.append(b"\r\n");
        }
        if overrun {
            self.tell_too_long(services);
            self.close = true;
        }
        let finished = self.finish(services);
        // What ends the body stands behind the file now.
        self.flush(services);
        if self.send_unsent(services) == Step::Close {
            self.broken();
        }
        if overrun { Err(RequestError::Length) } else { finished }
    }

    fn send_stream(
        &mut self,
        services: &Services,
        file: &OwnedFd,
        length: Option<u64>,
    ) -> Result<(), RequestError> {
        if self.exchange.as_ref().is_some_and(|exchange| exchange.head.is_head) {
            self.send_head(services, length)?;
            return self.finish(services);
        }
        let mut piece = vec![0; PIECE];
        let mut left = length.unwrap_or(u64::MAX);
        while left > 0 {
            self.wait_for_source(services, file).map_err(|error| self.give_up(error))?;
            let most = left.min(PIECE as u64) as usize;
            let count = match file::read(file, &mut piece[..most]) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => {
                    let text = format_args!("what was to be sent could not be read: {error}");
                    services.log.error(LogCode::File, text);
                    return Err(self.give_up(UNREADABLE));
                }
            };
            if let Some(length) = length {
                self.check_length(services, length)?;
            }
            if self.send_head(services, length)? == Framing::None {
                return self.finish(services);
            }
            self.write(services, &piece[..count], Wait::ForClient)?;
            left -= count as u64;
        }
        if length.is_some() && left > 0 {
            let text = format_args!("what was to be sent ended too early");
            services.log.error(LogCode::File, text);
            return Err(self.give_up(UNREADABLE));
        }
        self.finish(services)
    }

    /// Waits until there is something to read. The host's own pipe has no deadline of ours; but a
    /// client that has left, and a stop, end the waiting.
    fn wait_for_source(&self, services: &Services, file: &OwnedFd) -> Result<(), RequestError> {
        loop {
            let wanted =
                [(file.as_raw_fd(), poll::IN), (services.cut_fd(), poll::IN), (self.fd(), 0)];
            match poll::poll(wanted, self.time_left(None)) {
                Ok([0, 0, 0]) if self.is_late() => return Err(RequestError::Gone),
                Ok([_, cut, _]) if cut != 0 => return Err(RequestError::Stopping),
                Ok([_, _, gone]) if gone != 0 => {
                    return Err(RequestError::Client("the client has left"));
                }
                Ok([0, ..]) => {}
                Ok(_) => return Ok(()),
                Err(_) => return Err(UNREADABLE),
            }
        }
    }

    /// Once something was sent the client can only be told by the end of the connection.
    fn give_up(&mut self, error: RequestError) -> RequestError {
        if self.exchange.as_ref().is_none_or(|exchange| exchange.framing.is_some()) {
            self.cut();
        }
        error
    }
}

const UNREADABLE: RequestError = RequestError::File("the file cannot be read");

impl Source {
    /// Looks at the file before anything of the answer is touched.
    fn new(fd: RawFd, offset: u64, length: Option<u64>) -> Result<Self, RequestError> {
        let no_descriptor = |error: io::Error| match error.raw_os_error() {
            Some(libc::EBADF | libc::EINVAL) => RequestError::File("not an open file"),
            _ => RequestError::File("no more descriptors"),
        };
        let file = file::duplicate(fd).map_err(no_descriptor)?;
        if !file::is_readable(&file).unwrap_or(false) {
            return Err(RequestError::File("the file is not open for reading"));
        }
        let file = File::from(file);
        let about = file.metadata().map_err(|_| UNREADABLE)?;
        if about.is_dir() {
            return Err(RequestError::File("a directory cannot be sent"));
        }
        if !about.is_file() {
            return match offset {
                0 => Ok(Self::Stream { file: file.into(), length }),
                _ => Err(RequestError::File("an offset in what is no regular file")),
            };
        }
        let rest = about.len().checked_sub(offset);
        let left = rest.filter(|rest| length.is_none_or(|length| length <= *rest));
        let Some(left) = left.map(|rest| length.unwrap_or(rest)) else {
            return Err(RequestError::State("the file ends before the part that is to be sent"));
        };
        Ok(Self::Part(FilePart { file: file.into(), offset, left, by_reading: false }))
    }
}
