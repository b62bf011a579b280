//! Errors of configuring and running a server, with a text that names what is wrong.
#![forbid(unsafe_code)]

use std::fmt;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The address cannot be listened on.
    Bind,
    /// Another thread, or this one, is inside the same call.
    Busy,
    /// This process is a forked child; the server's threads are in the parent.
    Forked,
    /// The application asked for the server to stop.
    Interrupted,
    /// An option that does not exist, or a value that it does not take.
    Option,
    /// A certificate, a key or another thing of TLS is not in order.
    SSL,
    /// Not possible in the state that the server is in.
    State,
    /// The server has stopped.
    Stopping,
    /// A system call failed.
    System,
    /// The start hook of a worker thread failed.
    ThreadStart,
}

/// An error with its text.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn system(what: &str, error: &std::io::Error) -> Self {
        Self::new(ErrorKind::System, format!("{what}: {error}"))
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
