//! What happens to a request while it is at the host: its client leaves, its own time is up, a
//! client takes again what was parked. And what the host has put to it.
#![forbid(unsafe_code)]

use std::any::Any;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use super::Engine;
use super::handle::{RequestId, SERIAL_MASK};
use super::ownership::{Bits, Token};
use super::watches::Call;
use crate::connection::HTTPConnection;
use crate::connection::exchange::Exchange;
use crate::connection::extras::{Data, Keep};
use crate::errands::Foreign;
use crate::error_log::LogCode;
use crate::gateway::{RequestError, RequestView};
use crate::sys::clock;

/// A request that is in a call when its time is up is looked at again after so many milliseconds.
const AGAIN: u64 = 32;
/// What is said of a request whose server stops, while nothing is wrong with its client.
const STOPPING: u8 = 3;

impl Engine {
    /// Keeps data of the host's with a request or with its connection. What was there goes.
    pub(crate) fn set_data<T: Any + Send>(
        &self,
        id: RequestId,
        keep: Keep,
        data: &mut Option<T>,
    ) -> Result<(), RequestError> {
        self.with(id, |connection| {
            if let Some(data) = data.take() {
                let data = Foreign::new(Box::new(data) as Data, &self.services.errands);
                *connection.data(keep) = Some(data);
            }
            Ok(())
        })
    }

    /// Shows the data to `look`.
    pub(crate) fn data<R>(
        &self,
        id: RequestId,
        keep: Keep,
        look: impl FnOnce(Option<&mut Data>) -> R,
    ) -> Result<R, RequestError> {
        self.with(id, |connection| {
            let data = connection.extras.is_some().then(|| connection.data(keep).as_mut());
            Ok(look(data.flatten().and_then(Foreign::get_mut)))
        })
    }

    /// Shows the request as it was sent, and the place where a table of it is kept, which `fill` is
    /// called for once in the life of a request.
    pub(crate) fn raw<T: Any + Send + Default, R>(
        &self,
        id: RequestId,
        fill: impl FnOnce(&RequestView<'_>, &mut T),
        look: impl FnOnce(&T) -> R,
    ) -> Result<R, RequestError> {
        self.with(id, |connection| {
            let client = connection.client();
            let exchange = connection.exchange.as_mut().ok_or(RequestError::Gone)?;
            exchange.lent = true;
            let built = std::mem::replace(&mut exchange.raw_built, true);
            let Exchange { raw, input, head, .. } = &mut **exchange;
            let table = raw.get_or_insert_with(|| Box::new(T::default()));
            let table = table.downcast_mut::<T>().ok_or(RequestError::Gone)?;
            if !built {
                fill(&RequestView::new(input.request(), head, client), table);
            }
            Ok(look(table))
        })
    }

    /// The certificates that the client has shown, its own first, as DER.
    pub(crate) fn peer_certificates(&self, id: RequestId) -> Result<Vec<Vec<u8>>, RequestError> {
        self.with(id, |connection| Ok(connection.client_certificates()))
    }

    /// The addresses of both ends; none for a UNIX socket.
    pub(crate) fn addresses(
        &self,
        id: RequestId,
    ) -> Result<(Option<SocketAddr>, Option<SocketAddr>), RequestError> {
        self.with(id, |connection| Ok((connection.client().remote, connection.local())))
    }

    /// The number of the connection in its server and that of the request in its connection.
    pub(crate) fn numbers(&self, id: RequestId) -> Result<(u64, u32), RequestError> {
        self.with(id, |connection| Ok(connection.numbers()))
    }

    /// Bounds the request: `milliseconds` from now it is over; `None`: no longer.
    pub(crate) fn set_deadline(
        &self,
        id: RequestId,
        milliseconds: Option<u64>,
    ) -> Result<(), RequestError> {
        let now = clock::monotonic_ms();
        self.with(id, |connection| {
            if connection.over {
                return Err(RequestError::State("the answer is finished"));
            }
            let when = milliseconds.map(|milliseconds| now.saturating_add(milliseconds));
            connection.set_own_deadline(&self.services, id, when);
            Ok(())
        })
    }

    /// Calls `call` when the client of a request leaves or half-closes; drops it when the request
    /// has ended.
    pub(crate) fn on_abort(
        &self,
        id: RequestId,
        call: &mut Option<Box<dyn FnOnce() + Send>>,
    ) -> Result<(), RequestError> {
        let aborted = self.with(id, |connection| {
            if connection.over {
                return Err(RequestError::State("the answer is finished"));
            }
            if let Some(call) = call.take() {
                let call: Call = Foreign::new(call, &self.services.errands);
                drop(self.services.watches.put(id, call));
            }
            connection.watch(&self.services, id);
            Ok(self.aborted_or_stopping(connection))
        })?;
        if aborted > 0 {
            // No event comes for what has happened already.
            self.tell_watcher(id);
            self.see_to_errands();
        }
        Ok(())
    }

    /// How the client of a request is, and if nothing is wrong with it, how the server is: 3 while
    /// that stops.
    pub(super) fn aborted_or_stopping(&self, connection: &HTTPConnection) -> u8 {
        match connection.aborted() {
            0 if self.services.draining() => STOPPING,
            aborted => aborted,
        }
    }

    /// A call has failed whose request was detached, or has ended.
    #[cold]
    pub(super) fn failed_behind(&self, id: RequestId, panic: Option<String>) {
        if let Some(text) = panic {
            let text = format_args!("the application panicked behind its request: {text}");
            self.services.log.error(LogCode::ApplicationFailed, text);
        }
        // Nobody may be left to answer.
        let _answered_or_being_so = self.abort(id);
    }

    /// Makes the calls of the host's that were put aside. To be called without any lock.
    #[inline]
    pub(crate) fn run_errands(&self) {
        if self.services.errands.are_waiting() {
            self.services.errands.run(|| self.service.after_host_code());
        }
    }

    /// Finds a thread of the library for the errands of a call that the host has made: on the host's
    /// own thread, which may hold its locks, its functions would not be expected.
    #[inline]
    pub(super) fn see_to_errands(&self) {
        if self.services.errands.are_waiting() && !self.lot.wake_one() {
            if self.roles.polling() > 0 {
                self.wake.signal();
            } else {
                self.service.wake();
            }
        }
    }

    /// An event of a connection that somebody has.
    #[cold]
    pub(super) fn note_event(&self, token: Token, bits: Bits, held: bool) {
        let Some(slot) = self.slots.get(token.slot) else { return };
        if bits.intersects(Bits::HUP) && self.services.watches.any() {
            let serial = slot.serial.load(Ordering::Acquire);
            self.tell_watcher(RequestId::new(token.slot, serial));
        }
        if held && slot.watched.load(Ordering::Relaxed) {
            self.attend(token);
        }
    }

    /// The time of a request is up.
    pub(super) fn expire_request(&self, id: RequestId) {
        let Some(slot) = self.slots.get(id.slot()) else { return };
        let token = Token { slot: id.slot(), generation: slot.word.generation() };
        let lives = || slot.serial.load(Ordering::Acquire) & SERIAL_MASK == id.serial();
        let Some(mut own) = slot.word.attend(token) else {
            if lives() {
                // A call is under way; it ends at the deadline if it waits for the client.
                self.services.deadlines.insert_request(id, clock::monotonic_ms() + AGAIN);
            }
            return;
        };
        let connection = slot.connection.get(&mut own);
        if lives() && connection.is_late() {
            connection.expire(&self.services);
            if !connection.attached {
                self.end_request(&mut own, false);
                slot.word.keep(&own);
                return self.drive_on(own);
            }
        }
        self.look_after(own, slot);
    }

    /// The server stops, which those who watch their clients want to hear as well.
    pub(super) fn tell_all_watchers(&self) {
        for call in self.services.watches.take_all() {
            call.hand_to(|call| call());
        }
    }

    fn tell_watcher(&self, id: RequestId) {
        if let Some(call) = self.services.watches.take(id) {
            call.hand_to(|call| call());
        }
    }
}
