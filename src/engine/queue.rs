//! The two queues: tokens of connections that want a turn (one each, never refused), and complete
//! requests that wait for a worker (bounded by `accepted_queue_size`).
#![forbid(unsafe_code)]

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use super::ownership::Token;

/// A queue of tokens whose connections are owned by it.
pub(crate) struct TokenQueue {
    sender: Sender<Token>,
    receiver: Receiver<Token>,
}

impl TokenQueue {
    /// `size` is the most it takes; -1: any number, 0: none.
    pub(crate) fn new(size: i64) -> Self {
        let (sender, receiver) = match usize::try_from(size) {
            Ok(size) => bounded(size),
            Err(_) => unbounded(),
        };
        Self { sender, receiver }
    }

    /// Puts a token at the end, or gives it back when the queue is full.
    pub(crate) fn push(&self, token: Token) -> Result<(), Token> {
        self.sender.try_send(token).map_err(TrySendError::into_inner)
    }

    pub(crate) fn pop(&self) -> Option<Token> {
        // Most of the time it is empty, and to see that is cheaper than to try.
        if self.receiver.is_empty() { None } else { self.receiver.try_recv().ok() }
    }

    pub(crate) fn len(&self) -> usize {
        self.receiver.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.receiver.is_full()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}
