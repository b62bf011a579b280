//! What the workers are doing, found out when somebody asks: a worker leaves a request's number and a
//! time behind, and everything else is read from the connection while nobody is at it.
#![forbid(unsafe_code)]

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Engine;
use super::handle::{RequestId, SERIAL_MASK};
use super::ownership::Token;
use super::share::Share;
use crate::access_log::escape::Harmless;
use crate::request::line::without_query;
use crate::sys::clock;

/// A call of the application that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallUnderWay {
    pub(crate) id: RequestId,
    /// Nanoseconds of the monotonic clock.
    pub(crate) since: u64,
    /// The worker's number, and that of its thread.
    pub(crate) number: usize,
    pub(crate) thread: i32,
}

/// The request of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) method: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) remote: Option<SocketAddr>,
    /// The call waits for its client.
    pub(crate) waits_for_client: bool,
}

/// `GET /slow of 127.0.0.1:1234`: no query, and nothing that came from the client can do harm.
impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Harmless(&self.method), Harmless(without_query(&self.target)))?;
        if let Some(remote) = self.remote {
            write!(f, " of {remote}")?;
        }
        f.write_str(if self.waits_for_client { " (it waits for its client)" } else { "" })
    }
}

impl CallUnderWay {
    pub(super) fn of(share: &Share) -> Option<Self> {
        let (id, since) = share.call()?;
        Some(Self { id, since, number: share.number(), thread: share.thread() })
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::from_nanos(clock::monotonic_ns().saturating_sub(self.since))
    }
}

impl Engine {
    /// What each busy worker is at.
    pub(crate) fn calls_under_way(&self) -> Vec<CallUnderWay> {
        let mut calls = Vec::new();
        self.each_share(|share| calls.extend(CallUnderWay::of(share)));
        calls
    }

    /// Whether the request with this id is not over.
    pub(super) fn lives(&self, id: RequestId) -> bool {
        let slot = self.slots.get(id.slot());
        slot.is_some_and(|slot| slot.serial.load(Ordering::Acquire) & SERIAL_MASK == id.serial())
    }

    /// The request with this id. `None` while another thread is in a call on it, and when it is over,
    /// which its application's call may not be. Not to be called while the shares are locked.
    pub(crate) fn describe(&self, id: RequestId) -> Option<Described> {
        if let Some(described) = self.services.patience.described(id.slot()) {
            return Some(described);
        }
        let slot = self.slots.get(id.slot())?;
        let token = Token { slot: id.slot(), generation: slot.word.generation() };
        let mut own = slot.word.attend(token)?;
        let described =
            if self.lives(id) { slot.connection.get(&mut own).describe() } else { None };
        self.look_after(own, slot);
        described
    }
}
