//! Why OpenSSL has failed, in one line.
#![forbid(unsafe_code)]

use openssl::error::ErrorStack;
use openssl::ssl::{Error, SslRef};
use openssl::x509::X509VerifyResult;

use crate::ssl::SSLError;

/// The error that the others follow from.
pub(super) fn first(errors: &ErrorStack) -> String {
    let reason = errors.errors().first().and_then(|error| error.reason());
    reason.unwrap_or("OpenSSL failed, and does not say why").to_owned()
}

/// What a session has failed with.
pub(super) fn of(error: &Error, ssl: &SslRef) -> SSLError {
    let Some(errors) = error.ssl_error() else {
        return SSLError::FatalSSLAlert(error.to_string());
    };
    let why = first(errors);
    let verified = ssl.verify_result();
    SSLError::FatalSSLAlert(match why.split_once("alert ") {
        // "sslv3 alert bad certificate", "tlsv1 alert unknown ca"
        Some((_, alert)) => format!("the client sent the alert {alert}"),
        None if verified != X509VerifyResult::OK => {
            format!("the client's certificate was refused: {verified}")
        }
        None => match why.as_str() {
            "peer did not return a certificate" => "the client showed no certificate".into(),
            _ => why,
        },
    })
}

/// Forgets what others have left in this thread's list of errors: OpenSSL would take it for ours.
pub(super) fn forget() {
    let _not_ours = ErrorStack::get();
}
