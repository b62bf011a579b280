//! Reading: heads, bodies before the application is called, and what is to be thrown away.
#![forbid(unsafe_code)]

use std::io;

use super::deferred::READ_AHEAD;
use super::exchange::Exchange;
use super::pieces::Scan;
use super::places::Credit;
use super::services::{Services, Settings};
use super::{HTTPConnection, Phase, Step};
use crate::request::chunked::ChunkError;
use crate::request::head::{Body, HeadPolicy, Parsed, Refusal};
use crate::rfile::RFile;
use crate::sys::clock;

/// Bytes of a request that are read whatever the budget says. They do not count in it, so that small
/// requests get through.
pub(super) const SMALL_REQUEST: usize = 2048;
/// Of a body that is not read at all so much is thrown away to keep the connection; more closes it.
pub(super) const DRAIN_LIMIT: u64 = 256 * 1024;
/// The rest of a body in chunks, whose length nobody knows, is thrown away for this many milliseconds.
pub(super) const DRAIN_TIME: u64 = 30_000;
/// What is thrown away is read this many times before others have their turn.
const READS_IN_A_TURN: usize = 16;

const OTHER_SCHEME: Refusal = Refusal {
    status: "421 Misdirected Request",
    text: "The scheme of the Request-URI is not the connection's.",
};
pub(super) const CUT_SHORT: Refusal = Refusal::bad_request("The request body ended too early.");

/// What a look at the socket gave.
pub(super) enum Fill {
    /// So many bytes.
    Some(usize),
    /// Nothing now.
    Drained,
    /// The client has ended its side.
    Ended,
    /// The connection is broken.
    Broken,
}

impl HTTPConnection {
    /// Puts a request together: its head, and its body up to the limit for reading ahead. A slow
    /// client holds no thread meanwhile.
    pub(super) fn assemble(
        &mut self,
        services: &Services,
        spare: &mut Option<Box<Exchange>>,
    ) -> Step {
        if self.exchange.is_none() && self.stored.is_empty() {
            if !self.readable {
                return self.nothing_to_do(services);
            }
            self.borrow_exchange(services, spare);
        }
        if self.is_read_ahead() {
            if !self.flush(services) {
                return Step::Again;
            }
            // One that has half-closed may still wait for its answer.
            return if self.hung_up && self.aborted() == 2 { Step::Close } else { Step::Wait };
        }
        let settings = &services.settings;
        let policy = settings.policy();
        let most = if self.is_deferred { READ_AHEAD } else { settings.preread };
        let parsed = self.exchange.as_ref().is_some_and(|exchange| exchange.head_length.is_some());
        if !parsed && !self.is_worth_parsing(most) {
            return self.fetch_more(services, spare);
        }
        self.borrow_exchange(services, spare);
        let peer = (self.remote.is_some() || self.peer_is_client()).then_some(self.remote);
        let is_https = self.is_https();
        let Some(exchange) = self.exchange.as_mut() else { return Step::Close };
        let bytes = exchange.input.request();
        if !parsed {
            match exchange.head.parse(bytes, &policy) {
                Parsed::Complete { length } => {
                    exchange.forwarded = None;
                    if let Some(trusted) = &settings.trusted_proxies {
                        exchange.forwarded =
                            trusted.look(peer, exchange.input.request(), &mut exchange.head);
                    }
                    if exchange.head.scheme.is_some() && !exchange.serves_scheme(is_https, &policy)
                    {
                        return self.refuse(services, OTHER_SCHEME);
                    }
                    exchange.begin_request(length, &policy);
                    self.timing.begin_request(settings);
                    if services.listeners.is_some() {
                        let remote = exchange.forwarded.and_then(|said| said.remote);
                        self.account.get_or_insert_default().arrival(services, remote);
                    }
                }
                Parsed::Refused(refusal) => return self.refuse(services, refusal),
                Parsed::Partial => {
                    self.scan.head_is_partial(bytes, &policy);
                    return self.fetch_more(services, spare);
                }
            }
        }
        let missing = match self.is_deferred {
            true => exchange.missing_as_a_whole(settings, &mut self.scan),
            false => exchange.missing(settings, &mut self.scan),
        };
        match missing {
            Ok(None) => return self.request_complete(services),
            Ok(Some(usize::MAX)) => {
                let is_fast = !exchange.head.expect_continue;
                return self.end_reading_ahead(services, is_fast);
            }
            Ok(Some(_)) if self.is_deferred && services.budget.is_half_used_by_requests() => {
                return self.end_reading_ahead(services, false);
            }
            Ok(Some(need)) => {
                self.phase = Phase::Body { need };
                exchange.input.reserve(need);
            }
            Err(error) => return self.refuse(services, error.refusal()),
        }
        self.fetch_more(services, spare)
    }

    fn nothing_to_do(&self, services: &Services) -> Step {
        let gone = self.ended && self.phase == Phase::Head;
        if gone || (services.draining() && self.is_idle()) { Step::Close } else { Step::Wait }
    }

    /// Reads on. Answers that were gathered go out first: the client may wait for them.
    fn fetch_more(&mut self, services: &Services, spare: &mut Option<Box<Exchange>>) -> Step {
        if !self.flush(services) {
            return Step::Again;
        }
        let in_body = matches!(self.phase, Phase::Body { .. });
        let fill = match self.exchange {
            Some(_) => self.fill(services),
            None => self.fill_store(services, spare),
        };
        match fill {
            Fill::Some(count) => {
                self.timing.came(count);
                Step::Again
            }
            // A head that is not complete when the server stops is not waited for.
            Fill::Drained if services.draining() && !in_body => Step::Close,
            Fill::Drained => Step::Wait,
            Fill::Ended if in_body => self.refuse(services, CUT_SHORT),
            Fill::Ended => self.end_in_head(services, spare),
            Fill::Broken => Step::Close,
        }
    }

    /// No more of the head comes. What came since it was last parsed may be wrong, and is told.
    fn end_in_head(&mut self, services: &Services, spare: &mut Option<Box<Exchange>>) -> Step {
        self.borrow_exchange(services, spare);
        let Some(exchange) = self.exchange.as_mut() else { return Step::Close };
        match exchange.head.parse(exchange.input.request(), &services.settings.policy()) {
            Parsed::Refused(refusal) => self.refuse(services, refusal),
            Parsed::Partial | Parsed::Complete { .. } => Step::Close,
        }
    }

    fn request_complete(&mut self, services: &Services) -> Step {
        self.leave_deferred(services);
        self.scan = Scan::None;
        self.timing.arrived();
        self.phase = Phase::Request;
        self.turn_requests += 1;
        self.over = false;
        self.refusal = None;
        Step::Request
    }

    /// Reads what is there into the exchange's buffer.
    ///
    /// A read shorter than asked means that nothing more is there, unless the client has hung up:
    /// then the end is read too (engine.md's short-read rule). Whoever stops for another reason
    /// leaves `readable` set, because no second edge comes.
    fn fill(&mut self, services: &Services) -> Fill {
        if !self.readable {
            return if self.ended { Fill::Ended } else { Fill::Drained };
        }
        let Some(exchange) = self.exchange.as_mut() else { return Fill::Broken };
        let have = exchange.input.request().len();
        let allowed = allowed(services, have);
        if allowed == 0 {
            return self.hold_back();
        }
        if exchange.input.space().is_empty() {
            exchange.input.reserve(have * 2);
        }
        let space = exchange.input.space();
        let asked = space.len().min(allowed);
        let space = &mut space[..asked];
        let result = self.channel.receive(space);
        self.traffic.note_read(&result, &services.log);
        if let Ok(count) = &result {
            exchange.input.filled_more(*count);
        }
        self.received(result, asked)
    }

    /// There is no memory for more of the request. A client that has ended its side has most likely
    /// left, and what it holds is worth more to others.
    pub(super) fn hold_back(&mut self) -> Fill {
        self.timing.hold_back();
        if self.hung_up { Fill::Broken } else { Fill::Drained }
    }

    /// What a read that asked for so many bytes says about the socket.
    pub(super) fn received(&mut self, result: io::Result<usize>, asked: usize) -> Fill {
        match result {
            Ok(0) => {
                (self.readable, self.ended) = (false, true);
                Fill::Ended
            }
            Ok(count) => {
                if !self.hung_up && self.channel.is_drained_by(count, asked) {
                    self.readable = false;
                }
                Fill::Some(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Fill::Drained
            }
            Err(_) => Fill::Broken,
        }
    }

    /// Throws away the rest of a body of known length.
    pub(super) fn drain(
        &mut self,
        services: &Services,
        spare: &mut Option<Box<Exchange>>,
        mut left: u64,
    ) -> Step {
        for _ in 0..READS_IN_A_TURN {
            match self.throw_away(services, spare, left) {
                Fill::Some(count) => {
                    self.timing.progress = true;
                    self.timing.received(count);
                    left = left.saturating_sub(count as u64);
                }
                Fill::Drained if !services.draining() => return Step::Wait,
                Fill::Drained | Fill::Ended | Fill::Broken => return Step::Close,
            }
            if left == 0 {
                self.phase = Phase::Head;
                return Step::Again;
            }
            self.phase = Phase::Draining { left };
        }
        Step::Yield
    }

    /// Throws away the rest of a body in chunks. What is wrong in it ends the connection.
    pub(super) fn drain_chunks(
        &mut self,
        services: &Services,
        spare: &mut Option<Box<Exchange>>,
        until: u64,
    ) -> Step {
        if clock::monotonic_ms() >= until {
            return Step::Close;
        }
        for _ in 0..READS_IN_A_TURN {
            let count = match self.throw_away(services, spare, u64::MAX) {
                Fill::Some(count) => count,
                Fill::Drained if !services.draining() => return Step::Wait,
                Fill::Drained | Fill::Ended | Fill::Broken => return Step::Close,
            };
            self.timing.progress = true;
            self.timing.received(count);
            let (Some(exchange), Scan::Rest(rest)) = (self.exchange.as_mut(), &mut self.scan)
            else {
                return Step::Close;
            };
            exchange.input.filled_more(count);
            if rest.skip(&mut exchange.input).is_err() {
                self.close = true;
                self.phase = Phase::LINGERS;
                return Step::Again;
            }
            exchange.input.next_request();
            if rest.is_done() {
                self.scan = Scan::None;
                self.phase = Phase::Head;
                return Step::Again;
            }
        }
        Step::Yield
    }

    /// Ends our side, and throws away what the client still sends until it ends its own. Closed
    /// before, the kernel would answer those bytes with a reset, which can take the answer away from
    /// a client that has not read it yet. `until` bounds it, whatever the client sends; 0: it begins.
    pub(super) fn linger(
        &mut self,
        services: &Services,
        spare: &mut Option<Box<Exchange>>,
        until: u64,
    ) -> Step {
        let now = clock::monotonic_ms();
        if until == 0 {
            self.channel.shutdown_write();
            let until = now + services.settings.live.linger_timeout();
            self.phase = Phase::Lingering { until };
            return if until > now { Step::Again } else { Step::Close };
        }
        if now >= until {
            return Step::Close;
        }
        for _ in 0..READS_IN_A_TURN {
            match self.throw_away(services, spare, u64::MAX) {
                Fill::Some(_) => self.timing.progress = true,
                Fill::Drained if !services.draining() => return Step::Wait,
                Fill::Drained | Fill::Ended | Fill::Broken => return Step::Close,
            }
        }
        Step::Yield
    }

    fn throw_away(
        &mut self,
        services: &Services,
        spare: &mut Option<Box<Exchange>>,
        most: u64,
    ) -> Fill {
        if !self.readable {
            return if self.ended { Fill::Ended } else { Fill::Drained };
        }
        self.borrow_exchange(services, spare);
        let Some(exchange) = self.exchange.as_mut() else { return Fill::Broken };
        exchange.input.clear();
        let space = exchange.input.space();
        let asked = space.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let result = self.channel.receive(&mut space[..asked]);
        self.traffic.note_read(&result, &services.log);
        // Of no request any more.
        if let (Some(account), Ok(count)) = (self.account.as_mut(), &result) {
            account.forget_read(*count as u64);
        }
        self.received(result, asked)
    }

    /// Whether the request's path is this one, which is not empty.
    #[inline]
    pub(crate) fn asks_for(&self, path: &[u8]) -> bool {
        !path.is_empty()
            && self.exchange.as_ref().is_some_and(|exchange| exchange.head.path == path)
    }

    /// The group of routes that the request belongs to.
    pub(crate) fn route(&self) -> u32 {
        self.exchange.as_ref().map_or(0, |exchange| exchange.head.route_hash)
    }

    /// A complete request goes to rest in a queue.
    pub(crate) fn back_to_ready(
        &mut self,
        services: &Services,
        spare: &mut Option<Box<Exchange>>,
        now: u64,
    ) {
        self.phase = Phase::Ready;
        let precise = services.statistics.is_on();
        self.note_arrival(if precise { clock::monotonic_ns() } else { now * 1_000_000 });
        self.flush(services);
        self.settle(services, spare, now);
    }

    /// Takes an exchange to work with and puts the stored bytes into it.
    pub(super) fn borrow_exchange(
        &mut self,
        services: &Services,
        spare: &mut Option<Box<Exchange>>,
    ) {
        if self.exchange.is_none() {
            let mut exchange = spare.take().unwrap_or_else(|| services.take_exchange());
            exchange.head_length = None;
            exchange.input.load(&self.stored);
            self.stored = Vec::new();
            self.exchange = Some(exchange);
        }
    }
}

/// How many more bytes of a request may be read, of which `have` bytes are here. What is held counts, not
/// what was charged when the connection was last idle: a client may send it all at once.
pub(super) fn allowed(services: &Services, have: usize) -> usize {
    match services.budget.is_exceeded_by_requests() {
        true => SMALL_REQUEST.saturating_sub(have),
        false => usize::MAX,
    }
}

impl Exchange {
    /// The head, `length` bytes, is parsed: the body comes next.
    fn begin_request(&mut self, length: usize, policy: &HeadPolicy) {
        self.input.consume(length);
        self.head_length = Some(length);
        self.rfile = RFile::new(self.head.body, policy.max_body);
        self.response.reset();
        self.framing = None;
        self.environ_built = false;
        self.raw_built = false;
        self.continued = false;
        (self.credit, self.lost_place) = (Credit::default(), false);
        self.kept.clear();
    }

    /// How many bytes the request must have, counted from the head's first, before it is given to
    /// the application or looked at again; `None`: it can go now.
    fn missing(
        &mut self,
        settings: &Settings,
        scan: &mut Scan,
    ) -> Result<Option<usize>, ChunkError> {
        let preread = settings.preread;
        let (head, have) = (self.head_length.unwrap_or(0), self.input.request().len());
        if self.head.expect_continue {
            // The client waits for `100 Continue`, which the application's first read sends.
            return Ok(None);
        }
        let need = match self.head.body {
            Body::None => return Ok(None),
            Body::Length(size) => head + usize::try_from(size).unwrap_or(preread).min(preread),
            Body::Chunked => return self.missing_chunks(settings, scan, head, have),
        };
        Ok((have < need).then_some(need))
    }

    /// [`missing`](Self::missing) of a chunked body: its end is looked for among the first `preread`
    /// bytes, whatever else has come with them, so that the same request is always the same to the
    /// application.
    fn missing_chunks(
        &mut self,
        settings: &Settings,
        scan: &mut Scan,
        head: usize,
        have: usize,
    ) -> Result<Option<usize>, ChunkError> {
        if settings.preread == 0 {
            return Ok(None);
        }
        let limit = head.saturating_add(settings.preread);
        let request = self.input.request();
        let ahead = request.get(..limit).unwrap_or(request);
        let more = have < limit;
        if let Some(length) = scan.chunked_ends(ahead, head, &settings.policy(), more)? {
            self.head.set_decoded_length(length);
            return Ok(None);
        }
        Ok(more.then_some(have + 1))
    }

    /// The same for a request that has to be there as a whole. It is looked at again no more, whatever
    /// comes, when it needs `usize::MAX` bytes.
    fn missing_as_a_whole(
        &mut self,
        settings: &Settings,
        scan: &mut Scan,
    ) -> Result<Option<usize>, ChunkError> {
        let (head, have) = (self.head_length.unwrap_or(0), self.input.request().len());
        let limit = head + READ_AHEAD;
        let need = match self.head.body {
            _ if self.head.expect_continue => usize::MAX,
            Body::None => return Ok(None),
            Body::Length(size) => match usize::try_from(size) {
                Ok(size) if size <= READ_AHEAD => head + size,
                _ if have >= limit => usize::MAX,
                _ => limit,
            },
            Body::Chunked => {
                let request = self.input.request();
                let ahead = request.get(..limit).unwrap_or(request);
                if scan.chunked_ends(ahead, head, &settings.policy(), have < limit)?.is_some() {
                    return Ok(None);
                }
                if have < limit { have + 1 } else { usize::MAX }
            }
        };
        Ok((have < need).then_some(need))
    }
}
