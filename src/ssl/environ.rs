//! The variables of TLS in the environ: cheroot's and mod_ssl's names.
#![forbid(unsafe_code)]

use super::{SSLSession, certificate};
use crate::gateway::environ::Pairs;
use crate::sys::clock;

const INTERFACE: &str = concat!("libwsgiserver/", env!("CARGO_PKG_VERSION"));

/// The pairs of a session whose handshake is done. (`wsgi.url_scheme` is the listener's.)
pub(crate) fn pairs(session: &dyn SSLSession) -> Pairs {
    let about = session.describe();
    let own = session.environ();
    let mut pairs = Pairs::new();
    let mut put = |key: &str, value: &str| {
        if own.iter().all(|(other, _)| other != key) {
            pairs.push(key.as_bytes(), value.as_bytes());
        }
    };
    let bits = match about.key_bits {
        0 => String::new(),
        bits => bits.to_string(),
    };
    let verified = if about.client_certificates.is_empty() { "NONE" } else { "SUCCESS" };
    put("HTTPS", "on");
    put("SSL_PROTOCOL", &about.protocol);
    put("SSL_CIPHER", &about.cipher);
    // No cipher for export, and no compression, is spoken any more.
    put("SSL_CIPHER_EXPORT", "");
    put("SSL_CIPHER_USEKEYSIZE", &bits);
    put("SSL_CIPHER_ALGKEYSIZE", &bits);
    put("SSL_COMPRESS_METHOD", "NULL");
    put("SSL_SESSION_ID", &about.session_id);
    put("SSL_TLS_SNI", about.server_name.as_deref().unwrap_or_default());
    put("SSL_VERSION_INTERFACE", INTERFACE);
    put("SSL_VERSION_LIBRARY", &about.library);
    put("SSL_CLIENT_VERIFY", verified);
    let now = clock::unix_seconds();
    let server = about.server_certificate.iter().map(|der| ("SSL_SERVER_", der.as_ref()));
    let client = about.client_certificates.first().map(|der| ("SSL_CLIENT_", der.as_slice()));
    for (prefix, der) in server.chain(client) {
        certificate::pairs(der, now, |key, value| put(&format!("{prefix}{key}"), value));
    }
    for (key, value) in own {
        pairs.push(key.as_bytes(), &value);
    }
    pairs.shrink();
    pairs
}
