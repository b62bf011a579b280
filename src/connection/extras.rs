//! What only some connections have: data of the host's, a deadline of a request's own, somebody who
//! wants to hear that the client has left.
#![forbid(unsafe_code)]

use std::any::Any;

use super::proxied::Proxied;
use super::services::Services;
use super::timing::UNAVAILABLE;
use super::{HTTPConnection, INTEREST, Phase};
use crate::engine::handle::RequestId;
use crate::errands::Foreign;
use crate::sys::{clock, epoll, socket};

/// Data of the host's.
pub(crate) type Data = Box<dyn Any + Send>;

/// How long data of the host's is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    UntilTheRequestEnds,
    UntilTheConnectionCloses,
}

/// Made when the first of these things is.
#[derive(Default)]
pub(crate) struct Extras {
    connection_data: Option<Foreign<Data>>,
    request_data: Option<Foreign<Data>>,
    /// When the request has to be over, and whose it is; milliseconds of the monotonic clock.
    deadline: Option<(RequestId, u64)>,
    /// Its time was up before its application had come back.
    expired: bool,
    /// Why the request cannot go on: its client was lost while the application was called.
    pub(super) lost: Option<&'static str>,
    /// Somebody wants to hear that the client has left.
    watched: Option<RequestId>,
    /// It comes from a proxy; what that has said of it.
    pub(super) proxied: Option<Proxied>,
}

impl HTTPConnection {
    /// The place for data.
    pub(crate) fn data(&mut self, keep: Keep) -> &mut Option<Foreign<Data>> {
        let extras = self.extras.get_or_insert_default();
        match keep {
            Keep::UntilTheRequestEnds => &mut extras.request_data,
            Keep::UntilTheConnectionCloses => &mut extras.connection_data,
        }
    }

    /// Replaces the request's deadline, `when` in milliseconds of the monotonic clock.
    pub(crate) fn set_own_deadline(
        &mut self,
        services: &Services,
        id: RequestId,
        when: Option<u64>,
    ) {
        let extras = self.extras.get_or_insert_default();
        if let Some((id, old)) = extras.deadline.take() {
            services.deadlines.remove_request(id, old);
        }
        if let Some(when) = when {
            services.deadlines.insert_request(id, when);
            extras.deadline = Some((id, when));
        }
    }

    /// When the request has to be over.
    pub(crate) fn own_deadline(&self) -> Option<u64> {
        Some(self.extras.as_ref()?.deadline?.1)
    }

    /// Whether the request is over, though its application does not know.
    #[inline]
    pub(crate) fn is_expired(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.expired)
    }

    /// The request's time is up: 503 if nothing was sent, else the connection ends.
    pub(crate) fn expire(&mut self, services: &Services) {
        if self.over {
            return;
        }
        self.extras.get_or_insert_default().expired = true;
        self.refusal = Some(UNAVAILABLE);
        self.fail(services);
        if self.phase == Phase::Closing {
            // The client sees it now, even if the application takes long to come back.
            socket::shutdown_both(self.fd());
        }
    }

    /// From now on the leaving of the client is looked for, also while a thread waits for it.
    pub(crate) fn watch(&mut self, services: &Services, id: RequestId) {
        self.extras.get_or_insert_default().watched = Some(id);
        if self.muted {
            self.mute(services);
        }
    }

    /// Keeps events of the client from waking pollers; what it sends is for a waiting thread alone.
    pub(super) fn mute(&mut self, services: &Services) {
        self.muted = true;
        let watched = self.extras.as_ref().is_some_and(|extras| extras.watched.is_some());
        self.set_interest(services, if watched { epoll::RDHUP | epoll::EDGE } else { epoll::EDGE });
    }

    /// What is parked goes out as soon as the client takes it, though the request is out.
    pub(super) fn expect_room(&mut self, services: &Services) {
        self.kept_while_out();
        self.muted = false;
        self.set_interest(services, INTEREST | epoll::OUT);
    }

    /// The request has ended, and what belonged to it goes.
    pub(super) fn end_extras(&mut self, services: &Services) {
        let Some(extras) = self.extras.as_mut() else { return };
        if let Some((id, when)) = extras.deadline.take() {
            services.deadlines.remove_request(id, when);
        }
        if let Some(id) = extras.watched.take() {
            drop(services.watches.take(id));
        }
        extras.request_data = None;
        extras.expired = false;
        if extras.connection_data.is_none() && extras.proxied.is_none() {
            self.extras = None;
        }
    }

    /// Milliseconds until a moment (`None`: never) or the request's deadline, -1: for ever.
    pub(super) fn time_left(&self, until: Option<u64>) -> i32 {
        let until = match (until, self.own_deadline()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        until.map_or(-1, |until| {
            i32::try_from(until.saturating_sub(clock::monotonic_ms())).unwrap_or(i32::MAX)
        })
    }

    /// Whether the request's own time is up.
    pub(crate) fn is_late(&self) -> bool {
        self.own_deadline().is_some_and(|deadline| deadline <= clock::monotonic_ms())
    }
}
