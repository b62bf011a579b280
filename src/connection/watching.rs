//! A request that is out at the host and that somebody waits for something of: what is to be told,
//! and by when something has to have happened. Whoever gets an event for such a connection looks
//! after it for a moment ([`attend`]) and gives it back to the host.
//!
//! [`attend`]: HTTPConnection::attend
#![forbid(unsafe_code)]

use super::services::Services;
use super::{HTTPConnection, INTEREST, Step};
use crate::access_log::Ended;
use crate::engine::events::Happened;
use crate::engine::handle::RequestId;
use crate::engine::ownership::Bits;
use crate::gateway::RequestError;
use crate::sys::{clock, epoll, poll};

/// What is watched for one request.
#[derive(Default)]
pub(crate) struct Watch {
    readable: bool,
    writable: bool,
    aborted: bool,
    /// The host wants to hear when the request has ended and the last byte is sent.
    released: bool,
    /// What the host has heard of the client's leaving: that it has half-closed (1), has left (2).
    told: u8,
    told_of_the_stop: bool,
    /// Milliseconds of the monotonic clock, 0: never.
    read_by: u64,
    write_by: u64,
    /// Why the request can't go on.
    lost: Option<&'static str>,
    /// It has ended, and its answer is not sent to the last byte.
    ended: Option<RequestId>,
}

/// What the host may ask to be told of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    Aborted,
    Released,
}

impl HTTPConnection {
    /// The watch of the request that is out; it begins with this.
    fn watch_mut(&mut self) -> &mut Watch {
        self.watch.get_or_insert_default()
    }

    pub(crate) fn watch_for(&mut self, what: Watched) {
        let watch = self.watch_mut();
        match what {
            Watched::Aborted => watch.aborted = true,
            Watched::Released => watch.released = true,
        }
    }

    /// A read that must not wait found nothing.
    pub(super) fn nothing_to_read(&mut self, services: &Services) -> RequestError {
        if services.settings.pull {
            let timeout = services.settings.live.body_timeout();
            let watch = self.watch_mut();
            if !std::mem::replace(&mut watch.readable, true) && timeout > 0 {
                watch.read_by = clock::monotonic_ms() + timeout;
            }
        }
        RequestError::Again
    }

    /// A write that must not wait found the socket full.
    pub(super) fn nothing_taken(&mut self, services: &Services) -> RequestError {
        if services.settings.pull {
            self.watch_mut().writable = true;
        }
        RequestError::Again
    }

    /// Something is kept for the client while the request is still out.
    pub(super) fn kept_while_out(&mut self) {
        self.watch_mut();
    }

    /// Why a call on an answer that is finished fails.
    pub(super) fn finished(&self) -> RequestError {
        self.lost().unwrap_or(RequestError::State("the answer is finished"))
    }

    /// Why the request cannot go on, if the client was lost while it was out.
    pub(super) fn lost(&self) -> Option<RequestError> {
        let watched = self.watch.as_ref().and_then(|watch| watch.lost);
        let lost = watched.or_else(|| self.extras.as_ref()?.lost);
        lost.map(RequestError::Client)
    }

    pub(super) fn note_loss(&mut self, why: &'static str) {
        match &mut self.watch {
            Some(watch) => watch.lost.get_or_insert(why),
            None => self.extras.get_or_insert_default().lost.get_or_insert(why),
        };
    }

    /// To be called before a watched request goes (back) to the host: epoll and the clock know what
    /// is waited for.
    pub(crate) fn prepare_watch(&mut self, services: &Services, now: u64) {
        self.charge(services);
        let kept = !self.is_all_sent();
        let Some(watch) = &mut self.watch else { return };
        self.muted = false;
        match kept {
            true if watch.write_by == 0 && services.settings.live.write_timeout() > 0 => {
                watch.write_by = now + services.settings.live.write_timeout();
            }
            true => {}
            false => watch.write_by = 0,
        }
        let times = [watch.read_by, watch.write_by];
        let first = times.into_iter().filter(|time| *time > 0).min();
        let out = if kept || watch.writable { epoll::OUT } else { 0 };
        self.set_interest(services, INTEREST | out);
        if let Some(first) = first {
            self.wake_by(services, first);
        }
    }

    /// Looks after a request that is out, and says what has happened. To be called by whoever attends
    /// it.
    pub(crate) fn attend(
        &mut self,
        services: &Services,
        bits: Bits,
        now: u64,
    ) -> [Option<Happened>; 3] {
        self.note(bits);
        self.timer_came(bits, now);
        self.send_what_is_kept(services);
        self.check_times(now);
        let seen = self.look_at_the_client();
        let stopping = services.draining();
        let kept = !self.is_all_sent();
        let over = self.over;
        let mut happened = [None; 3];
        let Some(watch) = &mut self.watch else { return happened };
        let lost = watch.lost.is_some() || over;
        if watch.readable && (lost || seen != 0) {
            (watch.readable, watch.read_by) = (false, 0);
            happened[0] = Some(Happened::Readable);
        }
        if watch.writable && (lost || !kept) {
            watch.writable = false;
            happened[1] = Some(Happened::Writable);
        }
        let gone = match seen {
            _ if lost || seen & (poll::HUP | poll::ERR) != 0 => 2,
            _ if seen & poll::RDHUP != 0 || self.ended => 1,
            _ => 0,
        };
        happened[2] = watch.tell_aborted(gone, stopping).map(Happened::Aborted);
        happened
    }

    /// The request has ended. What is to be told after that stays.
    pub(crate) fn end_watch(&mut self, id: RequestId) {
        self.watch = self.watch.take().filter(|watch| watch.released).map(|watch| {
            Box::new(Watch {
                released: true,
                ended: Some(id),
                lost: watch.lost,
                ..Watch::default()
            })
        });
    }

    /// The request that has ended, if the host is to be told and its answer has been sent to the
    /// last byte; or if the connection ends, with `current`, the one that is out.
    pub(crate) fn take_released(&mut self, closes: Option<RequestId>) -> Option<(RequestId, bool)> {
        let watch = self.watch.as_ref()?;
        let sent = self.is_all_sent()
            && self.exchange.as_ref().is_none_or(|exchange| exchange.output.is_empty());
        if !watch.released || !(closes.is_some() || (watch.ended.is_some() && sent)) {
            return None;
        }
        let whole = watch.ended.is_some() && sent && watch.lost.is_none();
        let id = watch.ended.or(closes)?;
        self.watch = None;
        Some((id, whole))
    }

    fn send_what_is_kept(&mut self, services: &Services) {
        if self.is_all_sent() {
            return;
        }
        let before = (self.unsent.rest().len(), self.channel.pushed());
        if self.send_unsent(services) == Step::Close {
            return self.broken();
        }
        let now = (self.unsent.rest().len(), self.channel.pushed());
        let moved = self.is_all_sent() || now != before;
        if moved && let Some(watch) = &mut self.watch {
            watch.write_by = 0;
        }
    }

    fn check_times(&mut self, now: u64) {
        let Some(watch) = &mut self.watch else { return };
        let passed = |time: u64| time != 0 && now >= time;
        if passed(watch.write_by) {
            watch.write_by = 0;
            watch.lost = Some("the client is too slow");
            self.account_loss(Ended::TimedOut);
            self.broken();
        } else if passed(watch.read_by) {
            watch.read_by = 0;
            watch.lost = Some("the client is too slow");
            self.broken_unless_head_open(Ended::TimedOut);
        }
    }

    /// What poll(2) says, if it matters.
    fn look_at_the_client(&self) -> i16 {
        let matters = self.watch.as_ref().is_some_and(|watch| watch.readable || watch.aborted);
        if !matters {
            return 0;
        }
        match poll::poll([(self.fd(), poll::IN | poll::RDHUP)], 0) {
            Ok([events]) => events,
            Err(_) => poll::ERR,
        }
    }
}

impl Watch {
    /// What is to be said about the client, or the server, leaving.
    fn tell_aborted(&mut self, gone: u8, stopping: bool) -> Option<u8> {
        if !self.aborted {
            return None;
        }
        let news = match gone {
            _ if gone > self.told => gone,
            _ if stopping && !self.told_of_the_stop => 3,
            _ => return None,
        };
        match news {
            3 => self.told_of_the_stop = true,
            gone => self.told = gone,
        }
        self.aborted = false;
        Some(news)
    }
}
