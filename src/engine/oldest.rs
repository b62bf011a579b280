//! Who goes when there is no room: the connections whose clients have been waited for the longest, be
//! it for a request, for the rest of one or for a handshake; and for want of memory the clients that
//! have been taking an answer for the longest time.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::sync::{Mutex, PoisonError};

use super::Engine;
use super::ownership::{Bits, Token};
use super::resting::Rest;
use crate::error_log::{LogCode, LogLevel};

/// So many are found in one look through all connections, so that a flood does not look for each.
const AT_A_LOOK: usize = 64;

/// The connections that the last look found, the one to go next at the end.
pub(super) struct Oldest {
    ways: &'static [Rest],
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    /// Each with the moment since when it rests.
    candidates: Vec<(u64, Token)>,
    /// When the last look found nobody (milliseconds): not again in the same one.
    nobody_at: u64,
}

impl Oldest {
    /// Of the connections that rest in one of these ways.
    pub(super) fn new(ways: &'static [Rest]) -> Self {
        Self { ways, found: Mutex::default() }
    }

    fn next(&self, engine: &Engine, now: u64) -> Option<(u64, Token)> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.candidates.is_empty() && found.nobody_at != now {
            found.candidates = look(engine, self.ways);
            if found.candidates.is_empty() {
                found.nobody_at = now;
            }
        }
        found.candidates.pop()
    }
}

/// The connections that have been at rest longest, the oldest at the end.
fn look(engine: &Engine, ways: &[Rest]) -> Vec<(u64, Token)> {
    let resting = |token: Token| Some((since(engine, token, ways)?, token));
    let mut all: Vec<_> = engine.slots.open_tokens().filter_map(resting).collect();
    if all.len() > AT_A_LOOK {
        all.select_nth_unstable_by_key(AT_A_LOOK, |(since, _)| *since);
        all.truncate(AT_A_LOOK);
    }
    all.sort_unstable_by_key(|(since, _)| Reverse(*since));
    all
}

fn since(engine: &Engine, token: Token, ways: &[Rest]) -> Option<u64> {
    engine.slots.get(token.slot)?.resting.since(ways)
}

impl Engine {
    /// Closes the connection whose client has been waited for the longest. False if there is none.
    pub(super) fn make_room(&self, now: u64) -> bool {
        self.close_oldest(&self.longest_waited_for, now)
    }

    /// Cuts clients that do not take their answers, those that have had the most time for it first,
    /// until what such answers hold is within `max_buffered` again.
    pub(super) fn free_memory(&self, now: u64) {
        let mut cut = 0;
        while self.services.budget.is_fought_for() && self.close_oldest(&self.slowest, now) {
            cut += 1;
        }
        if cut > 0 {
            let text = format_args!(
                "max_buffered is used up by answers that are not taken: \
                 the clients that have been slow for the longest time are cut, {cut} now"
            );
            self.services.log.repeated(LogLevel::Error, LogCode::Connection, text);
        }
    }

    fn close_oldest(&self, oldest: &Oldest, now: u64) -> bool {
        while let Some((at, token)) = oldest.next(self, now) {
            // It may have been used since that look.
            if since(self, token, oldest.ways) == Some(at) && self.close_if(oldest.ways, token) {
                return true;
            }
            // A request is out: the moment is an old one.
            if let Some(slot) = self.slots.get(token.slot) {
                slot.resting.disbelieve(at);
            }
        }
        false
    }

    fn close_if(&self, ways: &[Rest], token: Token) -> bool {
        let Some(mut own) = self.post(token, Bits::NONE) else { return false };
        let Some(slot) = self.slots.get(own.token().slot) else { return false };
        let connection = slot.connection.get(&mut own);
        let way = Rest::of(connection).filter(|way| ways.contains(way));
        if way.is_some() {
            match way {
                Some(Rest::Answer) => connection.cut_for_memory(),
                _ => connection.evict(),
            }
            self.close(own);
        } else {
            let token = slot.word.enqueue(own);
            self.push_ready(token);
        }
        way.is_some()
    }
}
