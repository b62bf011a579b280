//! Who goes when there is no room: the connections that have been idle longest.
#![forbid(unsafe_code)]

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

use super::Engine;
use super::ownership::{Bits, Token};

/// So many are found in one look through all connections, so that a flood does not look for each.
const AT_A_LOOK: usize = 64;

/// The idle connections that the last look found, the one to go next at the end.
#[derive(Default)]
pub(super) struct Idlest {
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    /// Each with the moment since when it is idle.
    candidates: Vec<(u64, Token)>,
    /// When the last look found nobody (milliseconds): not again in the same one.
    nobody_at: u64,
}

impl Idlest {
    fn next(&self, engine: &Engine, now: u64) -> Option<(u64, Token)> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.candidates.is_empty() && found.nobody_at != now {
            found.candidates = look(engine);
            if found.candidates.is_empty() {
                found.nobody_at = now;
            }
        }
        found.candidates.pop()
    }
}

/// The connections that have been idle longest, the oldest at the end.
fn look(engine: &Engine) -> Vec<(u64, Token)> {
    let idle = |token: Token| (idle_since(engine, token), token);
    let mut all: Vec<_> =
        engine.slots.open_tokens().map(idle).filter(|(since, _)| *since != 0).collect();
    if all.len() > AT_A_LOOK {
        all.select_nth_unstable_by_key(AT_A_LOOK, |(since, _)| *since);
        all.truncate(AT_A_LOOK);
    }
    all.sort_unstable_by_key(|(since, _)| std::cmp::Reverse(*since));
    all
}

fn idle_since(engine: &Engine, token: Token) -> u64 {
    engine.slots.get(token.slot).map_or(0, |slot| slot.idle_since.load(Relaxed))
}

impl Engine {
    /// Closes the connection that has been idle longest. False if none is.
    pub(super) fn close_oldest_idle(&self, now: u64) -> bool {
        while let Some((since, token)) = self.idlest.next(self, now) {
            // It may have been used since that look.
            if idle_since(self, token) == since && self.close_if_idle(token) {
                return true;
            }
            // A request is out: the moment is an old one, and no further look is to find it.
            if let Some(slot) = self.slots.get(token.slot) {
                let _set_anew = slot.idle_since.compare_exchange(since, 0, Relaxed, Relaxed);
            }
        }
        false
    }

    fn close_if_idle(&self, token: Token) -> bool {
        let Some(mut own) = self.post(token, Bits::NONE) else { return false };
        let Some(slot) = self.slots.get(own.token().slot) else { return false };
        let is_idle = slot.connection.get(&mut own).is_idle();
        if is_idle {
            self.close(own);
        } else {
            let token = slot.word.enqueue(own);
            self.push_ready(token);
        }
        is_idle
    }
}
