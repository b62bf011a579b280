//! Whether the certificates of a resumed session are still valid (RFC 5280, section 4.1.2.5).
//!
//! A resumed handshake carries no certificates: the ticket stands for those that were verified
//! in the full one. Their time may have run out since.
#![forbid(unsafe_code)]

use std::time::{SystemTime, UNIX_EPOCH};

use super::SSLError;
use super::certificate::{date, validity};

/// The fatal alert certificate_expired in a record that is not encrypted (RFC 8446, section 6).
/// The client accepts it as long as the server has sent no other part of its handshake.
pub(super) const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 45];

/// Checks each certificate of a client's chain, as DER, against the clock.
///
/// # Errors
/// Names the first certificate that is not valid now.
pub(super) fn check<'a>(chain: impl IntoIterator<Item = &'a [u8]>) -> Result<(), SSLError> {
    // The exact clock, as in a full handshake.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    for (index, der) in chain.into_iter().enumerate() {
        // The full handshake has parsed it.
        let Some((start, end)) = validity(der) else { continue };
        let which = if index == 0 { "it" } else { "an intermediate certificate" };
        let why = match now {
            now if now > end => {
                format!("{which} expired on {}", date(end))
            }
            now if now < start => {
                format!("{which} is not valid before {}", date(start))
            }
            _ => continue,
        };
        let text = format!("the client's certificate was refused in a resumed session: {why}");
        return Err(SSLError::FatalSSLAlert(text));
    }
    Ok(())
}
