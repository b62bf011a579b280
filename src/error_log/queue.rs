//! Messages that wait for a host that pulls, and cannot be called.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{LogCode, LogLevel};

/// More messages than this are not kept; how many were lost is said behind the others.
const MOST: usize = 1024;

/// A message of the error log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogMessage {
    /// How much it matters.
    pub level: LogLevel,
    /// What it is about.
    pub code: LogCode,
    /// Usually one line, without a line end.
    pub text: String,
}

/// What nobody has fetched yet.
#[derive(Default)]
pub(super) struct LogQueue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    messages: VecDeque<LogMessage>,
    lost: usize,
}

impl LogQueue {
    /// Keeps a message. False if it is lost instead.
    pub(super) fn push(&self, message: LogMessage) -> bool {
        let mut state = self.lock();
        let kept = state.messages.len() < MOST;
        if kept {
            state.messages.push_back(message);
        } else {
            state.lost += 1;
        }
        kept
    }

    /// The oldest message, and whether there is one more behind those that were announced: the one
    /// that tells of the lost ones.
    pub(super) fn pop(&self) -> (Option<LogMessage>, bool) {
        let mut state = self.lock();
        let message = state.messages.pop_front();
        let lost = std::mem::take(&mut state.lost);
        if lost > 0 {
            let text = format!("{lost} messages were lost: nobody fetched them");
            let (level, code) = (LogLevel::Warning, LogCode::Server);
            state.messages.push_back(LogMessage { level, code, text });
        }
        (message, lost > 0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted() {
        let queue = LogQueue::default();
        let message =
            |text: String| LogMessage { level: LogLevel::Info, code: LogCode::Application, text };
        for number in 0..MOST + 3 {
            assert_eq!(queue.push(message(number.to_string())), number < MOST);
        }
        assert_eq!(queue.pop(), (Some(message("0".into())), true));
        for number in 1..MOST {
            assert_eq!(queue.pop(), (Some(message(number.to_string())), false));
        }
        let last = queue.pop().0.unwrap();
        assert_eq!(last.text, "3 messages were lost: nobody fetched them");
        assert_eq!(queue.pop(), (None, false));
    }
}
