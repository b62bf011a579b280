//! Certificates, keys and lists out of PEM files. Each error names the file and what is wrong with it.
#![forbid(unsafe_code)]

use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode, Reader, SecretDocument};
use pkcs8::spki::ObjectIdentifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

mod traditional;

use super::config::SSLConfig;
use crate::error::{Error, ErrorKind};

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// All certificates in the file, at least one.
pub(super) fn certificates(file: &str) -> Result<Vec<Vec<u8>>, Error> {
    let text = read(file, "certificate")?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| refused(file, "certificate", &error))?;
    if found.is_empty() {
        return Err(refused(file, "certificate", &"there is none in the file"));
    }
    for certificate in &found {
        x509_cert::Certificate::from_der(certificate)
            .map_err(|error| refused(file, "certificate", &error))?;
    }
    Ok(found.into_iter().map(|certificate| certificate.to_vec()).collect())
}

/// The first certificate in a text, as DER.
pub(super) fn one(text: &[u8]) -> Option<Vec<u8>> {
    CertificateDer::from_pem_slice(text).ok().map(|certificate| certificate.to_vec())
}

/// All lists of revoked certificates in the file, at least one.
pub(super) fn revocation_lists(file: &str) -> Result<Vec<Vec<u8>>, Error> {
    let text = read(file, "revocation list")?;
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| refused(file, "revocation list", &error))?;
    match found.is_empty() {
        true => Err(refused(file, "revocation list", &"there is none in the file")),
        false => Ok(found.into_iter().map(|list| list.as_ref().to_vec()).collect()),
    }
}

/// The private key in the file: PKCS #8, PKCS #1 or SEC 1, each of them plain or encrypted.
pub(super) fn private_key(file: &str, config: &SSLConfig) -> Result<PrivateKeyDer<'static>, Error> {
    let bytes = read(file, "private key")?;
    let text = String::from_utf8_lossy(&bytes);
    if let Some(block) = block(&text, ENCRYPTED) {
        return decrypt(file, block, &config.password_of(file)?);
    }
    if let Some(key) = traditional::Encrypted::find(&text) {
        return key
            .decrypt(&config.password_of(file)?)
            .map_err(|why| refused(file, "private key", &why));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        rustls_pki_types::pem::Error::NoItemsFound => {
            refused(file, "private key", &"there is none in the file")
        }
        error => refused(file, "private key", &error),
    })
}

/// PKCS #8, RFC 5958, section 3.
fn decrypt(file: &str, block: &str, password: &[u8]) -> Result<PrivateKeyDer<'static>, Error> {
    let refused = |why: &dyn std::fmt::Display| refused(file, "private key", why);
    let (_, document) = SecretDocument::from_pem(block).map_err(|error| refused(&error))?;
    let key = EncryptedPrivateKeyInfo::from_der(document.as_bytes()).map_err(|error| {
        match unsupported_encryption(document.as_bytes()) {
            Some(why) => refused(&why),
            None => refused(&error),
        }
    })?;
    let wrong = "it cannot be decrypted: the password is wrong, or the encryption unknown";
    let plain = key.decrypt(password).map_err(|_| refused(&wrong))?;
    Ok(PrivateKeyDer::Pkcs8(plain.as_bytes().to_vec().into()))
}

/// What to do about a key whose encryption is none that pkcs8 knows, if it is a key at all.
fn unsupported_encryption(der: &[u8]) -> Option<String> {
    // The frame of an encrypted key (RFC 5958, section 3): an algorithm and the encrypted bytes.
    let oid = AnyRef::from_der(der).ok()?.sequence(|frame| {
        let oid = frame.sequence(|algorithm| {
            let oid = ObjectIdentifier::decode(algorithm)?;
            Option::<AnyRef<'_>>::decode(algorithm)?;
            Ok(oid)
        })?;
        OctetStringRef::decode(frame)?;
        Ok(oid)
    });
    let oid = oid.ok()?;
    let way = match oid.to_string().as_str() {
        "1.2.840.113549.1.12.1.1" => "PBE-SHA1-RC4-128".into(),
        "1.2.840.113549.1.12.1.2" => "PBE-SHA1-RC4-40".into(),
        "1.2.840.113549.1.12.1.3" => "PBE-SHA1-3DES".into(),
        "1.2.840.113549.1.12.1.4" => "PBE-SHA1-2DES".into(),
        "1.2.840.113549.1.12.1.5" => "PBE-SHA1-RC2-128".into(),
        "1.2.840.113549.1.12.1.6" => "PBE-SHA1-RC2-40".into(),
        other => format!("the algorithm {other}"),
    };
    let better = "openssl pkcs8 -topk8 -v2 aes-256-cbc encrypts it in one that is";
    Some(format!("it is encrypted by {way}, which is not supported; {better}"))
}

/// The block of this kind with its first and last line.
fn block<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let start = text.find(&begin)?;
    let length = text[start..].find(&end)? + end.len();
    Some(&text[start..start + length])
}

fn read(file: &str, what: &str) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|error| refused(file, what, &error))
}

pub(super) fn refused(file: &str, what: &str, why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::SSL, format!("{what} {file}: {why}"))
}
