//! Sockets: accepting, reading and writing without waiting and without SIGPIPE.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::{checked, named};

/// Takes one connection off a listener: non-blocking and close-on-exec from the start.
/// The address is `None` for a UNIX socket.
pub(crate) fn accept(listener: RawFd) -> io::Result<(OwnedFd, Option<SocketAddr>)> {
    // SAFETY: the callback fills `storage` and `length` by accept4, which keeps within them.
    let (fd, address) = unsafe {
        socket2::SockAddr::try_init(|storage, length| {
            checked(libc::accept4(
                listener,
                storage.cast(),
                length,
                libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            ))
        })?
    };
    // SAFETY: the descriptor was just made and nobody else owns it.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, address.as_socket()))
}

/// Reads what is there; `WouldBlock` when nothing is, `Ok(0)` at the end of the stream.
pub(crate) fn receive(fd: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    retried(|| {
        // SAFETY: the buffer is writable for its length.
        unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) }
    })
}

/// [`receive`] of what stays there to be read.
pub(crate) fn peek(fd: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_PEEK;
    retried(|| {
        // SAFETY: the buffer is writable for its length.
        unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), flags) }
    })
}

/// [`receive`] into the room that a vector has behind its end.
pub(crate) fn receive_into(fd: RawFd, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let spare = buffer.spare_capacity_mut();
    let count = retried(|| {
        // SAFETY: the room is writable for its length.
        unsafe { libc::recv(fd, spare.as_mut_ptr().cast(), spare.len(), libc::MSG_DONTWAIT) }
    })?;
    // SAFETY: the kernel has written so many bytes there, which is no more than it was given.
    unsafe { buffer.set_len(buffer.len() + count) };
    Ok(count)
}

/// How many bytes the other side has not taken yet; 0 if the system does not say.
pub(crate) fn bytes_unsent(fd: RawFd) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ writes one `int`, which `count` has room for.
    let result = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &raw mut count) };
    if result == 0 { usize::try_from(count).unwrap_or(0) } else { 0 }
}

/// Writes what fits; a client that has left is an error, never a signal.
pub(crate) fn send(fd: RawFd, data: &[u8]) -> io::Result<usize> {
    send_with(fd, data, 0)
}

/// [`send`] of what is only the beginning: the system waits a moment for the rest.
pub(crate) fn send_more(fd: RawFd, data: &[u8]) -> io::Result<usize> {
    send_with(fd, data, libc::MSG_MORE)
}

/// [`send`] of several pieces in one call.
pub(crate) fn send_vectored(fd: RawFd, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: a message header of zeroes is a valid one without address and control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // An `IoSlice` is an iovec to the system, by the standard library's word.
    message.msg_iov = pieces.as_ptr().cast_mut().cast();
    message.msg_iovlen = pieces.len() as _;
    retried(|| {
        // SAFETY: the message points to pieces that are readable; the kernel only reads.
        unsafe { libc::sendmsg(fd, &message, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) }
    })
}

/// Says that no more will be read.
pub(crate) fn shutdown_read(fd: RawFd) {
    // SAFETY: no pointers are passed. A failure means that the client has already left.
    unsafe { libc::shutdown(fd, libc::SHUT_RD) };
}

/// The address of our end; `None` for a UNIX socket.
pub(crate) fn local_address(fd: RawFd) -> Option<SocketAddr> {
    // SAFETY: the callback fills `storage` and `length` by getsockname, which keeps within them.
    let (_, address) = unsafe {
        socket2::SockAddr::try_init(|storage, length| {
            checked(libc::getsockname(fd, storage.cast(), length)).map(drop)
        })
    }
    .ok()?;
    address.as_socket()
}

/// Says that no more will be written.
pub(crate) fn shutdown_write(fd: RawFd) {
    // SAFETY: no pointers are passed. A failure means that the client has already left.
    unsafe { libc::shutdown(fd, libc::SHUT_WR) };
}

/// Ends both directions at once, also for other holders of the descriptor.
pub(crate) fn shutdown_both(fd: RawFd) {
    // SAFETY: no pointers are passed. A failure means that the client has already left.
    unsafe { libc::shutdown(fd, libc::SHUT_RDWR) };
}

/// A descriptor kept in reserve, to be given up when there are none left.
pub(crate) fn spare_descriptor(like: &impl AsRawFd) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::fcntl(like.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 0) };
    let fd = named("fcntl", checked(fd))?;
    // SAFETY: the descriptor was just made and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether programs that are started do not get the descriptor.
pub(crate) fn is_close_on_exec(fd: RawFd) -> io::Result<bool> {
    // SAFETY: no pointers are passed.
    let flags = checked(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
    Ok(flags & libc::FD_CLOEXEC != 0)
}

/// Programs that are started do not get the descriptor from now on.
pub(crate) fn set_close_on_exec(fd: RawFd) -> io::Result<()> {
    // SAFETY: no pointers are passed.
    checked(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) }).map(drop)
}

fn send_with(fd: RawFd, data: &[u8], flags: libc::c_int) -> io::Result<usize> {
    let flags = flags | libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    retried(|| {
        // SAFETY: the data is readable for its length.
        unsafe { libc::send(fd, data.as_ptr().cast(), data.len(), flags) }
    })
}

pub(super) fn retried(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        let count = call();
        if count >= 0 {
            return Ok(count as usize);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
