//! Hijack: a connection leaves the engine for the host.
#![forbid(unsafe_code)]

use std::sync::{Mutex, PoisonError};

use super::Engine;
use super::handle::RequestId;
use crate::connection::exchange::Exchange;
use crate::gateway::RequestError;
use crate::stream::Stream;

/// What was lent to applications whose call is still running, though its request has ended: the
/// environ is good until they return.
#[derive(Default)]
pub(super) struct Lent(Mutex<Vec<(RequestId, Box<Exchange>)>>);

impl Engine {
    /// Ends the request by giving its connection to the host; the slot is free from here on. If it
    /// may not `wait`, an answer that is still on its way before it is `Again`.
    pub(crate) fn hijack(&self, id: RequestId, wait: bool) -> Result<Stream, RequestError> {
        let (mut own, slot) = self.claim(id)?;
        let connection = slot.connection.get(&mut own);
        match connection.hand_over(&self.services, wait) {
            Ok(handed_over) => {
                if connection.attached
                    && let Some(exchange) = connection.exchange.take()
                {
                    self.lent.keep(id, exchange);
                }
                self.close(own);
                self.see_to_errands();
                Ok(Stream::new(handed_over))
            }
            Err(error) => {
                if connection.over && !connection.attached {
                    self.go_on(own);
                } else {
                    self.give_back(own, slot, id);
                }
                Err(error)
            }
        }
    }

    /// The application's call on a request that has ended is over.
    pub(super) fn reclaim(&self, id: RequestId) {
        if let Some(mut exchange) = self.lent.take(id) {
            exchange.trim();
            self.services.give_exchange(exchange);
        }
    }
}

impl Lent {
    fn keep(&self, id: RequestId, exchange: Box<Exchange>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((id, exchange));
    }

    fn take(&self, id: RequestId) -> Option<Box<Exchange>> {
        let mut lent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = lent.iter().position(|(lent_to, _)| *lent_to == id)?;
        Some(lent.swap_remove(index).1)
    }
}
