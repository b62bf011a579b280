//! The engine that runs at the moment, for calls that come from any thread and many times a second.
#![forbid(unsafe_code)]

use std::sync::{Arc, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use crate::engine::Engine;

const STRIPES: usize = 8;
/// Calls of the host are short, but for those that wait for a client.
const COME_AGAIN: Duration = Duration::from_micros(100);

/// One reader's lock per group of threads, so that threads on several cores do not contend for one
/// counter; the writer, at start and stop, takes all of them.
#[derive(Default)]
pub(crate) struct CurrentEngine {
    stripes: [Stripe; STRIPES],
}

#[derive(Default)]
#[repr(align(128))]
struct Stripe(RwLock<Option<Arc<Engine>>>);

impl Stripe {
    /// A writer that waited would keep out who reads already and reads once more, in a handler of
    /// the host's that a call of its own led to. So this one comes again instead.
    fn replace(&self, engine: Option<Arc<Engine>>) -> Option<Arc<Engine>> {
        loop {
            let mut current = match self.0.try_write() {
                Ok(current) => current,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(COME_AGAIN);
                    continue;
                }
            };
            return std::mem::replace(&mut *current, engine);
        }
    }
}

impl CurrentEngine {
    pub(super) fn set(&self, engine: Option<Arc<Engine>>) {
        for stripe in &self.stripes {
            drop(stripe.replace(engine.clone()));
        }
    }

    /// Calls `f` with the running engine; `None` if there is none.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&Engine) -> R) -> Option<R> {
        // Two threads never share a stack: its address tells them apart without thread-local state.
        let here = 0u8;
        let stripe = (&raw const here as usize >> 16) % STRIPES;
        let engine = self.stripes[stripe].0.read().unwrap_or_else(PoisonError::into_inner);
        engine.as_deref().map(f)
    }
}
