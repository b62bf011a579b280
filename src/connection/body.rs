//! Reading the body inside the application: what was read ahead, and what is still to come; `Expect`.
#![forbid(unsafe_code)]

use std::io;

use super::reading::{CUT_SHORT, DRAIN_LIMIT};
use super::services::{Services, protocol};
use super::timing::Awaited;
use super::{HTTPConnection, Phase};
use crate::gateway::RequestError;
use crate::request::chunked::ChunkError;
use crate::sys::poll;

/// Room for so many bytes is made before a read into the exchange's buffer.
const LEAST_READ: usize = 4096;

/// The same, where the rest of a body is looked for.
const LOOK_AHEAD: usize = 64 * 1024;

/// Whether a call may wait for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    ForClient,
    Never,
}

impl HTTPConnection {
    /// Reads the request's body: bytes, or 0 at its end. A body that the client cut short is an
    /// error, not an end.
    pub(crate) fn read_body(
        &mut self,
        services: &Services,
        output: &mut [u8],
        wait: Wait,
    ) -> Result<usize, RequestError> {
        self.read_part(services, output, false, wait)
    }

    /// Reads some bytes; in a `line` none behind its LF.
    pub(super) fn read_part(
        &mut self,
        services: &Services,
        output: &mut [u8],
        line: bool,
        wait: Wait,
    ) -> Result<usize, RequestError> {
        loop {
            if self.phase != Phase::Request {
                return Err(self.finished());
            }
            if let Some(lost) = self.lost() {
                return Err(lost);
            }
            let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
            let before = exchange.input.unread().len();
            match exchange.rfile.read(&mut exchange.input, output, line) {
                Ok(0) if exchange.rfile.is_done() || output.is_empty() => return Ok(0),
                Ok(0) if exchange.input.unread().len() < before => continue,
                Ok(0) => {}
                Ok(count) => return Ok(count),
                Err(error) => return Err(self.body_refused(error)),
            }
            self.offer_to_continue(services, wait)?;
            if let Some(count) = self.fetch_body(services, output, line)? {
                if count > 0 {
                    return Ok(count);
                }
                continue;
            }
            if wait == Wait::Never {
                return Err(self.nothing_to_read(services));
            }
            self.wait_for(services, Awaited::Body)?;
        }
    }

    /// Whether the client has half-closed (1) or left (2).
    pub(crate) fn aborted(&self) -> u8 {
        let Ok([events]) = poll::poll([(self.fd(), poll::RDHUP)], 0) else { return 2 };
        if events & (poll::HUP | poll::ERR) != 0 {
            2
        } else if events & poll::RDHUP != 0 || self.ended {
            1
        } else {
            0
        }
    }

    /// Whether the connection can be kept although the body has not been read to its end: the rest is
    /// here, or known to be short, or the application has begun with it and may read it while it
    /// answers. If not, the answer's head says that the connection ends. Of chunks that are still to
    /// come nothing is known.
    #[cold]
    pub(super) fn can_pass_over_body(&mut self, services: &Services) -> bool {
        let Some(exchange) = self.exchange.as_ref() else { return false };
        let awaits_offer = exchange.head.expect_continue && !exchange.continued;
        match exchange.rfile.remaining() {
            _ if exchange.rfile.is_begun(exchange.head.body) => true,
            Some(left) if !awaits_offer => {
                left.saturating_sub(exchange.input.unread().len() as u64) <= DRAIN_LIMIT
            }
            _ => self.is_body_here(services),
        }
    }

    /// Whether the body has come to its end, after a look at the socket: more of it may be there than
    /// was read ahead.
    fn is_body_here(&mut self, services: &Services) -> bool {
        let Some(exchange) = self.exchange.as_mut() else { return false };
        exchange.input.forget_taken(exchange.head_length.unwrap_or(0));
        loop {
            let unread = exchange.input.unread();
            match exchange.rfile.is_complete_in(unread) {
                Ok(false) if unread.len() as u64 <= DRAIN_LIMIT => {}
                is_here => return is_here == Ok(true),
            }
            exchange.input.reserve(exchange.input.request().len() + LOOK_AHEAD);
            let result = self.channel.receive(exchange.input.space());
            self.traffic.note_read(&result, &services.log);
            match result {
                Ok(count @ 1..) => exchange.input.filled_more(count),
                // The end is read again where it counts.
                _ => return false,
            }
        }
    }

    fn body_refused(&mut self, error: ChunkError) -> RequestError {
        self.close = true;
        self.refusal = Some(error.refusal());
        match error {
            ChunkError::TooLarge(_) => RequestError::MaxSizeExceeded,
            _ => RequestError::Body(error.refusal().text),
        }
    }

    /// RFC 9110, section 10.1.1: once, when the application wants the body, unless it has begun
    /// its answer.
    fn offer_to_continue(&mut self, services: &Services, wait: Wait) -> Result<(), RequestError> {
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        if !exchange.head.expect_continue || exchange.continued {
            return Ok(());
        }
        exchange.continued = true;
        if exchange.framing.is_some() {
            return Ok(());
        }
        exchange.output.extend_from_slice(protocol(services.settings.is_http10()));
        exchange.output.extend_from_slice(b" 100 Continue\r\n\r\n");
        self.send(services, std::iter::empty(), wait)
    }

    /// Reads from the socket: a body of known length straight to where the application wants it,
    /// unless it wants a `line`. `None`: nothing is there.
    fn fetch_body(
        &mut self,
        services: &Services,
        output: &mut [u8],
        line: bool,
    ) -> Result<Option<usize>, RequestError> {
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        let head = exchange.head_length.unwrap_or(0);
        let known = exchange.rfile.remaining().filter(|_| !line);
        let result = match known {
            Some(left) => {
                let most =
                    usize::try_from(left).map_or(output.len(), |left| left.min(output.len()));
                self.channel.receive(&mut output[..most])
            }
            None => {
                exchange.input.forget_taken(head);
                exchange.input.reserve(exchange.input.request().len() + LEAST_READ);
                self.channel.receive(exchange.input.space())
            }
        };
        self.traffic.note_read(&result, &services.log);
        let received = *result.as_ref().unwrap_or(&0);
        self.timing.received(received);
        exchange.credit.moved(received as u64);
        match result {
            Ok(0) => {
                self.ended = true;
                self.close = true;
                self.refusal = Some(CUT_SHORT);
                Err(RequestError::Client("the client has cut its request short"))
            }
            Ok(count) if known.is_some() => {
                exchange.rfile.took(count);
                Ok(Some(count))
            }
            Ok(count) => {
                exchange.input.filled_more(count);
                Ok(Some(0))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(_) => {
                self.broken();
                Err(RequestError::Client("the client has left"))
            }
        }
    }
}
