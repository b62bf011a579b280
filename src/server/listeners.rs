//! What a server listens on: the option `bind_addr`, further addresses, and sockets of the host's.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::activation::Activation;
use super::address::{Address, Wanted};
use super::bind::{Bound, bind, cannot_listen};
use super::inherited::Inherited;
use super::options::Options;
use super::{HTTPServer, Stage, State};
use crate::engine::MOST_LISTENERS;
use crate::error::{Error, ErrorKind};

/// What was added to `bind_addr`, in this order.
#[derive(Default)]
pub(super) struct Listeners {
    added: Vec<Source>,
    /// Handed over by a service manager; they stay for the next start.
    activated: Vec<Inherited>,
}

enum Source {
    Address(String),
    /// It listens already. Kept until a run has it.
    Socket(Inherited),
}

impl Listeners {
    /// Makes the listening sockets, `bind_addr`'s first unless it is empty, those of a service
    /// manager last: all, or none.
    pub(super) fn bind_all(&mut self, options: &Options) -> Result<Vec<Bound>, Error> {
        let bind_addr = options.text("bind_addr");
        let mut all = Vec::with_capacity(1 + self.added.len());
        if !bind_addr.is_empty() {
            all.push(bind(&bind_addr, options)?);
        }
        for source in &self.added {
            all.push(match source {
                Source::Address(address) => bind(address, options)?,
                Source::Socket(socket) => socket.listener(options)?,
            });
        }
        for socket in self.activated(options, all.is_empty())? {
            all.push(socket.listener(options)?);
        }
        match all.len() {
            0 => Err(Error::new(
                ErrorKind::Bind,
                "there is nothing to listen on: bind_addr is empty, no other address was added, and no \
                 descriptor was given for this run, by a service manager neither",
            )),
            count if count > MOST_LISTENERS => Err(too_many()),
            _ => Ok(all),
        }
    }

    /// A run is prepared, and has descriptors of its own for the host's sockets: these are closed, so
    /// that nothing listens any more once the run closes its listeners.
    pub(super) fn release_sockets(&mut self) {
        self.added.retain(|source| matches!(source, Source::Address(_)));
    }

    /// What a service manager has handed over, if it is to be listened on.
    fn activated(&mut self, options: &Options, nothing_else: bool) -> Result<&[Inherited], Error> {
        let wanted = match Activation::of(options) {
            Activation::Off => return Ok(&[]),
            Activation::Auto if !nothing_else => return Ok(&[]),
            wanted => wanted,
        };
        if self.activated.is_empty() {
            self.activated = wanted.take(options)?;
        }
        Ok(&self.activated)
    }

    fn add(&mut self, source: Source) -> Result<(), Error> {
        if self.added.len() >= MOST_LISTENERS {
            return Err(too_many());
        }
        self.added.push(source);
        Ok(())
    }
}

fn too_many() -> Error {
    Error::new(ErrorKind::Bind, format!("a server has at most {MOST_LISTENERS} listeners"))
}

/// Where it listens.
impl HTTPServer {
    /// Adds an address to listen on beside `bind_addr`, in the same forms. Before the server is
    /// prepared, which is when names are resolved and sockets made.
    ///
    /// # Errors
    /// `Bind`: it has none of the forms, or there are too many. `State`: the server runs.
    pub fn listen(&self, address: &str) -> Result<(), Error> {
        Wanted::parse(address).map_err(|why| cannot_listen(address, &why))?;
        self.with_listeners(|listeners| listeners.add(Source::Address(address.into())))
    }

    /// Adds a socket of the host's that listens already, in addition to `bind_addr` (`""`: none). It
    /// is made close-on-exec, and non-blocking when the server is prepared. It is for one run: closed
    /// when the server stops listening, so that clients are refused from then on unless the host has
    /// another descriptor for the socket; a server that starts again listens without it. The socket is
    /// never shut down, and a path that it has is not removed.
    ///
    /// # Errors
    /// `Bind`: it is no stream socket of IP or UNIX that listens, or there are too many. `State`:
    /// the server runs. The descriptor is closed then.
    pub fn listen_fd(&self, socket: OwnedFd) -> Result<(), Error> {
        let number = socket.as_raw_fd();
        self.listen_inherited(socket, number)
    }

    /// The addresses that are listened on, with the real ports: `bind_addr`'s first, the others in
    /// the order they were added. After a stop those of the last run; empty before the first.
    pub fn bound_addrs(&self) -> Vec<Address> {
        self.lock().bound.clone()
    }

    /// The first address that is listened on and is not a UNIX socket's, with the real port.
    ///
    /// # Errors
    /// `State`: the server was not prepared yet, or has only UNIX sockets.
    pub fn bound_addr(&self) -> Result<SocketAddr, Error> {
        let bound = self.bound_addrs();
        bound.iter().find_map(Address::tcp).ok_or_else(|| {
            let why = match bound.is_empty() {
                true => "the server was not prepared yet",
                false => "the server listens on UNIX sockets only",
            };
            Error::new(ErrorKind::State, why)
        })
    }

    /// [`listen_fd`](Self::listen_fd) for a descriptor that the host knows by another number.
    pub(crate) fn listen_inherited(&self, socket: OwnedFd, number: RawFd) -> Result<(), Error> {
        let socket = Inherited { socket, number };
        socket.check()?;
        socket.close_on_exec()?;
        self.with_listeners(|listeners| listeners.add(Source::Socket(socket)))
    }

    fn with_listeners(
        &self,
        add: impl FnOnce(&mut Listeners) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut state = self.lock();
        let State { stage, listeners, .. } = &mut *state;
        match stage {
            Stage::Idle | Stage::Stopped => add(listeners),
            _ => Err(Error::new(ErrorKind::State, "a listener cannot be added while it runs")),
        }
    }
}
