//! Stopping: what is being answered gets its time, then everything is cut; nobody waits for ever.
#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;

use super::ownership::{Bits, Claim, Ownership, Token};
use super::{Engine, TurnEnd, now_ms};
use crate::error_log::LogCode;
use crate::server::notify::STOPPING;
use crate::sys::socket;

/// After the cut so many milliseconds are left to threads that waited for clients.
const GRACE: u64 = 50;

/// A stop that is under way.
pub(super) struct Drain {
    began: u64,
    /// When everything was cut.
    cut: Option<u64>,
}

impl Engine {
    /// No new connections; those that are there end behind their next answer.
    pub(crate) fn quiesce(&self) {
        self.services.quiesce();
        self.close_listeners();
    }

    fn close_listeners(&self) {
        for listener in &self.listeners {
            listener.close(self, now_ms());
        }
    }

    /// Whether a stop may begin to drain. Before that each connection may bring one more request,
    /// for `quiesce_timeout` from `began` on.
    pub(super) fn quiesce_is_over(&self, began: &mut Option<u64>) -> bool {
        if began.is_none() {
            self.services.tell_manager(STOPPING);
            *began = Some(now_ms());
            if self.services.settings.live.quiesce_timeout() > 0 {
                self.quiesce();
            }
        }
        self.slots.open_count() == 0 || began.is_none_or(|began| self.quiesce_left(began) == 0)
    }

    /// Milliseconds.
    pub(super) fn quiesce_left(&self, began: u64) -> u64 {
        let timeout = self.services.settings.live.quiesce_timeout();
        began.saturating_add(timeout).saturating_sub(now_ms())
    }

    /// No new connections, no new requests on the old ones; idle ones end now.
    pub(super) fn begin_drain(&self) -> Drain {
        // Whoever is in the queue of a listener comes in before the rest is sent away.
        self.close_listeners();
        self.services.drain();
        self.tell_all_watchers();
        let mut spare = None;
        for token in self.slots.open_tokens() {
            // What has come and was not looked at yet is a request in work.
            if let Some(own) = self.post(token, Bits::TIMER.union(Bits::IN))
                && let TurnEnd::Request(own) = self.run_turn(own, &mut spare, now_ms())
            {
                self.queue_request(own, &mut spare, now_ms());
            }
        }
        Drain { began: now_ms(), cut: None }
    }

    /// Milliseconds until something has to happen. The host may change its mind about
    /// `shutdown_timeout` meanwhile.
    pub(super) fn time_left(&self, drain: &Drain) -> u64 {
        let deadline = match drain.cut {
            Some(cut) => cut + GRACE,
            None => drain.began.saturating_add(self.shutdown_timeout.load(Ordering::SeqCst)),
        };
        deadline.saturating_sub(now_ms())
    }

    /// Whether all are gone, or the time is up. If it is, the rest is cut.
    pub(super) fn drain_is_over(&self, drain: &mut Drain) -> bool {
        let late = self.time_left(drain) == 0;
        if self.slots.open_count() > 0 && !late {
            return false;
        }
        if self.slots.open_count() > 0 && drain.cut.is_none() {
            drain.cut = Some(now_ms());
            self.cut_everything();
            self.tell_of_the_cut();
            return self.slots.open_count() == 0 && self.dismiss();
        }
        self.dismiss()
    }

    /// Tells the workers to leave.
    fn dismiss(&self) -> bool {
        self.abandon();
        true
    }

    fn tell_of_the_cut(&self) {
        let cut = self.cut.load(Ordering::SeqCst);
        if cut > 0 {
            let text = format_args!("the stop has cut {cut} requests after shutdown_timeout");
            self.services.log.warning(LogCode::Server, text);
        }
    }

    fn cut_everything(&self) {
        self.services.cut_all();
        self.flight.open();
        while self.has_queued() {
            if let Some((own, _)) = self.next_queued() {
                self.cut_one(own);
            }
        }
        let mut cut = 0;
        for token in self.slots.open_tokens() {
            if let Some(own) = self.post(token, Bits::HUP) {
                self.cut_one(own);
            } else if self.cut_held(token) {
                cut += 1;
            }
        }
        self.cut.fetch_add(cut, Ordering::SeqCst);
    }

    fn cut_one(&self, mut own: Ownership) {
        if let Some(slot) = self.slots.get(own.token().slot)
            && slot.connection.get(&mut own).is_busy()
        {
            self.cut.fetch_add(1, Ordering::SeqCst);
        }
        self.close(own);
    }

    /// Cuts a request that is out at the host. True if there was one.
    fn cut_held(&self, token: Token) -> bool {
        let Some(slot) = self.slots.get(token.slot) else { return false };
        let serial = slot.serial.load(Ordering::Acquire);
        match slot.word.claim(token, serial) {
            Claim::Claimed(mut own) => {
                let connection = slot.connection.get(&mut own);
                connection.cut();
                if connection.attached {
                    // The application's call is still running; its worker closes when it is back,
                    // but the client sees the end now.
                    socket::shutdown_both(connection.fd());
                    slot.word.hold(own, serial);
                } else {
                    self.close(own);
                }
                true
            }
            // A thread is in a call on it; the cut wakes it if it waits for the client.
            Claim::Busy => true,
            Claim::Gone => false,
        }
    }
}
