//! A body that stays where the host has it: it is sent from there, and what the client does not
//! take at once waits there.
#![forbid(unsafe_code)]

use std::{io, iter};

use super::HTTPConnection;
use super::body::Wait;
use super::sending::{COPY, send_list};
use super::services::Services;
use super::unsent::{Sent, Source};
use crate::channel::Channel;
use crate::errands::Foreign;
use crate::gateway::RequestError;
use crate::request::response::{Framing, chunk_size_line};

/// Bytes of the host's.
pub(crate) type Buffer = Box<dyn AsRef<[u8]> + Send>;

/// The part of them that is still to be sent.
pub(super) struct OwnedPart {
    buffer: Foreign<Buffer>,
    at: usize,
    end: usize,
}

impl OwnedPart {
    pub(super) fn left(&self) -> u64 {
        (self.end - self.at) as u64
    }

    /// Sends what fits.
    pub(super) fn send(&mut self, channel: &mut Channel) -> Sent {
        let bytes = self.buffer.get().map_or(&[][..], |buffer| (**buffer).as_ref());
        let rest = bytes.get(self.at..self.end).unwrap_or_default();
        match channel.send(rest) {
            Ok(sent) => {
                self.at += sent;
                if self.at == self.end { Sent::All } else { Sent::Full }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::Full,
            Err(_) => Sent::Broken,
        }
    }
}

impl HTTPConnection {
    /// [`write`](Self::write) of a buffer that is taken if not all of it goes out now; the thread
    /// goes on, and the next write waits until it is gone.
    pub(crate) fn write_owned<B: AsRef<[u8]> + Send + 'static>(
        &mut self,
        services: &Services,
        buffer: &mut Option<B>,
    ) -> Result<(), RequestError> {
        let Some(bytes) = buffer.as_ref().map(AsRef::as_ref) else { return Ok(()) };
        let (framing, allowed, overrun) =
            self.begin_write(services, bytes.len() as u64, Wait::ForClient)?;
        let length = allowed as usize;
        if length <= COPY {
            let bytes = bytes.get(..length).unwrap_or_default();
            self.send_pieces(services, framing, iter::once(bytes), allowed, Wait::ForClient)?;
        } else {
            if !self.is_all_sent() {
                self.send(services, iter::empty(), Wait::ForClient)?;
            }
            self.send_or_park(services, framing, length, buffer)?;
        }
        if overrun { Err(self.cut_at_length(services)) } else { Ok(()) }
    }

    fn send_or_park<B: AsRef<[u8]> + Send + 'static>(
        &mut self,
        services: &Services,
        framing: Framing,
        length: usize,
        buffer: &mut Option<B>,
    ) -> Result<(), RequestError> {
        let all_sent = self.is_all_sent();
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        let bytes = buffer.as_ref().and_then(|buffer| buffer.as_ref().get(..length));
        let bytes = bytes.unwrap_or_default();
        let chunked = framing == Framing::Chunked;
        if chunked {
            chunk_size_line(length as u64, &mut exchange.output);
        }
        let end: &[u8] = if chunked { b"\r\n" } else { b"" };
        // What could not be sent before comes first, if as many wait for clients as may.
        let sent = match all_sent {
            true => send_list(&mut self.channel, &exchange.output, [bytes, end].into_iter()),
            false => Ok(0),
        };
        self.traffic.note_written(&sent, &services.log);
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => return Err(self.has_left()),
        };
        let ahead = exchange.output.len();
        let at = sent.saturating_sub(ahead).min(length);
        self.unsent.append(exchange.output.get(sent..).unwrap_or_default());
        exchange.output.clear();
        if at < length
            && let Some(buffer) = buffer.take()
        {
            let buffer = Foreign::new(Box::new(buffer) as Buffer, &services.errands);
            self.unsent.push(Source::Owned(OwnedPart { buffer, at, end: length }));
        }
        self.unsent.append(&end[sent.saturating_sub(ahead + length)..]);
        if !self.is_all_sent() {
            self.expect_room(services);
        }
        Ok(())
    }
}
