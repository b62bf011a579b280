//! What the host does with a request it was given: every call names the request by its id, takes
//! the ownership for as long as the call lasts, and finds out if the request has ended.
#![forbid(unsafe_code)]

use std::os::fd::RawFd;
use std::sync::atomic::Ordering;

use super::ownership::{Claim, Ownership, Token};
use super::slots::Slot;
use super::{Engine, TurnEnd};
use crate::connection::HTTPConnection;
use crate::connection::body::Wait;
use crate::connection::exchange::{Exchange, Kept};
use crate::error_log::{LogCode, LogLevel};
use crate::gateway::environ::Environ;
use crate::gateway::{RequestError, RequestView, Trailers};
use crate::sys::clock;

const SERIAL_BITS: u32 = 40;
pub(super) const SERIAL_MASK: u64 = (1 << SERIAL_BITS) - 1;

/// The name of one request: a slot and the number of the request in it. A number is used again
/// after 2^40 requests in one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub u64);

impl RequestId {
    pub(super) fn new(slot: u32, serial: u64) -> Self {
        Self(u64::from(slot) << SERIAL_BITS | serial & SERIAL_MASK)
    }

    pub(super) fn slot(self) -> u32 {
        (self.0 >> SERIAL_BITS) as u32
    }

    pub(super) fn serial(self) -> u64 {
        self.0 & SERIAL_MASK
    }
}

type Headers<'a> = (&'a [u8], &'a [u8]);

impl Engine {
    pub(crate) fn environ<R>(
        &self,
        id: RequestId,
        look: impl FnOnce(&Environ, &mut Option<Box<dyn std::any::Any + Send>>) -> R,
    ) -> Result<R, RequestError> {
        self.with(id, |connection| {
            connection.build_environ(&self.services);
            let exchange = connection.exchange.as_mut().ok_or(RequestError::Gone)?;
            exchange.lent = true;
            let Exchange { environ, extension, .. } = &mut **exchange;
            Ok(look(environ, extension))
        })
    }

    pub(crate) fn start_response<'a>(
        &self,
        id: RequestId,
        status: &[u8],
        headers: impl Iterator<Item = Headers<'a>>,
        restart: bool,
    ) -> Result<(), RequestError> {
        self.with(id, |connection| connection.start_response(status, headers, restart))
    }

    pub(crate) fn write(&self, id: RequestId, data: &[u8], wait: Wait) -> Result<(), RequestError> {
        self.with(id, |connection| connection.write(&self.services, data, wait))
    }

    /// [`write`](Self::write) of one piece in several parts.
    pub(crate) fn write_vectored<'a>(
        &self,
        id: RequestId,
        parts: impl Iterator<Item = &'a [u8]> + Clone,
        wait: Wait,
    ) -> Result<(), RequestError> {
        self.with(id, |connection| connection.write_vectored(&self.services, parts, wait))
    }

    pub(crate) fn flush(&self, id: RequestId, wait: Wait) -> Result<(), RequestError> {
        self.with(id, |connection| connection.flush_now(&self.services, wait))
    }

    pub(crate) fn inform<'a>(
        &self,
        id: RequestId,
        status: &[u8],
        headers: impl Iterator<Item = Headers<'a>>,
    ) -> Result<(), RequestError> {
        self.with(id, |connection| connection.inform(&self.services, status, headers))
    }

    pub(crate) fn add_trailer(
        &self,
        id: RequestId,
        name: &[u8],
        value: &[u8],
    ) -> Result<(), RequestError> {
        self.with(id, |connection| connection.add_trailer(name, value))
    }

    /// [`write`](Self::write) of a buffer, which is taken if the client does not take all of it now.
    pub(crate) fn write_owned<B: AsRef<[u8]> + Send + 'static>(
        &self,
        id: RequestId,
        buffer: &mut Option<B>,
    ) -> Result<(), RequestError> {
        self.with(id, |connection| connection.write_owned(&self.services, buffer))
    }

    /// A body, or the rest of one, from a file. `length` `None`: to the end.
    pub(crate) fn send_file(
        &self,
        id: RequestId,
        fd: RawFd,
        offset: u64,
        length: Option<u64>,
    ) -> Result<(), RequestError> {
        self.with(id, |connection| connection.send_file(&self.services, fd, offset, length))
    }

    pub(crate) fn respond<'a>(
        &self,
        id: RequestId,
        status: &[u8],
        headers: impl Iterator<Item = Headers<'a>>,
        body: &[u8],
    ) -> Result<(), RequestError> {
        self.with(id, |connection| connection.respond(&self.services, status, headers, body))
    }

    pub(crate) fn finish(&self, id: RequestId) -> Result<(), RequestError> {
        self.with(id, |connection| connection.finish(&self.services))
    }

    pub(crate) fn read(
        &self,
        id: RequestId,
        buffer: &mut [u8],
        wait: Wait,
    ) -> Result<usize, RequestError> {
        self.with(id, |connection| connection.read_body(&self.services, buffer, wait))
    }

    pub(crate) fn read_line(
        &self,
        id: RequestId,
        buffer: &mut [u8],
    ) -> Result<usize, RequestError> {
        self.with(id, |connection| connection.read_body_line(&self.services, buffer))
    }

    pub(crate) fn trailers(&self, id: RequestId) -> Result<Trailers, RequestError> {
        self.with(id, |connection| connection.trailers())
    }

    pub(crate) fn view<R>(
        &self,
        id: RequestId,
        look: impl FnOnce(&RequestView<'_>) -> R,
    ) -> Result<R, RequestError> {
        self.with(id, |connection| {
            let exchange = connection.exchange.as_ref().ok_or(RequestError::Gone)?;
            let input = exchange.input.request();
            Ok(look(&RequestView::new(input, &exchange.head, connection.client())))
        })
    }

    /// Tells the application of the request another SCRIPT_NAME and PATH_INFO.
    pub(crate) fn mount(
        &self,
        id: RequestId,
        script_name: &[u8],
        path_info: &[u8],
    ) -> Result<(), RequestError> {
        self.with(id, |connection| {
            connection.build_environ(&self.services);
            let exchange = connection.exchange.as_mut().ok_or(RequestError::Gone)?;
            if let Some(old) = exchange.environ.mount(script_name, path_info) {
                exchange.kept.push(Box::new(old));
            }
            Ok(())
        })
    }

    /// Looks at what is kept until the request ends.
    pub(crate) fn kept<R>(
        &self,
        id: RequestId,
        look: impl FnOnce(&mut Vec<Kept>) -> R,
    ) -> Result<R, RequestError> {
        self.with(id, |connection| {
            let exchange = connection.exchange.as_mut().ok_or(RequestError::Gone)?;
            Ok(look(&mut exchange.kept))
        })
    }

    pub(crate) fn aborted(&self, id: RequestId) -> Result<u8, RequestError> {
        self.with(id, |connection| Ok(self.aborted_or_stopping(connection)))
    }

    /// The application's own words, for the error log.
    pub(crate) fn log(
        &self,
        id: RequestId,
        level: LogLevel,
        text: &str,
    ) -> Result<(), RequestError> {
        // The handler of the log is called when the request is free again.
        self.with(id, |_| Ok(()))?;
        self.services.log.write(level, LogCode::Application, format_args!("{text}"));
        Ok(())
    }

    /// Gives the request up: 500 if nothing was sent, else the connection is cut.
    pub(crate) fn abort(&self, id: RequestId) -> Result<(), RequestError> {
        self.with(id, |connection| {
            connection.fail(&self.services);
            Ok(())
        })
    }

    pub(crate) fn detach(&self, id: RequestId) -> Result<(), RequestError> {
        let slot = self.slots.get(id.slot()).ok_or(RequestError::Gone)?;
        self.with(id, |connection| {
            let settings = &self.services.settings;
            let detached = slot.detached.load(Ordering::Relaxed) == id.serial();
            if detached || !(connection.attached || settings.pull) {
                return Err(RequestError::State("the request is detached already"));
            }
            connection.attached = false;
            connection.give_place(&self.services);
            slot.detached.store(id.serial(), Ordering::Release);
            if let Some(exchange) = &mut connection.exchange {
                // An application's own call has still what was lent for it.
                exchange.lent = false;
                if settings.pull {
                    exchange.compact();
                }
            }
            if settings.live.detached_timeout() > 0 && connection.own_deadline().is_none() {
                let when = clock::monotonic_ms() + settings.live.detached_timeout();
                connection.set_own_deadline(&self.services, id, Some(when));
            }
            Ok(())
        })
    }

    /// Claims a request that a worker has called the application with, when that call has
    /// returned. `None`: it was detached and has ended meanwhile, or lives on by itself.
    pub(super) fn take_back(&self, id: RequestId, detached: bool) -> Option<Ownership> {
        if self.slots.get(id.slot())?.detached.load(Ordering::Acquire) == id.serial() {
            self.compact(id);
            return None;
        }
        loop {
            match self.claim(id) {
                Ok((mut own, slot)) => {
                    let connection = slot.connection.get(&mut own);
                    let was_attached = std::mem::take(&mut connection.attached);
                    if connection.over || (was_attached && !detached) {
                        return Some(own);
                    }
                    connection.give_place(&self.services);
                    self.give_back(own, slot, id);
                    return None;
                }
                // Another thread is in a call on a request that was not detached. The host was told
                // not to do that; waiting for it to end is all that can be done.
                Err(RequestError::Busy) => std::thread::yield_now(),
                Err(_) => {
                    self.reclaim(id);
                    return None;
                }
            }
        }
    }

    /// Runs `f` with the request's connection. Whoever finishes a detached request goes on with its
    /// connection here, on this thread.
    pub(super) fn with<R>(
        &self,
        id: RequestId,
        f: impl FnOnce(&mut HTTPConnection) -> Result<R, RequestError>,
    ) -> Result<R, RequestError> {
        let (mut own, slot) = self.claim(id)?;
        let connection = slot.connection.get(&mut own);
        if connection.is_expired() {
            self.give_back(own, slot, id);
            return Err(RequestError::Gone);
        }
        let result = f(connection);
        if connection.over && !connection.attached {
            self.go_on(own);
        } else {
            self.give_back(own, slot, id);
        }
        self.see_to_errands();
        result
    }

    /// Gives the request back to the host.
    pub(super) fn give_back(&self, mut own: Ownership, slot: &Slot, id: RequestId) {
        if slot.connection.get(&mut own).watch.is_some() {
            self.hold_watched(own, slot, id);
        } else {
            slot.word.hold(own, id.serial());
        }
        if slot.compact_due.load(Ordering::SeqCst) == id.serial() {
            self.compact(id);
        }
    }

    pub(super) fn claim(&self, id: RequestId) -> Result<(Ownership, &Slot), RequestError> {
        let slot = self.slots.get(id.slot()).ok_or(RequestError::Gone)?;
        // The word carries 24 bits of the serial, this the rest.
        if slot.serial.load(Ordering::Acquire) & SERIAL_MASK != id.serial() {
            return Err(RequestError::Gone);
        }
        let token = Token { slot: id.slot(), generation: slot.word.generation() };
        match slot.word.claim(token, id.serial()) {
            Claim::Claimed(own) => Ok((own, slot)),
            Claim::Busy => Err(RequestError::Busy),
            Claim::Gone => Err(RequestError::Gone),
        }
    }

    /// A finished request that no worker waits for: ends it and drives its connection on.
    pub(super) fn go_on(&self, mut own: Ownership) {
        self.end_request(&mut own, false);
        self.drive_on(own);
    }

    /// Drives a connection on whose request has ended.
    pub(super) fn drive_on(&self, own: Ownership) {
        let mut spare = None;
        match self.run_turn(own, &mut spare, clock::monotonic_ms()) {
            TurnEnd::Rest => {}
            TurnEnd::Request(own) => self.requeue(own, &mut spare),
        }
        if let Some(exchange) = spare {
            self.services.give_exchange(exchange);
        }
    }

    /// Ends the request that is out: late calls on it find it gone.
    pub(super) fn end_request(&self, own: &mut Ownership, gather: bool) {
        let Some(slot) = self.slots.get(own.token().slot) else { return };
        let serial = slot.serial.load(Ordering::Relaxed);
        let next = serial.wrapping_add(1);
        slot.serial.store(next, Ordering::Release);
        slot.word.end_request(own, next);
        let number = own.token().slot;
        let connection = slot.connection.get(own);
        connection.attached = false;
        self.let_go(connection);
        let watched = connection.watch.is_some();
        if watched {
            self.end_watch(connection, RequestId::new(number, serial));
        }
        connection.end_request(&self.services, gather && !watched);
    }

    /// Puts a connection whose next request is complete at the end of the ready tokens.
    pub(super) fn requeue(&self, mut own: Ownership, spare: &mut Option<Box<Exchange>>) {
        let Some(slot) = self.slots.get(own.token().slot) else { return };
        let connection = slot.connection.get(&mut own);
        connection.back_to_ready(&self.services, spare, clock::monotonic_ms());
        let token = slot.word.enqueue(own);
        self.push_ready(token);
    }
}
