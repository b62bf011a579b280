//! HTTPConnection: from the accepted socket to the closed one.
//!
//! A connection is a state machine that its owner of the moment drives with [`advance`]: it reads
//! what is there, writes what fits, and says whether it waits for an event, has a complete request
//! for the application, or is finished. Nothing here waits for a client, except what the
//! application asks for while it has the request ([`body`], [`responding`]).
//!
//! ```text
//!           bytes           body to come            all there
//!   Head ──────────► Head ──────────────► Body ──────────────► Request (at the application)
//!    ▲                 │ refused                                   │ answered
//!    │                 ▼                                           ▼
//!    │             Lingering ──► closed          unread body? ─► Draining
//!    └────────────────────────────────────────────────────────────┘
//! ```
//! Whatever the phase, an answer that did not fit into the socket is sent first.
//!
//! [`advance`]: HTTPConnection::advance
#![forbid(unsafe_code)]

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{OwnedFd, RawFd};

use crate::channel::Channel;
use crate::engine::ownership::{Bits, Token};
use crate::error_log::{LogCode, LogLevel};
use crate::gateway::environ::Pairs;
use crate::request::head::Refusal;
use crate::sys::epoll;

mod account;
pub(crate) mod body;
mod budget;
#[cfg(any(test, fuzzing))]
pub(crate) mod by_hand;
mod deferred;
pub(crate) mod exchange;
pub(crate) mod extras;
mod file;
pub(crate) mod forwarded;
pub(crate) mod handing_over;
mod handshake;
mod informing;
pub(crate) mod inquiries;
mod lines;
pub(crate) mod live;
pub(crate) mod networks;
mod nonblocking;
mod owned;
mod pace;
pub(crate) mod peercreds;
mod pieces;
mod places;
pub(crate) mod proxied;
pub(crate) mod proxy_header;
mod reading;
pub(crate) mod responding;
mod sending;
pub(crate) mod services;
mod telling;
mod timing;
pub(crate) mod traffic;
mod unsent;
pub(crate) mod waiting;
pub(crate) mod watching;

use account::Account;
use budget::Charge;
use exchange::Exchange;
use extras::Extras;
use pieces::Scan;
use services::{Services, Settings};
use traffic::Traffic;
use unsent::Unsent;
use watching::Watch;

/// How long a request waits before it is dropped if its client has ended its side, in nanoseconds.
const ABANDONED_AFTER: u64 = 250_000_000;

/// Events that a connection is registered for; `EPOLLOUT` only while an answer is stuck.
pub(crate) const INTEREST: u32 = epoll::IN | epoll::RDHUP | epoll::EDGE;

/// One client.
pub(crate) struct HTTPConnection {
    channel: Channel,
    token: Token,
    /// `None` for a UNIX socket.
    pub(crate) remote: Option<SocketAddr>,
    /// Who is at the other end of a UNIX socket, once that was asked.
    peer: Option<Box<Pairs>>,
    /// The number of the listener that it came by.
    listener: u8,
    pub(crate) phase: Phase,
    pub(crate) exchange: Option<Box<Exchange>>,
    /// Bytes from the client while the connection is at rest.
    stored: Vec<u8>,
    scan: Scan,
    unsent: Unsent,
    timing: timing::Timing,
    /// What was read and written and not counted yet.
    traffic: Traffic,
    /// When the request came that has to wait for its call, if that is known and statistics are on;
    /// in nanoseconds of the monotonic clock.
    pub(crate) arrived: u64,
    /// When the answer was complete that waits for its client, likewise.
    answered: u64,
    /// Reading may find something.
    readable: bool,
    /// The client sent FIN or worse: read to the end.
    hung_up: bool,
    /// The end has been read.
    ended: bool,
    interest: u32,
    /// After the current answer the connection ends.
    pub(crate) close: bool,
    requests_seen: u32,
    /// Requests answered since the turn began.
    pub(crate) turn_requests: u32,
    /// Its share of the server's budget, in bytes.
    charged: Charge,
    /// The application's call is still running: it, not the answer, ends the request.
    pub(crate) attached: bool,
    /// That call has a place among those that may wait for their clients.
    may_wait: bool,
    /// It is among the requests that wait for such a place.
    is_deferred: bool,
    /// The application has finished the answer, or it was cut.
    pub(crate) over: bool,
    /// What a failed read of the body is answered with if the application sends nothing.
    refusal: Option<Refusal>,
    /// It waits for a place in the queue of requests: only its deadline matters.
    pub(crate) waiting: bool,
    /// Threads wait for this client by themselves: epoll is told to be quiet until the answer.
    muted: bool,
    /// Somebody wants to hear of requests that are done with.
    account: Option<Box<Account>>,
    /// What only some connections have.
    pub(crate) extras: Option<Box<Extras>>,
    /// It is counted among those that are out at the host.
    pub(crate) in_flight: bool,
    /// What is to be told of the request that is out.
    pub(crate) watch: Option<Box<Watch>>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The header of a proxy is to come. Who is one too `many` is told so later.
    ProxyHeader { many: bool },
    /// TLS is being agreed on. Who is one too `many` is told so afterwards.
    Handshake { many: bool },
    /// Between requests, or part of a head has come.
    Head,
    /// The head is complete; the body is being read before the application is called. Nothing can
    /// change before the request has `need` bytes, counted from the first one of the head.
    Body { need: usize },
    /// A complete request waits for a worker.
    Ready,
    /// The request is at the application.
    Request,
    /// The rest of a body that nobody read: so many bytes.
    Draining { left: u64 },
    /// The rest of a body in chunks, which the application began to read: until then (milliseconds of
    /// the monotonic clock).
    DrainingChunks { until: u64 },
    /// Everything is said; what the client still sends is thrown away for a moment, so that it gets
    /// to read the answer (RFC 9112, section 9.6).
    /// Until the client has ended its side, or `until` (milliseconds of the monotonic clock, 0: it
    /// has not begun).
    Lingering { until: u64 },
    /// Over as soon as what is unsent has gone.
    Closing,
}

impl Phase {
    /// Lingering is to begin, as soon as the answer has gone.
    const LINGERS: Self = Self::Lingering { until: 0 };
}

/// What the owner of a connection has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Nothing until an event.
    Wait,
    /// Nothing keeps it, but others should have their turn first.
    Yield,
    /// A request is complete, its head parsed.
    Request,
    /// The connection is finished with.
    Close,
}

impl HTTPConnection {
    /// What is in a slot that nobody uses.
    pub(crate) fn closed() -> Self {
        Self {
            channel: Channel::default(),
            token: Token { slot: 0, generation: 0 },
            remote: None,
            peer: None,
            listener: 0,
            phase: Phase::Head,
            exchange: None,
            stored: Vec::new(),
            scan: Scan::None,
            unsent: Unsent::default(),
            timing: timing::Timing::default(),
            traffic: Traffic::default(),
            arrived: 0,
            answered: 0,
            readable: false,
            hung_up: false,
            ended: false,
            interest: 0,
            close: false,
            requests_seen: 0,
            turn_requests: 0,
            charged: Charge::NONE,
            attached: false,
            may_wait: false,
            is_deferred: false,
            over: false,
            refusal: None,
            waiting: false,
            muted: false,
            account: None,
            extras: None,
            in_flight: false,
            watch: None,
        }
    }

    /// Begins with an accepted socket. Its registration with epoll comes after this.
    pub(crate) fn open(
        &mut self,
        socket: OwnedFd,
        remote: Option<SocketAddr>,
        listener: u8,
        token: Token,
    ) {
        let (channel, interest) = (Channel::new(socket), INTEREST);
        *self = Self { channel, token, remote, listener, interest, ..Self::closed() };
    }

    /// Ends it: out of epoll and shut down first, because a forked child may hold the descriptor
    /// open. Memory goes back to where it came from.
    pub(crate) fn teardown(&mut self, services: &Services) {
        self.end_extras(services);
        self.give_place(services);
        self.leave_deferred(services);
        if self.channel.is_open() {
            let _not_registered = services.epoll.delete(self.fd());
            self.channel.close();
        }
        if self.has_account() {
            self.report_end(services);
        }
        if let Some(mut exchange) = self.exchange.take() {
            exchange.trim();
            services.give_exchange(exchange);
        }
        services.budget.change(self.charged, Charge::NONE);
        self.note_answer_gone(services);
        self.settle_traffic(services);
        *self = Self::closed();
    }

    pub(crate) fn token(&self) -> Token {
        self.token
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.channel.fd()
    }

    /// What names the connection in its server, and the request in the connection.
    pub(crate) fn numbers(&self) -> (u64, u32) {
        (self.token.pack(), self.requests_seen.saturating_add(1))
    }

    /// Notes events. They are hints: only reading and writing tell.
    pub(crate) fn note(&mut self, bits: Bits) {
        if bits.intersects(Bits::IN.union(Bits::HUP)) {
            self.readable = true;
        }
        if bits.intersects(Bits::HUP) {
            self.hung_up = true;
        }
    }

    /// Goes on as far as it can without waiting. `spare` lends an exchange and gets it back.
    pub(crate) fn advance(
        &mut self,
        services: &Services,
        spare: &mut Option<Box<Exchange>>,
    ) -> Advance {
        if self.waiting {
            return Advance::Wait;
        }
        loop {
            if !self.is_all_sent() {
                match self.send_unsent(services) {
                    Step::Again => {}
                    step => return step.into(),
                }
            }
            let step = match self.phase {
                Phase::ProxyHeader { .. } => self.read_proxy_header(services),
                Phase::Handshake { .. } => self.shake_hands(services),
                Phase::Head | Phase::Body { .. } | Phase::Ready => self.assemble(services, spare),
                Phase::Draining { left } => self.drain(services, spare, left),
                Phase::DrainingChunks { until } => self.drain_chunks(services, spare, until),
                Phase::Lingering { until } => self.linger(services, spare, until),
                Phase::Request => Step::Wait,
                Phase::Closing => Step::Close,
            };
            if step != Step::Again {
                return step.into();
            }
        }
    }

    /// Gives back what only a busy connection needs. To be called before it is released or queued.
    pub(crate) fn settle(
        &mut self,
        services: &Services,
        spare: &mut Option<Box<Exchange>>,
        now: u64,
    ) {
        if self.exchange.is_some() && self.has_account() {
            self.account_keep(services);
        }
        if let Some(mut exchange) = self.exchange.take() {
            self.stored = exchange.input.request().to_vec();
            exchange.trim();
            match spare {
                None => *spare = Some(exchange),
                Some(_) => services.give_exchange(exchange),
            }
        }
        if let Some(secured) = self.channel.secured() {
            secured.settle();
        }
        self.turn_requests = 0;
        if self.phase != Phase::Ready && !self.is_deferred {
            // No request has come of it.
            self.arrived = 0;
        }
        self.settle_traffic(services);
        self.charge(services);
        self.set_deadline(services, now);
    }

    /// Brings its share of the budget up to date.
    fn charge(&mut self, services: &Services) {
        let requests = self.stored.capacity() + self.scan.memory();
        let requests = requests.saturating_sub(reading::SMALL_REQUEST);
        let held = Charge::new(requests, self.unsent.memory(), self.phase == Phase::Request);
        if held != self.charged {
            services.budget.change(self.charged, held);
            let grows = held.answers() > self.charged.answers();
            self.charged = held;
            if grows && services.budget.is_fought_for() {
                services.call_for_memory();
            }
        }
    }

    /// Whether it holds memory for a client that does not take its answer.
    pub(crate) fn holds_answer(&self) -> bool {
        self.charged.answers() > 0
    }

    /// Whether nothing of a request has come: such a connection may be closed at any time.
    pub(crate) fn is_idle(&self) -> bool {
        let at_rest = match self.phase {
            Phase::Head | Phase::ProxyHeader { .. } => true,
            Phase::Handshake { .. } => !self.has_begun_handshake(),
            _ => false,
        };
        at_rest
            && self.is_all_sent()
            && self.stored.is_empty()
            && self.exchange.as_ref().is_none_or(|exchange| exchange.input.request().is_empty())
    }

    /// Whether the client has begun with what it has not finished: a handshake, a head or a body that
    /// no call waits for, or what it sends after the last answer.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.is_all_sent()
            && match self.phase {
                Phase::ProxyHeader { .. } | Phase::Handshake { .. } | Phase::Head => {
                    !self.is_idle()
                }
                Phase::Body { .. } => true,
                Phase::Draining { .. } | Phase::DrainingChunks { .. } | Phase::Lingering { .. } => {
                    true
                }
                Phase::Ready | Phase::Request | Phase::Closing => false,
            }
    }

    /// Whether the next request follows the rest of one that was answered.
    fn drains(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. } | Phase::DrainingChunks { .. })
    }

    /// Whether a part of the next request has been read.
    pub(crate) fn has_unread(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| !exchange.input.unread().is_empty())
    }

    /// Whether the socket has taken all that was said.
    #[inline]
    fn is_all_sent(&self) -> bool {
        self.unsent.is_empty() && !self.channel.holds_back()
    }

    /// The address that counts for `max_connections_per_ip`; none for a UNIX socket's client, and for
    /// a proxy, which has those of others.
    pub(crate) fn counted(&self) -> Option<IpAddr> {
        self.remote.filter(|_| self.proxied().is_none()).map(|remote| remote.ip())
    }

    /// Whether the present request is the last that its connection may bring.
    fn is_last_request(&self, settings: &Settings) -> bool {
        let most = settings.live.max_requests_per_connection();
        most != 0 && u64::from(self.requests_seen) + 1 >= most
    }

    /// Whether the client of a request that has waited for its call for a while has ended its side; it
    /// is counted as refused then. A client that only sends no more looks the same as one that has
    /// left; but who waits for an answer that long has mostly not half-closed.
    pub(crate) fn is_abandoned(&mut self, now: u64) -> bool {
        let waits = self.phase == Phase::Ready && self.arrived + ABANDONED_AFTER <= now;
        let left = waits && self.is_all_sent() && self.aborted() != 0;
        self.traffic.refused += u16::from(left);
        left
    }

    /// Whether a request is in work, which a stop waits for (a client that lingers is not).
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Ready | Phase::Request)
            || self.is_deferred
            || !self.is_all_sent()
    }

    /// Builds the environ of the request that is out, unless that was done.
    pub(crate) fn build_environ(&mut self, services: &Services) {
        let (fd, peer_is_client) = (self.fd(), self.peer_is_client());
        let client = self.client();
        let Some(exchange) = self.exchange.as_mut() else { return };
        let settings = &services.settings;
        let Some(template) = settings.environ_template(self.listener) else { return };
        if std::mem::replace(&mut exchange.environ_built, true) {
            return;
        }
        let exchange_forwarded = exchange.forwarded;
        let Exchange { environ, input, head, remote_text, .. } = &mut **exchange;
        let mut remote = remote_text.of(client.remote);
        if peer_is_client {
            remote.peer = settings.peercreds.of(fd, &mut self.peer);
        }
        remote.tls = self.channel.secured().and_then(|secured| secured.pairs());
        if let Some(proxied) = self.extras.as_ref().and_then(|extras| extras.proxied.as_ref()) {
            remote.said = Some(proxied.said());
            // What the server itself knows goes before.
            remote.tls = remote.tls.or_else(|| proxied.tls());
        }
        if let Some(forwarded) = exchange_forwarded {
            remote.said = Some(forwarded.said(remote.said));
        }
        environ.build(template, &remote, input.request(), head);
    }

    pub(crate) fn set_interest(&mut self, services: &Services, interest: u32) {
        if self.interest != interest && self.channel.is_open() {
            self.interest = interest;
            if let Err(error) = services.epoll.modify(self.fd(), interest, self.token.pack()) {
                let text = format_args!("epoll_ctl: {error}: a connection is closed");
                services.log.repeated(LogLevel::Error, LogCode::Connection, text);
                self.close = true;
                self.hung_up = true;
            }
        }
    }
}

/// One step of `advance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Again,
    Wait,
    Yield,
    Request,
    Close,
}

impl From<Step> for Advance {
    fn from(step: Step) -> Self {
        match step {
            // `Again` never leaves the loop of `advance`; waiting is the harmless answer.
            Step::Again | Step::Wait => Self::Wait,
            Step::Yield => Self::Yield,
            Step::Request => Self::Request,
            Step::Close => Self::Close,
        }
    }
}
