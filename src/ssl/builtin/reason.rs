//! Why rustls has failed, in one line.
#![forbid(unsafe_code)]

use rustls::{AlertDescription, CertificateError, Error};

use crate::ssl::SSLError;
use crate::ssl::certificate::date;

/// What rustls-webpki calls the faults that rustls has no name for, and what they mean.
const FAULTS: [(&str, &str); 15] = [
    ("CaUsedAsEndEntity", "it is a certificate of an authority, for example a self-signed one"),
    ("EndEntityUsedAsCa", "a certificate that belongs to no authority has signed it"),
    ("EmptyEkuExtension", "its extended key usage is empty"),
    ("ExtensionValueInvalid", "an extension has an invalid value"),
    ("InvalidSerialNumber", "its serial number is invalid"),
    ("MalformedExtensions", "its extensions are malformed"),
    ("MaximumPathBuildCallsExceeded", "its chain is too complex"),
    ("MaximumPathDepthExceeded", "its chain is too long"),
    ("MaximumSignatureChecksExceeded", "its chain is too complex"),
    ("NameConstraintViolation", "its authority may not sign for its name"),
    ("PathLenConstraintViolated", "an authority in its chain may not sign other authorities"),
    ("MalformedNameConstraint", "the name constraints of its authority are malformed"),
    ("SignatureAlgorithmMismatch", "it names two algorithms for one signature"),
    ("UnsupportedCriticalExtension", "it has a critical extension that is not supported"),
    ("UnsupportedCertVersion", "it is not of version 3 of X.509, or has no extensions"),
];

/// What a session has failed with.
pub(super) fn fatal(error: &Error) -> SSLError {
    SSLError::FatalSSLAlert(match error {
        Error::AlertReceived(alert) => format!("the client sent the alert {}", name(*alert)),
        Error::InvalidCertificate(why) => {
            format!("the client's certificate was refused: {}", of_certificate(why))
        }
        Error::InvalidCertRevocationList(why) => {
            format!(
                "the client's certificate was refused: its revocation list cannot be used: {why:?}"
            )
        }
        Error::NoCertificatesPresented => "the client showed no certificate".into(),
        Error::InvalidMessage(reason) => format!("the client sent no TLS: {reason:?}"),
        Error::PeerIncompatible(reason) => format!("the client cannot be served: {reason:?}"),
        Error::PeerMisbehaved(reason) => format!("the client breaks TLS: {reason:?}"),
        other => other.to_string(),
    })
}

/// What is wrong with a certificate.
pub(super) fn of_certificate(error: &CertificateError) -> String {
    use CertificateError as Is;
    let text = match error {
        Is::BadEncoding => "it cannot be parsed",
        Is::Expired => "it expired",
        Is::ExpiredContext { not_after, .. } => {
            return format!("it expired on {}", date(not_after.as_secs()));
        }
        Is::NotValidYet => "it is not valid yet",
        Is::NotValidYetContext { not_before, .. } => {
            return format!("it is not valid before {}", date(not_before.as_secs()));
        }
        Is::Revoked => "it was revoked",
        Is::UnhandledCriticalExtension => "it has a critical extension that is not supported",
        Is::UnknownIssuer => {
            "no authority in client_ca has signed it, or an intermediate certificate was not sent"
        }
        Is::BadSignature => "its signature is wrong",
        Is::UnsupportedSignatureAlgorithmContext { .. } => {
            "it, or its chain, is signed by an algorithm that is not supported"
        }
        Is::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it, or its chain, is signed by a kind of key that is not supported"
        }
        Is::InvalidPurpose | Is::InvalidPurposeContext { .. } => {
            "its extended key usage is not client authentication"
        }
        Is::Other(other) => {
            let name = other.to_string();
            return match FAULTS.iter().find(|(fault, _)| *fault == name) {
                Some((_, meaning)) => format!("{meaning} ({name})"),
                None => name,
            };
        }
        other => return other.to_string(),
    };
    text.into()
}

fn name(alert: AlertDescription) -> String {
    alert.as_str().map_or_else(|| u8::from(alert).to_string(), str::to_owned)
}
