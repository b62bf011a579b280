//! Failures that may come again and again, like those of a machine without descriptors: each is told
//! once in a while, and how often it was not told.
#![forbid(unsafe_code)]

use std::sync::{Mutex, PoisonError};

/// The same words are told every so many milliseconds.
const INTERVAL: u64 = 10_000;
/// So many different ones are kept apart; there are not more calls and reasons than that.
const MOST: usize = 64;

/// What was told lately.
#[derive(Default)]
pub(super) struct Repeats {
    told: Mutex<Vec<Told>>,
}

struct Told {
    text: String,
    /// Milliseconds of the monotonic clock.
    at: u64,
    /// How often it came since.
    again: u64,
}

impl Repeats {
    /// Whether this is to be told at `now` (milliseconds of the monotonic clock), and how often it
    /// was not since it was told the last time.
    pub(super) fn tell(&self, text: &str, now: u64) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = told.iter().position(|told| told.text == text) else {
            if told.len() >= MOST {
                told.swap_remove(0);
            }
            told.push(Told { text: text.to_owned(), at: now, again: 0 });
            return Some(0);
        };
        let known = told.get_mut(place)?;
        if now.saturating_sub(known.at) < INTERVAL {
            known.again += 1;
            return None;
        }
        known.at = now;
        Some(std::mem::take(&mut known.again))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_are_told_once_in_a_while_and_counted() {
        let repeats = Repeats::default();
        assert_eq!(repeats.tell("a", 1_000), Some(0));
        assert_eq!(repeats.tell("b", 1_000), Some(0));
        for _ in 0..5 {
            assert_eq!(repeats.tell("a", 1_000 + INTERVAL - 1), None);
        }
        assert_eq!(repeats.tell("a", 1_000 + INTERVAL), Some(5));
        assert_eq!(repeats.tell("a", 1_001 + INTERVAL), None);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let repeats = Repeats::default();
        for number in 0..10 * MOST {
            assert_eq!(repeats.tell(&number.to_string(), 0), Some(0));
        }
        assert_eq!(repeats.told.lock().unwrap().len(), MOST);
    }
}
