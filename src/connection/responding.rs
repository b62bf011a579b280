//! Responding: what the application says, and what the server says by itself.
#![forbid(unsafe_code)]

use std::io::{self, IoSlice};
use std::iter;

use super::body::Wait;
use super::pieces::Scan;
use super::reading::{CUT_SHORT, DRAIN_TIME};
use super::sending::COPY;
use super::services::{Services, protocol};
use super::telling::Cause;
use super::{HTTPConnection, INTEREST, Phase, Step, Unsent};
use crate::access_log::Ended;
use crate::error_log::LogCode;
use crate::gateway::RequestError;
use crate::request::head::Refusal;
use crate::request::line;
use crate::request::response::{
    AppError, BODY_TOO_LONG, Framing, HeadContext, chunk_size_line, simple_response,
};
use crate::rfile::RFile;
use crate::sys::{clock, epoll};

/// Answers to pipelined requests are gathered up to so many bytes.
const GATHER: usize = 64 * 1024;

const INTERNAL_ERROR: Refusal = Refusal { status: "500 Internal Server Error", text: "" };

impl HTTPConnection {
    /// WSGI's `start_response`. `restart` is its `exc_info`: it replaces what was set before.
    pub(crate) fn start_response<'a>(
        &mut self,
        status: &[u8],
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        restart: bool,
    ) -> Result<(), RequestError> {
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        if self.over {
            return Err(self.finished());
        }
        if restart && exchange.framing.is_some() {
            return Err(RequestError::State("the head was sent before the restart"));
        }
        Ok(exchange.response.start(status, headers, restart)?)
    }

    /// WSGI's `write`: the piece is on its way to the client when this returns. If it must not wait
    /// the piece is taken as a whole, or not at all while an earlier one is not sent.
    pub(crate) fn write(
        &mut self,
        services: &Services,
        data: &[u8],
        wait: Wait,
    ) -> Result<(), RequestError> {
        self.write_vectored(services, iter::once(data), wait)
    }

    /// [`write`](Self::write) of a piece in several parts.
    pub(crate) fn write_vectored<'a>(
        &mut self,
        services: &Services,
        parts: impl Iterator<Item = &'a [u8]> + Clone,
        wait: Wait,
    ) -> Result<(), RequestError> {
        let length = parts.clone().map(|part| part.len() as u64).sum();
        let (framing, allowed, overrun) = self.begin_write(services, length, wait)?;
        let allowed_parts = parts.scan(allowed, |left, part| {
            let count = (part.len() as u64).min(*left);
            *left -= count;
            part.get(..count as usize)
        });
        self.send_pieces(services, framing, allowed_parts, allowed, wait)?;
        if overrun { Err(self.cut_at_length(services)) } else { Ok(()) }
    }

    /// What is to be known before a piece of the body: how it is framed, how much of it may be sent,
    /// and whether that is less than there is. Of nothing nothing is sent, not even the head.
    pub(super) fn begin_write(
        &mut self,
        services: &Services,
        length: u64,
        wait: Wait,
    ) -> Result<(Framing, u64, bool), RequestError> {
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        if self.over {
            return Err(self.finished());
        }
        if !exchange.response.is_started() {
            return Err(RequestError::State("write before start_response"));
        }
        if length == 0 {
            return Ok((Framing::None, 0, false));
        }
        if wait == Wait::Never {
            self.make_room(services)?;
        }
        self.check_length(services, length)?;
        let framing = self.send_head(services, None)?;
        let (allowed, overrun) = self.allowed(length)?;
        Ok((framing, allowed, overrun))
    }

    /// The answer ends at the declared length: what the client has is whole as it was announced.
    pub(super) fn cut_at_length(&mut self, services: &Services) -> RequestError {
        self.tell_too_long(services);
        self.close = true;
        self.over = true;
        RequestError::Length
    }

    /// A whole answer at once. What the client does not take at once is kept, and the thread goes
    /// on.
    pub(crate) fn respond<'a>(
        &mut self,
        services: &Services,
        status: &[u8],
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        body: &[u8],
    ) -> Result<(), RequestError> {
        self.start_response(status, headers, false)?;
        self.check_length(services, body.len() as u64)?;
        let framing = self.send_head(services, Some(body.len() as u64))?;
        let (allowed, _) = self.allowed(body.len() as u64)?;
        match framing {
            Framing::None => {}
            Framing::Chunked => self.append_chunk(body),
            Framing::Length(_) | Framing::UntilClose => {
                self.put(services, &body[..allowed as usize])
            }
        }
        self.finish(services)
    }

    /// More than was declared is refused as long as nothing was sent.
    pub(super) fn check_length(
        &mut self,
        services: &Services,
        length: u64,
    ) -> Result<(), RequestError> {
        let exchange = self.exchange.as_ref().ok_or(RequestError::Gone)?;
        let declared = exchange.response.content_length().filter(|_| !exchange.head.is_head);
        if exchange.framing.is_none() && declared.is_some_and(|declared| length > declared) {
            self.tell_too_long(services);
            self.refusal = Some(BODY_TOO_LONG);
            self.fail(services);
            return Err(RequestError::Length);
        }
        Ok(())
    }

    /// How many bytes of a piece may be sent, and whether that is fewer than there are.
    pub(super) fn allowed(&mut self, length: u64) -> Result<(u64, bool), RequestError> {
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        let (allowed, overrun) = match exchange.response.account(length) {
            Ok(allowed) => (allowed, false),
            Err(AppError::Length { allowed }) => (allowed, true),
            Err(error) => return Err(error.into()),
        };
        self.account_body(allowed);
        Ok((allowed, overrun))
    }

    /// The application is done with its answer.
    pub(crate) fn finish(&mut self, services: &Services) -> Result<(), RequestError> {
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        if self.over {
            return Ok(());
        }
        if !exchange.response.is_started() {
            if !self.tell_clients_fault(services) {
                let text = format_args!("the application gave no answer");
                services.log.error(LogCode::NoAnswer, text);
            }
            self.fail(services);
            return Err(RequestError::State("no start_response"));
        }
        if exchange.framing.is_none() {
            // Nothing was written. For HEAD that says nothing about the length of a GET, and where
            // trailers are to follow the end has to be a chunk.
            let unsaid = exchange.head.is_head || exchange.response.has_trailers();
            let length = if unsaid { None } else { Some(0) };
            self.send_head(services, length)?;
        }
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        match exchange.framing {
            Some(Framing::Chunked) => exchange.response.end_chunks(&mut exchange.output),
            Some(Framing::Length(_)) if exchange.response.is_short() => {
                if !self.tell_clients_fault(services) {
                    let text = format_args!("the response body is shorter than its Content-Length");
                    services.log.error(LogCode::BodyTooShort, text);
                }
                self.cut();
            }
            _ => {}
        }
        self.over = true;
        self.flush_last(services);
        Ok(())
    }

    /// The application failed: 500 if nothing was sent, else the connection is cut, so that the
    /// client can tell (RFC 9112, section 8).
    pub(crate) fn fail(&mut self, services: &Services) {
        if self.over {
            return;
        }
        let begun = self.exchange.as_ref().is_none_or(|exchange| exchange.framing.is_some());
        if begun {
            self.cut();
        } else {
            let refusal = self.refusal.take().unwrap_or(INTERNAL_ERROR);
            if ![INTERNAL_ERROR, BODY_TOO_LONG, CUT_SHORT].contains(&refusal) {
                self.tell_refusal(services, &refusal, Cause::Answer);
            }
            self.answer_and_end(services, refusal);
        }
        self.over = true;
    }

    /// Ends the connection without another byte.
    pub(crate) fn cut(&mut self) {
        self.account_end(Ended::Cut);
        self.channel.end_without_goodbye();
        self.close = true;
        self.over = true;
        self.phase = Phase::Closing;
    }

    /// The server's own answer to a request that the application never sees.
    pub(super) fn refuse(&mut self, services: &Services, refusal: Refusal) -> Step {
        // Nobody waits for the answer of a client that has gone in the middle of its body.
        let cause = if refusal == CUT_SHORT { Cause::Routine } else { Cause::Answer };
        self.refuse_for(services, refusal, cause)
    }

    /// The same, for a cause that the answer does not say.
    pub(super) fn refuse_for(
        &mut self,
        services: &Services,
        refusal: Refusal,
        cause: Cause<'_>,
    ) -> Step {
        self.traffic.refused += 1;
        // Before the host is called: others look for requests that can go on.
        self.leave_deferred(services);
        self.tell_refusal(services, &refusal, cause);
        self.answer_and_end(services, refusal)
    }

    /// The server's own answer; the connection ends after it.
    fn answer_and_end(&mut self, services: &Services, refusal: Refusal) -> Step {
        self.borrow_exchange(services, &mut None);
        if services.listeners.is_some() {
            self.account_keep(services);
        }
        let Some(exchange) = self.exchange.as_mut() else { return Step::Close };
        let date = exchange.date.now();
        let is_head = line::asks_for_head(exchange.input.request());
        simple_response(
            &mut exchange.output,
            protocol(services.settings.is_http10()),
            &refusal,
            true,
            Some(&date),
            is_head,
        );
        exchange.input.clear();
        exchange.head_length = None;
        self.close = true;
        self.phase = Phase::LINGERS;
        if services.listeners.is_some() {
            let sent = if is_head { 0 } else { refusal.text.len() };
            self.account_refusal(services, &refusal, sent as u64);
        }
        self.flush(services);
        Step::Again
    }

    /// The request has been answered and the host has let go of it: what comes next? Pipelined
    /// answers are gathered if `gather` allows.
    pub(crate) fn end_request(&mut self, services: &Services, gather: bool) {
        if self.muted {
            // Arming again gives a fresh edge for whatever came meanwhile.
            self.muted = false;
            self.set_interest(services, INTEREST);
        }
        if self.extras.is_some() {
            self.end_extras(services);
        }
        self.give_place(services);
        self.requests_seen = self.requests_seen.saturating_add(1);
        if self.phase == Phase::Request {
            self.choose_next_phase();
        }
        let Some(exchange) = self.exchange.as_mut() else { return self.conclude(services, None) };
        let more = !exchange.input.unread().is_empty() && self.phase == Phase::Head;
        if !(gather && more && exchange.output.len() < GATHER) {
            self.flush(services);
        }
        if self.has_account() {
            // While its head is here.
            self.conclude(services, None);
        }
        let Some(exchange) = self.exchange.as_mut() else { return };
        exchange.head_length = None;
        exchange.expand();
        match self.phase {
            Phase::Head | Phase::Draining { .. } | Phase::DrainingChunks { .. } => {
                exchange.input.next_request();
            }
            _ => exchange.input.clear(),
        }
        self.note_answer(services);
    }

    fn choose_next_phase(&mut self) {
        self.phase = Phase::Closing;
        let Some(exchange) = self.exchange.as_mut() else { return };
        let broken = exchange.rfile.skip(&mut exchange.input).is_err();
        let rest = exchange.rfile.remaining().filter(|_| !exchange.rfile.is_done());
        let unread = !exchange.input.unread().is_empty();
        self.phase = match rest {
            _ if broken => Phase::LINGERS,
            None if exchange.rfile.is_done() && !self.close => Phase::Head,
            None if exchange.rfile.is_done() && !unread => Phase::Closing,
            Some(left) if !self.close => Phase::Draining { left },
            None if !self.close && !exchange.rfile.is_done() => {
                let rest = std::mem::replace(&mut exchange.rfile, RFile::Empty);
                self.scan = Scan::Rest(Box::new(rest));
                Phase::DrainingChunks { until: clock::monotonic_ms() + DRAIN_TIME }
            }
            _ => Phase::LINGERS,
        };
        if self.phase != Phase::Head && !self.drains() {
            self.close = true;
        }
    }

    /// Sends what was gathered. False if the socket did not take it all, or is broken.
    pub(crate) fn flush(&mut self, services: &Services) -> bool {
        let all_sent = self.is_all_sent();
        let Some(exchange) = self.exchange.as_mut() else { return all_sent };
        if exchange.output.is_empty() {
            return all_sent;
        }
        if !all_sent {
            self.unsent.append(&exchange.output);
            exchange.output.clear();
            self.set_interest(services, self.interest | epoll::OUT);
            return false;
        }
        let result = self.channel.send(&exchange.output);
        self.traffic.note_written(&result, &services.log);
        let sent = match result {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => {
                self.broken();
                return false;
            }
        };
        if sent == exchange.output.len() && !self.channel.holds_back() {
            exchange.output.clear();
            self.report(services);
            return true;
        }
        self.unsent.append(&exchange.output[sent..]);
        exchange.output.clear();
        self.set_interest(services, self.interest | epoll::OUT);
        false
    }

    /// Composes the head if that has not happened, and says how the body is framed.
    pub(super) fn send_head(
        &mut self,
        services: &Services,
        known_length: Option<u64>,
    ) -> Result<Framing, RequestError> {
        let settings = &services.settings;
        let last = self.is_last_request(settings);
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        if let Some(framing) = exchange.framing {
            return Ok(framing);
        }
        let passable = exchange.rfile.is_done() || self.can_pass_over_body(services);
        let exchange = self.exchange.as_mut().ok_or(RequestError::Gone)?;
        let head = &exchange.head;
        let date = exchange.date.now();
        let keep_alive =
            head.keep_alive && !self.close && passable && !last && !services.ends_connections();
        let http10 = settings.is_http10();
        let context = HeadContext {
            protocol: protocol(http10),
            request_minor: head.version_minor,
            is_head: head.is_head,
            keep_alive,
            keep_alive_timeout: (settings.live.keep_alive_timeout() / 1000) as u32,
            date: &date,
            server: exchange.server_header.of(&settings.server_header),
            http10,
        };
        let sent = exchange.response.write_head(&mut exchange.output, &context, known_length)?;
        exchange.framing = Some(sent.framing);
        if exchange.response.left_out() != 0 {
            services.tell_left_out(exchange.response.left_out());
        }
        self.close |= !sent.keep_alive;
        Ok(sent.framing)
    }

    /// The answer is complete. It goes out now, whatever else the application does before it
    /// returns, unless more requests are at hand whose answers can go with it.
    pub(super) fn flush_last(&mut self, services: &Services) {
        let more = self.exchange.as_ref().is_some_and(|exchange| {
            !exchange.input.unread().is_empty() && exchange.output.len() < GATHER
        });
        if !more {
            self.flush(services);
        }
    }

    fn append_chunk(&mut self, data: &[u8]) {
        let Some(exchange) = self.exchange.as_mut() else { return };
        if !data.is_empty() {
            chunk_size_line(data.len() as u64, &mut exchange.output);
            exchange.output.extend_from_slice(data);
            exchange.output.extend_from_slice(b"\r\n");
        }
    }

    /// Puts the body of a whole answer behind its head: copied if it is small, else sent from where
    /// it is, and only the rest that does not fit is copied.
    pub(super) fn put(&mut self, services: &Services, body: &[u8]) {
        let all_sent = self.is_all_sent();
        let Some(exchange) = self.exchange.as_mut() else { return };
        if body.len() <= COPY || !all_sent {
            exchange.output.extend_from_slice(body);
            return;
        }
        let head = exchange.output.len();
        let pieces = [IoSlice::new(&exchange.output), IoSlice::new(body)];
        let result = self.channel.send_vectored(&pieces);
        self.traffic.note_written(&result, &services.log);
        let sent = match result {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => return self.broken(),
        };
        if sent < head {
            exchange.output.drain(..sent);
            exchange.output.extend_from_slice(body);
        } else {
            exchange.output.clear();
            exchange.output.extend_from_slice(&body[sent - head..]);
        }
        if !exchange.output.is_empty() {
            // More than the socket takes: the rest leaves the exchange without a second try.
            self.unsent =
                Unsent { data: std::mem::take(&mut exchange.output), ..Unsent::default() };
        }
        if !self.is_all_sent() {
            self.set_interest(services, self.interest | epoll::OUT);
        }
    }

    /// The client is gone: nothing that is still to be sent matters.
    pub(super) fn broken(&mut self) {
        self.note_loss("the client has left");
        self.account_loss(Ended::Aborted);
        self.unsent = Unsent::default();
        if let Some(exchange) = self.exchange.as_mut() {
            exchange.output.clear();
        }
        self.cut();
        self.channel.abandon();
    }
}
