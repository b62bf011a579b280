//! The variables of TLS in the environ: cheroot's and mod_ssl's names.
#![forbid(unsafe_code)]

use super::{SSLSession, certificate, pem};
use crate::gateway::environ::Pairs;
use crate::sys::clock;

const INTERFACE: &str = concat!("libwsgiserver/", env!("CARGO_PKG_VERSION"));

/// The client's certificate, as DER, out of pairs of the environ: the one in `SSL_CLIENT_CERT`, if it
/// was verified.
pub(crate) fn client_certificate<'a>(value: impl Fn(&str) -> Option<&'a [u8]>) -> Option<Vec<u8>> {
    let verified = value("SSL_CLIENT_VERIFY") == Some(b"SUCCESS");
    verified.then(|| pem::one(value("SSL_CLIENT_CERT")?)).flatten()
}

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
    // A host's session gives its certificates as pairs, if at all.
    let text = |wanted: &str| {
        let mut same = own.iter().filter(|(key, _)| key == wanted);
        same.next().map(|(_, value)| value.as_slice())
    };
    let own_server = match &about.server_certificate {
        Some(_) => None,
        None => text("SSL_SERVER_CERT").and_then(pem::one),
    };
    let own_client = match about.client_certificates[..] {
        [] => client_certificate(text),
        _ => None,
    };
    let own_server = own_server.iter().map(|der| ("SSL_SERVER_", der.as_slice()));
    let own_client = own_client.iter().map(|der| ("SSL_CLIENT_", der.as_slice()));
    for (prefix, der) in server.chain(client).chain(own_server).chain(own_client) {
        certificate::pairs(der, now, |key, value| put(&format!("{prefix}{key}"), value));
    }
    for (key, value) in own {
        pairs.push(key.as_bytes(), &value);
    }
    pairs.shrink();
    pairs
}
