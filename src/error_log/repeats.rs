//! Messages that may come again and again: failures like those of a machine without descriptors, and
//! those that clients cause. How often they are written has a limit, and what is left out is counted.
#![forbid(unsafe_code)]

use std::sync::{Mutex, PoisonError};

use super::LogCode;

/// The same words are told every so many milliseconds.
const INTERVAL: u64 = 10_000;
/// So many different ones are kept apart; there are not more calls and reasons than that.
const MOST: usize = 64;
/// Of the messages of one code that clients cause, this many are written within the interval.
const MOST_OF_CLIENTS: u64 = 10;

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

/// Messages that clients cause, by their codes. Their texts name the client, and may have in them what
/// it has sent, so a limit for each text would be none.
#[derive(Default)]
pub(super) struct ClientMessages {
    /// One for each code that was used; there are few.
    counted: Mutex<Vec<Counted>>,
}

struct Counted {
    code: LogCode,
    /// When the interval has begun, in milliseconds of the monotonic clock.
    since: u64,
    written: u64,
    left_out: u64,
}

impl ClientMessages {
    /// Whether a message of this code may be written at `now` (milliseconds of the monotonic clock),
    /// and how many were left out since the last one that was.
    pub(super) fn may_write(&self, code: LogCode, now: u64) -> Option<u64> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let place = counted.iter().position(|counted| counted.code == code);
        let place = place.unwrap_or_else(|| {
            counted.push(Counted { code, since: now, written: 0, left_out: 0 });
            counted.len() - 1
        });
        let of_code = counted.get_mut(place)?;
        if now.saturating_sub(of_code.since) >= INTERVAL {
            (of_code.since, of_code.written) = (now, 0);
        }
        if of_code.written == MOST_OF_CLIENTS {
            of_code.left_out += 1;
            return None;
        }
        of_code.written += 1;
        Some(std::mem::take(&mut of_code.left_out))
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
    fn clients_cause_no_more_than_ten_messages_of_a_code_within_the_interval() {
        let messages = ClientMessages::default();
        let (first, second) = (LogCode::Handshake, LogCode::ProxyHeader);
        for _ in 0..MOST_OF_CLIENTS {
            assert_eq!(messages.may_write(first, 1_000), Some(0));
        }
        for _ in 0..5 {
            assert_eq!(messages.may_write(first, 1_000 + INTERVAL - 1), None);
        }
        assert_eq!(messages.may_write(second, 1_000), Some(0), "codes are counted apart");
        assert_eq!(messages.may_write(first, 1_000 + INTERVAL), Some(5));
        for _ in 1..MOST_OF_CLIENTS {
            assert_eq!(messages.may_write(first, 1_000 + INTERVAL), Some(0));
        }
        assert_eq!(messages.may_write(first, 1_001 + INTERVAL), None);
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
