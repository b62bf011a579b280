//! Complete requests that wait for a worker: in the queue, for a place in it, or refused.
#![forbid(unsafe_code)]

use super::ownership::{Bits, Ownership};
use super::{Engine, TurnEnd};
use crate::connection::exchange::Exchange;

impl Engine {
    /// Puts a complete request on the queue for the workers. Where it has no place it waits as the
    /// state of its connection; where there is no queue at all it is refused.
    pub(super) fn queue_request(
        &self,
        mut own: Ownership,
        spare: &mut Option<Box<Exchange>>,
        now: u64,
    ) {
        let Some(slot) = self.slots.get(own.token().slot) else { return };
        let connection = slot.connection.get(&mut own);
        let no_queue = self.tuning.accepted_queue_size == 0;
        if no_queue && !self.has_idle_worker() {
            connection.refuse_unavailable(&self.services);
            if let TurnEnd::Request(own) = self.run_turn(own, spare, now) {
                self.requeue(own, spare);
            }
            return;
        }
        connection.back_to_ready(&self.services, spare, now);
        let token = slot.word.enqueue(own);
        if no_queue {
            self.push_ready(token);
            return;
        }
        match self.requests.push(token) {
            Ok(()) => self.call_for_request(),
            Err(token) => {
                if let Some(own) = self.dequeue(token) {
                    self.wait_for_place(own);
                }
            }
        }
    }

    /// Whether the client of a request that has waited has left meanwhile.
    pub(super) fn is_abandoned(&self, own: &mut Ownership, now: u64) -> bool {
        !self.services.settings.serve_abandoned
            && self
                .slots
                .get(own.token().slot)
                .is_some_and(|slot| slot.connection.get(own).is_abandoned(now))
    }

    /// A place in the queue has become free: the oldest that waits takes it.
    pub(super) fn move_waiting(&self) {
        loop {
            let Some(token) = self.lock_waiting().pop_front() else { return };
            let Some(slot) = self.slots.get(token.slot) else { continue };
            // Gone, or just now refused because its time was up.
            let Some(mut own) = self.post(token, Bits::NONE) else { continue };
            let connection = slot.connection.get(&mut own);
            if !std::mem::take(&mut connection.waiting) {
                self.go_on_from(own);
                continue;
            }
            let token = slot.word.enqueue(own);
            if let Err(token) = self.requests.push(token) {
                // Somebody else was faster: back to the front.
                let Some(own) = self.dequeue(token) else { return };
                self.release_waiting(own);
                self.lock_waiting().push_front(token);
                if self.requests.is_full() {
                    return;
                }
                continue;
            }
            self.call_for_request();
            return;
        }
    }

    /// A request is in the queue: whoever is free comes for it.
    fn call_for_request(&self) {
        if !self.lot.wake_one() && self.host_polls() {
            self.signal_host();
        }
    }

    fn wait_for_place(&self, own: Ownership) {
        let token = own.token();
        // Whoever finds it in the list has to find it free as well, or would pass it over.
        self.release_waiting(own);
        self.lock_waiting().push_back(token);
        // A place that became free before it was in the list was offered to nobody.
        if !self.requests.is_full() {
            self.move_waiting();
        }
    }

    /// Leaves a connection to its deadline and its queue: nobody owns it while it waits.
    fn release_waiting(&self, mut own: Ownership) {
        let Some(slot) = self.slots.get(own.token().slot) else { return };
        slot.connection.get(&mut own).waiting = true;
        let mut spare = None;
        if let TurnEnd::Request(own) = self.run_turn(own, &mut spare, super::now_ms()) {
            self.requeue(own, &mut spare);
        }
        if let Some(exchange) = spare {
            self.services.give_exchange(exchange);
        }
    }

    /// Something has happened to a connection that waits.
    fn go_on_from(&self, own: Ownership) {
        if let Some(slot) = self.slots.get(own.token().slot) {
            let token = slot.word.enqueue(own);
            self.push_ready(token);
        }
    }

    /// Whether a worker is not in the application: it comes for what is ready.
    fn has_idle_worker(&self) -> bool {
        let mut found = false;
        self.each_share(|share| found |= share.is_idle());
        found
    }
}
