//! One connection's TLS.
#![forbid(unsafe_code)]

use std::io::{self, IoSlice};
use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::ssl::{Error, ErrorCode, NameType, ShutdownState, Ssl, SslRef, SslStream};
use openssl::x509::X509Ref;

use super::memory::Memory;
use super::{Current, reason};
use crate::ssl::{Description, SSLError, SSLSession, validity};

/// The most plaintext of a record (RFC 8446, section 5.1).
const RECORD: usize = 16 * 1024;
/// So much is encrypted before it has to be taken.
const ROOM: usize = 4 * RECORD;

pub(super) struct Session {
    tls: SslStream<Memory>,
    handshaking: bool,
    /// The client's certificate of a resumed session was checked.
    checked: bool,
    /// Its certificates, which the callback for the name also uses.
    current: Arc<Current>,
}

impl Session {
    pub(super) fn new(ssl: Ssl, current: Arc<Current>) -> Result<Self, ErrorStack> {
        let tls = SslStream::new(ssl, Memory::default())?;
        Ok(Self { tls, handshaking: true, checked: false, current })
    }

    /// Refuses a resumed session whose client certificate is not valid any more, before the first
    /// byte of the answer to the client's hello is sent. (A ticket of OpenSSL has the client's own
    /// certificate only, not the rest of its chain.)
    fn check_resumed(&mut self) -> Result<(), SSLError> {
        if self.checked || !self.tls.ssl().session_reused() {
            return Ok(());
        }
        self.checked = true;
        let own = self.tls.ssl().peer_certificate().as_deref().and_then(der);
        let valid = validity::check(own.as_deref());
        if valid.is_err() {
            self.tls.get_mut().replace(validity::ALERT);
        }
        valid
    }

    /// As much as there is room for.
    fn encrypt(&mut self, plaintext: &[u8]) -> Result<usize, SSLError> {
        let room = ROOM.saturating_sub(self.tls.get_ref().waiting());
        reason::forget();
        match self.tls.ssl_write(&plaintext[..plaintext.len().min(room)]) {
            Ok(count) => Ok(count),
            Err(error) => waits(&error, self.tls.ssl()).map(|()| 0),
        }
    }
}

impl SSLSession for Session {
    fn feed(&mut self, encrypted: &[u8]) -> Result<usize, SSLError> {
        self.tls.get_mut().feed(encrypted);
        if self.handshaking {
            // OpenSSL would wait for the rest of a hello of SSL 2.
            if !self.tls.get_ref().has_record() {
                return Err(SSLError::FatalSSLAlert("the client sent no TLS".into()));
            }
            reason::forget();
            match self.tls.accept() {
                Ok(()) => self.handshaking = false,
                Err(error) => waits(&error, self.tls.ssl())?,
            }
            self.check_resumed()?;
        }
        Ok(encrypted.len())
    }

    fn take(&mut self, sink: &mut dyn io::Write) -> io::Result<usize> {
        self.tls.get_mut().give(sink)
    }

    fn wants_take(&self) -> bool {
        self.tls.get_ref().waiting() > 0
    }

    fn is_handshaking(&self) -> bool {
        self.handshaking
    }

    fn read(&mut self, plaintext: &mut [u8]) -> Result<Option<usize>, SSLError> {
        let ended = self.tls.get_shutdown().contains(ShutdownState::RECEIVED);
        if plaintext.is_empty() || (self.pending() == 0 && !ended) {
            return Ok(None);
        }
        reason::forget();
        match self.tls.ssl_read(plaintext) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(Some(0)),
            Err(error) => waits(&error, self.tls.ssl()).map(|()| None),
        }
    }

    fn pending(&self) -> usize {
        match self.tls.ssl().pending() {
            0 => usize::from(self.tls.get_ref().is_readable()),
            pending => pending,
        }
    }

    fn write(&mut self, plaintext: &[IoSlice<'_>]) -> Result<usize, SSLError> {
        let [_, _, ..] = plaintext else {
            return plaintext.first().map_or(Ok(0), |one| self.encrypt(one));
        };
        let mut places = plaintext.to_vec();
        let mut rest = &mut places[..];
        let (mut written, mut count) = (0, 0);
        loop {
            IoSlice::advance_slices(&mut rest, count);
            let Some(first) = rest.first() else { return Ok(written) };
            // Small pieces, a head and its body, go into one record.
            count = match first.len() < RECORD && rest.len() > 1 {
                true => self.encrypt(&together(rest))?,
                false => self.encrypt(first)?,
            };
            if count == 0 {
                return Ok(written);
            }
            written += count;
        }
    }

    fn close(&mut self) {
        reason::forget();
        // Without a goodbye it ends as well.
        let _no_goodbye = self.tls.shutdown();
    }

    fn describe(&self) -> Description {
        let ssl = self.tls.ssl();
        let cipher = ssl.current_cipher();
        let server_name = ssl.servername(NameType::HOST_NAME);
        let own = ssl.peer_certificate();
        // OpenSSL does not count a client's own certificate to the chain.
        let chain = ssl.peer_cert_chain().into_iter().flatten();
        let client = own.as_deref().into_iter().chain(chain);
        Description {
            protocol: ssl.version_str().into(),
            cipher: cipher.map(|cipher| cipher.name()).unwrap_or_default().into(),
            key_bits: cipher.map_or(0, |cipher| cipher.bits().secret.unsigned_abs()),
            session_id: ssl.session().map(|session| hexadecimal(session.id())).unwrap_or_default(),
            server_name: server_name.map(str::to_owned),
            library: openssl::version::version().into(),
            server_certificate: Some(self.current.certificates.der(server_name).clone()),
            client_certificates: client.filter_map(der).collect(),
        }
    }
}

/// The beginning of the pieces, a record of it.
fn together(pieces: &[IoSlice<'_>]) -> Vec<u8> {
    let mut record = Vec::with_capacity(RECORD);
    for piece in pieces {
        let room = RECORD - record.len();
        record.extend_from_slice(&piece[..piece.len().min(room)]);
    }
    record
}

/// An error that only says that there is nothing to be read is none.
fn waits(error: &Error, ssl: &SslRef) -> Result<(), SSLError> {
    match error.code() {
        ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => Ok(()),
        _ => Err(reason::of(error, ssl)),
    }
}

fn der(certificate: &X509Ref) -> Option<Vec<u8>> {
    certificate.to_der().ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
