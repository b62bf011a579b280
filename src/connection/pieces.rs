//! A request that comes in pieces. What was looked at is not looked at again, and it needs no
//! exchange before something can be made of it: a client that sends single bytes costs a read for
//! each and little more.
#![forbid(unsafe_code)]

use super::reading::{Fill, allowed};
use super::services::Services;
use super::{Exchange, HTTPConnection, Phase};
use crate::request::chunked::{ChunkError, ChunkedScanner};
use crate::request::head::{HeadPolicy, HeadScanner};
use crate::rfile::RFile;

/// A body of known length is read in pieces of up to so many bytes.
const PIECE: usize = 64 * 1024;

/// How far the request that is coming has been looked at. It outlives the exchange.
#[derive(Default)]
pub(super) enum Scan {
    /// Not at all, or it needs no looking: the length of the body is known.
    #[default]
    None,
    /// Both apart, so that idle connections are not larger for them.
    Head(Box<HeadScanner>),
    Chunked(Box<ChunkedScanner>),
    /// The rest of a body whose request was answered.
    Rest(Box<RFile>),
}

impl Scan {
    /// The head, so far as it is there, was parsed and is not complete.
    pub(super) fn head_is_partial(&mut self, input: &[u8], policy: &HeadPolicy) {
        if matches!(self, Self::None) {
            let mut scanner = HeadScanner::new(policy);
            scanner.advance(input);
            *self = Self::Head(Box::new(scanner));
        }
    }

    /// The length of a chunked body, decoded, if the request, whose head is `head` bytes long, ends
    /// in `input`. What was looked at is remembered if `more` of it will be looked at.
    pub(super) fn chunked_ends(
        &mut self,
        input: &[u8],
        head: usize,
        policy: &HeadPolicy,
        more: bool,
    ) -> Result<Option<u64>, ChunkError> {
        if let Self::Chunked(scanner) = self {
            return Ok(scanner.advance(input)?.then(|| scanner.length()));
        }
        let mut scanner = ChunkedScanner::new(head, policy.max_body);
        let ends = scanner.advance(input)?;
        if !ends && more {
            *self = Self::Chunked(Box::new(scanner));
            return Ok(None);
        }
        Ok(ends.then(|| scanner.length()))
    }

    /// Bytes of memory apart from the connection's own.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Head(_) => size_of::<HeadScanner>(),
            Self::Chunked(scanner) => scanner.memory(),
            Self::Rest(_) => size_of::<RFile>(),
        }
    }
}

impl HTTPConnection {
    /// Whether more can be said about the request at hand than when it was looked at before. Its
    /// head has to be parsed for that, for the first time or again.
    pub(super) fn is_worth_parsing(&mut self, preread: usize) -> bool {
        let bytes = match &self.exchange {
            Some(exchange) => exchange.input.request(),
            None => &self.stored,
        };
        match (self.phase, &mut self.scan) {
            (Phase::Ready, _) => true,
            _ if bytes.is_empty() => false,
            (Phase::Body { .. }, Scan::Chunked(scanner)) => {
                // What is wrong with it is said again when the head is there.
                scanner.body_in(bytes.len()) >= preread || scanner.advance(bytes).unwrap_or(true)
            }
            (Phase::Body { need }, _) => bytes.len() >= need,
            (_, Scan::Head(scanner)) => scanner.advance(bytes),
            _ => true,
        }
    }

    /// Reads the next piece, through a buffer that is only lent, to where the others are stored.
    pub(super) fn fill_store(
        &mut self,
        services: &Services,
        spare: &mut Option<Box<Exchange>>,
    ) -> Fill {
        if !self.readable {
            return if self.ended { Fill::Ended } else { Fill::Drained };
        }
        let allowed = allowed(services, self.stored.len());
        if allowed == 0 {
            return self.hold_back();
        }
        let lent = spare.get_or_insert_with(|| services.take_exchange());
        lent.input.clear();
        if let Phase::Body { need } = self.phase {
            lent.input.reserve(need.saturating_sub(self.stored.len()).min(PIECE));
        }
        let space = lent.input.space();
        let asked = space.len().min(allowed);
        let result = self.channel.receive(&mut space[..asked]);
        self.traffic.note_read(&result, &services.log);
        if let Ok(count) = &result {
            lent.input.filled_more(*count);
            self.stored.extend_from_slice(lent.input.request());
            lent.input.clear();
        }
        self.received(result, asked)
    }
}

#[cfg(test)]
mod tests;
