//! epoll: one set of descriptors that several threads wait on.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::{checked, named};

pub(crate) const IN: u32 = libc::EPOLLIN as u32;
pub(crate) const OUT: u32 = libc::EPOLLOUT as u32;
pub(crate) const RDHUP: u32 = libc::EPOLLRDHUP as u32;
pub(crate) const HUP: u32 = libc::EPOLLHUP as u32;
pub(crate) const ERR: u32 = libc::EPOLLERR as u32;
pub(crate) const EDGE: u32 = libc::EPOLLET as u32;

/// An epoll descriptor.
pub(crate) struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        let fd = named("epoll_create1", checked(fd))?;
        // SAFETY: the descriptor was just made and nobody else owns it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    pub(crate) fn add(&self, fd: RawFd, mask: u32, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, mask, data)
    }

    pub(crate) fn modify(&self, fd: RawFd, mask: u32, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, mask, data)
    }

    pub(crate) fn delete(&self, fd: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// Waits for events: `timeout` in milliseconds, -1 for ever. An interruption by a signal is an
    /// empty answer.
    pub(crate) fn wait<'a>(
        &self,
        events: &'a mut Events,
        most: usize,
        timeout: i32,
    ) -> io::Result<impl Iterator<Item = (u32, u64)> + use<'a>> {
        let most = most.clamp(1, events.list.len());
        // SAFETY: `list` has room for `most` events.
        let count = unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                events.list.as_mut_ptr(),
                most as libc::c_int,
                timeout,
            )
        };
        let count = match checked(count) {
            Ok(count) => count as usize,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        Ok(events.list[..count].iter().map(|event| (event.events, event.u64)))
    }

    fn control(&self, operation: i32, fd: RawFd, mask: u32, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: mask, u64: data };
        // SAFETY: `event` lives through the call; the kernel copies it.
        let result = unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &mut event) };
        checked(result).map(drop)
    }
}

impl AsRawFd for Epoll {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Room for the events of one wait.
pub(crate) struct Events {
    list: [libc::epoll_event; Self::MOST],
}

impl Events {
    pub(crate) const MOST: usize = 16;

    pub(crate) fn new() -> Self {
        Self { list: [libc::epoll_event { events: 0, u64: 0 }; Self::MOST] }
    }
}
