//! Looking after requests that are out at the host: what came for them is told to it, and what is
//! kept for their clients goes on.
#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;

use super::events::Happened;
use super::handle::{RequestId, SERIAL_MASK};
use super::ownership::{Ownership, Token};
use super::slots::{NONE, Slot};
use super::{Engine, now_ms};
use crate::connection::HTTPConnection;
use crate::connection::watching::Watched;
use crate::gateway::RequestError;

impl Engine {
    /// Asks for one event about the request.
    pub(crate) fn watch(&self, id: RequestId, what: Watched) -> Result<(), RequestError> {
        if !self.services.settings.pull {
            return Err(RequestError::State("only a pull server has events"));
        }
        let token = self.with(id, |connection| {
            connection.watch_for(what);
            Ok(connection.token())
        })?;
        // It may have happened before, and no other event comes for that.
        self.attend(token);
        Ok(())
    }

    /// Gives a watched request back to the host.
    #[cold]
    pub(super) fn hold_watched(&self, mut own: Ownership, slot: &Slot, id: RequestId) {
        slot.connection.get(&mut own).prepare_watch(&self.services, now_ms());
        slot.untold.begin(id.serial());
        slot.watched.store(true, Ordering::Relaxed);
        let token = slot.word.hold(own, id.serial());
        // Who posted before that found a call under way, and nobody to tell.
        if slot.word.has_bits() {
            self.attend(token);
        }
    }

    /// Looks after a watched request, unless a call on it is under way: then that does it.
    #[cold]
    pub(super) fn attend(&self, token: Token) {
        if let Some(slot) = self.slots.get(token.slot)
            && let Some(own) = slot.word.attend(token)
        {
            self.look_after(own, slot);
        }
    }

    /// The call of the application that has detached this request is over: memory that nobody needs
    /// meanwhile is given back, unless somebody has asked for the environ since.
    #[cold]
    pub(super) fn compact(&self, id: RequestId) {
        let Some(slot) = self.slots.get(id.slot()) else { return };
        let token = Token { slot: id.slot(), generation: slot.word.generation() };
        // If another thread is in a call on it, that one sees this when it gives it back.
        slot.compact_due.store(id.serial(), Ordering::SeqCst);
        let Some(mut own) = slot.word.attend(token) else { return };
        slot.compact_due.store(NONE, Ordering::Relaxed);
        if slot.serial.load(Ordering::Relaxed) & SERIAL_MASK == id.serial()
            && let Some(exchange) = &mut slot.connection.get(&mut own).exchange
            && !exchange.lent
        {
            exchange.compact();
        }
        self.look_after(own, slot);
    }

    pub(super) fn look_after(&self, mut own: Ownership, slot: &Slot) {
        let token = own.token();
        loop {
            let bits = slot.word.take_bits(&own);
            let id = RequestId::new(token.slot, slot.serial.load(Ordering::Relaxed));
            let now = now_ms();
            let connection = slot.connection.get(&mut own);
            let happened = connection.attend(&self.services, bits, now);
            connection.prepare_watch(&self.services, now);
            for happened in happened.into_iter().flatten() {
                self.tell(id, happened);
            }
            match slot.word.hold_again(own) {
                Ok(()) => return,
                Err(kept) => own = kept,
            }
        }
    }

    /// The request with this id ends: what was watched of it is over, but for its release.
    #[cold]
    pub(super) fn end_watch(&self, connection: &mut HTTPConnection, id: RequestId) {
        let Some(slot) = self.slots.get(id.slot()) else { return };
        slot.watched.store(false, Ordering::Relaxed);
        connection.end_watch(id);
    }

    /// Tells the host that a request has ended and its last byte is sent; or, if the connection
    /// `closes`, that nothing more will be.
    #[cold]
    pub(super) fn tell_released(&self, connection: &mut HTTPConnection, closes: Option<RequestId>) {
        if let Some((id, whole)) = connection.take_released(closes) {
            self.tell(id, Happened::Released(whole));
        }
    }
}
