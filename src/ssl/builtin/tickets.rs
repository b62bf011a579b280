//! The keys of session tickets.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::server::ProducesTickets;

use crate::error::{Error, ErrorKind};

/// How long a client may resume before it has to show its certificate again.
const LIFE: Duration = Duration::from_secs(6 * 60 * 60);

/// Keys that change every six hours and are good for twice that. Each resumption gives a new ticket,
/// so a client may go on resuming for ever.
pub(super) fn rotating() -> Result<Arc<dyn ProducesTickets>, Error> {
    #[cfg(feature = "aws-lc-rs")]
    let made = rustls::crypto::aws_lc_rs::Ticketer::new();
    #[cfg(not(feature = "aws-lc-rs"))]
    let made = rustls::crypto::ring::Ticketer::new();
    made.map_err(|error| Error::new(ErrorKind::SSL, format!("keys for session tickets: {error}")))
}

/// Keys that are good for six hours. No chain of resumptions outlives them: a client then shows its
/// certificate again (RFC 8446, section 4.6.1, recommends a limit on the whole).
pub(super) fn ending() -> Result<Arc<dyn ProducesTickets>, Error> {
    Ok(Arc::new(Ending(Mutex::new((rotating()?, Instant::now())))))
}

struct Ending(Mutex<(Arc<dyn ProducesTickets>, Instant)>);

impl Ending {
    /// The keys at this time; `None` if they are over and there is no randomness for new ones.
    fn keys(&self, now: Instant) -> Option<Arc<dyn ProducesTickets>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(keys.1) >= LIFE {
            *keys = (rotating().ok()?, now);
        }
        Some(keys.0.clone())
    }
}

impl ProducesTickets for Ending {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFE.as_secs() as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys(Instant::now())?.encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.keys(Instant::now())?.decrypt(cipher)
    }
}

/// The keys are secret.
impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ending")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ticket_outlives_the_keys_that_end() {
        let begun = Instant::now();
        let tickets = Ending(Mutex::new((rotating().unwrap(), begun)));
        let at = |seconds| tickets.keys(begun + Duration::from_secs(seconds)).unwrap();
        let first = at(0).encrypt(b"session").unwrap();
        let almost = LIFE.as_secs() - 1;
        assert_eq!(at(almost).decrypt(&first).unwrap(), b"session");
        let last = at(almost).encrypt(b"resumed").unwrap();
        assert!(at(LIFE.as_secs()).decrypt(&first).is_none());
        assert!(at(LIFE.as_secs()).decrypt(&last).is_none(), "a newer ticket ends as well");
        let next = at(LIFE.as_secs()).encrypt(b"session").unwrap();
        assert_eq!(at(LIFE.as_secs() + almost).decrypt(&next).unwrap(), b"session");
    }
}
