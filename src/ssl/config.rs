//! What an SSL adapter is made of: files, and what is allowed.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use super::{SSLAdapter, pem};
use crate::error::{Error, ErrorKind};

/// Asked for the password of an encrypted private key, with the name of its file; `None`: there is
/// none.
pub type Password = Arc<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

/// The settings of an adapter. The files are read when the adapter is made and at each reload.
#[derive(Clone, Default)]
pub struct SSLConfig {
    /// The certificate that clients get who ask for no name, or for one that no other has.
    pub identity: Identity,
    /// Certificates for other names.
    pub sni: Vec<(Option<String>, Identity)>,
    pub password: Option<Password>,
    /// A file whose first line is the password; empty: there is none.
    pub password_file: String,
    /// Only TLS 1.3.
    pub tls13_only: bool,
    /// IANA's names; empty: the library's choice.
    pub ciphers: Vec<String>,
    pub client_auth: ClientAuth,
    /// Where the authorities are that a client's certificate may be from.
    pub client_ca: String,
    /// Lists of revoked certificates; empty: none.
    pub client_crl: String,
    /// Sessions may be resumed by tickets.
    pub no_tickets: bool,
}

/// A certificate, its key, and what stands between it and its authority: names of PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub certificate: String,
    /// Empty: it is in the certificate's file.
    pub private_key: String,
    /// Sent behind the certificate (the seed's only trusted it); empty: the certificate's file has
    /// it, or there is none.
    pub certificate_chain: String,
}

/// Whether clients have to show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    #[default]
    None,
    /// It has to be in order if it is there.
    Optional,
    Required,
}

/// The names that [`SSLConfig::set`] takes.
pub(crate) const SETTINGS: &[&str] = &[
    "certificate",
    "private_key",
    "certificate_chain",
    "private_key_password",
    "private_key_password_file",
    "minimum_tls_version",
    "ciphers",
    "client_auth",
    "client_ca",
    "client_crl",
    "session_tickets",
];

impl SSLConfig {
    /// One of the settings by the name that it has among the server's options.
    ///
    /// # Errors
    /// `Option`, with what the setting takes.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "certificate" => self.identity.certificate = value.into(),
            "private_key" => self.identity.private_key = value.into(),
            "certificate_chain" => self.identity.certificate_chain = value.into(),
            "private_key_password" => {
                let password = value.as_bytes().to_vec();
                self.password = (!value.is_empty())
                    .then(|| Arc::new(move |_: &str| Some(password.clone())) as Password);
            }
            "private_key_password_file" => self.password_file = value.into(),
            "minimum_tls_version" => {
                self.tls13_only = match value {
                    "1.2" | "" => false,
                    "1.3" => true,
                    _ => return Err(refused(name, value, "1.2 or 1.3")),
                }
            }
            "ciphers" => {
                let names = value.split([':', ',', ' ']).filter(|name| !name.is_empty());
                self.ciphers = names.map(str::to_owned).collect();
            }
            "client_auth" => {
                self.client_auth = match value {
                    "none" | "" => ClientAuth::None,
                    "optional" => ClientAuth::Optional,
                    "required" => ClientAuth::Required,
                    _ => return Err(refused(name, value, "one of none optional required")),
                }
            }
            "client_ca" => self.client_ca = value.into(),
            "client_crl" => self.client_crl = value.into(),
            "session_tickets" => {
                self.no_tickets = match value {
                    "1" | "true" | "yes" | "on" | "" => false,
                    "0" | "false" | "no" | "off" => true,
                    _ => return Err(refused(name, value, "0 or 1")),
                }
            }
            _ => {
                let known = SETTINGS.join(" ");
                let text = format!("an SSL adapter has no {name:?}; it takes {known}");
                return Err(Error::new(ErrorKind::Option, text));
            }
        }
        Ok(())
    }

    /// What is wrong before any file is looked at.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.identity.certificate.is_empty() {
            let missing = "an SSL adapter needs a certificate (the option certificate)";
            return Err(Error::new(ErrorKind::SSL, missing));
        }
        if self.password.is_some() && !self.password_file.is_empty() {
            let both = "private_key_password and private_key_password_file are both set";
            return Err(Error::new(ErrorKind::SSL, both));
        }
        if self.client_auth != ClientAuth::None && self.client_ca.is_empty() {
            let missing = "client_auth needs client_ca, the authorities that are trusted";
            return Err(Error::new(ErrorKind::SSL, missing));
        }
        if self.client_auth == ClientAuth::None && !self.client_crl.is_empty() {
            let missing = "client_crl needs client_auth optional or required";
            return Err(Error::new(ErrorKind::SSL, missing));
        }
        Ok(())
    }

    /// The password of this encrypted private key.
    pub(super) fn password_of(&self, key: &str) -> Result<Vec<u8>, Error> {
        let none = "it is encrypted, and there is no private_key_password";
        if self.password_file.is_empty() {
            let asked = self.password.as_ref().and_then(|password| password(key));
            return asked.ok_or_else(|| pem::refused(key, "private key", &none));
        }
        let what = "private_key_password_file";
        let text = std::fs::read(&self.password_file)
            .map_err(|error| pem::refused(&self.password_file, what, &error))?;
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match line.strip_suffix(b"\r").unwrap_or(line) {
            [] => Err(pem::refused(&self.password_file, what, &"its first line is empty")),
            password => Ok(password.to_vec()),
        }
    }
}

impl Identity {
    /// Of files; an empty name stands for what [`Identity`] says.
    pub fn new(certificate: &str, private_key: &str, certificate_chain: &str) -> Self {
        Self {
            certificate: certificate.into(),
            private_key: private_key.into(),
            certificate_chain: certificate_chain.into(),
        }
    }

    /// The certificate and its chain, as DER.
    pub(super) fn certificates(&self) -> Result<Vec<Vec<u8>>, Error> {
        let mut certificates = pem::certificates(&self.certificate)?;
        if !self.certificate_chain.is_empty() {
            certificates.extend(pem::certificates(&self.certificate_chain)?);
        }
        Ok(certificates)
    }

    pub(super) fn key_file(&self) -> &str {
        if self.private_key.is_empty() { &self.certificate } else { &self.private_key }
    }

    /// That key and certificate do not belong together.
    pub(super) fn mismatch(&self) -> Error {
        let why = format!("it is not the key of the certificate {}", self.certificate);
        pem::refused(self.key_file(), "private key", &why)
    }
}

/// The password is nobody's business.
impl fmt::Debug for SSLConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SSLConfig")
            .field("identity", &self.identity)
            .field("sni", &self.sni)
            .field("client_auth", &self.client_auth)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for dyn SSLAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SSLAdapter")
    }
}

fn refused(name: &str, value: &str, accepts: &str) -> Error {
    Error::new(ErrorKind::Option, format!("{name}: {value:?} is not {accepts}"))
}
