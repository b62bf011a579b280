//! Listening sockets that the host has made.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{OwnedFd, RawFd};

use socket2::{Domain, SockRef, Type};

use super::address::Address;
use super::bind::{Bound, tune};
use super::options::Options;
use crate::error::{Error, ErrorKind};
use crate::sys::listening::ListeningSocket;

/// A listening socket of the host's.
pub(super) struct Inherited {
    pub(super) socket: OwnedFd,
    /// What the host knows it by.
    pub(super) number: RawFd,
}

impl Inherited {
    /// Whether it can be accepted from. The error says what it is instead.
    pub(super) fn check(&self) -> Result<(), Error> {
        let asked = SockRef::from(&self.socket);
        let kind = match asked.r#type() {
            Ok(kind) => kind,
            Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => {
                return Err(self.refused("it is not a socket"));
            }
            Err(error) => return Err(self.refused(&error.to_string())),
        };
        let why = match (kind, asked.domain(), asked.is_listener()) {
            (Type::DGRAM, ..) => "it is a datagram socket, not a stream",
            (Type::STREAM, Ok(Domain::IPV4 | Domain::IPV6 | Domain::UNIX), Ok(true)) => {
                return Ok(());
            }
            (Type::STREAM, Ok(Domain::IPV4 | Domain::IPV6 | Domain::UNIX), _) => {
                "it does not listen; call listen(2) before"
            }
            (Type::STREAM, ..) => "it is neither an IP nor a UNIX socket",
            _ => "it is not a stream socket",
        };
        Err(self.refused(why))
    }

    /// No program that the host starts gets it.
    pub(super) fn close_on_exec(&self) -> Result<(), Error> {
        let asked = SockRef::from(&self.socket);
        asked.set_cloexec(true).map_err(|error| self.refused(&error.to_string()))
    }

    /// A second descriptor for the socket, ready to be accepted from.
    pub(super) fn listener(&self, options: &Options) -> Result<Bound, Error> {
        self.check()?;
        self.set_up(options).map_err(|error| self.refused(&error.to_string()))
    }

    fn set_up(&self, options: &Options) -> io::Result<Bound> {
        let asked = SockRef::from(&self.socket);
        asked.set_nonblocking(true)?;
        let no_address = || io::Error::other("its address is unknown");
        let address = Address::of(&asked.local_addr()?).ok_or_else(no_address)?;
        if address.tcp().is_some() {
            tune(asked, options)?;
        }
        Ok(Bound { socket: ListeningSocket::shared(self.socket.try_clone()?), address })
    }

    fn refused(&self, why: &str) -> Error {
        Error::new(ErrorKind::Bind, format!("cannot listen on descriptor {}: {why}", self.number))
    }
}
