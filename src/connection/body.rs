//! Waiting for a client inside the application: a body beyond what was read ahead, `Expect`, a
//! streamed answer. The thread waits in poll(2) on this one socket; epoll is quiet meanwhile.
#![forbid(unsafe_code)]

use std::io;

use super::reading::CUT_SHORT;
use super::services::{Services, protocol};
use super::timing::{Awaited, REQUEST_TIMEOUT};
use super::{HTTPConnection, Phase};
use crate::access_log::Ended;
use crate::gateway::RequestError;
use crate::request::chunked::ChunkError;
use crate::sys::{clock, poll};

/// Room for so many bytes is made before a read into the exchange's buffer.
const LEAST_READ: usize = 4096;

/// Whether a call may wait for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    ForClient,
    Never,
}

/// After so many milliseconds a thread that waits for its client says for whom.
const SILENT: i32 = 1_000;
/// A thread that should not wait looks after so many milliseconds whether it still has to.
const SHORT: i32 = 5;

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
        self.timing.received(*result.as_ref().unwrap_or(&0));
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

    /// Waits for the client, as long as the options allow.
    pub(super) fn wait_for(
        &mut self,
        services: &Services,
        awaited: Awaited,
    ) -> Result<(), RequestError> {
        if !self.muted {
            // What comes now is for this thread alone; an edge would only wake a poller.
            self.mute(services);
        }
        self.readable = true;
        let events = if awaited == Awaited::Body { poll::IN } else { poll::OUT };
        let now = clock::monotonic_ms();
        let until = self.timing.thread_waits_until(awaited, &services.settings, now);
        // Of the pool's threads some stay free, and of those that pull; one that has detached its
        // request is not the pool's to keep free.
        let is_one_too_many = self.attached && !self.take_place(services);
        let counts = is_one_too_many || self.is_pulled(services);
        // Only until there is memory again for what the client does not take.
        let is_short = is_one_too_many && awaited == Awaited::Room;
        if is_short {
            services.budget.claim(true);
            services.call_for_memory();
        }
        if counts {
            services.waiters.take();
        }
        services.waiters.begin_wait();
        let mut said = false;
        let result = loop {
            let left = self.time_left(until);
            let most = if is_short { SHORT } else { SILENT };
            let step = if said || (0..most).contains(&left) { left } else { most };
            match poll::poll([(self.fd(), events), (services.cut_fd(), poll::IN)], step) {
                Ok([0, 0]) if step != left && is_short => {
                    if !services.budget.is_exceeded_by_answers() {
                        break Ok(());
                    }
                    // Others that can be cut may have come to rest only now.
                    services.call_for_memory();
                }
                Ok([0, 0]) if step != left => {
                    said = true;
                    if let Some(described) = self.describe() {
                        services.patience.begin(self.token.slot, described);
                    }
                }
                Ok([_, cut]) if cut != 0 => break Err(RequestError::Stopping),
                Ok([0, _]) if left == 0 && self.is_late() => break Err(RequestError::Gone),
                Ok([0, _]) if left == 0 => {
                    break Err(RequestError::Client("the client is too slow"));
                }
                Ok([0, _]) => {}
                Ok(_) => break Ok(()),
                Err(_) => break Err(RequestError::Client("the socket cannot be waited for")),
            }
        };
        services.waiters.end_wait();
        if is_short {
            services.budget.claim(false);
        }
        if counts {
            services.give_place();
        }
        if said {
            services.patience.end(self.token.slot);
        }
        self.timing.thread_waited(awaited, clock::monotonic_ms());
        match result {
            Err(RequestError::Gone) => self.expire(services),
            Err(RequestError::Stopping) => self.broken_unless_head_open(Ended::Cut),
            Err(_) => self.broken_unless_head_open(Ended::TimedOut),
            Ok(()) => {}
        }
        result
    }

    /// Takes a place among those that may wait for their clients, to the end of the request. False if
    /// there is none.
    pub(crate) fn take_place(&mut self, services: &Services) -> bool {
        self.may_wait = self.may_wait || services.waiters.try_take();
        self.may_wait
    }

    pub(crate) fn give_place(&mut self, services: &Services) {
        if std::mem::take(&mut self.may_wait) {
            services.give_place();
        }
    }

    /// The host has taken the request: its threads take turns.
    pub(super) fn is_pulled(&self, services: &Services) -> bool {
        services.settings.pull && !self.attached
    }

    /// A client that made us wait in vain gets no more, unless there is still an error to tell it.
    pub(super) fn broken_unless_head_open(&mut self, ended: Ended) {
        self.close = true;
        let begun = self.exchange.as_ref().is_none_or(|exchange| exchange.framing.is_some());
        if begun {
            self.account_loss(ended);
            self.broken();
        } else {
            self.refusal = Some(REQUEST_TIMEOUT);
        }
    }
}
