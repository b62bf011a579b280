//! One connection's TLS.
#![forbid(unsafe_code)]

use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::server::{ServerConfig, ServerConnection};
use rustls::{HandshakeKind, ProtocolVersion};

use super::ciphers;
use super::names::Certificates;
use super::reason::fatal;
use crate::ssl::{Description, SSLError, SSLSession, validity};

pub(super) struct Session {
    tls: ServerConnection,
    certificates: Arc<Certificates>,
    /// Bytes of plaintext that are to be read.
    pending: usize,
    /// What is left of an alert that takes the place of everything rustls would send.
    alert: Option<&'static [u8]>,
    /// The client's certificates of a resumed session were checked.
    checked: bool,
}

impl Session {
    pub(super) fn new(
        config: Arc<ServerConfig>,
        certificates: Arc<Certificates>,
    ) -> Result<Self, SSLError> {
        let tls = ServerConnection::new(config).map_err(|error| fatal(&error))?;
        Ok(Self { tls, certificates, pending: 0, alert: None, checked: false })
    }

    /// Refuses a resumed session whose client certificates are not valid any more, before the
    /// first byte of the answer to the client's hello is sent.
    fn check_resumed(&mut self) -> Result<(), SSLError> {
        if self.checked || self.tls.handshake_kind() != Some(HandshakeKind::Resumed) {
            return Ok(());
        }
        self.checked = true;
        let chain = self.tls.peer_certificates().unwrap_or_default();
        let valid = validity::check(chain.iter().map(|one| one.as_ref()));
        if valid.is_err() {
            self.alert = Some(validity::ALERT);
        }
        valid
    }
}

impl SSLSession for Session {
    fn feed(&mut self, mut encrypted: &[u8]) -> Result<usize, SSLError> {
        let before = encrypted.len();
        while !encrypted.is_empty() && self.pending == 0 {
            match self.tls.read_tls(&mut encrypted) {
                // Behind the client's goodbye nothing counts.
                Ok(0) => return Ok(before),
                Ok(_) => {}
                Err(error) => return Err(SSLError::FatalSSLAlert(error.to_string())),
            }
            let state = self.tls.process_new_packets().map_err(|error| fatal(&error))?;
            self.pending = state.plaintext_bytes_to_read();
            self.check_resumed()?;
        }
        Ok(before - encrypted.len())
    }

    fn take(&mut self, sink: &mut dyn io::Write) -> io::Result<usize> {
        let mut taken = 0;
        if let Some(alert) = &mut self.alert {
            let count = sink.write(alert)?;
            *alert = &alert[count.min(alert.len())..];
            return if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) };
        }
        while self.tls.wants_write() {
            match self.tls.write_tls(sink) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => taken += count,
                Err(_) if taken > 0 => return Ok(taken),
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    fn wants_take(&self) -> bool {
        match self.alert {
            Some(alert) => !alert.is_empty(),
            None => self.tls.wants_write(),
        }
    }

    fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    fn read(&mut self, plaintext: &mut [u8]) -> Result<Option<usize>, SSLError> {
        match self.tls.reader().read(plaintext) {
            Ok(count) => {
                self.pending = self.pending.saturating_sub(count);
                Ok(Some(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(SSLError::FatalSSLAlert(error.to_string())),
        }
    }

    fn pending(&self) -> usize {
        self.pending
    }

    fn write(&mut self, plaintext: &[IoSlice<'_>]) -> Result<usize, SSLError> {
        let written = match plaintext {
            [one] => self.tls.writer().write(one),
            several => self.tls.writer().write_vectored(several),
        };
        written.map_err(|error| SSLError::FatalSSLAlert(error.to_string()))
    }

    fn close(&mut self) {
        self.tls.send_close_notify();
    }

    fn describe(&self) -> Description {
        let suite =
            self.tls.negotiated_cipher_suite().map(|suite| ciphers::describe(suite.suite()));
        let (cipher, key_bits) = suite.unwrap_or_default();
        let server_name = self.tls.server_name();
        let own = self.certificates.of(server_name).cert.first();
        let chain = self.tls.peer_certificates().unwrap_or_default();
        Description {
            protocol: match self.tls.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".into(),
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".into(),
                _ => String::new(),
            },
            cipher: cipher.into(),
            key_bits,
            // Sessions are in tickets: rustls gives them no number.
            session_id: String::new(),
            server_name: server_name.map(str::to_owned),
            library: super::library().into(),
            server_certificate: own.map(|own| own.as_ref().into()),
            client_certificates: chain.iter().map(|one| one.to_vec()).collect(),
        }
    }
}
