//! Listeners: taking connections in.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::ownership::Token;
use super::turnstile::Turnstile;
use super::{Engine, LISTENER};
use crate::error_log::{LogCode, LogLevel};
use crate::sys::listening::ListeningSocket;
use crate::sys::{epoll, named, socket};

/// Connections taken in one go before others get a turn.
const AT_ONCE: usize = 16;
/// A listener that is closed takes in no more than so many; no queue is longer.
const MOST_AT_THE_END: usize = 65_536;
/// Without descriptors left a listener rests so many milliseconds.
const REST: u64 = 100;

/// A listening socket.
pub(crate) struct Listener {
    number: u32,
    state: Turnstile<State>,
}

struct State {
    socket: Option<ListeningSocket>,
    /// Given up to take in and close a connection when there are no descriptors left.
    spare: Option<OwnedFd>,
    /// To be told when the lock is free, as the host may be listening.
    complaints: Vec<Complaint>,
}

/// Something for the error log.
pub(super) type Complaint = (LogCode, String);

impl Listener {
    /// `socket` listens and is non-blocking; `index` is its place among the server's.
    pub(crate) fn new(socket: ListeningSocket, index: u8) -> io::Result<Self> {
        let spare = Some(socket::spare_descriptor(&socket)?);
        let state = State { socket: Some(socket), spare, complaints: Vec::new() };
        Ok(Self { number: LISTENER + u32::from(index), state: Turnstile::new(state) })
    }

    /// Begins to take connections.
    pub(crate) fn open(&self, engine: &Engine) -> io::Result<()> {
        let state = self.state.lock();
        let added = match &state.socket {
            Some(socket) => engine.services.epoll.add(socket.as_raw_fd(), EVENTS, self.data()),
            None => Ok(()),
        };
        drop(state);
        self.look_again(engine);
        named("epoll_ctl", added)
    }

    /// Stops listening. Who is in the queue already is taken in: it would be lost with the socket.
    pub(crate) fn close(&self, engine: &Engine, now: u64) {
        let mut state = self.state.lock();
        for _ in 0..MOST_AT_THE_END / AT_ONCE {
            if state.accept_some(engine, self.number, now) {
                break;
            }
        }
        let complaints = std::mem::take(&mut state.complaints);
        state.spare = None;
        let socket = state.socket.take();
        drop(state);
        complain(engine, complaints);
        let Some(socket) = socket else { return };
        let _not_registered = engine.services.epoll.delete(socket.as_raw_fd());
        if let Err(text) = socket.close() {
            engine.services.log.warning(LogCode::Server, format_args!("{text}"));
        }
    }

    /// Sets TCP_NODELAY, which accepted sockets inherit; a UNIX socket has none.
    pub(super) fn set_nodelay(&self, engine: &Engine, on: bool) -> io::Result<()> {
        let set = match &self.state.lock().socket {
            Some(socket) => socket.set_nodelay(on),
            None => Ok(()),
        };
        self.look_again(engine);
        set
    }

    /// Takes in what waits. The listener is edge-triggered, so it goes on until nothing is left or
    /// its share is used up; then its own token goes to the end of the queue.
    pub(crate) fn accept(&self, engine: &Engine, token: Token, now: u64) {
        self.state.work(|mut state| {
            let exhausted = state.accept_some(engine, self.number, now);
            let complaints = std::mem::take(&mut state.complaints);
            drop(state);
            complain(engine, complaints);
            if !exhausted {
                engine.push_ready(token);
            }
            exhausted
        });
    }

    /// The rest of a listener is over.
    pub(crate) fn resume(&self, engine: &Engine, now: u64) {
        let state = self.state.lock();
        let opened = match &state.socket {
            Some(socket) => engine.services.epoll.modify(socket.as_raw_fd(), EVENTS, self.data()),
            None => Ok(()),
        };
        drop(state);
        if let Err(error) = opened {
            let text = format_args!("epoll_ctl: {error}: no connections are accepted for a moment");
            engine.services.log.repeated(LogLevel::Error, LogCode::Accept, text);
            engine.services.deadlines.insert(self.token(), now + REST);
        }
        self.look_again(engine);
    }

    /// The event that registering gives may have come to a thread while this one had the state.
    fn look_again(&self, engine: &Engine) {
        if self.state.is_wanted() {
            engine.push_ready(self.token());
        }
    }

    fn token(&self) -> Token {
        Token { slot: self.number, generation: 0 }
    }

    fn data(&self) -> u64 {
        self.token().pack()
    }
}

const EVENTS: u32 = epoll::IN | epoll::EDGE;

impl State {
    /// False if there may be more.
    fn accept_some(&mut self, engine: &Engine, number: u32, now: u64) -> bool {
        let index = number.saturating_sub(LISTENER) as u8;
        let (mut failed, mut room_made) = (0, false);
        for _ in 0..AT_ONCE {
            let Some(listener) = self.socket.as_ref().map(AsRawFd::as_raw_fd) else { return true };
            match socket::accept(listener) {
                Ok((socket, remote)) => {
                    room_made = false;
                    self.complaints.extend(engine.admit(socket, remote, index, now).err());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if is_the_clients(&error) => {
                    engine.services.statistics.socket_error();
                    failed += 1;
                    if failed == AT_ONCE {
                        self.fails(engine, listener, number, now, &error);
                        return true;
                    }
                }
                Err(error) if !is_shortage(&error) => {
                    engine.services.statistics.socket_error();
                    self.fails(engine, listener, number, now, &error);
                    return true;
                }
                Err(error) => {
                    engine.services.statistics.socket_error();
                    // Once for each who comes: if that does not help, others have what is missing.
                    room_made = !room_made && engine.make_room(now);
                    if room_made {
                        let text = format!(
                            "accept: {error}: the connection is closed whose client has been waited for the longest"
                        );
                        self.complaints.push((LogCode::Accept, text));
                        continue;
                    }
                    self.show_out(listener);
                    self.fails(engine, listener, number, now, &error);
                    return true;
                }
            }
        }
        false
    }

    /// No descriptors, or no memory, and no connection that makes room: the one who knocks is let in and out by the
    /// spare descriptor.
    fn show_out(&mut self, listener: RawFd) {
        if self.spare.take().is_some() {
            let _closed_at_once = socket::accept(listener);
        }
        if self.spare.is_none()
            && let Some(socket) = &self.socket
        {
            self.spare = socket::spare_descriptor(socket).ok();
        }
    }

    /// Nothing is known that would help.
    fn fails(
        &mut self,
        engine: &Engine,
        listener: RawFd,
        number: u32,
        now: u64,
        error: &io::Error,
    ) {
        let text = format!("accept: {error}: no connections are accepted for a moment");
        self.complaints.push((LogCode::Accept, text));
        self.rest(engine, listener, number, now);
    }

    fn rest(&mut self, engine: &Engine, listener: RawFd, number: u32, now: u64) {
        let token = Token { slot: number, generation: 0 };
        if let Err(error) = engine.services.epoll.modify(listener, 0, token.pack()) {
            self.complaints.push((LogCode::Accept, format!("epoll_ctl: {error}")));
        }
        engine.services.deadlines.insert(token, now + REST);
    }
}

/// No descriptors or no memory left.
fn is_shortage(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    matches!(number, Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS))
}

fn complain(engine: &Engine, complaints: Vec<Complaint>) {
    for (code, text) in complaints {
        engine.services.log.repeated(LogLevel::Error, code, format_args!("{text}"));
    }
}

/// Errors of accept that are about the one connection, not about us (accept(2)).
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::EPROTO
                | libc::EPERM
                | libc::ENETDOWN
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
                | libc::EINTR
        )
    )
}
