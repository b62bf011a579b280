//! TLS: the seed's `SSLAdapter` and its kinds.
//!
//! An adapter makes a session for each connection. A session does no input and output: encrypted
//! bytes are fed to it and taken from it, plaintext is read and written. So any thread may drive it,
//! and a client that is slow in its handshake holds none. (The seed's `bind` has nothing to do here,
//! its `wrap` and `makefile` are [`SSLAdapter::wrap`] and what reads and writes a session.)
//!
//! `builtin` is rustls, `openssl` (the seed's `pyopenssl`) the system's OpenSSL; a host may bring
//! another one.
#![forbid(unsafe_code)]
// What reads certificates and keys is there for the adapters that are compiled in.
#![cfg_attr(
    not(any(feature = "aws-lc-rs", feature = "ring", feature = "openssl")),
    allow(dead_code)
)]

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod builtin;
mod certificate;
mod classes;
mod config;
mod environ;
mod names;
#[cfg(feature = "openssl")]
mod openssl;
mod pem;
mod revocation;
mod suites;
mod validity;

#[cfg(feature = "openssl")]
pub use self::openssl::OpenSSLAdapter;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub use builtin::BuiltinSSLAdapter;
pub(crate) use classes::Classes;
pub use classes::{SSLAdapterClass, get_ssl_adapter_class};
pub(crate) use config::SETTINGS;
pub use config::{ClientAuth, Identity, Password, SSLConfig};
pub(crate) use environ::{client_certificate, pairs};

use crate::error::Error;

/// What makes a TLS session for each connection. Used by all threads of a server at once.
pub trait SSLAdapter: Send + Sync {
    /// A session for a connection whose client is about to begin its handshake.
    fn wrap(&self) -> Result<Box<dyn SSLSession>, SSLError>;

    /// Reads certificates and keys again, for the connections that are still to come. If they are
    /// not in order the old ones stay, and the error says why.
    fn reload(&self) -> Result<(), Error>;

    /// What the files that were read last are to be warned of, as texts of one line. A server writes
    /// them to its error log when it is prepared and after each reload.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The TLS of one connection, without input and output. Used by one thread at a time.
pub trait SSLSession: Send {
    /// Takes encrypted bytes of the client, as many as it has room for, and goes on with the
    /// handshake if it is not done. After an error, what [`take`](Self::take) still gives (an
    /// alert) may be sent, and nothing else works any more.
    fn feed(&mut self, encrypted: &[u8]) -> Result<usize, SSLError>;

    /// Writes encrypted bytes for the client into `sink` until nothing is left, or it takes no more
    /// (`WouldBlock`). Returns how many.
    fn take(&mut self, sink: &mut dyn io::Write) -> io::Result<usize>;

    /// Whether [`take`](Self::take) has something.
    fn wants_take(&self) -> bool;

    /// Whether the handshake is not complete.
    fn is_handshaking(&self) -> bool;

    /// Plaintext from the client: how many bytes, `None` if there are none now, 0 if the client has
    /// ended its side.
    fn read(&mut self, plaintext: &mut [u8]) -> Result<Option<usize>, SSLError>;

    /// Plaintext that [`read`](Self::read) has at once, in bytes: 0 if it may have none.
    fn pending(&self) -> usize;

    /// Encrypts plaintext, as much as there is room for: how many bytes.
    fn write(&mut self, plaintext: &[IoSlice<'_>]) -> Result<usize, SSLError>;

    /// Says goodbye: that no more plaintext comes.
    fn close(&mut self);

    /// What is known of the session, once the handshake is done.
    fn describe(&self) -> Description;

    /// Pairs of its own for the environ. They go before the ones that are made of
    /// [`describe`](Self::describe). `SSL_SERVER_CERT` and `SSL_CLIENT_CERT`, in PEM, give the other
    /// variables of that certificate; the latter only with `SSL_CLIENT_VERIFY` = `SUCCESS`.
    fn environ(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
}

/// What a session tells of itself.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// `TLSv1.3`.
    pub protocol: String,
    /// The cipher suite by OpenSSL's name.
    pub cipher: String,
    /// Bits of its key.
    pub key_bits: u32,
    /// In hexadecimal; empty if there is none.
    pub session_id: String,
    /// The name that the client asked for.
    pub server_name: Option<String>,
    /// The library behind it and its version.
    pub library: String,
    /// The server's certificate and the client's chain, its own first, as DER.
    pub server_certificate: Option<Arc<[u8]>>,
    pub client_certificates: Vec<Vec<u8>>,
}

/// Why a session cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SSLError {
    /// The client speaks plain HTTP: the seed's `NoSSLError`.
    NoSSL,
    /// The session is broken, or was never one: the seed's `FatalSSLAlert`. With the reason.
    FatalSSLAlert(String),
}

impl fmt::Display for SSLError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSSL => f.write_str("the client sent a plain HTTP request"),
            Self::FatalSSLAlert(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for SSLError {}

impl From<SSLError> for io::Error {
    fn from(error: SSLError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}
